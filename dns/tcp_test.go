package dns

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	codec "github.com/miekg/dns"
)

func TestMessageIsFramedByItsLength(t *testing.T) {
	var b bytes.Buffer
	if err := writeMessage(&b, []byte("hello")); err != nil || b.String() != "\x00\x05hello" {
		t.Fatalf("%q %v", b.String(), err)
	}
	buf := make([]byte, 5)
	if n, err := readMessage(&b, buf); err != nil || string(buf[:n]) != "hello" {
		t.Errorf("%q %v", buf[:n], err)
	}
	for stream, want := range map[string]error{
		"": io.EOF, "\x00": io.ErrUnexpectedEOF, "\x00\x05hell": io.ErrUnexpectedEOF, "\x00\x06hello!": io.ErrShortBuffer,
	} {
		if _, err := readMessage(strings.NewReader(stream), buf); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", stream, err, want)
		}
	}
}

// talk sends raw bytes over TCP and returns what comes until the other side hangs up.
func talk(t *testing.T, stream []byte) []byte {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(stream); err != nil {
		t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).CloseWrite() // it may have hung up already
	got, err := io.ReadAll(conn)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
	return got
}

func framed(packets ...[]byte) []byte {
	var b []byte
	for _, p := range packets {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(p))), p...)
	}
	return b
}

func TestQuestionsInOneSegmentAreAnsweredInOrder(t *testing.T) {
	serving(t, lanSpec(), nil)
	got := talk(t, framed(packet(t, "gateway.lan.", codec.TypeA, nil), packet(t, "nobody.lan.", codec.TypeA, nil)))
	buf := make([]byte, maxTCP)
	r := bytes.NewReader(got)
	for _, rcode := range []int{codec.RcodeSuccess, codec.RcodeNameError} {
		n, err := readMessage(r, buf)
		m := new(codec.Msg)
		if err != nil || m.Unpack(buf[:n]) != nil || m.Rcode != rcode {
			t.Fatalf("%v: %v", err, m)
		}
	}
}

func TestTCPClientThatTalksNonsenseIsHungUpOn(t *testing.T) {
	d, _ := serving(t, lanSpec(), nil)
	for name, stream := range map[string][]byte{
		"an answer":         framed(unhex(t, "1234 8180 0001 0000 0000 0000 01 61 00 0001 0001")),
		"a short header":    framed(unhex(t, "1234 01")),
		"longer than taken": framed(make([]byte, maxQuery+1)),
		"no length":         {0},
		"a web browser":     []byte("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
	} {
		if got := talk(t, stream); len(got) != 0 {
			t.Errorf("%s: answered %x", name, got)
		}
	}
	// Nonsense that parses as far as a header is told so.
	if got := talk(t, framed(unhex(t, "1234 0100 0000 0000 0000 0000"))); len(got) != 2+headerLen || got[5]&0x0f != codec.RcodeFormatError {
		t.Errorf("%x", got)
	}
	waitIdle(t, d)
}

// waitIdle waits until no TCP client is left.
func waitIdle(t *testing.T, d *Driver) {
	t.Helper()
	d.clients.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.conns) != 0 {
		t.Errorf("%d connections left", len(d.conns))
	}
}

func TestRoomForTCPClients(t *testing.T) {
	d := &Driver{conns: map[net.Conn]netip.Addr{}}
	addr := netip.MustParseAddr("192.168.8.2")
	for range maxConns {
		if !d.roomFor(addr) {
			t.Fatalf("no room beside %d", len(d.conns))
		}
		conn, other := net.Pipe()
		defer other.Close()
		d.conns[conn] = addr
		if len(d.conns)%maxConnsPerClient == 0 {
			if d.roomFor(addr) {
				t.Errorf("%s has room for more than %d", addr, maxConnsPerClient)
			}
			addr = addr.Next()
		}
	}
	if d.roomFor(addr) {
		t.Error("no bound in all")
	}
}

// cutUDP answers over UDP that it does not fit.
func cutUDP(w codec.ResponseWriter, m *codec.Msg) {
	reply := new(codec.Msg).SetReply(m)
	reply.Truncated = true
	w.WriteMsg(reply)
}

func TestServerWithoutTCPIsPassedOver(t *testing.T) {
	hangUp := func(w codec.ResponseWriter, _ *codec.Msg) { w.Close() }
	newOperator(t, "127.0.0.53", cutUDP, hangUp)
	newOperator(t, "127.0.0.54", cutUDP, zoneText(t, "a.example. 60 IN A 203.0.113.9"))
	serving(t, lanSpec(), nil)
	expect(t, dig(t, "+tcp", "a.example"), "203.0.113.9")
}

// TestServerWithoutEDNSIsAskedWithoutByTCPToo: also one that says so by TCP alone.
func TestServerWithoutEDNSIsAskedWithoutByTCPToo(t *testing.T) {
	old := func(next codec.HandlerFunc) codec.HandlerFunc {
		return func(w codec.ResponseWriter, m *codec.Msg) {
			if m.IsEdns0() == nil {
				next(w, m)
				return
			}
			w.WriteMsg(new(codec.Msg).SetRcodeFormatError(m))
		}
	}
	for name, c := range map[string]struct {
		udp codec.HandlerFunc
		tcp int // questions
	}{"by both": {old(cutUDP), 1}, "by TCP alone": {cutUDP, 2}} {
		t.Run(name, func(t *testing.T) {
			o := newOperator(t, "127.0.0.53", c.udp, old(zoneText(t, "a.example. 60 IN A 203.0.113.9")))
			newOperator(t, "127.0.0.54", c.udp, func(codec.ResponseWriter, *codec.Msg) { t.Error("the second server is asked by TCP") })
			serving(t, lanSpec(), nil)
			expect(t, dig(t, "+tcp", "a.example"), "NOERROR", "203.0.113.9")
			expect(t, dig(t, "+tcp", "+edns=0", "a.example"), "NOERROR", "203.0.113.9")
			o.mu.Lock()
			defer o.mu.Unlock()
			asked := 0
			for _, a := range o.asked {
				if strings.HasPrefix(a, "tcp ") {
					asked++
				}
			}
			if asked != c.tcp {
				t.Errorf("asked by TCP %d times: %v", asked, o.asked)
			}
		})
	}
}

func TestNobodySpeaksTCP(t *testing.T) {
	garbage := func(w codec.ResponseWriter, _ *codec.Msg) { w.Write([]byte("garbage, and long enough")) }
	newOperator(t, "127.0.0.53", cutUDP, garbage)
	newOperator(t, "127.0.0.54", cutUDP, garbage)
	d, _ := serving(t, lanSpec(), nil)
	expect(t, dig(t, "+tcp", "a.example"), "SERVFAIL", "EDE: 22")
	if got := d.Observe().Counts.Failed; got != 1 {
		t.Errorf("failed %d", got)
	}
}

// TestBearerThatChangesWhileTCPIsAsked: neither what the former one answers counts, nor is
// anybody else asked by it.
func TestBearerThatChangesWhileTCPIsAsked(t *testing.T) {
	for what, reply := range map[string]func(codec.ResponseWriter, *codec.Msg){
		"an answer": func(w codec.ResponseWriter, m *codec.Msg) {
			w.WriteMsg(answerTo(t, m, "a.example. 60 IN A 203.0.113.9"))
		},
		"no answer":            func(w codec.ResponseWriter, m *codec.Msg) { w.Close() },
		"no knowledge of EDNS": func(w codec.ResponseWriter, m *codec.Msg) { w.WriteMsg(new(codec.Msg).SetRcodeFormatError(m)) },
	} {
		t.Run(what, func(t *testing.T) {
			asked, answer := make(chan struct{}, 8), make(chan struct{})
			slow := func(w codec.ResponseWriter, m *codec.Msg) {
				asked <- struct{}{}
				<-answer
				reply(w, m)
			}
			newOperator(t, "127.0.0.53", cutUDP, slow)
			newOperator(t, "127.0.0.54", cutUDP, func(codec.ResponseWriter, *codec.Msg) { t.Error("the second server is asked") })
			d, _ := serving(t, lanSpec(), nil)
			done := make(chan string)
			go func() { done <- dig(t, "+tcp", "+tries=1", "a.example") }()
			<-asked
			spec := lanSpec()
			spec.Upstream.Mark = 9
			if err := d.Apply(spec); err != nil {
				t.Error(err)
			}
			close(answer)
			expect(t, <-done, "SERVFAIL")
			if len(asked) > 0 {
				t.Error("asked again")
			}
			if got := d.Observe().CacheBytes; got != 0 {
				t.Errorf("%d bytes in the new bearer's cache", got)
			}
		})
	}
}

// TestNobodyIsAskedByTCPWithoutABearer: between an answer by UDP that does not fit and the
// question by TCP the bearer may go, or sharing be refused.
func TestNobodyIsAskedByTCPWithoutABearer(t *testing.T) {
	o := newOperator(t, "127.0.0.53", nil, zoneText(t, "a.example. 60 IN A 203.0.113.9"))
	gone, closed := lanSpec(), lanSpec()
	gone.Upstream.Interface, closed.Closed = "", true
	q := parsed(t, packet(t, "a.example.", codec.TypeA, nil))
	for _, spec := range []Spec{gone, closed} {
		spec.Listen = nil
		d := New(Options{})
		if err := d.Apply(spec); err != nil {
			t.Fatal(err)
		}
		m := new(codec.Msg)
		if err := m.Unpack(d.askTCP(t.Context(), q)); err != nil || m.Rcode != codec.RcodeServerFailure || o.count() != 0 {
			t.Errorf("%v, %v; asked %d times", m, err, o.count())
		}
	}
}
