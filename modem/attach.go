package modem

import (
	"strings"
	"time"
)

// waitAttach is how long the radio stays off for an access point to be wished.
const waitAttach = 3 * time.Second

// attachProfile is one access point with which a modem registers; source is the modem's
// word for where it has it from.
type attachProfile struct {
	Bearer
	Source uint32
}

// attachConfig is what a modem registers with: at home, at partners' and elsewhere abroad.
type attachConfig [3]attachProfile

// attachMemory is what is known of the access point with which the modem registers. What
// its pointers lead to is never changed in place.
type attachMemory struct {
	config   *attachConfig // of the modem; nil: not read since it was told another one
	former   *attachConfig // what it had for this SIM before it was changed from here; nil: it was not
	recalled bool          // former was looked up
	wish     *Attach       // that is pursued
	writing  bool          // the modem was told it, and no other one since
	failures int           // of it
	done     *Attach       // wish that was carried out, or given up
	same     bool          // nothing had to be changed for it
	trouble  string        // why it was given up
	pending  bool          // it is to be written: nothing may be up meanwhile
	rejoin   bool          // it was: the modem is to leave the network and register with it
	due      time.Time     // when the radio is switched on without it; zero: not set
}

// is compares with a wish.
func (a *Attach) is(w Attach) bool { return a != nil && *a == w }

// fits says that nothing would be changed by writing want. A modem may keep passwords to
// itself; names know no case (3GPP TS 23.003, 9.1).
func (p *attachProfile) fits(want *attachProfile) bool {
	return strings.EqualFold(p.APN, want.APN) && p.User == want.User && p.Family == want.Family &&
		(p.Auth == want.Auth || p.User == "") && (p.Password == want.Password || p.Password == "")
}

func (c *attachConfig) fits(want *attachConfig) bool {
	for i := range c {
		if !c[i].fits(&want[i]) {
			return false
		}
	}
	return true
}

// target is what the modem is to have for a wish.
func (m *attachMemory) target() *attachConfig {
	const byUser = 1
	if !m.wish.Set {
		return m.former
	}
	p := attachProfile{m.wish.Profile, byUser}
	p.Attempt = 0
	return &attachConfig{p, p, p}
}

// settleAttach makes the modem register with the access point that is wished. It is looked
// at beside all else; only a change, for which what is up is hung up, makes the rest wait.
func (t *turn) settleAttach() bool {
	k, w := &t.known.attach, t.spec.Attach
	k.pending = false
	if !t.known.caps.attach || w.Card == "" || w.Card != t.known.card || k.done.is(w) {
		return true
	}
	if !k.wish.is(w) {
		k.wish, k.failures, k.writing = &w, 0, false
	}
	switch {
	case t.unheard.is(w):
		t.attachEnded(false, "the modem did not answer when it was told an access point")
	case !k.recalled:
		t.askWith(Command{op: opRecallAttach, key: t.attachKey()}, timeoutQuery)
	case !w.Set && k.former == nil:
		t.attachEnded(true, "")
	case k.config == nil:
		t.ask(opReadAttach, timeoutQuery)
	case k.config.fits(k.target()):
		t.attachEnded(true, "")
	case k.former == nil:
		t.askWith(Command{op: opRecordAttach, key: t.attachKey(), attach: k.config}, timeoutQuery)
	default:
		return t.writeAttach()
	}
	return true
}

// writeAttach tells the modem once nothing is up any more: it leaves the network for it.
func (t *turn) writeAttach() bool {
	k := &t.known.attach
	k.pending = true
	t.enter(PhaseMending, "")
	if t.idle() && t.askWith(Command{op: opWriteAttach, attach: k.target()}, timeoutRegister) {
		k.writing = true
	}
	return false
}

// attachEnded notes how the wish ended. The record of what the modem had is of no use once
// it has that again.
func (t *turn) attachEnded(same bool, trouble string) {
	k := &t.known.attach
	k.done, k.same, k.trouble, k.pending = k.wish, same, trouble, false
	if !k.done.Set && k.former != nil && trouble == "" {
		k.former = nil
		t.send(Command{op: opRecordAttach, key: t.attachKey()})
	}
}

// attachKey names the record of the SIM that is in, without telling which it is.
func (t *turn) attachKey() string { return pinKey(t.known.card, "") }

// attachDone takes the success of a command about it.
func (t *turn) attachDone(o op) {
	k := &t.known.attach
	if o == opRecordAttach {
		k.former = k.config
		return
	}
	k.config, k.rejoin = nil, t.known.radio.software
	if k.writing {
		t.attachEnded(false, "")
	}
}

// attachFailed takes the failure of a command about it, and reports whether it was one. A
// modem that refuses while its radio is off is told again; one that did not answer never.
func (t *turn) attachFailed(err *failure) bool {
	k := &t.known.attach
	switch t.control.op {
	case opRecallAttach:
		k.recalled = true
		return true
	case opReadAttach, opRecordAttach, opWriteAttach:
	default:
		return false
	}
	if k.wish == nil { // its SIM is out
		return true
	}
	if t.control.op == opWriteAttach {
		k.config = nil // it may have taken it all the same
	}
	k.failures++
	switch {
	case err.reason == reasonTimeout:
		if k.writing || t.control.op == opReadAttach {
			t.unheard = k.wish
		}
	case err.reason == reasonUnsupported:
		t.known.caps.attach = false
	case t.known.radio.software || k.failures > 1:
		t.attachEnded(false, err.text)
	}
	return true
}

// prepared reports that nothing is left to be done before the radio goes on: where the SIM
// can be read without it, the modem registers with the wished access point from its first
// try on.
func (t *turn) prepared() bool {
	k := &t.known
	m := &k.attach
	if m.due.IsZero() {
		m.due = t.at.Add(waitAttach)
	}
	if !k.caps.attach || !m.due.After(t.at) || m.failures > 0 {
		return true
	}
	switch k.sim.state {
	case simUnknown:
		t.ask(opReadSIM, timeoutQuery)
	case simStarting:
	case simReady:
		if !k.identityRead {
			t.askWith(t.whoAmI(), timeoutSIM)
			return false
		}
		t.settleAttach()
		return k.card == "" || m.done != nil && m.done.Card == k.card && m.done.is(t.spec.Attach)
	default:
		return true
	}
	return false
}
