package probe

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// answers are what a look meets: a word for each witness, its host and what came of it: + as it
// must, ! somebody else's, - nothing, ? no such name. The host "own" is the operator's.
func answers(words string) (list []witness, found []finding) {
	kinds := map[string]Verdict{"+": Online, "!": Portal, "-": Dead, "?": NoDNS}
	for i, w := range strings.Fields(words) {
		host, kind := w[:len(w)-1], w[len(w)-1:]
		t := Target{URL: fmt.Sprintf("http://%s.example/%d", host, i), Status: 204}
		list = append(list, witness{t, host == "own"})
		found = append(found, finding{verdict: kinds[kind], target: t.URL})
	}
	return list, found
}

// TestJury: how many are asked, and who is believed, when a look must be sure and when it only
// confirms the last one.
func TestJury(t *testing.T) {
	for _, c := range []struct {
		name, answers string
		sure          bool
		want          Verdict
		asked         int
		target        string // that is told
	}{
		{"a cheap look asks one", "a+ b+ c+", false, Online, 1, "a"},
		{"it passes over who is silent", "a- b+ c+", false, Online, 2, "b"},
		{"it is sure once somebody else answers", "a! b+ c+", false, Online, 3, "b"},
		{"it meets the wall", "a! b! c+", false, Portal, 2, "a"},
		{"it meets a wall with a hole", "a! b+ c!", false, Portal, 3, "a"},

		{"two agree", "a+ b+ c!", true, Online, 2, "a"},
		{"two walls agree", "a! b! c+", true, Portal, 2, "a"},
		{"the wall has a hole", "a+ b! c!", true, Portal, 3, "b"},
		{"a vendor's page has changed", "a+ b! c+", true, Online, 3, "a"},
		{"one of two", "a! b+", true, Portal, 2, "a"},
		{"a single page is enough", "a+", true, Online, 1, "a"},
		{"a single page is a wall", "a!", true, Portal, 1, "a"},
		{"one host has one voice", "a+ a+ b!", true, Portal, 3, "b"},
		{"it has one as a wall, too", "a! a! b+ c+", true, Online, 4, "b"},
		{"one host alone", "a+ a+", true, Online, 2, "a"},
		{"a vendor is down", "a- b+ c+", true, Online, 3, "b"},
		{"a name is filtered", "a? b+ c+", true, Online, 3, "b"},
		{"two vendors are down", "a- b- c+", true, Online, 3, "c"},
		{"a slow path lets one pass", "a+ b- c-", true, Online, 3, "a"},
		{"a wall before silence", "a- b! c-", true, Portal, 3, "b"},
		{"nothing", "a- b- c-", true, Dead, 3, "a"},
		{"no name", "a? b? c?", true, NoDNS, 3, "a"},
		{"a name at last", "a? b- c?", true, Dead, 3, "b"},

		{"the operator's page is no vendor's", "own+ a+ b+", true, Online, 3, "a"},
		{"the operator's page and a vendor's", "own+ a+ b-", true, Online, 3, "a"},
		{"the operator's page alone", "own+ a- b-", true, Dead, 3, "a"},
		{"the operator's pages alone", "own+ own+ a?", true, NoDNS, 3, "a"},
		{"the operator's page inside its wall", "own+ a! b!", true, Portal, 3, "a"},
		{"and its wall has a hole", "own+ a+ b! c!", true, Portal, 4, "b"},
		{"which is asked last", "own+ b! c! a+", true, Portal, 3, "b"},
		{"and another vendor is silent", "own+ a+ b! c-", true, Portal, 4, "b"},
		{"the operator's page is down", "own- a+ b+", true, Online, 3, "a"},
		{"the operator's page has changed", "own! a+ b+", true, Online, 3, "a"},
	} {
		list, found := answers(c.answers)
		j := jury{sure: c.sure, worst: finding{verdict: Dead}}
		asked := 0
		for i, w := range list {
			asked++
			if !j.heard(w) {
				j.hear(w, found[i])
			}
			if j.settled() {
				break
			}
		}
		f := j.verdict()
		if f.verdict != c.want || asked != c.asked || !strings.HasPrefix(f.target, "http://"+c.target+".") {
			t.Errorf("%s: %q by %s after %d, want %q by %s after %d", c.name, f.verdict, f.target, asked, c.want, c.target, c.asked)
		}
	}
}

// TestWitnesses: another page begins each time, and the operator's are asked by a look that
// must be sure alone.
func TestWitnesses(t *testing.T) {
	s := Spec{
		Targets:  []Target{{URL: "http://a.example/"}, {URL: "http://B.example/"}, {URL: "not a URL\x7f"}},
		Operator: []Target{{URL: "http://c.example/"}},
	}
	for turn, want := range []string{"a.example b.example ", "b.example  a.example", " a.example b.example", "a.example b.example "} {
		for sure, before := range map[bool]string{false: "", true: " "} {
			var voices []string
			for _, w := range s.witnesses(manner{turn: turn, sure: sure}) {
				voices = append(voices, w.voice())
			}
			if got := strings.Join(voices, " "); got != before+want {
				t.Errorf("turn %d, sure %v: %q, want %q", turn, sure, got, before+want)
			}
		}
	}
	if list := (Spec{}).witnesses(manner{turn: 3, sure: true}); len(list) != 0 {
		t.Errorf("without a page %v are asked", list)
	}
	if slices.Contains(s.Targets, s.Operator[0]) {
		t.Error("the wish was changed")
	}
}
