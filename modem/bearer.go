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
	pending  time.Time // the dial's answer did not tell its end: until when that is waited for; zero: not
	absences int       // looks meanwhile that found nothing, in a row
	hangs    int       // hang-ups that were refused, or looks after one that found no end of it, in a row

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
	return !s.lane.busy() && s.pending.IsZero() && (s.context == contextDown || s.context == contextUnasked)
}

// dialing reports a dial under way.
func (s *slot) dialing() bool {
	return s.lane.busy() && s.lane.op == opDial || !s.pending.IsZero()
}

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
	s.lane, s.context, s.pending, s.hangs = lane{}, contextUnasked, time.Time{}, 0
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
	case !s.pending.IsZero():
		t.await(s)
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

// end hangs up. After a refusal, or the answer that it has begun, it waits, and looks first
// whether anything is up still.
func (t *turn) end(s *slot) {
	switch {
	case s.hangs == 0:
		t.hangUp(s)
	case !s.lane.poll.After(t.at):
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
	s.pending = time.Time{}
	s.become(BearerConnecting, t.at)
	t.startSlot(s, Command{op: opDial, bearer: s.wish}, timeoutDial)
}

// hangUp deactivates the session, also one whose dial is under way. The record goes
// first: a bearer without one is never adopted.
func (t *turn) hangUp(s *slot) {
	if s.status.State != BearerFailed {
		s.become(BearerDown, t.at)
	}
	s.ipAsk, s.ipUntil, s.pending = false, time.Time{}, time.Time{}
	t.send(Command{op: opForgetRun, session: s.id})
	t.startSlot(s, Command{op: opHangUp}, timeoutHangUp)
}

// ends reports whether a dial's answer tells its end: a modem may agree and say that it goes on,
// or nothing that can be read.
func (s bearerState) ends(err *failure) bool {
	if err != nil {
		return err.reason != reasonUnread
	}
	return s.state == contextActivated || s.state == contextDeactivated
}

// await waits for the end of a dial whose answer did not tell it. The notice of it may get
// lost, or overtake that answer, so the modem is asked now and then; it may be too busy with
// the dial to answer before its end.
func (t *turn) await(s *slot) {
	switch {
	case !s.pending.After(t.at):
		t.dialed(s, bearerState{}, &failure{reason: reasonTimeout, tries: -1, text: opDial.String() + ": no answer"})
		t.hangUp(s)
	case s.lane.poll.IsZero():
		s.lane.poll = t.at.Add(askIP)
	case !s.lane.poll.After(t.at):
		t.startSlot(s, Command{op: opReadBearer}, s.pending.Sub(t.at))
	}
}

// That nothing is there counts after so many looks in a row, for the dial may not have begun
// yet: with a cause that is told, or without.
const (
	enoughTold   = 2
	enoughUntold = 6
)

// awaited takes what the modem says meanwhile.
func (t *turn) awaited(s *slot, state bearerState, err *failure) {
	enough := enoughUntold
	if state.cause != 0 {
		enough = enoughTold
	}
	switch {
	case err != nil || state.state != contextActivated && state.state != contextDeactivated:
		s.absences = 0
	case state.state == contextDeactivated && s.absences+1 < enough:
		s.absences++
	default:
		t.dialed(s, state, nil)
	}
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
	if s.lane.op == opDial && !state.ends(a.err) {
		s.pending, s.absences = s.lane.deadline, 0
	}
	s.lane.id = 0
	switch s.lane.op {
	case opReadBearer:
		t.readBearer(s, state, a.err)
	case opRecallRun:
		record, _ := a.result.(runRecord)
		t.adopt(s, record.match && a.err == nil)
	case opDial:
		if s.pending.IsZero() {
			t.dialed(s, state, a.err)
		}
	case opHangUp:
		t.hungUp(s, state, a.err)
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
	case !s.pending.IsZero():
		t.awaited(s, state, err)
	case err != nil && err.reason == reasonTimeout && s.context == contextUnsure:
		s.lane.poll = t.at.Add(redialFirst)
	case err != nil && err.reason == reasonTimeout:
		s.lane.hold = t.at.Add(redialFirst)
	case s.context == contextOurs && up:
		s.ipAsk = true // the addresses may have changed unseen
	case s.context == contextOurs && err == nil:
		t.dropped(s, state.cause)
	case s.context == contextOurs:
	case s.context == contextUnsure && err == nil && state.state == contextDeactivating:
		t.hungUp(s, state, nil)
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
	s.context, s.granted, s.pending = contextOurs, granted, time.Time{}
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
	case (err.reason == reasonOffline || err.reason == reasonEarly || err.card) && err.cause == 0:
		t.untried(s, err)
	default:
		t.refused(s, err.cause, err.text)
		s.context = afterRefusal(err.cause)
	}
}

// afterRefusal is what a dial that the modem refused by itself leaves known: one with too many
// contexts has something up there that we believed down, and one without a cause may have.
func afterRefusal(cause uint32) contextKnowledge {
	switch cause {
	case 0:
		return contextUnasked
	case causeTooMany:
		return contextUnsure
	}
	return contextDown
}

// refused takes a dial that failed and sets when the same wish is tried again.
func (t *turn) refused(s *slot, cause uint32, text string) {
	s.context, s.pending = contextDown, time.Time{}
	s.become(BearerFailed, t.at)
	s.status.Cause, s.status.Error = cause, text
	if cause == 0 && text == "" {
		s.status.Error = "the network refused the bearer without a cause"
	}
	t.backOff(s, cause)
}

// untried takes a dial that did not reach the network: it says nothing of the wish, and off
// the network what the modem told of it is no longer so.
func (t *turn) untried(s *slot, err *failure) {
	s.context, s.pending = contextDown, time.Time{}
	s.become(BearerDown, t.at)
	s.status.Cause, s.status.Error = 0, err.text
	if err.reason == reasonOffline {
		t.known.registrationRead, t.known.packetRead = false, false
	}
	t.backOff(s, 0)
	if soon := t.at.Add(redialBusy); err.reason == reasonEarly && s.lane.hold.After(soon) {
		s.lane.hold = soon
	}
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

// maxHangs is how often a session is hung up, or looked at, that the modem refuses to end:
// the next dial tells what is the matter.
const maxHangs = 5

// hungUp ends a session. Off the network there is none; without an answer it is looked
// at afresh, and after any other refusal, or while its end is under way, it may be up still.
func (t *turn) hungUp(s *slot, state bearerState, err *failure) {
	ended := err == nil && state.state != contextDeactivating || err != nil && err.reason == reasonOffline
	switch {
	case err != nil && err.reason == reasonTimeout:
		s.context, s.hangs = contextUnasked, 0
	case ended || s.hangs >= maxHangs:
		s.context, s.hangs = contextDown, 0
	default:
		s.context = contextUnsure
		s.lane.poll = t.at.Add(backoff(redialFirst, s.hangs, maxBackoff))
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

// noticeBearer takes what the modem tells by itself about a session. An end without a cause, or
// with that of every regular one, may be the former bearer's, told late: it is one look of many.
func (t *turn) noticeBearer(s *slot, f bearerState) {
	switch {
	case s.dialing() && s.pending.IsZero(): // the answer follows
	case s.dialing() && f.state == contextDeactivated && (f.cause == 0 || f.cause == causeRegular):
		s.lane.id = 0
		t.awaited(s, f, nil)
	case s.dialing() && (f.state == contextActivated || f.state == contextDeactivated):
		s.lane.id = 0
		t.dialed(s, f, nil)
	case s.dialing():
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
	case s.context == contextUnsure && f.state == contextDeactivated:
		s.lane.id = 0
		s.context, s.hangs = contextDown, 0
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
