package modem

import (
	"cmp"
	"slices"
	"time"
)

// Limits of the session.
const (
	maxLog   = 64 // transitions kept
	maxSlots = 8  // sessions used at once, whatever the modem offers
)

// Time-outs of commands. A network procedure is given what 3GPP timers and slow
// firmware need; everything else is answered from the modem's memory.
const (
	timeoutOpen     = 40 * time.Second // firmware may need half a minute after enumeration
	timeoutClose    = 5 * time.Second
	timeoutQuery    = 10 * time.Second
	timeoutSIM      = 30 * time.Second
	timeoutRegister = 60 * time.Second
	timeoutDial     = 180 * time.Second
	timeoutHangUp   = 30 * time.Second
	timeoutIP       = 60 * time.Second
)

// Waits.
const (
	waitSIM     = 60 * time.Second // for a SIM that starts
	waitIP      = 20 * time.Second // for the configuration of a granted family
	askIP       = 5 * time.Second  // between queries meanwhile
	pollReady   = 60 * time.Second // a modem in service is asked for signs of life
	steady      = 60 * time.Second // a bearer that lived so long starts its back-off anew
	redialFirst = 2 * time.Second
	redialLong  = 60 * time.Second // first wait after a permanent cause
	redialBusy  = 30 * time.Second // longest one for a modem that was too busy: whether a wish works is to be known within minutes
	maxBackoff  = 5 * time.Minute
	askIdentity = 2 * time.Second  // before the SIM's identity is asked for again, doubling
	maxIdentity = 5                // times that it is
	mendPause   = 2 * time.Second  // for the network to notice that we are gone
	maxSilence  = 3                // time-outs in a row before the channel is opened anew
	goneByReset = 30 * time.Second // a device that vanishes so soon after a reset went for it
	backByReset = 2 * time.Minute  // one that comes later than that after it was plugged in anew
)

// State is the complete memory of the session: a value, without any reference to
// what carries it out. The zero State is an unopened session that wishes nothing.
type State struct {
	spec    Spec
	nodes   []node // what discovery saw last
	node    node   // the device in use; zero when none
	channel channel
	gen     uint32 // counts openings; answers and indications of former ones are void
	lastID  uint32 // of commands
	control lane   // everything but the bearers
	known   known  // what was learned since the channel was opened
	slots   []slot // one a session of the modem

	reregistered uint32 // Spec.Reregister that was carried out
	served       Served // Spec.Service that was carried out
	mended       Mend   // what was carried out of Spec.Mend

	unheard *Attach // Spec.Attach of which the modem was told and did not answer

	typed    uint32 // Spec.PINTyped whose PIN was sent, to whatever SIM, or that none wanted
	timeouts int    // commands that were not answered, in a row
	rung     int    // how often silence was acted on since the session was last ready
	losses   int    // how often the channel ended since the session was last ready
	struck   struck // the last reset that silence was answered with since then

	phase     Phase
	since     time.Time
	complaint string
	log       []Transition
	armed     time.Time // the deadline that the driver was asked for
}

// struck is what is remembered of a reset while the modem is away for it: else each would
// be taken for the first one, and a modem that stays silent be reset for ever without a pause.
type struck struct {
	path string // of the device; "" none
	at   time.Time
	rung int
	hold time.Time
}

// channel is the state of the control channel.
type channel uint8

const (
	channelClosed channel = iota
	channelOpening
	channelOpen
	channelClosing
)

// known is what the modem told since the channel was opened. Notices and answers
// overwrite it; bringUp derives the next step from nothing else.
type known struct {
	capsRead, radioRead, pinRead, registrationRead, packetRead, signalRead, timeRead bool

	caps         capabilities
	radio        radioState
	radioTried   bool // switching it on was answered
	sim          simState
	simSince     time.Time // since when the SIM starts
	simDoubt     bool      // the SIM that is ready may be so no longer: it is asked for again, beside all else
	card, imsi   Secret    // the last ICCID that was readable, and that card's last IMSI
	identity     identity
	identityRead bool
	identityAsks int       // again, because it was too early
	identityDue  time.Time // when it is asked for again; zero: not at all
	pin          pinMemory
	pinFlight    string // key of the PIN record that the last command was about
	registration registration
	autoTried    bool // automatic registration was asked for
	packet       packetService
	signal       Signal
	time         NetworkTime
	attach       attachMemory
}

// lane is a sequence of commands of which one at a time is under way.
type lane struct {
	id       uint32 // of the command under way; 0 none
	op       op
	deadline time.Time // of that command
	hold     time.Time // nothing is sent before
	poll     time.Time // when the wait of this phase asks again; zero: not set
	failures int       // in a row; drives hold
	trouble  string    // the last of them, as a complaint
	polls    int       // in this phase; drives poll
}

// busy reports a command under way.
func (l *lane) busy() bool { return l.id != 0 }

// turn is one call of Next: the state being changed, the time and the reason.
type turn struct {
	*State
	at  time.Time
	why string
	out []Command
}

// Next is the session: it takes the state and what happened and gives the new state
// and what is to be done. It is total and pure, and leaves s untouched. The number
// of commands is bounded by the number of sessions.
func Next(s State, e Event) (State, []Command) {
	s.slots = slices.Clone(s.slots)
	s.log = slices.Clone(s.log)
	if s.phase == "" {
		s.phase, s.since = PhaseOff, e.At
	}
	t := &turn{State: &s, at: e.At, why: "time passed"}
	if e.fact != nil {
		t.why = e.fact.why()
	}
	t.absorb(e)
	t.expire()
	t.decide()
	t.arm()
	return s, t.out
}

// absorb writes the event into the state; what to do about it is decided later,
// from the state alone.
func (t *turn) absorb(e Event) {
	switch f := e.fact.(type) {
	case nil:
	case specChanged:
		t.takeSpec(f.spec)
	case devicesSeen:
		t.takeNodes(f.nodes)
	case channelLost:
		if e.gen == t.gen && t.channel != channelClosed {
			t.loseChannel(t.why)
		}
	case answered:
		if e.gen == t.gen {
			t.answer(f)
		}
	default:
		if e.gen == t.gen && t.channel == channelOpen {
			t.learn(e.fact)
		}
	}
}

func (t *turn) takeSpec(s Spec) {
	if s.PIN != t.spec.PIN || s.PINTyped != t.spec.PINTyped {
		t.known.pin = pinMemory{taken: t.known.pin.taken && s.PIN == t.spec.PIN}
		t.known.pinRead = false // tries are read afresh before a new PIN is considered
	}
	t.spec = s
}

// takeNodes takes what discovery saw. A device that is gone takes its channel along.
func (t *turn) takeNodes(nodes []node) {
	t.nodes = nodes
	if t.node.Control == "" {
		return
	}
	for _, n := range nodes {
		if n.Control == t.node.Control && n.Path == t.node.Path {
			t.node = n // its network interface may have come later
			return
		}
	}
	t.loseChannel("")
	t.dismiss()
	if t.at.Sub(t.struck.at) > goneByReset {
		t.struck = struck{} // somebody else took it away
	}
}

// dismiss forgets the device in use and all troubles with it.
func (t *turn) dismiss() {
	t.node, t.control = node{}, lane{}
	t.timeouts, t.rung, t.losses = 0, 0, 0
}

// loseChannel forgets all that the modem told. Bearers are down from now on.
func (t *turn) loseChannel(trouble string) {
	for i := range t.slots {
		t.slots[i].lost(t.at)
	}
	if t.channel != channelClosed {
		t.send(Command{op: opClose}) // frees what the driver holds
	}
	t.control = lane{hold: t.at.Add(backoff(time.Second, t.losses, time.Minute)), trouble: trouble}
	t.losses++
	t.channel = channelClosed
	t.gen++
	t.known = known{}
}

// expire treats commands without an answer as failed, so that a back end that never
// answers cannot hold the session.
func (t *turn) expire() {
	late := func(l *lane) bool { return l.busy() && !l.deadline.After(t.at) }
	silent := func(l *lane) answered {
		return answered{id: l.id, err: &failure{reason: reasonTimeout, tries: -1, text: l.op.String() + ": no answer"}}
	}
	if late(&t.control) {
		t.answer(silent(&t.control))
	}
	for i := range t.slots {
		if i < len(t.slots) && late(&t.slots[i].lane) {
			t.answer(silent(&t.slots[i].lane))
		}
	}
}

// answer routes an answer to the lane that waits for it; nobody else's matter. That the
// modem's end was closed under us, by another program or its firmware, is no lane's matter:
// everything is void until it is opened anew.
func (t *turn) answer(a answered) {
	if a.id == 0 {
		return
	}
	if a.err != nil && a.err.reason == reasonClosed && t.channel == channelOpen {
		if a.id == t.control.id && t.control.op == opEnterPIN {
			t.pinEarly()
		}
		early := t.known.pin.early
		t.loseChannel(a.err.text)
		t.known.pin.early = early
		return
	}
	if a.err != nil && a.err.card && t.known.sim.state == simReady {
		t.known.simDoubt = true // it may have gone, or be another one, without a notice
	}
	if a.id == t.control.id {
		t.countSilence(a.err)
		t.controlAnswer(a)
		return
	}
	for i := range t.slots {
		if t.slots[i].lane.id == a.id {
			t.countSilence(a.err)
			t.slotAnswer(&t.slots[i], a)
			return
		}
	}
}

func (t *turn) countSilence(err *failure) {
	if err == nil || err.reason != reasonTimeout {
		t.timeouts = 0
		return
	}
	t.timeouts++
}

// decide derives everything that is to be done from the state.
func (t *turn) decide() {
	t.assign()
	t.steer()
	for i := range t.slots {
		t.tend(&t.slots[i])
	}
	t.slots = slices.DeleteFunc(t.slots, func(s slot) bool { return s.idle() && !s.wished })
	if t.leaving() {
		t.steer() // the last hang-up lets the channel close
	}
}

// enter sets the phase and what the session complains of meanwhile: if nothing of
// its own, then of the last command that failed.
func (t *turn) enter(p Phase, complaint string) {
	t.complaint = cmp.Or(complaint, t.control.trouble)
	if p == t.phase {
		return
	}
	if len(t.log) == maxLog {
		t.log = slices.Delete(t.log, 0, 1)
	}
	t.log = append(t.log, Transition{At: t.at, From: t.phase, To: p, Why: t.why})
	t.phase, t.since = p, t.at
	t.control.poll, t.control.polls = time.Time{}, 0
}

// send emits a command of the present opening.
func (t *turn) send(c Command) {
	c.gen = t.gen
	t.out = append(t.out, c)
}

// start emits a command whose answer the lane waits for.
func (t *turn) start(l *lane, c Command, timeout time.Duration) {
	t.lastID++
	if t.lastID == 0 { // 0 means that no answer is wanted
		t.lastID++
	}
	c.id, c.timeout = t.lastID, timeout
	l.id, l.op, l.deadline, l.poll = c.id, c.op, t.at.Add(timeout), time.Time{}
	t.send(c)
}

// ask starts a command of the control lane when nothing is under way or held back.
func (t *turn) ask(o op, timeout time.Duration) {
	t.askWith(Command{op: o}, timeout)
}

// askWith reports whether the command was started.
func (t *turn) askWith(c Command, timeout time.Duration) bool {
	if t.control.busy() || t.control.hold.After(t.at) {
		return false
	}
	t.start(&t.control, c, timeout)
	return true
}

// pollWith asks now and then while a phase waits for a notice that may never come.
func (t *turn) pollWith(o op, timeout, first, most time.Duration) {
	l := &t.control
	switch {
	case l.busy() || l.hold.After(t.at):
	case l.poll.IsZero():
		l.poll = t.at.Add(backoff(first, l.polls, most))
	case !l.poll.After(t.at):
		l.polls++
		t.ask(o, timeout)
	}
}

// backoff doubles first once a failure, up to most.
func backoff(first time.Duration, failures int, most time.Duration) time.Duration {
	for ; failures > 0 && first < most; failures-- {
		first *= 2
	}
	return min(first, most)
}

// arm asks for an empty event at the earliest deadline ahead. Deadlines that have
// passed were dealt with in this turn.
func (t *turn) arm() {
	var next time.Time
	earlier := func(at time.Time) {
		if at.After(t.at) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	lanes := func(l *lane) {
		if l.busy() {
			earlier(l.deadline)
			return
		}
		earlier(l.hold)
		earlier(l.poll)
	}
	lanes(&t.control)
	earlier(t.known.identityDue)
	earlier(t.known.attach.due)
	for i := range t.slots {
		lanes(&t.slots[i].lane)
		earlier(t.slots[i].ipUntil)
	}
	if !next.Equal(t.armed) {
		t.armed = next
		t.send(Command{op: opArm, At: next})
	}
}
