package provision

import (
	"testing"
	"time"
)

// resting is a world in which rounds have found nothing for so long that the pauses are long.
func resting(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, network{}, wrong, internet)
	w.run(2 * time.Hour)
	if w.ladder.stage != waiting {
		t.Fatalf("not resting:\n%s", w.story())
	}
	for w.ladder.until.Sub(w.now) < 10*time.Minute { // in the middle of a long pause
		w.run(time.Minute)
	}
	w.run(backPause)
	w.dials = nil
	return w
}

// A SIM that is put in again, a modem that comes back and a new registration are what a
// person was asked for, or what may have changed the network's mind: they are tried at once.
func TestRestEndsWithWhatComesBack(t *testing.T) {
	for what, gone := range map[string]string{"the SIM or the modem": "", "the network": "sim1"} {
		w := resting(t)
		w.key, w.ready = gone, false
		w.run(30 * time.Second)
		w.key, w.net["internet"] = "sim1", carries
		w.run(30 * time.Second)
		w.dialled("")
		w.ready = true
		w.run(2 * time.Second)
		if _, ok := w.ladder.Winner(); !ok {
			t.Errorf("%s is back, and it rests: %s", what, w.ladder.Why())
		}
	}
}

// A registration that comes and goes does not have everything tried each time.
func TestRestOfAFlappingNetwork(t *testing.T) {
	w := resting(t)
	before := w.rounds
	for range 360 { // an hour
		w.ready = !w.ready
		w.run(10 * time.Second)
	}
	if n := w.rounds - before; n < 5 || n > int(time.Hour/backPause) {
		t.Errorf("%d rounds in an hour", n)
	}
}

// What is known is of the SIM that is there and of the present settings; the story goes on.
func TestKnownIsOfOneKey(t *testing.T) {
	w := newWorld(t, network{}, wrong)
	known := func(outcome Outcome, tries int) {
		t.Helper()
		if is, list := w.ladder.Known(); is != outcome || len(list) != tries {
			t.Errorf("%q and %d tries, want %q and %d\n%s", is, len(list), outcome, tries, w.story())
		}
	}
	known("", 0)
	w.run(time.Second)
	known(Refused, 1)
	w.key = ""
	w.turn()
	known(Trying, 0)
	w.key = "sim1"
	w.turn()
	known(Refused, 1)
	w.ladder = w.ladder.Again()
	w.run(time.Second)
	known(Refused, 2)
	w.key, w.net["wrong.apn"] = "sim2", answer{silent: true}
	w.run(time.Second)
	known(Trying, 1)
	if n := len(w.ladder.Story()); n != 3 {
		t.Errorf("%d lines", n)
	}
	w.net = network{}
	w.run(24 * time.Hour)
	if _, list := w.ladder.Known(); len(list) != maxStory {
		t.Errorf("%d tries", len(list))
	}
}
