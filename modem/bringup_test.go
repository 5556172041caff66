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
	w.pass(6 * time.Second)
	w.phase(PhaseNoSIM)
	if w.state.snapshot().Error == "" {
		t.Fatal("no complaint")
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
	w.pass(time.Hour)
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
