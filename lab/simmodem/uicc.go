package simmodem

import (
	"bytes"
	"encoding/hex"
	"unicode/utf16"

	"github.com/tetherd/tetherd/modem/mbim"
)

// uicc is Microsoft's service for access to the card's files.
func (m *Modem) uicc() []handler {
	return []handler{
		{mbim.CIDUICCApplicationList, m.queryApplicationList, nil},
		{mbim.CIDUICCReadBinary, m.queryReadBinary, nil},
	}
}

// usimAID is the identifier of the card's USIM application (TS 31.110: RID A000000087,
// application code 1002).
func usimAID() []byte {
	return []byte{0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02, 0xff, 0x49, 0xff, 0xff, 0x89}
}

// queryApplicationList answers the one application of the card, a USIM.
func (m *Modem) queryApplicationList(*mbim.Reader) answer {
	const version, count, usim, pinReference = 1, 1, 4, 0x01
	if m.ready() == readyAbsent {
		return failed(statusSIMNotInserted)
	}
	application := new(mbim.Writer).U32(usim).Bytes(usimAID()).Bytes([]byte("USIM")).U32(1).Bytes([]byte{pinReference})
	size := uint32(len(application.Encode()))
	return ok(new(mbim.Writer).U32(version, count, 0, size).Refs(application))
}

// Status words (TS 102 221 10.2.1).
const (
	swOK           = 0x9000
	swNotSatisfied = 0x6982 // security status: the PIN is needed
	swNotFound     = 0x6a82
	swWrongOffset  = 0x6b00
)

// queryReadBinary reads a transparent file. The pairs of this command stand offset
// first, unlike those of the logical channel commands of the same service.
func (m *Modem) queryReadBinary(r *mbim.Reader) answer {
	const version = 1
	v, aid, path := r.U32(), r.Bytes(), r.Bytes()
	offset, size := r.U32(), r.U32()
	r.Text()
	r.Bytes()
	if r.Err() != nil || v != version {
		return failed(statusInvalidParameters)
	}
	if m.ready() == readyAbsent {
		return failed(statusSIMNotInserted)
	}
	data, sw := m.readFile(aid, path)
	if sw == swOK && offset > uint32(len(data)) {
		data, sw = nil, swWrongOffset
	}
	if sw == swOK {
		data = data[offset:]
		if size > 0 {
			data = data[:min(int64(size), int64(len(data)))]
		}
	}
	return ok(new(mbim.Writer).U32(version, uint32(sw>>8), uint32(sw&0xff)).Bytes(data))
}

// readFile is the card's side: TS 31.102 4.2 below the USIM (path 7FFF...), TS
// 102 221 13 below the master file (path 3F00...).
func (m *Modem) readFile(aid, path []byte) (data []byte, sw int) {
	if hex.EncodeToString(path) == "3f002fe2" {
		return encodeBCD(m.sim.ICCID, 10), swOK
	}
	if len(path) != 4 || path[0] != 0x7f || path[1] != 0xff || !selects(aid) {
		return nil, swNotFound
	}
	file := int(path[2])<<8 | int(path[3])
	data, protected := m.usimFile(file)
	switch {
	case protected && m.ready() != readyInitialised:
		return nil, swNotSatisfied
	case data == nil:
		return nil, swNotFound
	}
	return data, swOK
}

// selects tells whether an application is chosen by this identifier, which may be cut
// short (TS 102 221 11.1.1.2).
func selects(aid []byte) bool {
	const registeredProvider = 5
	return len(aid) >= registeredProvider && bytes.HasPrefix(usimAID(), aid)
}

// usimFile is the content of one file, nil when it is not on the card, and whether
// reading it needs the PIN.
func (m *Modem) usimFile(file int) (data []byte, protected bool) {
	const imsi, gid1, spn, administrative = 0x6f07, 0x6f3e, 0x6f46, 0x6fad
	switch file {
	case imsi:
		return encodeIMSI(m.sim.IMSI), true
	case gid1:
		if m.sim.GID1 != "" {
			data, _ = hex.DecodeString(m.sim.GID1)
		}
		return data, true
	case spn:
		return encodeSPN(m.sim.SPN), true
	case administrative:
		return []byte{0, 0, 0, byte(max(len(m.sim.HomePLMN)-3, 0))}, false
	}
	return nil, false
}

// encodeBCD packs digits two a byte, the first in the low half, padded with F to
// size bytes.
func encodeBCD(digits string, size int) []byte {
	data := bytes.Repeat([]byte{0xff}, size)
	for i := 0; i < len(digits) && i/2 < size; i++ {
		if i%2 == 0 {
			data[i/2] = 0xf0 | digits[i]&0x0f
		} else {
			data[i/2] = data[i/2]&0x0f | digits[i]<<4
		}
	}
	return data
}

// encodeIMSI is EF_IMSI (TS 31.102 4.2.2): length, then a parity digit and the digits.
func encodeIMSI(imsi string) []byte {
	parity := "1"
	if len(imsi)%2 == 1 {
		parity = "9"
	}
	return append([]byte{8}, encodeBCD(parity+imsi, 8)...)
}

// encodeSPN is EF_SPN (TS 31.102 4.2.12): a display condition and 16 bytes of name,
// in the alphabet of TS 23.038, where ASCII letters and digits stand for themselves,
// or else in UCS2 (TS 102 221 annex A).
func encodeSPN(name string) []byte {
	const displayHome, ucs2, room = 0x01, 0x80, 17
	if name == "" {
		return nil
	}
	data := []byte{displayHome}
	if plain(name) {
		data = append(data, name...)
	} else {
		data = append(data, ucs2)
		for _, unit := range utf16.Encode([]rune(name)) {
			data = append(data, byte(unit>>8), byte(unit))
		}
	}
	return append(data, bytes.Repeat([]byte{0xff}, room)...)[:room]
}

// plain tells whether every character means the same in ASCII and TS 23.038.
func plain(name string) bool {
	for _, c := range name {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < ' ' || c > '?' || c == '$') {
			return false
		}
	}
	return true
}
