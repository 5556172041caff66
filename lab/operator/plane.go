package operator

import (
	"encoding/binary"
	"net/netip"
	"sync/atomic"
)

// counters are the atomic form of Counts.
type counters struct {
	uplink, downlink, muted, garden, stray, dns, web atomic.Uint64
}

// Counts are totals since New.
type Counts struct {
	Uplink, Downlink uint64 // packets carried
	Muted            uint64 // packets dropped by APN.Mute, APN.Hole and Stale
	Garden           uint64 // packets dropped by the walled garden
	Stray            uint64 // packets for an address that no bearer has
	DNS, Web         uint64 // questions and requests answered
}

// Counts are the totals so far.
func (o *Operator) Counts() Counts {
	c := &o.counts
	return Counts{
		Uplink: c.uplink.Load(), Downlink: c.downlink.Load(), Muted: c.muted.Load(),
		Garden: c.garden.Load(), Stray: c.stray.Load(), DNS: c.dns.Load(), Web: c.web.Load(),
	}
}

// Send carries one packet of a modem into the operator's namespace.
func (b *bearer) Send(packet []byte) {
	o, policy := b.operator, b.policy.Load()
	if o.onPacket != nil {
		o.onPacket(b.name, packet)
	}
	switch {
	case policy.Mute || b.swallows(packet):
		o.counts.muted.Add(1)
	case b.fenced() && !gardenAllows(packet):
		o.counts.garden.Add(1)
	default:
		o.counts.uplink.Add(1)
		o.carry(&o.up, packet, func(packet []byte) { o.plane.Write(packet) })
	}
}

// fenced tells whether the bearer is inside the walled garden.
func (b *bearer) fenced() bool { return b.policy.Load().Garden && !b.accepted.Load() }

// downlink carries packets from the operator's namespace to the modems.
func (o *Operator) downlink() {
	buf := make([]byte, 65536)
	for {
		n, err := o.plane.Read(buf)
		if err != nil {
			return
		}
		o.toModem(buf[:n])
	}
}

func (o *Operator) toModem(packet []byte) {
	destination, ok := destinationOf(packet)
	if !ok {
		o.counts.stray.Add(1)
		return
	}
	b := o.bearerOf(destination)
	switch {
	case b == nil:
		o.counts.stray.Add(1)
	case b.policy.Load().Mute || b.swallows(packet):
		o.counts.muted.Add(1)
	default:
		o.counts.downlink.Add(1)
		o.carry(&o.down, packet, b.terminal.Receive)
	}
}

// bearerOf is the bearer that has an address, nil when none has.
func (o *Operator) bearerOf(address netip.Addr) *bearer {
	if b, ok := o.byAddress.Load(key(address)); ok {
		return b.(*bearer)
	}
	return nil
}

// destinationOf reads the destination of an IP packet.
func destinationOf(packet []byte) (netip.Addr, bool) {
	switch {
	case len(packet) >= 20 && packet[0]>>4 == 4:
		return netip.AddrFrom4([4]byte(packet[16:])), true
	case len(packet) >= 40 && packet[0]>>4 == 6:
		return netip.AddrFrom16([16]byte(packet[24:])), true
	}
	return netip.Addr{}, false
}

// gardenAllows tells whether a packet may leave the walled garden's inside: DNS, and
// plain web requests, which end at the login page whatever their destination.
func gardenAllows(packet []byte) bool {
	const tcp, udp, domain, web = 6, 17, 53, 80
	var protocol byte
	var header int
	switch {
	case len(packet) >= 20 && packet[0]>>4 == 4 && packet[0]&0x0f >= 5: // RFC 791: the header's least length
		protocol, header = packet[9], int(packet[0]&0x0f)*4
	case len(packet) >= 40 && packet[0]>>4 == 6:
		protocol, header = packet[6], 40
	default:
		return false
	}
	if len(packet) < header+4 {
		return false
	}
	port := binary.BigEndian.Uint16(packet[header+2:])
	switch protocol {
	case udp:
		return port == domain
	case tcp:
		return port == domain || port == web
	}
	return false
}
