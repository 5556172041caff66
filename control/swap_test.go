package control

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/doctor"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
)

// refused is a loop whose SIM's network refuses all access points.
func refused(t *testing.T, w *world) *running {
	w.causes[anyAPN] = 33
	r := w.start(t, twoAPNs)
	if s := r.pass(10 * time.Minute); verdictOf(s) != "RC11" {
		t.Fatalf("verdict %q", verdictOf(s))
	}
	return r
}

// connecting are bearers of which nobody knows yet what becomes of them.
var connecting = map[modem.Purpose]modem.BearerStatus{modem.Shared: {State: modem.BearerConnecting}}

// TestRefusalsAreOfTheirSIM: what the network told the former SIM is no verdict on the next
// one, from the moment that the former is out until the next one has an answer of its own.
func TestRefusalsAreOfTheirSIM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := refused(t, w)
		next := modem.SIM{State: modem.SIMReady, ICCID: "8949020000099999999", IMSI: "262020000099999", MCC: "262", MNC: "02"}
		for _, c := range []struct {
			what    string
			change  func()
			want    doctor.Code
			forTime time.Duration
		}{
			{"there is none", func() { w.phase, w.sim = modem.PhaseNoSIM, modem.SIM{State: modem.SIMAbsent} }, "RC04", 10 * time.Second},
			{"it is read", func() { w.phase, w.sim = modem.PhaseSIM, next }, "", 30 * time.Second},
			{"it registers", func() { w.phase, w.registration = modem.PhaseRegister, modem.Registration{State: "searching"} }, "", 10 * time.Second},
			{"it dials", func() {
				w.phase, w.registration, w.bearers = modem.PhaseReady, modem.Registration{State: "home"}, connecting
			}, "", time.Minute},
			{"it is refused", func() { w.bearers = nil }, "RC11", 10 * time.Minute},
		} {
			w.change(plan.Modem, c.change)
			if s := r.pass(c.forTime); verdictOf(s) != c.want {
				t.Errorf("%s: verdict %q, want %q", c.what, verdictOf(s), c.want)
			}
		}
	})
}

// TestRefusalsAreOfTheirSettings: what a wrong name of an access point was answered is no
// verdict on the name that corrects it.
func TestRefusalsAreOfTheirSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := refused(t, w)
		w.change(plan.Modem, func() { w.bearers = connecting })
		if err := r.Send(Reload{Config: w.config(t, "config apn\n\toption apn 'right.example'\n")}); err != nil {
			t.Fatal(err)
		}
		if s := r.pass(time.Minute); verdictOf(s) != "" || len(s.APN.Story()) < 2 {
			t.Errorf("verdict %q, story %+v", verdictOf(s), s.APN.Story())
		}
	})
}
