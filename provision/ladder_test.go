package provision

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/probe"
)

func TestLadderZeroValue(t *testing.T) {
	var l Ladder
	if _, ok := l.Bearer(); ok || l.Trace() != "" || len(l.Story()) != 0 {
		t.Error("the zero ladder wishes something")
	}
	l, wake := l.Climb("", nil, Seen{})
	if _, ok := l.Bearer(); ok || !wake.IsZero() {
		t.Error("a ladder without a SIM wishes something")
	}
	if why := l.Why(); why != "no SIM to choose an access point for" {
		t.Error(why)
	}
}

func TestLadderAnotherSIM(t *testing.T) {
	w := newWorld(t, network{"internet": carries}, internet)
	w.run(time.Minute)
	w.key = ""
	w.ready = false
	w.run(time.Second)
	if _, ok := w.ladder.Bearer(); ok {
		t.Error("a bearer is wished for a SIM that is gone")
	}
	w.key, w.ready, w.rungs = "sim2", true, Rungs([]Candidate{login})
	w.net = network{"login": carries}
	w.run(time.Minute)
	w.dialled("internet/ipv4v6/none login/ipv4v6/chap")
	w.says("login: listed for 26201; carried traffic")
}

func TestLadderSameSIMGoesOn(t *testing.T) {
	w := newWorld(t, network{"internet": carries}, wrong, internet)
	w.run(time.Minute)
	w.key, w.ready = "", false
	w.run(time.Hour)
	w.key = "sim1"
	w.run(time.Hour)
	w.ready = true
	w.run(time.Minute)
	w.dialled("wrong.apn/ipv4v6/none internet/ipv4v6/none internet/ipv4v6/none")
	if w.rounds != 1 {
		t.Errorf("%d rounds", w.rounds)
	}
}

// Asked to, it hangs up and climbs from the first rung, also when that is the one in
// force; without a SIM it waits for one as before.
func TestLadderAgain(t *testing.T) {
	w := newWorld(t, network{"internet": carries}, internet)
	w.run(time.Minute)
	for range 2 {
		before := w.ladder.wish()
		w.ladder = w.ladder.Again()
		w.turn()
		if w.ladder.wish() == before {
			t.Error("nothing is dialled anew")
		}
		w.run(time.Minute)
	}
	w.dialled("internet/ipv4v6/none internet/ipv4v6/none internet/ipv4v6/none")
	if _, ok := (Ladder{}).Again().Bearer(); ok {
		t.Error("a bearer is wished without a SIM")
	}
}

// A SIM that goes while its bearer is proved is proved from the beginning later.
func TestLadderSIMGoneWhileProving(t *testing.T) {
	w := newWorld(t, network{"internet": answer{}}, internet)
	w.run(time.Second)
	w.key = ""
	w.run(time.Hour)
	w.key = "sim1"
	w.run(time.Second)
	if _, outcome := w.ladder.Rung(); outcome != Trying {
		t.Errorf("%s\n%s", outcome, w.story())
	}
}

// What the session says of the same bearer under the old wishes is not an answer.
func TestLadderChangedWishesStartAnew(t *testing.T) {
	w := newWorld(t, network{}, internet)
	w.turn()
	w.turn()
	w.key, w.net["internet"] = "sim1 with other wishes", carries
	w.run(time.Minute)
	if rung, ok := w.ladder.Winner(); !ok || rung.Bearer.APN != "internet" {
		t.Errorf("story:\n%s", w.story())
	}
	w.dialled("internet/ipv4v6/none internet/ipv4v6/none")
}

func TestLadderTraceAdoptsAcrossProcesses(t *testing.T) {
	w := newWorld(t, network{"internet": refusal(38)}, wrong, internet)
	w.run(time.Second)
	if w.ladder.Trace() != "" {
		t.Error("a trace of nothing")
	}
	w.net["internet"] = carries
	w.run(time.Minute)
	w.trace = w.ladder.Trace()
	wish, _ := w.ladder.Bearer()
	if wish.Attempt == 0 || strings.Contains(w.trace, "internet") {
		t.Fatalf("attempt %d, trace %q", wish.Attempt, w.trace)
	}

	w.ladder, w.dials = Ladder{}, nil // another process
	w.turn()
	if again, _ := w.ladder.Bearer(); again != wish {
		t.Errorf("wishes %+v, the bearer is %+v", again, wish)
	}
	if (Ladder{}).Leaves(w.trace) || w.ladder.Leaves(w.trace) || !w.ladder.Leaves("") {
		t.Error("it leaves where the former process was")
	}
	w.run(time.Minute)
	if w.ladder.Leaves(w.trace) {
		t.Error("it has left where the former process was, and traffic flows")
	}
	w.dialled("")
	w.says("internet: listed for 26201; carried traffic")
}

func TestLadderTraceThatFailsBeginsAtTheTop(t *testing.T) {
	w := newWorld(t, network{"internet": carries}, wrong, internet, login)
	w.run(time.Minute)
	w.trace, w.ladder, w.status, w.dials = w.ladder.Trace(), Ladder{}, modem.BearerStatus{}, nil
	w.net = network{"wrong.apn": carries}
	w.run(time.Minute)
	if !w.ladder.Leaves(w.trace) {
		t.Error("it has not left the rung that failed")
	}
	w.dialled("internet/ipv4v6/none wrong.apn/ipv4v6/none")
}

func TestLadderTraceOfSomethingElse(t *testing.T) {
	w := newWorld(t, network{"internet": carries}, wrong, internet)
	w.run(time.Minute)
	good := w.ladder.Trace()
	fields := strings.Fields(good)
	for _, trace := range []string{
		"", "x", good + " x", strings.Replace(good, "sim1", "sim2", 1),
		fields[0] + " 0000000000000000 0", fields[0] + " " + fields[1] + " -1", fields[0] + " " + fields[1] + " 4294967296",
	} {
		l, _ := Ladder{}.Climb("sim1", func() []Rung { return w.rungs }, Seen{Now: w.now, Trace: trace})
		if wish, ok := l.Bearer(); !ok || wish.APN != "wrong.apn" {
			t.Errorf("%q: %+v", trace, wish)
		}
	}
}

func TestFingerprintTellsAllFieldsApart(t *testing.T) {
	base := modem.Bearer{APN: "a", User: "b", Password: "c", Auth: modem.AuthPAP, Family: modem.IPv4}
	seen := map[string]bool{Rung{Bearer: base}.fingerprint("k"): true, Rung{Bearer: base}.fingerprint("l"): true}
	for _, change := range []func(*modem.Bearer){
		func(b *modem.Bearer) { b.APN = "x" }, func(b *modem.Bearer) { b.User = "x" },
		func(b *modem.Bearer) { b.Password = "x" }, func(b *modem.Bearer) { b.Auth = modem.AuthCHAP },
		func(b *modem.Bearer) { b.Family = modem.IPv6 }, func(b *modem.Bearer) { b.APN, b.User = "ab", "" },
	} {
		b := base
		change(&b)
		print := Rung{Bearer: b}.fingerprint("k")
		if seen[print] {
			t.Errorf("%+v is not told apart", b)
		}
		seen[print] = true
	}
}

// Whatever is seen, a ladder is bounded, never wants to be woken in the past, moves
// no more for the same observation, and ends its rounds.
func TestLadderProperties(t *testing.T) {
	rungs := Rungs([]Candidate{wrong, assigned, internet, login})
	known := make(map[modem.Bearer]bool)
	for _, r := range rungs {
		known[r.Bearer] = true
	}
	list := func() []Rung { return rungs }
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
		var l Ladder
		for range 400 {
			seen := anything(random, l, now)
			key := []string{"", "a", "a", "a", "a", "a", "a", "a", "b"}[random.IntN(9)]
			next, wake := l.Climb(key, list, seen)
			if err := lawful(next, wake, seen, known); err != "" {
				t.Fatalf("seed %d: %s\nseen %+v\nladder %+v", seed, err, seen, next)
			}
			if again, _ := next.Climb(key, list, seen); !reflect.DeepEqual(again, next) {
				next.rungs, again.rungs = nil, nil
				t.Fatalf("seed %d: moves twice for one observation\nseen %+v\nfirst %+v\nagain %+v", seed, seen, next, again)
			}
			l = next
			now = now.Add(time.Duration(random.IntN(90)) * time.Second / time.Duration(1+random.IntN(30)))
			if !wake.IsZero() && random.IntN(2) == 0 {
				now = wake
			}
		}
	}
}

// anything is a random observation, mostly of what is wished.
func anything(random *rand.Rand, l Ladder, now time.Time) Seen {
	pick := func(n int) int { return random.IntN(n) }
	seen := Seen{Now: now, Ready: pick(8) > 0, Probing: pick(10) > 0, RxGrew: pick(2) == 0, Failed: pick(5),
		Verdict: []probe.Verdict{"", probe.Online, probe.Portal, probe.NoDNS, probe.Dead, probe.Dead, probe.Unproven, probe.NoLease}[pick(8)]}
	wish, _ := l.Bearer()
	if pick(6) == 0 {
		wish.Attempt += uint32(pick(3))
	}
	seen.Bearer = modem.BearerStatus{InForce: wish,
		State: []modem.BearerState{"", modem.BearerDown, modem.BearerConnecting, modem.BearerUp, modem.BearerUp, modem.BearerFailed}[pick(6)],
		Cause: []uint32{0, 8, 26, 27, 28, 29, 33, 36, 50, 51, 52, 111, 999}[pick(13)]}
	if pick(4) > 0 {
		seen.Bearer.IPv4 = &modem.IPConfig{}
	}
	if pick(2) == 0 {
		seen.Bearer.IPv6 = &modem.IPConfig{}
	}
	return seen
}

func lawful(l Ladder, wake time.Time, seen Seen, known map[modem.Bearer]bool) string {
	wish, ok := l.Bearer()
	attempt := wish.Attempt
	wish.Attempt = 0
	switch {
	case !wake.IsZero() && !wake.After(seen.Now):
		return "to be woken in the past"
	case ok && !known[wish]:
		return "wishes what is no rung"
	case len(l.Story()) > maxStory:
		return "story too long"
	case l.ours > len(l.story):
		return "more is known than is told"
	case attempt > 2000:
		return "attempts run away"
	case l.Why() == "":
		return "no why"
	case wake.After(seen.Now.Add(maxPause)):
		return "sleeps for too long"
	}
	return ""
}

// However the network answers, a round of a ready session ends: it settles or rests.
func TestLadderRoundsEnd(t *testing.T) {
	answers := []answer{mute, portal, v6, {silent: true}, {verdict: probe.Dead, rx: true}, refusal(0), refusal(26),
		refusal(27), refusal(28), refusal(29), refusal(33), refusal(50), refusal(51), refusal(52), refusal(111)}
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 2))
		w := newWorld(t, network{}, wrong, assigned, internet, login)
		for _, rung := range w.rungs {
			b := rung.Bearer
			w.net[fmt.Sprintf("%s/%s/%s", b.APN, b.Family, b.Auth)] = answers[random.IntN(len(answers))]
		}
		for w.ladder.stage != settled && w.ladder.rounds == 0 {
			if w.now.Sub(w.start) > 2*time.Hour {
				t.Fatalf("seed %d: a round does not end:\n%s", seed, w.story())
			}
			w.run(10 * time.Second)
		}
		if tries := len(w.dials); tries > 3*len(w.rungs) {
			t.Errorf("seed %d: %d dials for %d rungs", seed, tries, len(w.rungs))
		}
	}
}

func BenchmarkClimbSettled(b *testing.B) {
	rungs := Rungs([]Candidate{internet})
	seen := Seen{Now: time.Unix(0, 0), Ready: true, Probing: true, Verdict: probe.Online}
	l, _ := Ladder{}.Climb("k", func() []Rung { return rungs }, seen)
	wish, _ := l.Bearer()
	seen.Bearer = modem.BearerStatus{State: modem.BearerUp, InForce: wish, IPv4: &modem.IPConfig{}}
	b.ReportAllocs()
	for b.Loop() {
		l, _ = l.Climb("k", nil, seen)
	}
	if _, ok := l.Winner(); !ok {
		b.Fatal("not settled")
	}
}
