package modem

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// locked is a world whose SIM wants the PIN 1234.
func locked(t testing.TB, tries int) *world {
	w := newWorld(t)
	w.sim.state = simLocked
	w.pin = pinState{lock: SIMPIN, tries: tries}
	w.answer[opEnterPIN] = func(c Command) (fact, *failure) {
		if w.records[c.key] != pinTried {
			t.Errorf("PIN sent before its record was written")
		}
		if c.pin == "1234" {
			w.sim.state, w.pin = simReady, pinState{lock: SIMReady, tries: 3}
			return nil, nil
		}
		if w.pin.tries > 0 {
			w.pin.tries--
		}
		if w.pin.tries == 0 {
			w.pin = pinState{lock: SIMPUK, tries: 10}
		}
		return nil, &failure{reason: reasonPIN, tries: w.pin.tries, text: "the SIM refused the PIN"}
	}
	w.event(devicesSeen{[]node{testNode("0")}})
	return w
}

func withPIN(pin Secret, person bool) Spec {
	s := wish(internet)
	s.PIN = pin
	if person {
		s.PINTyped = 1
	}
	return s
}

func TestPINIsSentByTheRules(t *testing.T) {
	for _, c := range []struct {
		tries  int
		person bool
		record pinOutcome
		want   bool
	}{
		{3, false, pinNever, true}, {10, false, pinNever, true},
		{2, false, pinNever, false}, {1, false, pinNever, false}, {0, false, pinNever, false},
		{-1, false, pinNever, false},
		{3, false, pinTried, false}, {3, false, pinRefused, false},
		{3, true, pinNever, true}, {2, true, pinNever, true}, {1, true, pinNever, false},
		{0, true, pinNever, false}, {-1, true, pinNever, false},
		{2, true, pinTried, true}, {1, true, pinTried, false},
		{3, true, pinRefused, true}, {2, true, pinRefused, false},
	} {
		t.Run(fmt.Sprintf("tries %d person %t record %d", c.tries, c.person, c.record), func(t *testing.T) {
			w := locked(t, c.tries)
			w.records[pinKey(w.sim.iccid, "1234")] = c.record
			w.event(specChanged{withPIN("1234", c.person)})
			if c.want {
				w.times(opEnterPIN, 1)
				w.bearer(Shared, BearerUp)
				if !w.state.snapshot().SIM.PINTaken {
					t.Error("not told that it opened the SIM")
				}
				return
			}
			w.phase(PhasePIN)
			w.pass(time.Hour)
			w.never(opEnterPIN)
			if s := w.state.snapshot().SIM; !s.PINRefused || s.PINTaken || s.TriesLeft != c.tries || s.State != SIMPIN {
				t.Fatalf("SIM %+v", s)
			}
		})
	}
}

func TestAcceptedPINLeavesNoRecord(t *testing.T) {
	w := locked(t, 3)
	w.event(specChanged{withPIN("1234", false)})
	if got := w.records[pinKey(w.sim.iccid, "1234")]; got != pinNever {
		t.Fatalf("record %d", got)
	}
	w.event(devicesSeen{nil}) // the same SIM wants it again after each power cycle
	w.sim.state, w.pin.lock = simLocked, SIMPIN
	w.event(devicesSeen{[]node{testNode("0")}})
	w.times(opEnterPIN, 2)
	w.bearer(Shared, BearerUp)
}

func TestRefusedPINIsNeverSentAgainByItself(t *testing.T) {
	w := locked(t, 3)
	w.event(specChanged{withPIN("9999", false)})
	w.times(opEnterPIN, 1)
	w.phase(PhasePIN)
	if s := w.state.snapshot().SIM; s.TriesLeft != 2 || !s.PINRefused {
		t.Fatalf("SIM %+v", s)
	}
	w.event(specChanged{withPIN("", false)})
	w.event(specChanged{withPIN("9999", false)})
	w.pin.tries = 3 // somebody unlocked it in a phone
	w.event(devicesSeen{nil})
	w.state = State{} // and the process was restarted
	w.begin(withPIN("9999", false))
	w.pass(time.Hour)
	w.times(opEnterPIN, 1)
}

func TestPersonMayUseTheSecondTryOnceAndNobodyTheLast(t *testing.T) {
	w := locked(t, 3)
	w.event(specChanged{withPIN("9999", false)})
	w.event(specChanged{withPIN("8888", false)})
	w.times(opEnterPIN, 1)
	w.event(specChanged{withPIN("8888", true)})
	w.times(opEnterPIN, 2)
	for i := range 20 {
		spec := withPIN(Secret(fmt.Sprint(7000+i)), true)
		spec.PINTyped += uint32(i + 1)
		w.event(specChanged{spec})
	}
	w.pass(time.Hour)
	w.times(opEnterPIN, 2)
	if s := w.state.snapshot().SIM; s.TriesLeft != 1 {
		t.Fatalf("SIM %+v", s)
	}
}

func TestTypedPINIsSentOnceAlsoWhenTheModemIsOpenedAgain(t *testing.T) {
	w := locked(t, 3)
	w.answer[opEnterPIN] = nil
	w.mute[opEnterPIN] = true
	w.event(specChanged{withPIN("8888", true)})
	w.times(opEnterPIN, 1)
	w.pin.tries = 2
	w.event(channelLost{"EOF"})
	w.pass(time.Hour)
	w.times(opEnterPIN, 1)
	w.phase(PhasePIN)
}

// busy lets the modem answer the next n entries of a PIN that it is busy.
func (w *world) busy(n int, why reason) {
	take := w.answer[opEnterPIN]
	w.answer[opEnterPIN] = func(c Command) (fact, *failure) {
		if n--; n >= 0 {
			return nil, &failure{reason: why, tries: -1, text: "busy"}
		}
		return take(c)
	}
}

// TestPINThatTheModemWasTooBusyToTakeIsSentAgain: nothing is held against it, on disk neither,
// and the tries are read afresh each time.
func TestPINThatTheModemWasTooBusyToTakeIsSentAgain(t *testing.T) {
	for name, c := range map[string]struct {
		why    reason
		tries  int
		person bool
	}{
		"by itself":             {reasonEarly, 3, false},
		"for a person":          {reasonEarly, 2, true},
		"the channel is closed": {reasonClosed, 3, false},
		"and it was typed":      {reasonClosed, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := locked(t, c.tries)
			w.busy(3, c.why)
			w.event(specChanged{withPIN("1234", c.person)})
			w.times(opEnterPIN, 1)
			if got := w.records[pinKey(w.sim.iccid, "1234")]; got != pinNever {
				t.Errorf("record %d", got)
			}
			w.pass(time.Minute)
			w.bearer(Shared, BearerUp)
			w.times(opEnterPIN, 4)
			w.times(opReadPIN, 4)
		})
	}
}

func TestBusyModemTakesNothingBack(t *testing.T) {
	w := locked(t, 3)
	w.records[pinKey(w.sim.iccid, "1234")] = pinRefused
	w.busy(1, reasonEarly)
	w.event(specChanged{withPIN("1234", true)})
	if got := w.records[pinKey(w.sim.iccid, "1234")]; got != pinRefused {
		t.Errorf("record %d", got)
	}
	w.pin.tries = 2 // what was refused before wants three
	w.pass(time.Hour)
	w.times(opEnterPIN, 1)
	w.phase(PhasePIN)
}

func TestModemThatIsAlwaysBusyIsNotSentThePINForEver(t *testing.T) {
	for _, why := range []reason{reasonEarly, reasonClosed} {
		w := locked(t, 3)
		w.busy(1000, why)
		w.event(specChanged{withPIN("1234", false)})
		w.pass(5 * time.Minute)
		if n := w.count(opEnterPIN); n < maxEarly/2 {
			t.Errorf("given up after %d", n)
		}
		w.pass(24 * time.Hour)
		w.times(opEnterPIN, maxEarly)
		w.phase(PhasePIN)
	}
}

// TestTypedPINIsOnePermission, for the SIM that is in when it is sent: no other SIM's second
// try, nor the same one's after it was elsewhere, is used by itself. Typing it again is another.
func TestTypedPINIsOnePermission(t *testing.T) {
	const other = Secret("8941000000000000002")
	for name, c := range map[string]struct {
		typed Secret
		next  Secret // SIM
	}{
		"accepted, then the same SIM":    {"1234", "8949000000000000001"},
		"accepted, then another SIM":     {"1234", other},
		"refused, then another SIM":      {"8888", other},
		"refused, then the same SIM too": {"8888", "8949000000000000001"},
	} {
		t.Run(name, func(t *testing.T) {
			w := locked(t, 3)
			spec := withPIN(c.typed, true)
			w.event(specChanged{spec})
			w.times(opEnterPIN, 1)
			w.sim.state = simAbsent
			w.event(w.sim)
			delete(w.records, pinKey(c.next, c.typed))
			w.sim = simState{state: simLocked, iccid: c.next}
			w.pin = pinState{lock: SIMPIN, tries: 2}
			w.event(w.sim)
			w.pass(time.Hour)
			w.times(opEnterPIN, 1)
			w.phase(PhasePIN)
			if !w.state.snapshot().SIM.PINRefused {
				t.Error("nobody is told why")
			}
			spec.PINTyped++
			w.event(specChanged{spec})
			w.times(opEnterPIN, 2)
		})
	}
}

func TestPINTypedWhileNoneIsWantedIsNoLeaveForALaterSIM(t *testing.T) {
	w := ready(t)
	w.event(specChanged{withPIN("1234", true)})
	w.sim.state = simAbsent
	w.event(w.sim)
	w.sim = simState{state: simLocked, iccid: "8941000000000000002"}
	w.pin = pinState{lock: SIMPIN, tries: 2}
	w.event(w.sim)
	w.pass(time.Hour)
	w.never(opEnterPIN)
	w.phase(PhasePIN)
}

// TestTypedPINOpensItsSIMByItselfAgain: with three tries it needs no person.
func TestTypedPINOpensItsSIMByItselfAgain(t *testing.T) {
	w := locked(t, 2)
	w.event(specChanged{withPIN("1234", true)})
	w.bearer(Shared, BearerUp)
	w.event(devicesSeen{nil})
	w.sim.state, w.pin.lock = simLocked, SIMPIN
	w.event(devicesSeen{[]node{testNode("0")}})
	w.bearer(Shared, BearerUp)
	again := withPIN("1234", true)
	again.PINTyped++
	if w.event(specChanged{again}); !w.state.snapshot().SIM.PINTaken {
		t.Error("typed once more it is not known as the right one")
	}
	w.times(opEnterPIN, 2)
}

func TestPowerCutWhileThePINIsSentLeadsToNoSecondTry(t *testing.T) {
	w := locked(t, 3)
	w.answer[opEnterPIN] = nil
	w.mute[opEnterPIN] = true
	w.event(specChanged{withPIN("1234", false)})
	w.times(opEnterPIN, 1)
	w.state, w.open = State{}, nil
	w.begin(withPIN("1234", false))
	w.pass(time.Hour)
	w.times(opEnterPIN, 1)
	w.phase(PhasePIN)
	clear(w.mute)
	w.answer[opEnterPIN] = func(Command) (fact, *failure) { w.sim.state = simReady; return nil, nil }
	w.event(specChanged{withPIN("1234", true)}) // a person says that it is right
	w.bearer(Shared, BearerUp)
}

func TestPINIsNotSentWhenItsRecordCannotBeKept(t *testing.T) {
	for name, o := range map[string]op{"written": opRecordPIN, "read": opRecallPIN} {
		t.Run(name, func(t *testing.T) {
			w := locked(t, 3)
			w.answer[o] = func(Command) (fact, *failure) { return nil, &failure{text: "read-only file system"} }
			w.event(specChanged{withPIN("1234", false)})
			w.phase(PhasePIN)
			w.pass(time.Hour)
			w.never(opEnterPIN)
		})
	}
}

func TestPINOfAFormerWishIsJudgedUnderItsOwnName(t *testing.T) {
	w := locked(t, 3)
	w.mute[opEnterPIN] = true
	w.event(specChanged{withPIN("9999", false)})
	w.event(specChanged{withPIN("1234", false)})
	w.pin.tries = 2
	w.release(opEnterPIN, nil, &failure{reason: reasonPIN, tries: 2})
	if got := w.records[pinKey(w.sim.iccid, "9999")]; got != pinRefused {
		t.Fatalf("record of the refused PIN: %d", got)
	}
	if got := w.records[pinKey(w.sim.iccid, "1234")]; got != pinNever {
		t.Fatalf("record of the other PIN: %d", got)
	}
	w.times(opEnterPIN, 1)
}

func TestPINOfAnotherSIMIsAnotherPIN(t *testing.T) {
	w := locked(t, 3)
	w.records[pinKey("8949000000000000009", "1234")] = pinRefused
	w.event(specChanged{withPIN("1234", false)})
	w.bearer(Shared, BearerUp)
}

func TestPUKAndOtherLocksAreAPersonsWork(t *testing.T) {
	for _, lock := range []SIMState{SIMPUK, SIMLocked} {
		w := locked(t, 3)
		w.pin = pinState{lock: lock, tries: 10}
		w.event(specChanged{withPIN("1234", true)})
		w.phase(PhasePIN)
		w.never(opEnterPIN)
		if s := w.state.snapshot().SIM; s.State != lock || s.TriesLeft != 10 {
			t.Fatalf("SIM %+v", s)
		}
	}
}

func TestSIMUnlockedElsewhereGoesOn(t *testing.T) {
	w := locked(t, 1)
	w.event(specChanged{withPIN("", false)})
	w.phase(PhasePIN)
	w.sim.state, w.pin.lock = simReady, SIMReady
	w.pass(maxBackoff)
	w.bearer(Shared, BearerUp)
}

func TestTriesAreReadAfreshBeforeANewPIN(t *testing.T) {
	w := locked(t, 3)
	w.event(specChanged{withPIN("", false)})
	w.forget()
	w.pin.tries = 1 // somebody else used them up
	w.event(specChanged{withPIN("1234", true)})
	w.never(opEnterPIN)
	if !slices.Contains(w.ops(), opReadPIN) {
		t.Fatal("not read")
	}
}

func TestUnreadableLockIsAPersonsWork(t *testing.T) {
	w := locked(t, 3)
	w.answer[opReadPIN] = func(Command) (fact, *failure) { return nil, &failure{text: "failure"} }
	w.event(specChanged{withPIN("1234", true)})
	w.phase(PhasePIN)
	w.never(opEnterPIN)
}
