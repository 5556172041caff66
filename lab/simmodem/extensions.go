package simmodem

import (
	"slices"
	"time"

	"github.com/tetherd/tetherd/modem/mbim"
)

// extensions is Microsoft's service of extensions to Basic Connect.
func (m *Modem) extensions() []handler {
	list := []handler{
		{mbim.CIDMSLTEAttachConfig, m.queryAttachConfig, m.setAttachConfig},
		{mbim.CIDMSLTEAttachInfo, m.queryAttachInfo, nil},
		{mbim.CIDMSDeviceReset, nil, m.setDeviceReset},
		{mbim.CIDMSVersion, m.queryVersion, nil},
	}
	return slices.DeleteFunc(list, func(h handler) bool {
		return m.device.NoReset && h.cid == mbim.CIDMSDeviceReset ||
			m.device.NoAttach && (h.cid == mbim.CIDMSLTEAttachConfig || h.cid == mbim.CIDMSLTEAttachInfo)
	})
}

// queryVersion agrees on the version of the extensions: never above what the host
// says, never above what the modem can.
func (m *Modem) queryVersion(r *mbim.Reader) answer {
	const mbim10, lowest = 0x0100, 0x0100
	_, wanted := r.U16(), r.U16()
	if r.Err() != nil {
		return failed(statusInvalidParameters)
	}
	m.version = max(min(wanted, m.device.MBIMEx, 0x0200), lowest)
	return ok(new(mbim.Writer).U16(mbim10).U16(m.version))
}

// setDeviceReset answers and then resets the modem, as far as it is plugged in.
func (m *Modem) setDeviceReset(*mbim.Reader) answer {
	m.event(Event{Kind: "reset", Detail: "by the host"})
	if m.onReset != nil {
		go m.onReset()
	}
	return ok(nil)
}

// The three roaming conditions of an attach configuration.
const (
	attachHome = iota
	attachPartner
	attachNonPartner
	attachElements
)

// attachConfig is what the default bearer is asked for with, by roaming condition.
type attachConfig [attachElements]attachElement

// attachElement is one element of MBIM_MS_LTE_ATTACH_CONFIG.
type attachElement struct {
	Request
	source, compression uint32
}

// attachRequest is the element that counts now.
func (m *Modem) attachRequest() Request {
	switch m.network.State {
	case Roaming:
		return m.attach[attachNonPartner].Request
	case Partner:
		return m.attach[attachPartner].Request
	}
	return m.attach[attachHome].Request
}

func (m *Modem) queryAttachConfig(*mbim.Reader) answer {
	if status := m.cardStatus(); status != statusOK {
		return failed(status)
	}
	return ok(m.attachConfiguration())
}

// attachConfiguration is MBIM_MS_LTE_ATTACH_CONFIG_INFO: always three elements.
func (m *Modem) attachConfiguration() *mbim.Writer {
	elements := make([]*mbim.Writer, 0, attachElements)
	for roaming, e := range m.attach {
		element := new(mbim.Writer).U32(uint32(e.IPType), uint32(roaming), e.source)
		element.Text(e.APN).Text(e.User).Text(e.Password).U32(e.compression, uint32(e.Auth))
		elements = append(elements, element)
	}
	return new(mbim.Writer).U32(attachElements).Refs(elements...)
}

// setAttachConfig takes exactly three elements, one a roaming condition. The modem
// attaches anew when the one that counts has changed.
func (m *Modem) setAttachConfig(r *mbim.Reader) answer {
	const overwrite, factory = 0, 1
	operation, count := r.U32(), r.U32()
	fresh, complete := readAttachElements(r.Refs(count))
	if r.Err() != nil || operation > factory || operation == overwrite && (count != attachElements || !complete) {
		return failed(statusInvalidParameters)
	}
	if status := m.cardStatus(); status != statusOK {
		return failed(status)
	}
	m.counts.attaches.Add(1)
	m.event(Event{Kind: "attach", Detail: fresh[attachHome].APN})
	m.attach = attachConfig{}
	if operation == overwrite {
		m.attach = fresh
	}
	return ok(m.attachConfiguration())
}

// readAttachElements reports whether every roaming condition was there.
func readAttachElements(elements []*mbim.Reader) (config attachConfig, complete bool) {
	seen := 0
	for _, r := range elements {
		ip, roaming, source := IPType(r.U32()), r.U32(), r.U32()
		e := attachElement{source: source, Request: Request{APN: r.Text(), User: r.Text(), Password: r.Text(), IPType: ip}}
		e.compression, e.Auth = r.U32(), Auth(r.U32())
		if roaming >= attachElements || ip > IPv4AndIPv6 || e.Auth > AuthMSCHAPv2 {
			return config, false
		}
		seen |= 1 << roaming
		config[roaming] = e
	}
	return config, seen == 1<<attachElements-1
}

func (m *Modem) queryAttachInfo(*mbim.Reader) answer { return ok(m.attachInfo()) }

// attachInfo is MBIM_MS_LTE_ATTACH_INFO: what the default bearer came up with.
func (m *Modem) attachInfo() *mbim.Writer {
	attached, request := m.view().attached, Request{}
	if attached {
		request = m.attachRequest()
	}
	info := new(mbim.Writer).U32(flag(attached), uint32(request.IPType))
	return info.Text(request.APN).Text(request.User).Text("").U32(0, uint32(request.Auth))
}

// queryNetworkTime answers MBIM_NITZ_INFO: local time, two hours east of UTC, once the
// network is there to tell it.
func (m *Modem) queryNetworkTime(*mbim.Reader) answer {
	if !m.view().network.registered() {
		return failed(statusNotRegistered)
	}
	return ok(m.networkTime())
}

func (m *Modem) networkTime() *mbim.Writer {
	const east, daylight = 120, 60 // minutes
	t := time.Now().UTC().Add(m.device.Ahead + east*time.Minute)
	return new(mbim.Writer).U32(uint32(t.Year()), uint32(t.Month()), uint32(t.Day()), uint32(t.Hour()), uint32(t.Minute()), uint32(t.Second()),
		east, daylight, highest(m.view().network.DataClass))
}
