package simmodem

import (
	"bytes"
	"encoding/hex"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/modem/mbim"
)

// testHost is a host with a program's view: whole messages.
type testHost struct {
	t        *testing.T
	conn     net.Conn
	next     uint32
	messages chan mbim.Message
	raw      chan []byte
}

// newHost connects a host to the modem.
func newHost(t *testing.T, m *Modem) *testHost {
	t.Helper()
	here, there := net.Pipe()
	go m.Serve(there)
	return hostOn(t, here)
}

func hostOn(t *testing.T, conn net.Conn) *testHost {
	h := &testHost{t: t, conn: conn, messages: make(chan mbim.Message, 256), raw: make(chan []byte, 1024)}
	t.Cleanup(func() { conn.Close() })
	go h.read()
	return h
}

func (h *testHost) read() {
	defer close(h.messages)
	var splitter mbim.Splitter
	var assembler mbim.Assembler
	buf := make([]byte, mbim.MaxMessage)
	for {
		n, err := h.conn.Read(buf)
		if err != nil {
			return
		}
		h.raw <- slices.Clone(buf[:n])
		splitter.Write(buf[:n], time.Now())
		for frame, ok := splitter.Next(); ok; frame, ok = splitter.Next() {
			if message, complete, err := assembler.Add(frame, time.Now()); err == nil && complete {
				h.messages <- message
			}
		}
	}
}

func (h *testHost) write(frames ...[]byte) {
	h.t.Helper()
	for _, frame := range frames {
		if _, err := h.conn.Write(frame); err != nil {
			h.t.Fatal(err)
		}
	}
}

// post sends a message and returns its transaction.
func (h *testHost) post(m mbim.Message) uint32 {
	h.t.Helper()
	h.next++
	m.Transaction = h.next
	h.write(m.Frames(mbim.DefaultControl)...)
	return h.next
}

// receive waits for the next message.
func (h *testHost) receive() mbim.Message {
	h.t.Helper()
	select {
	case m, ok := <-h.messages:
		if !ok {
			h.t.Fatal("the modem has gone")
		}
		return m
	case <-time.After(10 * time.Second):
		h.t.Fatal("the modem says nothing")
	}
	return mbim.Message{}
}

// ask sends a message and waits for its answer; indications before it are dropped.
func (h *testHost) ask(m mbim.Message) mbim.Message {
	h.t.Helper()
	id := h.post(m)
	for {
		if answer := h.receive(); answer.Type != mbim.TypeIndicate && answer.Transaction == id {
			return answer
		}
	}
}

func (h *testHost) open() {
	h.t.Helper()
	if a := h.ask(mbim.Message{Type: mbim.TypeOpen, MaxControl: 4096}); a.Type != mbim.TypeOpenDone || a.Status != 0 {
		h.t.Fatalf("open: %+v", a)
	}
}

func (h *testHost) query(service mbim.UUID, cid uint32, info ...byte) mbim.Message {
	h.t.Helper()
	return h.ask(mbim.Message{Type: mbim.TypeCommand, Service: service, CID: cid, Info: info})
}

func (h *testHost) set(service mbim.UUID, cid uint32, w *mbim.Writer) mbim.Message {
	h.t.Helper()
	return h.ask(mbim.Message{Type: mbim.TypeCommand, Service: service, CID: cid, Set: true, Info: w.Encode()})
}

// connect activates a session.
func (h *testHost) connect(session uint32, apn string) mbim.Message {
	h.t.Helper()
	w := new(mbim.Writer).U32(session, 1).Text(apn).Text("").Text("").U32(0, 0, uint32(IPv4v6)).UUID(mbim.ContextInternet)
	return h.set(mbim.ServiceBasicConnect, mbim.CIDConnect, w)
}

// indication waits for the next indication of a command; others are dropped.
func (h *testHost) indication(cid uint32) []byte {
	h.t.Helper()
	for {
		if m := h.receive(); m.Type == mbim.TypeIndicate && m.CID == cid {
			return m.Info
		}
	}
}

// bytesOf reads hex with blanks.
func bytesOf(t *testing.T, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFramesAreAsInTheSpecification(t *testing.T) {
	m, _ := testModem(t, nil)
	h := newHost(t, m)
	expect := func(what, want string) {
		t.Helper()
		if got := <-h.raw; !bytes.Equal(got, bytesOf(t, want)) {
			t.Errorf("%s:\n got %x\nwant %x", what, got, bytesOf(t, want))
		}
	}
	h.write(bytesOf(t, "02000000 0c000000 07000000"))
	expect("CLOSE_DONE", "02000080 10000000 07000000 00000000")
	h.write(bytesOf(t, "03000000 30000000 01000000 01000000 00000000 a289cc33bcbb8b4fb6b0133ec2aae6df 03000000 00000000 00000000"))
	expect("FUNCTION_ERROR, not opened", "04000080 10000000 01000000 05000000")
	h.write(bytesOf(t, "01000000 10000000 02000000 20000000"))
	expect("OPEN_DONE, transfer too small", "01000080 10000000 02000000 15000000")
	h.write(bytesOf(t, "01000000 10000000 03000000 00100000"))
	expect("OPEN_DONE", "01000080 10000000 03000000 00000000")
	h.write(bytesOf(t, "03000000 30000000 04000000 01000000 00000000 a289cc33bcbb8b4fb6b0133ec2aae6df 03000000 00000000 00000000"))
	expect("radio state", `03000080 38000000 04000000 01000000 00000000 a289cc33bcbb8b4fb6b0133ec2aae6df 03000000 00000000
		08000000 01000000 01000000`)
	h.write(bytesOf(t, "03000000 30000000 05000000 01000000 00000000 a289cc33bcbb8b4fb6b0133ec2aae6df 63000000 00000000 00000000"))
	expect("unknown command", "03000080 30000000 05000000 01000000 00000000 a289cc33bcbb8b4fb6b0133ec2aae6df 63000000 09000000 00000000")
}

func TestBuffersAreAsInTheSpecification(t *testing.T) {
	m, _ := testModem(t, nil)
	h := newHost(t, m)
	h.open()
	check := func(what string, got mbim.Message, want string) {
		t.Helper()
		if !bytes.Equal(got.Info, bytesOf(t, want)) {
			t.Errorf("%s:\n got %x\nwant %x", what, got.Info, bytesOf(t, want))
		}
	}
	check("connect", h.connect(2, "four"), `02000000 01000000 00000000 01000000
		7e5e2a7e4e6f7272736b656e7e5e2a7e 32000000`)
	check("IP configuration", h.query(mbim.ServiceBasicConnect, mbim.CIDIPConfiguration, append([]byte{2}, make([]byte, 59)...)...), `
		02000000 0f000000 00000000
		01000000 3c000000 00000000 00000000
		44000000 00000000
		02000000 48000000 00000000 00000000
		96050000 00000000
		1d000000 0a141e28 0a141e29 c6336435 cb007135`)
	check("home provider", h.query(mbim.ServiceBasicConnect, mbim.CIDHomeProvider), `
		20000000 0a000000 19000000 2c000000 0e000000 01000000 63000000 63000000
		3200360032003000 31000000 5a007500 68006100 75007300 65000000`)
	check("packet service", h.query(mbim.ServiceBasicConnect, mbim.CIDPacketService), `
		00000000 02000000 20000000 80f0fa02 00000000 80d1f008 00000000`)
	check("PIN", h.query(mbim.ServiceBasicConnect, mbim.CIDPIN), "02000000 00000000 03000000")
}

func TestStatusesOfBadCommands(t *testing.T) {
	m, core := testModem(t, func(o *Options) { o.Device.MaxSessions = 2 })
	h := newHost(t, m)
	h.open()
	le := func(v ...uint32) *mbim.Writer { return new(mbim.Writer).U32(v...) }
	for _, c := range []struct {
		what   string
		answer mbim.Message
		want   uint32
	}{
		{"unknown service", h.query(mbim.ServiceSMS, 1), statusNoSupport},
		{"set of a query", h.set(mbim.ServiceBasicConnect, mbim.CIDDeviceCaps, le()), statusInvalidOperation},
		{"query of a set", h.query(mbim.ServiceBasicConnect, mbim.CIDSubscribeList), statusInvalidOperation},
		{"short radio state", h.set(mbim.ServiceBasicConnect, mbim.CIDRadioState, le()), statusInvalidParameters},
		{"radio state 2", h.set(mbim.ServiceBasicConnect, mbim.CIDRadioState, le(2)), statusInvalidParameters},
		{"PIN outside the buffer", h.set(mbim.ServiceBasicConnect, mbim.CIDPIN, le(2, 0, 900, 8, 0, 0)), statusInvalidParameters},
		{"PIN2", h.set(mbim.ServiceBasicConnect, mbim.CIDPIN, le(3, 0).Text("1234").Text("")), statusNoSupport},
		{"PIN that is off", h.set(mbim.ServiceBasicConnect, mbim.CIDPIN, le(2, 0).Text("1234").Text("")), statusPINDisabled},
		{"PUK with tries left", h.set(mbim.ServiceBasicConnect, mbim.CIDPIN, le(11, 0).Text("12345678").Text("1111")), statusNotAllowed},
		{"session 2 of 2", h.connect(2, "internet"), statusMaxContexts},
		{"deactivate nothing", h.set(mbim.ServiceBasicConnect, mbim.CIDConnect, le(0, 0).Text("").Text("").Text("").U32(0, 0, 0).UUID(mbim.ContextInternet)), statusNotActivated},
		{"connection state of session 9", h.query(mbim.ServiceBasicConnect, mbim.CIDConnect, 9, 0, 0, 0), statusInvalidParameters},
		{"foreign network", h.set(mbim.ServiceBasicConnect, mbim.CIDRegisterState, new(mbim.Writer).Text("00101").U32(1, 0)), statusProviderNotVisible},
		{"half an attach configuration", h.set(mbim.ServiceMSExtensions, mbim.CIDMSLTEAttachConfig, le(0, 0)), statusInvalidParameters},
		{"too many references", h.set(mbim.ServiceBasicConnect, mbim.CIDSubscribeList, le(0xffffffff)), statusInvalidParameters},
		{"endless events", h.set(mbim.ServiceBasicConnect, mbim.CIDSubscribeList,
			le(1).Refs(new(mbim.Writer).UUID(mbim.ServiceBasicConnect).U32(0xffffffff))), statusInvalidParameters},
		{"first session", h.connect(0, "internet"), statusOK},
		{"the same again", h.connect(0, "internet"), statusOK},
		{"another APN in the same session", h.connect(0, "four"), statusMaxContexts},
	} {
		if c.answer.Status != c.want {
			t.Errorf("%s: status %d, want %d", c.what, c.answer.Status, c.want)
		}
	}
	if got := len(core.bearers); got != 1 {
		t.Errorf("%d bearers were made, want 1", got)
	}
	if s := m.Status(); !s.Software || s.Sessions[0].ID != 0 {
		t.Errorf("bad commands have changed the modem: %+v", s)
	}
}

func TestOpenAgainKeepsContextsAndCloseDropsThem(t *testing.T) {
	m, core := testModem(t, nil)
	h := newHost(t, m)
	h.open()
	h.connect(0, "internet")
	second := newHost(t, m)
	second.open()
	if a := second.query(mbim.ServiceBasicConnect, mbim.CIDConnect, 0, 0, 0, 0); a.Info[4] != activated {
		t.Errorf("after the second open the session is in state %d", a.Info[4])
	}
	if core.last(t).closes() != 0 {
		t.Error("the second open closed the bearer")
	}
	second.ask(mbim.Message{Type: mbim.TypeClose})
	if core.last(t).closes() != 1 {
		t.Error("close left the bearer up")
	}
	if s := m.Status(); s.Open || len(s.Sessions) != 0 {
		t.Errorf("after close: %+v", s)
	}
}

func TestNewHostThrowsTheFormerOut(t *testing.T) {
	m, _ := testModem(t, nil)
	path := filepath.Join(t.TempDir(), "cdc-wdm0")
	node, err := m.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	dial := func() *testHost {
		conn, err := net.Dial("unixpacket", path)
		if err != nil {
			t.Fatal(err)
		}
		return hostOn(t, conn)
	}
	first := dial()
	first.open()
	second := dial()
	second.open()
	for range first.messages { // ends once the modem has closed the connection
	}
	if !m.Status().Connected {
		t.Error("the second host is not connected")
	}
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	for range second.messages {
	}
	if _, err := net.Dial("unixpacket", path); err == nil {
		t.Error("the control node is still there after Close")
	}
}

func TestFragmentsBothWays(t *testing.T) {
	m, _ := testModem(t, nil)
	h := newHost(t, m)
	h.open()
	whole := h.query(mbim.ServiceBasicConnect, mbim.CIDDeviceServices)
	for len(h.raw) > 0 {
		<-h.raw
	}
	m.Fragment(64)
	message := mbim.Message{Type: mbim.TypeCommand, Transaction: 900, Service: mbim.ServiceBasicConnect, CID: mbim.CIDSubscribeList, Set: true,
		Info: new(mbim.Writer).U32(2).Refs(
			new(mbim.Writer).UUID(mbim.ServiceBasicConnect).U32(2, mbim.CIDConnect, mbim.CIDIPConfiguration),
			new(mbim.Writer).UUID(mbim.ServiceMSExtensions).U32(1, mbim.CIDMSLTEAttachInfo)).Encode()}
	frames := message.Frames(64)
	if len(frames) < 2 {
		t.Fatalf("the command fits in %d frame", len(frames))
	}
	h.write(frames...)
	answer := h.receive()
	if answer.Status != 0 || !bytes.Equal(answer.Info, message.Info) {
		t.Errorf("subscribe list: %+v", answer)
	}
	pieces := h.query(mbim.ServiceBasicConnect, mbim.CIDDeviceServices)
	if !bytes.Equal(whole.Info, pieces.Info) || len(whole.Info) <= 64 {
		t.Errorf("in fragments:\n got %x\nwant %x", pieces.Info, whole.Info)
	}
	for len(h.raw) > 0 {
		if frame := <-h.raw; len(frame) > 64 {
			t.Errorf("a frame of %d bytes was sent", len(frame))
		}
	}
	h.write(frames[1])
	if e := h.receive(); e.Type != mbim.TypeFunctionError || e.Error != uint32(mbim.ErrorFragmentSequence) {
		t.Errorf("a fragment without its first: %+v", e)
	}
}

func TestFaultsOfTheControlChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := testModem(t, nil)
		h := newHost(t, m)
		h.open()
		caps := mbim.Message{Type: mbim.TypeCommand, Service: mbim.ServiceBasicConnect, CID: mbim.CIDDeviceCaps}

		m.Swallow(2)
		h.post(caps)
		h.post(caps)
		if a := h.ask(caps); a.Transaction != 4 {
			t.Errorf("after two swallowed commands answer %d came", a.Transaction)
		}
		m.WrongTransactions(1)
		id := h.post(caps)
		if a := h.receive(); a.Transaction == id {
			t.Error("the transaction is right")
		}
		m.Delay(3 * time.Second)
		start := time.Now()
		h.ask(caps)
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("delayed by %v, want 3s", d)
		}
		m.Delay(0)
		m.Silence(time.Minute)
		h.post(caps)
		m.SetSignal(Signal{RSSI: -51})
		synctest.Wait()
		if n := len(h.messages); n != 0 {
			t.Errorf("%d messages in silence", n)
		}
		time.Sleep(time.Minute)
		h.ask(caps)
		if c := m.Counts(); c.Swallowed != 3 {
			t.Errorf("swallowed %d messages, want 3", c.Swallowed)
		}
	})
}

func TestGarbageAndChoppedFrames(t *testing.T) {
	m, _ := testModem(t, nil)
	h := newHost(t, m)
	h.open()
	m.Garbage([]byte("garbage!"))
	m.Chop(5)
	if a := h.query(mbim.ServiceBasicConnect, mbim.CIDRadioState); a.Status != 0 || len(a.Info) != 8 {
		t.Errorf("radio state: %+v", a)
	}
	garbage, chopped := false, 0
	for len(h.raw) > 0 {
		piece := <-h.raw
		garbage = garbage || string(piece) == "garbage!"
		if len(piece) == 5 {
			chopped++
		}
	}
	if !garbage || chopped != 11 {
		t.Errorf("garbage %v, %d pieces of 5 bytes, want true and 11", garbage, chopped)
	}
}

func TestHostThatDoesNotReadLosesMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := testModem(t, nil)
		here, there := net.Pipe()
		defer here.Close()
		go m.Serve(there)
		open := mbim.Message{Type: mbim.TypeOpen, MaxControl: 4096}.Frames(4096)[0]
		if _, err := here.Write(open); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for i := range 2 * queueLength {
			m.SetSignal(Signal{RSSI: -60 - i%2*10})
		}
		if c := m.Counts(); c.Overflows == 0 || c.Overflows > 2*queueLength {
			t.Errorf("%d messages lost", c.Overflows)
		}
	})
}
