package control

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/doctor"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
)

func verdictOf(s *Snapshot) doctor.Code {
	if s.Doctor.Verdict == nil {
		return ""
	}
	return s.Doctor.Verdict.Code
}

// TestADeadConnectionIsRepaired: the doctor's wish reaches the modem as another dial,
// and what it was made from gives the same verdict again.
func TestADeadConnectionIsRepaired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		if s := r.settle(); !s.Online || verdictOf(s) != "" {
			t.Fatalf("online %v, verdict %q", s.Online, verdictOf(s))
		}
		before := r.Snapshot().Desired.Modem.Bearers[modem.Shared].Attempt
		w.change(plan.Probe, func() { w.verdict = probe.NoDNS })
		s := r.settle()
		if verdictOf(s) != "RC14" || s.Online || s.Desired.Modem.Bearers[modem.Shared].Attempt != before+1 {
			t.Fatalf("verdict %q, online %v, attempt %d after %d", verdictOf(s), s.Online, s.Desired.Modem.Bearers[modem.Shared].Attempt, before)
		}
		text, err := doctor.Record(s.Case, s.Before, s.Doctor)
		if err != nil {
			t.Fatal(err)
		}
		if again, told, err := doctor.Replay(text); err != nil || told != "RC14" || again.Verdict == nil || again.Verdict.Code != told {
			t.Errorf("replayed %+v, told %q, %v", again.Verdict, told, err)
		}
		w.change(plan.Probe, func() { w.verdict = probe.Online })
		s = r.settle()
		last := s.Doctor.History[len(s.Doctor.History)-1]
		if verdictOf(s) != "" || last.Code != "RC14" || last.Remedy != "redial" || last.Helped != "yes" {
			t.Errorf("verdict %q, past %+v", verdictOf(s), last)
		}
		if w.lines.count("code=RC14") != 2 {
			t.Errorf("found and over are not logged once each")
		}
	})
}

// TestTamperingIsNamedAndRepaired: rules that vanish without our doing are put back and
// told of; those that go with a changed wish are not.
func TestTamperingIsNamedAndRepaired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.settle()
		if err := r.Send(Reload{Config: w.config(t, "config lan\n\tlist open '22'\n")}); err != nil {
			t.Fatal(err)
		}
		if s := r.settle(); len(s.Doctor.Findings)+len(s.Doctor.History) > 0 {
			t.Fatalf("a reload is taken for tampering: %+v %+v", s.Doctor.Findings, s.Doctor.History)
		}
		w.change(plan.NAT, func() { w.nat.spec = nat.Spec{} })
		s := r.settle()
		told := slices.ContainsFunc(s.Doctor.History, func(e doctor.Episode) bool {
			return e.Code == "RC40" && strings.Contains(doctor.Past("en", e), "table inet tetherd")
		})
		if !told || !s.Observed.NAT.Loaded || verdictOf(s) != "" {
			t.Errorf("loaded %v, verdict %q, past %+v", s.Observed.NAT.Loaded, verdictOf(s), s.Doctor.History)
		}
	})
}

// TestADoubtIsLookedInto: traffic without answers makes the probe look again.
func TestADoubtIsLookedInto(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		before := r.settle().Desired.Probe.Again
		for range 4 {
			w.change(plan.Link, func() { w.tx += 1000 })
			r.pass(4 * time.Second)
		}
		if got := r.settle().Desired.Probe.Again; got == before {
			t.Error("nobody looks again")
		}
	})
}
