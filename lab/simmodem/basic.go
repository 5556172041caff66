package simmodem

import "github.com/tetherd/tetherd/modem/mbim"

// basicConnect is the service of MBIM 10.5.
func (m *Modem) basicConnect() []handler {
	return []handler{
		{mbim.CIDDeviceCaps, m.queryDeviceCaps, nil},
		{mbim.CIDSubscriberReady, m.querySubscriberReady, nil},
		{mbim.CIDRadioState, m.queryRadioState, m.setRadioState},
		{mbim.CIDPIN, m.queryPIN, m.setPIN},
		{mbim.CIDPINList, m.queryPINList, nil},
		{mbim.CIDHomeProvider, m.queryHomeProvider, nil},
		{mbim.CIDRegisterState, m.queryRegisterState, m.setRegisterState},
		{mbim.CIDPacketService, m.queryPacketService, m.setPacketService},
		{mbim.CIDSignalState, m.querySignalState, m.setSignalState},
		{mbim.CIDConnect, m.queryConnect, m.setConnect},
		{mbim.CIDServiceActivation, nil, m.setServiceActivation},
		{mbim.CIDIPConfiguration, m.queryIPConfiguration, nil},
		{mbim.CIDDeviceServices, m.queryDeviceServices, nil},
		{mbim.CIDSubscribeList, nil, m.setSubscribeList},
	}
}

// queryDeviceCaps answers MBIM_DEVICE_CAPS_INFO (10.5.1).
func (m *Modem) queryDeviceCaps(*mbim.Reader) answer {
	const (
		removable     = 2
		gsm           = 1
		noVoice       = 1
		removableSIM  = 2
		smsBothWays   = 3
		manualNetwork = 1 << 0
		radioSwitch   = 1 << 1
	)
	info := new(mbim.Writer).U32(removable, gsm, noVoice, removableSIM, uint32(m.device.DataClasses),
		smsBothWays, manualNetwork|radioSwitch, m.device.MaxSessions)
	return ok(info.Text("").Text(m.device.IMEI).Text(m.device.Firmware).Text(m.device.Model))
}

func (m *Modem) querySubscriberReady(*mbim.Reader) answer { return ok(m.subscriberReady()) }

// subscriberReady is MBIM_SUBSCRIBER_READY_INFO (10.5.2). A locked card gives its
// ICCID only.
func (m *Modem) subscriberReady() *mbim.Writer {
	state := m.ready()
	imsi, numbers := "", []string(nil)
	if state == readyInitialised {
		imsi = m.sim.IMSI
		if m.sim.Number != "" {
			numbers = []string{m.sim.Number}
		}
	}
	info := new(mbim.Writer).U32(state).Text(imsi).Text(m.sim.ICCID).U32(0, uint32(len(numbers)))
	for _, number := range numbers {
		info.Text(number)
	}
	return info
}

func (m *Modem) queryRadioState(*mbim.Reader) answer { return ok(m.radioState()) }

// setRadioState moves the software switch; the hardware switch has the last word.
func (m *Modem) setRadioState(r *mbim.Reader) answer {
	on := r.U32()
	if r.Err() != nil || on > 1 {
		return failed(statusInvalidParameters)
	}
	m.software = on == 1
	if !m.software {
		m.cure(CureRadio)
	}
	return ok(m.radioState())
}

// radioState is MBIM_RADIO_STATE_INFO (10.5.3).
func (m *Modem) radioState() *mbim.Writer {
	return new(mbim.Writer).U32(flag(m.hardware), flag(m.software))
}

func flag(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// Parts of a provider element (10.5.6).
const (
	providerHome       = 1 << 0
	providerVisible    = 1 << 3
	providerRegistered = 1 << 4
	cellularGSM        = 1
)

// queryHomeProvider answers MBIM_PROVIDER (10.5.6), which is on the card.
func (m *Modem) queryHomeProvider(*mbim.Reader) answer {
	if status := m.cardStatus(); status != statusOK {
		return failed(status)
	}
	state := uint32(providerHome)
	if v := m.view(); v.network.PLMN == m.sim.HomePLMN {
		state |= providerVisible | providerRegistered
	}
	info := new(mbim.Writer).Text(m.sim.HomePLMN).U32(state).Text(m.sim.HomeName)
	return ok(info.U32(cellularGSM, unknownRSSI, unknownRSSI))
}

// cardStatus is why a command that needs the card cannot be carried out.
func (m *Modem) cardStatus() uint32 {
	switch m.ready() {
	case readyAbsent:
		return statusSIMNotInserted
	case readyBadSIM:
		return statusBadSIM
	case readyLocked:
		return statusPINRequired
	}
	return statusOK
}

// radioStatus is why a command that needs the radio cannot be carried out.
func (m *Modem) radioStatus() uint32 {
	if status := m.cardStatus(); status != statusOK {
		return status
	}
	if !m.hardware || !m.software {
		return statusRadioOff
	}
	return statusOK
}

func (m *Modem) queryRegisterState(*mbim.Reader) answer { return ok(m.registerState()) }

// setRegisterState chooses the network: by itself, or the one named.
func (m *Modem) setRegisterState(r *mbim.Reader) answer {
	const manual = 1
	provider, action, _ := r.Text(), r.U32(), r.U32()
	if r.Err() != nil || action > manual {
		return failed(statusInvalidParameters)
	}
	if status := m.radioStatus(); status != statusOK {
		return failed(status)
	}
	if action == manual && provider != m.network.PLMN {
		return failed(statusProviderNotVisible)
	}
	m.manual = ""
	if action == manual {
		m.manual = provider
	}
	return ok(m.registerState())
}

// registerState is MBIM_REGISTRATION_STATE_INFO (10.5.9), with the preferred data
// classes of MBIMEx 2.0.
func (m *Modem) registerState() *mbim.Writer {
	const modeAutomatic, modeManual, automaticAttach = 1, 2, 1 << 1
	v := m.view()
	mode, roaming := uint32(modeAutomatic), ""
	if v.manual {
		mode = modeManual
	}
	if v.network.State == Roaming {
		roaming = "roaming"
	}
	info := new(mbim.Writer).U32(uint32(v.network.Cause), uint32(v.network.State), mode, uint32(v.network.DataClass), cellularGSM)
	info.Text(v.network.PLMN).Text(v.network.Name).Text(roaming).U32(automaticAttach)
	if m.version >= 0x0200 {
		info.U32(uint32(m.device.DataClasses))
	}
	return info
}

func (m *Modem) queryPacketService(*mbim.Reader) answer { return ok(m.packetService()) }

// setPacketService attaches to packet service or detaches from it.
func (m *Modem) setPacketService(r *mbim.Reader) answer {
	const detach = 1
	action := r.U32()
	if r.Err() != nil || action > detach {
		return failed(statusInvalidParameters)
	}
	if status := m.radioStatus(); status != statusOK {
		return failed(status)
	}
	if !m.view().network.registered() {
		return failed(statusNotRegistered)
	}
	m.detached = action == detach
	if m.detached {
		m.cure(CureDetach)
	}
	return ok(m.packetService())
}

// setServiceActivation takes an operator's data (10.5.14), which are the whole buffer.
func (m *Modem) setServiceActivation(*mbim.Reader) answer {
	if status := m.cardStatus(); status != statusOK {
		return failed(status)
	}
	if m.sim.Activation != "" && m.sim.Activation != string(m.payload) {
		return ok(new(mbim.Writer).U32(uint32(CauseNotSubscribed)))
	}
	return ok(new(mbim.Writer).U32(0))
}

// packetService is MBIM_PACKET_SERVICE_INFO (10.5.10), with the frequency range of
// MBIMEx 2.0.
func (m *Modem) packetService() *mbim.Writer {
	const attached, detached, up, down = 2, 4, 50_000_000, 150_000_000
	v := m.view()
	info := new(mbim.Writer)
	if v.attached {
		info.U32(0, attached, highest(v.network.DataClass)).U64(up).U64(down)
	} else {
		info.U32(0, detached, 0).U64(0).U64(0)
	}
	if m.version >= 0x0200 {
		info.U32(flag(v.attached))
	}
	return info
}

// highest is the best technology of a set.
func highest(set DataClass) uint32 {
	best := DataClass(0)
	for class := DataGPRS; class <= Data5GSA; class <<= 1 {
		if set&class != 0 {
			best = class
		}
	}
	return uint32(best)
}

func (m *Modem) querySignalState(*mbim.Reader) answer { return ok(m.signalState()) }

// setSignalState takes thresholds, which this modem has no use for: it tells every
// change.
func (m *Modem) setSignalState(r *mbim.Reader) answer {
	r.U32()
	r.U32()
	r.U32()
	return ok(m.signalState())
}

// signalState is MBIM_SIGNAL_STATE_INFO (10.5.11). From MBIMEx 2.0 on RSRP and SNR
// stand in an array, and the RSSI is then unknown.
func (m *Modem) signalState() *mbim.Writer {
	const interval, threshold = 5, 0
	v := m.view()
	if m.version < 0x0200 {
		return new(mbim.Writer).U32(v.signal.rssiCode(), unknownRSSI, interval, threshold, threshold)
	}
	if v.signal.RSRP == 0 {
		return new(mbim.Writer).U32(v.signal.rssiCode(), unknownRSSI, interval, threshold, threshold).Array()
	}
	lte := new(mbim.Writer).U32(v.signal.rsrpCode(), v.signal.snrCode(), threshold, threshold, uint32(DataLTE))
	return new(mbim.Writer).U32(unknownRSSI, unknownRSSI, interval, threshold, threshold).Array(lte)
}

// queryDeviceServices answers MBIM_DEVICE_SERVICES_INFO (10.5.16) from the very
// table that commands are looked up in.
func (m *Modem) queryDeviceServices(*mbim.Reader) answer {
	services := m.services()
	elements := make([]*mbim.Writer, 0, len(services))
	for _, s := range services {
		element := new(mbim.Writer).UUID(s.id).U32(0, 0, uint32(len(s.handlers)))
		for _, h := range s.handlers {
			element.U32(h.cid)
		}
		elements = append(elements, element)
	}
	return ok(new(mbim.Writer).U32(uint32(len(elements)), 0).Refs(elements...))
}

// maxEvents bounds a subscription.
const maxEvents = 256

// setSubscribeList takes the list of wanted indications (10.5.19) and answers it.
func (m *Modem) setSubscribeList(r *mbim.Reader) answer {
	wanted := make(map[subscription]bool)
	var echo []*mbim.Writer
	for _, element := range r.Refs(r.U32()) {
		id, count := element.UUID(), element.U32()
		copied := new(mbim.Writer).UUID(id).U32(count)
		for i := uint32(0); i < count && r.Err() == nil; i++ {
			cid := element.U32()
			copied.U32(cid)
			wanted[subscription{id, cid}] = true
		}
		echo = append(echo, copied)
	}
	if r.Err() != nil || len(wanted) > maxEvents {
		return failed(statusInvalidParameters)
	}
	m.subscribed = wanted
	return ok(new(mbim.Writer).U32(uint32(len(echo))).Refs(echo...))
}
