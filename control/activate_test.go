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
)

// activated is a document that activates.
func activated(activation string) []byte {
	return paper("1", 1, `"activation": {`+activation+`}, "sims": [{"contexts": [
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
			if err := r.asked(func(c chan<- error) Intent { return Buy{On: on, Answer: c} }); err != nil {
				t.Fatal(err)
			}
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
		if err := r.asked(func(c chan<- error) Intent { return Buy{On: true, Answer: c} }); err != nil {
			t.Fatal(err)
		}
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
