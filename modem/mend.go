package modem

// mend carries out what a diagnosis asks of the modem itself, each once and a reset
// alone, for it detaches too. Bearers are hung up before: what is
// done to the modem ends them, and none may be left half open on the network's side.
func (t *turn) mend() bool {
	if t.mended == t.spec.Mend {
		return true
	}
	t.enter(PhaseMending, "")
	if !t.idle() || t.control.busy() || t.control.hold.After(t.at) {
		return false
	}
	was := t.mended
	t.mended = t.spec.Mend
	if was.Reset != t.mended.Reset {
		t.start(&t.control, Command{op: opReset}, timeoutQuery)
	} else {
		t.start(&t.control, Command{op: opDetach}, timeoutRegister)
	}
	return false
}

// replug has the USB port let go of the modem and take it again, where there is one.
// Everything about it is then found anew, as after plugging it in.
func (t *turn) replug() {
	if t.node.port == "" {
		t.replugged()
		return
	}
	t.start(&t.control, Command{op: opReplug, node: t.node}, timeoutQuery)
}

// replugged ends that; the device is mostly gone by then.
func (t *turn) replugged() {
	if t.channel == channelOpen {
		t.shut()
	}
}

// reset takes the answer of a reset: a modem that cannot do it, or does not answer, is
// taken off its port and put back.
func (t *turn) reset(err *failure) {
	if err != nil {
		t.replug()
		return
	}
	t.shut()
}
