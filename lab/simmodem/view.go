package simmodem

import "github.com/tetherd/tetherd/modem/mbim"

// Ready states (MBIM 10.5.2).
const (
	readyInitialised = 1
	readyAbsent      = 2
	readyBadSIM      = 3
	readyLocked      = 6
)

// view is what the modem would tell about itself now. Two views that are equal
// leave nothing to indicate.
type view struct {
	hardware, software bool
	ready              uint32
	iccid              string
	network            Network
	manual             bool
	attached           bool
	signal             Signal
}

// attachKey is what the core's answer to an attach depends on.
type attachKey struct {
	iccid   string
	network Network
	request Request
}

// view computes what is true now from the switches, the card, the network and the
// core's answer.
func (m *Modem) view() view {
	v := view{
		hardware: m.hardware, software: m.software,
		ready: m.ready(), iccid: m.sim.ICCID,
		network: Network{State: Deregistered}, manual: m.manual != "",
	}
	if m.off || !m.hardware || !m.software {
		return v
	}
	v.signal = m.signal
	if v.ready != readyInitialised {
		return v
	}
	v.network = m.network
	if v.network.State == 0 {
		v.network.State = Searching
	}
	if v.network.DataClass == 0 {
		v.network.DataClass = DataLTE
	}
	if v.network.State == Searching {
		v.network = Network{State: Searching}
	}
	if v.network.registered() && m.reject != CauseNone {
		v.network.State, v.network.Cause = Denied, m.reject
	}
	v.attached = v.network.registered() && !m.detached
	return v
}

// ready is the state of the card.
func (m *Modem) ready() uint32 {
	pin := m.sim.PIN
	switch {
	case m.sim.ICCID == "":
		return readyAbsent
	case pin.Enabled && pin.Tries == 0 && pin.PUKTries == 0:
		return readyBadSIM
	case pin.Enabled && (!m.unlocked || pin.Tries == 0):
		return readyLocked
	}
	return readyInitialised
}

// settle makes everything follow from what has changed: the core is asked when the
// modem registers anew, bearers without service end, and indications are queued.
func (m *Modem) settle() {
	m.askCore()
	now, was := m.view(), m.told
	m.told = now
	if now.ready != was.ready || now.iccid != was.iccid {
		m.indicate(mbim.ServiceBasicConnect, mbim.CIDSubscriberReady, m.subscriberReady())
	}
	if now.hardware != was.hardware || now.software != was.software {
		m.indicate(mbim.ServiceBasicConnect, mbim.CIDRadioState, m.radioState())
	}
	if now.network != was.network || now.manual != was.manual {
		m.indicate(mbim.ServiceBasicConnect, mbim.CIDRegisterState, m.registerState())
		if m.device.TellsTime && now.network.registered() {
			m.indicate(mbim.ServiceMSVoice, mbim.CIDVoiceNITZ, m.networkTime())
		}
	}
	if now.attached != was.attached || now.attached && now.network != was.network {
		m.indicate(mbim.ServiceBasicConnect, mbim.CIDPacketService, m.packetService())
		m.indicate(mbim.ServiceMSExtensions, mbim.CIDMSLTEAttachInfo, m.attachInfo())
	}
	if now.signal != was.signal {
		m.indicate(mbim.ServiceBasicConnect, mbim.CIDSignalState, m.signalState())
	}
	if !now.attached {
		for _, s := range m.sessions {
			m.lose(s, CauseRegular)
		}
	}
}

// askCore repeats the attach when anything it depends on has changed.
func (m *Modem) askCore() {
	key := attachKey{}
	if !m.off && m.hardware && m.software && m.ready() == readyInitialised && m.network.registered() {
		key = attachKey{m.sim.ICCID, m.network, m.attachRequest()}
	}
	if key == m.asked {
		return
	}
	m.asked, m.reject = key, CauseNone
	if key != (attachKey{}) {
		m.reject = m.core.Attach(m.subscriber(), key.request)
	}
}

// subscriber is who the modem is for the core.
func (m *Modem) subscriber() Subscriber {
	return Subscriber{
		IMSI: m.sim.IMSI, ICCID: m.sim.ICCID, IMEI: m.device.IMEI,
		PLMN: m.network.PLMN, Roaming: m.network.State != Home,
	}
}
