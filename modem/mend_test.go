package modem

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// mend wishes repairs of a session that is up.
func (w *world) mend(m Mend) {
	w.t.Helper()
	s := w.state.spec
	s.Mend = m
	w.event(specChanged{s})
}

// deeds are the commands that change something, in their order.
func (w *world) deeds() []op {
	return slices.DeleteFunc(w.ops(), func(o op) bool {
		return !slices.Contains([]op{opClose, opReset, opReplug, opAttach, opDetach, opDial, opHangUp}, o)
	})
}

func TestRepairsOfTheModemAreCarriedOutOnceAndInOrder(t *testing.T) {
	for _, c := range []struct {
		name string
		mend Mend
		want []op
	}{
		{"detach", Mend{Detach: 1}, []op{opHangUp, opDetach, opAttach, opDial}},
		{"reset", Mend{Reset: 1}, []op{opHangUp, opReset, opClose, opDial}},
		{"all at once are the heaviest", Mend{Detach: 1, Reset: 2}, []op{opHangUp, opReset, opClose, opDial}},
	} {
		w := ready(t)
		w.forget()
		w.mend(c.mend)
		if !slices.ContainsFunc(w.state.log, func(l Transition) bool { return l.To == PhaseMending }) {
			t.Errorf("%s: log %v", c.name, w.state.log)
		}
		w.pass(10 * time.Second)
		w.phase(PhaseReady)
		w.bearer(Shared, BearerUp)
		if got := w.deeds(); !slices.Equal(got, c.want) {
			t.Errorf("%s: did %v, want %v", c.name, got, c.want)
		}
		w.forget()
		w.mend(c.mend)
		w.pass(time.Hour)
		if got := w.deeds(); len(got) != 0 {
			t.Errorf("%s: again %v", c.name, got)
		}
	}
}

func TestBearersAreHungUpBeforeTheModemIsRepaired(t *testing.T) {
	w := ready(t)
	w.mute[opHangUp] = true
	w.mend(Mend{Detach: 1})
	w.never(opDetach)
	w.bearer(Shared, BearerDown)
	w.pass(timeoutHangUp) // a graceful end may take minutes: it is not waited for
	w.times(opDetach, 1)
}

func TestDialUnderWayIsGivenUpForARepair(t *testing.T) {
	w := newWorld(t)
	w.mute[opDial] = true
	w.begin(wish(internet))
	w.mend(Mend{Detach: 1})
	w.times(opHangUp, 1)
	w.times(opDetach, 1)
}

func TestRepairThatWasAskedForBeforeTheModemOpenedIsVoid(t *testing.T) {
	w := newWorld(t)
	s := wish(internet)
	s.Mend = Mend{1, 1}
	w.begin(s)
	w.bearer(Shared, BearerUp)
	for _, o := range []op{opDetach, opReset} {
		w.never(o)
	}
}

func TestModemThatRefusesARepairIsTakenBackIntoService(t *testing.T) {
	for o, m := range map[op]Mend{opDetach: {Detach: 1}, opReset: {Reset: 1}} {
		for _, why := range []reason{reasonRefused, reasonUnsupported} {
			w := ready(t)
			w.answer[o] = func(Command) (fact, *failure) { return nil, &failure{reason: why, tries: -1, text: "no"} }
			w.mend(m)
			w.pass(time.Minute)
			w.bearer(Shared, BearerUp)
			w.times(o, 1)
		}
	}
}

func TestModemWithoutResetIsTakenOffItsPort(t *testing.T) {
	w := newWorld(t)
	w.answer[opReset] = func(Command) (fact, *failure) {
		return nil, &failure{reason: reasonUnsupported, tries: -1, text: "no"}
	}
	n := testNode("0")
	n.port = "/sys/devices/usb1/1-0/authorized"
	w.event(specChanged{wish(internet)})
	w.event(devicesSeen{[]node{n}})
	w.forget()
	w.mend(Mend{Reset: 1})
	w.pass(10 * time.Second)
	if want := []op{opHangUp, opReset, opReplug, opClose, opDial}; !slices.Equal(w.deeds(), want) {
		t.Errorf("did %v, want %v", w.deeds(), want)
	}
	if c := w.done[slices.IndexFunc(w.done, func(c Command) bool { return c.op == opReplug })]; c.node.port != n.port {
		t.Errorf("port %q", c.node.port)
	}
}

func TestModemThatNeverOpensIsTakenOffItsPortNowAndThen(t *testing.T) {
	for name, vanishes := range map[string]bool{"its device vanishes for it": true, "its device stays": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mute[opOpen] = true
			n := testNode("0")
			n.port = "/sys/devices/usb1/1-0/authorized"
			if vanishes {
				w.goesFor(opReplug, n)
			}
			w.event(specChanged{wish(internet)})
			w.event(devicesSeen{[]node{n}})
			w.pass(timeoutOpen + redialFirst + timeoutOpen + time.Second)
			w.times(opReplug, 1)
			w.phase(PhaseUnanswered)
			w.pass(6 * time.Hour)
			if n := w.count(opReplug); n < 10 || n > 40 {
				t.Fatalf("%d times in six hours", n)
			}
			w.forget() // one that somebody plugs in anew is opened at once, and reset as a new one
			w.event(devicesSeen{nil})
			w.pass(time.Minute)
			w.event(devicesSeen{[]node{n}})
			w.phase(PhaseOpening)
			w.times(opOpen, 1)
			w.pass(timeoutOpen + redialFirst + timeoutOpen + time.Second)
			w.times(opReplug, 1)
			clear(w.mute)
			w.open = nil
			w.pass(10 * time.Minute)
			w.bearer(Shared, BearerUp)
		})
	}
}

// TestModemThatVanishedForAResetAndComesMuchLaterIsANewOne: who plugs one in hours after, or the
// same one, does not wait for what the former one did.
func TestModemThatVanishedForAResetAndComesMuchLaterIsANewOne(t *testing.T) {
	w := newWorld(t)
	w.mute[opOpen] = true
	n := testNode("0")
	n.port = "/sys/devices/usb1/1-0/authorized"
	w.event(specChanged{wish(internet)})
	w.event(devicesSeen{[]node{n}})
	w.pass(timeoutOpen + redialFirst + timeoutOpen)
	w.times(opReplug, 1)
	w.event(devicesSeen{nil})
	w.phase(PhaseNoModem)
	w.pass(backByReset)
	w.forget()
	w.event(devicesSeen{[]node{n}})
	w.phase(PhaseOpening)
	w.times(opOpen, 1)
	w.pass(timeoutOpen + redialFirst)
	w.times(opOpen, 2)
	w.never(opReplug)
}

// goesFor makes the modem vanish for a command and come back in the same place.
func (w *world) goesFor(o op, n node) {
	w.answer[o] = func(Command) (fact, *failure) {
		w.deliver(Event{fact: devicesSeen{nil}})
		w.deliver(Event{fact: devicesSeen{[]node{n}}})
		return nil, nil
	}
}

// TestSilentModemOfAnotherProgramIsNotReset: that may get the answers. It is opened anew now and then.
func TestSilentModemOfAnotherProgramIsNotReset(t *testing.T) {
	w := ready(t)
	for o := opReset + 1; o <= opReadIP; o++ {
		w.mute[o] = true
	}
	w.answer[opReset] = func(Command) (fact, *failure) {
		return nil, &failure{reason: reasonUnsupported, tries: -1, text: "no"}
	}
	n := testNode("0")
	n.port, n.Holder = "/sys/devices/usb1/1-0/authorized", "mbim-proxy (process 731)"
	w.event(devicesSeen{[]node{n}})
	w.forget()
	w.pass(6 * time.Hour)
	w.never(opReset)
	w.never(opReplug)
	if n := w.count(opOpen); n < 20 || n > 80 {
		t.Errorf("opened %d times in six hours", n)
	}
	w.phase(PhaseUnanswered)
	n.Holder = "" // it has let go
	w.event(devicesSeen{[]node{n}})
	w.forget()
	w.pass(time.Hour)
	if w.count(opReset) == 0 || w.count(opReplug) == 0 {
		t.Errorf("did %v", w.ops())
	}
}

func TestModemThatOpensAndIsSilentIsResetNowAndThen(t *testing.T) {
	w := ready(t)
	for o := opReset + 1; o <= opReadIP; o++ {
		w.mute[o] = true
	}
	w.goesFor(opReset, testNode("0"))
	w.pass(6 * time.Hour)
	if n := w.count(opReset); n < 20 || n > 40 {
		t.Fatalf("%d times in six hours", n)
	}
}

func TestPortLetsGoOfAModemAndTakesItAgain(t *testing.T) {
	p := newPeer(t)
	onBench(t, p, func(t *testing.T, b *bench) {
		port := filepath.Join(b.root, "sys/devices/pci0/usb1/1-1/authorized")
		must(t, os.WriteFile(port, []byte("1\n"), 0o644))
		b.end()
		r := &runner{Driver: b.Driver, ctx: t.Context(), store: store{run: filepath.Join(b.root, "run")}}
		done := make(chan *failure)
		go func() { done <- r.replug(Command{node: node{port: port}}) }()
		b.holds(port, "0")
		if err := <-done; err != nil {
			t.Fatalf("%+v", err)
		}
		b.holds(port, "1")
		b.run()
	})
}

// holds waits until everything rests, and says what a file must then read.
func (b *bench) holds(path, want string) {
	b.t.Helper()
	b.after(portPause / 2)
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		b.t.Fatalf("%s reads %q (%v), want %q", path, got, err, want)
	}
}

func TestModemThatAKilledProcessTookOffItsPortIsGivenBack(t *testing.T) {
	root := t.TempDir()
	s := store{run: filepath.Join(root, "run")}
	port := filepath.Join(root, "sys/devices/usb1/1-1/authorized")
	must(t, os.MkdirAll(filepath.Dir(port), 0o755))
	must(t, os.WriteFile(port, []byte("0"), 0o644))
	must(t, s.restorePort(root)) // nobody left a note
	if got, _ := os.ReadFile(port); string(got) != "0" {
		t.Fatalf("reads %q without a note", got)
	}
	must(t, s.recordPort(port))
	must(t, s.restorePort(root))
	if got, _ := os.ReadFile(port); string(got) != "1" {
		t.Fatalf("reads %q", got)
	}
	must(t, os.Remove(port)) // the device is gone
	must(t, s.recordPort(port))
	must(t, s.restorePort(root))
	if exists(s.portPath()) {
		t.Error("the note stays")
	}
}

func TestNoteThatNamesNoPortWritesNothing(t *testing.T) {
	root := t.TempDir()
	s := store{run: filepath.Join(root, "run")}
	other := filepath.Join(root, "etc/authorized")
	must(t, os.MkdirAll(filepath.Dir(other), 0o755))
	for _, port := range []string{other, filepath.Join(root, "sys/../etc/authorized"), filepath.Join(root, "sys/kernel/file")} {
		must(t, os.WriteFile(other, []byte("mine"), 0o644))
		must(t, s.recordPort(port))
		if s.restorePort(root) == nil {
			t.Errorf("%s is taken for a port", port)
		}
		if got, _ := os.ReadFile(other); string(got) != "mine" {
			t.Errorf("%s was written to", port)
		}
	}
}
