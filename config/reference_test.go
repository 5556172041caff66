package config

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	// commentedDefault and example match the marks that reference.conf explains.
	commentedDefault = regexp.MustCompile(`(?m)^(\t?)#(config |option |list |')`)
	example          = regexp.MustCompile(`(?m)^(\t?)# (config |option |list )`)
)

func reference(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("reference.conf")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReferenceAsItIs(t *testing.T) {
	if d := diff(Default(), mustParse(t, reference(t))); d != "" {
		t.Error(d)
	}
}

func TestReferenceTellsTheDefaults(t *testing.T) {
	text := commentedDefault.ReplaceAllString(reference(t), "$1$2")
	if d := diff(Default(), mustParse(t, text)); d != "" {
		t.Error(d)
	}
	// Written out in full, nothing of the default is left to a missing option.
	got, want := settings([]byte(text)), settings(Default().UCI())
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// settings returns all that a file sets, sections without options left out.
func settings(text []byte) []string {
	var list []string
	sections, _ := readUCI(text)
	for _, s := range sections {
		for _, e := range s.entries {
			list = append(list, s.kind+"."+e.name+"="+e.value)
		}
	}
	slices.Sort(list)
	return list
}

func TestReferenceNamesEveryOption(t *testing.T) {
	text := commentedDefault.ReplaceAllString(reference(t), "$1$2")
	// Reservations need a fixed subnet, which is not the default.
	text = strings.Replace(text, "option address 'auto'", "option address '192.168.7.1/24'", 1)
	text = example.ReplaceAllString(text, "$1$2")
	mustParse(t, text)
	sections, _ := readUCI([]byte(text))
	got := map[string]bool{}
	for _, s := range sections {
		for _, e := range s.entries {
			got[s.kind+"."+e.name] = true
		}
	}
	want := map[string]bool{}
	for _, k := range kinds() {
		c := Default()
		k.grow(c)
		for _, f := range k.fields(c, k.count(c)-1) {
			want[k.kind+"."+f.name] = true
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestReferenceKeepsNoLooseExample(t *testing.T) {
	// A setting commented out in another way would escape the tests above.
	for line := range strings.Lines(reference(t)) {
		text, isComment := strings.CutPrefix(strings.TrimSpace(line), "#")
		first, _, _ := strings.Cut(strings.TrimSpace(text), " ")
		if isComment && slices.Contains([]string{"config", "option", "list"}, first) &&
			!commentedDefault.MatchString(line) && !example.MatchString(line) {
			t.Errorf("%q", line)
		}
		if len(line) > 91 {
			t.Errorf("too long: %q", line)
		}
	}
}
