package dhcp

import (
	"bytes"
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"
)

func TestPacketOnTheWire(t *testing.T) {
	for _, c := range []struct{ file, to, payload string }{
		{"packet-even", "192.168.8.120", "even"},
		{"packet-odd", "255.255.255.255", "odd"},
	} {
		got := appendPacket(nil, addr("192.168.8.1"), addr(c.to), []byte(c.payload))
		if want := exchange(t, c.file); !bytes.Equal(got, want) {
			t.Errorf("%s:\n%x, want\n%x", c.file, got, want)
		}
	}
	want := exchange(t, "packet-checksum-zero")
	got := appendPacket(nil, addr("192.168.8.1"), addr("192.168.8.120"), want[28:])
	if !bytes.Equal(got, want) || binary.BigEndian.Uint16(got[26:]) != 0xffff {
		t.Errorf("checksum zero:\n%x, want\n%x", got, want)
	}
}

func TestPayloadOfARequest(t *testing.T) {
	got, ok := payloadOf(append(exchange(t, "packet-request"), "padding of a short frame"...))
	if !ok || string(got) != "hello" {
		t.Errorf("%q, %v", got, ok)
	}
}

func TestPayloadOfABrokenPacket(t *testing.T) {
	for _, c := range []struct {
		name string
		harm func([]byte) []byte
		// sums says that the header checksum is made right again after the harm.
		sums bool
	}{
		{"empty", func(b []byte) []byte { return nil }, false},
		{"cut in the IP header", func(b []byte) []byte { return b[:19] }, false},
		{"cut in the UDP header", func(b []byte) []byte { return b[:25] }, false},
		{"cut in the payload", func(b []byte) []byte { return b[:30] }, false},
		{"IPv6", func(b []byte) []byte { b[0] = 0x65; return b }, true},
		{"header shorter than it can be", func(b []byte) []byte { b[0] = 0x44; return b }, true},
		{"header longer than the packet", func(b []byte) []byte { b[0] = 0x4f; return b }, true},
		{"TCP", func(b []byte) []byte { b[9] = 6; return b }, true},
		{"first fragment", func(b []byte) []byte { b[6] = 0x20; return b }, true},
		{"later fragment", func(b []byte) []byte { b[7] = 1; return b }, true},
		{"header checksum", func(b []byte) []byte { b[10]++; return b }, false},
		{"total length without UDP", func(b []byte) []byte { b[3] = 20; return b }, true},
		{"another port", func(b []byte) []byte { b[23] = 68; return b }, true},
		{"UDP length below its header", func(b []byte) []byte { b[25] = 7; return b }, true},
		{"UDP length over the packet", func(b []byte) []byte { b[25] = 14; return b }, true},
	} {
		b := c.harm(exchange(t, "packet-request"))
		if c.sums {
			b[10], b[11] = 0, 0
			binary.BigEndian.PutUint16(b[10:], ^sum(0, b[:20]))
		}
		if got, ok := payloadOf(b); ok {
			t.Errorf("%s: passes as %q", c.name, got)
		}
	}
}

// The frames of RFC 5227 and RFC 826, written out.
func TestARP(t *testing.T) {
	probe := []byte{0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 192, 168, 8, 120}
	if got := arpProbe(dev(1).mac, addr("192.168.8.120")); !bytes.Equal(got, probe) {
		t.Errorf("probe\n%x, want\n%x", got, probe)
	}
	answer := []byte{0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 9, 192, 168, 8, 120, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0}
	announcement := []byte{0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9, 192, 168, 8, 120, 0, 0, 0, 0, 0, 0, 192, 168, 8, 120}
	change := func(b []byte, at int, v byte) []byte {
		b = bytes.Clone(b)
		b[at] = v
		return b
	}
	for _, c := range []struct {
		name string
		b    []byte
		pass bool // the kernel's filter
		user bool // the parser
	}{
		{"answer to a probe", answer, true, true},
		{"answer with padding", append(bytes.Clone(answer), make([]byte, 18)...), true, true},
		{"announcement", announcement, true, true},
		{"announcement by a reply", change(announcement, 7, 2), true, true},
		{"answer to somebody's question", change(answer, 24, 192), false, true},
		{"question", change(announcement, 27, 121), false, false},
		{"somebody's probe", probe, false, false},
		{"reverse ARP", change(announcement, 7, 3), true, false},
		{"not Ethernet", change(answer, 1, 6), true, false},
		{"not IPv4", change(answer, 2, 0x86), true, false},
		{"wrong lengths", change(answer, 4, 8), true, false},
		{"multicast sender", change(answer, 8, 1), true, false},
		{"cut short", answer[:27], false, false},
		{"empty", nil, false, false},
	} {
		a, mac, ok := arpUser(c.b)
		if ok != c.user || ok && (a != addr("192.168.8.120") || mac != dev(9).mac) {
			t.Errorf("%s: %v %v %v", c.name, a, mac, ok)
		}
		if got := runs(t, arpFilter(), c.b); got != c.pass {
			t.Errorf("%s: the filter passes it: %v", c.name, got)
		}
	}
}

func runs(t *testing.T, filter []bpf.Instruction, b []byte) bool {
	t.Helper()
	vm, err := bpf.NewVM(filter)
	if err != nil {
		t.Fatal(err)
	}
	n, err := vm.Run(b)
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func TestRequestFilter(t *testing.T) {
	// The simulator knows no packet type, which the first two instructions look at;
	// jumps are relative, so the rest stands alone.
	filter := requestFilter()[2:]
	request := exchange(t, "packet-request")
	if !runs(t, filter, request) {
		t.Error("a request is stopped")
	}
	for name, b := range map[string][]byte{
		"reply":    exchange(t, "packet-even"),
		"TCP":      append(append(bytes.Clone(request[:9]), 6), request[10:]...),
		"fragment": append(append(bytes.Clone(request[:7]), 9), request[8:]...),
		"short":    request[:20],
	} {
		if runs(t, filter, b) {
			t.Errorf("%s passes", name)
		}
	}
}
