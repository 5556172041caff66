package modem

import (
	"cmp"
	"time"
)

// learn writes what the modem told, as an answer or by itself.
func (t *turn) learn(f fact) {
	k := &t.known
	switch f := f.(type) {
	case capabilities:
		k.caps, k.capsRead = f, true
	case radioState:
		k.radio, k.radioRead = f, true
	case simState:
		t.learnSIM(f)
	case identity:
		t.learnIdentity(f)
	case pinState:
		k.pin.state, k.pinRead = f, true
	case registration:
		t.learnRegistration(f)
	case packetService:
		k.packet, k.packetRead = f, true
	case signal:
		k.signal, k.signalRead = f.Signal, true
	case networkTime:
		k.time, k.timeRead = NetworkTime{Right: f.right, At: t.at}, true
	case attachConfig:
		k.attach.config = &f
	case attachRecord:
		k.attach.former, k.attach.recalled = f.config, true
	case pinRecord:
		k.pin.key, k.pin.outcome = k.pinFlight, f.outcome
	case bearerState:
		if s := t.slot(f.session); s != nil {
			t.noticeBearer(s, f)
		}
	case ipConfiguration:
		if s := t.slot(f.session); s != nil {
			t.takeIP(s, f)
		}
	}
}

// learnSIM takes the state of the SIM. A SIM that went, came or is another one makes all that
// hangs on it unknown, and so does another subscription on the same card.
func (t *turn) learnSIM(f simState) {
	k := &t.known
	before := k.sim.state
	if f.state == simUnknown || f.state > simLocked {
		f.state = simBad // told, and nothing that we can work with
	}
	if f.imsi != "" && k.imsi == "" && k.identity.early {
		k.identityRead = false // what was read without it is half of it
	}
	swapped := differ(f.iccid, k.card) || differ(f.imsi, k.imsi)
	if !swapped && f.imsi == "" && (f.state == simReady || f.state == simStarting) {
		f.imsi = k.imsi // it is being read anew
	}
	k.sim = f
	if swapped || f.state == simAbsent {
		t.forgetCard()
	}
	k.card, k.imsi = cmp.Or(f.iccid, k.card), cmp.Or(f.imsi, k.imsi)
	if f.state == before && !swapped {
		return
	}
	switch f.state {
	case simStarting:
		k.simSince = t.at
	case simLocked:
		k.pinRead = false
	case simReady:
		k.registrationRead, k.packetRead = false, false
	}
}

// differ says that two identifiers are of different things; one that was not told is of none.
func differ(a, b Secret) bool { return a != "" && b != "" && a != b }

// learnIdentity takes the SIM's identity, and has it asked for again, beside all else, when
// it was too early to ask. A few modems never tell it.
func (t *turn) learnIdentity(f identity) {
	k := &t.known
	k.identity, k.identityRead, k.identityDue = f, true, time.Time{}
	if f.early && k.identityAsks < maxIdentity {
		k.identityDue = t.at.Add(backoff(askIdentity, k.identityAsks, maxBackoff))
	}
}

// forgetCard forgets all that hangs on the SIM. What is up or being dialled was so
// with the former one.
func (t *turn) forgetCard() {
	k := &t.known
	k.card, k.imsi, k.simDoubt = "", "", false
	k.identity, k.identityRead = identity{}, false
	k.identityAsks, k.identityDue = 0, time.Time{}
	k.pin, k.pinRead, k.attach = pinMemory{}, false, attachMemory{}
	k.registration, k.registrationRead, k.autoTried = registration{}, false, false
	k.packet, k.packetRead = packetService{}, false
	if t.control.op.ofCard() {
		t.control.id = 0 // its answer is about the former one
	}
	for i := range t.slots {
		s := &t.slots[i]
		if s.context == contextUnasked || s.idle() {
			continue
		}
		t.send(Command{op: opForgetRun, session: s.id})
		s.lost(t.at)
		s.context = contextUnsure
	}
}

// learnRegistration keeps the last reject cause until the network takes us. With a registration
// that comes or goes a SIM may have come or gone.
func (t *turn) learnRegistration(f registration) {
	k := &t.known
	before := Registration{State: k.registration.state}
	registered := Registration{State: f.state}.Registered()
	if before.State != "" && before.Registered() != registered {
		k.simDoubt = true
	}
	switch {
	case registered:
		f.cause = 0
	case f.cause == 0:
		f.cause = k.registration.cause
	}
	k.registration, k.registrationRead = f, true
}
