package dns

import (
	"encoding/binary"

	codec "github.com/miekg/dns"
)

// A wire is an answer as the cache keeps it: packed, with one question and without
// OPT. What differs between askers (id, flags, letter case, EDNS, size) is put
// into a copy by reply.

// reply appends to dst[:0] the answer wire for the asker of q, with every TTL
// lowered by age seconds, in at most limit bytes: what does not fit becomes a
// truncated answer without records. It allocates nothing when dst is large enough.
func (q *query) reply(dst, wire []byte, age uint32, limit int) []byte {
	need := len(wire)
	if q.edns {
		need += optLen
	}
	if need > limit {
		dst = append(dst[:0], wire[:headerLen+q.n+4]...)
		clear(dst[6:headerLen])
		dst[2] |= flagTC
	} else {
		dst = append(dst[:0], wire...)
		lowerTTLs(dst, headerLen+q.n+4, age)
	}
	q.head(dst)
	copy(dst[headerLen:], q.name[:q.n])
	if q.edns {
		dst = q.appendOPT(dst, 0, nil)
	}
	return dst
}

// head makes the header of dst, which holds flags and rcode of a wire, q's own.
func (q *query) head(dst []byte) {
	binary.BigEndian.PutUint16(dst, q.id)
	dst[2] = dst[2]&(flagAA|flagTC) | flagQR
	dst[3] = dst[3]&0x0f | flagRA
	if q.rd {
		dst[2] |= flagRD
	}
	if q.cd {
		dst[3] |= flagCD
	}
}

// fail appends to dst[:0] an answer without records. Code is an extended DNS error
// (RFC 8914) with its text; "" gives none. It says nothing to clients without EDNS.
func (q *query) fail(dst []byte, rcode int, code uint16, text string) []byte {
	dst = append(dst[:0], emptyHeader[:]...)
	dst[3] = byte(rcode & 0x0f)
	if q.n > 0 {
		dst[5] = 1
		dst = append(dst, q.name[:q.n]...)
		dst = binary.BigEndian.AppendUint16(dst, q.qtype)
		dst = binary.BigEndian.AppendUint16(dst, q.class)
	}
	q.head(dst)
	if !q.edns {
		return dst
	}
	if text == "" {
		return q.appendOPT(dst, rcode, nil)
	}
	var option [64]byte
	n := copy(option[6:], text)
	binary.BigEndian.PutUint16(option[0:], codec.EDNS0EDE)
	binary.BigEndian.PutUint16(option[2:], uint16(n+2))
	binary.BigEndian.PutUint16(option[4:], code)
	return q.appendOPT(dst, rcode, option[:n+6])
}

var emptyHeader [headerLen]byte

// appendOPT adds our OPT record and counts it.
func (q *query) appendOPT(dst []byte, rcode int, options []byte) []byte {
	binary.BigEndian.PutUint16(dst[10:], binary.BigEndian.Uint16(dst[10:])+1)
	return appendOPT(dst, rcode, q.do, options)
}

func appendOPT(dst []byte, rcode int, do bool, options []byte) []byte {
	var bits byte
	if do {
		bits = flagDO
	}
	dst = append(dst, 0, 0, byte(codec.TypeOPT), maxUDP>>8, maxUDP&0xff, byte(rcode>>4), 0, bits, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(options)))
	return append(dst, options...)
}

// lowerTTLs takes age seconds from the TTL of every record of the wire b, whose
// question ends at off. It stops at what is no record.
func lowerTTLs(b []byte, off int, age uint32) {
	if age == 0 {
		return
	}
	for off < len(b) {
		off = skipName(b, off)
		if off == 0 || off+10 > len(b) {
			return
		}
		ttl := binary.BigEndian.Uint32(b[off+4:])
		binary.BigEndian.PutUint32(b[off+4:], ttl-min(age, ttl))
		off += 10 + int(binary.BigEndian.Uint16(b[off+8:]))
	}
}

// appendQuestion appends to dst the packet that asks a server for key under id.
// Only what the question needs goes out: our own OPT, none of the client's options.
func appendQuestion(dst []byte, id uint16, key []byte, edns bool) []byte {
	name, bits := key[:len(key)-3], key[len(key)-1]
	dst = binary.BigEndian.AppendUint16(dst, id)
	dst = append(dst, flagRD, bits&flagCD, 0, 1, 0, 0, 0, 0, 0, 0)
	dst = append(dst, name...)
	dst = append(dst, key[len(name)], key[len(name)+1], 0, codec.ClassINET)
	if edns {
		dst[11] = 1
		dst = appendOPT(dst, 0, bits&flagDO != 0, nil)
	}
	return dst
}

// failure makes the wire of an answer to key without records.
func failure(key []byte, rcode int) []byte {
	wire := appendQuestion(nil, 0, key, false)
	wire[3] = byte(rcode & 0x0f)
	return wire
}
