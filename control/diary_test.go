package control

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/doctor"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
)

// TestHistorySurvivesARestart: what was found is written once, a while after, and told by
// the next process.
func TestHistorySurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.settle()
		w.change(plan.Probe, func() { w.verdict = probe.NoDNS })
		r.settle()
		w.change(plan.Probe, func() { w.verdict = probe.Online })
		if s := r.settle(); len(s.Doctor.History) != 1 {
			t.Fatalf("history %+v", s.Doctor.History)
		}
		path := filepath.Join(w.state, "diagnoses")
		if _, err := os.Stat(path); err == nil {
			t.Error("it is written at once")
		}
		r.pass(2 * diaryDelay)
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
		r.end()
		<-r.done
		if s := w.start(t, "").settle(); len(s.Doctor.History) != 1 || s.Doctor.History[0].Code != "RC14" || s.Doctor.History[0].Helped != "yes" {
			t.Errorf("after a restart: %+v", s.Doctor.History)
		}
	})
}

// TestDiaryThatIsDamaged is begun anew, and one that somebody filled stays bounded.
func TestDiaryThatIsDamaged(t *testing.T) {
	for name, text := range map[string]string{
		"not JSON": "{", "a list of other things": `[1,2]`, "too long": "[" + strings.Repeat(" ", maxDiary) + "]", "unknown codes": `[{"code":"RC99"},{}]`,
	} {
		w := newWorld(t)
		if err := os.MkdirAll(w.state, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(w.state, "diagnoses"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if d := openDiary(w.state, w.log); len(d.written) != 0 {
			t.Errorf("%s: %+v", name, d.written)
		}
	}
	many := make([]doctor.Episode, 1000)
	for i := range many {
		many[i] = doctor.Episode{Code: "RC14", From: time.Unix(int64(i), 0), To: time.Unix(int64(i)+1, 0)}
	}
	if got := doctor.Sound(many); len(got) != 64 || !got[63].From.Equal(time.Unix(999, 0)) {
		t.Errorf("%d episodes", len(got))
	}
}
