package dns

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	codec "github.com/miekg/dns"
)

func unhex(t testing.TB, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// stored is a wire as the cache keeps it: www.example.com A, one record of 300 s and
// one of 60 s, authoritative.
const stored = "0000 8400 0001 0002 0000 0000 03 777777 07 6578616d706c65 03 636f6d 00 0001 0001" +
	"c00c 0005 0001 0000012c 0004 01 61 c010   c02d 0001 0001 0000003c 0004 cb007107"

// The bytes are RFC 1035's, put together by hand.
func TestReplyIsTheClientsOwn(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*codec.Msg)
		want   string
	}{
		{"plain", nil,
			"1234 8580 0001 0002 0000 0000 03 575757 07 6578616d706c65 03 636f6d 00 0001 0001" +
				"c00c 0005 0001 00000122 0004 01 61 c010   c02d 0001 0001 00000032 0004 cb007107"},
		{"no recursion desired, checking disabled", func(m *codec.Msg) { m.RecursionDesired, m.CheckingDisabled = false, true },
			"1234 8490 0001 0002 0000 0000 03 575757 07 6578616d706c65 03 636f6d 00 0001 0001" +
				"c00c 0005 0001 00000122 0004 01 61 c010   c02d 0001 0001 00000032 0004 cb007107"},
		{"EDNS", func(m *codec.Msg) { m.SetEdns0(4096, true) },
			"1234 8580 0001 0002 0000 0001 03 575757 07 6578616d706c65 03 636f6d 00 0001 0001" +
				"c00c 0005 0001 00000122 0004 01 61 c010   c02d 0001 0001 00000032 0004 cb007107" +
				"00 0029 04d0 00 00 8000 0000"},
	} {
		q := parsed(t, packet(t, "WWW.example.com.", codec.TypeA, c.change))
		if got, want := q.reply(nil, unhex(t, stored), 10, 512), unhex(t, c.want); !bytes.Equal(got, want) {
			t.Errorf("%s:\n got %x\nwant %x", c.name, got, want)
		}
	}
}

func TestReplyThatDoesNotFitIsCutToItsQuestion(t *testing.T) {
	wire := unhex(t, stored)
	q := parsed(t, packet(t, "www.example.com.", codec.TypeA, nil))
	if got := q.reply(nil, wire, 0, len(wire)); !bytes.Equal(got[4:], wire[4:]) {
		t.Errorf("cut although it fits: %x", got)
	}
	want := unhex(t, "1234 8780 0001 0000 0000 0000 03 777777 07 6578616d706c65 03 636f6d 00 0001 0001")
	if got := q.reply(nil, wire, 0, len(wire)-1); !bytes.Equal(got, want) {
		t.Errorf("\n got %x\nwant %x", got, want)
	}
	q = parsed(t, packet(t, "www.example.com.", codec.TypeA, func(m *codec.Msg) { m.SetEdns0(1232, false) }))
	if got := q.reply(nil, wire, 0, len(wire)+optLen-1); got[2]&flagTC == 0 || got[11] != 1 || len(got) != len(want)+optLen {
		t.Errorf("%x", got)
	}
}

func TestStoredWireIsNotTouched(t *testing.T) {
	wire := unhex(t, stored)
	q := parsed(t, packet(t, "WWW.EXAMPLE.COM.", codec.TypeA, func(m *codec.Msg) { m.SetEdns0(1232, false) }))
	q.reply(make([]byte, 0, maxUDP), wire, 30, maxUDP)
	if !bytes.Equal(wire, unhex(t, stored)) {
		t.Errorf("%x", wire)
	}
}

func TestTTLsStopAtZeroAndGarbageStopsThem(t *testing.T) {
	wire := unhex(t, stored)
	lowerTTLs(wire, headerLen+17+4, 100)
	if got := hex.EncodeToString(wire); !strings.Contains(got, "000000c8") || !strings.Contains(got, "00010001000000000004cb007107") {
		t.Errorf("%x", wire)
	}
	for _, garbage := range []string{"", "c0", "40", "03 6161", "00 0001 0001 0000", "00 0001 0001 0000003c ffff"} {
		lowerTTLs(unhex(t, garbage), 0, 5) // must end, and within bounds
	}
}

func TestFailureSaysWhyToThoseWhoUnderstand(t *testing.T) {
	q := parsed(t, packet(t, "a.example.", codec.TypeA, func(m *codec.Msg) { m.SetEdns0(1232, false) }))
	want := unhex(t, "1234 8182 0001 0000 0000 0001 01 61 07 6578616d706c65 00 0001 0001"+
		"00 0029 04d0 00 00 0000 000d 000f 0009 000e 6e6f2075706c6e") // 7 letters of text
	if got := q.fail(nil, codec.RcodeServerFailure, codec.ExtendedErrorCodeNotReady, "no upln"); !bytes.Equal(got, want) {
		t.Errorf("\n got %x\nwant %x", got, want)
	}
	q = parsed(t, packet(t, "a.example.", codec.TypeA, nil))
	want = unhex(t, "1234 8182 0001 0000 0000 0000 01 61 07 6578616d706c65 00 0001 0001")
	if got := q.fail(nil, codec.RcodeServerFailure, codec.ExtendedErrorCodeNotReady, "no uplink"); !bytes.Equal(got, want) {
		t.Errorf("\n got %x\nwant %x", got, want)
	}
}

func TestUnreadableQuestionIsAnsweredWithAHeader(t *testing.T) {
	var q query
	if fault := q.parse(unhex(t, "1234 0100 0000 0000 0000 0000")); fault != codec.RcodeFormatError {
		t.Fatal(fault)
	}
	if got := q.fail(nil, codec.RcodeFormatError, 0, ""); !bytes.Equal(got, unhex(t, "1234 8181 0000 0000 0000 0000")) {
		t.Errorf("%x", got)
	}
}

func TestUnknownEDNSVersionIsToldTheExtendedCode(t *testing.T) {
	var q query
	fault := q.parse(unhex(t, "1234 0100 0001 0000 0000 0001 01 61 00 0001 0001 00 0029 04d0 00 01 0000 0000"))
	want := unhex(t, "1234 8180 0001 0000 0000 0001 01 61 00 0001 0001 00 0029 04d0 01 00 0000 0000")
	if got := q.fail(nil, fault, 0, ""); !bytes.Equal(got, want) {
		t.Errorf("\n got %x\nwant %x", got, want)
	}
}

func TestQuestionForAServer(t *testing.T) {
	key := []byte(www)
	want := unhex(t, "beef 0100 0001 0000 0000 0001 03 777777 07 6578616d706c65 03 636f6d 00 0001 0001 00 0029 04d0 00 00 0000 0000")
	if got := appendQuestion(nil, 0xbeef, key, true); !bytes.Equal(got, want) {
		t.Errorf("\n got %x\nwant %x", got, want)
	}
	key[len(key)-1] = flagDO | flagCD
	want = unhex(t, "beef 0110 0001 0000 0000 0001 03 777777 07 6578616d706c65 03 636f6d 00 0001 0001 00 0029 04d0 00 00 8000 0000")
	if got := appendQuestion(nil, 0xbeef, key, true); !bytes.Equal(got, want) {
		t.Errorf("\n got %x\nwant %x", got, want)
	}
	if got := appendQuestion(nil, 0xbeef, key, false); got[11] != 0 || len(got) != len(want)-optLen {
		t.Errorf("%x", got)
	}
}
