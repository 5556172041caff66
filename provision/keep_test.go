package provision

import (
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/probe"
)

func settledWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, network{"internet": carries}, wrong, internet)
	w.run(time.Minute)
	if _, ok := w.ladder.Winner(); !ok {
		t.Fatalf("not settled:\n%s", w.story())
	}
	w.dials = nil
	return w
}

func TestKeepRedialsTheSameRung(t *testing.T) {
	w := settledWorld(t)
	w.status = modem.BearerStatus{State: modem.BearerDown, InForce: w.status.InForce, Cause: 36}
	w.run(time.Minute)
	w.dialled("internet/ipv4v6/none")
	if _, ok := w.ladder.Winner(); !ok {
		t.Errorf("not kept:\n%s", w.story())
	}
}

func TestKeepBeginsAnewAfterFourFailures(t *testing.T) {
	w := settledWorld(t)
	w.net["internet"] = refusal(38)
	w.net["wrong.apn"] = carries
	w.dial(w.status.InForce)
	w.run(time.Hour)
	w.dialled("internet/ipv4v6/none internet/ipv4v6/none internet/ipv4v6/none wrong.apn/ipv4v6/none")
	w.says("wrong.apn: named in section 'home' of the config; carried traffic after 'internet' (ipv4v6) was refused (cause 38: network failure)")
}

func TestKeepSaysThatItRedials(t *testing.T) {
	w := settledWorld(t)
	w.net["internet"] = refusal(38)
	w.dial(w.status.InForce)
	w.run(time.Second)
	w.says("internet: listed for 26201; dialled again soon, because 'internet' (ipv4v6) was refused (cause 38: network failure)")
	w.net["internet"] = answer{silent: true}
	w.run(time.Minute)
	w.says("internet: listed for 26201; being dialled again")
	w.net["internet"] = carries
	w.dial(w.status.InForce)
	w.run(time.Minute)
	if _, ok := w.ladder.Winner(); !ok {
		t.Errorf("not kept:\n%s", w.story())
	}
}

// No coverage is no failure of the access point, however long it lasts.
func TestKeepThroughAHole(t *testing.T) {
	w := settledWorld(t)
	w.ready = false
	w.status = modem.BearerStatus{State: modem.BearerFailed, InForce: w.status.InForce, Cause: 38}
	w.run(24 * time.Hour)
	w.dialled("")
	w.ready, w.status.State = true, modem.BearerDown
	w.run(time.Minute)
	w.dialled("internet/ipv4v6/none")
}

func TestKeepHeldStaysHeld(t *testing.T) {
	w := newWorld(t, network{"internet": answer{}}, internet)
	w.probing = false
	w.run(time.Minute)
	w.net["internet"] = refusal(38)
	w.dial(w.status.InForce)
	w.run(time.Second)
	w.net["internet"] = answer{}
	w.run(time.Minute)
	if _, outcome := w.ladder.Rung(); outcome != Held {
		t.Errorf("%s\n%s", outcome, w.story())
	}
	w.probing, w.net["internet"] = true, carries
	w.probeAt = w.now.Add(time.Second)
	w.run(time.Minute)
	if _, ok := w.ladder.Winner(); !ok {
		t.Error("proven later and not said")
	}
}

// A stall is repaired by one redial, then by beginning anew, ever more patiently.
func TestKeepRepairsStalls(t *testing.T) {
	w := settledWorld(t)
	w.net["internet"] = mute
	w.probeAt = w.now
	w.run(70 * time.Second)
	w.dialled("internet/ipv4v6/none")
	w.net["internet"] = carries
	w.dial(w.status.InForce)
	w.run(10 * time.Minute)
	w.says("internet: listed for 26201; carried traffic after 'wrong.apn' (ipv4v6) was refused (cause 27: missing or unknown APN)")

	w.net["internet"] = mute
	w.probeAt, w.dials = w.now, nil
	w.run(70 * time.Second)
	w.dialled("internet/ipv4v6/none") // the dwell is short again: it had carried for long
	w.run(130 * time.Second)
	w.dialled("wrong.apn/ipv4v6/none internet/ipv4v6/none internet/ipv4/none")
}

// What carries for clients, or to addresses, is no stall whatever looks for pages show.
func TestKeepWhatCarriesAllTheSame(t *testing.T) {
	for _, a := range []answer{{verdict: probe.Dead, served: true}, {verdict: probe.NoDNS, served: true}, {verdict: probe.Dead, alive: true}} {
		w := settledWorld(t)
		w.net["internet"] = a
		w.probeAt = w.now
		w.run(time.Hour)
		w.dialled("")
		w.net["internet"] = mute
		w.run(70 * time.Second)
		w.dialled("internet/ipv4v6/none")
	}
}

// A ladder says whether it looks for another rung, and for whom, also without the SIM.
func TestKeepEndsTheLooking(t *testing.T) {
	w := newWorld(t, network{"internet": carries}, wrong, internet)
	if w.turn(); !w.ladder.Looking() || w.ladder.Key() != "sim1" {
		t.Errorf("at first: %v, %q", w.ladder.Looking(), w.ladder.Key())
	}
	w.run(time.Minute)
	w.key = ""
	if w.turn(); w.ladder.Looking() || w.ladder.Key() != "sim1" {
		t.Errorf("settled: %v, %q", w.ladder.Looking(), w.ladder.Key())
	}
	if l := w.ladder.Redial("dead", w.now); l.Looking() {
		t.Error("a redial looks for another rung")
	}
}

func TestKeepDwellGrows(t *testing.T) {
	w := settledWorld(t)
	var repairs []time.Duration
	last := w.now
	for range 6 { // it carries shortly after each repair, and stalls again
		w.net["internet"] = mute
		w.probeAt = w.now
		before := w.ladder.repairs
		for w.ladder.repairs == before {
			w.run(time.Second)
		}
		repairs = append(repairs, w.now.Sub(last).Round(10*time.Second))
		w.net["internet"] = carries
		for w.run(time.Second); ; w.run(time.Second) {
			if _, ok := w.ladder.Winner(); ok {
				break
			}
		}
		last = w.now
	}
	want := []time.Duration{60, 120, 240, 480, 900, 900}
	for i := range want {
		if repairs[i] != want[i]*time.Second {
			t.Fatalf("repairs after %v", repairs)
		}
	}
}

// One probe that fails now and then is no stall.
func TestKeepForgivesSingleFailures(t *testing.T) {
	w := settledWorld(t)
	for range 200 {
		w.net["internet"] = mute
		w.probeAt = w.now
		w.run(5 * time.Second)
		w.net["internet"] = carries
		w.probeAt = w.now
		w.run(30 * time.Second)
	}
	w.dialled("")
}

// Nothing but the operator's page, later: the doctor's business, not the ladder's.
func TestKeepPortalAfterTraffic(t *testing.T) {
	w := settledWorld(t)
	w.net["internet"] = portal
	w.run(time.Hour)
	w.dialled("")
}

func TestKeepWalledIsRedialledToo(t *testing.T) {
	w := newWorld(t, network{"internet": portal}, internet)
	w.run(time.Minute)
	w.net["internet"] = refusal(38)
	w.dial(w.status.InForce)
	w.run(time.Second)
	w.net["internet"] = portal
	w.run(time.Minute)
	if _, outcome := w.ladder.Rung(); outcome != Walled || w.result != probe.Portal {
		t.Errorf("%s\n%s", outcome, w.story())
	}
}

func TestStoryIsBoundedAndShared(t *testing.T) {
	w := newWorld(t, network{}, internet, wrong, login)
	w.run(10 * time.Second)
	old := w.ladder
	text := old.Why()
	w.run(24 * time.Hour)
	if len(w.ladder.Story()) != maxStory {
		t.Errorf("%d lines", len(w.ladder.Story()))
	}
	if old.Why() != text || len(old.Story()) != 3 {
		t.Error("an older ladder was changed")
	}
	story := old.Story()
	story[0].APN = "changed"
	if strings.Contains(old.Story()[0].APN, "changed") {
		t.Error("the story is the caller's and the ladder's")
	}
}
