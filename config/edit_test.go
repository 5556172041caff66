package config

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// owned is a file as an owner writes it.
const owned = `# my gateway
config lan 'lan'
	# the ports
	list port 'eth0' # first
	list port 'eth1'
	option mtu '1400'

# the operator
config apn 'home'
	option apn 'internet.example'
	option user 'it''s me
and more'

config host
	option mac '02:00:5e:10:00:01'
`

func TestEdit(t *testing.T) {
	for _, c := range []struct {
		story  string
		change Change
		from   string // "" is owned
		want   string // replaced in from: "old => new" pieces, or the whole text
	}{
		{"an option is replaced where it stands", Change{Section: "lan", Option: "mtu", Values: []string{"1500"}}, "",
			"\toption mtu '1400'\n => \toption mtu '1500'\n"},
		{"a list is replaced as a whole", Change{Section: "lan", Option: "port", Values: []string{"a", "b", "c"}}, "",
			"\tlist port 'eth0' # first\n\tlist port 'eth1'\n => \tlist port 'a'\n\tlist port 'b'\n\tlist port 'c'\n"},
		{"an option is removed", Change{Section: "lan", Option: "mtu"}, "", "\toption mtu '1400'\n => "},
		{"an option that is not there is removed", Change{Section: "lan", Option: "bridge"}, "", ""},
		{"a new option comes after the others", Change{Section: "lan", Option: "bridge", Values: []string{"br0"}}, "",
			"\toption mtu '1400'\n => \toption mtu '1400'\n\toption bridge 'br0'\n"},
		{"a value of two lines goes whole", Change{Section: "home", Option: "user", Values: []string{"me"}}, "",
			"\toption user 'it''s me\nand more'\n => \toption user 'me'\n"},
		{"a section by its place", Change{Section: "@host[0]", Option: "ip", Values: []string{"192.168.7.9"}}, "",
			"\toption mac '02:00:5e:10:00:01'\n => \toption mac '02:00:5e:10:00:01'\n\toption ip '192.168.7.9'\n"},
		{"a section that is there once by its type", Change{Section: "sharing", Option: "enabled", Values: []string{"0"}}, "",
			"\toption mac '02:00:5e:10:00:01'\n => \toption mac '02:00:5e:10:00:01'\n\nconfig sharing 'sharing'\n\toption enabled '0'\n"},
		{"one by its type where it has another name", Change{Section: "modem", Option: "pin", Values: []string{"1234"}},
			"config modem 'm'\n", "config modem 'm'\n\toption pin '1234'\n"},
		{"one by the name that it would have", Change{Section: "main", Option: "log_level", Values: []string{"debug"}},
			"\n", "\n\nconfig tetherd 'main'\n\toption log_level 'debug'\n"},
		{"one by its type where there is none", Change{Section: "tetherd", Option: "log_level", Values: []string{"debug"}},
			"\n", "\n\nconfig tetherd 'main'\n\toption log_level 'debug'\n"},
		{"a named one is made", Change{Section: "work", Type: "apn", Option: "apn", Values: []string{"w"}},
			"\n", "\n\nconfig apn 'work'\n\toption apn 'w'\n"},
		{"a named one is made before all others", Change{Section: "work", Type: "apn", First: true},
			"# c\nconfig apn 'x'\n\toption apn 'x'\n", "# c\nconfig apn 'work'\n\nconfig apn 'x'\n\toption apn 'x'\n"},
		{"the first of all", Change{Section: "work", Type: "apn", First: true}, "# c\n", "# c\n\nconfig apn 'work'\n"},
		{"the last of a type", Change{Section: "@host[-1]", Option: "name", Values: []string{"b"}},
			"config host\nconfig host\nconfig lan\n", "config host\nconfig host\n\toption name 'b'\nconfig lan\n"},
		{"an anonymous one is made", Change{Section: "host", Option: "mac", Values: []string{"m"}},
			"config host\n", "config host\n\nconfig host\n\toption mac 'm'\n"},
		{"a whole section goes and its comments stay", Change{Section: "home"}, "",
			"config apn 'home'\n\toption apn 'internet.example'\n\toption user 'it''s me\nand more'\n => "},
		{"an empty file", Change{Section: "lan", Option: "mtu", Values: []string{"1400"}},
			" ", " \n\nconfig lan 'lan'\n\toption mtu '1400'\n"},
		{"a file without an end of line", Change{Section: "lan", Option: "mtu", Values: []string{"1400"}},
			"config lan\n\toption bridge b", "config lan\n\toption bridge b\n\toption mtu '1400'\n"},
		{"a file that ends in a backslash", Change{Section: "lan", Option: "mtu", Values: []string{"1400"}},
			"config lan\n\toption bridge b\\", "config lan\n\toption bridge b\\\n\n\toption mtu '1400'\n"},
		{"a file that ends in a backslash of a value", Change{Section: "lan", Option: "mtu", Values: []string{"1400"}},
			"config lan\n\toption bridge b\\\\", "config lan\n\toption bridge b\\\\\n\toption mtu '1400'\n\n"},
		{"quotes are kept", Change{Section: "home", Option: "password", Values: []string{"it's"}},
			"config apn home\n", "config apn home\n\toption password 'it'\\''s'\n"},
	} {
		t.Run(c.story, func(t *testing.T) {
			from := c.from
			if from == "" {
				from = owned
			}
			want := c.want
			if old, next, ok := strings.Cut(want, " => "); ok {
				if want = strings.Replace(from, old, next, 1); want == from {
					t.Fatal("the test replaces nothing")
				}
			} else if want == "" {
				want = from
			}
			got, err := Edit([]byte(from), []Change{c.change})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, string(got)); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestEditOneMore: options that are given to a type that may come many times are those of
// one new section, whatever comes between them; an option that comes again is of the next.
func TestEditOneMore(t *testing.T) {
	set := func(section, option, value string) Change {
		return Change{Section: section, Option: option, Values: []string{value}}
	}
	for story, c := range map[string]struct {
		from    string
		changes []Change
		want    string // behind from
	}{
		"two options": {"config network\n", []Change{set("network", "ssid", "Home"), set("network", "passphrase", "secret")},
			"\nconfig network\n\toption ssid 'Home'\n\toption passphrase 'secret'\n"},
		"others in between": {"config host\n", []Change{set("host", "mac", "m"), set("apn", "apn", "a"), {Section: "b", Type: "host"}, set("host", "ip", "i"), set("apn", "user", "u"), set("@host[-1]", "name", "n")},
			"\nconfig host\n\toption mac 'm'\n\toption ip 'i'\n\nconfig apn\n\toption apn 'a'\n\toption user 'u'\n\nconfig host 'b'\n\toption name 'n'\n"},
		"two of them": {"\n", []Change{set("host", "mac", "m"), set("host", "name", "n"), set("host", "mac", "o"), set("host", "name", "p")},
			"\nconfig host\n\toption mac 'm'\n\toption name 'n'\n\nconfig host\n\toption mac 'o'\n\toption name 'p'\n"},
		"one that was made first": {"\n", []Change{{Section: "network", Type: "network"}, set("network", "ssid", "A"), set("network", "guest", "1")},
			"\nconfig network\n\toption ssid 'A'\n\toption guest '1'\n"},
		"by its place": {"\n", []Change{set("host", "mac", "m"), set("@host[-1]", "name", "n")},
			"\nconfig host\n\toption mac 'm'\n\toption name 'n'\n"},
		"a default in between": {"config apn\n", []Change{{Section: "apn", Option: "user"}, set("apn", "apn", "a"), {Section: "apn", Option: "user"}, set("apn", "password", "p")},
			"\nconfig apn\n\toption apn 'a'\n\toption password 'p'\n"},
		"a name that is the type": {"config host host\n", []Change{set("host", "mac", "m"), set("host", "name", "n")},
			"\toption mac 'm'\n\toption name 'n'\n"},
		"a new name that is a type": {"\n", []Change{{Section: "host", Type: "network"}, set("host", "ssid", "A"), set("host", "guest", "1")},
			"\nconfig network 'host'\n\toption ssid 'A'\n\toption guest '1'\n"},
	} {
		got, err := Edit([]byte(c.from), c.changes)
		if d := cmp.Diff(c.from+c.want, string(got)); d != "" || err != nil {
			t.Errorf("%s: %v %s", story, err, d)
		}
	}
	_, err := Edit(nil, []Change{set("network", "ssid", "A"), set("network", "passphrse", "p")})
	if err == nil || !strings.Contains(err.Error(), "section 'network' option 'passphrse': unknown option, did you mean 'passphrase'?") {
		t.Errorf("a slip in the second is told as %v", err)
	}
}

func TestEditRefuses(t *testing.T) {
	for _, c := range []struct {
		story, from string
		change      Change
		says        string
	}{
		{"an unknown section", "", Change{Section: "lann", Option: "mtu", Values: []string{"1"}}, "section 'lann' option 'mtu': there is no such section, did you mean 'lan'?"},
		{"an unknown option", "", Change{Section: "lan", Option: "mtuu", Values: []string{"1"}}, "did you mean 'mtu'?"},
		{"two values for one", "", Change{Section: "lan", Option: "mtu", Values: []string{"1", "2"}}, "takes one value"},
		{"a name of another type", "config apn x\n", Change{Section: "x", Type: "host", Option: "ip", Values: []string{"1"}}, "of another type"},
		{"a type that is not known", "config sink x\n", Change{Section: "x", Option: "ip", Values: []string{"1"}}, "of another type"},
		{"a type given for a name that is kept", "", Change{Section: "lan", Type: "sink", Option: "ip"}, "no such section"},
		{"a faulty file", "config\n", Change{Section: "lan", Option: "mtu"}, "has a fault in line 1"},
	} {
		_, err := Edit([]byte(c.from), []Change{c.change})
		if fault := (Error{}); err == nil || !strings.Contains(err.Error(), c.says) || !errors.As(err, &fault) {
			t.Errorf("%s: %v", c.story, err)
		}
	}
	if _, err := Edit(nil, make([]Change, maxChanges+1)); err == nil {
		t.Error("takes any number of changes")
	}
}

// TestEditIsRead: what was set is what is read, and nothing else has changed, for
// options at random, one after the other.
func TestEditIsRead(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text, model := []byte(owned), map[string]string{}
	for i := range 2000 {
		k := kinds()[r.IntN(len(kinds()))]
		c := Change{Section: k.name}
		if k.max > 1 {
			c.Section, c.Type = fmt.Sprintf("%s%d", k.kind, r.IntN(3)), k.kind
		}
		fields := k.fields(blank(k), 0)
		f := fields[r.IntN(len(fields))]
		c.Option = f.name
		for range r.IntN(3) {
			if c.Values == nil || f.list {
				c.Values = append(c.Values, []string{"a", "it's", "x\ny", "#", "\\", "ü"}[r.IntN(6)])
			}
		}
		next, err := Edit(text, []Change{c})
		if err != nil {
			t.Fatalf("%d: %+v: %v", i, c, err)
		}
		text, model[c.Section+" "+c.Option] = next, strings.Join(c.Values, "|")
		if i%50 == 0 {
			verify(t, text, model)
		}
	}
	verify(t, text, model)
}

// verify compares what is read with what was set, by section and option.
func verify(t *testing.T, text []byte, model map[string]string) {
	t.Helper()
	sections, faults := readUCI(text)
	if len(faults) > 0 {
		t.Fatalf("%v in\n%s", faults, text)
	}
	got := map[string][]string{}
	for _, s := range sections {
		for _, e := range s.entries {
			got[s.name+" "+e.name] = append(got[s.name+" "+e.name], e.value)
		}
	}
	for at, want := range model {
		if have := strings.Join(got[at], "|"); have != want {
			t.Fatalf("%s is %q, set to %q", at, have, want)
		}
	}
	if !bytes.Contains(text, []byte("# my gateway\n")) || !bytes.Contains(text, []byte("# the operator\n")) {
		t.Fatal("comments are lost")
	}
}

// FuzzEdit: whatever stands in the file and is to be set, the result reads without a
// fault of syntax, holds the value, and reads as before in all else.
func FuzzEdit(f *testing.F) {
	f.Add(owned, "lan", "", "mtu", "1400")
	f.Add("config apn 'x'\n\toption user \"a\\\nb\"\n", "x", "apn", "password", "it's\n")
	f.Add("config host\n", "@host[0]", "", "name", "")
	f.Add("c \\\\", "0", "apn", "password", "'")
	f.Add("c lan\no bridge b\\", "lan", "", "mtu", "1400")
	f.Add("c lan\no bridge b\\\n", "lan", "", "mtu", "1400")
	f.Add("c lan\no bridge b\\\r", "lan", "", "mtu", "1400")
	f.Fuzz(func(t *testing.T, text, section, typ, option, value string) {
		got, err := Edit([]byte(text), []Change{{Section: section, Type: typ, Option: option, Values: []string{value}}})
		if err != nil || option == "" {
			return
		}
		if len(got) > maxFile || len(value) > maxLine/8 || strings.Contains(value, "\x00") || strings.Contains(section+typ, "\x00") {
			return
		}
		sections, faults := readUCI(got)
		if len(faults) > 0 {
			if strings.Contains(faults[0].Message, "more than") || strings.Contains(faults[0].Message, "longer than") || strings.Contains(faults[0].Message, "name of a section") {
				return // bounds, and a name that is none, are told by the reader
			}
			t.Fatalf("%v in %q", faults, got)
		}
		present, _ := readUCI([]byte(text))
		if before, after := without(option, present), without(option, sections); len(after) < len(before) || !slices.Equal(before, after[:len(before)]) {
			t.Fatalf("%q was read as %q, and is read as %q after %q", text, before, after, got)
		}
		for _, s := range sections {
			for _, e := range s.entries {
				if e.name == option && e.value == value {
					return
				}
			}
		}
		t.Fatalf("%q is not in %q", value, got)
	})
}

// without are sections as they are read, but for an option.
func without(option string, sections []section) []string {
	var all []string
	for _, s := range sections {
		text := s.kind + " " + s.name
		for _, e := range s.entries {
			if e.name != option {
				text += fmt.Sprintf(" %v %s %q", e.list, e.name, e.value)
			}
		}
		all = append(all, text)
	}
	return all
}
