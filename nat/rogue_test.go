package nat

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/lab/nstest"
)

// from gives a client another address.
func (y yard) from(t *testing.T, i int, a netip.Addr) yard {
	t.Helper()
	y.clients[i].Run(t, "ip addr flush dev eth0", fmt.Sprintf("ip addr add %v/24 dev eth0", a), "ip route add default via 192.168.8.1")
	return y
}

// places are the addresses of those who have one.
func places(d *Driver) (out []netip.Addr) {
	for _, s := range d.Observe().Slots {
		out = append(out, s.Addr)
	}
	return out
}

// TestMadeUpClientsHaveOnePlace: a station that leases in the names of many gets nothing
// by it, and when its own lease ends, its place goes to one of the others.
func TestMadeUpClientsHaveOnePlace(t *testing.T) {
	y := newYard(t, 2)
	d := New(Options{})
	apply(t, d, limitTo(3))
	d.Bind(hwOf(0), home(0), true)
	if !y.reaches(t, 0) {
		t.Fatal("its own lease does not count")
	}
	for i := 10; i < 14; i++ {
		d.Bind(hwOf(0), home(i), false)
		if y.from(t, 0, home(i)).reachesSoon(t, 0) {
			t.Errorf("made-up client %d gets through", i)
		}
	}
	if got := places(d); !slices.Equal(got, []netip.Addr{home(0)}) {
		t.Errorf("places are %v", got)
	}
	d.Bind(nil, home(0), false)
	if got := places(d); !slices.Equal(got, []netip.Addr{home(10)}) || !y.from(t, 0, home(10)).reaches(t, 0) || y.from(t, 0, home(11)).reachesSoon(t, 0) {
		t.Errorf("without its own lease it has %v", got)
	}
	d.Bind(hwOf(0), home(0), true)
	if got := places(d); !slices.Equal(got, []netip.Addr{home(0)}) || y.from(t, 0, home(10)).reachesSoon(t, 0) || !y.from(t, 0, home(0)).reaches(t, 0) {
		t.Errorf("with its own lease again it has %v", got)
	}
}

// TestAnotherSystemKeepsThePlace: who leases another address in its own name, as the
// system behind a boot loader does, takes its place along, which no one else gets meanwhile.
func TestAnotherSystemKeepsThePlace(t *testing.T) {
	y := newYard(t, 2)
	d := New(Options{})
	apply(t, d, limitTo(1))
	d.Bind(hwOf(0), home(0), true)
	d.Bind(hwOf(1), home(1), true)
	if !y.reaches(t, 0) || y.reachesSoon(t, 1) {
		t.Fatal("the first is not served")
	}
	d.Bind(hwOf(0), home(5), true)
	if got := places(d); !slices.Equal(got, []netip.Addr{home(5)}) {
		t.Fatalf("places are %v", got)
	}
	if y.reachesSoon(t, 0) || y.reachesSoon(t, 1) || !y.from(t, 0, home(5)).reaches(t, 0) {
		t.Error("the place did not go along with its client")
	}
}

// TestTheSystemThatRunsHasThePlace: a device with two systems, each with a lease that still
// holds, has its place under the address of the one that asked last, however often it
// changes, and never two; in the names of others it changes nothing.
func TestTheSystemThatRunsHasThePlace(t *testing.T) {
	y := newYard(t, 2)
	d := New(Options{})
	apply(t, d, limitTo(2))
	d.Bind(hwOf(0), home(0), true)
	d.Bind(hwOf(0), home(5), true)
	d.Bind(hwOf(1), home(1), true)
	if !y.from(t, 0, home(5)).reaches(t, 0) || !y.reaches(t, 1) {
		t.Fatal("both have no place")
	}
	for _, system := range []int{0, 5, 0} { // it boots, and renews what it had
		d.Bind(hwOf(0), home(system), true)
		if got := places(d); !slices.Equal(got, sorted(home(1), home(system))) {
			t.Fatalf("system %d: places are %v", system, got)
		}
		if other := 5 - system; y.from(t, 0, home(other)).reachesSoon(t, 0) || !y.from(t, 0, home(system)).reaches(t, 0) {
			t.Errorf("system %d: not it alone gets through", system)
		}
	}
	d.Bind(hwOf(0), home(5), false) // asked for by somebody else
	if got := places(d); !slices.Equal(got, sorted(home(0), home(1))) {
		t.Errorf("asked for by another: places are %v", got)
	}
	if d.Bind(nil, home(0), false); !slices.Equal(places(d), sorted(home(1), home(5))) {
		t.Errorf("the lease of the one that ran has ended: places are %v", places(d))
	}
}

func sorted(list ...netip.Addr) []netip.Addr {
	slices.SortFunc(list, netip.Addr.Compare)
	return list
}

// TestAReleaseEndsNoWait: whoever lost its place to the owner waits, also when it leases
// anew.
func TestAReleaseEndsNoWait(t *testing.T) {
	y := newYard(t, 1)
	d := New(Options{})
	s := limitTo(2)
	apply(t, d, s)
	d.Bind(hwOf(0), home(0), true)
	if !y.reaches(t, 0) {
		t.Fatal("it is not served")
	}
	s.Free = []Free{{ID: "a", MAC: hwOf(0)}}
	apply(t, d, s)
	d.Bind(nil, home(0), false)
	d.Bind(hwOf(0), home(0), true)
	d.Bind(hwOf(0), home(3), true)
	if y.reachesSoon(t, 0) || y.from(t, 0, home(3)).reachesSoon(t, 0) || len(places(d)) > 0 {
		t.Errorf("it is back at once: %v", places(d))
	}
	until := d.registry.parked[mac(hwOf(0))]
	if more := d.registry.again(until.Add(-1)); !more || y.reachesSoon(t, 0) {
		t.Error("it is back too early")
	}
	if more := d.registry.again(until); more || !y.from(t, 0, home(3)).reaches(t, 0) {
		t.Error("it is not back when its time is over")
	}
}

// TestALimitEndsWhatGoesOn: from the moment of a limit nothing comes to a client without a
// place, also by a connection from before.
func TestALimitEndsWhatGoesOn(t *testing.T) {
	y := newYard(t, 2)
	d := New(Options{})
	s := limitTo(0)
	apply(t, d, s)
	heard := make([]net.PacketConn, 2)
	from := make([]net.Addr, 2)
	buf := make([]byte, 100)
	for i := range 2 {
		d.Bind(hwOf(i), home(i), true)
		y.clients[i].Do(t, func() { heard[i], _ = net.ListenPacket("udp4", ":0") })
		defer heard[i].Close()
		at := &net.UDPAddr{IP: net.ParseIP(server), Port: 7}
		if _, err := heard[i].WriteTo([]byte("begin"), at); err != nil {
			t.Fatal(err)
		}
		_ = y.heard.SetReadDeadline(time.Now().Add(5 * time.Second))
		var err error
		if _, from[i], err = y.heard.ReadFrom(buf); err != nil {
			t.Fatal(err)
		}
	}
	hears := func(i int, text string, patience time.Duration) bool {
		if _, err := y.heard.WriteTo([]byte(text), from[i]); err != nil {
			t.Fatal(err)
		}
		_ = heard[i].SetReadDeadline(time.Now().Add(patience))
		n, _, err := heard[i].ReadFrom(buf)
		return err == nil && string(buf[:n]) == text
	}
	if !hears(0, "before", patient) || !hears(1, "before", patient) {
		t.Fatal("nothing comes in")
	}
	apply(t, d, limitTo(1))
	if hears(0, "after", soon) || hears(1, "after", soon) {
		t.Error("what went on before the limit goes on")
	}
	if !y.reaches(t, 0) {
		t.Fatal("nobody has a place")
	}
	apply(t, d, limitTo(2))
	if !y.reaches(t, 1) {
		t.Fatal("there is no second place")
	}
	apply(t, d, limitTo(1))
	if n := len(places(d)); n != 1 || y.reachesSoon(t, 0) == y.reachesSoon(t, 1) {
		t.Errorf("%d places are left", n)
	}
}

// TestTheSyntheticClientIsNobodyElse: its MAC is welcome at its own ports alone, and where
// ports cannot be told it passes no limit.
func TestTheSyntheticClientIsNobodyElse(t *testing.T) {
	y := newYard(t, 1)
	d := New(Options{})
	s := limitTo(1)
	apply(t, d, s)
	if !d.Welcome(s.Exempt) {
		t.Error("it is not welcome where nobody has seen it")
	}
	y.clients[0].Run(t, "ip link set eth0 address "+s.Exempt.String())
	if y.reachesSoon(t, 0) {
		t.Error("another port with its MAC passes the limit")
	}
	eventually(t, "another port with its MAC is turned away", func() bool { y.says(t, 0, ""); return !d.Welcome(s.Exempt) })
	s.NoPorts = true
	apply(t, d, s)
	if y.reachesSoon(t, 0) || strings.Contains(Render(s).String(), s.Exempt.String()) {
		t.Error("without ports its MAC passes the limit")
	}
	s.Limit = 0
	apply(t, d, s)
	if y.says(t, 0, ""); d.Welcome(s.Exempt) {
		t.Error("without a limit somebody else may lease in its name")
	}
	y.clients[0].Run(t, "ip link set eth0 down")
	nstest.Run(t, "ip link set p0 down", "ip link set p0 name tprobe7", "ip link set tprobe7 up")
	y.clients[0].Run(t, "ip link set eth0 up", "ip route replace default via 192.168.8.1")
	eventually(t, "at its own port it is welcome", func() bool { y.says(t, 0, ""); return d.Welcome(s.Exempt) })
}

// TestTableOfAnotherProgram: sets of other sizes, as an earlier or later program makes
// them, are replaced, and those with a place keep it.
func TestTableOfAnotherProgram(t *testing.T) {
	y := newYard(t, 1)
	d := New(Options{})
	apply(t, d, limitTo(1))
	d.Bind(hwOf(0), home(0), true)
	if !y.reaches(t, 0) {
		t.Fatal("it is not served")
	}
	nstest.Run(t, "nft flush chain bridge tetherd seen", "nft delete set bridge tetherd places",
		"nft add set bridge tetherd places { typeof meta iifname . ether saddr . ip saddr ; size 4096 ; }")
	next := New(Options{})
	apply(t, next, limitTo(1))
	if drift := Drift(limitTo(1), next.Observe()); len(drift) > 0 {
		t.Errorf("the table stays: %q", drift)
	}
	if !y.reaches(t, 0) {
		t.Error("a client with a place is refused")
	}
}

// TestLeftBehindByAnother: of what a former process left, and what the lease file says
// meanwhile, one lease of a MAC counts: the one that was in force.
func TestLeftBehindByAnother(t *testing.T) {
	y := newYard(t, 1)
	d := New(Options{})
	apply(t, d, limitTo(1))
	d.Bind(hwOf(0), home(4), true)
	if !y.from(t, 0, home(4)).reaches(t, 0) {
		t.Fatal("it is not served")
	}
	next := New(Options{})
	next.Bind(hwOf(0), home(2), true)
	apply(t, next, limitTo(1))
	if y.from(t, 0, home(2)).reachesSoon(t, 0) || !y.from(t, 0, home(4)).reaches(t, 0) {
		t.Error("the older lease counts")
	}
}
