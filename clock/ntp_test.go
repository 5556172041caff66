package clock

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"testing"
	"time"
)

// reply is a server's packet, laid out by hand from RFC 5905: leap 0, version 4, server,
// stratum 2; root delay 1/16 s, dispersion 1/32 s, reference 127.0.0.1; the origin 0x0102…08;
// received 2026-03-01 08:00:00.5 UTC (0xED4E7080 in NTP's first era), sent a quarter of a
// second later.
const reply = "240206e8" + "00001000" + "00000800" + "7f000001" + "ed4e707000000000" + "0102030405060708" + "ed4e708080000000" + "ed4e7080c0000000"

func bytesOf(t testing.TB, text string) []byte {
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const nonce = 0x0102030405060708

func TestAnswer(t *testing.T) {
	begun := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	// The clock is 10 s behind; the way takes half a second each way.
	sent, received := begun.Add(-10*time.Second), begun.Add(-10*time.Second+1250*time.Millisecond)
	got, err := answer(bytesOf(t, reply), nonce, sent, received)
	if err != nil || got.Round(time.Millisecond) != 10*time.Second {
		t.Errorf("%v, %v", got, err)
	}
	if got := stamp(bytesOf(t, "ed4e708080000000")); !got.Equal(begun.Add(500 * time.Millisecond)) {
		t.Errorf("%v", got.UTC())
	}
	if got := stamp(bytesOf(t, "0000000100000000")); got.UTC().Year() != 2036 {
		t.Errorf("the second era begins in %v", got.UTC())
	}
}

// TestAnswersThatDoNotCount are named by their defect.
func TestAnswersThatDoNotCount(t *testing.T) {
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	for name, spoil := range map[string]func(b []byte) []byte{
		"short":             func(b []byte) []byte { return b[:47] },
		"empty":             func(b []byte) []byte { return nil },
		"another question":  func(b []byte) []byte { b[24]++; return b },
		"a client":          func(b []byte) []byte { b[0] = 0x23; return b },
		"an old version":    func(b []byte) []byte { b[0] = 0x14; return b },
		"not synchronised":  func(b []byte) []byte { b[0] |= 0xc0; return b },
		"kiss of death":     func(b []byte) []byte { b[1] = 0; return b },
		"stratum 16":        func(b []byte) []byte { b[1] = 16; return b },
		"no time":           func(b []byte) []byte { clear(b[32:48]); return b },
		"sent before heard": func(b []byte) []byte { b[43]--; return b },
	} {
		if got, err := answer(spoil(bytesOf(t, reply)), nonce, now, now); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestQuestionTellsNothing(t *testing.T) {
	q := question(nonce)
	if len(q) != packetLen || q[0] != 0x23 || binary.BigEndian.Uint64(q[atTransmit:]) != nonce {
		t.Errorf("%x", q)
	}
	clear(q[atTransmit:])
	q[0] = 0
	for i, b := range q {
		if b != 0 {
			t.Errorf("byte %d is %d", i, b)
		}
	}
}

func TestJudge(t *testing.T) {
	h := func(n byte, d time.Duration) heard {
		at := time.Unix(1e9, 0)
		return heard{netip.AddrPortFrom(netip.AddrFrom4([4]byte{n}), 123), moment{at, at.Add(d)}}
	}
	for _, c := range []struct {
		answers []heard
		trust   Trust
		offset  time.Duration
	}{
		{nil, TrustNone, 0},
		{[]heard{h(1, time.Hour)}, TrustOne, time.Hour},
		{[]heard{h(1, time.Hour), h(2, time.Hour+time.Second)}, TrustNetwork, time.Hour},
		{[]heard{h(1, time.Hour), h(2, 0)}, TrustOne, time.Hour},
		{[]heard{h(1, time.Hour), h(2, 0), h(3, -time.Second)}, TrustNetwork, 0},
	} {
		if trust, best := judge(c.answers); trust != c.trust || best.offset() != c.offset {
			t.Errorf("%v: %s, %v", c.answers, trust, best.offset())
		}
	}
}

func TestPause(t *testing.T) {
	for failures, want := range map[int]time.Duration{0: again, 1: time.Minute, 2: 2 * time.Minute, 5: 16 * time.Minute, 7: time.Hour, 1 << 30: time.Hour} {
		if got := pause(failures); got != want {
			t.Errorf("%d failures: %v", failures, got)
		}
	}
}

// FuzzAnswer: whatever comes, it is an error or a time within two eras.
func FuzzAnswer(f *testing.F) {
	f.Add(bytesOf(f, reply))
	f.Add([]byte{})
	f.Add(make([]byte, packetLen))
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := answer(b, nonce, now, now); err == nil && (len(b) < packetLen || got.Abs() > 150*365*24*time.Hour) {
			t.Errorf("%x: %v", b, got)
		}
	})
}
