package control

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
	"github.com/tetherd/tetherd/provision"
	"github.com/tetherd/tetherd/provision/document"
)

// activated is a document that activates.
func activated(activation string) []byte { return activatedAs(1, activation) }

// activatedAs is that document's edition with a serial.
func activatedAs(serial int, activation string) []byte {
	return paper("1", serial, `"activation": {`+activation+`}, "sims": [{"contexts": [
		{"name": "own", "uses": ["internet", "tethering"], "apn": "plan.lab"}, {"name": "shop", "uses": ["purchase"], "apn": "shop.lab"}]}]`)
}

// dials counts the tries of the shared bearer so far.
func (w *world) attempt() uint32 {
	return read(w, func() uint32 { return w.modem.spec.Bearers[modem.Shared].Attempt })
}

// A document that is applied has the bearer dialled anew after its delay, once, and its
// traffic ends that.
func TestActivationOfAnAppliedDocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "config apn\n\toption apn 'plan.lab'\n")
		r.pass(time.Second)
		r.provide(activated(`"method": "reconnect", "delay_seconds": 30, "retries": 3`))
		before := w.attempt()
		r.pass(29 * time.Second)
		if got := w.attempt(); got != before {
			t.Errorf("dialled anew before the delay is over: attempt %d, then %d", before, got)
		}
		s := r.pass(2 * time.Second)
		if got := w.attempt(); got != before+1 {
			t.Errorf("attempt %d, then %d", before, got)
		}
		if a := s.Documents.Activity; a.End != "done" || a.Tries != 1 {
			t.Errorf("%+v", a)
		}
		r.pass(time.Hour)
		if got := w.attempt(); got != before+1 {
			t.Errorf("attempt %d after an hour", got)
		}
		if n := w.lines.count("msg=activation method=reconnect"); n != 2 {
			t.Errorf("told %d times", n)
		}
	})
}

// Without traffic the tries are made that the document allows, an interval apart.
func TestActivationIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.verdict = probe.Portal // somebody else answers until what was bought is active
		r := w.start(t, "config apn\n\toption apn 'plan.lab'\n")
		r.pass(2 * time.Minute)
		r.provide(activated(`"method": "reregister", "retries": 2, "retry_seconds": 100`))
		for minute, want := range []uint32{1, 1, 2, 2, 3, 3} { // at 0, 100 and 200 seconds
			r.pass(time.Second)
			if got := read(w, func() uint32 { return w.modem.spec.Reregister }); got != want {
				t.Errorf("minute %d: %d tries, want %d", minute, got, want)
			}
			r.pass(59 * time.Second)
		}
		if a := r.Snapshot().Documents.Activity; a.End != "given up" || a.Tries != 3 {
			t.Errorf("%+v", a)
		}
	})
}

// The operator's data are handed over as they are; that the modem or the network refuses
// them is no success, whatever flows.
func TestActivationByData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "config apn\n\toption apn 'plan.lab'\n")
		r.pass(time.Second)
		w.refused = 1
		r.provide(activated(`"method": "service", "retries": 1, "data": "YWJj"`))
		r.pass(time.Second)
		if got := read(w, func() modem.Service { return w.modem.spec.Service }); got != (modem.Service{ID: 1, Data: "abc"}) {
			t.Errorf("%+v", got)
		}
		if a := r.pass(30 * time.Second).Documents.Activity; a.End != "" || a.Tries != 1 {
			t.Errorf("refused: %+v", a)
		}
		if a := r.pass(time.Minute).Documents.Activity; a.End != "done" || a.Tries != 2 {
			t.Errorf("taken at the second try: %+v", a)
		}
		if w.lines.count("abc") != 0 {
			t.Error("the log tells the data")
		}
	})
}

// When somebody says that a plan was bought, it is activated; when nobody bought, not.
func TestActivationAfterBuying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "config apn\n\toption apn 'plan.lab'\n")
		r.pass(time.Second)
		r.provide(activated(`"method": "reregister"`))
		r.pass(10 * time.Second)
		count := func() uint32 { return read(w, func() uint32 { return w.modem.spec.Reregister }) }
		buy := func(on bool) {
			r.buys(t, on)
			r.pass(10 * time.Second)
		}
		first := count()
		if buy(false); count() != first {
			t.Error("nobody bought, and it was activated")
		}
		if buy(true); count() != first || read(w, func() string { return w.modem.spec.Bearers[modem.Shared].APN }) != "shop.lab" {
			t.Error("activated while buying, or not sent to buy")
		}
		if buy(false); count() != first+1 || read(w, func() string { return w.modem.spec.Bearers[modem.Shared].APN }) != "plan.lab" {
			t.Errorf("%d times", count()-first)
		}
	})
}

// buys sends clients where a plan is bought, or back.
func (r *running) buys(t *testing.T, on bool) *Snapshot {
	t.Helper()
	if err := r.asked(func(c chan<- error) Intent { return Buy{On: on, Answer: c} }); err != nil {
		t.Fatal(err)
	}
	return r.Snapshot()
}

// A process that ends while clients buy leaves them there, and one that ends before what was
// bought is activated leaves that to the next.
func TestPurchaseOutlivesTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const settings = "config apn\n\toption apn 'plan.lab'\n"
		w := newWorld(t)
		r := w.start(t, settings)
		r.pass(time.Second)
		r.provide(activated(`"method": "reregister", "delay_seconds": 900`))
		r.pass(20 * time.Minute)
		tell := func(when string, buying bool, apn string, tries uint32) {
			t.Helper()
			s := r.pass(10 * time.Second)
			got := read(w, func() modem.Spec { return w.modem.spec })
			if s.Documents.Buying != buying || got.Bearers[modem.Shared].APN != apn || got.Reregister != tries {
				t.Errorf("%s: buying %t by %s, activated %d times", when, s.Documents.Buying, got.Bearers[modem.Shared].APN, got.Reregister)
			}
		}
		again := func() {
			w = killed(t, w, r)
			r = w.start(t, settings)
		}
		tell("applied", false, "plan.lab", 1)
		r.buys(t, true)
		again()
		tell("while they buy", true, "shop.lab", 0)
		r.buys(t, false)
		again()
		tell("before its activation", false, "plan.lab", 0)
		r.pass(20 * time.Minute)
		tell("after it", false, "plan.lab", 1)
		again()
		r.pass(20 * time.Minute)
		tell("at last", false, "plan.lab", 0)
	})
}

// A document that names no access point for buying ends a purchase for good: the next one that
// names one sends nobody there.
func TestPurchaseEndsWithItsDocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "config apn\n\toption apn 'plan.lab'\n")
		r.pass(time.Second)
		edition := func(serial int, more string) {
			t.Helper()
			if a := r.provide(paper("1", serial, `"sims": [{"contexts": [{"name": "own", "uses": ["internet", "tethering"], "apn": "plan.lab"}`+more+`]}]`)); a.Trial == "" {
				t.Fatalf("%+v", a)
			}
			r.pass(30 * time.Second)
		}
		const shop = `, {"name": "shop", "uses": ["purchase"], "apn": "shop.lab"}`
		edition(1, shop)
		if s := r.buys(t, true); !s.Documents.Buying || !s.Documents.Policy.Buying {
			t.Errorf("not sent to buy: %+v", s.Documents.Policy)
		}
		for i, more := range []string{"", shop} {
			serial := i + 2
			edition(serial, more)
			apn := read(w, func() string { return w.modem.spec.Bearers[modem.Shared].APN })
			if s := r.Snapshot(); s.Documents.Buying || s.Documents.Policy.Buying || apn != "plan.lab" {
				t.Errorf("edition %d: buying %t, clients' access point %s", serial, s.Documents.Buying, apn)
			}
		}
	})
}

// takenBack undoes the trial, or tries the documents of before.
func (r *running) takenBack(t *testing.T) {
	t.Helper()
	if err := r.asked(func(c chan<- error) Intent { return TakeBack{Answer: c} }); err != nil {
		t.Fatal(err)
	}
}

// undone are the ways in which a trial ends as if it had not been: in the world that is
// returned.
var undone = map[string]func(*testing.T, *world, *running) (*world, *running){
	"taken back": func(t *testing.T, w *world, r *running) (*world, *running) {
		r.takenBack(t)
		w.change(plan.Probe, func() { w.verdict = probe.Online })
		return w, r
	},
	"its process ended": func(t *testing.T, w *world, r *running) (*world, *running) {
		w = killed(t, w, r)
		return w, w.start(t, "config apn\n\toption apn 'plan.lab'\n")
	},
}

// tried begins trials that stay open: of another document beside the one in force, of its next
// editions, and of none at all.
var tried = map[string]func(*testing.T, *running){
	"another operator's":  func(t *testing.T, r *running) { r.provide(paper("2", 1, `"sims": [{}]`)) },
	"without a shop":      func(t *testing.T, r *running) { r.provide(paper("1", 2, `"sims": [{}]`)) },
	"with its activation": func(t *testing.T, r *running) { r.provide(activatedAs(2, `"method": "service", "data": "YWJj"`)) },
	"none, as before it":  func(t *testing.T, r *running) { r.takenBack(t) },
}

// duringTrials plays a story of somebody who buys while each of the trials is open, with each
// way in which it is undone.
func duringTrials(t *testing.T, activation string, story func(t *testing.T, of string, w *world, r *running, undo func() (*world, *running))) {
	for of, try := range tried {
		for how, undo := range undone {
			t.Run(of+", "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					r := w.start(t, "config apn\n\toption apn 'plan.lab'\n")
					r.pass(time.Second)
					r.provide(activated(activation))
					r.pass(5 * time.Minute)
					r.buys(t, true)
					w.change(plan.Probe, func() { w.verdict = probe.Unknown }) // the trial stays open
					try(t, r)
					story(t, of, w, r, func() (*world, *running) { return undo(t, w, r) })
				})
			})
		}
	}
}

// A document that is only on trial ends a purchase no longer than it is.
func TestPurchaseOutlivesAnUndoneTrial(t *testing.T) {
	duringTrials(t, `"method": "reregister"`, func(t *testing.T, of string, w *world, r *running, undo func() (*world, *running)) {
		if s := r.pass(time.Second); s.Documents.Trial == nil || s.Documents.Buying != (of == "another operator's") {
			t.Fatalf("on trial %v, buying %t", s.Documents.Trial, s.Documents.Buying)
		}
		w, r = undo()
		s := r.pass(10 * time.Second)
		apn := read(w, func() string { return w.modem.spec.Bearers[modem.Shared].APN })
		if !s.Documents.Buying || !s.Documents.Policy.Buying || apn != "shop.lab" || s.Documents.Trial != nil {
			t.Errorf("buying %t, clients' access point %s", s.Documents.Buying, apn)
		}
	})
}

// What was bought is activated by the document that stays, also when buying ended while another
// one was on trial.
func TestPurchaseThatEndsDuringATrial(t *testing.T) {
	duringTrials(t, `"method": "reregister", "delay_seconds": 60`, func(t *testing.T, _ string, w *world, r *running, undo func() (*world, *running)) {
		r.pass(time.Second)
		r.buys(t, false)
		count := func() uint32 { return read(w, func() uint32 { return w.modem.spec.Reregister }) }
		w, r = undo()
		before := count()
		s := r.pass(5 * time.Minute)
		if a := s.Documents.Activity; s.Documents.Buying || count() != before+1 || a.End != "done" {
			t.Errorf("buying %t, activated %d times: %+v", s.Documents.Buying, count()-before, a)
		}
	})
}

// A try that was made while another operator's document was on trial is not made again
// because that is undone.
func TestActivationDuringAnUndoneTrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.registersAnew(t)
		w.change(plan.Probe, func() { w.verdict = probe.Unknown })
		tried["another operator's"](t, r)
		r.pass(time.Minute)
		if a := w.shelf(t).Activity; a.Tries != 1 {
			t.Errorf("noted: %+v", a)
		}
		undone["taken back"](t, w, r)
		s := r.pass(5 * time.Minute)
		if n := read(w, func() uint32 { return w.modem.spec.Reregister }); n != 1 || s.Documents.Activity.Tries != 1 {
			t.Errorf("%d times, %+v", n, s.Documents.Activity)
		}
	})
}

// What is bought at once is noted too.
func TestPurchaseWithinOneTurnIsNoted(t *testing.T) {
	w := newWorld(t)
	l := New(Options{Parts: w.parts(), Config: w.config(t, ""), Log: w.log})
	e := Edition{Raw: activated(`"method": "reregister"`)}
	if !e.read() {
		t.Fatal("not a document")
	}
	s := &l.state
	s.documents.kept, s.inputs.Document = []Edition{e}, &provision.InForce{Document: e.Document}
	s.bought(true, document.Card{})
	s.bought(false, document.Card{})
	l.noteCourse()
	if got := w.shelf(t).Activity; got.Edition != e.digest() {
		t.Errorf("noted: %+v", got)
	}
}

// An edition that is fetched activates when it says something else than the one before it,
// or while clients buy: then buying is over.
func TestActivationOfAFetchedEdition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, signerKey())
		r.pass(time.Second)
		edition := func(serial, delay int) []byte {
			return paper("1", serial, fmt.Sprintf(`"activation": {"method": "reconnect", "delay_seconds": %d},`, delay)+
				`"refresh": {"url": "https://d.example/doc.json", "days": 1}, "sims": [{"contexts": [{"name": "shop", "uses": ["purchase"], "apn": "shop.lab"}]}]`)
		}
		r.provide(edition(1, 0))
		r.pass(10 * time.Second)
		fetched := func(raw []byte) *Snapshot {
			w.gives(raw)
			return r.pass(20 * time.Second)
		}
		tries := func() int { return w.lines.count("msg=activation method=reconnect tries=1 end=\"\"") }
		if fetched(edition(2, 0)); tries() != 1 {
			t.Errorf("the same again: activated %d times", tries())
		}
		if fetched(edition(3, 1)); tries() != 2 {
			t.Errorf("another one: activated %d times", tries())
		}
		r.buys(t, true)
		if s := fetched(edition(4, 1)); tries() != 3 || s.Documents.Buying {
			t.Errorf("while buying: activated %d times, buying %t", tries(), s.Documents.Buying)
		}
	})
}

// The next process goes on with it; one of a document that was undone ends with it.
func TestActivationOutlivesTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "config apn\n\toption apn 'plan.lab'\n")
		r.pass(time.Second)
		r.provide(activated(`"method": "reregister", "delay_seconds": 600`))
		r.pass(time.Minute) // it is kept
		next := killed(t, w, r)
		r = next.start(t, "config apn\n\toption apn 'plan.lab'\n")
		count := func() uint32 { return read(next, func() uint32 { return next.modem.spec.Reregister }) }
		if r.pass(500 * time.Second); count() != 0 {
			t.Errorf("%d times too early", count())
		}
		if a := r.pass(time.Minute).Documents.Activity; count() != 1 || a.End != "done" {
			t.Errorf("%d times, %+v", count(), a)
		}
		r.provide(paper("1", 2, strings.Replace(forOurs, "{", `{"contexts": [], `, 1)))
		if a := r.pass(time.Second).Documents.Activity; a.Edition != "" {
			t.Errorf("of a document that is not in force: %+v", a)
		}
	})
}

// The bearer that the next process takes over is not one that was dialled since: it is dialled
// anew, whatever the modem is about when that is due.
func TestActivationOfABearerThatIsTakenOver(t *testing.T) {
	for name, phase := range map[string]modem.Phase{"registering": modem.PhaseRegister, "ready": modem.PhaseReady} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r := w.start(t, "config apn\n\toption apn 'plan.lab'\n")
				r.pass(time.Second)
				r.provide(activated(`"method": "reconnect", "delay_seconds": 600`))
				r.pass(time.Minute) // it is kept
				w = killed(t, w, r)
				<-time.After(20 * time.Minute)
				w.phase = phase
				before := w.left.Attempt
				r = w.start(t, "config apn\n\toption apn 'plan.lab'\n")
				r.pass(time.Second)
				w.change(plan.Modem, func() { w.phase = modem.PhaseReady })
				s := r.pass(5 * time.Minute)
				if a, b := s.Documents.Activity, s.Observed.Modem.Bearers[modem.Shared]; a.End != "done" || b.Adopted || w.attempt() != before+1 {
					t.Errorf("%+v, taken over %t, attempt %d after %d", a, b.Adopted, w.attempt(), before)
				}
			})
		})
	}
}

// Nor does it prove a try where nothing is probed.
func TestNoTryIsProvedByWhatIsTakenOver(t *testing.T) {
	s := &state{inputs: plan.Inputs{Config: newWorld(t).config(t, "config probe\n\toption enabled '0'\n")}}
	for taken, want := range map[bool]bool{false: true, true: false} {
		b := modem.BearerStatus{State: modem.BearerUp, Since: time.Now(), Adopted: taken}
		obs := plan.Observed{Modem: modem.Status{Bearers: map[modem.Purpose]modem.BearerStatus{modem.Shared: b}}}
		if got := s.effect(obs, document.Activation{Method: "reconnect"}).Proved; got != want {
			t.Errorf("taken over %t: proved %t", taken, got)
		}
	}
}

// A document for another SIM waits for it.
func TestActivationWaitsForItsSIM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.phase, w.sim = modem.PhaseNoSIM, modem.SIM{State: modem.SIMAbsent}
		r := w.start(t, "")
		r.pass(time.Second)
		if a := r.provide(activated(`"method": "reregister"`)); a.Trial == "" {
			t.Fatalf("%+v", a)
		}
		count := func() uint32 { return read(w, func() uint32 { return w.modem.spec.Reregister }) }
		if r.pass(10 * time.Minute); count() != 0 {
			t.Errorf("%d times without a SIM", count())
		}
		w.change(plan.Modem, func() {
			w.phase, w.sim = modem.PhaseReady, modem.SIM{State: modem.SIMReady, ICCID: "8949020000012345678", IMSI: "262010000012345", MCC: "262", MNC: "01"}
		})
		if r.pass(10 * time.Second); count() != 1 {
			t.Errorf("%d times with it", count())
		}
	})
}

// registersAnew is a loop whose document has the modem register anew in a minute.
func (w *world) registersAnew(t *testing.T) *running {
	r := w.start(t, "config apn\n\toption apn 'plan.lab'\n")
	r.pass(time.Second)
	r.provide(activated(`"method": "reregister", "delay_seconds": 60`))
	r.pass(10 * time.Second)
	return r
}

// A document of somebody else's that comes beside it does not end it.
func TestActivationBesideAnotherDocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.registersAnew(t)
		if a := r.provide(paper("2", 1, `"sims": [{}]`)); a.Trial == "" { // of equal ones the smaller identifier stays in force
			t.Fatalf("%+v", a)
		}
		s := r.pass(2 * time.Minute)
		if n := read(w, func() uint32 { return w.modem.spec.Reregister }); n != 1 || s.Documents.Activity.End != "done" {
			t.Errorf("%d times, %+v", n, s.Documents.Activity)
		}
	})
}

// What was bought for one SIM is not activated for another one of the same operator.
func TestActivationRestsForAnotherSIM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.registersAnew(t)
		ours := w.sim.ICCID
		for _, test := range []struct {
			iccid modem.Secret
			want  uint32
			told  bool
		}{{"8949020000099999999", 0, false}, {ours, 1, true}} {
			w.change(plan.Modem, func() { w.sim.ICCID = test.iccid })
			s := r.pass(2 * time.Minute)
			if n := read(w, func() uint32 { return w.modem.spec.Reregister }); n != test.want || (s.Documents.Activity.Edition != "") != test.told {
				t.Errorf("%d times, %+v", n, s.Documents.Activity)
			}
		}
	})
}
