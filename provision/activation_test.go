package provision

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tetherd/tetherd/provision/document"
)

// pursuit follows an Activity through a day of observations.
type pursuit struct {
	a     Activity
	what  document.Activation
	begun time.Time
	story strings.Builder
}

func newPursuit(what document.Activation) *pursuit {
	return &pursuit{a: BeginActivity("e", what, day), what: what, begun: day}
}

// until observes at every wake, and at the end.
func (p *pursuit) until(t *testing.T, end time.Duration, ready, proved bool, from time.Duration) *pursuit {
	t.Helper()
	for now := day.Add(from); !now.After(day.Add(end)); {
		seen := Effect{Now: now, Ready: ready, Proved: proved}
		next, try, wake := p.a.Pursue(p.what, seen)
		if again, twice, _ := next.Pursue(p.what, Effect{Now: now, Ready: ready}); twice || !proved && again != next {
			t.Fatalf("the same moment moves it twice: %+v, %+v", next, again)
		}
		if try {
			fmt.Fprintf(&p.story, "%s try %d\n", now.Sub(day), next.Tries)
		}
		if next.End != p.a.End {
			fmt.Fprintf(&p.story, "%s %s\n", now.Sub(day), next.End)
		}
		p.a = next
		if wake.IsZero() {
			return p
		}
		if !wake.After(now) {
			t.Fatalf("at %v it wants to be woken at %v", now, wake)
		}
		now = wake
	}
	return p
}

func (p *pursuit) tells(t *testing.T, want string) {
	t.Helper()
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), p.story.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The first try waits for the delay, each further one for the interval; then it gives up.
func TestActivityKeepsTheDocumentsTimes(t *testing.T) {
	p := newPursuit(document.Activation{Method: "reconnect", Delay: 30, Retries: 2, Interval: 120})
	p.until(t, time.Hour, true, false, 0).tells(t, `
30s try 1
2m30s try 2
4m30s try 3
6m30s given up
`)
	p.until(t, 24*time.Hour, true, true, time.Hour)
	if p.a.End != GaveUp {
		t.Errorf("what was given up goes on: %+v", p.a)
	}
}

// Without times in the document it is one try at once, which has a minute.
func TestActivityWithoutTimes(t *testing.T) {
	newPursuit(document.Activation{Method: "reconnect"}).until(t, time.Hour, true, false, 0).tells(t, "0s try 1\n1m0s given up\n")
}

// Traffic ends it, but only after a try: what flowed before is no proof.
func TestActivityEndsWithTraffic(t *testing.T) {
	p := newPursuit(document.Activation{Method: "reconnect", Delay: 10, Retries: 10, Interval: 60})
	p.until(t, 5*time.Second, true, true, 0)
	p.until(t, 20*time.Second, true, false, 6*time.Second)
	p.until(t, 25*time.Second, true, true, 25*time.Second).tells(t, "10s try 1\n25s done\n")
	if text := p.a.Text(p.what); text != "reconnect: done, tries: 1" {
		t.Error(text)
	}
}

// A try that is due waits for the modem, and is not lost.
func TestActivityWaitsForTheModem(t *testing.T) {
	p := newPursuit(document.Activation{Method: "reregister", Retries: 1})
	p.until(t, time.Hour, false, false, 0)
	p.until(t, 3*time.Hour, true, false, 2*time.Hour).tells(t, "2h0m0s try 1\n2h1m0s try 2\n2h2m0s given up\n")
}

// A clock that is set, or a file of another time, does not make it wait for years.
func TestActivityIsBoundedWhenTheClockIsSet(t *testing.T) {
	p := newPursuit(document.Activation{Method: "reconnect", Delay: 3599})
	p.a.Next = day.AddDate(20, 0, 0)
	p.until(t, 2*time.Hour, true, false, 0).tells(t, "1h0m0s try 1\n1h1m0s given up\n")
}

// The next process makes the try again of which the end was not seen, and no more than
// that.
func TestActivityIsResumed(t *testing.T) {
	p := newPursuit(document.Activation{Method: "service", Retries: 1})
	p.until(t, 0, true, false, 0)
	p.a = p.a.Resumed()
	if p.a.Tries != 0 {
		t.Fatalf("%+v", p.a)
	}
	p.until(t, time.Hour, true, false, 10*time.Second).tells(t, "0s try 1\n10s try 1\n1m10s try 2\n2m10s given up\n")
	for _, ended := range []Activity{{Edition: "e", Tries: 2, End: GaveUp}, {Edition: "e", Tries: 1, End: Activated}, {Edition: "e", Next: day}, {}} {
		if got := ended.Resumed(); got != ended {
			t.Errorf("%+v became %+v", ended, got)
		}
	}
}

func TestActivityPassed(t *testing.T) {
	a := Activity{Edition: "1", Tries: 3, Next: day}
	if got := a.Passed("1", "2"); got != (Activity{Edition: "2", Tries: 3, Next: day}) {
		t.Errorf("%+v", got)
	}
	if got := a.Passed("3", "2"); got != (Activity{}) {
		t.Errorf("of another document: %+v", got)
	}
	if next, try, wake := (Activity{}).Pursue(document.Activation{}, Effect{Now: day, Ready: true, Proved: true}); try || !wake.IsZero() || next != (Activity{}) {
		t.Errorf("nothing: %+v, %v, %v", next, try, wake)
	}
}

func TestActivityText(t *testing.T) {
	what := document.Activation{Method: "reconnect", Retries: 3}
	for want, a := range map[string]Activity{
		"reconnect":                                            {},
		"reconnect: waits until 08:00:00":                      {Edition: "e", Next: day},
		"reconnect: given up, tries: 4":                        {Edition: "e", Tries: 4, End: GaveUp},
		"reconnect: try 2 of 4, which has time until 08:00:00": {Edition: "e", Tries: 2, Next: day},
	} {
		if got := a.Text(what); got != want {
			t.Errorf("%+v: %q", a, got)
		}
	}
}

// Reconnect dials what is up again, settled or not, begins anew after a round that found
// nothing, and leaves alone what is being dialled.
func TestReconnect(t *testing.T) {
	w := newWorld(t, network{"internet": carries}, internet)
	w.run(10 * time.Second)
	w.dialled("internet/ipv4v6/none")
	w.ladder = w.ladder.Reconnect("because", w.now)
	w.run(10 * time.Second)
	w.dialled("internet/ipv4v6/none")

	w = newWorld(t, network{}, wrong, internet)
	w.run(20 * time.Second)
	w.dialled("wrong.apn/ipv4v6/none internet/ipv4v6/none")
	w.ladder = w.ladder.Reconnect("because", w.now)
	w.run(5 * time.Second)
	w.dialled("wrong.apn/ipv4v6/none internet/ipv4v6/none")

	w = newWorld(t, network{"internet": carries}, internet)
	for w.ladder.stage != proving {
		w.run(100 * time.Millisecond)
	}
	attempt := w.ladder.attempt
	w.ladder = w.ladder.Reconnect("because", w.now)
	if b, ok := w.ladder.Bearer(); !ok || b.Attempt != attempt+1 || w.ladder.stage != dialling {
		t.Errorf("while it is proved: %+v", w.ladder)
	}
	w.run(10 * time.Second)
	if _, ok := w.ladder.Winner(); !ok || w.ladder.attempt != attempt+1 {
		t.Errorf("dialled again: %+v", w.ladder)
	}

	w = newWorld(t, network{"internet": {silent: true}}, internet)
	w.run(time.Second)
	before := w.ladder
	if w.ladder = w.ladder.Reconnect("because", w.now); w.ladder.Why() != before.Why() || len(w.ladder.Story()) != 1 {
		t.Errorf("%+v", w.ladder)
	}
}

// What a former process dialled and the modem takes over is no dial: who asked for one while
// it was dialled, or before anything was, gets it, and nobody else does.
func TestReconnectOfWhatIsTakenOver(t *testing.T) {
	for _, test := range []struct {
		name string
		left string // access point that is up
		key  string // of the SIM when it is asked for; "" not at all
		want string
	}{
		{"nobody asks", "internet", "", ""},
		{"before the SIM is known", "internet", "none yet", "internet/ipv4v6/none"},
		{"while it is dialled", "internet", "sim1", "internet/ipv4v6/none"},
		{"for another SIM", "internet", "sim2", ""},
		{"nothing is taken over", "other", "sim1", "internet/ipv4v6/none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, network{"internet": carries}, internet)
			w.left = w.rungs[0].Bearer
			w.left.APN = test.left
			w.ready = false
			if test.key == "sim1" || test.key == "sim2" {
				w.key = test.key
				w.run(time.Second)
			}
			if test.key != "" {
				w.ladder = w.ladder.Reconnect("because", w.now)
			}
			w.key, w.ready = "sim1", true
			w.run(10 * time.Second)
			w.dialled(test.want)
			if _, ok := w.ladder.Winner(); !ok {
				t.Errorf("%+v", w.ladder)
			}
			told := slices.ContainsFunc(w.ladder.Story(), func(try Try) bool { return try.Note == "because" })
			if told != (test.want != "" && test.left == "internet") {
				t.Errorf("told %t:\n%s", told, w.story())
			}
		})
	}
}
