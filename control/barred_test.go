package control

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/doctor"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/provision"
)

// travels has the modem register in another network.
func (w *world) travels(to modem.Registration) {
	w.change(plan.Modem, func() { w.registration = to })
}

// homebound is a loop with a document that bars data abroad, where the owner allows them, and
// that has the bearer dialled anew in two minutes.
func homebound(t *testing.T, w *world) *running {
	r := w.start(t, "config modem\n\toption roaming '1'\nconfig apn\n\toption apn 'plan.lab'\n")
	r.pass(time.Second)
	r.provide(paper("1", 1, `"activation": {"method": "reconnect", "delay_seconds": 120, "retries": 2}, "sims": [{"roaming": {"level": "home"}}]`))
	if s := r.pass(time.Minute); !s.Online || s.Documents.Activity.Edition == "" {
		t.Fatalf("online %v, %+v", s.Online, s.Documents.Activity)
	}
	return r
}

// TestBarredAbroad: where a document bars data nobody dials, so nothing is said to have
// failed, however long it lasts; at home the access point that was right is dialled at once,
// and what was bought is activated.
func TestBarredAbroad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := homebound(t, w)
		before := len(r.Snapshot().APN.Story())
		w.travels(modem.Registration{State: "roaming", PLMN: "22288", Attached: true})
		s := r.pass(6 * time.Hour)
		if s.Desired.Barred == "" || len(s.Desired.Modem.Bearers) != 0 || verdictOf(s) != "RC07" {
			t.Fatalf("barred %q, wishes %+v, verdict %q", s.Desired.Barred, s.Desired.Modem.Bearers, verdictOf(s))
		}
		if story := s.APN.Story(); len(story) != before {
			t.Errorf("nobody dialled, and %d tries are told", len(story)-before)
		}
		if a := s.Documents.Activity; a.Tries != 0 || a.End != "" {
			t.Errorf("activated where no data may be used: %+v", a)
		}
		w.travels(modem.Registration{State: "home", PLMN: "26201", Attached: true})
		s = r.settle()
		if rung, ok := s.APN.Winner(); !s.Online || !ok || rung.Bearer.APN != "plan.lab" {
			t.Errorf("at home: online %v, by %q", s.Online, rung.Bearer.APN)
		}
		if a := s.Documents.Activity; a.End != provision.Activated || a.Tries != 1 {
			t.Errorf("at home: %+v", a)
		}
		if slices.ContainsFunc(s.Doctor.History, func(e doctor.Episode) bool { return e.Code == "RC11" }) {
			t.Errorf("the access point was blamed: %+v", s.Doctor.History)
		}
	})
}

// TestBarredWhileActivating: a registration that is tried where data are barred proves
// nothing either.
func TestBarredWhileActivating(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := homebound(t, w)
		w.travels(modem.Registration{State: "roaming", PLMN: "22288", Attached: true})
		r.provide(paper("1", 2, `"activation": {"method": "reregister", "retries": 2}, "sims": [{"roaming": {"level": "home"}}]`))
		if s := r.pass(time.Hour); s.Documents.Activity.Tries != 0 || read(w, func() uint32 { return w.modem.spec.Reregister }) != 0 {
			t.Errorf("%+v", s.Documents.Activity)
		}
	})
}
