package usbip

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/simmodem"
)

// host plays the kernel on the other end of a port.
type host struct {
	t    *testing.T
	conn net.Conn
	last uint32
}

// answer is what comes back for a request.
type answer struct {
	command, sequence uint32
	status            int32
	length            int
	data              []byte
}

// newHost gives a port with a modem's device behind it, and its host.
func newHost(t *testing.T) (*host, *port) {
	t.Helper()
	ours, theirs := net.Pipe()
	p := newPort(theirs, simmodem.Device{Manufacturer: "Lab", Model: "Modem É"})
	ended := make(chan struct{})
	go func() {
		p.run()
		close(ended)
	}()
	t.Cleanup(func() {
		ours.Close()
		<-ended
	})
	ours.SetDeadline(time.Now().Add(10 * time.Second))
	return &host{t: t, conn: ours}, p
}

// submit sends a request and gives its number.
func (h *host) submit(in bool, endpoint uint32, length int, setup [8]byte, data []byte) uint32 {
	h.t.Helper()
	h.last++
	direction := uint32(0)
	if in {
		direction = 1
	}
	b := append(words(1, h.last, 0x10002, direction, endpoint, 0, uint32(length), 0, 0, 0), setup[:]...)
	if _, err := h.conn.Write(append(b, data...)); err != nil {
		h.t.Fatal(err)
	}
	return h.last
}

// read reads an answer; carries tells whether data follows it.
func (h *host) read(carries bool) answer {
	h.t.Helper()
	var b [headerLength]byte
	if _, err := io.ReadFull(h.conn, b[:]); err != nil {
		h.t.Fatal(err)
	}
	word := func(at int) uint32 { return binary.BigEndian.Uint32(b[at:]) }
	a := answer{command: word(0), sequence: word(4), status: int32(word(20)), length: int(word(24))}
	if carries && a.command == retSubmit {
		a.data = make([]byte, a.length)
		if _, err := io.ReadFull(h.conn, a.data); err != nil {
			h.t.Fatal(err)
		}
	}
	return a
}

// control makes a request on endpoint 0 and gives the answer.
func (h *host) control(request uint16, value, index uint16, length int, data []byte) answer {
	h.t.Helper()
	var setup [8]byte
	binary.BigEndian.PutUint16(setup[:], request)
	binary.LittleEndian.PutUint16(setup[2:], value)
	binary.LittleEndian.PutUint16(setup[4:], index)
	binary.LittleEndian.PutUint16(setup[6:], uint16(length))
	in := request&0x8000 != 0
	n := h.submit(in, 0, length, setup, data)
	a := h.read(in)
	if a.sequence != n {
		h.t.Fatalf("answer to %d, want %d", a.sequence, n)
	}
	return a
}

// TestEnumeration: the host learns what the device is, as the kernel asks: first the
// head of a descriptor, then all of it.
func TestEnumeration(t *testing.T) {
	h, _ := newHost(t)
	if a := h.control(getDescriptor, typeDevice<<8, 0, 64, nil); a.length != 18 || !bytes.Equal(a.data[4:8], []byte{0xef, 2, 1, 64}) {
		t.Errorf("device %+v", a)
	}
	head := h.control(getDescriptor, typeConfig<<8, 0, 9, nil)
	total := int(binary.LittleEndian.Uint16(head.data[2:]))
	config := h.control(getDescriptor, typeConfig<<8, 0, total, nil)
	if head.length != 9 || config.length != total || config.data[total-1] != 0 {
		t.Errorf("configuration of %d bytes: %+v", total, config)
	}
	for rest := config.data; len(rest) > 0; rest = rest[rest[0]:] {
		if rest[0] < 2 || int(rest[0]) > len(rest) {
			t.Fatalf("descriptors do not add up: %v", rest)
		}
	}
	if a := h.control(getDescriptor, typeString<<8|stringModel, 0x409, 255, nil); !bytes.Equal(a.data, append([]byte{16, 3}, []byte("M\x00o\x00d\x00e\x00m\x00 \x00\xc9\x00")...)) {
		t.Errorf("model %v", a.data)
	}
	for _, kind := range []uint16{6, 15, 34} { // qualifier, BOS, report
		if a := h.control(getDescriptor, kind<<8, 0, 64, nil); a.status != -int32(unix.EPIPE) || a.length != 0 {
			t.Errorf("descriptor %d: %+v, want a stall", kind, a)
		}
	}
	if a := h.control(setConfiguration, 1, 0, 0, nil); a.status != 0 {
		t.Errorf("set configuration: %+v", a)
	}
}

// TestBlockSettings: the host agrees on blocks, within bounds.
func TestBlockSettings(t *testing.T) {
	h, _ := newHost(t)
	if a := h.control(getNTBParameters, 0, 0, 28, nil); a.length != 28 || a.data[0] != 28 || binary.LittleEndian.Uint32(a.data[4:]) != 16384 {
		t.Errorf("parameters %+v", a)
	}
	for _, c := range []struct {
		size []byte
		ok   bool
	}{{[]byte{0, 0x20, 0, 0}, true}, {[]byte{0, 4, 0, 0}, false}, {[]byte{0, 0, 1, 0}, false}, {[]byte{0, 0x20}, false}} {
		if a := h.control(setInputSize, 0, 0, len(c.size), c.size); (a.status == 0) != c.ok {
			t.Errorf("input size %v: %+v", c.size, a)
		}
	}
	if a := h.control(getInputSize, 0, 0, 4, nil); !bytes.Equal(a.data, []byte{0, 0x20, 0, 0}) {
		t.Errorf("input size %v", a.data)
	}
	for _, c := range []struct {
		number, setting uint16
		ok              bool
	}{{1, 1, true}, {0, 0, true}, {0, 1, false}, {1, 2, false}, {2, 0, false}} {
		if a := h.control(setInterface, c.setting, c.number, 0, nil); (a.status == 0) != c.ok {
			t.Errorf("interface %d setting %d: %+v", c.number, c.setting, a)
		}
	}
	if a := h.control(getInterface, 0, 1, 1, nil); !bytes.Equal(a.data, []byte{1}) {
		t.Errorf("setting %v", a.data)
	}
}

// TestMessages: a command reaches the modem; its responses are announced one by one,
// whether the host asks for the announcement before or after.
func TestMessages(t *testing.T) {
	h, p := newHost(t)
	h.control(sendCommand, 0, 0, 4, []byte("open"))
	buf := make([]byte, 16)
	if n, err := p.messages.Read(buf); string(buf[:n]) != "open" || err != nil {
		t.Errorf("%q, %v", buf[:n], err)
	}
	if n, err := p.messages.Write([]byte("first")); n != 5 || err != nil { // nobody has asked yet
		t.Fatal(n, err)
	}
	before := h.submit(true, endpointNotices, 64, [8]byte{}, nil)
	if a := h.read(true); a.sequence != before || !bytes.Equal(a.data, []byte{0xa1, 1, 0, 0, 0, 0, 0, 0}) {
		t.Errorf("announcement %+v", a)
	}
	waiting := h.submit(true, endpointNotices, 64, [8]byte{}, nil)
	if a := h.control(getResponse, 0, 0, 4096, nil); string(a.data) != "first" {
		t.Errorf("response %q", a.data)
	}
	go p.messages.Write([]byte("second"))
	if a := h.read(true); a.sequence != waiting {
		t.Errorf("announcement %+v, want that of %d", a, waiting)
	}
	if a := h.control(getResponse, 0, 0, 3, nil); string(a.data) != "sec" {
		t.Errorf("response %q, want as much as was asked for", a.data)
	}
	if a := h.control(getResponse, 0, 0, 4096, nil); a.status != 0 || a.length != 0 {
		t.Errorf("nothing is left, but %+v", a)
	}
}

// TestPackets: packets go up and down in blocks, several in one, and only while the
// data interface is on.
func TestPackets(t *testing.T) {
	h, p := newHost(t)
	if n, err := p.packets[0].Write([]byte{0x45, 0}); n != 2 || err != nil {
		t.Errorf("off: %d, %v", n, err)
	}
	h.control(setInterface, 1, 1, 0, nil)
	up := h.submit(false, endpointUplink, len(handBlock), [8]byte{}, handBlock)
	if a := h.read(false); a.sequence != up || a.status != 0 || a.length != len(handBlock) {
		t.Errorf("uplink %+v", a)
	}
	buf := make([]byte, 2000)
	for _, want := range [][]byte{{0x45, 1, 2, 3, 4}, {0x60, 9}} {
		if n, err := p.packets[0].Read(buf); !bytes.Equal(buf[:n], want) || err != nil {
			t.Errorf("%v, %v, want %v", buf[:n], err, want)
		}
	}
	h.submit(false, endpointUplink, 3, [8]byte{}, []byte("odd"))
	if a := h.read(false); a.status != 0 {
		t.Errorf("a broken block: %+v", a)
	}

	for range 3 {
		p.packets[0].Write(bytes.Repeat([]byte{0x45}, 900))
	}
	p.packets[0].Write(make([]byte, 17000)) // fits into no block
	h.submit(true, endpointPackets, 2048, [8]byte{}, nil)
	if a := h.read(true); len(received(t, a)) != 2 {
		t.Errorf("%d bytes in the first block", a.length)
	}
	h.submit(true, endpointPackets, 16384, [8]byte{}, nil)
	if a := h.read(true); len(received(t, a)) != 1 {
		t.Errorf("%d bytes in the second block", a.length)
	}
	h.submit(true, endpointPackets, 16384, [8]byte{}, nil)
	if a := h.read(true); a.length != 0 || a.status != 0 {
		t.Errorf("a packet that fits into no block: %+v", a)
	}
}

func received(t *testing.T, a answer) [][]byte {
	t.Helper()
	got, err := datagrams(t, a.data)
	if err != nil {
		t.Error(err)
	}
	return got
}

// TestUnlink: a request that waits is given up; one that was answered is not there.
func TestUnlink(t *testing.T) {
	h, _ := newHost(t)
	waits := h.submit(true, endpointNotices, 64, [8]byte{}, nil)
	for _, c := range []struct {
		number uint32
		status int32
	}{{waits, -int32(unix.ECONNRESET)}, {waits, 0}, {999, 0}} {
		h.last++
		h.conn.Write(append(words(2, h.last, 0x10002, 0, 0, c.number), make([]byte, 24)...))
		if a := h.read(false); a.command != retUnlink || a.sequence != h.last || a.status != c.status {
			t.Errorf("unlink %d: %+v, want %d", c.number, a, c.status)
		}
	}
}

// TestHostGoes: the modem's ends end with the host.
func TestHostGoes(t *testing.T) {
	h, p := newHost(t)
	h.conn.Close()
	if _, err := p.messages.Read(nil); err != io.EOF {
		t.Errorf("messages: %v", err)
	}
	if _, err := p.packets[0].Read(nil); err != io.EOF {
		t.Errorf("packets: %v", err)
	}
	if _, err := p.messages.Write([]byte("x")); err == nil {
		t.Error("a response to nobody is no error")
	}
	if _, err := p.packets[0].Write([]byte("x")); err == nil {
		t.Error("a packet to nobody is no error")
	}
}

// TestHostDoesNotFetch: what nobody fetches is bounded.
func TestHostDoesNotFetch(t *testing.T) {
	h, p := newHost(t)
	for range maxResponses {
		if _, err := p.messages.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.messages.Write([]byte("x")); err == nil {
		t.Error("no bound on responses")
	}
	h.control(setInterface, 1, 1, 0, nil)
	for range maxPackets + 10 {
		p.packets[0].Write([]byte("x"))
	}
	h.control(resetFunction, 0, 0, 0, nil)
	if a := h.control(getResponse, 0, 0, 16, nil); a.length != 0 {
		t.Errorf("after a reset: %+v", a)
	}
}

func TestPortFree(t *testing.T) {
	const table = "hub port sta spd dev      sockfd local_busid\n" +
		"hs  0000 006 003 00010002 000003 1-1\n" +
		"hs  0001 004 000 00000000 000000 0-0\n" +
		"ss  0008 004 000 00000000 000000 0-0\n"
	for number, want := range map[int]bool{0: false, 1: true} {
		if free, err := portFree(table, number); free != want || err != nil {
			t.Errorf("port %d: %v, %v", number, free, err)
		}
	}
	if _, err := portFree(table, 8); err == nil || !strings.Contains(err.Error(), "no such port") {
		t.Errorf("a port of another speed: %v", err)
	}
}
