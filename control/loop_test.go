package control

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/dhcp"
	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
)

// TestConverges: from nothing to clients online in a few turns, then rest.
func TestConverges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		s := r.settle()
		if !s.Online || len(s.Failures) > 0 || s.Seq > 12 {
			t.Fatalf("after %d turns: online %v, failures %q", s.Seq, s.Online, s.Failures)
		}
		if steps := plan.Diff(s.Desired, r.observe(time.Now()), false); len(steps) > 0 {
			t.Errorf("still to do: %+v", steps)
		}
		if len(s.Desired.Link.Uplinks) != 1 || s.Desired.Probe.Client.Key == "" {
			t.Errorf("wishes %+v", s.Desired)
		}
		w.applied()
		if later := r.pass(10 * time.Minute); later.Seq > s.Seq+12 || w.applied() != "" {
			t.Errorf("an idle gateway made %d turns in 10 minutes", later.Seq-s.Seq)
		}
		m := s.Marks
		if m.Ruleset.IsZero() || m.Bearer.IsZero() || m.Online.IsZero() || !m.Lease.IsZero() {
			t.Errorf("marks are %+v", m)
		}
	})
}

// TestSnapshotIsThereAtOnce: faces may ask before the first turn.
func TestSnapshotIsThereAtOnce(t *testing.T) {
	w := newWorld(t)
	l := New(Options{Parts: w.parts(), Config: w.config(t, ""), Log: w.log})
	if s := l.Snapshot(); s == nil || s.Config == nil || s.Seq != 0 {
		t.Errorf("snapshot is %+v", s)
	}
}

// TestRulesFirst: the ruleset is in force before the link, which forwards.
func TestRulesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start(t, "").settle()
		if order := w.applied(); !strings.HasPrefix(order, "nat link dhcp dns modem") {
			t.Errorf("applied %s", order)
		}
	})
}

// TestNoRulesNoForwarding: a kernel that takes no ruleset gets no link either; DHCP,
// DNS and the modem go on, and all is well soon after it takes one.
func TestNoRulesNoForwarding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.nat.refusal, w.nat.refuses = errRefused, -1
		r := w.start(t, "")
		s := r.pass(10 * time.Second)
		if got := w.applied(); !strings.Contains(got, "link") || !strings.Contains(got, "dhcp") || !strings.Contains(got, "modem") {
			t.Fatalf("applied %s", got)
		}
		if read(w, func() bool { return w.link.spec.Forward }) || s.Online {
			t.Errorf("the LAN forwards without rules, online %v", s.Online)
		}
		if len(s.Failures) != 1 || s.Failures[0] != "nat: the kernel says no" {
			t.Errorf("failures are %q", s.Failures)
		}
		if n := w.lines.count("part refused its wish"); n != 1 {
			t.Errorf("the same refusal was logged %d times", n)
		}
		read(w, func() int { w.nat.refuses = 0; return 0 })
		if s := r.pass(retry); len(s.Failures) > 0 || len(s.Observed.Link.InForce) == 0 {
			t.Errorf("after the kernel gave in: failures %q, link %q", s.Failures, s.Observed.Link.InForce)
		}
		if !read(w, func() bool { return w.link.spec.Forward }) {
			t.Error("the LAN stays closed although the rules are there")
		}
	})
}

// TestRefusedPartIsTriedAgain: a part that refuses once is asked again although
// nothing changed.
func TestRefusedPartIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.dhcp.refusal, w.dhcp.refuses = errRefused, 3
		r := w.start(t, "")
		if s := r.pass(3 * retry); len(s.Failures) > 0 || !s.Observed.DHCP.Serving {
			t.Errorf("failures %q, serving %v", s.Failures, s.Observed.DHCP.Serving)
		}
	})
}

// TestChangesAreCoalesced: a thousand reports before a turn are one turn.
func TestChangesAreCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		before := r.settle().Seq
		w.mu.Lock() // the next turn waits for the world
		r.changed()
		for range 1000 {
			r.changed()
		}
		w.mu.Unlock()
		if n := r.settle().Seq - before; n < 1 || n > 2 {
			t.Errorf("%d turns", n)
		}
	})
}

// TestFlappingIsBounded: a part that reports without end costs a burst and then four
// turns a second; the loop can still be ended.
func TestFlappingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		before := r.settle().Seq
		const span = 20 * time.Second
		for range span / time.Millisecond {
			<-time.After(time.Millisecond)
			r.changed()
		}
		bound := uint64(turnBurst + span/turnFloor + 1)
		if n := r.settle().Seq - before; n < bound/2 || n > bound {
			t.Errorf("%d turns in %v, wanted at most %d", n, span, bound)
		}
		if took := r.end(); took > time.Second {
			t.Errorf("ended after %v", took)
		}
	})
}

// TestNeverSatisfied: a part that takes every wish and carries out none makes no
// endless loop.
func TestNeverSatisfied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.dns.stuck = true
		s := w.start(t, "").pass(time.Minute)
		if s.Seq > 20 || len(s.Steps) != 1 || s.Steps[0].Part != plan.DNS {
			t.Errorf("%d turns, steps %+v", s.Seq, s.Steps)
		}
	})
}

// TestPace: a full bucket is a burst, an empty one a floor, and it fills again.
func TestPace(t *testing.T) {
	now := time.Unix(1000, 0)
	p := newPace(now)
	for i := range turnBurst {
		if d := p.take(now); d != 0 {
			t.Fatalf("turn %d of the burst waits %v", i, d)
		}
	}
	for range 5 {
		d := p.take(now)
		if d <= 0 || d > turnFloor {
			t.Fatalf("after the burst a turn waits %v", d)
		}
		now = now.Add(d)
	}
	now = now.Add(time.Hour)
	burst := 0
	for p.take(now) == 0 {
		burst++
	}
	if burst != turnBurst {
		t.Errorf("after an hour the burst is %d", burst)
	}
	if d := p.take(now.Add(-time.Minute)); d <= 0 {
		t.Errorf("a clock that was set back gives a turn for free (%v)", d)
	}
}

// TestSnapshotsAreImmutable: an old snapshot stays as it was and says that there is a
// newer one.
func TestSnapshotsAreImmutable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.dhcp.refusal, w.dhcp.refuses = errRefused, 1
		r := w.start(t, "")
		r.settle()
		old := r.Snapshot()
		copied := *old
		failures := append([]string(nil), old.Failures...)
		story := old.APN.Story()
		select {
		case <-old.Superseded():
			t.Fatal("the newest snapshot is superseded")
		default:
		}
		w.change(plan.Modem, func() { w.causes[""] = 33; w.phase = modem.PhaseDenied })
		r.pass(2 * retry)
		select {
		case <-old.Superseded():
		default:
			t.Error("the old snapshot is not superseded")
		}
		if !reflect.DeepEqual(copied, *old) || !reflect.DeepEqual(failures, old.Failures) || !reflect.DeepEqual(story, old.APN.Story()) {
			t.Error("the old snapshot changed")
		}
		if now := r.Snapshot(); now.Seq <= old.Seq || now.Observed.Modem.Phase != modem.PhaseDenied {
			t.Errorf("the new snapshot is %d, phase %s", now.Seq, now.Observed.Modem.Phase)
		}
	})
}

// TestPartThatEnds: a part whose Run fails ends the program in order.
func TestPartThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.settle()
		broken := errors.New("netlink is gone")
		w.change(plan.Link, func() { w.link.end = broken })
		if <-r.done; !errors.Is(r.err, broken) || !strings.HasPrefix(r.err.Error(), "control: ") {
			t.Errorf("Run: %v", r.err)
		}
		if s := r.Snapshot(); s.Observed.NAT.Loaded && read(w, func() nat.Spec { return w.nat.spec }).Enabled {
			t.Error("the ruleset is still there")
		}
	})
}

// TestPreviewAppliesNothing: it says what a first turn would do.
func TestPreviewAppliesNothing(t *testing.T) {
	w := newWorld(t)
	s := Preview(w.parts(), w.config(t, ""), time.Now())
	if got := w.applied(); got != "" {
		t.Errorf("applied %s", got)
	}
	if len(s.Steps) != 5 || s.Steps[0].Part != plan.NAT || !s.Desired.NAT.Enabled || len(s.Desired.Why) == 0 || s.Failures != nil {
		t.Errorf("steps are %+v, failures %q", s.Steps, s.Failures)
	}
	if !reflect.DeepEqual(read(w, func() link.Spec { return w.link.spec }), link.Spec{}) {
		t.Error("the link has a wish")
	}
}

// TestOnline: the best proof that is wished and can be had counts, and no other.
func TestOnline(t *testing.T) {
	gateway := func(v probe.Verdict) probe.Result { return probe.Result{Key: "g", Verdict: v} }
	client := func(key string, v probe.Verdict) probe.Result { return probe.Result{Key: key, Verdict: v} }
	both := probe.Spec{Gateway: probe.Gateway{Key: "g"}, Client: probe.Client{Key: "c"}}
	alone := probe.Spec{Gateway: probe.Gateway{Key: "g"}}
	for _, c := range []struct {
		story  string
		probe  probe.Status
		online bool
	}{
		{"nothing is probed", probe.Status{}, false},
		{"the gateway alone, online", probe.Status{InForce: alone, Gateway: gateway(probe.Online)}, true},
		{"the gateway alone, a portal", probe.Status{InForce: alone, Gateway: gateway(probe.Portal)}, false},
		{"the gateway of a former bearer", probe.Status{InForce: probe.Spec{Gateway: probe.Gateway{Key: "h"}}, Gateway: gateway(probe.Online)}, false},
		{"the client is online", probe.Status{InForce: both, Gateway: gateway(probe.Online), Client: client("c", probe.Online)}, true},
		{"the client is not yet probed", probe.Status{InForce: both, Gateway: gateway(probe.Online)}, false},
		{"the client has no lease", probe.Status{InForce: both, Gateway: gateway(probe.Online), Client: client("c", probe.NoLease)}, false},
		{"the client was online by a former bearer", probe.Status{InForce: both, Gateway: gateway(probe.Online), Client: client("b", probe.Online)}, false},
		{"no client can be made here", probe.Status{InForce: both, Gateway: gateway(probe.Online), Client: client("c", probe.Unproven)}, true},
		{"no client can be made, and the gateway is offline", probe.Status{InForce: both, Gateway: gateway(probe.Dead), Client: client("c", probe.Unproven)}, false},
		{"the client's probe was switched off", probe.Status{InForce: alone, Gateway: gateway(probe.Online), Client: client("c", probe.Dead)}, true},
	} {
		w := newWorld(t)
		s := state{inputs: plan.Inputs{Config: w.config(t, "")}}
		if got := s.online(c.probe); got != c.online {
			t.Errorf("%s: online is %v", c.story, got)
		}
		s.inputs.Config = w.config(t, "config sharing\n\toption enabled '0'\n")
		if s.online(c.probe) {
			t.Errorf("%s: clients are online though nothing is shared", c.story)
		}
	}
}

// TestLeaseMark: the first lease of a client is marked, and the mark stays.
func TestLeaseMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		if m := r.settle().Marks; !m.Lease.IsZero() {
			t.Error("nobody counts as a client")
		}
		w.change(plan.DHCP, func() { w.leases = append(w.leases, dhcp.Lease{MAC: []byte{2, 0, 0, 0, 0, 9}}) })
		first := r.settle().Marks.Lease
		if first.IsZero() {
			t.Fatal("a client's lease is not marked")
		}
		r.pass(time.Hour)
		if m := r.settle().Marks; !m.Lease.Equal(first) {
			t.Error("the mark moved")
		}
	})
}

// TestGrew: packets count from the time that the bearer came up.
func TestGrew(t *testing.T) {
	status := func(rx uint64) link.Status {
		return link.Status{Interfaces: []link.Interface{{Name: "lo", RxBytes: 9999}, {Name: "wwan0", RxBytes: rx}}}
	}
	var r received
	for i, c := range []struct {
		key  string
		st   link.Status
		grew bool
	}{
		{"first", link.Status{}, false},
		{"first", status(500), false},
		{"first", status(500), false},
		{"first", status(501), true},
		{"second", status(501), false},
		{"second", status(600), true},
		{"second", link.Status{}, false},
	} {
		if got := r.grew(c.key, "wwan0", c.st); got != c.grew {
			t.Errorf("look %d: %v", i, got)
		}
	}
}

// TestEarliest: zero means never.
func TestEarliest(t *testing.T) {
	soon, late := time.Unix(1, 0), time.Unix(2, 0)
	for _, c := range [][3]time.Time{{soon, late, soon}, {late, soon, soon}, {{}, late, late}, {soon, {}, soon}, {}} {
		if got := earliest(c[0], c[1]); !got.Equal(c[2]) {
			t.Errorf("earliest(%v, %v) is %v", c[0], c[1], got)
		}
	}
}

// TestEndBeforeTheFirstTurn: a signal at once is an orderly end too.
func TestEndBeforeTheFirstTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		l := New(Options{Parts: w.parts(), Config: w.config(t, ""), Log: w.log})
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := l.Run(ctx); err != nil {
			t.Error(err)
		}
		if got := w.applied(); got != "" {
			t.Errorf("applied %s", got)
		}
	})
}

// TestRulesLostWhileForwarding: a ruleset that cannot be loaded again closes the LAN
// within the same moment, and a client is not called online.
func TestRulesLostWhileForwarding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		if s := r.settle(); !s.Online {
			t.Fatal("not online")
		}
		w.change(plan.NAT, func() { w.nat.spec, w.nat.refusal, w.nat.refuses = nat.Spec{}, errRefused, -1 })
		s := r.pass(time.Second)
		if read(w, func() bool { return w.link.spec.Forward }) || s.Online {
			t.Errorf("the LAN forwards without rules, online %v", s.Online)
		}
	})
}
