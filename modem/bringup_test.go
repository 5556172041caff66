package modem

import (
	"slices"
	"testing"
	"time"
)

func TestBringUpTakesTheStepsInOrder(t *testing.T) {
	w := newWorld(t)
	w.radio.software = false
	w.packet.state = packetDetached
	w.begin(wish(internet))
	want := []op{opOpen, opReadCapabilities, opReadRadio, opRadioOn, opReadSIM, opReadIdentity,
		opReadRegistration, opReadPacket, opAttach}
	if got := w.ops(); len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Fatalf("did %v, want %v", got, want)
	}
	var phases []Phase
	for _, l := range w.state.log {
		phases = append(phases, l.To)
	}
	if want := []Phase{PhaseNoModem, PhaseOpening, PhaseReading, PhaseRadio, PhaseSIM, PhaseRegister,
		PhaseAttach, PhaseReady}; !slices.Equal(phases, want) {
		t.Fatalf("phases %v, want %v", phases, want)
	}
	s := w.state.snapshot()
	if s.Device.Model != "M1" || s.Device.Sessions != 2 || s.SIM.MCC != "262" || s.SIM.MNC != "01" ||
		s.SIM.SPN != "Brand" || s.SIM.State != SIMReady || !s.Registration.Attached ||
		s.Registration.PLMN != "26201" || s.Signal.RSRP != -90 || !s.RadioOn {
		t.Fatalf("status %+v", s)
	}
}

// stuck brings up a session that must come to rest in a phase.
func stuck(t *testing.T, w *world, want Phase) {
	t.Helper()
	w.begin(wish(internet))
	w.phase(want)
	w.never(opDial)
}

func TestRadioOffByHardwareWaitsForTheSwitch(t *testing.T) {
	w := newWorld(t)
	w.radio = radioState{hardware: false, software: true}
	stuck(t, w, PhaseRadioOff)
	w.pass(time.Minute)
	w.never(opRadioOn)
	w.radio.hardware = true
	w.event(w.radio)
	w.bearer(Shared, BearerUp)
}

func TestRadioThatStaysOffIsAskedAgainButRarely(t *testing.T) {
	w := newWorld(t)
	w.radio.software = false
	w.answer[opRadioOn] = func(Command) (fact, *failure) { return w.radio, nil }
	stuck(t, w, PhaseRadioOff)
	w.pass(time.Hour)
	if n := w.count(opRadioOn); n < 10 || n > 20 {
		t.Fatalf("%d tries in an hour", n)
	}
}

func TestSIMThatStartsIsWaitedForAMinute(t *testing.T) {
	w := newWorld(t)
	ready := w.sim
	w.sim = simState{state: simStarting}
	stuck(t, w, PhaseSIM)
	w.pass(waitSIM - time.Second)
	w.phase(PhaseSIM)
	if s := w.state.snapshot(); s.SIM.State != SIMUnknown {
		t.Fatalf("while it starts the SIM is %q", s.SIM.State)
	}
	w.pass(6 * time.Second)
	w.phase(PhaseNoSIM)
	if s := w.state.snapshot(); s.Error == "" || s.SIM.State != SIMBad {
		t.Fatalf("complaint %q, the SIM is %q", s.Error, s.SIM.State)
	}
	w.event(ready)
	w.bearer(Shared, BearerUp)
}

func TestNoSIMThenSIMInserted(t *testing.T) {
	for name, insert := range map[string]func(*world){
		"with a notice":  func(w *world) { w.event(w.sim) },
		"without notice": func(w *world) { w.pass(time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ready := w.sim
			w.sim = simState{state: simAbsent}
			stuck(t, w, PhaseNoSIM)
			w.pass(time.Hour)
			w.phase(PhaseNoSIM)
			if n := w.count(opReadSIM); n > 80 {
				t.Fatalf("asked %d times in an hour", n)
			}
			w.sim = ready
			insert(w)
			w.bearer(Shared, BearerUp)
		})
	}
}

func TestSIMSwappedForAnotherTakesIdentityAndBearerAlong(t *testing.T) {
	w := ready(t)
	w.forget()
	w.event(simState{state: simAbsent})
	w.phase(PhaseNoSIM)
	if s := w.state.snapshot(); s.SIM.ICCID != "" || s.SIM.MCC != "" || s.Registration.State != "" {
		t.Fatalf("status %+v", s)
	}
	if b := w.bearer(Shared, BearerDown); b.IPv4 != nil {
		t.Fatalf("bearer %+v", b)
	}
	w.answer[opReadIdentity] = func(Command) (fact, *failure) { return identity{mcc: "228", mnc: "02"}, nil }
	w.sim = simState{state: simReady, iccid: "8941000000000000002", imsi: "228020000000002"}
	w.event(w.sim)
	if s := w.state.snapshot(); s.SIM.MCC != "228" || s.SIM.ICCID != w.sim.iccid {
		t.Fatalf("SIM %+v", s.SIM)
	}
	w.times(opDial, 1)
	w.bearer(Shared, BearerUp)
}

func TestSIMSwappedWithoutASignOfItsAbsence(t *testing.T) {
	w := ready(t)
	w.forget()
	w.sim.iccid = "8941000000000000002"
	w.event(w.sim)
	w.times(opReadIdentity, 1)
	w.times(opReadRegistration, 1)
	w.times(opHangUp, 1) // what was up is the former SIM's
	w.times(opDial, 1)
}

// TestAnotherSubscriptionOnTheSameCard: a travel SIM changes its IMSI, and its home with it. That
// it is not told for a while, because the modem reads the card anew, changes nothing.
func TestAnotherSubscriptionOnTheSameCard(t *testing.T) {
	w := ready(t)
	first := w.sim.imsi
	w.forget()
	for _, told := range []simState{{state: simReady, iccid: w.sim.iccid}, {state: simStarting}, w.sim} {
		w.event(told)
		if s := w.state.snapshot(); s.SIM.IMSI != first {
			t.Errorf("after %+v the IMSI is %q", told, string(s.SIM.IMSI))
		}
	}
	w.never(opReadIdentity)
	w.never(opHangUp)
	w.event(simState{state: simStarting})
	w.answer[opReadIdentity] = func(c Command) (fact, *failure) {
		if c.imsi != w.sim.imsi {
			t.Errorf("the identity of %q is asked for", string(c.imsi))
		}
		return identity{mcc: "204", mnc: "04"}, nil
	}
	w.sim.imsi = "204040000000001"
	w.event(w.sim)
	if s := w.state.snapshot(); s.SIM.MCC != "204" || s.SIM.SPN != "" || s.SIM.IMSI != w.sim.imsi || s.SIM.ICCID != w.sim.iccid {
		t.Errorf("SIM %+v", s.SIM)
	}
	w.times(opReadIdentity, 1)
	w.times(opHangUp, 1) // what was up is the former subscription's
	w.times(opDial, 1)
	w.bearer(Shared, BearerUp)
	w.event(simState{state: simAbsent})
	if s := w.state.snapshot(); s.SIM.IMSI != "" {
		t.Errorf("without a SIM: %+v", s.SIM)
	}
}

// TestAnotherSubscriptionAfterALock: nor does it go unseen when the card is locked, or cannot be
// read, between the two.
func TestAnotherSubscriptionAfterALock(t *testing.T) {
	for _, between := range []simState{{state: simLocked}, {state: simBad}, {state: simLocked, iccid: "8949000000000000001"}} {
		w := ready(t)
		w.forget()
		w.event(between)
		w.event(w.sim)
		w.pass(redialFirst)
		w.never(opReadIdentity) // the same one
		w.bearer(Shared, BearerUp)
		w.event(between)
		w.answer[opReadIdentity] = func(Command) (fact, *failure) { return identity{mcc: "204", mnc: "04"}, nil }
		w.sim.imsi = "204040000000001"
		w.event(w.sim)
		if s := w.state.snapshot(); s.SIM.MCC != "204" || s.SIM.SPN != "" || s.SIM.IMSI != w.sim.imsi {
			t.Errorf("after %+v: SIM %+v", between, s.SIM)
		}
		w.pass(redialFirst)
		w.bearer(Shared, BearerUp)
	}
}

// TestSIMThatGoesOrComesOutOfServiceWithoutANotice: it is asked for when the registration comes or
// goes, and as often as the network while there is none.
func TestSIMThatGoesOrComesOutOfServiceWithoutANotice(t *testing.T) {
	other := simState{state: simReady, iccid: "8941000000000000002", imsi: "228020000000002"}
	w := ready(t)
	w.reg.state = "searching"
	w.event(w.reg)
	w.phase(PhaseRegister)
	w.sim = other
	w.reg.state = "home"
	w.forget()
	w.event(w.reg)
	w.times(opReadSIM, 1)
	if s := w.state.snapshot(); s.SIM.ICCID != other.iccid {
		t.Errorf("the former SIM: %+v", s.SIM)
	}
	w.bearer(Shared, BearerUp)

	for state, within := range map[string]time.Duration{"searching": 5 * time.Second, "?": 5 * time.Second,
		"denied": 15 * time.Second, "deregistered": 10 * time.Second, "roaming": time.Minute} {
		for _, sim := range []simState{other, {state: simAbsent}} {
			w = ready(t)
			w.reg.state = state
			w.event(w.reg)
			if phase := w.state.phase; phase == PhaseReady {
				t.Fatalf("%s: in service", state)
			}
			w.sim = sim
			w.pass(within)
			if s := w.state.snapshot(); s.SIM.ICCID != sim.iccid || (s.Phase == PhaseNoSIM) != (sim.state == simAbsent) {
				t.Errorf("%s, %+v: %s with %+v", state, sim, s.Phase, s.SIM)
			}
		}
	}
	w = ready(t)
	w.reg.state = "searching"
	w.event(w.reg)
	w.forget()
	w.pass(time.Hour)
	if n := w.count(opReadSIM); n < 50 || n != w.count(opReadRegistration) {
		t.Errorf("asked for the SIM %d times in an hour, for the network %d times", n, w.count(opReadRegistration))
	}
}

// TestSIMThatGoesAndComesWithoutANotice: a modem in service is asked for its SIM now and then,
// and one that refuses something for its SIM's sake at once.
func TestSIMThatGoesAndComesWithoutANotice(t *testing.T) {
	other := simState{state: simReady, iccid: "8941000000000000002", imsi: "228020000000002"}
	w := ready(t)
	w.answer[opReadIdentity] = func(Command) (fact, *failure) { return identity{mcc: "228", mnc: "02"}, nil }
	w.sim = other
	w.forget()
	w.pass(3 * pollReady)
	w.times(opReadSIM, 1)
	if s := w.state.snapshot(); s.SIM.ICCID != other.iccid || s.SIM.MCC != "228" {
		t.Errorf("the former SIM: %+v", s.SIM)
	}
	w.times(opHangUp, 1)
	w.bearer(Shared, BearerUp)
	w.forget()
	w.pass(time.Hour)
	if n := w.count(opReadSIM) + w.count(opReadSignal) + w.count(opReadRegistration); n != 60 || w.count(opReadSIM) != 20 {
		t.Errorf("%d questions in an hour, %d of them for the SIM", n, w.count(opReadSIM))
	}

	w = ready(t)
	w.sim, w.reg.state = simState{state: simAbsent}, "deregistered"
	gone := &failure{reason: reasonOffline, card: true, text: "no SIM"}
	w.answer[opSetAutomatic] = func(Command) (fact, *failure) { return nil, gone }
	w.answer[opDial] = w.answer[opSetAutomatic]
	w.forget()
	w.event(bearerState{state: contextDeactivated}) // and the next dial is refused
	w.times(opReadSIM, 1)
	w.phase(PhaseNoSIM)
	clear(w.answer)
	w.sim, w.reg.state = other, "home"
	w.pass(time.Minute)
	w.bearer(Shared, BearerUp)

	w.sim, w.reg.state = simState{state: simAbsent}, "deregistered"
	w.answer[opSetAutomatic] = func(Command) (fact, *failure) { return nil, gone }
	w.event(w.reg)
	w.phase(PhaseNoSIM)
	w.sim = other // says the modem, and still refuses for its sake
	w.pass(2 * time.Minute)
	w.phase(PhaseRegister)
	w.forget()
	w.pass(time.Hour)
	w.phase(PhaseRegister)
	if n := w.count(opReadSIM); n == 0 || n > 20 || n != w.count(opSetAutomatic) {
		t.Errorf("asked %d times in an hour for %d refusals", n, w.count(opSetAutomatic))
	}
}

// TestRefusalsForTheSakeOfASIMThatIsReady come at growing intervals, with one complaint, whatever
// is refused: that the modem calls its SIM ready all the same is no success of that.
func TestRefusalsForTheSakeOfASIMThatIsReady(t *testing.T) {
	for _, o := range []op{opReadRegistration, opReadPacket, opAttach} {
		w := newWorld(t)
		w.packet.state = packetDetached
		w.answer[o] = func(Command) (fact, *failure) {
			if e := w.state.snapshot().Error; w.count(o) > 1 && e != "bad SIM" {
				t.Fatalf("%s: before the next try it complains %q", o, e)
			}
			return nil, &failure{card: true, tries: -1, text: "bad SIM"}
		}
		w.begin(wish(internet))
		w.pass(time.Hour)
		if n := w.count(o); n < 10 || n > 20 || w.count(opReadSIM) > n+1 {
			t.Errorf("%s: %d tries and %d questions for the SIM in an hour", o, n, w.count(opReadSIM))
		}
		clear(w.answer)
		w.pass(maxBackoff)
		w.bearer(Shared, BearerUp)
	}
}

func TestSIMSwappedWhileTheFormerOneIsRead(t *testing.T) {
	w := newWorld(t)
	w.mute[opReadIdentity] = true
	w.begin(wish(internet))
	w.sim = simState{state: simReady, iccid: "8941000000000000002", imsi: "228020000000002"}
	w.event(w.sim)
	w.release(opReadIdentity, identity{mcc: "262", mnc: "01", spn: "Brand"}, nil)
	if s := w.state.snapshot(); s.SIM.MCC != "" {
		t.Fatalf("the former SIM's home: %+v", s.SIM)
	}
	w.release(opReadIdentity, identity{mcc: "228", mnc: "02"}, nil)
	if s := w.state.snapshot(); s.SIM.MCC != "228" {
		t.Fatalf("%+v", s.SIM)
	}
	w.bearer(Shared, BearerUp)
}

// TestSIMThatGoesWhileItIsAskedFor: the notice of it may overtake the answer, which is then about
// what is no longer so.
func TestSIMThatGoesWhileItIsAskedFor(t *testing.T) {
	w := ready(t)
	former := w.sim
	for _, told := range []simState{{state: simReady, iccid: "8941000000000000002", imsi: "228020000000002"}, {state: simAbsent}} {
		w.mute[opReadSIM] = true
		w.pass(3 * pollReady)
		w.sim = told
		w.event(told)
		w.release(opReadSIM, former, nil)
		w.mute[opReadSIM] = false
		if s := w.state.snapshot(); s.SIM.ICCID != told.iccid || s.SIM.IMSI != told.imsi {
			t.Errorf("the SIM is %+v after %+v", s.SIM, told)
		}
		former = told
	}
	w.phase(PhaseNoSIM)
	w.pass(5 * time.Second)
	w.times(opReadSIM, 4)
}

func TestRoamingIsTheOwnersDecision(t *testing.T) {
	for _, state := range []string{"roaming", "partner"} {
		t.Run(state, func(t *testing.T) {
			w := newWorld(t)
			w.reg.state = state
			stuck(t, w, PhaseRoaming)
			allowed := wish(internet)
			allowed.Roaming = true
			w.event(specChanged{allowed})
			w.bearer(Shared, BearerUp)
			w.event(specChanged{wish(internet)})
			w.phase(PhaseRoaming)
			w.bearer(Shared, BearerDown)
			w.times(opHangUp, 1)
		})
	}
}

func TestBearerLeftByAFormerProcessIsHungUpAbroad(t *testing.T) {
	w := newWorld(t)
	w.reg.state = "roaming"
	w.up[0], w.run[0] = internet, internet
	stuck(t, w, PhaseRoaming)
	w.times(opHangUp, 1)
	w.bearer(Shared, BearerDown)
	w.pass(time.Hour)
	w.times(opReadBearer, 1)
}

func TestCrossingTheBorderHangsUp(t *testing.T) {
	w := ready(t)
	w.event(registration{state: "roaming", plmn: "22802"})
	w.phase(PhaseRoaming)
	w.times(opHangUp, 1)
	w.event(registration{state: "home", plmn: "26201"})
	w.bearer(Shared, BearerUp)
}

func TestDeniedRegistrationKeepsItsCauseAsANumber(t *testing.T) {
	w := newWorld(t)
	w.reg = registration{state: "denied", cause: 11}
	stuck(t, w, PhaseDenied)
	w.event(registration{state: "searching"})
	w.phase(PhaseRegister)
	if c := w.state.snapshot().Registration.Cause; c != 11 {
		t.Fatalf("cause %d", c)
	}
	w.event(registration{state: "home"})
	w.bearer(Shared, BearerUp)
	if c := w.state.snapshot().Registration.Cause; c != 0 {
		t.Fatalf("cause %d after the network took us", c)
	}
}

func TestManualRegistrationIsSetToAutomaticOnce(t *testing.T) {
	w := newWorld(t)
	w.reg.manual = true
	w.begin(wish(internet))
	w.times(opSetAutomatic, 1)
	w.bearer(Shared, BearerUp)
}

func TestLostCoverageKeepsTheBearer(t *testing.T) {
	w := ready(t)
	w.forget()
	w.event(registration{state: "searching"})
	w.phase(PhaseRegister)
	w.bearer(Shared, BearerUp)
	w.event(w.reg)
	w.phase(PhaseReady)
	w.never(opDial)
	w.never(opHangUp)
}

func TestModemThatAttachesByItselfNeedsNoCommandForIt(t *testing.T) {
	w := newWorld(t)
	w.packet.state = packetDetached
	w.answer[opAttach] = func(Command) (fact, *failure) { return nil, &failure{reason: reasonUnsupported} }
	w.begin(wish(internet))
	w.bearer(Shared, BearerUp)
}

func TestRefusedAttachIsTriedAgainWithBackOff(t *testing.T) {
	w := newWorld(t)
	w.packet = packetService{state: packetDetached, cause: 7}
	w.answer[opAttach] = func(Command) (fact, *failure) {
		return nil, &failure{reason: reasonRefused, cause: 7, text: "refused"}
	}
	stuck(t, w, PhaseAttach)
	w.pass(time.Hour)
	if n := w.count(opAttach); n < 10 || n > 22 {
		t.Fatalf("%d tries in an hour", n)
	}
	if s := w.state.snapshot(); s.Registration.Cause != 7 || s.Error != "refused" {
		t.Fatalf("status %+v", s)
	}
}

func TestModemThatAgreesToEverythingAndTellsNothingIsNotAskedInALoop(t *testing.T) {
	for o := opReadCapabilities; o <= opReadIP; o++ {
		w := newWorld(t)
		w.packet.state, w.radio.software = packetDetached, false
		w.sim.state, w.pin.lock = simLocked, SIMPIN
		w.answer[o] = func(Command) (fact, *failure) { return nil, nil }
		spec := wish(internet)
		spec.PIN = "1234"
		w.begin(spec)
		w.pass(time.Minute)
		if n := w.count(o); n > 40 {
			t.Errorf("%s: asked %d times in a minute", o, n)
		}
	}
}

func TestDisabledHangsUpClosesAndIsOff(t *testing.T) {
	w := ready(t)
	w.forget()
	w.event(specChanged{Spec{}})
	if got, want := w.ops(), []op{opForgetRun, opHangUp, opClose}; !slices.Equal(got, want) {
		t.Fatalf("did %v, want %v", got, want)
	}
	w.phase(PhaseOff)
	if s := w.state.snapshot(); len(s.Bearers) != 0 || s.Device != (Device{}) || !w.due.IsZero() {
		t.Fatalf("status %+v, due %v", s, w.due)
	}
}

func TestDisabledInTheMiddleOfAnythingEndsInOff(t *testing.T) {
	for o := opOpen; o <= opRecallRun; o++ {
		w := locked(t, 3)
		w.mute[o] = true
		w.radio.software, w.packet.state, w.reg.manual = false, packetDetached, true
		w.up[0], w.run[0] = internet, internet // adopted
		w.up[1] = tether                       // replaced
		spec := Spec{Enabled: true, PIN: "1234", Service: Service{ID: 1, Data: "data"},
			Bearers: map[Purpose]Bearer{Shared: internet, Own: {APN: "own"}}}
		if o >= opReadAttach && o <= opRecordAttach {
			w.attaches, spec.Attach = true, Attach{Card: w.sim.iccid, Set: true, Profile: internet}
		}
		if o == opRadioOff { // in front of what would switch it on
			spec.Reregister = 1
		}
		w.event(specChanged{spec})
		mends := o == opReset || o == opReplug || o == opDetach
		if w.count(o) == 0 && !mends && o != opClose {
			t.Fatalf("%s was not reached: %v", o, w.ops())
		}
		w.event(specChanged{Spec{}})
		w.pass(timeoutHangUp + timeoutClose + timeoutIP)
		w.phase(PhaseOff)
		if o != opHangUp && o != opClose && len(w.up) > 0 {
			t.Errorf("%s: still up: %v", o, w.up)
		}
	}
}

func TestUnpluggedTakesTheBearerDownAtOnceAndPluggedInAgainUnderAnotherNameWorks(t *testing.T) {
	w := ready(t)
	w.event(devicesSeen{nil})
	w.phase(PhaseNoModem)
	if b := w.bearer(Shared, BearerDown); b.IPv4 != nil || b.Interface != "" {
		t.Fatalf("bearer %+v", b)
	}
	clear(w.up)
	w.pass(time.Minute)
	w.event(devicesSeen{[]node{testNode("1")}})
	if b := w.bearer(Shared, BearerUp); b.Interface != "wwan1" {
		t.Fatalf("bearer %+v", b)
	}
}

func TestChannelThatEndsIsOpenedAgainWithBackOff(t *testing.T) {
	w := ready(t)
	w.forget()
	clear(w.up)
	w.event(channelLost{"EOF"})
	w.bearer(Shared, BearerDown)
	w.phase(PhaseOpening)
	w.never(opOpen)
	w.pass(time.Second)
	w.bearer(Shared, BearerUp)
	w.answer[opOpen] = func(Command) (fact, *failure) { return nil, &failure{text: "no such device"} }
	w.forget()
	w.event(channelLost{"ENODEV"})
	since := w.state.snapshot().Since
	w.pass(time.Hour)
	if s := w.state.snapshot(); s.Phase != PhaseOpening || s.Error != "no such device" || !s.Since.Equal(since) {
		t.Fatalf("%s since %v, it complains %q", s.Phase, s.Since, s.Error)
	}
	if n := w.count(opOpen); n < 30 || n > 70 {
		t.Fatalf("%d tries in an hour", n)
	}
}

func TestModemThatCrashesOnAQuestionIsNotOpenedInALoop(t *testing.T) {
	w := newWorld(t)
	w.mute[opReadRegistration] = true
	w.begin(wish(internet))
	for range 3600 {
		if w.phaseIs(PhaseRegister) {
			w.event(channelLost{"EOF"})
		}
		w.pass(time.Second)
	}
	if n := w.count(opOpen); n < 30 || n > 80 {
		t.Fatalf("%d openings in an hour", n)
	}
	if e := w.state.snapshot().Error; e == "" {
		t.Error("no complaint")
	}
}

func TestAnswersAndNoticesOfAFormerOpeningAreNobodys(t *testing.T) {
	w := ready(t)
	old := w.gen
	w.mute[opReadSignal], w.mute[opReadRegistration] = true, true
	w.pass(pollReady)
	stale := w.open[0]
	clear(w.mute)
	w.event(channelLost{"EOF"})
	w.pass(time.Second)
	before := w.state.snapshot()
	for _, f := range []fact{registration{state: "denied"}, simState{state: simAbsent}, channelLost{"EOF"},
		bearerState{state: contextDeactivated}, answered{id: stale.id, result: radioState{}}} {
		w.deliver(Event{gen: old, fact: f})
	}
	after := w.state.snapshot()
	if after.Phase != before.Phase || after.Bearers[Shared].State != BearerUp || after.SIM != before.SIM {
		t.Fatalf("before %+v, after %+v", before, after)
	}
}

func TestSilentModemIsClosedOpenedAndResetWithGrowingPauses(t *testing.T) {
	w := ready(t)
	for o := opReset; o <= opReadIP; o++ {
		w.mute[o] = true
	}
	w.forget()
	w.pass(2*pollReady + 2*timeoutQuery)
	w.phase(PhaseUnanswered)
	w.bearer(Shared, BearerDown)
	w.times(opClose, 1)
	w.never(opReset)
	w.pass(time.Minute)
	w.times(opReset, 1)
	w.pass(6 * time.Hour)
	if n := w.count(opReset); n < 20 || n > 40 {
		t.Fatalf("%d resets in six hours", n)
	}
	clear(w.mute)
	w.open = nil
	w.pass(10 * time.Minute)
	w.bearer(Shared, BearerUp)
	w.forget() // and what was is forgotten: the first step is the gentle one again
	for o := opReset; o <= opReadIP; o++ {
		w.mute[o] = true
	}
	w.pass(2*pollReady + 2*timeoutQuery)
	w.times(opClose, 1)
	w.never(opReset)
}

func TestModemThatLosesItsChannelNowAndThenIsOpenedAtOnceEachTime(t *testing.T) {
	w := ready(t)
	for range 20 {
		clear(w.up)
		w.event(channelLost{"EOF"})
		w.pass(time.Second)
		w.bearer(Shared, BearerUp)
	}
}

func TestModemThatDoesNotOpenIsUnanswered(t *testing.T) {
	w := newWorld(t)
	w.mute[opOpen] = true
	w.begin(wish(internet))
	w.phase(PhaseOpening)
	w.pass(timeoutOpen + time.Second)
	w.phase(PhaseUnanswered)
	w.mute[opOpen] = false
	w.pass(time.Minute + timeoutOpen)
	w.bearer(Shared, BearerUp)
}

func TestWishedDeviceIsChosenAndAChangeOfItFollowed(t *testing.T) {
	nodes := []node{testNode("0"), testNode("1")}
	w := newWorld(t)
	spec := wish(internet)
	spec.Device = "1-1"
	w.event(specChanged{spec})
	w.event(devicesSeen{nodes[:1]})
	w.phase(PhaseNoModem)
	w.event(devicesSeen{nodes})
	if d := w.state.snapshot().Device; d.Interface != "wwan1" {
		t.Fatalf("device %+v", d)
	}
	w.forget()
	spec.Device = "cdc-wdm0"
	w.event(specChanged{spec})
	if got := w.ops()[:4]; !slices.Equal(got, []op{opForgetRun, opHangUp, opClose, opOpen}) {
		t.Fatalf("did %v", got)
	}
	if b := w.bearer(Shared, BearerUp); b.Interface != "wwan0" {
		t.Fatalf("bearer %+v", b)
	}
}

func TestModemOfAnotherProtocolIsNamed(t *testing.T) {
	w := newWorld(t)
	n := testNode("0")
	n.Driver, n.protocol = "qmi_wwan", ""
	w.event(specChanged{wish(internet)})
	w.event(devicesSeen{[]node{n}})
	w.phase(PhaseNoModem)
	if e := w.state.snapshot().Error; e == "" || w.count(opOpen) != 0 {
		t.Fatalf("error %q", e)
	}
}

func TestInterfaceThatAppearsAfterTheControlNodeIsTaken(t *testing.T) {
	w := newWorld(t)
	early := testNode("0")
	early.Interface = ""
	w.event(specChanged{wish(internet)})
	w.event(devicesSeen{[]node{early}})
	w.event(devicesSeen{[]node{testNode("0")}})
	if b := w.bearer(Shared, BearerUp); b.Interface != "wwan0" {
		t.Fatalf("bearer %+v", b)
	}
}

func TestLogIsBounded(t *testing.T) {
	w := ready(t)
	for range 2 * maxLog {
		w.event(registration{state: "searching"})
		w.event(w.reg)
	}
	if n := len(w.state.log); n != maxLog {
		t.Fatalf("%d transitions", n)
	}
	if last := w.state.log[maxLog-1]; last.To != PhaseReady || last.Why != "registration: home" {
		t.Fatalf("last %+v", last)
	}
}

func TestNextLeavesItsArgumentUntouched(t *testing.T) {
	w := ready(t)
	for range maxLog { // the log is full
		w.event(registration{state: "searching"})
		w.event(w.reg)
	}
	before := w.state
	logged, slots := slices.Clone(before.log), slices.Clone(before.slots)
	Next(before, Event{At: w.now, gen: w.gen, fact: bearerState{state: contextDeactivated, cause: 36}})
	Next(before, Event{At: w.now, gen: w.gen, fact: simState{state: simAbsent}})
	Next(before, Event{At: w.now, fact: specChanged{wish(tether)}})
	if !slices.Equal(before.log, logged) || before.slots[0].status.State != slots[0].status.State ||
		before.slots[0].context != slots[0].context {
		t.Fatal("the former state was changed")
	}
}

// The SIM's identity may not be readable yet when all else is: it is asked for again beside
// it, and not for ever.
func TestIdentityThatWasReadTooEarly(t *testing.T) {
	whole := false
	w := newWorld(t)
	w.answer[opReadIdentity] = func(Command) (fact, *failure) {
		if whole {
			return identity{mcc: "262", mnc: "01", home: "Home"}, nil
		}
		return identity{early: true}, nil
	}
	w.begin(wish(internet))
	w.bearer(Shared, BearerUp)
	w.times(opReadIdentity, 1)
	if !w.state.snapshot().SIM.Early {
		t.Error("half of it is not called so")
	}
	whole = true
	w.pass(askIdentity)
	w.times(opReadIdentity, 2)
	w.phase(PhaseReady)
	if s := w.state.snapshot(); s.SIM.MCC != "262" || s.SIM.HomeName != "Home" || s.SIM.Early {
		t.Errorf("SIM %+v", s.SIM)
	}
	w.pass(time.Hour)
	w.times(opReadIdentity, 2)

	whole = false
	w = newWorld(t)
	w.answer[opReadIdentity] = func(Command) (fact, *failure) { return identity{early: true}, nil }
	w.sim.imsi = ""
	w.begin(wish(internet))
	if !w.state.snapshot().SIM.Early {
		t.Error("it is not waited for")
	}
	w.pass(2 * time.Minute)
	if w.state.snapshot().SIM.Early {
		t.Error("it is waited for after two minutes")
	}
	w.pass(time.Hour)
	w.times(opReadIdentity, 1+maxIdentity)
	w.sim.imsi = "262010000000001"
	w.event(w.sim) // a notice that tells more
	w.times(opReadIdentity, 2+maxIdentity)
	w.bearer(Shared, BearerUp)
}

// TestNetworkTimeIsAskedOnceAndHeard: what the modem tells is kept with the moment at which
// it was heard, and forgotten with the channel.
func TestNetworkTimeIsAskedOnceAndHeard(t *testing.T) {
	w := ready(t)
	if got := w.state.snapshot().Time; !got.At.Equal(w.now) || !got.Right.Equal(w.now.Add(time.Hour)) {
		t.Fatalf("%+v", got)
	}
	w.forget()
	w.pass(6 * time.Hour)
	w.never(opReadTime)
	told := w.now.Add(-time.Minute)
	w.event(networkTime{told})
	if got := w.state.snapshot().Time; !got.At.Equal(w.now) || !got.Right.Equal(told) {
		t.Errorf("%+v", got)
	}
	w.answer[opReadTime] = func(Command) (fact, *failure) {
		return nil, &failure{reason: reasonUnsupported, tries: -1, text: "no"}
	}
	w.event(channelLost{"EOF"})
	w.pass(time.Minute)
	w.bearer(Shared, BearerUp)
	if got := w.state.snapshot(); got.Time != (NetworkTime{}) || got.Error != "" {
		t.Errorf("a modem that does not tell it: %+v %q", got.Time, got.Error)
	}
	w.times(opReadTime, 1)
}
