package control

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/provision/document"
)

// registers is with what the modem is told to register.
func (r *running) registers() modem.Attach {
	r.t.Helper()
	return r.Snapshot().Desired.Modem.Attach
}

// TestAccessPointForRegisteringIsFoundAndRemembered: what helped is wished by the next process
// at once, and by nobody for another SIM.
func TestAccessPointForRegisteringIsFoundAndRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.attach, w.sim.Read = "mine", true
		const text = "config apn\n\toption apn 'mine'\n"
		r := w.start(t, text)
		if s := r.settle(); s.Observed.Modem.Phase != modem.PhaseDenied || r.registers().Set {
			t.Fatalf("phase %s, registers with %+v", s.Observed.Modem.Phase, r.registers())
		}
		s := r.pass(2 * time.Minute)
		if a := r.registers(); !s.Online || a.Profile.APN != "mine" || a.Card != w.sim.ICCID {
			t.Fatalf("online %v, registers with %+v", s.Online, a)
		}
		if ep := s.Doctor.History; len(ep) == 0 || ep[0].Remedy != "next-attach" || ep[0].Helped != "yes" {
			t.Errorf("history %+v", ep)
		}
		r.end()
		if n := w.lines.count("access point for registering remembered"); n != 1 {
			t.Errorf("remembered %d times", n)
		}
		next := w.start(t, text)
		if s := next.pass(2 * time.Second); !s.Online || len(s.Doctor.Findings) > 0 {
			t.Errorf("the next process is not online at once: %+v", s.Doctor.Findings)
		}
		w.change(plan.Modem, func() { w.sim.ICCID = "8943010000012345678" })
		if next.settle(); next.registers() != (modem.Attach{Card: "8943010000012345678"}) {
			t.Errorf("another SIM registers with %+v", next.registers())
		}
	})
}

// TestAccessPointForRegisteringThatNobodyKnows: each is tried once, and then the modem has
// its own again, until its owner names the right one.
func TestAccessPointForRegisteringThatNobodyKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.attach, w.sim.Read = "secret", true
		r := w.start(t, "")
		tried := map[modem.Attach]int{}
		for range 15 * 60 {
			before := r.registers()
			if r.pass(time.Second); r.registers() != before {
				tried[r.registers()]++
			}
		}
		if n := tried[modem.Attach{Card: w.sim.ICCID}]; n < 1 || r.registers().Set {
			t.Errorf("put back %d times, registers with %+v", n, r.registers())
		}
		delete(tried, modem.Attach{Card: w.sim.ICCID})
		delete(tried, modem.Attach{})
		for a, n := range tried {
			if n != 1 {
				t.Errorf("%q was tried %d times", a.Profile.APN, n)
			}
		}
		if f := r.Snapshot().Doctor.Verdict; len(tried) != 4 || f == nil || !f.Advice {
			t.Errorf("%d were tried, verdict %+v", len(tried), f)
		}
		if err := r.Send(Reload{Config: w.config(t, "config apn\n\toption apn 'secret'\n")}); err != nil {
			t.Fatal(err)
		}
		if s := r.pass(2 * time.Minute); !s.Online || r.registers().Profile.APN != "secret" {
			t.Errorf("its owner has named it: online %v, registers with %+v", s.Online, r.registers())
		}
	})
}

// toldSIM is a world whose SIM has told who it is before the loop looks at it.
func toldSIM(t *testing.T) (*world, *running) {
	w := newWorld(t)
	w.sim.Read = true
	r := w.start(t, "")
	r.settle()
	return w, r
}

// TestDocumentNamesTheAccessPointForRegistering: the modem is told at once, and its own is
// wished again when the document is taken back.
func TestDocumentNamesTheAccessPointForRegistering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := toldSIM(t)
		own := r.registers()
		got := r.provide(paper("1", 1, `"sims": [{"match": {"mcc": "262"}, "contexts": [{"name": "r", "uses": ["attach"], "apn": "first.lab", "user": "u", "password": "p"}]}]`))
		if got.Err != nil || got.Report.Refused() || got.Report[len(got.Report)-1].State != document.Applied {
			t.Fatalf("%+v", got)
		}
		want := modem.Attach{Card: w.sim.ICCID, Set: true, Profile: modem.Bearer{APN: "first.lab", User: "u", Password: "p", Auth: modem.AuthCHAP, Family: modem.IPv4v6}}
		if r.settle(); r.registers() != want {
			t.Errorf("registers with %+v", r.registers())
		}
		if err := r.asked(func(a chan<- error) Intent { return TakeBack{Answer: a} }); err != nil {
			t.Fatal(err)
		}
		if r.pass(time.Minute); r.registers() != own || own.Set {
			t.Errorf("registers with %+v, did with %+v", r.registers(), own)
		}
	})
}

// TestDocumentOfAnotherSIMNamesNoAccessPointForRegistering: while the next SIM has told half of
// what it is nothing is wished for it; nor is its own for a moment after a start with the
// radio off.
func TestDocumentOfAnotherSIMNamesNoAccessPointForRegistering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := toldSIM(t)
		r.provide(paper("1", 1, `"sims": [{"match": {"mcc": "262"}, "contexts": [{"name": "r", "uses": ["attach"], "apn": "first.lab"}]}]`))
		r.pass(time.Minute)
		named := r.registers()
		w.change(plan.Modem, func() { w.phase = modem.PhaseRadio })
		if r.settle(); r.registers() != named || named.Profile.APN != "first.lab" {
			t.Errorf("on its way back it registers with %+v", r.registers())
		}
		first := w.sim
		next := modem.SIM{State: modem.SIMReady, ICCID: "8943010000012345678", Read: true, Early: true}
		w.change(plan.Modem, func() { w.sim, w.phase = next, modem.PhaseRegister })
		if r.settle(); r.registers() != (modem.Attach{}) {
			t.Errorf("half told, the next SIM registers with %+v", r.registers())
		}
		w.change(plan.Modem, func() { w.sim.MCC, w.sim.MNC, w.sim.Early = "232", "01", false })
		if r.settle(); r.registers() != (modem.Attach{Card: next.ICCID}) {
			t.Errorf("the next SIM registers with %+v", r.registers())
		}
		r.end()
		w.sim, w.phase = first, modem.PhaseRadio
		r = w.start(t, "")
		if r.settle(); r.registers() != (modem.Attach{}) {
			t.Errorf("before it is on the radio it is to register with %+v", r.registers())
		}
		w.change(plan.Modem, func() { w.phase = modem.PhaseRegister })
		if r.settle(); r.registers() != named {
			t.Errorf("then with %+v", r.registers())
		}
	})
}
