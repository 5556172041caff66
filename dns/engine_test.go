package dns

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	codec "github.com/miekg/dns"
)

// desk is an engine whose clock, sockets and clients are the test's.
type desk struct {
	t       testing.TB
	e       engine
	counts  counts
	now     time.Time
	sent    []sent
	open    map[int]bool
	replies map[string][]*codec.Msg // by client
	hole    map[netip.Addr]bool     // servers that cannot be sent to
}

// sent is a packet towards a server.
type sent struct {
	socket int
	server string
	packet []byte
}

var (
	first, second = netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	spare         = netip.MustParseAddr("9.9.9.9")
)

func newDesk(t testing.TB, spec Spec) *desk {
	d := &desk{t: t, now: time.Unix(1e9, 0), open: map[int]bool{}, replies: map[string][]*codec.Msg{}, hole: map[netip.Addr]bool{}}
	d.e = engine{counts: &d.counts, news: func(*server, bool) {}, edge: edge{
		open: func(_ Upstream, server netip.Addr, packet []byte) (int, error) {
			if d.hole[server] {
				return -1, errors.New("no route")
			}
			d.sent = append(d.sent, sent{len(d.sent), server.String(), append([]byte(nil), packet...)})
			d.open[len(d.sent)-1] = true
			return len(d.sent) - 1, nil
		},
		close: func(socket int) { delete(d.open, socket) },
		send: func(p *path, reply []byte) {
			if p.tcp != nil {
				p.tcp <- append([]byte(nil), reply...)
				return
			}
			d.deliver(p.client, reply)
		},
	}}
	d.e.use(spec, leases{"phone": netip.MustParseAddr("192.168.8.23")}, d.now)
	return d
}

func (d *desk) deliver(client netip.Addr, reply []byte) {
	m := new(codec.Msg)
	if err := m.Unpack(reply); err != nil {
		d.t.Fatalf("reply %x: %v", reply, err)
	}
	d.replies[client.String()] = append(d.replies[client.String()], m)
}

// uplink is a spec with the two servers and the spare one behind them.
func uplink() Spec {
	return Spec{
		Upstream: Upstream{Servers: []netip.Addr{first, second}, Fallback: []netip.Addr{spare}, Interface: "wwan0"},
		Domain:   "lan", Rebind: true, RebindOK: []string{"corp.example"}, CacheBytes: 1 << 20,
	}
}

// ask sends a client's question.
func (d *desk) ask(client string, id uint16, name string, qtype uint16) {
	m := new(codec.Msg).SetQuestion(name, qtype)
	m.Id = id
	m.SetEdns0(1232, false)
	b, err := m.Pack()
	if err != nil {
		d.t.Fatal(err)
	}
	p := path{client: netip.MustParseAddr(client)}
	reply, _ := d.e.serve(nil, d.now, b, new(query), &p)
	if reply != nil {
		d.deliver(p.client, reply)
	}
}

// pass lets time go by, a millisecond at a time.
func (d *desk) pass(ms int) {
	for range ms {
		d.now = d.now.Add(time.Millisecond)
		d.e.expire(d.now)
	}
}

// answer lets the server that packet i went to answer with records.
func (d *desk) answer(i int, lines ...string) {
	d.reply(i, func(m *codec.Msg) *codec.Msg { return answerTo(d.t, m, lines...) })
}

// refuse lets it answer with an rcode.
func (d *desk) refuse(i, rcode int) {
	d.reply(i, func(m *codec.Msg) *codec.Msg { return new(codec.Msg).SetRcode(m, rcode) })
}

func (d *desk) reply(i int, make func(*codec.Msg) *codec.Msg) {
	d.t.Helper()
	question := new(codec.Msg)
	if err := question.Unpack(d.sent[i].packet); err != nil {
		d.t.Fatal(err)
	}
	b, err := make(question).Pack()
	if err != nil {
		d.t.Fatal(err)
	}
	d.e.hear(d.now, d.sent[i].socket, b)
}

// servers lists whom packets went to so far.
func (d *desk) servers() string {
	list := ""
	for _, s := range d.sent {
		list += s.server + " "
	}
	return list
}

func (d *desk) wantServers(want string) {
	d.t.Helper()
	if got := d.servers(); got != want {
		d.t.Errorf("asked %q, want %q", got, want)
	}
}

// last returns the only reply the client got since the last call.
func (d *desk) last(client string) *codec.Msg {
	d.t.Helper()
	replies := d.replies[client]
	if len(replies) != 1 {
		d.t.Fatalf("%s got %d replies", client, len(replies))
	}
	delete(d.replies, client)
	return replies[0]
}

func (d *desk) wantIdle() {
	d.t.Helper()
	e := &d.e
	if len(d.open) != 0 || len(e.pending) != 0 || len(e.flights) != 0 || e.room.total != 0 || len(e.room.byClient) != 0 {
		d.t.Errorf("left open: sockets %v, questions %d, flights %d, room %+v", d.open, len(e.pending), len(e.flights), e.room)
	}
}

const phone, tablet = "192.168.8.23", "192.168.8.24"

func TestFirstServerIsAskedAloneWhileItMayStillAnswer(t *testing.T) {
	d := newDesk(t, uplink())
	d.ask(phone, 1, "a.example.", codec.TypeA)
	d.pass(399)
	d.wantServers("10.0.0.1 ")
	d.answer(0, "a.example. 60 IN A 203.0.113.1")
	if m := d.last(phone); m.Id != 1 || len(m.Answer) != 1 || m.Rcode != 0 {
		t.Error(m)
	}
	d.pass(6000)
	d.wantServers("10.0.0.1 ")
	d.wantIdle()
}

func TestSilenceAsksTheNextInParallelAndTheLateAnswerStillCounts(t *testing.T) {
	d := newDesk(t, uplink())
	d.ask(phone, 1, "a.example.", codec.TypeA)
	d.pass(400)
	d.wantServers("10.0.0.1 10.0.0.2 ")
	d.pass(300)
	d.answer(0, "a.example. 60 IN A 203.0.113.1") // the first one, after all
	d.last(phone)
	d.wantIdle()
}

func TestAllSilentEndsAfterFiveSecondsAndSaysWhy(t *testing.T) {
	d := newDesk(t, uplink())
	d.ask(phone, 1, "a.example.", codec.TypeA)
	d.pass(4999)
	d.wantServers("10.0.0.1 10.0.0.2 9.9.9.9 10.0.0.1 ")
	if len(d.replies) != 0 {
		t.Error("gave up early")
	}
	d.pass(1)
	m := d.last(phone)
	ede, _ := m.IsEdns0().Option[0].(*codec.EDNS0_EDE)
	if m.Rcode != codec.RcodeServerFailure || ede == nil || ede.InfoCode != codec.ExtendedErrorCodeNoReachableAuthority {
		t.Error(m)
	}
	d.wantIdle()
}

func TestFailureIsKeptForAMomentOnly(t *testing.T) {
	d := newDesk(t, uplink())
	d.ask(phone, 1, "a.example.", codec.TypeA)
	d.pass(5000)
	d.last(phone)
	asked := len(d.sent)
	d.ask(phone, 2, "a.example.", codec.TypeA)
	if m := d.last(phone); m.Rcode != codec.RcodeServerFailure || len(d.sent) != asked {
		t.Error("asked again at once")
	}
	d.pass(failLife * 1000)
	d.ask(phone, 3, "a.example.", codec.TypeA)
	if len(d.sent) != asked+1 {
		t.Error("never asked again")
	}
}

func TestServerSilentLatelyGoesLastAndIsForgivenWhenItAnswers(t *testing.T) {
	d := newDesk(t, uplink())
	for i := range 4 { // the first is silent, the second answers, every second
		name := fmt.Sprintf("n%d.example.", i)
		d.ask(phone, 1, name, codec.TypeA)
		d.pass(400)
		d.answer(len(d.sent)-1, name+" 60 IN A 203.0.113.1")
		d.last(phone)
		d.pass(600)
	}
	d.sent = d.sent[:0]
	d.ask(phone, 1, "b.example.", codec.TypeA)
	d.wantServers("10.0.0.2 ")
	d.answer(0, "b.example. 60 IN A 203.0.113.1")
	d.pass(30_000)
	d.sent = d.sent[:0]
	d.ask(phone, 1, "c.example.", codec.TypeA)
	d.wantServers("10.0.0.1 ")
	d.answer(0, "c.example. 60 IN A 203.0.113.1")
	d.sent = d.sent[:0]
	d.ask(phone, 1, "d.example.", codec.TypeA)
	d.wantServers("10.0.0.1 ")
}

func TestSlowServerIsNotASilentOne(t *testing.T) {
	d := newDesk(t, uplink())
	for i := range 10 { // 900 ms each way: a poor cell
		name := fmt.Sprintf("n%d.example.", i)
		d.sent = d.sent[:0]
		d.ask(phone, 1, name, codec.TypeA)
		d.pass(900)
		d.wantServers("10.0.0.1 10.0.0.2 ")
		d.answer(0, name+" 60 IN A 203.0.113.1")
	}
	if s := d.e.servers[0]; !s.silent.IsZero() || !s.answered {
		t.Errorf("%+v", s)
	}
}

func TestFallbackAnswersWhenTheBearerNamesNoServer(t *testing.T) {
	spec := uplink()
	spec.Upstream.Servers = nil
	d := newDesk(t, spec)
	d.ask(phone, 1, "a.example.", codec.TypeA)
	d.wantServers("9.9.9.9 ")
}

func TestFallbackIsNotAskedWhenTheBearersServerHasSpoken(t *testing.T) {
	d := newDesk(t, uplink())
	d.ask(phone, 1, "a.example.", codec.TypeA)
	d.refuse(0, codec.RcodeRefused)
	d.wantServers("10.0.0.1 10.0.0.2 ")
	d.refuse(1, codec.RcodeServerFailure)
	d.wantServers("10.0.0.1 10.0.0.2 ")
	if m := d.last(phone); m.Rcode != codec.RcodeServerFailure {
		t.Error(m)
	}
	d.wantIdle()
}

func TestSecondServersAnswerBeatsTheFirstOnesFailure(t *testing.T) {
	d := newDesk(t, uplink())
	d.ask(phone, 1, "a.example.", codec.TypeA)
	d.refuse(0, codec.RcodeServerFailure)
	d.answer(1, "a.example. 60 IN A 203.0.113.1")
	if m := d.last(phone); m.Rcode != 0 || len(m.Answer) != 1 {
		t.Error(m)
	}
}

func TestEqualQuestionsAreAskedOnceAndEachClientGetsItsOwnAnswer(t *testing.T) {
	d := newDesk(t, uplink())
	d.ask(phone, 1, "a.example.", codec.TypeA)
	d.ask(tablet, 2, "A.eXample.", codec.TypeA)
	d.ask(phone, 1, "a.example.", codec.TypeA) // the same packet again
	d.ask(phone, 3, "a.example.", codec.TypeAAAA)
	d.wantServers("10.0.0.1 10.0.0.1 ")
	d.answer(0, "a.example. 60 IN A 203.0.113.1")
	if m := d.last(phone); m.Id != 1 {
		t.Error(m)
	}
	if m := d.last(tablet); m.Id != 2 || m.Question[0].Name != "A.eXample." || m.Answer[0].Header().Name != "A.eXample." {
		t.Error(m)
	}
}

func TestTableOfQuestionsIsBounded(t *testing.T) {
	d := newDesk(t, uplink())
	for i := range 2 * maxPending {
		d.ask(fmt.Sprintf("192.168.8.%d", i%16), uint16(i), fmt.Sprintf("n%d.example.", i), codec.TypeA)
	}
	if len(d.e.pending) != maxPending || d.counts.dropped.Load() != maxPending {
		t.Errorf("%d open, %d dropped", len(d.e.pending), d.counts.dropped.Load())
	}
	d.pass(4000)
	if len(d.open) > maxPending*maxTries {
		t.Errorf("%d sockets", len(d.open))
	}
	d.pass(1000)
	d.wantIdle()
}

func TestServerThatDoesNotKnowEDNSIsAskedWithoutFromThenOn(t *testing.T) {
	d := newDesk(t, uplink())
	d.ask(phone, 1, "a.example.", codec.TypeA)
	// The oldest ones send a bare header.
	bare := append([]byte(nil), d.sent[0].packet[:headerLen]...)
	bare[2], bare[3], bare[5], bare[11] = 0x81, 1, 0, 0
	d.e.hear(d.now, 0, bare)
	d.wantServers("10.0.0.1 10.0.0.1 ")
	if binary.BigEndian.Uint16(d.sent[0].packet[10:]) != 1 || binary.BigEndian.Uint16(d.sent[1].packet[10:]) != 0 {
		t.Errorf("OPT in %x, then %x", d.sent[0].packet, d.sent[1].packet)
	}
	d.answer(1, "a.example. 60 IN A 203.0.113.1")
	if m := d.last(phone); len(m.Answer) != 1 || m.IsEdns0() == nil {
		t.Error(m)
	}
	d.ask(phone, 2, "b.example.", codec.TypeA)
	if binary.BigEndian.Uint16(d.sent[2].packet[10:]) != 0 {
		t.Error("OPT again")
	}
}

func TestForgedAnswersAreNotHeard(t *testing.T) {
	d := newDesk(t, uplink())
	d.ask(phone, 1, "a.example.", codec.TypeA)
	forge := func(change func(*codec.Msg)) {
		d.reply(0, func(m *codec.Msg) *codec.Msg {
			reply := answerTo(t, m, "a.example. 60 IN A 198.51.100.66")
			change(reply)
			return reply
		})
	}
	forge(func(m *codec.Msg) { m.Id++ })
	forge(func(m *codec.Msg) { m.Response = false })
	forge(func(m *codec.Msg) { m.Question[0].Name = "b.example." })
	forge(func(m *codec.Msg) { m.Question[0].Qtype = codec.TypeAAAA })
	forge(func(m *codec.Msg) { m.Question = nil })
	if len(d.replies) != 0 {
		t.Error(d.replies)
	}
	d.answer(0, "a.example. 60 IN A 203.0.113.1")
	if m := d.last(phone); m.Answer[0].(*codec.A).A.String() != "203.0.113.1" {
		t.Error(m)
	}
}

func TestIdsAreNotGuessable(t *testing.T) {
	d := newDesk(t, uplink())
	ids := map[uint16]bool{}
	for i := range maxPerClient {
		d.ask(phone, uint16(i), fmt.Sprintf("n%d.example.", i), codec.TypeA)
		ids[binary.BigEndian.Uint16(d.sent[i].packet)] = true
	}
	if len(ids) < maxPerClient-2 {
		t.Errorf("%d ids for %d questions", len(ids), maxPerClient)
	}
}

func TestNothingOfTheClientButItsQuestionGoesOut(t *testing.T) {
	d := newDesk(t, uplink())
	m := new(codec.Msg).SetQuestion("a.EXAMPLE.", codec.TypeA)
	m.SetEdns0(4096, true)
	m.IsEdns0().Option = []codec.EDNS0{&codec.EDNS0_COOKIE{Code: codec.EDNS0COOKIE, Cookie: "0123456789abcdef"}}
	b, _ := m.Pack()
	d.e.serve(nil, d.now, b, new(query), &path{client: netip.MustParseAddr(phone)})
	out := new(codec.Msg)
	if err := out.Unpack(d.sent[0].packet); err != nil {
		t.Fatal(err)
	}
	opt := out.IsEdns0()
	if opt == nil || len(opt.Option) != 0 || opt.UDPSize() != 1232 || !opt.Do() || out.Question[0].Name != "a.example." || !out.RecursionDesired {
		t.Error(out)
	}
}

func TestAnotherBearerAbandonsWhatIsOpen(t *testing.T) {
	d := newDesk(t, uplink())
	d.ask(phone, 1, "a.example.", codec.TypeA)
	tcp := path{client: netip.MustParseAddr(tablet), tcp: make(chan []byte, 1)}
	b, _ := new(codec.Msg).SetQuestion("b.example.", codec.TypeA).Pack()
	d.e.serve(nil, d.now, b, new(query), &tcp)
	d.e.use(uplink(), nil, d.now)
	d.wantIdle()
	if len(d.replies) != 0 {
		t.Error("a UDP client, which asks again by itself, was told of a failure")
	}
	select {
	case reply := <-tcp.tcp:
		if len(reply) < headerLen || reply[3]&0x0f != codec.RcodeServerFailure {
			t.Errorf("%x", reply)
		}
	default:
		t.Error("a TCP client was left waiting")
	}
}

func TestSocketErrorMovesOnAndTheLastOneFailsAtOnce(t *testing.T) {
	d := newDesk(t, uplink())
	d.hole[spare] = true
	d.ask(phone, 1, "a.example.", codec.TypeA)
	d.e.broke(d.now, 0)
	d.wantServers("10.0.0.1 10.0.0.2 ")
	d.e.broke(d.now, 1)
	if m := d.last(phone); m.Rcode != codec.RcodeServerFailure {
		t.Error(m)
	}
	d.wantIdle()
}

func TestPublicNameWithPrivateAddressIsRefused(t *testing.T) {
	for name, line := range map[string]string{
		"a.example.": "a.example. 60 IN A 192.168.8.1", "b.example.": "b.example. 60 IN A 127.0.0.1",
		"c.example.": "c.example. 60 IN A 169.254.1.1", "d.example.": "d.example. 60 IN A 0.0.0.0",
		"e.example.": "e.example. 60 IN AAAA ::1", "f.example.": "f.example. 60 IN AAAA fd00::1",
		"g.example.": "g.example. 60 IN AAAA ::ffff:8.8.8.8", "h.example.": "h.example. 60 IN AAAA fe80::1",
		"i.example.": "i.example. 60 IN HTTPS 1 . ipv4hint=10.1.2.3", "j.example.": "j.example. 60 IN SVCB 1 . ipv6hint=fd00::1",
		"k.example.": "k.example. 60 IN A 172.31.0.1",
	} {
		d := newDesk(t, uplink())
		rr, _ := codec.NewRR(line)
		d.ask(phone, 1, name, rr.Header().Rrtype)
		d.answer(0, line)
		if m := d.last(phone); m.Rcode != codec.RcodeNameError || len(m.Answer) != 0 || d.counts.rebind.Load() != 1 {
			t.Errorf("%s: %v", line, m)
		}
	}
}

func TestPrivateAddressPassesForExceptionsAndWhenSwitchedOff(t *testing.T) {
	d := newDesk(t, uplink())
	d.ask(phone, 1, "intra.CORP.example.", codec.TypeA)
	d.answer(0, "intra.corp.example. 60 IN A 10.1.2.3")
	if m := d.last(phone); len(m.Answer) != 1 {
		t.Error(m)
	}
	d.ask(phone, 1, "notcorp.example.", codec.TypeA)
	d.answer(1, "notcorp.example. 60 IN A 10.1.2.3")
	if m := d.last(phone); m.Rcode != codec.RcodeNameError {
		t.Error(m)
	}
	spec := uplink()
	spec.Rebind = false
	d = newDesk(t, spec)
	d.ask(phone, 1, "a.example.", codec.TypeA)
	d.answer(0, "a.example. 60 IN A 10.1.2.3")
	if m := d.last(phone); len(m.Answer) != 1 {
		t.Error(m)
	}
}

func TestCachedAnswerGrowsOldAndDies(t *testing.T) {
	d := newDesk(t, uplink())
	d.ask(phone, 1, "a.example.", codec.TypeA)
	d.answer(0, "a.example. 300 IN CNAME b.example.", "b.example. 60 IN A 203.0.113.1")
	d.last(phone)
	d.pass(59_000)
	d.ask(phone, 2, "a.example.", codec.TypeA)
	if m := d.last(phone); m.Answer[0].Header().Ttl != 241 || m.Answer[1].Header().Ttl != 1 {
		t.Error(m)
	}
	d.pass(1000)
	d.ask(phone, 3, "a.example.", codec.TypeA)
	d.wantServers("10.0.0.1 10.0.0.1 ")
}

func TestNegativeAnswerIsKeptAsLongAsItsZoneSays(t *testing.T) {
	d := newDesk(t, uplink())
	d.ask(phone, 1, "a.example.", codec.TypeHTTPS)
	d.answer(0, "example. 3600 IN SOA ns.example. hm.example. 1 2 3 4 30")
	if m := d.last(phone); m.Ns[0].Header().Ttl != 30 {
		t.Error(m)
	}
	d.pass(29_000)
	d.ask(phone, 1, "a.example.", codec.TypeHTTPS)
	d.wantServers("10.0.0.1 ")
	d.pass(1000)
	d.ask(phone, 1, "a.example.", codec.TypeHTTPS)
	d.wantServers("10.0.0.1 10.0.0.1 ")
}

func TestNegativeAnswerWithoutSOAIsNotKept(t *testing.T) {
	d := newDesk(t, uplink())
	d.ask(phone, 1, "a.example.", codec.TypeA)
	d.refuse(0, codec.RcodeNameError)
	d.ask(phone, 2, "a.example.", codec.TypeA)
	d.wantServers("10.0.0.1 10.0.0.1 ")
}

func TestCachedAnswerAllocatesNothing(t *testing.T) {
	d := newDesk(t, uplink())
	d.ask(phone, 1, "www.example.com.", codec.TypeA)
	d.answer(0, "www.example.com. 300 IN CNAME cdn.example.net.", "cdn.example.net. 60 IN A 203.0.113.1")
	m := new(codec.Msg).SetQuestion("WWW.example.com.", codec.TypeA)
	m.SetEdns0(1232, false)
	packet, _ := m.Pack()
	q, p, dst := new(query), &path{client: netip.MustParseAddr(phone)}, make([]byte, 0, maxUDP)
	now := d.now.Add(10 * time.Second)
	hits := d.counts.hits.Load()
	if n := testing.AllocsPerRun(1000, func() {
		if reply, _ := d.e.serve(dst, now, packet, q, p); reply == nil {
			t.Fatal("no reply")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if d.counts.hits.Load() != hits+1001 {
		t.Error("not from the cache")
	}
}

func BenchmarkHit(b *testing.B) {
	d := newDesk(b, uplink())
	d.ask(phone, 1, "www.example.com.", codec.TypeA)
	d.answer(0, "www.example.com. 300 IN CNAME cdn.example.net.", "cdn.example.net. 60 IN A 203.0.113.1")
	packet := d.sent[0].packet
	q, p, dst := new(query), &path{client: netip.MustParseAddr(phone)}, make([]byte, 0, maxUDP)
	for b.Loop() {
		d.e.serve(dst, d.now, packet, q, p)
	}
}

// BenchmarkMiss is a question's whole way through the engine, without system calls.
func BenchmarkMiss(b *testing.B) {
	spec := uplink()
	spec.CacheBytes = 0
	d := newDesk(b, spec)
	var answer []byte
	packet, _ := new(codec.Msg).SetQuestion("www.example.com.", codec.TypeA).Pack()
	d.e.edge.open = func(_ Upstream, _ netip.Addr, packet []byte) (int, error) {
		if answer == nil {
			m := new(codec.Msg)
			m.Unpack(packet)
			answer, _ = answerTo(b, m, "www.example.com. 300 IN CNAME cdn.example.net.", "cdn.example.net. 60 IN A 203.0.113.1").Pack()
		}
		copy(answer, packet[:2])
		return 1, nil
	}
	d.e.edge.close = func(int) {}
	d.e.edge.send = func(*path, []byte) {}
	q, p, dst := new(query), &path{client: netip.MustParseAddr(phone)}, make([]byte, 0, maxUDP)
	for b.Loop() {
		d.e.serve(dst, d.now, packet, q, p)
		d.e.hear(d.now, 1, answer)
	}
}

// A failure that comes without EDNS as well says nothing of EDNS.
func TestServerThatFailsOnceIsAskedWithEDNSAgain(t *testing.T) {
	d := newDesk(t, uplink())
	d.ask(phone, 1, "a.example.", codec.TypeA)
	for i := range 2 {
		d.reply(i, func(m *codec.Msg) *codec.Msg { return new(codec.Msg).SetRcode(m, codec.RcodeFormatError) })
	}
	d.wantServers("10.0.0.1 10.0.0.1 10.0.0.2 ")
	d.answer(2, "a.example. 60 IN A 203.0.113.1")
	d.ask(phone, 2, "b.example.", codec.TypeA)
	if binary.BigEndian.Uint16(d.sent[1].packet[10:]) != 0 || binary.BigEndian.Uint16(d.sent[3].packet[10:]) != 1 {
		t.Errorf("OPT in %x, then %x", d.sent[1].packet, d.sent[3].packet)
	}
}

// What cannot be sent at all, as over a family that the bearer lacks, keeps no question
// from the servers that can be reached.
func TestServersWithoutARouteUseUpNoTry(t *testing.T) {
	spec := uplink()
	spec.Upstream.Servers = nil
	for i := range maxTries + 1 {
		spec.Upstream.Servers = append(spec.Upstream.Servers, netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", i+1)))
	}
	d := newDesk(t, spec)
	for _, s := range spec.Upstream.Servers {
		d.hole[s] = true
	}
	d.ask(phone, 1, "a.example.", codec.TypeA)
	d.wantServers("9.9.9.9 ")
	d.answer(0, "a.example. 60 IN A 203.0.113.1")
	if m := d.last(phone); len(m.Answer) != 1 {
		t.Error(m)
	}
}
