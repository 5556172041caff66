package modem

import (
	"time"
)

// slot is one session of the modem and the bearer that lives in it.
type slot struct {
	id       uint32
	purposes []Purpose // that it serves; never changed in place
	wish     Bearer
	wished   bool
	recalled Bearer // that the run record was compared with
	lane     lane
	context  contextKnowledge
	pending  bool // the dial was answered "activating"; the end comes as a notice
	hangs    int  // hang-ups that were refused, in a row

	status   BearerStatus
	granted  Family    // families that the network granted; "" not told
	ipAsk    bool      // the IP configuration is to be read
	ipUntil  time.Time // a granted family's data are waited for; zero: not waiting
	upSince  time.Time
	redialed bool // the first drop was answered by a redial at once
}

// contextKnowledge is what is known about the session on the modem.
type contextKnowledge uint8

const (
	contextUnasked contextKnowledge = iota // since the channel was opened
	contextDown
	contextForeign // up, and whose it is must be found out
	contextOurs    // up, with status.InForce
	contextUnsure  // to be hung up before anything else
)

// idle reports that nothing has to be undone on the modem.
func (s *slot) idle() bool {
	return !s.lane.busy() && (s.context == contextDown || s.context == contextUnasked)
}

// dialing reports a dial under way.
func (s *slot) dialing() bool { return s.lane.busy() && s.lane.op == opDial }

// become changes the bearer's state.
func (s *slot) become(state BearerState, at time.Time) {
	if s.status.State != state {
		s.status.State, s.status.Since = state, at
	}
	if state != BearerUp && state != BearerConnecting {
		s.status.IPv4, s.status.IPv6, s.status.Adopted = nil, nil, false
	}
}

// lost takes away whatever the slot had: the modem or its SIM is gone.
func (s *slot) lost(at time.Time) {
	s.lane, s.context, s.pending, s.hangs = lane{}, contextUnasked, false, 0
	s.ipAsk, s.ipUntil = false, time.Time{}
	s.become(BearerDown, at)
}

// tend derives what is to be done about one session.
func (t *turn) tend(s *slot) {
	if t.channel != channelOpen || t.control.busy() && (t.control.op == opReset || t.control.op == opReplug) {
		return
	}
	switch {
	case !t.allowed(s):
		t.release(s)
	case s.dialing() && s.status.InForce != s.wish:
		t.hangUp(s)
	case s.lane.busy():
	case s.context == contextUnsure:
		t.end(s)
	case s.context == contextOurs && s.status.InForce != s.wish:
		t.hangUp(s)
	case s.context == contextOurs:
		t.keep(s)
	case t.phase != PhaseReady || s.lane.hold.After(t.at):
	case s.context == contextUnasked:
		t.startSlot(s, Command{op: opReadBearer}, timeoutQuery)
	case s.context == contextForeign:
		s.recalled = s.wish
		t.startSlot(s, Command{op: opRecallRun, iccid: t.known.card, bearer: s.wish}, timeoutQuery)
	default:
		t.dial(s)
	}
}

// allowed reports whether the bearer that is up or under way there may stay.
func (t *turn) allowed(s *slot) bool {
	roaming := Registration{State: t.known.registration.state}.Roams()
	return s.wished && !t.leaving() && t.spec.Reregister == t.reregistered && t.spec.Mend == t.mended && !t.known.attach.pending && !t.known.attach.rejoin && (t.spec.Roaming || !roaming)
}

// release ends what may not stay. A dial, or a look at a bearer of ours, is not waited
// for: abroad every second may cost money. Abroad it also
// looks for what a former process left up.
func (t *turn) release(s *slot) {
	switch {
	case s.dialing():
		t.hangUp(s)
	case s.lane.busy() && (s.lane.op == opHangUp || s.context != contextOurs):
	case s.context == contextUnasked && t.phase == PhaseRoaming: // a former process's must not go on
		if !s.lane.hold.After(t.at) {
			t.startSlot(s, Command{op: opReadBearer}, timeoutQuery)
		}
	case s.context == contextUnasked: // whatever is up there is not ours to judge
	case s.context == contextDown:
		s.become(BearerDown, t.at)
	default:
		t.end(s)
	}
}

// end hangs up. After a refusal it waits, and looks first whether anything is up still.
func (t *turn) end(s *slot) {
	switch {
	case s.hangs == 0:
		t.hangUp(s)
	case !s.lane.hold.After(t.at):
		t.startSlot(s, Command{op: opReadBearer}, timeoutQuery)
	}
}

func (t *turn) startSlot(s *slot, c Command, timeout time.Duration) {
	c.session = s.id
	t.start(&s.lane, c, timeout)
}

// dial tries the wish. The wish tried is told from the first moment on.
func (t *turn) dial(s *slot) {
	if s.status.InForce != s.wish {
		s.status.Cause, s.status.Error = 0, ""
	}
	s.status.InForce = s.wish
	s.pending = false
	s.become(BearerConnecting, t.at)
	t.startSlot(s, Command{op: opDial, bearer: s.wish}, timeoutDial)
}

// hangUp deactivates the session, also one whose dial is under way. The record goes
// first: a bearer without one is never adopted.
func (t *turn) hangUp(s *slot) {
	if s.status.State != BearerFailed {
		s.become(BearerDown, t.at)
	}
	s.ipAsk, s.ipUntil, s.pending = false, time.Time{}, false
	t.send(Command{op: opForgetRun, session: s.id})
	t.startSlot(s, Command{op: opHangUp}, timeoutHangUp)
}

// keep looks after a bearer that is up.
func (t *turn) keep(s *slot) {
	waiting := !s.ipUntil.IsZero()
	switch {
	case s.ipAsk:
		s.ipAsk = false
		t.startSlot(s, Command{op: opReadIP}, timeoutIP)
	case waiting && !s.ipUntil.After(t.at):
		t.settle(s, true)
		if s.context == contextUnsure {
			t.hangUp(s)
		}
	case s.lane.poll.IsZero() && waiting:
		s.lane.poll = t.at.Add(askIP)
	case s.lane.poll.IsZero():
		s.lane.poll = t.at.Add(pollReady)
	case s.lane.poll.After(t.at):
	case waiting:
		t.startSlot(s, Command{op: opReadIP}, timeoutIP)
	default: // indications get lost
		t.startSlot(s, Command{op: opReadBearer}, timeoutQuery)
	}
}

// slotAnswer takes the answer of the slot's command.
func (t *turn) slotAnswer(s *slot, a answered) {
	state, _ := a.result.(bearerState)
	if s.lane.op == opDial && a.err == nil && state.state == contextActivating {
		s.pending = true // a notice or the deadline ends it
		return
	}
	s.lane.id = 0
	switch s.lane.op {
	case opReadBearer:
		t.readBearer(s, state, a.err)
	case opRecallRun:
		record, _ := a.result.(runRecord)
		t.adopt(s, record.match && a.err == nil)
	case opDial:
		t.dialed(s, state, a.err)
	case opHangUp:
		t.hungUp(s, a.err)
	case opReadIP:
		if ip, ok := a.result.(ipConfiguration); ok {
			t.takeIP(s, ip)
		} else {
			t.settle(s, false)
		}
	}
}

// readBearer learns whether the session is up: after opening, and now and then.
func (t *turn) readBearer(s *slot, state bearerState, err *failure) {
	up := err == nil && state.state == contextActivated
	switch {
	case err != nil && err.reason == reasonTimeout:
		s.lane.hold = t.at.Add(redialFirst)
	case s.context == contextOurs && up:
		s.ipAsk = true // the addresses may have changed unseen
	case s.context == contextOurs && err == nil:
		t.dropped(s, state.cause)
	case s.context == contextOurs:
	case s.context == contextUnsure && err == nil && state.state != contextDeactivated:
		t.hangUp(s)
	case up:
		s.context, s.granted = contextForeign, state.family
	case err == nil && (state.state == contextActivating || state.state == contextDeactivating):
		s.context = contextUnsure
	default:
		s.context, s.hangs = contextDown, 0
	}
}

// adopt takes over a bearer of a former process that is the one wished, or ends it.
func (t *turn) adopt(s *slot, match bool) {
	switch {
	case s.recalled != s.wish: // the wish changed meanwhile: compare again
		return
	case !match:
		s.context = contextUnsure
		return
	}
	s.status.InForce, s.status.Adopted = s.wish, true
	t.connected(s, s.granted)
}

// connected begins the life of an active session.
func (t *turn) connected(s *slot, granted Family) {
	s.context, s.granted, s.pending = contextOurs, granted, false
	s.upSince, s.lane.poll = t.at, time.Time{}
	s.ipAsk, s.ipUntil = true, t.at.Add(waitIP)
	if s.status.State != BearerUp {
		s.become(BearerConnecting, t.at)
	}
}

// dialed takes the answer of a dial. Activated is success, whatever cause comes
// along: 50 and 51 then mean that one family was granted of two.
func (t *turn) dialed(s *slot, state bearerState, err *failure) {
	switch {
	case state.state == contextActivated && (err == nil || err.reason != reasonTimeout):
		t.connected(s, state.family)
		t.send(Command{op: opRecordRun, session: s.id, iccid: t.known.card, bearer: s.status.InForce})
	case err == nil:
		t.refused(s, state.cause, "")
	case err.reason == reasonTimeout:
		t.refused(s, 0, err.text)
		s.context = contextUnsure
	case err.reason == reasonOffline && err.cause == 0:
		t.untried(s, err.text)
	default:
		t.refused(s, err.cause, err.text)
	}
}

// refused takes a dial that failed and sets when the same wish is tried again.
func (t *turn) refused(s *slot, cause uint32, text string) {
	s.context, s.pending = contextDown, false
	s.become(BearerFailed, t.at)
	s.status.Cause, s.status.Error = cause, text
	if cause == 0 && text == "" {
		s.status.Error = "the network refused the bearer without a cause"
	}
	t.backOff(s, cause)
}

// untried takes a dial that did not reach the network: it says nothing of the wish, and
// what the modem told of the network is no longer so.
func (t *turn) untried(s *slot, text string) {
	s.context, s.pending = contextDown, false
	s.become(BearerDown, t.at)
	s.status.Cause, s.status.Error = 0, text
	t.known.registrationRead, t.known.packetRead = false, false
	t.backOff(s, 0)
}

func (t *turn) backOff(s *slot, cause uint32) {
	first := redialFirst
	if permanent(cause) {
		first = redialLong
	}
	s.lane.hold = t.at.Add(backoff(first, s.lane.failures, maxBackoff))
	s.lane.failures++
}

// permanent tells causes that come back until somebody changes a setting or a
// contract (3GPP TS 24.008 annex I): operator barring, PLMN or roaming not allowed,
// APN unknown, authentication failed, not subscribed.
func permanent(cause uint32) bool {
	switch cause {
	case 8, 11, 13, 27, 29, 33:
		return true
	}
	return false
}

// maxHangs is how often a session is hung up that the modem refuses to end: the next
// dial tells what is the matter.
const maxHangs = 5

// hungUp ends a session. Off the network there is none; without an answer it is looked
// at afresh, and after any other refusal it may be up still.
func (t *turn) hungUp(s *slot, err *failure) {
	switch {
	case err != nil && err.reason == reasonTimeout:
		s.context, s.hangs = contextUnasked, 0
	case err == nil || err.reason == reasonOffline || s.hangs >= maxHangs:
		s.context, s.hangs = contextDown, 0
	default:
		s.context = contextUnsure
		s.lane.hold = t.at.Add(backoff(redialFirst, s.hangs, maxBackoff))
		s.hangs++
	}
}

// dropped takes a bearer that the network ended. The first time it is dialled
// again at once, then after growing waits; a long life makes the next the first.
func (t *turn) dropped(s *slot, cause uint32) {
	s.context = contextDown
	s.ipAsk, s.ipUntil = false, time.Time{}
	s.become(BearerDown, t.at)
	s.status.Cause, s.status.Error = cause, ""
	s.status.Drops++
	t.send(Command{op: opForgetRun, session: s.id})
	if t.at.Sub(s.upSince) >= steady {
		s.redialed, s.lane.failures = false, 0
	}
	if s.redialed || permanent(cause) {
		t.backOff(s, cause)
	}
	s.redialed = true
}

// noticeBearer takes what the modem tells by itself about a session.
func (t *turn) noticeBearer(s *slot, f bearerState) {
	dialing := s.dialing()
	switch {
	case dialing && !s.pending: // the answer follows
	case dialing && f.state == contextActivated, dialing && f.state == contextDeactivated:
		s.lane.id = 0
		t.dialed(s, f, nil)
	case dialing:
	case s.lane.busy() && s.lane.op == opHangUp:
	case s.context == contextOurs && f.state == contextDeactivated:
		s.lane.id = 0
		t.dropped(s, f.cause)
	case s.context == contextOurs && f.state == contextActivated:
		s.ipAsk = true
	case s.context == contextDown && f.state == contextActivated:
		s.context = contextUnsure // nobody asked for it
	case s.context == contextForeign && f.state == contextDeactivated:
		s.context = contextDown
	}
}

// takeIP takes addresses, also while the bearer is up: they change in place.
func (t *turn) takeIP(s *slot, f ipConfiguration) {
	if s.context != contextOurs {
		return
	}
	if v4 := f.ipv4.clone(); v4 != nil {
		s.status.IPv4 = v4
	}
	if v6 := f.ipv6.clone(); v6 != nil {
		s.status.IPv6 = v6
	}
	t.settle(s, false)
}

// settle makes the bearer up when the addresses suffice: all families that were
// granted, or IPv4 alone, since IPv6 may follow in place. At the end of the wait any
// family does, and a bearer without an address is given up.
func (t *turn) settle(s *slot, last bool) {
	want4, want6 := s.families()
	has4, has6 := s.status.IPv4 != nil, s.status.IPv6 != nil
	complete := (has4 || !want4) && (has6 || !want6) && (has4 || has6)
	if complete || last {
		s.ipUntil = time.Time{}
	}
	switch {
	case complete || has4 || last && has6:
		s.become(BearerUp, t.at)
		s.status.Cause, s.status.Error = 0, ""
	case last:
		t.refused(s, 0, "no address was given; if the modem expects DHCP, it cannot be used: that is not spoken there")
		s.context = contextUnsure
	}
}

// families tells which families to wait for: what was granted, within the wish.
func (s *slot) families() (ipv4, ipv6 bool) {
	ipv4, ipv6 = s.wish.Family != IPv6, s.wish.Family == IPv6 || s.wish.Family == IPv4v6
	switch s.granted {
	case IPv4:
		ipv6 = false
	case IPv6:
		ipv4 = false
	}
	return ipv4, ipv6
}
