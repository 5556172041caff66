package control

import (
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
)

// TestPINIsEntered: a typed PIN goes to the modem as a person's, and into the file once
// the SIM has taken it, not before.
func TestPINIsEntered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.phase, w.sim.State = modem.PhasePIN, modem.SIMPIN
		r := w.start(t, "")
		r.settle()
		if err := r.ask(func(a chan<- error) Intent { return EnterPIN{"7391", a} }); err != nil {
			t.Fatal(err)
		}
		if spec := read(w, func() modem.Spec { return w.modem.spec }); spec.PIN != "7391" || spec.PINTyped != 1 {
			t.Errorf("the modem was told %v, by a person %v", len(spec.PIN), spec.PINTyped)
		}
		if err := r.ask(func(a chan<- error) Intent { return EnterPIN{"7391", a} }); err != nil {
			t.Fatal(err)
		}
		if n := read(w, func() uint32 { return w.modem.spec.PINTyped }); n != 2 {
			t.Errorf("typed again it counts as %d", n)
		}
		if r.onDisk().Modem.PIN != "" {
			t.Error("kept before it is known to be right")
		}
		w.change(plan.Modem, func() { w.phase, w.sim.State, w.sim.PINTaken = modem.PhaseReady, modem.SIMReady, true })
		s := r.settle()
		if r.onDisk().Modem.PIN != "7391" || s.Config.Modem.PIN != "7391" || !strings.Contains(string(s.Text), "7391") {
			t.Error("not kept")
		}
		w.applied()
		cfg, text, err := config.Read(r.opt.Path)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Send(Reload{Config: cfg, Text: text}); err != nil { // as the watch on the file does
			t.Fatal(err)
		}
		if r.settle(); strings.Contains(w.applied(), "modem") {
			t.Error("the modem is told again")
		}
		if w.lines.count("7391") > 0 {
			t.Error("the PIN is in the log")
		}
	})
}

// TestPINIsNotKept: where the file cannot be written, it serves all the same.
func TestPINIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.phase, w.sim.State = modem.PhasePIN, modem.SIMPIN
		r := w.start(t, "")
		r.settle()
		if err := r.ask(func(a chan<- error) Intent { return EnterPIN{"7391", a} }); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(r.opt.Path); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(r.opt.Path+"/x", 0o700); err != nil {
			t.Fatal(err)
		}
		w.change(plan.Modem, func() { w.phase, w.sim.State, w.sim.PINTaken = modem.PhaseReady, modem.SIMReady, true })
		if s := r.settle(); !s.Online || w.lines.count("cannot be kept") != 1 {
			t.Errorf("online %v", s.Online)
		}
	})
}

// TestPINOfNoSIM: one that opened no SIM is not kept: not for a SIM that needs none, and
// not when the file was edited meanwhile, until that is read.
func TestPINOfNoSIM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.settle()
		if err := r.ask(func(a chan<- error) Intent { return EnterPIN{"7391", a} }); err != nil {
			t.Fatal(err)
		}
		if r.pass(time.Minute); r.onDisk().Modem.PIN != "" {
			t.Error("kept for a SIM that asked for none")
		}
		edited := w.config(t, "config dhcp\n\toption domain 'mine'\n")
		if err := os.WriteFile(r.opt.Path, edited.UCI(), 0o600); err != nil {
			t.Fatal(err)
		}
		w.change(plan.Modem, func() { w.sim.PINTaken = true })
		if r.settle(); r.onDisk().Modem.PIN != "" || r.onDisk().DHCP.Domain != "mine" {
			t.Error("an edited file was written over")
		}
		if err := r.Send(Reload{Config: edited, Text: edited.UCI()}); err != nil {
			t.Fatal(err)
		}
		if r.settle(); r.onDisk().Modem.PIN != "7391" || r.onDisk().DHCP.Domain != "mine" {
			t.Error("not kept after the file was read")
		}
	})
}

// TestRedial: the bearer is dialled anew although nothing else changed.
func TestRedial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		for range 3 {
			before, _ := r.settle().APN.Bearer()
			if err := r.ask(func(a chan<- error) Intent { return Redial{a} }); err != nil {
				t.Fatal(err)
			}
			s := r.settle()
			if after, ok := s.APN.Bearer(); !ok || after == before {
				t.Errorf("wished %+v before and after", after)
			}
			if !s.Online {
				t.Error("not online again")
			}
		}
	})
}

// TestKick: the access point is told of a device to throw out, each act once, and of no
// more of them than it keeps.
func TestKick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.settle()
		for i := range maxKicks + 3 {
			for range 2 {
				id := string(rune('a' + i))
				if err := r.ask(func(a chan<- error) Intent {
					return Kick{id, net.HardwareAddr{2, 0, 0, 0, 0, byte(i)}, time.Duration(i) * time.Minute, a}
				}); err != nil {
					t.Fatal(err)
				}
			}
		}
		kicks := r.settle().inputs.Kicks
		if n := len(kicks); n != maxKicks || kicks[0].ID != "d" || kicks[n-1].MAC.String() != "02:00:00:00:00:12" || kicks[n-1].Ban != 18*time.Minute {
			t.Errorf("%d: %+v", n, kicks)
		}
	})
}

// TestNobodyTypedTheFormerPIN: a PIN of a change on trial counts as typed; none does not, nor
// the former one that comes back when the change is undone.
func TestNobodyTypedTheFormerPIN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "config modem\n\toption pin '1234'\n")
		r.settle()
		typed := func() (pin modem.Secret, n uint32) {
			return read(w, func() modem.Secret { return w.modem.spec.PIN }), read(w, func() uint32 { return w.modem.spec.PINTyped })
		}
		for _, c := range []struct {
			text string
			n    uint32 // afterwards
		}{{"config modem\n", 0}, {"config modem\n\toption pin '7391'\n", 1}} {
			if err := r.trying(c.text, "", Author{Name: "page", Session: "s"}); err != nil {
				t.Fatal(err)
			}
			r.settle()
			if pin, n := typed(); pin == "1234" || n != c.n {
				t.Errorf("on trial it is told %v, typed %d", len(pin), n)
			}
			if s := r.pass(2 * trialLimit); s.Trial != nil {
				t.Fatal("the trial goes on")
			}
			if pin, n := typed(); pin != "1234" || n != c.n {
				t.Errorf("undone it is told %v, typed %d", len(pin), n)
			}
		}
	})
}
