package dns

import (
	"fmt"
	"net/netip"
	"testing"

	codec "github.com/miekg/dns"
)

// check holds the counts against the table.
func (d *desk) check() {
	d.t.Helper()
	r, total, asks, networks := &d.e.room, 0, map[*waiter]int{}, make([]int, len(d.e.views)+1)
	for _, p := range d.e.pending {
		for i := range p.askers {
			w := p.askers[i].waiter
			total++
			asks[w]++
			networks[w.network]++
			if w != r.byClient[p.askers[i].path.client] {
				d.t.Fatalf("%v is counted twice", w.client)
			}
		}
		if len(p.askers) == 0 || !p.open() {
			d.t.Fatalf("%q is open for nobody, or at nobody", p.key)
		}
	}
	if total != r.total || len(asks) != len(r.byClient) || fmt.Sprint(networks) != fmt.Sprint(r.byNetwork) {
		d.t.Fatalf("%d askers of %d clients, %v; counted %+v", total, len(asks), networks, r)
	}
	for w, n := range asks {
		if n != w.askers || n > maxPerClient {
			d.t.Fatalf("%v has %d, counted %d", w.client, n, w.askers)
		}
	}
	if total > maxAskers || len(d.e.pending) > maxPending || len(d.open) > maxPending*maxTries {
		d.t.Fatalf("%d askers, %d questions, %d sockets", total, len(d.e.pending), len(d.open))
	}
}

// flood asks n questions, all of them others, from each of clients addresses in turn.
func (d *desk) flood(format string, clients, n int) {
	d.t.Helper()
	for i := range n * clients {
		d.ask(fmt.Sprintf(format, 100+i%clients), uint16(i), fmt.Sprintf("n%d.%d.silent.example.", i, len(d.sent)), codec.TypeA)
		if i%16 == 0 {
			d.check()
		}
	}
	d.check()
}

// answered says whether a client's question that is asked now is answered, when the server
// takes some time and others go on meanwhile.
func (d *desk) answered(client string, id uint16, meanwhile func()) bool {
	d.t.Helper()
	name := fmt.Sprintf("wanted-%d.example.", id)
	before, sent := len(d.replies[client]), len(d.sent)
	d.ask(client, id, name, codec.TypeA)
	d.check()
	meanwhile()
	if len(d.sent) > sent && d.open[sent] {
		d.answer(sent, name+" 60 IN A 203.0.113.1")
	}
	d.check()
	return len(d.replies[client]) == before+1 && len(d.last(client).Answer) == 1
}

func TestOneClientCannotTakeAllRoom(t *testing.T) {
	d := newDesk(t, uplink())
	for i := range maxPerClient + 5 {
		d.ask(phone, uint16(i), fmt.Sprintf("n%d.example.", i), codec.TypeA)
	}
	d.ask(tablet, 1, "a.example.", codec.TypeA)
	if len(d.e.pending) != maxPerClient+1 || d.counts.dropped.Load() != 5 {
		t.Errorf("%d open, %d dropped", len(d.e.pending), d.counts.dropped.Load())
	}
}

// TestOneDeviceWithManyAddressesCannotTakeAllRoom: DHCP gives a device several addresses, and
// it can make up more.
func TestOneDeviceWithManyAddressesCannotTakeAllRoom(t *testing.T) {
	for _, addresses := range []int{4, 8, 100} {
		d := newDesk(t, uplink())
		d.flood("192.168.8.%d", addresses, 400/addresses)
		if len(d.e.pending) != maxPending {
			t.Fatalf("%d addresses have %d questions open", addresses, len(d.e.pending))
		}
		for i := range 20 {
			if !d.answered(phone, uint16(i), func() { d.flood("192.168.8.%d", addresses, 60/addresses) }) {
				t.Errorf("%d addresses keep others out", addresses)
			}
		}
		d.pass(3000) // further tries of those that are open take no other's sockets
		d.check()
		if !d.answered(phone, 50, func() {}) {
			t.Errorf("%d addresses have all sockets", addresses)
		}
		d.pass(6000)
		d.wantIdle()
	}
}

// TestGuestsCannotTakeTheRoomOfOthers: whatever addresses guests make up, the others have
// half, and guests have the rest.
func TestGuestsCannotTakeTheRoomOfOthers(t *testing.T) {
	spec := uplink()
	spec.Views = []View{{Askers: netip.MustParsePrefix("192.168.98.0/24")}}
	d := newDesk(t, spec)
	d.flood("192.168.98.%d", 150, 3)
	d.flood("192.168.8.%d", 5, 60)
	if r := d.e.room.byNetwork; r[0] != maxPending/2 || r[1] != maxPending/2 {
		t.Errorf("guests and others have %v open", r)
	}
	if !d.answered(phone, 1, func() { d.flood("192.168.98.%d", 150, 10) }) {
		t.Error("guests took what a client of the owner had")
	}
	if !d.answered("192.168.98.7", 2, func() { d.flood("192.168.8.%d", 5, 60) }) {
		t.Error("the others took what a guest had")
	}
	d.pass(6000)
	d.wantIdle()
}

// TestWaitingForOneNameIsBoundedToo: who loses its place among those that wait for a name
// leaves the others there.
func TestWaitingForOneNameIsBoundedToo(t *testing.T) {
	d := newDesk(t, uplink())
	d.ask(phone, 9, "popular.example.", codec.TypeA)
	for i := range 2 * maxAskers {
		d.ask(fmt.Sprintf("192.168.8.%d", 100+i%12), uint16(i), "popular.example.", codec.TypeA)
		d.check()
	}
	if d.e.room.total < maxAskers/2 || len(d.e.pending) != 1 {
		t.Errorf("%d wait for %d names", d.e.room.total, len(d.e.pending))
	}
	if !d.answered(tablet, 1, func() {}) {
		t.Error("no room for another name")
	}
	d.answer(0, "popular.example. 60 IN A 203.0.113.1")
	if m := d.last(phone); len(m.Answer) != 1 {
		t.Error(m)
	}
	d.wantIdle()
}

// TestWhoGivesWayByTCPIsTold: nobody asks again there.
func TestWhoGivesWayByTCPIsTold(t *testing.T) {
	d := newDesk(t, uplink())
	greedy := path{client: netip.MustParseAddr("192.168.8.200"), tcp: make(chan []byte, 1)}
	packet, _ := new(codec.Msg).SetQuestion("first.example.", codec.TypeA).Pack()
	if _, later := d.e.serve(nil, d.now, packet, new(query), &greedy); !later {
		t.Fatal("answered at once")
	}
	d.now = d.now.Add(1)
	d.flood("192.168.8.%d", 101, 1)
	d.flood("192.168.8.%d", 101, 2)
	var m codec.Msg
	select {
	case reply := <-greedy.tcp:
		if err := m.Unpack(reply); err != nil || m.Rcode != codec.RcodeServerFailure {
			t.Errorf("%v, %v", m, err)
		}
	default:
		t.Error("waits in vain")
	}
}

// BenchmarkFull is a question that nobody answers, of clients that ask for nothing else.
func BenchmarkFull(b *testing.B) {
	d := newDesk(b, uplink())
	d.flood("192.168.8.%d", 100, 4)
	socket := 1 << 20
	d.e.edge.open = func(Upstream, netip.Addr, []byte) (int, error) { socket++; return socket, nil }
	d.e.edge.close = func(int) {}
	packet, _ := new(codec.Msg).SetQuestion("n0000.example.com.", codec.TypeA).Pack()
	q, p, dst := new(query), path{client: netip.MustParseAddr("10.0.0.0")}, make([]byte, 0, maxUDP)
	for i := 0; b.Loop(); i++ {
		copy(packet[headerLen+2:], fmt.Sprintf("%04d", i%10000))
		if p.client = p.client.Next(); i%4096 == 0 {
			p.client = netip.MustParseAddr("10.0.0.0")
		}
		d.e.serve(dst, d.now, packet, q, &p)
	}
}
