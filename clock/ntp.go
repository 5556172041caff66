package clock

import (
	"encoding/binary"
	"errors"
	"time"
)

// Offsets in a packet (RFC 5905, figure 8), and the seconds from the start of NTP's first
// era to that of Unix.
const (
	packetLen  = 48
	atStratum  = 1
	atOrigin   = 24
	atReceive  = 32
	atTransmit = 40
	toUnix     = 2208988800
)

// question is a packet that asks for the time. nonce stands where the time would: the
// server gives it back, which shows that it has seen the question, and learns nothing.
func question(nonce uint64) []byte {
	p := make([]byte, packetLen)
	p[0] = 4<<3 | 3 // version 4, client
	binary.BigEndian.PutUint64(p[atTransmit:], nonce)
	return p
}

// answer reads a server's packet: what the clock lacked, when the question was sent and
// the answer received.
func answer(p []byte, nonce uint64, sent, received time.Time) (time.Duration, error) {
	switch {
	case len(p) < packetLen:
		return 0, errors.New("the answer is too short")
	case binary.BigEndian.Uint64(p[atOrigin:]) != nonce:
		return 0, errors.New("the answer is to another question")
	case p[0]&7 != 4 || p[0]>>3&7 < 3:
		return 0, errors.New("the answer is no server's")
	case p[0]>>6 == 3 || p[atStratum] == 0 || p[atStratum] > 15:
		return 0, errors.New("the server does not know the time")
	}
	there, back := stamp(p[atReceive:]), stamp(p[atTransmit:])
	if there.IsZero() || back.Before(there) {
		return 0, errors.New("the server's times make no sense")
	}
	return there.Sub(sent)/2 + back.Sub(received)/2, nil
}

// stamp reads a time of NTP, which is of the era from 1968 to 2104: those whose first bit
// is not set are of the second era (RFC 4330, section 3). The zero time is none.
func stamp(b []byte) time.Time {
	seconds, fraction := int64(binary.BigEndian.Uint32(b)), int64(binary.BigEndian.Uint32(b[4:]))
	if seconds == 0 && fraction == 0 {
		return time.Time{}
	}
	if seconds < 1<<31 {
		seconds += 1 << 32
	}
	return time.Unix(seconds-toUnix, fraction*1_000_000_000>>32)
}
