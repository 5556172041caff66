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
	s.PIN, s.PINByPerson = pin, person
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
		w.event(specChanged{withPIN(Secret(fmt.Sprint(7000+i)), true)})
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
