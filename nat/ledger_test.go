package nat

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"
)

var (
	noon   = time.Unix(1_700_000_000, 0)
	phone  = adr("192.168.8.5")
	wanNow = map[netip.Addr]string{adr("10.64.0.2"): "wan0"}
)

func phoneFlow(id uint32, up, down uint64) flow {
	return flow{id, phone, adr("10.64.0.2"), Counters{up, down}}
}

// sums are what a ledger adds to nothing.
func sums(l *ledger) Status {
	st := Status{Clients: map[netip.Addr]Counters{}, Uplinks: map[string]Counters{"wan0": {}}}
	l.addTo(&st)
	return st
}

func TestLedgerCountsEveryByteOnce(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(l *ledger)
		want Counters
	}{
		{"a connection grows", func(l *ledger) {
			l.write(noon, wanNow, []flow{phoneFlow(1, 10, 100)})
			l.write(noon, wanNow, []flow{phoneFlow(1, 15, 100)})
			l.write(noon, wanNow, []flow{phoneFlow(1, 15, 300)})
		}, Counters{15, 300}},
		{"and ends", func(l *ledger) {
			l.write(noon, wanNow, []flow{phoneFlow(1, 10, 100)})
			l.end(noon, phoneFlow(1, 20, 120))
			l.write(noon, wanNow, nil)
		}, Counters{20, 120}},
		{"it ends before anybody saw it", func(l *ledger) {
			l.write(noon, wanNow, nil)
			l.end(noon, phoneFlow(1, 20, 120))
		}, Counters{20, 120}},
		{"its end is told after a look without it", func(l *ledger) {
			l.write(noon, wanNow, []flow{phoneFlow(1, 10, 100)})
			l.write(noon, wanNow, nil)
			l.end(noon, phoneFlow(1, 20, 120))
		}, Counters{20, 120}},
		{"its end is missed", func(l *ledger) {
			l.write(noon, wanNow, []flow{phoneFlow(1, 10, 100)})
			l.write(noon, wanNow, nil)
			l.write(noon, wanNow, nil)
		}, Counters{10, 100}},
		{"another one under its number", func(l *ledger) {
			l.write(noon, wanNow, []flow{phoneFlow(1, 10, 100)})
			l.write(noon, wanNow, []flow{phoneFlow(1, 3, 4)})
		}, Counters{13, 104}},
		{"rules have counted it so far", func(l *ledger) {
			l.begin([]flow{phoneFlow(1, 10, 100)})
			l.write(noon, wanNow, []flow{phoneFlow(1, 12, 100), phoneFlow(2, 1, 1)})
		}, Counters{3, 1}},
	} {
		var l ledger
		tc.do(&l)
		if st := sums(&l); st.Clients[phone] != tc.want || st.Uplinks["wan0"] != tc.want {
			t.Errorf("%s: %+v, %+v, want %+v", tc.name, st.Clients, st.Uplinks, tc.want)
		}
	}
}

// TestLedgerOnAnyWalk: whatever is seen when, the sum is what the connections carried.
func TestLedgerOnAnyWalk(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		var l ledger
		var want Counters
		live := map[uint32]flow{}
		l.write(noon, wanNow, nil)
		for step := range uint32(100) {
			if len(live) < 5 {
				live[step+1000] = phoneFlow(step+1000, 0, 0)
			}
			for id, f := range live {
				up, down := r.Uint64N(1000), r.Uint64N(1000)
				f.bytes, want = f.bytes.plus(Counters{up, down}), want.plus(Counters{up, down})
				live[id] = f
				if r.IntN(4) == 0 {
					l.end(noon, f)
					delete(live, id)
				}
			}
			if r.IntN(3) == 0 {
				l.write(noon, wanNow, values(live))
			}
		}
		l.write(noon, wanNow, values(live))
		if got := sums(&l).Clients[phone]; got != want {
			t.Fatalf("seed %d: %+v, want %+v", seed, got, want)
		}
	}
}

func values(m map[uint32]flow) (out []flow) {
	for _, f := range m {
		out = append(out, f)
	}
	return out
}

func TestLedgerForgets(t *testing.T) {
	var l ledger
	l.write(noon, wanNow, []flow{phoneFlow(1, 10, 100)})
	l.write(noon.Add(forget), wanNow, nil)
	if st := sums(&l); st.Clients[phone].Up != 10 {
		t.Errorf("forgotten too early: %+v", st.Clients)
	}
	l.write(noon.Add(forget+time.Second), wanNow, nil)
	if st := sums(&l); len(st.Clients) != 0 || len(l.seen) != 0 {
		t.Errorf("not forgotten: %+v %+v", st.Clients, l.seen)
	}
	gone := Status{Clients: map[netip.Addr]Counters{}, Uplinks: map[string]Counters{}}
	l.addTo(&gone)
	if len(gone.Uplinks) != 0 || sums(&l).Uplinks["wan0"] != (Counters{}) {
		t.Error("the sum of an uplink that went came back with it")
	}
}

func TestLedgerIsBounded(t *testing.T) {
	var l ledger
	for i := range 3 * maxClients {
		l.write(noon, wanNow, []flow{{id: uint32(i), client: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), bytes: Counters{1, 1}}})
	}
	if len(l.clients) != maxClients || len(l.seen) > 2 {
		t.Errorf("%d clients, %d connections", len(l.clients), len(l.seen))
	}
}

func TestClientFlow(t *testing.T) {
	f := conntrack.NewFlow(unix.IPPROTO_TCP, conntrack.StatusSrcNAT, phone, adr("203.0.113.5"), 1000, 80, 60, 0)
	f.ID, f.TupleReply.IP.DestinationAddress = 7, adr("10.64.0.2")
	f.CountersOrig.Bytes, f.CountersReply.Bytes = 5, 6
	if got, ok := clientFlow(&f); !ok || got != phoneFlow(7, 5, 6) {
		t.Errorf("%+v, %v", got, ok)
	}
	for what, change := range map[string]func(*conntrack.Flow){
		"the gateway's own": func(f *conntrack.Flow) { f.Status.Value = conntrack.StatusSeenReply },
		"a ping":            func(f *conntrack.Flow) { f.TupleOrig.Proto.Protocol = unix.IPPROTO_ICMP },
	} {
		other := f
		change(&other)
		if got, ok := clientFlow(&other); ok {
			t.Errorf("%s is counted: %+v", what, got)
		}
	}
}

func TestOnlyEndsOfConnectionsAreWritten(t *testing.T) {
	d := New(Options{})
	for _, m := range []netlink.Message{
		{Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES << 8}},
		{Header: netlink.Header{Type: unix.NFNL_SUBSYS_CTNETLINK<<8 | 2}},
		{Header: netlink.Header{Type: unix.NFNL_SUBSYS_CTNETLINK<<8 | 2}, Data: []byte{2, 0, 0, 0, 1}},
		{Header: netlink.Header{Type: unix.NFNL_SUBSYS_CTNETLINK << 8, Flags: netlink.Create}, Data: []byte{2, 0, 0, 0}},
	} {
		d.connectionsEnded([]netlink.Message{m})
	}
	if d.ledger.clients != nil {
		t.Errorf("written: %+v", d.ledger)
	}
}
