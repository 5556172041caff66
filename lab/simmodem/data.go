package simmodem

import (
	"encoding/binary"
	"io"
	"net/netip"
)

// maxPacket is the largest packet that a TUN gives.
const maxPacket = 65536

// tun is a network interface in use.
type tun struct {
	device  io.ReadWriteCloser
	session uint32 // whose packets it carries, when it is not for all
}

// maxTUN is how many sessions may have an interface of their own.
const maxTUN = 3

// Attach makes device the modem's network interface and returns at once; the former
// one is closed. Each read gives one IP packet, each write takes one. All sessions
// that have none of their own share it and are told apart by their addresses. Reading
// ends when device is closed.
func (m *Modem) Attach(device io.ReadWriteCloser) { m.attachTUN(0, device) }

// AttachSession is Attach for one session's own interface; a packet is that session's
// by the interface it comes by, as on a VLAN of the kernel's.
func (m *Modem) AttachSession(id uint32, device io.ReadWriteCloser) {
	m.split.Store(m.split.Load() || id > 0)
	m.attachTUN(id, device)
}

func (m *Modem) attachTUN(id uint32, device io.ReadWriteCloser) {
	t := &tun{device: device, session: id}
	if former := m.tuns[id].Swap(t); former != nil {
		former.device.Close()
	}
	go m.uplink(t)
}

// Detach closes the network interfaces.
func (m *Modem) Detach() {
	for i := range m.tuns {
		if t := m.tuns[i].Swap(nil); t != nil {
			t.device.Close()
		}
	}
	m.split.Store(false)
}

// interfaceOf is the interface that carries a session's packets; nil when there is none.
func (m *Modem) interfaceOf(id uint32) *tun {
	if !m.split.Load() {
		return m.tuns[0].Load()
	}
	if id >= maxTUN {
		return nil
	}
	return m.tuns[id].Load()
}

// uplink carries packets from the host to the core.
func (m *Modem) uplink(t *tun) {
	buf := make([]byte, maxPacket)
	for {
		n, err := t.device.Read(buf)
		if err != nil {
			return
		}
		m.fromHost(t, buf[:n])
	}
}

// publish makes the sessions visible to the data path.
func (m *Modem) publish() {
	list := make([]*session, 0, len(m.sessions))
	for _, s := range m.sessions {
		list = append(list, s)
	}
	m.active.Store(&list)
}

// fromHost passes one packet of the host on, if its source is a bearer's address.
func (m *Modem) fromHost(t *tun, packet []byte) {
	source, _, ok := addresses(packet)
	sessions := m.active.Load()
	m.tap(t, packet)
	if m.stuck() {
		return
	}
	if sessions == nil || len(*sessions) == 0 {
		m.counts.idle.Add(1)
		return
	}
	for _, s := range *sessions {
		config := s.grant.Load().owner(source)
		if !ok || config == nil || m.interfaceOf(s.id) != t {
			continue
		}
		if config.MTU > 0 && len(packet) > config.MTU {
			m.counts.tooBig.Add(1)
			return
		}
		m.counts.uplink.Add(1)
		s.bearer.Send(packet)
		return
	}
	m.counts.foreign.Add(1)
}

// tap shows a packet of the host to whoever wants to see them all, with the access
// point of the session that it came by; "" when that session is not up. On an interface
// that all sessions share nobody can tell.
func (m *Modem) tap(t *tun, packet []byte) {
	if m.onPacket == nil {
		return
	}
	apn := ""
	if sessions := m.active.Load(); sessions != nil {
		for _, s := range *sessions {
			if s.id == t.session {
				apn = s.request.APN
			}
		}
	}
	m.onPacket(apn, packet)
}

// Receive is the core's: one packet for the host.
func (s *session) Receive(packet []byte) {
	_, destination, ok := addresses(packet)
	grant := s.grant.Load()
	t := s.modem.interfaceOf(s.id)
	switch {
	case s.modem.stuck():
	case s.ended.Load() || grant == nil || t == nil:
		s.modem.counts.idle.Add(1)
	case !ok || grant.owner(destination) == nil:
		s.modem.counts.foreign.Add(1)
	default:
		s.modem.counts.downlink.Add(1)
		t.device.Write(packet)
	}
}

// addresses reads source and destination of an IP packet.
func addresses(packet []byte) (source, destination netip.Addr, ok bool) {
	if len(packet) < 20 {
		return source, destination, false
	}
	switch packet[0] >> 4 {
	case 4:
		return netip.AddrFrom4([4]byte(packet[12:])), netip.AddrFrom4([4]byte(packet[16:])),
			int(binary.BigEndian.Uint16(packet[2:])) == len(packet)
	case 6:
		if len(packet) >= 40 {
			return netip.AddrFrom16([16]byte(packet[8:])), netip.AddrFrom16([16]byte(packet[24:])), true
		}
	}
	return source, destination, false
}
