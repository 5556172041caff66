package modem

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// maxEarly is how often a PIN is sent that the modem was too busy to take: within some ten
// minutes, and not for ever, because each time is noted on the flash.
const maxEarly = 9

// The tries that must be left before a PIN is sent. The last one is nobody's.
const (
	triesAlone  = 3 // by itself
	triesPerson = 2 // when a person typed it just now
)

// pinMemory is what is known about the lock and about the wished PIN.
type pinMemory struct {
	state   pinState
	key     string     // names the PIN record that outcome was read from; "" none yet
	outcome pinOutcome // what the record said
	noted   bool       // the record says "tried" now: the PIN may be sent
	sent    bool       // the wished PIN was sent to this SIM already
	unsafe  bool       // the record cannot be written
	refused bool       // the rules forbid to send the wished PIN
	taken   bool       // it opened this SIM
	leave   uint32     // State.typed before it was sent
	early   int        // times that the modem was too busy to take it
}

// count is the number of tries that the rules see: an unknown number is one.
func (p pinState) count() int {
	if p.tries < 0 {
		return 1
	}
	return p.tries
}

// pinKey names the record of one PIN for one SIM, without telling either.
func pinKey(iccid, pin Secret) string {
	sum := sha256.Sum256([]byte(string(iccid) + "\x00" + string(pin)))
	return hex.EncodeToString(sum[:16])
}

// unlock brings a locked SIM to readiness as far as the rules allow: read the
// tries, read the record, write "tried", send. The order makes sure that a power
// cut at any point cannot lead to a second try without a person.
func (t *turn) unlock() {
	k := &t.known
	p := &k.pin
	key := pinKey(k.card, t.spec.PIN)
	p.refused = false
	switch {
	case !k.pinRead:
		t.enter(PhaseSIM, "")
		t.ask(opReadPIN, timeoutQuery)
	case p.state.lock == SIMReady: // it opens; the ready state lags behind
		t.enter(PhaseSIM, "")
		t.pollWith(opReadSIM, timeoutQuery, time.Second, 5*time.Second)
	case p.state.lock != SIMPIN:
		t.needPerson(p.state.why())
	case t.spec.PIN == "":
		t.needPerson("the SIM wants its PIN and none is known")
	case p.key != key:
		t.askPIN(Command{op: opRecallPIN, key: key}, timeoutQuery)
	case p.unsafe:
		t.needPerson("the PIN is not sent, because its record cannot be written")
	case !t.mayEnterPIN():
		p.refused = true
		t.needPerson("the PIN is not sent: it was refused before, or too few tries are left")
	case !p.noted:
		t.askPIN(Command{op: opRecordPIN, key: key, outcome: pinTried}, timeoutQuery)
	default:
		t.enterPIN(key)
	}
}

// needPerson waits for a person; the lock is asked after now and then.
func (t *turn) needPerson(complaint string) {
	t.enter(PhasePIN, complaint)
	t.pollWith(opReadPIN, timeoutQuery, 15*time.Second, maxBackoff)
}

// mayEnterPIN is the rule: by itself only with three tries left and when this PIN
// was never sent to this SIM without success; for a person with two, though what
// was refused before wants three even then. A PIN is typed once: after it was sent,
// to whatever SIM and however that ended, it counts as one that nobody typed.
func (t *turn) mayEnterPIN() bool {
	p := &t.known.pin
	person := t.spec.PINTyped != t.typed
	need := triesAlone
	switch {
	case p.sent || p.early >= maxEarly:
		return false
	case !person && p.outcome != pinNever:
		return false
	case person && p.outcome != pinRefused:
		need = triesPerson
	}
	return p.state.count() >= need
}

// askPIN starts a command about the record with that key.
func (t *turn) askPIN(c Command, timeout time.Duration) bool {
	t.enter(PhaseSIM, "")
	if !t.askWith(c, timeout) {
		return false
	}
	t.known.pinFlight = c.key
	return true
}

func (t *turn) enterPIN(key string) {
	if t.askPIN(Command{op: opEnterPIN, key: key, pin: t.spec.PIN}, timeoutSIM) {
		t.known.pin.sent, t.known.pin.noted = true, false
		t.known.pin.leave, t.typed = t.typed, t.spec.PINTyped
	}
}

// pinDone takes the success of a command about a PIN.
func (t *turn) pinDone(o op) {
	k := &t.known
	switch o {
	case opRecordPIN:
		k.pin.noted = k.pin.key == k.pinFlight
	case opEnterPIN:
		t.send(Command{op: opRecordPIN, key: k.pinFlight, outcome: pinNever})
		k.pin.taken = k.pinFlight == pinKey(k.card, t.spec.PIN) // else another one is wished since
		k.sim.state, k.pinRead = simUnknown, false
	}
}

// pinFailure takes the failure of a command about a PIN, and reports whether it was
// one and the session goes on at once. What cannot be known counts against sending.
func (t *turn) pinFailure(err *failure) bool {
	k := &t.known
	switch t.control.op {
	case opRecallPIN:
		k.pin.key, k.pin.outcome = k.pinFlight, pinTried
		return true
	case opRecordPIN:
		k.pin.unsafe = true
		return true
	case opEnterPIN:
	default:
		return false
	}
	k.pinRead = false
	if err.reason != reasonPIN {
		k.sim.state = simUnknown
		if err.reason == reasonEarly {
			t.pinEarly()
		}
		return false
	}
	k.pin.state.tries = err.tries
	t.send(Command{op: opRecordPIN, key: k.pinFlight, outcome: pinRefused})
	return true
}

// pinEarly takes it back that the PIN under way was sent, because the modem was too busy to
// pass it on to the SIM. The tries are read afresh before it is sent again.
func (t *turn) pinEarly() {
	p := &t.known.pin
	if !p.sent || p.key != t.known.pinFlight { // another one is wished since
		return
	}
	t.send(Command{op: opRecordPIN, key: p.key, outcome: p.outcome})
	t.typed = p.leave
	t.control.failures = p.early
	p.early++
	p.sent = false
}
