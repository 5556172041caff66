package modem

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// steer moves the control lane: from nothing to a session that is ready, and back.
func (t *turn) steer() {
	switch {
	case t.leaving():
		t.leave()
	case t.channel == channelClosing:
	case t.channel == channelClosed && !t.spec.Enabled:
		t.dismiss()
		t.struck = struck{}
		t.enter(PhaseOff, "")
	case t.channel == channelClosed && !t.pick():
		t.enter(PhaseNoModem, t.missing())
	case t.control.busy() && (t.control.op == opReset || t.control.op == opReplug):
	case t.timeouts >= maxSilence:
		t.breakSilence()
	case t.channel == channelOpen:
		t.bringUp()
	default:
		t.open()
	}
}

// leaving reports an open device that is not wished any more.
func (t *turn) leaving() bool {
	return (t.channel == channelOpening || t.channel == channelOpen) &&
		(!t.spec.Enabled || !t.node.matches(t.spec.Device))
}

// leave closes the channel once no bearer is left; tend hangs them up.
func (t *turn) leave() {
	if t.idle() {
		t.shut()
	}
}

// shut closes the channel, whatever is under way on it.
func (t *turn) shut() {
	t.channel = channelClosing
	t.start(&t.control, Command{op: opClose}, timeoutClose)
}

// pick chooses the device: the one in use as long as it fits, else the first that
// the wish names and that can be spoken to.
func (t *turn) pick() bool {
	if t.node.Control != "" && t.node.matches(t.spec.Device) {
		return true
	}
	t.dismiss()
	for _, n := range t.nodes {
		if n.protocol != "" && n.matches(t.spec.Device) {
			t.node = n
			if n.Path == t.struck.path && t.at.Sub(t.struck.at) < backByReset {
				t.rung, t.control.hold = t.struck.rung, t.struck.hold
			}
			return true
		}
	}
	return false
}

// missing says why there is no modem.
func (t *turn) missing() string {
	for _, n := range t.nodes {
		if n.protocol == "" && n.matches(t.spec.Device) {
			return fmt.Sprintf("the modem at %s uses the driver %s, whose protocol is not spoken here", n.Path, n.Driver)
		}
	}
	if t.spec.Device != "" && len(t.nodes) > 0 {
		return "the wished device is not there, though another modem is"
	}
	return "no modem found"
}

func (t *turn) open() {
	phase, complaint := PhaseOpening, ""
	if t.rung > 0 {
		phase, complaint = PhaseUnanswered, "the modem does not answer"
	}
	t.enter(phase, complaint)
	if t.control.busy() || t.control.hold.After(t.at) {
		return
	}
	t.channel = channelOpening
	t.start(&t.control, Command{op: opOpen, node: t.node}, timeoutOpen)
}

func (t *turn) opened(err *failure) {
	if err == nil {
		t.channel = channelOpen
		t.control = lane{}
		t.mended = t.spec.Mend // that was about what is over
		return
	}
	t.loseChannel(err.text)
	if err.reason == reasonTimeout {
		t.timeouts = maxSilence // an open is many tries already
	}
}

// closed ends the opening. What the driver was told to hold back stays held back.
func (t *turn) closed() {
	t.channel, t.known, t.control = channelClosed, known{}, lane{hold: t.control.hold}
	for i := range t.slots {
		t.slots[i].lost(t.at)
	}
	t.gen++
}

// breakSilence acts on a modem that does not answer: the channel is closed and
// opened anew, every second time after a reset, each time after a longer dwell. One that
// does not even open is reset by its port. One that another program has open is not reset,
// for that may get the answers, and live well on it.
func (t *turn) breakSilence() {
	t.enter(PhaseUnanswered, "the modem does not answer")
	for i := range t.slots {
		t.slots[i].lost(t.at)
	}
	t.timeouts = 0
	t.rung++
	t.control.hold = t.at.Add(backoff(redialFirst, t.rung-1, maxBackoff))
	strike := t.rung%2 == 0 && t.node.Holder == ""
	if strike {
		t.struck = struck{t.node.Path, t.at, t.rung, t.control.hold}
	}
	switch {
	case t.channel != channelOpen && strike && t.node.port != "":
		t.replug()
	case t.channel != channelOpen:
	case strike:
		t.start(&t.control, Command{op: opReset}, timeoutQuery)
	default:
		t.shut()
	}
}

// bringUp derives the next step from what is known. Each step reports whether
// nothing stands between it and the next.
func (t *turn) bringUp() {
	steps := [...]func(*turn) bool{
		(*turn).readCapabilities, (*turn).mend, (*turn).leaveNetwork, (*turn).switchRadio, (*turn).unlockSIM, (*turn).readIdentity,
		(*turn).settleAttach, (*turn).activate, (*turn).register, (*turn).attach,
	}
	for _, done := range steps {
		if !done(t) {
			return
		}
	}
	t.enter(PhaseReady, "")
	t.rung, t.losses, t.struck = 0, 0, struck{}
	t.pollService()
}

func (t *turn) readCapabilities() bool {
	if t.known.capsRead {
		return true
	}
	t.enter(PhaseReading, "")
	t.ask(opReadCapabilities, timeoutQuery)
	return false
}

// leaveNetwork switches the radio off when registering anew is wished, or with another
// access point, once nothing is up any more. switchRadio puts it on again.
func (t *turn) leaveNetwork() bool {
	k := &t.known
	switch {
	case t.spec.Reregister == t.reregistered && !k.attach.rejoin:
		return true
	case k.radioRead && !k.radio.software: // it is off the network anyway
		t.reregistered, k.attach.rejoin = t.spec.Reregister, false
		return true
	}
	t.enter(PhaseRadio, "")
	if t.idle() {
		t.ask(opRadioOff, timeoutSIM)
	}
	return false
}

// idle reports that no bearer is up or on its way.
func (t *turn) idle() bool {
	return !slices.ContainsFunc(t.slots, func(s slot) bool { return !s.idle() })
}

// activate hands the operator's data to the modem, which may need them to register.
func (t *turn) activate() bool {
	if id := t.spec.Service.ID; id == 0 || id == t.served.ID {
		return true
	}
	t.enter(PhaseRegister, "")
	t.askWith(Command{op: opActivate, data: t.spec.Service.Data}, timeoutDial)
	return false
}

func (t *turn) switchRadio() bool {
	k := &t.known
	switch {
	case !k.radioRead:
		t.enter(PhaseRadio, "")
		t.ask(opReadRadio, timeoutQuery)
	case !k.radio.hardware:
		t.enter(PhaseRadioOff, "the radio is switched off by hardware")
		t.pollWith(opReadRadio, timeoutQuery, 10*time.Second, time.Minute)
	case k.radio.software:
		k.radioTried = false
		return true
	case k.radioTried:
		t.enter(PhaseRadioOff, "the modem keeps its radio off")
		t.pollWith(opRadioOn, timeoutSIM, 5*time.Second, maxBackoff)
	default:
		t.enter(PhaseRadio, "")
		if t.prepared() {
			t.ask(opRadioOn, timeoutSIM)
		}
	}
	return false
}

func (t *turn) unlockSIM() bool {
	k := &t.known
	switch k.sim.state {
	case simReady:
		t.typed = t.spec.PINTyped // what is typed now is no leave for a SIM that comes later
		if k.simDoubt && t.askWith(Command{op: opReadSIM}, timeoutQuery) {
			k.simDoubt = false
		}
		return true
	case simLocked:
		t.unlock()
	case simAbsent:
		t.enter(PhaseNoSIM, "no SIM")
		t.pollWith(opReadSIM, timeoutQuery, 5*time.Second, time.Minute)
	case simBad:
		t.enter(PhaseNoSIM, "the SIM cannot be used")
		t.pollWith(opReadSIM, timeoutQuery, 5*time.Second, time.Minute)
	case simStarting:
		t.awaitSIM()
	default:
		t.enter(PhaseSIM, "")
		t.ask(opReadSIM, timeoutQuery)
	}
	return false
}

// awaitSIM waits for a SIM that starts, and after a while says that it does not.
func (t *turn) awaitSIM() {
	if t.at.Sub(t.known.simSince) < waitSIM {
		t.enter(PhaseSIM, "")
		t.pollWith(opReadSIM, timeoutQuery, 2*time.Second, 5*time.Second)
		return
	}
	t.enter(PhaseNoSIM, "the SIM does not start")
	t.pollWith(opReadSIM, timeoutQuery, 5*time.Second, time.Minute)
}

func (t *turn) readIdentity() bool {
	k := &t.known
	switch {
	case !k.identityRead:
		t.enter(PhaseSIM, "")
		t.askWith(t.whoAmI(), timeoutSIM)
		return false
	case !k.identityDue.IsZero() && !k.identityDue.After(t.at) && t.askWith(t.whoAmI(), timeoutSIM):
		k.identityAsks++
		k.identityDue = time.Time{}
	}
	return true
}

// whoAmI asks for the SIM's identity.
func (t *turn) whoAmI() Command { return Command{op: opReadIdentity, imsi: t.known.sim.imsi} }

func (t *turn) register() bool {
	k := &t.known
	switch {
	case !k.registrationRead:
		t.enter(PhaseRegister, "")
		t.ask(opReadRegistration, timeoutQuery)
		return false
	case k.registration.manual && !k.autoTried:
		t.enter(PhaseRegister, "")
		t.ask(opSetAutomatic, timeoutRegister)
		return false
	}
	switch k.registration.state {
	case "home":
		return true
	case "roaming", "partner":
		if t.spec.Roaming {
			return true
		}
		t.enter(PhaseRoaming, "the network is a foreign one and roaming is not allowed")
		t.seek(opReadRegistration, timeoutQuery, time.Minute, maxBackoff)
	case "denied":
		t.enter(PhaseDenied, "the network refused the registration")
		t.seek(opReadRegistration, timeoutQuery, 15*time.Second, maxBackoff)
	case "deregistered":
		t.enter(PhaseRegister, "")
		t.seek(opSetAutomatic, timeoutRegister, 10*time.Second, maxBackoff)
	default:
		t.enter(PhaseRegister, "")
		t.seek(opReadRegistration, timeoutQuery, 5*time.Second, time.Minute)
	}
	return false
}

// seek asks now and then for the network, and for the SIM as often: what keeps us off may be that
// it is gone, and another one may be in.
func (t *turn) seek(o op, timeout, first, most time.Duration) {
	polls := t.control.polls
	t.pollWith(o, timeout, first, most)
	t.known.simDoubt = t.known.simDoubt || t.control.polls > polls
}

func (t *turn) attach() bool {
	k := &t.known
	switch {
	case !k.packetRead:
		t.enter(PhaseAttach, "")
		t.ask(opReadPacket, timeoutQuery)
	case k.packet.state == packetAttached:
		return true
	case k.packet.state == packetAttaching:
		t.enter(PhaseAttach, "")
		t.pollWith(opReadPacket, timeoutQuery, 5*time.Second, time.Minute)
	default:
		t.enter(PhaseAttach, "")
		t.ask(opAttach, timeoutRegister)
	}
	return false
}

// pollService asks a modem in service for its registration, its signal and its SIM in turn:
// it may have missed telling us, or have died.
func (t *turn) pollService() {
	if !t.known.signalRead {
		t.ask(opReadSignal, timeoutQuery)
		return
	}
	if !t.known.timeRead { // the modem tells by itself what comes later
		t.ask(opReadTime, timeoutQuery)
		return
	}
	questions := [...]op{opReadRegistration, opReadSignal, opReadSIM}
	t.pollWith(questions[t.control.polls%len(questions)], timeoutQuery, pollReady, pollReady)
}

// controlAnswer takes the answer of the control lane's command.
func (t *turn) controlAnswer(a answered) {
	l := &t.control
	l.id = 0
	switch l.op {
	case opOpen:
		t.opened(a.err)
		return
	case opClose:
		t.closed()
		return
	case opReset:
		t.reset(a.err)
		return
	case opReplug:
		t.replugged()
		return
	}
	doubted := l.op == opReadSIM && t.known.sim.state == simReady
	if a.result != nil {
		t.learn(a.result)
	}
	err := a.err
	if err == nil && !t.moved(l.op, a.result) {
		err = &failure{tries: -1, text: l.op.String() + ": the modem agreed and nothing changed"}
	}
	if err != nil && !t.pinFailure(err) && !t.attachFailed(err) && !t.excuse(err) {
		l.hold = t.at.Add(backoff(redialFirst, l.failures, maxBackoff))
		l.failures++
		l.trouble = err.text
		return
	}
	if !doubted || t.known.sim.state != simReady { // else what was refused for its sake has not ended
		l.failures, l.trouble = 0, ""
	}
	t.finish(l.op, err == nil)
}

// moved reports whether a command that succeeded brought what the next step stands
// on, so that a modem which answers emptily is not asked without a pause.
func (t *turn) moved(o op, result fact) bool {
	switch o {
	case opAttach:
		return t.known.packet.state == packetAttached || t.known.packet.state == packetAttaching
	case opRecordAttach, opWriteAttach, opRadioOn, opRadioOff, opDetach, opActivate, opSetAutomatic, opEnterPIN, opRecordPIN, opReadSignal, opReadTime:
		return true
	}
	return result != nil
}

// excuse reports whether bring-up goes on without what the command was to bring.
func (t *turn) excuse(err *failure) bool {
	k := &t.known
	l := &t.control
	if err.reason == reasonTimeout && l.op != opActivate && l.op != opReadTime {
		return false
	}
	switch l.op {
	case opReadPIN: // tries unknown counts as one: a person is asked
		k.pin.state, k.pinRead = pinState{lock: SIMPIN, tries: -1}, true
	case opReadIdentity:
		k.identityRead = true
	case opReadCapabilities:
		k.capsRead = l.failures >= 2
		return k.capsRead
	case opReadRadio:
		k.radio, k.radioRead = radioState{hardware: true, software: true}, l.failures >= 2
		return k.radioRead
	case opReadPacket, opAttach:
		if err.reason != reasonUnsupported {
			k.packet.cause = cmp.Or(err.cause, k.packet.cause)
			return false
		}
		k.packet.state, k.packetRead = packetAttached, true // it attaches by itself
	case opActivate:
		t.served.Error = err.text
	case opReadSignal, opReadTime, opRadioOn, opRadioOff, opDetach, opSetAutomatic:
	default:
		return false
	}
	return true
}

// finish notes that a command was carried out, or excused.
func (t *turn) finish(o op, done bool) {
	k := &t.known
	switch o {
	case opReadSignal:
		k.signalRead = true
	case opReadTime:
		k.timeRead = true
	case opRadioOn:
		k.radioTried = true
	case opRadioOff:
		t.reregistered, k.attach.rejoin = t.spec.Reregister, false
		k.radioTried, k.registrationRead, k.packetRead = false, false, false
	case opActivate:
		t.served.ID = t.spec.Service.ID
		if done {
			t.served.Error = ""
		}
	case opDetach:
		k.packetRead = false
		t.control.hold = t.at.Add(mendPause)
	case opSetAutomatic:
		k.autoTried = true
	case opRecordAttach, opWriteAttach:
		if done {
			t.attachDone(o)
		}
	case opRecordPIN, opEnterPIN:
		if done {
			t.pinDone(o)
		}
	}
}
