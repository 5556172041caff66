package probe

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// driven is a driver whose vantage points are told what they see.
type driven struct {
	*Driver
	begun   time.Time
	changes atomic.Int32

	lock  sync.Mutex
	sees  map[string]finding       // by vantage point
	needs map[string]time.Duration // that long for it
	looks []string                 // "gateway 3s", in order
}

// drive runs a test with a driver in Run, in a world where time costs nothing.
func drive(t *testing.T, f func(*testing.T, *driven)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &driven{
			Driver: New(Options{Log: slog.New(slog.DiscardHandler)}), begun: time.Now(),
			sees: map[string]finding{}, needs: map[string]time.Duration{},
		}
		d.gateway.look, d.client.look = d.looker("gateway"), d.looker("client")
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx, func() { d.changes.Add(1) }) }()
		f(t, d)
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func (d *driven) looker(who string) func(context.Context, Spec, manner) finding {
	return func(ctx context.Context, _ Spec, _ manner) finding {
		d.lock.Lock()
		if len(d.looks) > 1000 {
			panic("a busy loop")
		}
		d.looks = append(d.looks, who+" "+time.Since(d.begun).String())
		f, need := d.sees[who], d.needs[who]
		d.lock.Unlock()
		select {
		case <-time.After(need):
		case <-ctx.Done():
		}
		f.bytes += 100
		return f
	}
}

// see tells a vantage point what its next looks find, and after how long.
func (d *driven) see(who string, f finding, need time.Duration) {
	d.lock.Lock()
	defer d.lock.Unlock()
	d.sees[who], d.needs[who] = f, need
}

// looked gives the looks since the last call.
func (d *driven) looked() []string {
	d.lock.Lock()
	defer d.lock.Unlock()
	looks := d.looks
	d.looks = nil
	return looks
}

// until lets time pass up to a second after the beginning.
func (d *driven) until(second int) {
	<-time.After(time.Until(d.begun.Add(time.Duration(second) * time.Second)))
	synctest.Wait()
}

func (d *driven) expect(t *testing.T, looks ...string) {
	t.Helper()
	if got := d.looked(); !slices.Equal(got, looks) {
		t.Errorf("looked at %q, want %q", got, looks)
	}
}

func gatewaySpec(interval time.Duration) Spec {
	return Spec{Targets: []Target{{URL: "http://a.example/", Status: 204}}, Gateway: Gateway{Key: "a"}, Interval: interval}
}

func TestSuccessIsAskedAgainAfterTheInterval(t *testing.T) {
	for interval, want := range map[time.Duration]string{
		time.Minute:      "0s 1m0s 2m0s",
		50 * time.Second: "0s 50s 1m40s",
		10 * time.Hour:   "0s",
	} {
		drive(t, func(t *testing.T, d *driven) {
			d.see("gateway", finding{verdict: Online}, 0)
			d.Apply(gatewaySpec(interval))
			d.until(121)
			looks := d.looked()
			if got := strings.ReplaceAll(strings.Join(looks, " "), "gateway ", ""); got != want {
				t.Errorf("every %v: looked at %s, want %s", interval, got, want)
			}
			if n := int(d.changes.Load()); n != len(looks) {
				t.Errorf("%d changes for %d looks", n, len(looks))
			}
		})
	}
}

// TestNoIntervalIsNoBusyLoop: neither without an interval nor with an absurd one.
func TestNoIntervalIsNoBusyLoop(t *testing.T) {
	for _, interval := range []time.Duration{0, 1, -time.Hour} {
		drive(t, func(t *testing.T, d *driven) {
			d.see("gateway", finding{verdict: Online}, 0)
			d.Apply(gatewaySpec(interval))
			d.until(31)
			d.expect(t, "gateway 0s", "gateway 10s", "gateway 20s", "gateway 30s")
		})
	}
}

// TestFailureIsAskedAgainSoon: and ever later, but never later than a success.
func TestFailureIsAskedAgainSoon(t *testing.T) {
	for interval, want := range map[time.Duration]string{
		time.Hour:        "0s 1s 3s 7s 15s 31s 1m3s 2m3s 3m3s",
		12 * time.Second: "0s 1s 3s 7s 15s 27s 39s 51s 1m3s 1m15s 1m27s 1m39s 1m51s 2m3s 2m15s 2m27s 2m39s 2m51s 3m3s",
	} {
		drive(t, func(t *testing.T, d *driven) {
			d.see("gateway", finding{verdict: Dead}, 0)
			d.Apply(gatewaySpec(interval))
			d.until(184)
			looks := d.looked()
			if got := strings.ReplaceAll(strings.Join(looks, " "), "gateway ", ""); got != want {
				t.Errorf("every %v: looked at %s, want %s", interval, got, want)
			}
			if got := d.Observe().Gateway.Failed; got != len(looks) {
				t.Errorf("%d failures in %d looks", got, len(looks))
			}
			d.see("gateway", finding{verdict: NoDNS}, 0)
			d.until(184 + 60)
			if r := d.Observe().Gateway; r.Failed <= len(looks) || r.Alike != r.Failed-len(looks) {
				t.Errorf("after another kind of failure: %+v", r)
			}
			d.see("gateway", finding{verdict: Online}, 0)
			d.until(184 + 120)
			if r := d.Observe().Gateway; r.Verdict != Online || r.Failed != 0 || r.Alike != 0 {
				t.Errorf("after the repair: %+v", r)
			}
		})
	}
}

// TestManyFailures: the pause stays what it is, however long nothing works.
func TestManyFailures(t *testing.T) {
	p := New(Options{}).gateway
	for failed := range 200 {
		p.last = Result{Key: "a", At: time.Unix(1000, 0), Failed: failed + 1}
		at, ok := p.due(gatewaySpec(time.Hour), account{})
		if pause := at.Sub(p.last.At); !ok || pause < firstPause || pause > lastPause {
			t.Errorf("after %d failures: %v", failed+1, pause)
		}
	}
}

// TestUnprovenIsNoFailure: what cannot be proved here is not tried in haste.
func TestUnprovenIsNoFailure(t *testing.T) {
	drive(t, func(t *testing.T, d *driven) {
		d.see("gateway", finding{verdict: Unproven, detail: "weaker", cannot: "all"}, 0)
		d.Apply(gatewaySpec(time.Minute))
		d.until(59)
		d.expect(t, "gateway 0s")
		if r := d.Observe().Gateway; r.Failed != 0 || r.Detail != "weaker" || r.Cannot != "all" {
			t.Errorf("%+v", r)
		}
	})
}

// TestResultTellsTheLook: what was found, when, how long it took and what it cost.
func TestResultTellsTheLook(t *testing.T) {
	drive(t, func(t *testing.T, d *driven) {
		d.see("client", finding{verdict: Portal, detail: "d", cannot: "c", target: "t"}, 2*time.Second)
		s := gatewaySpec(time.Hour)
		s.Gateway, s.Client = Gateway{}, Client{Key: "k"}
		d.Apply(s)
		d.until(4) // the second look, a second after the first, is under way
		st := d.Observe()
		want := Result{
			Key: "k", Verdict: Portal, Detail: "d", Cannot: "c", Target: "t",
			At: d.begun.Add(2 * time.Second), Took: 2 * time.Second, Bytes: 100, Failed: 1, Alike: 1,
		}
		if st.Client != want || st.Gateway != (Result{}) {
			t.Errorf("%+v", st)
		}
		d.until(6)
		if r := d.Observe().Client; r.Bytes != 200 || r.Failed != 2 || r.Alike != 2 {
			t.Errorf("%+v", r)
		}
	})
}

// TestAChangeOfOneIsAskedOfTheOther: when the gateway has Internet again, or a client has it
// no more, what the other one has seen is old.
func TestAChangeOfOneIsAskedOfTheOther(t *testing.T) {
	drive(t, func(t *testing.T, d *driven) {
		both := func(v Verdict) { d.see("gateway", finding{verdict: v}, 0); d.see("client", finding{verdict: v}, 0) }
		both(Dead)
		s := gatewaySpec(time.Hour)
		s.Client.Key = "c"
		d.Apply(s)
		d.until(40)
		d.looked()
		d.see("client", finding{verdict: Dead}, 8*time.Second) // its looks end later and later
		d.until(100)
		d.looked()
		both(Online)
		d.until(180)
		if got := d.looked(); len(got) != 2 || strings.TrimPrefix(got[0], "gateway") != strings.TrimPrefix(got[1], "client") {
			t.Errorf("recovery: looked at %q", got)
		}
		d.see("client", finding{verdict: Portal}, 0)
		s.Again++
		d.Apply(s)
		d.until(182)
		if got := d.looked(); len(got) != 4 || !strings.HasPrefix(got[2], "gateway") {
			t.Errorf("a client alone: looked at %q", got)
		}
	})
}

// TestVantagePointsTakeTurns: the gateway first, never both at once.
func TestVantagePointsTakeTurns(t *testing.T) {
	drive(t, func(t *testing.T, d *driven) {
		d.see("gateway", finding{verdict: Online}, 3*time.Second)
		d.see("client", finding{verdict: NoLease}, 2*time.Second)
		s := gatewaySpec(time.Minute)
		s.Client.Key = "c"
		d.Apply(s)
		d.until(13)
		d.expect(t, "gateway 0s", "client 3s", "gateway 5s", "client 8s", "client 12s")
	})
}

// TestChangedWishIsProbedAtOnce: all that a vantage point looks at, but not how often.
func TestChangedWishIsProbedAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Spec)
		want   []string // after the first round
	}{
		"the gateway's key":     {func(s *Spec) { s.Gateway.Key = "b" }, []string{"gateway 5s"}},
		"its interface":         {func(s *Spec) { s.Gateway.Interface = "b" }, []string{"gateway 5s"}},
		"the client's key":      {func(s *Spec) { s.Client.Key = "b" }, []string{"client 5s"}},
		"the bridge":            {func(s *Spec) { s.Client.Bridge = "b" }, []string{"client 5s"}},
		"the targets":           {func(s *Spec) { s.Targets = append(s.Targets, Target{}) }, []string{"gateway 5s", "client 5s"}},
		"the interval":          {func(s *Spec) { s.Interval = time.Minute }, nil},
		"a shorter interval":    {func(s *Spec) { s.Interval = 0 }, []string{"gateway 10s", "client 10s"}},
		"nothing":               {func(*Spec) {}, nil},
		"something around":      {func(s *Spec) { s.Anew++ }, []string{"gateway 5s", "client 5s"}},
		"the client goes":       {func(s *Spec) { s.Client = Client{} }, nil},
		"both keys are swapped": {func(s *Spec) { s.Gateway.Key, s.Client.Key = s.Client.Key, s.Gateway.Key }, []string{"gateway 5s", "client 5s"}},
	} {
		drive(t, func(t *testing.T, d *driven) {
			d.see("gateway", finding{verdict: Online}, 0)
			d.see("client", finding{verdict: Online}, 0)
			s := gatewaySpec(time.Hour)
			s.Client.Key = "c"
			d.Apply(s)
			d.until(5)
			d.looked()
			c.change(&s)
			d.Apply(s)
			d.until(15)
			if looks := d.looked(); !slices.Equal(looks, c.want) {
				t.Errorf("%s changed: looked at %q, want %q", name, looks, c.want)
			}
			if lines := Drift(s, d.Observe()); len(lines) != 0 {
				t.Errorf("%s changed: drift after Apply: %q", name, lines)
			}
		})
	}
}

// TestOvertakenLookIsGivenUp: its result is nobody's, but it has cost something.
func TestOvertakenLookIsGivenUp(t *testing.T) {
	drive(t, func(t *testing.T, d *driven) {
		d.see("gateway", finding{verdict: Dead}, 8*time.Second)
		d.Apply(gatewaySpec(time.Hour))
		d.until(2)
		d.see("gateway", finding{verdict: Online}, 8*time.Second)
		s := gatewaySpec(time.Hour)
		s.Gateway.Key = "b"
		d.Apply(s)
		d.until(3)
		if r := d.Observe().Gateway; r.Key != "" || r.Verdict != Unknown || r.Bytes != 100 || d.changes.Load() != 0 {
			t.Errorf("%+v, %d changes", r, d.changes.Load())
		}
		d.until(11)
		if r := d.Observe().Gateway; r.Key != "b" || r.Verdict != Online || r.Bytes != 200 || d.changes.Load() != 1 {
			t.Errorf("%+v, %d changes", r, d.changes.Load())
		}
		d.expect(t, "gateway 0s", "gateway 2s")
	})
}

// TestLookBeforeAChange: a look that began before a change around proves nothing of what
// is there after it.
func TestLookBeforeAChange(t *testing.T) {
	drive(t, func(t *testing.T, d *driven) {
		d.see("gateway", finding{verdict: Online}, 8*time.Second)
		s := gatewaySpec(time.Hour)
		d.Apply(s)
		d.until(2)
		s.Anew++
		d.Apply(s)
		d.until(11)
		if r := d.Observe().Gateway; r.Verdict != Online || r.At.Add(-r.Took) != d.begun.Add(2*time.Second) {
			t.Errorf("%+v", r)
		}
		d.expect(t, "gateway 0s", "gateway 2s")
	})
}

// TestUnconcernedLookGoesOn while something else of the wish changes.
func TestUnconcernedLookGoesOn(t *testing.T) {
	drive(t, func(t *testing.T, d *driven) {
		d.see("gateway", finding{verdict: Online}, 8*time.Second)
		d.see("client", finding{verdict: Online}, 0)
		s := gatewaySpec(time.Hour)
		d.Apply(s)
		d.until(2)
		s.Interval, s.Client.Key = time.Minute, "c"
		d.Apply(s)
		d.until(9)
		d.expect(t, "gateway 0s", "client 8s")
	})
}

// TestOffAndOnAgain: nothing is probed while off; what was found stays told under its
// key, and is found anew afterwards.
func TestOffAndOnAgain(t *testing.T) {
	drive(t, func(t *testing.T, d *driven) {
		d.until(100)
		d.expect(t)
		d.see("gateway", finding{verdict: Online}, 0)
		d.Apply(gatewaySpec(time.Minute))
		d.until(130)
		d.Apply(Spec{})
		d.until(1000)
		st := d.Observe()
		if lines := Drift(Spec{}, st); len(lines) != 0 || st.Gateway.Key != "a" {
			t.Errorf("off: %q, %+v", lines, st)
		}
		d.Apply(gatewaySpec(time.Minute))
		d.until(1001)
		d.expect(t, "gateway 1m40s", "gateway 16m40s")
	})
}

// TestEndOfRunIsNoFailure: a look that the end of Run cuts off proves nothing.
func TestEndOfRunIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Options{Log: slog.New(slog.DiscardHandler)})
		looking := make(chan struct{})
		d.gateway.look = func(ctx context.Context, _ Spec, _ manner) finding {
			close(looking)
			<-ctx.Done()
			return finding{verdict: Dead, bytes: 7}
		}
		d.Apply(gatewaySpec(time.Minute))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- d.Run(ctx, func() { t.Error("changed") }) }()
		<-looking
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if r := d.Observe().Gateway; r != (Result{Bytes: 7}) {
			t.Errorf("%+v", r)
		}
	})
}

// TestListsAreCopied: neither who applies nor who observes can change what is in force.
func TestListsAreCopied(t *testing.T) {
	d := New(Options{Log: slog.New(slog.DiscardHandler)})
	applied, want := wholeSpec(), wholeSpec()
	d.Apply(applied)
	spoil := func(s Spec) {
		s.Targets[0].URL, s.Operator[0].URL = "spoiled", "spoiled"
		s.Gateway.Servers[0] = s.Gateway.Servers[0].Next()
	}
	spoil(applied)
	spoil(d.Observe().InForce)
	if lines := Drift(want, d.Observe()); len(lines) != 0 {
		t.Errorf("%q", lines)
	}
}

// TestOneLooksAndTwoLooks: the first look, one after a failure and one in doubt must be sure;
// one that only confirms the last one is cheap, and each begins with another page.
func TestOneLooksAndTwoLooks(t *testing.T) {
	drive(t, func(t *testing.T, d *driven) {
		var manners []manner
		look := d.gateway.look
		d.gateway.look = func(ctx context.Context, s Spec, m manner) finding {
			manners = append(manners, m)
			return look(ctx, s, m)
		}
		d.see("gateway", finding{verdict: Online, large: LargePasses}, 2*time.Second)
		s := gatewaySpec(time.Minute)
		expect := func(second int, want string) {
			t.Helper()
			d.until(second)
			got := ""
			for _, m := range manners {
				got += strings.TrimSpace(fmt.Sprintf(" %d%s", m.turn, map[bool]string{true: "!"}[m.sure])) + " "
			}
			if got != want {
				t.Errorf("after %d s the looks are %q, want %q", second, got, want)
			}
			manners = nil
		}
		d.Apply(s)
		expect(130, "0! 1 2 ")
		s.Again++
		d.Apply(s)
		expect(135, "3! ")
		d.until(195) // a cheap look is under way
		s.Again++
		d.Apply(s)
		expect(200, "4 5! ")
		d.see("gateway", finding{verdict: Portal}, 0)
		expect(259, "6 7! ")
		s.Gateway.Key = "b"
		d.see("gateway", finding{verdict: Online, large: LargePasses}, 0)
		d.Apply(s)
		expect(261, "8! ")
	})
}
