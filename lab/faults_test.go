package lab

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/api"
)

// TestFaultFilesAreRead: every file of the gallery is sound, says what it is about, and
// no row waits for what another one is about.
func TestFaultFilesAreRead(t *testing.T) {
	paths, err := filepath.Glob("faults/*.txtar")
	if err != nil || len(paths) < 30 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	controls := 0
	for _, path := range paths {
		s, err := ReadScenario(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if s.Fault == nil || s.Fault.Code == "" != strings.HasPrefix(s.Name, "healthy-") || s.Fault.Then != "" != strings.HasPrefix(s.Name, "pair-") || s.Fault.Code != "" && s.Fault.Then == "" && !strings.HasPrefix(s.Name, strings.ToLower(s.Fault.Code[:4])+"-") {
			t.Errorf("%s is about %+v", path, s.Fault)
		}
		if s.Fault != nil && s.Fault.Code == "" {
			controls++
		}
	}
	if controls < 15 {
		t.Errorf("%d healthy controls", controls)
	}
}

// TestWatchmanCounts what was found before the injection as wrong, and after it as
// right, from findings or from the past.
func TestWatchmanCounts(t *testing.T) {
	doc := func(verdict, past string) api.Document {
		d := api.Document{Doctor: api.Doctor{Verdict: verdict}}
		if verdict != "" {
			d.Doctor.Findings = []api.Finding{{Code: verdict, Sentence: "now"}}
		}
		if past != "" {
			d.Doctor.History = []api.Episode{{Code: past, Sentence: "past", To: time.Now()}}
		}
		return d
	}
	var m watchman
	m.see(doc("RC14", ""), "RC14")
	if m.found != 0 || len(m.verdicts) != 1 {
		t.Errorf("before the injection: %+v", &m)
	}
	m.injected = time.Now().Add(-time.Second)
	m.see(doc("RC18", ""), "RC14")
	m.see(doc("RC18", ""), "RC14")
	if m.found != 0 || len(m.verdicts) != 2 {
		t.Errorf("another verdict: %+v", &m)
	}
	m.see(doc("", "RC14"), "RC14")
	if m.found < time.Second || m.sentence != "past" {
		t.Errorf("found in the past: %v %q", m.found, m.sentence)
	}
	m = watchman{injected: time.Now().Add(-time.Second)}
	for _, variant := range []string{"lan", "upstream"} { // the first is another cause
		d := doc("RC34", "")
		d.Doctor.Findings[0].Variant = variant
		m.see(d, "RC34.upstream")
		if (m.found != 0) != (variant == "upstream") {
			t.Errorf("%s: %v", variant, m.found)
		}
	}
	if got := (Fault{Code: "RC34.upstream"}).wrong(m.verdicts, 0); !slices.Equal(got, []string{"RC34.lan"}) {
		t.Errorf("wrong: %q", got)
	}
}

// TestPairsHaveAnOrder: of two faults the deeper one is named first, and the other one not
// before the story takes the deeper one away.
func TestPairsHaveAnOrder(t *testing.T) {
	f := Fault{Code: "RC04", Then: "RC47"}
	for _, c := range []struct{ given, wrong string }{
		{"RC04 insert RC47", ""}, {"RC04", ""}, {"RC47 RC04", "RC47"}, {"RC14 RC04 insert RC47", "RC14"},
		{"RC04 RC47 insert", "RC47"}, {"insert RC47 RC04", "RC47"}, {"RC04 expect RC47 insert RC04", "RC47"},
	} {
		var m watchman
		m.before(Step{Words: []string{"eject"}}) // what injects takes nothing away
		m.before(Step{Words: []string{"detect"}})
		for _, word := range strings.Fields(c.given) {
			if strings.HasPrefix(word, "RC") {
				m.see(api.Document{Doctor: api.Doctor{Verdict: word, Findings: []api.Finding{{Code: word}}}}, f.Code)
			} else {
				m.before(Step{Words: []string{word, "lab"}})
			}
		}
		if got := strings.Join(f.wrong(m.verdicts, m.early), " "); got != c.wrong {
			t.Errorf("%s: wrong %q", c.given, got)
		}
	}
	var out strings.Builder
	rows := []Row{{Fault: f}, {Fault: f, Wrong: []string{"RC47"}}}
	if err := sum(rows, &out); err == nil || !strings.Contains(out.String(), "then the other in 1 of 2\ndetected 0/0") {
		t.Errorf("%v: %s", err, &out)
	}
}

// TestOutcomesAreShown: what a story takes away itself is not repaired, and of two faults
// both are there when the verdict is looked at.
func TestOutcomesAreShown(t *testing.T) {
	alone, both := Fault{Code: "RC34.port", Outcome: "repaired"}, Fault{Code: "RC04.absent", Then: "RC47", Outcome: "explained"}
	for _, c := range []struct {
		fault Fault
		story string
		shown bool
	}{
		{alone, "detect\nlease client1\nrun client1 true\nexpect helped RC34 direct-dns\nvacate", true},
		{alone, "detect\nexpect eased RC34 direct-dns", true},
		{alone, "detect\nvacate\nexpect helped RC34", false},
		{alone, "detect\nrun gateway true\nexpect helped RC34", false},
		{alone, "expect helped RC34\ndetect\nrecover client1", false},
		{alone, "detect\nexpect helped RC33\nrecover client1", false},
		{alone, "detect\nexpect found RC34", false},
		{Fault{Code: "RC34", Outcome: "explained"}, "detect\nvacate", true},
		{both, "eject\nno-lease client2\ndetect\nexpect found RC47 and verdict RC04\ninsert lab", true},
		{both, "eject\nexpect verdict RC04\ndetect\ninsert lab", false},
		{both, "eject\ndetect\nno-lease client2\nexpect verdict RC04", false},
	} {
		s := &Scenario{}
		s.readStory(1, []byte(c.story))
		if err := c.fault.shown(s.Story); (err == nil) != c.shown {
			t.Errorf("%+v: %q: %v", c.fault, c.story, err)
		}
	}
}

// TestEased: a remedy that is in force counts while clients have Internet.
func TestEased(t *testing.T) {
	holds, err := condition("eased", []string{"RC33", "fallback-dns"})
	if err != nil {
		t.Fatal(err)
	}
	doc := func(online bool, kind, state string) api.Document {
		return api.Document{Online: online, Doctor: api.Doctor{Findings: []api.Finding{{Code: "RC27"}, {Code: "RC33", Remedy: &api.Remedy{Kind: kind, State: state}}}}}
	}
	if !holds(doc(true, "fallback-dns", "in force")) {
		t.Error("does not hold")
	}
	for _, d := range []api.Document{doc(false, "fallback-dns", "in force"), doc(true, "redial", "in force"), doc(true, "fallback-dns", "running"), {Online: true}} {
		if holds(d) {
			t.Errorf("holds of %+v", d.Doctor.Findings)
		}
	}
}

// TestSlowGalleryFails: half of the verdicts of a gallery come within the limit; single rows
// may be slower.
func TestSlowGalleryFails(t *testing.T) {
	rows := func(quick, slow int) (list []Row) {
		for i := range quick + slow {
			found := time.Second
			if i < slow {
				found = medianLimit + time.Millisecond
			}
			list = append(list, Row{Fault: Fault{Code: "RC14", Outcome: "explained"}, Found: found, Sentence: "x"})
		}
		return list
	}
	var out strings.Builder
	for _, c := range []struct {
		quick, slow int
		fails       bool
	}{{6, 5, false}, {5, 6, true}, {0, gallery - 1, false}} {
		if err := sum(rows(c.quick, c.slow), &out); (err != nil) != c.fails {
			t.Errorf("%d quick and %d slow ones: %v", c.quick, c.slow, err)
		}
	}
}

// TestSumOfRows: the last line counts what the rows say, and one bad row fails all.
func TestSumOfRows(t *testing.T) {
	var out strings.Builder
	rows := []Row{
		{Fault: Fault{"RC14", "", "", "repaired"}, Found: time.Second, Sentence: "x"},
		{Fault: Fault{"RC18", "", "", "explained"}, Found: 3 * time.Second, Sentence: "x"},
		{Fault: Fault{"RC15", "", "", "prevented"}},
		{Fault: Fault{Outcome: "healthy"}},
	}
	if err := sum(rows, &out); err != nil || !strings.HasSuffix(out.String(), "median 3.00 s, worst 3.00 s; 1 healthy controls\ndetected 2/2, explained 2/2, repaired 1 of 1 repairable, prevented 1 of 1, wrong verdicts 0\n") {
		t.Errorf("%v: %s", err, &out)
	}
	rows[3].Wrong = []string{"RC14"}
	if err := sum(rows, &out); err == nil || !strings.HasSuffix(out.String(), "wrong verdicts 1\n") {
		t.Errorf("%v: %s", err, &out)
	}
}

// TestFaults plays two rows of the gallery that are quick.
func TestFaults(t *testing.T) {
	var list []*Scenario
	for _, name := range []string{"rc04-no-sim", "rc40-rules-gone"} {
		s, err := ReadScenario("faults/" + name + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	var out strings.Builder
	if err := Faults(t.Context(), list, program(t), 2, &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	t.Log(out.String())
}
