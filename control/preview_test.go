package control

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/provision"
)

// TestWithTheSameConfig: a gateway at rest would do nothing, and asking changes nothing.
func TestWithTheSameConfig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := wrongFirst(t)
		r := w.start(t, twoAPNs)
		s := r.settle()
		w.applied()
		if next := s.With(w.config(t, twoAPNs)); len(next.Steps) != 0 || next.APN.Why() != s.APN.Why() || next.NeedRestart != nil {
			t.Errorf("would do %+v, access point %s, restart for %q", next.Steps, next.APN.Why(), next.NeedRestart)
		}
		if r.settle() != s || w.applied() != "" {
			t.Error("it was done")
		}
	})
}

// TestWithAnotherConfig: what would be done, each time as the turn after such a reload
// does it.
func TestWithAnotherConfig(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []plan.Part
	}{
		"sharing off":          {"config sharing\n\toption enabled '0'\n", []plan.Part{plan.NAT, plan.DNS, plan.Probe}},
		"DNS off":              {"config dns\n\toption enabled '0'\n", []plan.Part{plan.DNS, plan.Probe}},
		"other access points":  {twoAPNs, []plan.Part{plan.NAT, plan.Link, plan.DNS, plan.Clock, plan.Modem, plan.Probe}},
		"another PIN":          {"config modem\n\toption pin '4711'\n", []plan.Part{plan.Modem}},
		"an address on uplink": {"config lan\n\toption address '100.64.7.1/24'\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r := w.start(t, "")
				s := r.settle()
				w.applied()
				cfg := w.config(t, c.text)
				next := s.With(cfg)
				var got []plan.Part
				for _, step := range next.Steps {
					got = append(got, step.Part)
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("would apply %v: %+v", got, next.Steps)
				}
				if err := r.Send(Reload{Config: cfg}); err != nil {
					t.Fatal(err)
				}
				r.settle()
				done := strings.Fields(w.applied())
				if len(done) < len(got) {
					t.Fatalf("applied %v, planned %v", done, got)
				}
				for i, part := range got {
					if done[i] != string(part) {
						t.Errorf("applied %v, planned %v", done, got)
					}
				}
			})
		})
	}
}

// TestCandidates: those for the SIM, with what worked for it; the owner's alone while
// it is not known.
func TestCandidates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.causes[""] = 27
		r := w.start(t, "")
		s := r.settle()
		list, known := s.Candidates()
		if !known || list[0].Source != provision.FromMemory || list[len(list)-1].Source != provision.FromTable {
			t.Errorf("known %v, %+v", known, list)
		}
		w.change(plan.Modem, func() { w.phase, w.sim = modem.PhaseNoSIM, modem.SIM{State: modem.SIMAbsent} })
		if list, known := r.settle().Candidates(); known || len(list) != 0 {
			t.Errorf("known %v, %+v", known, list)
		}
		if list, known := r.Snapshot().With(w.config(t, twoAPNs)).Candidates(); known || len(list) != 2 || list[1].APN != "new.example" {
			t.Errorf("known %v, %+v", known, list)
		}
	})
}

// TestPreviewTellsWhatItCannotRead: an unreadable note of the former process is told,
// an absent one is not.
func TestPreviewTellsWhatItCannotRead(t *testing.T) {
	w := newWorld(t)
	if err := os.MkdirAll(w.run, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.run, "bearers.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := Preview(w.parts(), w.config(t, ""), time.Now())
	if len(s.Failures) != 1 || !strings.HasPrefix(s.Failures[0], "what a former process left is not known: ") {
		t.Errorf("failures are %q", s.Failures)
	}
}

// TestNeedRestart: options that only a start reads are named while they differ from
// those of the start.
func TestNeedRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		with := func(set func(*config.Config)) []string {
			cfg := w.config(t, "")
			set(cfg)
			if err := r.Send(Reload{Config: cfg}); err != nil {
				t.Fatal(err)
			}
			return r.settle().NeedRestart
		}
		for want, set := range map[string]func(*config.Config){
			"":                         func(c *config.Config) { c.API.Port = 8181 },
			"state_dir":                func(c *config.Config) { c.Main.StateDir = "/elsewhere" },
			"run_dir":                  func(c *config.Config) { c.Main.RunDir = "/elsewhere" },
			"socket":                   func(c *config.Config) { c.API.Socket = "/elsewhere" },
			"state_dir run_dir socket": func(c *config.Config) { c.Main.StateDir, c.Main.RunDir, c.API.Socket = "/a", "/b", "/c" },
		} {
			if got := with(set); strings.Join(got, " ") != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
		if got := with(func(*config.Config) {}); got != nil {
			t.Errorf("back as it was: %q", got)
		}
	})
}
