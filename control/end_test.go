package control

import (
	"errors"
	"io/fs"
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
)

// nothingLeft fails when a part still has a wish.
func (w *world) nothingLeft(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.nat.spec.Enabled || len(w.link.spec.LANs) > 0 || len(w.dhcp.spec.Networks) > 0 ||
		len(w.dns.spec.Listen) > 0 || w.modem.spec.Enabled || w.probe.spec.Gateway.Key != "" {
		t.Error("something is left")
	}
}

// TestEndInOrder: the probe and the modem first, the link before the ruleset.
func TestEndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.settle()
		w.applied()
		if took := r.end(); took != 0 {
			t.Errorf("ended after %v", took)
		}
		if got := w.applied(); got != "probe modem clock dns dhcp link nat" {
			t.Errorf("applied %s", got)
		}
		w.nothingLeft(t)
		if _, err := os.Stat(filepath.Join(w.run, "bearers.json")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a note is left for the next process: %v", err)
		}
	})
}

// TestEndWaitsForTheHangUp: the modem takes a wish at once and needs time for it; its
// part must not be stopped before.
func TestEndWaitsForTheHangUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hangUp = 700 * time.Millisecond
		r := w.start(t, "")
		r.settle()
		if took := r.end(); took < w.hangUp || took > downLimit {
			t.Errorf("ended after %v, the hang-up takes %v", took, w.hangUp)
		}
		if w.lines.count("not everything could be taken down") > 0 {
			t.Error("the log says that something is left")
		}
	})
}

// TestEndHasALimit: what cannot be taken down does not hold the end for ever.
func TestEndHasALimit(t *testing.T) {
	for name, spoil := range map[string]func(*world){
		"a modem that never hangs up":      func(w *world) { w.hangUp = time.Hour },
		"a bridge that never goes":         func(w *world) { w.link.stuck = true },
		"a ruleset that cannot be removed": func(w *world) { w.nat.refusal, w.nat.refuses = errRefused, -1 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r := w.start(t, "")
				r.settle()
				read(w, func() int { spoil(w); return 0 })
				if took := r.end(); took < downLimit || took > downLimit+downAgain {
					t.Errorf("ended after %v", took)
				}
				if w.lines.count("not everything could be taken down") != 1 {
					t.Error("the log does not say that something is left")
				}
				if got := w.applied(); !strings.Contains(got, "dns dhcp") {
					t.Errorf("the others were left too: %s", got)
				}
			})
		})
	}
}

// TestEndTriesAgain: a part that refuses to go once is asked again before the limit.
func TestEndTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.settle()
		read(w, func() int { w.nat.refusal, w.nat.refuses = errRefused, 6; return 0 })
		if took := r.end(); took >= downLimit {
			t.Errorf("ended after %v", took)
		}
		w.nothingLeft(t)
	})
}

// TestPartsOutliveTheEnd: every Run goes on until everything is down.
func TestPartsOutliveTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hangUp = 500 * time.Millisecond
		r := w.start(t, "")
		r.settle()
		r.stop()
		<-time.After(w.hangUp / 2)
		synctest.Wait()
		if ended := read(w, func() []plan.Part { return slices.Clone(w.ended) }); len(ended) > 0 {
			t.Errorf("ended while the modem hangs up: %v", ended)
		}
		<-r.done
		if ended := read(w, func() int { return len(w.ended) }); ended != 9 {
			t.Errorf("%d parts ended", ended)
		}
	})
}

// TestLeave: a hand-over touches nothing and leaves the note for the next process.
func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.leaves = true
		r := w.start(t, "")
		before := r.settle()
		w.applied()
		r.end()
		if got := w.applied(); got != "" {
			t.Errorf("applied %s", got)
		}
		if after := r.Snapshot(); after != before {
			t.Error("there was another turn")
		}
		if f := openFormer(w.run, w.log); f.read.Bearers[modem.Shared].Interface != "wwan0" || f.read.Trace == "" {
			t.Errorf("the note is %+v", f.read)
		}
	})
}

// TestReload: a changed config is in force at the next turn; one with faults is shown
// and changes nothing; a good one clears the faults.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.settle()
		send := func(i Intent) *Snapshot {
			t.Helper()
			if err := r.Send(i); err != nil {
				t.Fatal(err)
			}
			return r.settle()
		}
		closed := w.config(t, "config sharing\n\toption enabled '0'\n")
		if s := send(Reload{Config: closed}); s.Config != closed || s.Desired.NAT.Sharing || s.Online {
			t.Errorf("after the reload: sharing %v, online %v", s.Desired.NAT.Sharing, s.Online)
		}
		if s := send(BadConfig{Text: "line 3: nonsense"}); s.BadConfig != "line 3: nonsense" || s.Config != closed {
			t.Errorf("after the faults: %q, config %p", s.BadConfig, s.Config)
		}
		if s := send(Reload{Config: w.config(t, "")}); s.BadConfig != "" || !s.Desired.NAT.Sharing || !s.Online {
			t.Errorf("after the repair: %q, sharing %v, online %v", s.BadConfig, s.Desired.NAT.Sharing, s.Online)
		}
	})
}

// TestBurstOfIntents: what waits is taken in one turn, the last one wins, and a loop
// that is too far behind says so.
func TestBurstOfIntents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		before := r.settle().Seq
		var last *config.Config
		w.mu.Lock() // the loop waits for the world
		r.changed()
		sent := 0
		for range 100 {
			next := w.config(t, "config lan\n\toption mtu '1400'\n")
			if r.Send(Reload{Config: next}) != nil {
				break
			}
			last = next
			sent++
		}
		w.mu.Unlock()
		if sent < 10 || sent == 100 {
			t.Fatalf("%d intents were accepted without a turn", sent)
		}
		if s := r.settle(); s.Config != last || s.Seq-before > 5 {
			t.Errorf("%d turns, the last config is in force: %v", s.Seq-before, s.Config == last)
		}
	})
}
