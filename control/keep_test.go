package control

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
	"github.com/tetherd/tetherd/provision"
)

// twoAPNs are the owner's: the first is refused, the second needs credentials.
const twoAPNs = `
config apn 'old'
	option apn 'old.example'
config apn 'new'
	option apn 'new.example'
	option user 'webuser'
	option password 'sesame'
`

// wrongFirst is a world that refuses the first of them.
func wrongFirst(t *testing.T) *world {
	w := newWorld(t)
	w.causes["old.example"] = 27
	return w
}

func (w *world) memoryFile() string { return filepath.Join(w.state, "apn-memory") }

// TestWinnerIsRemembered: the ladder goes on to the right name, which is written once
// after a while and tried first by the next process.
func TestWinnerIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := wrongFirst(t)
		r := w.start(t, twoAPNs)
		s := r.settle()
		rung, ok := s.APN.Winner()
		if !ok || rung.Bearer.APN != "new.example" || !s.Online {
			t.Fatalf("winner %q, story %+v", rung.Bearer.APN, s.APN.Story())
		}
		if story := s.APN.Story(); story[0].APN != "old.example" || story[0].Outcome != provision.Refused || story[0].Cause != 27 {
			t.Errorf("the story begins with %+v", story[0])
		}
		if _, err := os.Stat(w.memoryFile()); err == nil {
			t.Error("it was written at once")
		}
		r.pass(flushDelay)
		info, err := os.Stat(w.memoryFile())
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("memory file: %v, %v", info, err)
		}
		r.pass(time.Hour)
		r.end()
		if again, err := os.Stat(w.memoryFile()); err != nil || !os.SameFile(info, again) {
			t.Error("it was written again without news")
		}

		delete(w.causes, "old.example")
		next := w.start(t, "")
		if s := next.settle(); s.Desired.Modem.Bearers[modem.Shared].APN != "new.example" {
			t.Errorf("the next process begins with %+v", s.APN.Story())
		}
	})
}

// TestSwappedSIM: what worked for one SIM is not remembered for the next, of which only
// the number is known yet, or not yet which document is for it.
func TestSwappedSIM(t *testing.T) {
	for name, c := range map[string]struct {
		document string
		phase    modem.Phase
		early    bool
	}{
		"only its number is known":    {"", modem.PhaseSIM, false},
		"it has not told all":         {forOurs, modem.PhaseRegister, true},
		"it registers until it tells": {forOurs, modem.PhaseReady, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r := w.start(t, twoAPNs)
				if r.settle(); c.document != "" {
					r.provide(paper("1", 1, c.document))
				}
				r.pass(flushDelay + 10*time.Second)
				w.change(plan.Modem, func() {
					w.phase, w.sim.ICCID, w.sim.IMSI, w.sim.Early = c.phase, "8949020000099999999", "262020000099999", c.early
					w.causes["old.example"], w.causes["new.example"] = 27, 27
				})
				r.pass(2 * flushDelay)
				once := func() {
					text, err := os.ReadFile(w.memoryFile())
					if n := strings.Count(string(text), "old.example"); n != 1 || err != nil {
						t.Errorf("the old SIM's name is remembered for %d SIMs, %v", n, err)
					}
				}
				once()
				w.change(plan.Modem, func() { w.phase, w.sim.Early = modem.PhaseReady, false })
				r.settle()
				r.end()
				once()
			})
		})
	}
}

// TestMemoryIsWrittenAtTheEnd: a winner found just before the end is not lost.
func TestMemoryIsWrittenAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, twoAPNs)
		r.settle()
		r.end()
		text, err := os.ReadFile(w.memoryFile())
		if err != nil || !strings.Contains(string(text), "old.example") {
			t.Errorf("%s, %v", text, err)
		}
		if strings.Contains(string(text), "8949020000012345678") {
			t.Error("the SIM's number is in the file")
		}
	})
}

// TestMemoryIsWrittenLater: a folder that takes no file now is tried again, not at
// every turn.
func TestMemoryIsWrittenLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if err := os.WriteFile(w.state, nil, 0o600); err != nil { // a file where the folder must be
			t.Fatal(err)
		}
		r := w.start(t, twoAPNs)
		r.settle()
		for range 10 {
			w.change(plan.Link, func() { w.rx++ })
			r.pass(flushDelay)
		}
		if n := w.lines.count("memory cannot be written"); n != 1 {
			t.Errorf("%d tries in a minute", n)
		}
		if err := os.Remove(w.state); err != nil {
			t.Fatal(err)
		}
		r.pass(flushRetry)
		if _, err := os.Stat(w.memoryFile()); err != nil {
			t.Error(err)
		}
	})
}

// TestDamagedMemory: it is put aside and logged, and the gateway works.
func TestDamagedMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		damage := []byte(`{"version":1,"salt":`)
		if err := writeFile(w.memoryFile(), damage); err != nil {
			t.Fatal(err)
		}
		if s := w.start(t, "").settle(); !s.Online {
			t.Error("not online")
		}
		aside, err := os.ReadFile(w.memoryFile() + ".damaged")
		if err != nil || string(aside) != string(damage) {
			t.Errorf("put aside: %q, %v", aside, err)
		}
		if w.lines.count("put aside") != 1 {
			t.Error("the log does not say so")
		}
	})
}

// uplink is the one that the link is wished to have.
func (s *Snapshot) uplink() string {
	var names []string
	for _, u := range s.Desired.Link.Uplinks {
		names = append(names, u.Interface+" "+u.Addresses[0].String())
	}
	return strings.Join(names, ", ")
}

// crashed runs a first process until it is online and ends it without a trace of
// order.
func crashed(t *testing.T, w *world, text string) {
	t.Helper()
	w.leaves = true
	r := w.start(t, text)
	if s := r.settle(); s.uplink() != "wwan0 100.64.7.2/30" {
		t.Fatalf("uplink %q", s.uplink())
	}
	r.end()
	w.leaves = false
}

// TestRestartHoldsTheBearer: the next process keeps the noted uplink until the modem
// tells; then the modem's word counts, whatever it is.
func TestRestartHoldsTheBearer(t *testing.T) {
	for name, tell := range map[string]func(*world) string{
		"adopted": func(w *world) string {
			w.phase = modem.PhaseReady
			return "wwan0 100.64.7.2/30"
		},
		"gone": func(w *world) string {
			w.phase = modem.PhaseReady
			w.bearers = map[modem.Purpose]modem.BearerStatus{modem.Shared: {State: modem.BearerDown}}
			return ""
		},
		"the SIM was taken out": func(w *world) string {
			w.phase, w.sim = modem.PhaseNoSIM, modem.SIM{State: modem.SIMAbsent}
			return ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				crashed(t, w, "")
				w.phase = modem.PhaseOpening
				r := w.start(t, "")
				if s := r.pass(30 * time.Second); s.uplink() != "wwan0 100.64.7.2/30" || s.Desired.DNS.Upstream.Interface != "wwan0" {
					t.Fatalf("uplink %q while the modem is being opened", s.uplink())
				}
				var want string
				w.change(plan.Modem, func() { want = tell(w) })
				if s := r.settle(); s.uplink() != want {
					t.Errorf("uplink %q, wanted %q", s.uplink(), want)
				}
			})
		})
	}
}

// TestRestartGivesUpTheBearer: a modem that says nothing for a minute holds nothing,
// also when no part reports any change.
func TestRestartGivesUpTheBearer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		crashed(t, w, "")
		w.phase = modem.PhaseNoModem
		r := w.start(t, "")
		r.pass(50 * time.Second)
		w.change(plan.Link, func() {}) // the idle turn is a minute from now
		if s := r.pass(9 * time.Second); s.uplink() == "" {
			t.Fatal("given up too early")
		}
		if s := r.pass(2 * time.Second); s.uplink() != "" {
			t.Errorf("after a minute the uplink is %q", s.uplink())
		}
		if f := openFormer(w.run, w.log); len(f.read.Bearers) > 0 {
			t.Errorf("the note still says %+v", f.read.Bearers)
		}
	})
}

// TestRestartGoesOnWithTheRung: what was settled is dialled first, so that the modem
// can adopt it, and nothing that failed before it.
func TestRestartGoesOnWithTheRung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := wrongFirst(t)
		crashed(t, w, twoAPNs)
		r := w.start(t, twoAPNs)
		story := r.settle().APN.Story()
		if story[0].APN != "new.example" || story[0].Outcome != provision.Carries || len(story) != 1 {
			t.Errorf("the story is %+v", story)
		}
	})
}

// TestPreviewHoldsTheBearer: "plan" beside a running gateway does not want to take its
// uplink away.
func TestPreviewHoldsTheBearer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		crashed(t, w, "")
		w.phase = modem.PhaseOff
		preview := Preview(w.parts(), w.config(t, ""), time.Now())
		if up := preview.Desired.Link.Uplinks; len(up) != 1 {
			t.Errorf("uplinks are %+v", up)
		}
		for _, s := range preview.Steps {
			if s.Part == plan.Link || s.Part == plan.NAT {
				t.Errorf("would change %s: %q", s.Part, s.Why)
			}
		}
	})
}

// TestNoteHoldsNoSecrets: neither credentials nor identifiers are in the note, and only
// its owner reads it.
func TestNoteHoldsNoSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := wrongFirst(t)
		crashed(t, w, twoAPNs)
		err := filepath.WalkDir(w.run, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			info, _ := e.Info()
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v", path, info.Mode())
			}
			text, err := os.ReadFile(path)
			for _, secret := range []string{"webuser", "sesame", "8949020000012345678", "262010000012345", "new.example"} {
				if strings.Contains(string(text), secret) {
					t.Errorf("%s tells %q", path, secret)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if w.lines.count("sesame")+w.lines.count("8949020000012345678")+w.lines.count("262010000012345") > 0 {
			t.Error("the log tells a secret")
		}
	})
}

// TestDamagedNote: damage means that nothing was left.
func TestDamagedNote(t *testing.T) {
	for name, text := range map[string]string{
		"cut":             `{"Bearers":{"shared":{"State":"up","Interf`,
		"another shape":   `{"Bearers":["shared"]}`,
		"a wrong address": `{"Bearers":{"shared":{"State":"up","IPv4":{"Addresses":["300.1.1.1/99"]}}}}`,
		"empty":           "",
		"no addresses":    `{"Bearers":{"shared":{"State":"up","Interface":"wwan0"}}}`,
		"null":            "null",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				if err := writeFile(filepath.Join(w.run, "bearers.json"), []byte(text)); err != nil {
					t.Fatal(err)
				}
				w.phase = modem.PhaseOpening
				r := w.start(t, "")
				if s := r.settle(); s.uplink() != "" || !s.Observed.DHCP.Serving {
					t.Errorf("uplink %q, serving %v", s.uplink(), s.Observed.DHCP.Serving)
				}
				w.change(plan.Modem, func() { w.phase = modem.PhaseReady })
				if s := r.settle(); !s.Online {
					t.Error("not online")
				}
			})
		})
	}
}

// TestNoteIsWrittenWhenItChanges: a turn without news writes nothing.
func TestNoteIsWrittenWhenItChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.settle()
		path := filepath.Join(w.run, "bearers.json")
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		r.pass(time.Hour)
		if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
			t.Error("written again without news")
		}
		w.change(plan.Modem, func() {
			w.bearers = map[modem.Purpose]modem.BearerStatus{modem.Shared: {State: modem.BearerDown}}
		})
		r.settle()
		if f := openFormer(w.run, w.log); len(f.read.Bearers) > 0 {
			t.Errorf("the note still says %+v", f.read.Bearers)
		}
	})
}

// TestShortLeasesAtFirst: leases are short until the uplink has carried traffic, with
// a probe to prove it or without.
func TestShortLeasesAtFirst(t *testing.T) {
	for name, text := range map[string]string{
		"proved":       "",
		"nobody asks":  "config probe\n\toption enabled '0'\n",
		"not shared":   "config sharing\n\toption enabled '0'\n",
		"gateway only": "config probe\n\toption client '0'\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.phase = modem.PhaseRegister
				r := w.start(t, text)
				if d := r.settle().Desired.DHCP.Networks[0].LeaseTime; d > 2*time.Minute {
					t.Errorf("the first leases last %v", d)
				}
				w.change(plan.Modem, func() { w.phase = modem.PhaseReady })
				if d := r.settle().Desired.DHCP.Networks[0].LeaseTime; d != 12*time.Hour {
					t.Errorf("leases last %v", d)
				}
				w.change(plan.Modem, func() { w.phase = modem.PhaseRegister })
				if d := r.settle().Desired.DHCP.Networks[0].LeaseTime; d != 12*time.Hour {
					t.Errorf("after the network went leases last %v", d)
				}
			})
		})
	}
}

// TestMuteNameIsLeft: a bearer that comes up and carries nothing is not kept, and not
// remembered.
func TestMuteNameIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.verdict = probe.Dead
		r := w.start(t, twoAPNs)
		r.pass(10 * time.Second)
		story := r.Snapshot().APN.Story()
		if story[0].APN != "old.example" || story[0].Outcome != provision.Mute {
			t.Errorf("the story begins with %+v", story[0])
		}
		if r.end(); w.lines.count("remembered") > 0 {
			t.Error("a mute name was remembered")
		}
	})
}

// TestIdentified: no name is chosen before the SIM has told all.
func TestIdentified(t *testing.T) {
	early := []modem.Phase{"", modem.PhaseOff, modem.PhaseNoModem, modem.PhaseOpening, modem.PhaseReading, modem.PhaseRadio,
		modem.PhaseRadioOff, modem.PhaseSIM, modem.PhaseNoSIM, modem.PhasePIN, modem.PhaseUnanswered}
	for _, p := range early {
		if identified(modem.Status{Phase: p, SIM: modem.SIM{State: modem.SIMReady}}) {
			t.Errorf("in phase %q", p)
		}
	}
	if identified(modem.Status{Phase: modem.PhaseReady}) {
		t.Error("without a SIM")
	}
	if !identified(modem.Status{Phase: modem.PhaseRegister, SIM: modem.SIM{State: modem.SIMReady}}) {
		t.Error("not while it searches, though the SIM is read")
	}
}
