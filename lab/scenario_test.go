package lab

import (
	"strings"
	"testing"

	"github.com/tetherd/tetherd/lab/simmodem"

	"github.com/tetherd/tetherd/api"
)

func TestTourReads(t *testing.T) {
	s, err := ParseScenario(tour)
	if err != nil {
		t.Fatal(err)
	}
	if s.Title == "" || s.SIMs["lab"].HomePLMN != "26201" || s.SIM != "lab" || s.Network.PLMN != "26201" || len(s.APNs) == 0 {
		t.Errorf("read as %+v", s)
	}
}

// TestFaultsAreNamed: each wrong line is reported with its number and what is wrong.
func TestFaultsAreNamed(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no title":            {"-- story --\nstart\n", "the first line must be the title"},
		"no story":            {"T\n", "there is no story"},
		"unknown section":     {"T\n-- radio --\nx\n-- story --\nstart\n", `line 2: there is no section "radio"`},
		"unknown statement":   {"T\n-- operator --\n\nnetwrok 26201 'X'\n-- story --\nstart\n", `line 4: there is no statement "netwrok"`},
		"unknown attribute":   {"T\n-- operator --\nsim a\n    color red\n-- story --\nstart\n", "line 4: color: a SIM has no such attribute"},
		"number out of range": {"T\n-- operator --\napn x\n    refuse 300\n-- story --\nstart\n", "line 4: refuse"},
		"attribute of nobody": {"T\n-- operator --\n    mtu 1400\n-- story --\nstart\n", "line 3: nothing stands above"},
		"no cause":            {"T\n-- operator --\nattach first.lab\n-- story --\nstart\n", "line 3: an access point and a cause"},
		"no such cause":       {"T\n-- story --\nattach first.lab 300\n", "line 3: \"300\" is not a number"},
		"unknown step":        {"T\n-- story --\nstart\ndance\n", `line 4: there is no step "dance"`},
		"wrong expectation":   {"T\n-- story --\nstart\nexpect onlin\n", `line 4: expect: there is no "onlin"`},
		"unknown config":      {"T\n-- story --\nconfig other\n", "line 3: there is no section 'tetherd other'"},
		"missing words":       {"T\n-- story --\nfetch client1\n", "line 3: fetch takes 2 to 3 words, has 1"},
		"wrong duration":      {"T\n-- story --\nsilent 5\n", "line 3: time: missing unit"},
		"open quote":          {"T\n-- operator --\nnetwork 26201 'X\n-- story --\nstart\n", "line 3: a quote is not closed"},
		"unknown ending":      {"T\n-- story --\nprovision lab undone\n", `line 3: there is no "undone"`},
		"unknown signature":   {"T\n-- story --\npublish lab signed\n", `line 3: there is no "signed"`},
		"nobody's packets":    {"T\n-- operator --\napn x\n-- story --\nmark client1\nnever x client2\n", "line 6: client2 is not marked above"},
		"marked too late":     {"T\n-- story --\nmuted client1\nmark client1\n", "line 3: client1 is not marked above"},
		"one too many":        {"T\n-- story --\ncrowd client1 2\nsteady client1.3\n", "line 4: client1.3 is not marked above"},
		"nothing leaves by":   {"T\n-- operator --\napn x\n-- story --\nmark gateway\nnever y gateway\n", `line 6: there is no access point "y"`},
		"nor carries":         {"T\n-- operator --\napn x\n-- story --\nmark gateway\ncarries y gateway\n", `line 6: there is no access point "y"`},
		"killed meanwhile":    {"T\n-- story --\nmark client1\nkill-while links 1 muted client2\n", "line 4: client2 is not marked above"},
		"a word of muted":     {"T\n-- story --\nmark client1\nmuted client1 all\n", `line 4: there is no "all"`},
		"a word of never":     {"T\n-- operator --\napn x\n-- story --\nmark client1\nnever x client1 names\n", `line 6: there is no "names"`},
		"unknown SIM":         {"T\n-- operator --\ninsert b\n-- story --\nstart\n", "insert b: there is no such SIM"},
	} {
		_, err := ParseScenario([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestNamesOfPackets: the names that mark, flood and crowd give are known below them.
func TestNamesOfPackets(t *testing.T) {
	text := "T\n-- operator --\napn x\n-- story --\nmark client1\nflood client2\ncrowd client1 2\n" +
		"never x client1\nnever x client2 datagrams\ncarries x client1.2\nmuted client1.1 names\nkill-every links steady client1\n"
	if _, err := ParseScenario([]byte(text)); err != nil {
		t.Error(err)
	}
}

func TestWords(t *testing.T) {
	words, err := splitWords("  expect sentence 'has no' ''  # remark")
	if err != nil || strings.Join(words, "|") != "expect|sentence|has no|" {
		t.Errorf("%q, %v", words, err)
	}
}

func TestRegistrationStates(t *testing.T) {
	var n simmodem.Network
	if err := parseRegistration(&n, []string{"denied", "15"}); err != nil || n.State != simmodem.Denied || n.Cause != 15 {
		t.Errorf("%+v, %v", n, err)
	}
	if err := parseRegistration(&n, []string{"home"}); err != nil || n.State != simmodem.Home || n.Cause != 0 {
		t.Errorf("a former cause stays: %+v, %v", n, err)
	}
	if parseRegistration(&n, []string{"abroad"}) == nil {
		t.Error("an unknown state is accepted")
	}
}

// TestExpectationsAreChecked: a wrong expectation is a fault, not one that never holds.
func TestExpectationsAreChecked(t *testing.T) {
	for _, words := range []string{"", "not", "happy", "online now", "stage sim", "lan here", "within soon online", "sharing allwed"} {
		if _, err := parseExpectation(strings.Fields(words)); err == nil {
			t.Errorf("expect %s is accepted", words)
		}
	}
	if e, err := parseExpectation(strings.Fields("within 3s not stage sim done")); err != nil || e.limit.Seconds() != 3 || !e.holds(api.Document{}) {
		t.Errorf("%+v, %v", e, err)
	}
}

func FuzzScenario(f *testing.F) {
	f.Add(tour)
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := ParseScenario(text); err == nil && len(s.Story) == 0 {
			t.Error("a scenario without a story is accepted")
		}
	})
}
