package simmodem

import "github.com/tetherd/tetherd/modem/mbim"

// PIN types, operations and states (MBIM 10.5.4).
const (
	typePIN1 = 2
	typePUK1 = 11

	pinEnter   = 0
	pinEnable  = 1
	pinDisable = 2
	pinChange  = 3

	pinUnlocked = 0
	pinLocked   = 1
)

func (m *Modem) queryPIN(*mbim.Reader) answer {
	switch m.ready() {
	case readyAbsent:
		return failed(statusSIMNotInserted)
	case readyBadSIM:
		return failed(statusBadSIM)
	}
	return ok(m.pinState())
}

// pinState is MBIM_PIN_INFO (10.5.4): what must be entered next, and the tries left.
func (m *Modem) pinState() *mbim.Writer {
	pin := m.sim.PIN
	switch {
	case m.ready() != readyLocked:
		return new(mbim.Writer).U32(typePIN1, pinUnlocked, pin.Tries)
	case pin.Tries == 0:
		return new(mbim.Writer).U32(typePUK1, pinLocked, pin.PUKTries)
	}
	return new(mbim.Writer).U32(typePIN1, pinLocked, pin.Tries)
}

// setPIN carries out MBIM_SET_PIN (10.5.4).
func (m *Modem) setPIN(r *mbim.Reader) answer {
	kind, operation, code, fresh := r.U32(), r.U32(), r.Text(), r.Text()
	if r.Err() != nil || operation > pinChange {
		return failed(statusInvalidParameters)
	}
	if status := m.cardStatus(); status == statusSIMNotInserted || status == statusBadSIM {
		return failed(status)
	}
	switch {
	case kind == typePUK1 && operation == pinEnter:
		return m.enterPUK(code, fresh)
	case kind != typePIN1:
		return failed(statusNoSupport)
	case operation != pinEnable && !m.sim.PIN.Enabled:
		return failed(statusPINDisabled)
	case m.sim.PIN.Tries == 0 && m.sim.PIN.Enabled:
		return answer{statusFailure, m.pinState()}
	}
	return m.usePIN(operation, code, fresh)
}

// usePIN spends a try on the code and, when it is right, does what was asked.
func (m *Modem) usePIN(operation uint32, code, fresh string) answer {
	pin := &m.sim.PIN
	if code != pin.Code {
		pin.Tries -= min(pin.Tries, 1)
		m.unlocked = m.unlocked && pin.Tries > 0
		m.event(Event{Kind: "pin", Detail: "refused"})
		return answer{statusFailure, m.pinState()}
	}
	if operation == pinChange && !validPIN(fresh) {
		return failed(statusInvalidParameters)
	}
	pin.Tries = pinTries
	m.unlocked = true
	switch operation {
	case pinEnable:
		pin.Enabled = true
	case pinDisable:
		pin.Enabled = false
	case pinChange:
		pin.Code = fresh
	}
	m.event(Event{Kind: "pin", Detail: "accepted"})
	return ok(m.pinState())
}

// enterPUK sets a new PIN with the PUK.
func (m *Modem) enterPUK(puk, fresh string) answer {
	pin := &m.sim.PIN
	if pin.Tries > 0 || !pin.Enabled {
		return failed(statusNotAllowed)
	}
	if puk != pin.PUK || !validPIN(fresh) {
		pin.PUKTries -= min(pin.PUKTries, 1)
		m.event(Event{Kind: "pin", Detail: "PUK refused"})
		return answer{statusFailure, m.pinState()}
	}
	pin.Tries, pin.PUKTries, pin.Code = pinTries, pukTries, fresh
	m.unlocked = true
	m.event(Event{Kind: "pin", Detail: "PUK accepted"})
	return ok(m.pinState())
}

// validPIN tells 4 to 8 digits.
func validPIN(code string) bool {
	for _, c := range code {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(code) >= 4 && len(code) <= 8
}

// queryPINList answers MBIM_PIN_LIST_INFO (10.5.5): ten descriptions, of which only
// PIN1 is supported.
func (m *Modem) queryPINList(*mbim.Reader) answer {
	const enabled, disabled, numeric, others = 1, 2, 1, 9
	if m.ready() == readyAbsent {
		return failed(statusSIMNotInserted)
	}
	mode := uint32(disabled)
	if m.sim.PIN.Enabled {
		mode = enabled
	}
	return ok(new(mbim.Writer).U32(mode, numeric, 4, 8).Zero(others * 16))
}
