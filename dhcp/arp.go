package dhcp

import (
	"encoding/binary"
	"net/netip"
)

const (
	arpSize    = 28
	arpRequest = 1
	arpReply   = 2
)

// arpProbe builds the probe of RFC 5227 section 2.1.1: a request for addr from an
// unspecified sender address, so that nobody learns anything from it.
func arpProbe(from hwaddr, addr netip.Addr) []byte {
	target := addr.As4()
	b := make([]byte, 0, arpSize)
	b = append(b, 0, 1, 8, 0, 6, 4, 0, arpRequest) // Ethernet, IPv4, their lengths
	b = append(append(b, from[:]...), 0, 0, 0, 0)
	return append(append(b, 0, 0, 0, 0, 0, 0), target[:]...)
}

// arpUser reads who claims to use which address: in a reply, or in an announcement,
// which is a request for the sender's own address (RFC 5227 section 2.3).
func arpUser(b []byte) (addr netip.Addr, mac hwaddr, ok bool) {
	if len(b) < arpSize || binary.BigEndian.Uint64(b)>>16 != 0x000108000604 {
		return addr, mac, false
	}
	op := binary.BigEndian.Uint16(b[6:])
	addr = addrOf(b[14:18])
	mac, ok = hwaddrOf(b[8:14])
	if op != arpReply && (op != arpRequest || addr != addrOf(b[24:28])) {
		ok = false
	}
	return addr, mac, ok && addr.IsValid()
}
