package dhcp

import (
	"encoding/binary"
	"net/netip"
)

const (
	clientPort = 68
	serverPort = 67

	ipHeader  = 20 // without options
	udpHeader = 8
	protoUDP  = 17
)

// appendPacket appends an IPv4 packet (RFC 791) with a UDP datagram (RFC 768) from
// server to client port. A client without an address is reached by such a packet in
// a link-layer frame, where a socket would ask for its hardware address in vain.
func appendPacket(b []byte, src, dst netip.Addr, payload []byte) []byte {
	const ttl = 64
	s, d := src.As4(), dst.As4()
	length := udpHeader + len(payload)
	ip := binary.BigEndian.AppendUint16([]byte{0x45, 0}, uint16(ipHeader+length))
	ip = append(ip, 0, 0, 0, 0, ttl, protoUDP, 0, 0)
	ip = append(append(ip, s[:]...), d[:]...)
	binary.BigEndian.PutUint16(ip[10:], ^sum(0, ip))

	udp := binary.BigEndian.AppendUint16(nil, serverPort)
	udp = binary.BigEndian.AppendUint16(udp, clientPort)
	udp = binary.BigEndian.AppendUint16(udp, uint16(length))
	udp = append(udp, 0, 0)
	check := ^sum(sum(sum(protoUDP+uint16(length), ip[12:]), udp), payload)
	if check == 0 {
		check = 0xffff // 0 would mean that there is none
	}
	binary.BigEndian.PutUint16(udp[6:], check)
	return append(append(append(b, ip...), udp...), payload...)
}

// sum is the one's complement sum of b's 16-bit words, added to start (RFC 1071).
func sum(start uint16, b []byte) uint16 {
	v := uint32(start)
	for ; len(b) > 1; b = b[2:] {
		v += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		v += uint32(b[0]) << 8
	}
	for v > 0xffff {
		v = v>>16 + v&0xffff
	}
	return uint16(v)
}

// payloadOf returns what a UDP datagram to the server port carries. The UDP checksum
// is not looked at: a packet that comes from this same machine has none yet, and the
// link layer has its own.
func payloadOf(b []byte) ([]byte, bool) {
	if len(b) < ipHeader || b[0]>>4 != 4 || b[9] != protoUDP {
		return nil, false
	}
	header, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	const moreOrOffset = 0x3fff
	if header < ipHeader || total < header+udpHeader || total > len(b) ||
		sum(0, b[:header]) != 0xffff || binary.BigEndian.Uint16(b[6:])&moreOrOffset != 0 {
		return nil, false
	}
	udp := b[header:total]
	length := int(binary.BigEndian.Uint16(udp[4:]))
	if binary.BigEndian.Uint16(udp[2:]) != serverPort || length < udpHeader || length > len(udp) {
		return nil, false
	}
	return udp[udpHeader:length], true
}
