package nat

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/nstest"
)

// yard is a gateway with a bridge of several ports, a client at each of the first ones,
// and an operator that hears their datagrams.
type yard struct {
	clients  []*nstest.Space
	operator *nstest.Space
	heard    net.PacketConn
	lost     *int // datagrams that were heard only when they were repeated
}

func newYard(t *testing.T, n int) yard {
	t.Helper()
	nstest.Enter(t)
	y := yard{operator: nstest.New(t), lost: new(int)}
	nstest.Run(t, "ip link add br0 address 02:00:00:00:08:fe type bridge", "ip link set br0 up", "ip addr add 192.168.8.1/24 dev br0",
		"ip link add wan0 type veth peer name net0 netns "+y.operator.Path(), "ip addr add 10.64.0.2/24 dev wan0",
		"ip link set wan0 up", "ip route add default via 10.64.0.1",
		"sysctl -q -w net.ipv4.conf.br0.forwarding=1 net.ipv4.conf.wan0.forwarding=1")
	y.operator.Run(t, "ip addr add 10.64.0.1/24 dev net0", "ip addr add "+server+"/32 dev lo", "ip link set net0 up")
	for i := range n {
		c := nstest.New(t)
		y.clients = append(y.clients, c)
		y.attach(t, i, fmt.Sprint("p", i))
		c.Run(t, fmt.Sprintf("ip addr add %v/24 dev eth0", home(i)), "ip route add default via 192.168.8.1",
			"ping -q -c1 -w10 192.168.8.1") // the bridge knows its port from then on, as of who asked for a lease
	}
	y.operator.Do(t, func() {
		var err error
		if y.heard, err = net.ListenPacket("udp4", server+":7"); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { y.heard.Close() })
	return y
}

// attach joins client i to a port of its own, with the MAC that it always has.
func (y yard) attach(t *testing.T, i int, port string) {
	t.Helper()
	nstest.Run(t, "ip link add "+port+" type veth peer name eth0 netns "+y.clients[i].Path(),
		"ip link set "+port+" master br0", "ip link set "+port+" up")
	y.clients[i].Run(t, "ip link set eth0 address "+hwOf(i).String(), "ip link set eth0 up")
}

func home(i int) netip.Addr       { return netip.AddrFrom4([4]byte{192, 168, 8, byte(100 + i)}) }
func hwOf(i int) net.HardwareAddr { return net.HardwareAddr{2, 0, 0, 0, 8, byte(i)} }

// says has client i send a datagram.
func (y yard) says(t *testing.T, i int, text string) {
	t.Helper()
	y.clients[i].Do(t, func() {
		c, err := net.Dial("udp4", server+":7")
		if err != nil {
			return // it has no way
		}
		defer c.Close()
		_, _ = c.Write([]byte(text)) // it may be refused
	})
}

// How long is waited for what must come, however busy the machine is, and for what must not.
const (
	patient = 10 * time.Second
	soon    = 300 * time.Millisecond
)

func patienceFor(expected bool) time.Duration {
	if expected {
		return patient
	}
	return soon
}

// reaches says whether a datagram of client i comes out at the operator's side, for who
// expects it.
func (y yard) reaches(t *testing.T, i int) bool {
	t.Helper()
	return y.reachesWithin(t, i, patient)
}

// reachesSoon likewise for who expects it not to, or asks again.
func (y yard) reachesSoon(t *testing.T, i int) bool {
	t.Helper()
	return y.reachesWithin(t, i, soon)
}

// reachesWithin repeats the datagram, as clients do: a busy kernel drops one now and then,
// but not two in a test.
func (y yard) reachesWithin(t *testing.T, i int, patience time.Duration) bool {
	t.Helper()
	const repeat = 2 * time.Second
	text := fmt.Sprintf("client %d at %v", i, time.Now().UnixNano())
	end := time.Now().Add(patience)
	for try := 0; time.Now().Before(end); try++ {
		y.says(t, i, fmt.Sprintf("%s, try %d", text, try))
		heard := y.hears(text, time.Now().Add(min(repeat, time.Until(end))))
		if heard != "" && !strings.HasSuffix(heard, "try 0") {
			if *y.lost++; *y.lost > 1 {
				t.Errorf("client %d: %d datagrams were lost", i, *y.lost)
			}
		}
		if heard != "" {
			return true
		}
	}
	return false
}

// hears waits for a datagram that begins with a text; "" none came.
func (y yard) hears(text string, until time.Time) string {
	buf := make([]byte, 100)
	_ = y.heard.SetReadDeadline(until)
	for {
		n, _, err := y.heard.ReadFrom(buf)
		if err != nil || strings.HasPrefix(string(buf[:n]), text) {
			return string(buf[:n])
		}
	}
}

// limitTo lets n clients of the yard have Internet.
func limitTo(n int) Spec {
	s := limit()
	s.LANs[0].Bridge, s.Limit = "br0", n
	return s
}

// live runs a driver until the test ends.
func live(t *testing.T, d *Driver) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := nstest.Here(t).Start(func() error { return d.Run(ctx, func() {}) })
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for begun := time.Now(); !holds(); {
		if time.Since(begun) > 15*time.Second {
			t.Fatalf("%s: not within 15 s\n%s", what, nstest.Run(t, "nft list ruleset", "bridge fdb show br br0"))
		}
	}
}

// TestFirstComeFirstServed: who sends first has a place, as long as it is a client with a
// lease; the others are refused until one is taken away, also over a restart.
func TestFirstComeFirstServed(t *testing.T) {
	y := newYard(t, 4)
	d := New(Options{})
	apply(t, d, limitTo(2))
	for i := range 3 {
		if y.reachesSoon(t, i) {
			t.Errorf("client %d has no lease and gets through", i)
		}
		d.Bind(hwOf(i), home(i), true)
	}
	if !d.Placed(hwOf(1)) {
		t.Error("a free place is nobody's to find")
	}
	for _, i := range []int{2, 0, 1, 3, 2, 0} {
		if first := i == 2 || i == 0; y.reachesWithin(t, i, patienceFor(first)) != first {
			t.Fatalf("client %d gets through: %v", i, !first)
		}
	}
	if st := d.Observe(); len(st.Slots) != 2 || st.Slots[0].Addr != home(0) || st.Slots[1].Addr != home(2) || st.Slots[0].Left <= 0 {
		t.Errorf("places are %+v", st.Slots)
	}
	if !d.Placed(hwOf(0)) || d.Placed(hwOf(1)) || d.Placed(hwOf(3)) || !d.Placed(limitTo(2).Exempt) || !New(Options{}).Placed(hwOf(1)) {
		t.Error("it is not known who has a place")
	}
	next := New(Options{}) // the former one was killed
	if len(Drift(limitTo(2), next.Observe())) == 0 {
		t.Error("the next process need not look after the places")
	}
	apply(t, next, limitTo(2))
	if !y.reaches(t, 0) || !y.reaches(t, 2) || y.reachesSoon(t, 1) {
		t.Error("a restart changes who gets through")
	}
	s := limitTo(2)
	s.Free = []Free{{ID: "a", MAC: hwOf(0)}}
	next.Bind(hwOf(1), home(1), true)
	apply(t, next, s)
	if y.reachesSoon(t, 0) || !y.reaches(t, 1) || y.reachesSoon(t, 0) || !y.reaches(t, 2) {
		t.Error("a place that was taken away is not free for the next")
	}
}

// twoOfThree is a yard of three clients, of which the last two came first and have the places.
func twoOfThree(t *testing.T) (yard, *Driver) {
	t.Helper()
	y := newYard(t, 3)
	d := New(Options{})
	apply(t, d, limitTo(2))
	for i := range 3 {
		d.Bind(hwOf(i), home(i), true)
	}
	if !y.reaches(t, 1) || !y.reaches(t, 2) || y.reachesSoon(t, 0) {
		t.Fatal("the first two are not served")
	}
	return y, d
}

// TestSmallerAndLargerLimit: a changed number leaves those with a place theirs, as many
// as fit.
func TestSmallerAndLargerLimit(t *testing.T) {
	y, d := twoOfThree(t)
	apply(t, d, limitTo(3))
	if st := d.Observe(); len(st.Slots) != 2 || !y.reaches(t, 0) || !y.reaches(t, 1) || !y.reaches(t, 2) {
		t.Errorf("with a larger limit %+v", st.Slots)
	}
	y.says(t, 0, "again") // who sent last is not who came first
	apply(t, d, limitTo(2))
	if got := places(d); !slices.Equal(got, sorted(home(1), home(2))) {
		t.Errorf("of three the two who came first are to stay, and %v have a place", got)
	}
	if y.reachesSoon(t, 0) || !y.reaches(t, 2) || !y.reaches(t, 1) {
		t.Error("not those who came first get through")
	}
	apply(t, d, limitTo(1))
	if st := d.Observe(); len(st.Slots) != 1 {
		t.Errorf("with a smaller limit %+v", st.Slots)
	}
	apply(t, d, sharing())
	if left := nstest.Run(t, "nft list tables"); strings.Contains(left, "bridge") {
		t.Errorf("without a limit there are %s", left)
	}
}

// TestPlacesOutliveAFlush: who had a place before somebody flushed all rules has it when
// they are back, whoever sends first then.
func TestPlacesOutliveAFlush(t *testing.T) {
	y, d := twoOfThree(t)
	d.Observe()
	nstest.Run(t, "nft flush ruleset")
	if drift := Drift(limitTo(2), d.Observe()); len(drift) == 0 {
		t.Error("the flush is not seen")
	}
	d.registry.sweep()
	apply(t, d, limitTo(2))
	if y.reachesSoon(t, 0) || !y.reaches(t, 2) || !y.reaches(t, 1) {
		t.Error("a flush changes who gets through")
	}
	apply(t, d, limitTo(1))
	if got := places(d); !slices.Equal(got, sorted(home(1))) {
		t.Errorf("of two the one who came first is to stay, and %v have a place", got)
	}
}

// TestPauseOfSharing: who had a place before nothing was shared for a while has it afterwards,
// with its connections, whoever sends first then.
func TestPauseOfSharing(t *testing.T) {
	y, d := twoOfThree(t)
	pause := limitTo(2)
	pause.Sharing = false
	for range 2 { // again by another process
		apply(t, d, pause)
		if y.reachesSoon(t, 0) || y.reachesSoon(t, 1) {
			t.Error("somebody gets through while nothing is shared")
		}
		d = New(Options{})
	}
	apply(t, d, limitTo(2))
	for i := range 3 {
		d.Bind(hwOf(i), home(i), true)
	}
	if y.reachesSoon(t, 0) || !y.reaches(t, 1) || !y.reaches(t, 2) {
		t.Error("a pause changes who gets through")
	}
}

// TestNobodyTakesAnothersPlace: another port with the MAC and the address of who has a
// place, its address under another MAC, and its MAC with another address, get nothing.
func TestNobodyTakesAnothersPlace(t *testing.T) {
	y := newYard(t, 3)
	d := New(Options{})
	apply(t, d, limitTo(1))
	live(t, d)
	d.Bind(hwOf(0), home(0), true)
	if !y.reaches(t, 0) {
		t.Fatal("the first is not served")
	}
	take := func(hw net.HardwareAddr, a netip.Addr) {
		y.clients[1].Run(t, "ip addr flush dev eth0", "ip link set eth0 address "+hw.String(),
			fmt.Sprintf("ip addr add %v/24 dev eth0", a), "ip route add default via 192.168.8.1")
	}
	for _, as := range []struct {
		hw net.HardwareAddr
		a  netip.Addr
	}{{hwOf(0), home(0)}, {hwOf(1), home(0)}, {hwOf(0), home(1)}} {
		take(as.hw, as.a)
		if y.reachesSoon(t, 1) {
			t.Errorf("%v with %v gets through", as.hw, as.a)
		}
		if slices.Equal(as.hw, hwOf(0)) {
			eventually(t, "its MAC is not welcome at another port", func() bool {
				y.says(t, 1, "") // the bridge sees it there, until the first one sends again
				return !d.Welcome(as.hw)
			})
		}
		if !y.reaches(t, 0) || !d.Welcome(hwOf(0)) {
			t.Fatalf("%v with %v pushes the first one out", as.hw, as.a)
		}
	}
	// A lease in its name from another MAC, while its own has not ended.
	d.Bind(hwOf(1), home(0), true)
	if take(hwOf(1), home(0)); y.reachesSoon(t, 1) || !y.reaches(t, 0) {
		t.Error("a second lease of the address takes the place")
	}
}

// TestRoaming: a client that leaves its port for another keeps its place.
func TestRoaming(t *testing.T) {
	y := newYard(t, 2)
	d := New(Options{})
	apply(t, d, limitTo(1))
	live(t, d)
	d.Bind(hwOf(0), home(0), true)
	d.Bind(hwOf(1), home(1), true)
	if !y.reaches(t, 0) || y.reachesSoon(t, 1) {
		t.Fatal("the first is not served")
	}
	y.moves(t, 0, "p9")
	eventually(t, "at its new port it gets through", func() bool { return y.reachesSoon(t, 0) })
	if y.reachesSoon(t, 1) {
		t.Error("and so does another")
	}
}

// moves has a client leave its port for another.
func (y yard) moves(t *testing.T, i int, port string) {
	t.Helper()
	y.clients[i].Run(t, "ip link del eth0")
	y.attach(t, i, port)
	y.clients[i].Run(t, fmt.Sprintf("ip addr add %v/24 dev eth0", home(i)), "ip route add default via 192.168.8.1")
}

// TestRoamingInAFlood: a client keeps its place also when the news that it moved is lost among
// those of others.
func TestRoamingInAFlood(t *testing.T) {
	y := newYard(t, 1)
	d := New(Options{})
	apply(t, d, limitTo(1))
	ctx, cancel := context.WithCancel(t.Context())
	lost, full := make(chan struct{}, 1), make(chan sighting)
	watched := nstest.Here(t).Start(func() error {
		conn, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{Groups: 1 << (unix.RTNLGRP_NEIGH - 1)})
		if err != nil {
			return err
		}
		defer conn.Close()
		context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
		return watchPorts(ctx, conn, full, lost)
	})
	kept := nstest.Here(t).Start(func() error { return d.keepPlaces(ctx, nil, lost, nil, func() {}) })
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-watched, <-kept); err != nil {
			t.Error(err)
		}
	})
	d.Bind(hwOf(0), home(0), true)
	eventually(t, "it is served", func() bool { return y.reachesSoon(t, 0) })
	y.moves(t, 0, "p9")
	eventually(t, "at its new port it gets through", func() bool { return y.reachesSoon(t, 0) })
}

// TestAbsence: who was silent for the absence has lost its place to whoever comes next,
// and nothing of its connections goes on.
func TestAbsence(t *testing.T) {
	y := newYard(t, 2)
	d := New(Options{})
	s := limitTo(1)
	s.Absence = time.Second
	apply(t, d, s)
	live(t, d)
	for i := range 2 {
		d.Bind(hwOf(i), home(i), true)
	}
	if !y.reaches(t, 0) || y.reachesSoon(t, 1) {
		t.Fatal("the first is not served")
	}
	eventually(t, "the second gets through", func() bool { return y.reachesSoon(t, 1) })
	if y.reachesSoon(t, 0) {
		t.Error("the first gets through as well")
	}
}

// TestBytesAreNotInherited: who leases the address of another begins at zero.
func TestBytesAreNotInherited(t *testing.T) {
	y := newYard(t, 1)
	d := New(Options{})
	s := sharing()
	s.LANs[0].Bridge = "br0"
	apply(t, d, s)
	d.Bind(hwOf(0), home(0), true)
	if !y.reaches(t, 0) || d.Observe().Clients[home(0)].Up == 0 {
		t.Fatal("nothing is counted")
	}
	d.Bind(hwOf(0), home(0), true) // renewed
	d.Bind(nil, home(0), false)
	d.Bind(hwOf(0), home(0), true) // and leased again
	if d.Observe().Clients[home(0)].Up == 0 {
		t.Error("its own bytes are forgotten")
	}
	d.ledger.write(time.Now(), nil, []flow{{id: 1, client: home(0), bytes: Counters{Up: 1000}}}) // by a flow table
	if up := d.Observe().Clients[home(0)].Up; up < 1000 {
		t.Errorf("%d bytes with those that passed by the rules", up)
	}
	d.Bind(nil, home(0), false)
	d.Bind(hwOf(1), home(0), true)
	if up := d.Observe().Clients[home(0)].Up; up != 0 {
		t.Errorf("the next begins with %d bytes", up)
	}
}

// TestPortsTableIsWatched: without the table nobody gets through, and it is made again.
func TestPortsTableIsWatched(t *testing.T) {
	y := newYard(t, 1)
	d := New(Options{})
	apply(t, d, limitTo(1))
	d.Bind(hwOf(0), home(0), true)
	for _, harm := range []string{"nft delete table bridge tetherd", "nft flush chain bridge tetherd seen", "nft add rule bridge tetherd seen accept"} {
		eventually(t, "before "+harm+" it gets through", func() bool { return y.reachesSoon(t, 0) })
		nstest.Run(t, harm)
		if drift := Drift(limitTo(1), d.Observe()); len(drift) == 0 {
			t.Errorf("%q is not seen", harm)
		}
		apply(t, d, limitTo(1))
	}
	if apply(t, d, Spec{}); nstest.Run(t, "nft list tables") != "" {
		t.Error("a table is left")
	}
}

// TestRoamingToAnAccessPoint: a client that goes over to an access point at a wire keeps its
// place, but not before it has been silent where it was: until then it may be somebody else.
func TestRoamingToAnAccessPoint(t *testing.T) {
	y := newYard(t, 2)
	d := New(Options{})
	apply(t, d, limitTo(1))
	live(t, d)
	d.Bind(hwOf(0), home(0), true)
	if !y.reaches(t, 0) {
		t.Fatal("the first is not served")
	}
	y.clients[1].Run(t, "ip addr flush dev eth0", "ip link set eth0 address "+hwOf(0).String(),
		fmt.Sprintf("ip addr add %v/24 dev eth0", home(0)), "ip route add default via 192.168.8.1")
	if y.reachesSoon(t, 1) || d.Silent(hwOf(0), home(0)) {
		t.Fatal("it takes the place of one who speaks")
	}
	if !d.Silent(hwOf(1), home(1)) {
		t.Error("one who never spoke is not silent")
	}
	silence := limitTo(1).Absence - away - 2*time.Second
	slot := fmt.Sprintf("{ %v . %v", hwOf(0), home(0))
	nstest.Run(t, "nft delete element inet tetherd slots "+slot+" }",
		fmt.Sprintf("nft add element inet tetherd slots %s timeout %ds }", slot, int(silence.Seconds())))
	eventually(t, "it follows its MAC", func() bool { return y.reachesSoon(t, 1) })
	eventually(t, "back home it is served at once", func() bool { return y.reachesSoon(t, 0) })
	apply(t, d, limitTo(0))
	if !d.Silent(hwOf(0), home(0)) {
		t.Error("without a limit there is a place to lose")
	}
}
