package nat

import (
	"context"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/nstest"
)

// TestReloadsUnderTraffic reloads the ruleset, in ways that must not matter to a
// client, while its connection carries data all the time.
func TestReloadsUnderTraffic(t *testing.T) {
	w := newWorld(t)
	d := New(Options{})
	apply(t, d, sharing())
	echo(t, w.operator, server+":80")
	c := mustDial(t, w.client, server+":80")
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		b := make([]byte, 1000)
		for {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			if _, err := c.Write(b); err != nil {
				ended <- err
				return
			}
			if _, err := io.ReadFull(c, b); err != nil {
				ended <- err
				return
			}
		}
	}()
	other := sharing()
	other.LANs[0].APIPort = 9090
	other.Uplinks = append(other.Uplinks, Uplink{Interface: "wan1", Shared: true})
	for range 10 {
		apply(t, d, other)
		apply(t, New(Options{}), sharing())
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestAnUplinkThatWentTakesItsCountersAlong keeps the table from growing with every
// name that a modem ever had.
func TestAnUplinkThatWentTakesItsCountersAlong(t *testing.T) {
	nstest.Enter(t)
	d := New(Options{})
	for _, name := range []string{"wwan0", "wwan1", "wwan2"} {
		s := sharing()
		s.Uplinks[0].Interface = name
		apply(t, d, s)
		if st := d.Observe(); len(st.Uplinks) != 1 || st.Uplinks[name] != (Counters{}) {
			t.Errorf("%s: %v", name, st.Uplinks)
		}
	}
	apply(t, d, closed())
	if st := d.Observe(); len(st.Uplinks) != 0 {
		t.Errorf("no uplink: %v", st.Uplinks)
	}
}

// TestIPv6StaysOnItsLink: the gateway's own IPv6 goes on working on both sides, and
// none is forwarded.
func TestIPv6StaysOnItsLink(t *testing.T) {
	w := newWorld(t)
	v6 := func(dev, addr string) string { return "ip -6 addr add " + addr + "/64 dev " + dev + " nodad" }
	nstest.Run(t, v6("lan0", "2001:db8:1::1"), v6("wan0", "2001:db8:2::2"), "sysctl -q -w net.ipv6.conf.all.forwarding=1")
	w.client.Run(t, v6("eth0", "2001:db8:1::5"), "ip -6 route add default via 2001:db8:1::1")
	w.operator.Run(t, v6("net0", "2001:db8:2::1"), "ip -6 route add default via 2001:db8:2::2")
	var ln net.Listener
	w.operator.Do(t, func() {
		var err error
		if ln, err = net.Listen("tcp6", "[2001:db8:2::1]:80"); err != nil {
			t.Error(err)
		}
	})
	defer ln.Close()
	reach := func(patience time.Duration) (err error) {
		w.client.Do(t, func() {
			var c net.Conn
			if c, err = net.DialTimeout("tcp6", "[2001:db8:2::1]:80", patience); err == nil {
				c.Close()
			}
		})
		return err
	}
	if err := reach(5 * time.Second); err != nil {
		t.Fatal("before any ruleset: ", err)
	}
	for _, s := range []Spec{closed(), sharing()} {
		s.LANs[0].Bridge = "lan0"
		apply(t, New(Options{}), s)
		nstest.Run(t, "ip -6 neigh flush all")
		if err := reach(300 * time.Millisecond); !silence(err) {
			t.Errorf("IPv6 is forwarded, or refused: %v", err)
		}
		nstest.Run(t, "ping -6 -q -c1 -w10 2001:db8:2::1", "ping -6 -q -c1 -w10 2001:db8:1::5")
		w.operator.Run(t, "ip -6 neigh flush all")
		nstest.Run(t, "ping -6 -q -c1 -w10 2001:db8:2::1") // whose sender must find the gateway anew
		w.client.Run(t, "ip -6 neigh flush all", "ping -6 -q -c1 -w10 2001:db8:1::1")
	}
}

func TestClosedBeforeForwarding(t *testing.T) {
	w := newWorld(t)
	nstest.Run(t, "sysctl -q -w net.ipv4.conf.lan0.forwarding=0 net.ipv4.conf.wan0.forwarding=0")
	s := closed()
	s.LANs[0].Bridge = "lan0"
	apply(t, New(Options{}), s)
	nstest.Run(t, "sysctl -q -w net.ipv4.conf.lan0.forwarding=1 net.ipv4.conf.wan0.forwarding=1")
	echo(t, w.operator, server+":80")
	echo(t, w.client, "192.168.8.5:80")
	if _, err := dial(t, w.client, server+":80", 200*time.Millisecond); err == nil {
		t.Error("a client gets out")
	}
	if _, err := dial(t, w.operator, "192.168.8.5:80", 200*time.Millisecond); err == nil {
		t.Error("somebody gets in")
	}
}

func TestRunEndsAtOnce(t *testing.T) {
	nstest.Enter(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := New(Options{}).Run(ctx, func() {}); err != nil {
		t.Error(err)
	}
}

func TestConcern(t *testing.T) {
	msg := func(typ uint16, data []byte) []netlink.Message {
		return []netlink.Message{{Header: netlink.Header{Type: netlink.HeaderType(typ)}, Data: data}}
	}
	const nft = unix.NFNL_SUBSYS_NFTABLES << 8
	foreign := slices.Clone(hexRule)
	copy(foreign[8:], "tetherx")
	for name, tc := range map[string]struct {
		typ  uint16
		data []byte
		want bool
	}{
		"our rule":          {nft | unix.NFT_MSG_NEWRULE, hexRule, true},
		"our rule went":     {nft | unix.NFT_MSG_DELRULE, hexRule, true},
		"our table went":    {nft | unix.NFT_MSG_DELTABLE, hexRule, true},
		"our set's client":  {nft | unix.NFT_MSG_NEWSETELEM, hexRule, false},
		"a generation":      {nft | unix.NFT_MSG_NEWGEN, hexRule, false},
		"another table":     {nft | unix.NFT_MSG_NEWRULE, foreign, false},
		"another subsystem": {unix.NFNL_SUBSYS_CTNETLINK<<8 | unix.NFT_MSG_NEWRULE, hexRule, false},
		"nothing":           {nft | unix.NFT_MSG_NEWRULE, nil, false},
		"cut short":         {nft | unix.NFT_MSG_NEWRULE, hexRule[:9], false},
	} {
		if got := concern(msg(tc.typ, tc.data)); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if concern(nil) {
		t.Error("no messages are a concern")
	}
}

func TestFingerprintKnowsOrderWhereItMatters(t *testing.T) {
	var a, b, c fingerprint
	a.rule("x", "1", nil)
	a.rule("x", "2", nil)
	a.counter("n")
	b.counter("n")
	b.rule("x", "1", nil)
	b.rule("x", "2", nil)
	c.rule("x", "2", nil)
	c.rule("x", "1", nil)
	c.counter("n")
	if a.String() != b.String() {
		t.Error("the order of definitions must not matter")
	}
	if a.String() == c.String() {
		t.Error("the order of rules must matter")
	}
}

func TestMeaningLooksPastWhatKernelsAdd(t *testing.T) {
	one := marshal(why("", iif("wan0"), count("in-wan0"), drop()))
	if one == nil || meaning(one) == "" {
		t.Fatal("a rule without meaning")
	}
	for name, other := range map[string]rule{
		"interface": why("", iif("wan1"), count("in-wan0"), drop()),
		"direction": why("", oif("wan0"), count("in-wan0"), drop()),
		"counter":   why("", iif("wan0"), count("in-wan1"), drop()),
		"verdict":   why("", iif("wan0"), count("in-wan0"), accept()),
		"more":      why("", iif("wan0"), count("in-wan0"), refuse(), drop()),
		"less":      why("", iif("wan0"), drop()),
	} {
		if meaning(marshal(other)) == meaning(one) {
			t.Errorf("another %s means the same", name)
		}
	}
	pairs := [][2]term{
		{goTo("a"), goTo("b")}, {tcp(53), udp(53)}, {tcp(53), tcp(54)}, {ping4(), ping6()}, {known(), invalid()},
		{saddr(pfx("10.0.0.0/8")), daddr(pfx("10.0.0.0/8"))}, {saddr(pfx("10.0.0.0/8")), saddr(pfx("10.0.0.0/9"))},
		{clampTo(1400), clampTo(1401)}, {clamp(), clampTo(1400)}, {discovery(), ping6()},
		{tally(setUp, "ip saddr", offsetSource), tally(setDown, "ip saddr", offsetSource)},
	}
	for _, p := range pairs {
		if meaning(marshal(why("", p[0]))) == meaning(marshal(why("", p[1]))) {
			t.Errorf("%q and %q mean the same", p[0].text, p[1].text)
		}
	}
}

func TestClampBounds(t *testing.T) {
	for mtu, want := range map[int]string{1400: "1360", 1500: "1460", 10: "0", -5: "0", 1 << 20: "65535"} {
		if got := clampTo(mtu).text; !strings.HasSuffix(got, " size set "+want) {
			t.Errorf("MTU %d: %s", mtu, got)
		}
	}
}

func TestUplinkCountersByName(t *testing.T) {
	got := uplinkCounters([]*nftables.CounterObj{
		{Name: "in-wan0", Bytes: 1}, {Name: "out-wan0", Bytes: 2}, {Name: "out-4g/2bx", Bytes: 3}, {Name: "kitchen", Bytes: 4},
	})
	if len(got) != 2 || got["wan0"] != (Counters{Up: 2, Down: 1}) || got["4g+x"] != (Counters{Up: 3}) {
		t.Errorf("%v", got)
	}
}

func TestSubnetsAreMaskedAndIPv4(t *testing.T) {
	s := Spec{LANs: []LAN{{Subnets: []netip.Prefix{pfx("192.168.8.1/24"), pfx("2001:db8::/64"), {}}}}}
	if got := subnets(s); len(got) != 1 || got[0] != pfx("192.168.8.0/24") {
		t.Errorf("%v", got)
	}
}
