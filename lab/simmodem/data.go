package simmodem

import (
	"encoding/binary"
	"io"
	"net/netip"
)

// maxPacket is the largest packet that a TUN gives.
const maxPacket = 65536

// tun is the network interface in use.
type tun struct {
	device io.ReadWriteCloser
}

// Attach makes device the modem's network interface and returns at once; the former
// one is closed. Each read gives one IP packet, each write takes one. All sessions
// share it and are told apart by their addresses. Reading ends when device is closed.
func (m *Modem) Attach(device io.ReadWriteCloser) {
	t := &tun{device: device}
	if former := m.tun.Swap(t); former != nil {
		former.device.Close()
	}
	go m.uplink(t)
}

// Detach closes the network interface.
func (m *Modem) Detach() {
	if t := m.tun.Swap(nil); t != nil {
		t.device.Close()
	}
}

// uplink carries packets from the host to the core.
func (m *Modem) uplink(t *tun) {
	buf := make([]byte, maxPacket)
	for {
		n, err := t.device.Read(buf)
		if err != nil {
			return
		}
		m.fromHost(buf[:n])
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
func (m *Modem) fromHost(packet []byte) {
	source, _, ok := addresses(packet)
	sessions := m.active.Load()
	if sessions == nil || len(*sessions) == 0 {
		m.counts.idle.Add(1)
		return
	}
	for _, s := range *sessions {
		config := s.grant.Load().owner(source)
		if !ok || config == nil {
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

// Receive is the core's: one packet for the host.
func (s *session) Receive(packet []byte) {
	_, destination, ok := addresses(packet)
	grant := s.grant.Load()
	t := s.modem.tun.Load()
	switch {
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
