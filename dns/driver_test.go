package dns

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	codec "github.com/miekg/dns"
)

// operator is a name server of the other side, on port 53 of an address on loopback.
type operator struct {
	mu    sync.Mutex
	asked []string
	ports map[string]bool
	udp   codec.HandlerFunc
	tcp   codec.HandlerFunc
}

// newOperator serves by udp and tcp, which may be nil: silence.
func newOperator(t *testing.T, addr string, udp, tcp codec.HandlerFunc) *operator {
	t.Helper()
	o := &operator{ports: map[string]bool{}, udp: udp, tcp: tcp}
	packets, err := net.ListenPacket("udp", addr+":53")
	if err != nil {
		t.Fatal(err)
	}
	streams, err := net.Listen("tcp", addr+":53")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*codec.Server{{PacketConn: packets, Handler: o}, {Listener: streams, Handler: o}} {
		started, ended := make(chan struct{}), make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() {
			defer close(ended)
			s.ActivateAndServe()
		}()
		<-started
		t.Cleanup(func() {
			s.Shutdown()
			<-ended // only then is the port free
		})
	}
	return o
}

func (o *operator) ServeDNS(w codec.ResponseWriter, m *codec.Msg) {
	handle := o.udp
	_, port, _ := net.SplitHostPort(w.RemoteAddr().String())
	o.mu.Lock()
	o.asked = append(o.asked, w.LocalAddr().Network()+" "+m.Question[0].String()[1:])
	o.ports[port] = true
	o.mu.Unlock()
	if w.LocalAddr().Network() == "tcp" {
		handle = o.tcp
	}
	if handle != nil {
		handle(w, m)
	}
}

func (o *operator) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.asked)
}

// zoneText answers every question with records, given as zone file lines.
func zoneText(t testing.TB, lines ...string) codec.HandlerFunc {
	return func(w codec.ResponseWriter, m *codec.Msg) { w.WriteMsg(answerTo(t, m, lines...)) }
}

// answerTo makes the reply to m; SOA lines go to the authority section.
func answerTo(t testing.TB, m *codec.Msg, lines ...string) *codec.Msg {
	reply := new(codec.Msg).SetReply(m)
	for _, line := range lines {
		rr, err := codec.NewRR(line)
		if err != nil {
			t.Error(err)
		}
		if _, ok := rr.(*codec.SOA); ok {
			reply.Ns = append(reply.Ns, rr)
		} else {
			reply.Answer = append(reply.Answer, rr)
		}
	}
	return reply
}

type leases map[string]netip.Addr

func (l leases) LookupName(name string) (netip.Addr, bool) { addr, ok := l[name]; return addr, ok }

func (l leases) LookupAddr(addr netip.Addr) (string, bool) {
	for name, a := range l {
		if a == addr {
			return name, true
		}
	}
	return "", false
}

// lanSpec listens on 127.0.0.1 and asks 127.0.0.53, then 127.0.0.54.
func lanSpec() Spec {
	return Spec{
		Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:53")},
		Upstream: Upstream{
			Servers:   []netip.Addr{netip.MustParseAddr("127.0.0.53"), netip.MustParseAddr("127.0.0.54")},
			Interface: "lo", Mark: 7,
		},
		Domain: "lan", Names: []Name{{"gateway", netip.MustParseAddr("192.168.8.1")}},
		Rebind: true, CacheBytes: 1 << 20,
	}
}

// serving runs a driver with spec until the test ends; changed gets a value whenever
// the driver says that something changed.
func serving(t *testing.T, spec Spec, l Leases) (d *Driver, changed chan struct{}) {
	t.Helper()
	d = New(Options{Leases: l, Log: slog.New(slog.DiscardHandler)})
	if err := d.Apply(spec); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	changed, done := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		done <- d.Run(ctx, func() {
			select {
			case changed <- struct{}{}:
			default:
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := d.Apply(Spec{}); err != nil {
			t.Error(err)
		}
	})
	return d, changed
}

// dig asks like a person and returns what dig prints.
func dig(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("dig", append([]string{"@127.0.0.1", "+tries=1", "+time=7"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("dig %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func expect(t *testing.T, got string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("no %q in:\n%s", part, got)
		}
	}
}

func TestDigAsksOverUDPAndTCPAndTheSecondTimeTheCacheAnswers(t *testing.T) {
	o := newOperator(t, "127.0.0.53", zoneText(t, "www.example.com. 300 IN A 203.0.113.7"), nil)
	d, _ := serving(t, lanSpec(), nil)
	expect(t, dig(t, "www.example.com"), "status: NOERROR", "flags: qr rd ra;", "203.0.113.7")
	expect(t, dig(t, "+tcp", "WWW.Example.com"), "203.0.113.7", "WWW.Example.com.")
	expect(t, dig(t, "+bufsize=4096", "www.example.com"), "203.0.113.7", "udp: 1232")
	expect(t, dig(t, "+noedns", "www.example.com"), "203.0.113.7")
	if s := d.Observe(); o.count() != 1 || s.Counts.Queries != 4 || s.Counts.Hits != 3 || s.Counts.Upstream != 1 {
		t.Errorf("asked %v, counts %+v", o.asked, s.Counts)
	}
}

func TestEveryQuestionLeavesFromAnotherPort(t *testing.T) {
	o := newOperator(t, "127.0.0.53", zoneText(t), nil)
	serving(t, lanSpec(), nil)
	for _, name := range []string{"a.example", "b.example", "c.example", "d.example", "e.example", "f.example"} {
		expect(t, dig(t, name), "status: NOERROR")
	}
	if o.count() != 6 || len(o.ports) < 5 { // one collision is luck, two are a fault
		t.Errorf("%d questions from ports %v", o.count(), o.ports)
	}
}

func TestTruncatedAnswerIsFetchedOverTCPForATCPClientOnly(t *testing.T) {
	var lines []string
	for i := range 40 {
		lines = append(lines, `big.example. 300 IN TXT "`+strings.Repeat("x", 100+i)+`"`)
	}
	o := newOperator(t, "127.0.0.53", cutUDP, zoneText(t, lines...))
	serving(t, lanSpec(), nil)
	expect(t, dig(t, "+ignore", "big.example", "TXT"), "flags: qr tc rd ra;", "ANSWER: 0")
	expect(t, dig(t, "+tcp", "big.example", "TXT"), "flags: qr rd ra;", "ANSWER: 40")
	expect(t, dig(t, "big.example", "TXT"), "Truncated, retrying in TCP mode", "ANSWER: 40")
	if got := strings.Count(strings.Join(o.asked, "\n"), "tcp "); got != 2 {
		t.Errorf("asked over TCP %d times: %v", got, o.asked)
	}
}

func TestSmallAnswerFetchedOverTCPIsKept(t *testing.T) {
	o := newOperator(t, "127.0.0.53", cutUDP, zoneText(t, "a.example. 60 IN A 203.0.113.9"))
	serving(t, lanSpec(), nil)
	expect(t, dig(t, "+tcp", "a.example"), "203.0.113.9")
	expect(t, dig(t, "a.example"), "203.0.113.9")
	if o.count() != 2 {
		t.Errorf("asked %v", o.asked)
	}
}

func TestPrivateAddressOverTCPIsRefusedToo(t *testing.T) {
	newOperator(t, "127.0.0.53", cutUDP, zoneText(t, "evil.example. 60 IN A 192.168.8.1"))
	d, _ := serving(t, lanSpec(), nil)
	expect(t, dig(t, "+tcp", "evil.example"), "NXDOMAIN", "private address")
	if d.Observe().Counts.Rebind != 1 {
		t.Errorf("counts %+v", d.Observe().Counts)
	}
}

func TestSilentFirstServerIsToldAndTheSecondAnswers(t *testing.T) {
	newOperator(t, "127.0.0.53", nil, nil)
	newOperator(t, "127.0.0.54", zoneText(t, "a.example. 60 IN A 203.0.113.9"), nil)
	d, changed := serving(t, lanSpec(), nil)
	expect(t, dig(t, "a.example"), "203.0.113.9")
	for len(d.Observe().Answering) == 0 {
		<-changed
	}
	if got := d.Observe(); got.Answering[0].String() != "127.0.0.54" {
		t.Errorf("answering %v, silent %v", got.Answering, got.Silent)
	}
}

func TestPortWithoutServerMovesOnAtOnce(t *testing.T) {
	newOperator(t, "127.0.0.54", zoneText(t, "a.example. 60 IN A 203.0.113.9"), nil)
	serving(t, lanSpec(), nil) // 127.0.0.53 answers with an ICMP error
	out := dig(t, "a.example")
	expect(t, out, "203.0.113.9")
	var ms int
	at := strings.Index(out, "Query time: ")
	if _, err := fmt.Sscanf(out[at:], "Query time: %d", &ms); err != nil || ms >= 300 {
		t.Errorf("took %d ms, %v", ms, err)
	}
}

func TestAbsentUplinkIsSaidAtOnce(t *testing.T) {
	spec := lanSpec()
	spec.Upstream.Interface = ""
	serving(t, spec, nil)
	expect(t, dig(t, "a.example"), "SERVFAIL", "EDE: 14 (Not Ready): (no uplink)")
	expect(t, dig(t, "gateway.lan"), "NOERROR", "192.168.8.1")
}

func TestVanishedInterfaceIsAFailureNotAWait(t *testing.T) {
	spec := lanSpec()
	spec.Upstream.Interface = "wwan9"
	serving(t, spec, nil)
	expect(t, dig(t, "a.example"), "SERVFAIL", "EDE: 22")
}

func TestWildcardListenerAnswersFromTheAddressThatWasAsked(t *testing.T) {
	spec := lanSpec()
	spec.Listen = []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:5300"), netip.MustParseAddrPort("[::]:5300")}
	serving(t, spec, nil)
	for _, addr := range []string{"127.0.0.1", "127.0.0.77", "::1"} {
		// dig refuses an answer from another address.
		expect(t, dig(t, "@"+addr, "-p", "5300", "gateway.lan"), "192.168.8.1")
	}
}

func TestLeasesAnswerByNameAndByAddress(t *testing.T) {
	spec := lanSpec()
	serving(t, spec, leases{"phone": netip.MustParseAddr("192.168.8.23")})
	expect(t, dig(t, "PHONE.lan"), "flags: qr aa rd ra;", "192.168.8.23")
	expect(t, dig(t, "phone"), "192.168.8.23")
	expect(t, dig(t, "-x", "192.168.8.23"), "phone.lan.")
	expect(t, dig(t, "-x", "192.168.8.1"), "gateway.lan.")
	expect(t, dig(t, "-x", "192.168.8.99"), "NXDOMAIN", "168.192.in-addr.arpa.", "SOA")
	expect(t, dig(t, "+tcp", "tablet.lan"), "NXDOMAIN", "SOA")
}

func TestBoundElsewhereIsAnErrorUntilThePortIsFree(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	d := New(Options{Log: slog.New(slog.DiscardHandler)})
	if err := d.Apply(lanSpec()); err == nil {
		t.Fatal("bound twice")
	}
	s := d.Observe()
	if s.Serving || !strings.Contains(s.Error, "udp 127.0.0.1:53: bind: address already in use") {
		t.Errorf("%+v", s)
	}
	if len(Drift(lanSpec(), s)) == 0 {
		t.Error("no drift")
	}
	ctx, cancel := context.WithCancel(t.Context())
	changed, done := make(chan struct{}, 8), make(chan error)
	go func() { done <- d.Run(ctx, func() { changed <- struct{}{} }) }()
	taken.Close()
	for !d.Observe().Serving { // the retry comes by itself
		<-changed
	}
	if lines := Drift(lanSpec(), d.Observe()); len(lines) != 0 {
		t.Error(lines)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := d.Apply(Spec{}); err != nil {
		t.Error(err)
	}
}

func TestAddressThatComesLaterIsServedWhenItIsThere(t *testing.T) {
	spec := lanSpec()
	spec.Listen = []netip.AddrPort{netip.MustParseAddrPort("192.168.8.1:53")}
	serving(t, spec, nil)
	if out, err := exec.Command("ip", "addr", "add", "192.168.8.1/24", "dev", "lo").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("ip", "addr", "del", "192.168.8.1/24", "dev", "lo").Run() })
	expect(t, dig(t, "@192.168.8.1", "gateway.lan"), "192.168.8.1")
	expect(t, dig(t, "@192.168.8.1", "+tcp", "gateway.lan"), "192.168.8.1")
}

func TestZeroSpecLeavesNoSocket(t *testing.T) {
	d, _ := serving(t, lanSpec(), nil)
	if err := d.Apply(Spec{}); err != nil {
		t.Fatal(err)
	}
	packets, err := net.ListenPacket("udp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	packets.Close()
	streams, err := net.Listen("tcp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	streams.Close()
	if s := d.Observe(); s.Serving || len(Drift(Spec{}, s)) != 0 {
		t.Errorf("%+v", s)
	}
}

func TestApplyTwiceKeepsTheCacheAndAnotherBearerDoesNot(t *testing.T) {
	o := newOperator(t, "127.0.0.53", zoneText(t, "a.example. 60 IN A 203.0.113.9"), nil)
	d, _ := serving(t, lanSpec(), nil)
	dig(t, "a.example")
	if err := d.Apply(lanSpec()); err != nil {
		t.Fatal(err)
	}
	dig(t, "a.example")
	if o.count() != 1 {
		t.Errorf("asked %v", o.asked)
	}
	spec := lanSpec()
	for i, change := range []func(){func() { spec.Upstream.Mark = 8 }, func() { spec.Upstream.Key = "dialled again" }} {
		change()
		if err := d.Apply(spec); err != nil {
			t.Fatal(err)
		}
		dig(t, "a.example")
		if o.count() != 2+i {
			t.Errorf("asked %v", o.asked)
		}
	}
}

func TestTCPClientsAreBounded(t *testing.T) {
	d, _ := serving(t, lanSpec(), nil)
	var conns []net.Conn
	for range maxConnsPerClient + 1 {
		conn, err := net.Dial("tcp", "127.0.0.1:53")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	if _, err := conns[maxConnsPerClient].Read(make([]byte, 1)); err == nil { // hung up on
		t.Error("one too many is served")
	}
	if got := d.Observe().Counts.Dropped; got != 1 {
		t.Errorf("dropped %d", got)
	}
	question := new(codec.Msg).SetQuestion("gateway.lan.", codec.TypeA)
	for range 2 { // one after the other on the same connection
		conn := &codec.Conn{Conn: conns[0]}
		if err := conn.WriteMsg(question); err != nil {
			t.Fatal(err)
		}
		if reply, err := conn.ReadMsg(); err != nil || len(reply.Answer) != 1 {
			t.Fatalf("%v %v", reply, err)
		}
	}
}

func TestRunEndsWithClientsConnectedAndQuestionsOpen(t *testing.T) {
	newOperator(t, "127.0.0.53", nil, nil)
	newOperator(t, "127.0.0.54", nil, nil)
	d := New(Options{Log: slog.New(slog.DiscardHandler)})
	if err := d.Apply(lanSpec()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- d.Run(ctx, func() {}) }()
	conn, err := codec.Dial("tcp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.WriteMsg(new(codec.Msg).SetQuestion("a.example.", codec.TypeA)); err != nil {
		t.Fatal(err)
	}
	for d.Observe().Counts.Upstream == 0 {
		runtime.Gosched()
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := d.Apply(Spec{}); err != nil {
		t.Error(err)
	}
}

func TestRunCanStartAgain(t *testing.T) {
	d := New(Options{Log: slog.New(slog.DiscardHandler)})
	if err := d.Apply(lanSpec()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- d.Run(ctx, func() {}) }()
		expect(t, dig(t, "gateway.lan"), "192.168.8.1")
		expect(t, dig(t, "+tcp", "gateway.lan"), "192.168.8.1")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if err := d.Apply(Spec{}); err != nil {
		t.Error(err)
	}
}

func TestMovedListenerAnswersAtTheNewAddressAndTheOldOneIsFree(t *testing.T) {
	d, _ := serving(t, lanSpec(), nil)
	spec := lanSpec()
	spec.Listen = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.2:53")}
	if err := d.Apply(spec); err != nil {
		t.Fatal(err)
	}
	expect(t, dig(t, "@127.0.0.2", "gateway.lan"), "192.168.8.1")
	conn, err := net.ListenPacket("udp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if got := d.Observe().InForce.Listen; len(got) != 1 || got[0] != spec.Listen[0] {
		t.Error(got)
	}
}

func TestCallersSpecIsNotKept(t *testing.T) {
	spec := lanSpec()
	d, _ := serving(t, spec, nil)
	spec.Upstream.Servers[0] = netip.MustParseAddr("10.9.9.9")
	spec.Names[0].Name = "other"
	if lines := Drift(lanSpec(), d.Observe()); len(lines) != 0 {
		t.Error(lines)
	}
}

// Many clients, a bearer that comes and goes, and somebody who watches: nothing is
// lost for good, and everybody who repeats a question gets an answer.
func TestLoadWhileTheBearerChanges(t *testing.T) {
	newOperator(t, "127.0.0.53", zoneText(t, "x.example. 60 IN A 203.0.113.9"), nil)
	d, _ := serving(t, lanSpec(), nil)
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			conn, err := codec.Dial("udp", "127.0.0.1:53")
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			for j := range 50 {
				m := new(codec.Msg).SetQuestion(fmt.Sprintf("n%d-%d.example.", i, j), codec.TypeA)
				if !asksUntilAnswered(conn, m) {
					t.Errorf("%s is never answered", m.Question[0].Name)
				}
			}
		})
	}
	for mark := range uint32(20) {
		spec := lanSpec()
		spec.Upstream.Mark = mark
		if err := d.Apply(spec); err != nil {
			t.Error(err)
		}
		d.Observe()
	}
	clients.Wait()
	if s := d.Observe(); s.Counts.Queries < 400 || s.Counts.Failed != 0 {
		t.Errorf("%+v", s.Counts)
	}
}

// asksUntilAnswered repeats a question like a stub resolver.
func asksUntilAnswered(conn *codec.Conn, m *codec.Msg) bool {
	for range 20 {
		conn.SetDeadline(time.Now().Add(300 * time.Millisecond))
		if conn.WriteMsg(m) != nil {
			return false
		}
		if reply, err := conn.ReadMsg(); err == nil && reply.Id == m.Id {
			return reply.Rcode == codec.RcodeSuccess
		}
	}
	return false
}

// TestViews: who asks from a network with a view of its own is told no name of a client
// and the gateway's name at the address there, by UDP and TCP; others are told as ever.
func TestViews(t *testing.T) {
	spec := lanSpec()
	spec.Listen = append(spec.Listen, netip.MustParseAddrPort("127.0.9.1:53"))
	spec.Views = []View{{Askers: netip.MustParsePrefix("127.0.9.0/24"), Names: []Name{{"gateway", netip.MustParseAddr("192.168.9.1")}}}}
	serving(t, spec, leases{"phone": netip.MustParseAddr("192.168.8.23")})
	expect(t, dig(t, "phone.lan"), "192.168.8.23")
	expect(t, dig(t, "gateway.lan"), "192.168.8.1")
	for _, way := range []string{"+notcp", "+tcp"} {
		guest := func(args ...string) string {
			return dig(t, append([]string{"-b", "127.0.9.5", "@127.0.9.1", way}, args...)...)
		}
		expect(t, guest("phone.lan"), "NXDOMAIN")
		expect(t, guest("phone"), "NXDOMAIN")
		expect(t, guest("-x", "192.168.8.23"), "NXDOMAIN")
		expect(t, guest("-x", "192.168.8.1"), "NXDOMAIN")
		expect(t, guest("gateway.lan"), "192.168.9.1")
		expect(t, guest("-x", "192.168.9.1"), "gateway.lan.")
	}
}
