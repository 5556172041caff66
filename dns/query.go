package dns

import (
	"encoding/binary"

	codec "github.com/miekg/dns"
)

// Sizes and bits of a message (RFC 1035 section 4, RFC 6891 section 6).
const (
	headerLen = 12
	maxName   = 255
	maxQuery  = 1232 // longest question taken from a client
	minUDP    = 512  // what every client takes by UDP
	maxUDP    = 1232 // what passes every link without fragments
	maxTCP    = 65535

	flagQR, flagAA, flagTC, flagRD = 0x80, 0x04, 0x02, 0x01 // byte 2
	flagRA, flagCD                 = 0x80, 0x10             // byte 3
	flagDO                         = 0x80                   // third byte of an OPT's TTL

	optLen = 11 // an OPT record without options
)

// drop is the fault of a packet that gets no answer at all.
const drop = -1

// query is one client's question. It holds no pointers, so that a table of
// waiting askers can copy it.
type query struct {
	id     uint16
	rd, cd bool
	edns   bool // the client sent an OPT record
	do     bool
	size   int // what the client takes by UDP
	qtype  uint16
	class  uint16
	labels int
	n      int               // length of the name; 0 while no question was read
	name   [maxName]byte     // as the client wrote it
	lower  [maxName + 3]byte // lower case, then type and bits: the key
	_      [0]func()         // not comparable
}

// key identifies the question: name in lower case, type, and the bits that change
// the answer. It is valid as long as q is.
func (q *query) key() []byte { return q.lower[:q.n+3] }

// parse reads a client's packet and returns 0, drop, or the rcode of its fault. It
// allocates nothing.
func (q *query) parse(b []byte) int {
	q.n, q.edns, q.do, q.size, q.labels = 0, false, false, minUDP, 0
	if len(b) < headerLen || b[2]&flagQR != 0 {
		return drop
	}
	q.id = binary.BigEndian.Uint16(b)
	q.rd, q.cd = b[2]&flagRD != 0, b[3]&flagCD != 0
	if b[2]>>3&0x0f != 0 {
		return codec.RcodeNotImplemented
	}
	if binary.BigEndian.Uint16(b[4:]) != 1 || binary.BigEndian.Uint32(b[6:]) != 0 {
		return codec.RcodeFormatError
	}
	off := q.question(b)
	if off == 0 {
		return codec.RcodeFormatError
	}
	fault := q.additional(b, off, int(binary.BigEndian.Uint16(b[10:])))
	q.seal()
	if fault != 0 {
		return fault
	}
	return q.allowed()
}

// question reads the one question and returns where it ends, 0 when it is malformed.
func (q *query) question(b []byte) int {
	off, n := headerLen, 0
	for {
		if off >= len(b) || b[off] > 63 { // no compression in a question
			return 0
		}
		size := int(b[off]) + 1
		if n+size > maxName || off+size > len(b) {
			return 0
		}
		copy(q.name[n:], b[off:off+size])
		n, off = n+size, off+size
		if size == 1 {
			break
		}
		q.labels++
	}
	if off+4 > len(b) {
		return 0
	}
	q.n = n
	q.qtype = binary.BigEndian.Uint16(b[off:])
	q.class = binary.BigEndian.Uint16(b[off+2:])
	return off + 4
}

// additional looks for the OPT record among count records from off to the end.
func (q *query) additional(b []byte, off, count int) int {
	for ; count > 0; count-- {
		at := skipName(b, off)
		if at == 0 || at+10 > len(b) {
			return codec.RcodeFormatError
		}
		end := at + 10 + int(binary.BigEndian.Uint16(b[at+8:]))
		if end > len(b) {
			return codec.RcodeFormatError
		}
		if binary.BigEndian.Uint16(b[at:]) == codec.TypeOPT {
			if q.edns || at != off+1 {
				return codec.RcodeFormatError // a second one, or one that is not at the root
			}
			q.opt(b[at:])
			if b[at+5] != 0 {
				return codec.RcodeBadVers
			}
		}
		off = end
	}
	if off != len(b) {
		return codec.RcodeFormatError
	}
	return 0
}

// opt reads the fixed part of an OPT record, which starts at its type.
func (q *query) opt(b []byte) {
	q.edns, q.do = true, b[6]&flagDO != 0
	q.size = min(max(int(binary.BigEndian.Uint16(b[2:])), minUDP), maxUDP)
}

// seal makes the key.
func (q *query) seal() {
	for i, c := range q.name[:q.n] {
		q.lower[i] = lowerByte(c)
	}
	binary.BigEndian.PutUint16(q.lower[q.n:], q.qtype)
	q.lower[q.n+2] = 0
	if q.do {
		q.lower[q.n+2] |= flagDO
	}
	if q.cd {
		q.lower[q.n+2] |= flagCD
	}
}

// allowed refuses what a forwarder for clients has no use for: classes other than
// IN, zone transfers and other meta types. ANY is answered by ourselves.
func (q *query) allowed() int {
	switch {
	case q.class != codec.ClassINET:
		return codec.RcodeRefused
	case q.qtype == codec.TypeANY:
		return 0
	case q.qtype == 0, q.qtype == codec.TypeOPT, 128 <= q.qtype && q.qtype <= 255:
		return codec.RcodeNotImplemented
	}
	return 0
}

// skipName returns where the name at off ends, 0 when it does not.
func skipName(b []byte, off int) int {
	for off < len(b) {
		switch c := b[off]; {
		case c == 0:
			return off + 1
		case c >= 0xc0:
			if off+2 > len(b) {
				return 0
			}
			return off + 2
		case c > 63:
			return 0
		default:
			off += int(c) + 1
		}
	}
	return 0
}
