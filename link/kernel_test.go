package link

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"github.com/tetherd/tetherd/lab/nstest"
	"golang.org/x/sys/unix"
)

// gateway enters a namespace with two LAN ports and an uplink to a peer.
func gateway(t *testing.T) (peer *nstest.Space) {
	t.Helper()
	nstest.Enter(t)
	peer = nstest.New(t)
	nstest.Run(t,
		"ip tuntap add lan1 mode tap",
		"ip tuntap add lan2 mode tap",
		"ip link add wwan0 type veth peer name net0 netns "+peer.Path())
	peer.Run(t, "ip addr add 10.64.0.1/30 dev net0", "ip link set net0 up",
		"ip addr add 203.0.113.5/32 dev lo")
	return peer
}

func apply(t *testing.T, d *Driver, s Spec) {
	t.Helper()
	if err := d.Apply(s); err != nil {
		t.Fatal(err)
	}
	if drift := Drift(s, d.Observe()); len(drift) > 0 {
		t.Fatalf("applied and yet:\n%s", strings.Join(drift, "\n"))
	}
}

// kernelText is what iproute2 says of everything that this package touches.
func kernelText(t *testing.T) string {
	t.Helper()
	s := nstest.Run(t, "ip -d link show type bridge", "ip link", "ip -4 -o addr", "ip -4 -d route show table all", "ip -d rule")
	for _, c := range []string{"br-tether", "wwan0", "br-lan"} {
		for _, k := range []string{"forwarding", "rp_filter"} {
			b, _ := os.ReadFile("/proc/sys/net/ipv4/conf/" + c + "/" + k)
			s += c + " " + k + " " + string(b)
		}
	}
	// Timers tick, and carriers come and go, by themselves.
	s = regexp.MustCompile(`(hello|tcn|topology_change|gc)_timer +[0-9.]+|NO-CARRIER,|,LOWER_UP|state \w+| linkdown|valid_lft.*`).ReplaceAllString(s, "")
	return regexp.MustCompile(` +\n`).ReplaceAllString(s, "\n")
}

// lines counts the lines of a text that hold all of the words.
func lines(s string, words ...string) int {
	n := 0
	for _, l := range strings.Split(s, "\n") {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(l, w) }) {
			n++
		}
	}
	return n
}

func TestApplyMakesWhatIprouteSees(t *testing.T) {
	gateway(t)
	s := Spec{Forward: true, LANs: []LAN{lanSpec}, Uplinks: []Uplink{wwan}}
	d := New(Options{})
	apply(t, d, s)
	got := nstest.Run(t, "ip -4 -o addr show up", "ip rule", "ip route show table 100", "ip route")
	want := `inet 127.0.0.1/8 scope host lo
inet 192.168.8.1/24 scope global br-tether:t
inet 10.64.0.2/30 scope global wwan0:t
0:	from all lookup local
9700:	from all fwmark 0x61 lookup 100 proto 97
9730:	from all iif br-tether lookup main suppress_prefixlength 0 proto 97
9740:	from all iif br-tether lookup 100 proto 97
9750:	from all iif br-tether unreachable proto 97
32766:	from all lookup main
32767:	from all lookup default
default via 10.64.0.1 dev wwan0 proto 97 onlink
default via 10.64.0.1 dev wwan0 proto 97 metric 700 onlink
10.64.0.0/30 dev wwan0 proto kernel scope link src 10.64.0.2
192.168.8.0/24 dev br-tether proto kernel scope link src 192.168.8.1`
	got = regexp.MustCompile(`(?m)^\d+: \S+ +(inet .*?)(\\.*)?$`).ReplaceAllString(got, "$1")
	got = regexp.MustCompile(`(?m) (linkdown)? *$`).ReplaceAllString(got, "") // a port's carrier comes when it will
	sorted := func(s string) []string { return slices.Sorted(strings.Lines(strings.TrimSpace(s) + "\n")) }
	if d := cmp.Diff(sorted(want), sorted(got)); d != "" {
		t.Error(d)
	}
	br := nstest.Run(t, "ip -d link show br-tether")
	for _, w := range []string{"alias tetherd", "forward_delay 0 ", "stp_state 0 ", "link/ether " + bridgeMAC("br-tether", nil).String()} {
		if !strings.Contains(br, w) {
			t.Errorf("the bridge lacks %q:\n%s", w, br)
		}
	}
	if got := nstest.Run(t, "ip -br link show master br-tether"); lines(got, "lan1", "UP") != 1 || lines(got, "lan2", "UP") != 1 {
		t.Errorf("ports: %s", got)
	}
	if got := nstest.Run(t, "ip link show wwan0"); lines(got, "mtu 1400") != 1 {
		t.Errorf("uplink: %s", got)
	}
	if got := nstest.Run(t, "sysctl -n net.ipv4.ip_forward net.ipv4.conf.all.forwarding net.ipv4.conf.all.rp_filter net.ipv4.conf.lan1.forwarding net.ipv4.conf.br-tether.forwarding net.ipv4.conf.wwan0.forwarding net.ipv4.conf.wwan0.rp_filter"); got != "0\n0\n0\n0\n1\n1\n2\n" {
		t.Errorf("sysctls: %q", got)
	}
}

// announced is what the kernel tells of while f runs.
func announced(t *testing.T, f func()) (all []netlink.Message) {
	t.Helper()
	c, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{Groups: groups})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	f()
	nstest.Run(t, "ip tuntap add sentinel mode tap")
	defer nstest.Run(t, "ip link del sentinel")
	for {
		msgs, err := c.Receive()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range msgs {
			if n, _ := decodeLink(m.Data); n.name == "sentinel" {
				return all
			}
			all = append(all, m)
		}
	}
}

// silent fails when f makes the kernel announce a change that somebody asked for;
// announcements by the kernel itself (carriers) bear no sender.
func silent(t *testing.T, f func()) {
	t.Helper()
	for _, m := range announced(t, f) {
		if m.Header.PID != 0 {
			t.Errorf("the kernel announced message type %d", m.Header.Type)
		}
	}
}

func TestApplyTwiceTouchesNothing(t *testing.T) {
	gateway(t)
	s := Spec{Forward: true, LANs: []LAN{lanSpec}, Uplinks: []Uplink{wwan}}
	apply(t, New(Options{}), s)
	before := kernelText(t)
	silent(t, func() { apply(t, New(Options{}), s) })
	if d := cmp.Diff(before, kernelText(t)); d != "" {
		t.Error(d)
	}
}

func TestZeroSpecRemovesAllOfOurs(t *testing.T) {
	gateway(t)
	nstest.Run(t, "ip link set lan1 up", "ip link set lan2 up", "ip link set wwan0 up mtu 1400")
	d := New(Options{})
	if got := d.Observe(); len(got.InForce) > 0 || got.Error != "" {
		t.Fatalf("before anything: %q %s", got.InForce, got.Error)
	}
	before := kernelText(t)
	only := wwan
	only.Own = false
	apply(t, d, Spec{Forward: true, LANs: []LAN{lanSpec}, Uplinks: []Uplink{wwan}})
	apply(t, d, Spec{Forward: true, LANs: []LAN{lanSpec}, Uplinks: []Uplink{only}})
	apply(t, New(Options{}), Spec{}) // another process does it
	if d := cmp.Diff(before, kernelText(t)); d != "" {
		t.Error(d)
	}
	if got := d.Observe().InForce; len(got) > 0 {
		t.Errorf("left: %q", got)
	}
}

// ruleOfTheFuture adds a foreign rule with an attribute that libraries do not know
// (FRA_DSCP, since Linux 6.13; older kernels ignore it).
func ruleOfTheFuture(t *testing.T) {
	t.Helper()
	b, err := encodeRule(rule{priority: 100, table: 7})
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(b, []byte{Protocol, 0, 0, 0})
	b[i] = unix.RTPROT_STATIC
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b = append(b, 5, 0, 25, 0, 3, 0, 0, 0)
	if err := request(c, unix.RTM_NEWRULE, netlink.Create, b, nil); err != nil {
		t.Fatal(err)
	}
}

func TestForeignThingsStay(t *testing.T) {
	gateway(t)
	nstest.Run(t,
		"ip link add br-lan type bridge stp_state 1 forward_delay 1500", "ip link set lan2 master br-lan", "ip link set br-lan up",
		"ip addr add 192.168.1.1/24 dev br-lan", "ip link set lan2 up", "ip link set wwan0 up", "ip link set lan1 up",
		"ip addr add 172.20.0.9/24 dev wwan0", "ip route add 10.99.0.0/16 dev wwan0", "ip route add default dev br-lan metric 700 table 7",
		"ip rule add pref 9745 fwmark 5 lookup 7 proto static")
	ruleOfTheFuture(t)
	before := kernelText(t)
	s := Spec{Forward: true, LANs: []LAN{{Bridge: "br-lan", Ports: []string{"lan1"}, Address: pfx("192.168.1.1/24")}}, Uplinks: []Uplink{wwan}}
	s.Uplinks[0].MTU = 0
	d := New(Options{})
	apply(t, d, s)
	if got := nstest.Run(t, "ip -o -4 addr show br-lan"); lines(got, "192.168.1.1/24") != 1 || lines(got, LabelSuffix) != 0 {
		t.Errorf("a foreign address of the same value was not adopted as it is: %s", got)
	}
	if got := nstest.Run(t, "ip -br link show master br-lan"); lines(got, "lan1") != 1 || lines(got, "lan2") != 1 {
		t.Errorf("ports: %s", got)
	}
	want := []netip.Prefix{pfx("10.99.0.0/16"), pfx("172.20.0.0/24"), pfx("192.168.1.0/24")}
	if d := cmp.Diff(want, d.Observe().Foreign, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
		t.Error(d)
	}
	apply(t, d, Spec{})
	if d := cmp.Diff(before, kernelText(t)); d != "" {
		t.Error(d)
	}
}

func TestSameAddressOfTwoOwners(t *testing.T) {
	gateway(t)
	s := Spec{Forward: true, LANs: []LAN{{Bridge: "br-lan", Address: pfx("192.168.8.1/24")}}}
	nstest.Run(t, "ip link add br-lan type bridge")
	apply(t, New(Options{}), s)
	nstest.Run(t, "ip addr add 192.168.1.1/24 dev br-lan")
	s.LANs[0].Address = pfx("192.168.9.1/24")
	apply(t, New(Options{}), s)
	got := nstest.Run(t, "ip -o -4 addr show br-lan")
	if lines(got, "192.168.1.1/24") != 1 || lines(got, "192.168.9.1/24", "br-lan:t") != 1 || lines(got, "192.168.8.1") != 0 {
		t.Errorf("addresses: %s", got)
	}
}

func TestPortsComeAndGo(t *testing.T) {
	gateway(t)
	s := Spec{Forward: true, LANs: []LAN{lanSpec}}
	s.LANs[0].Ports = []string{"lan1", "lan3"}
	d := New(Options{})
	apply(t, d, s)
	bridge := func() string { f, _ := find(d.Observe().Interfaces, "br-tether"); return f.MAC.String() }
	mac := bridge()
	nstest.Run(t, "ip tuntap add tprobe0 mode tap", "ip link set tprobe0 master br-tether", "ip link set lan2 master br-tether",
		"ip tuntap add lan3 mode tap", "ip link set lan3 address 00:00:00:00:00:01")
	want := []string{"missing: link lan3 up mtu 1500", "missing: port lan3 in br-tether",
		"not wanted: link lan2 down mtu 1500", "not wanted: port lan2 in br-tether"}
	if d := cmp.Diff(want, Drift(s, d.Observe())); d != "" {
		t.Error(d)
	}
	apply(t, d, s)
	got := nstest.Run(t, "ip -br link show master br-tether")
	if lines(got, "lan1") != 1 || lines(got, "lan2") != 0 || lines(got, "lan3") != 1 || lines(got, "tprobe0") != 1 {
		t.Errorf("ports: %s", got)
	}
	if now := bridge(); now != mac || len(mac) != 17 {
		t.Errorf("the bridge's address moved from %s to %s", mac, now)
	}
}

func TestBridgeCutShortIsFinished(t *testing.T) {
	gateway(t)
	d := New(Options{})
	s := Spec{Forward: true, LANs: []LAN{lanSpec}}
	nstest.Run(t, "ip link add br-tether group 97 type bridge stp_state 1")
	if got := d.Observe().InForce; !slices.Contains(got, "bridge br-tether without alias") {
		t.Errorf("in force: %q", got)
	}
	apply(t, d, s)
	nstest.Run(t, "ip link set br-tether type bridge stp_state 1")
	if drift := Drift(s, d.Observe()); len(drift) != 2 {
		t.Errorf("drift: %q", drift)
	}
	apply(t, d, s)
	apply(t, d, Spec{})
	if got := nstest.Run(t, "ip -br link show type bridge"); got != "" {
		t.Errorf("left: %s", got)
	}
}

func TestANameThatIsNoBridge(t *testing.T) {
	gateway(t)
	err := New(Options{}).Apply(Spec{Forward: true, LANs: []LAN{{Bridge: "lan1"}}})
	if err == nil || !strings.HasPrefix(err.Error(), "link: create bridge lan1: ") {
		t.Errorf("error: %v", err)
	}
}

func TestLongNamesAndTunnels(t *testing.T) {
	nstest.Enter(t)
	nstest.Run(t, "ip tuntap add tun0 mode tun", "ip tuntap add enx021122334455 mode tap")
	s := Spec{Forward: true, Uplinks: []Uplink{
		{Interface: "enx021122334455", Addresses: []netip.Prefix{pfx("10.1.2.3/29")}, Table: 1000, Own: true},
		{Interface: "tun0", Addresses: []netip.Prefix{pfx("100.70.3.4/32")}, Gateway: adr("100.70.3.5"), MTU: 1280, Table: 101, Mark: 9, Shared: true},
	}}
	d := New(Options{})
	apply(t, d, s)
	if got := nstest.Run(t, "ip route show table 1000"); lines(got, "default dev enx021122334455 proto 97 scope link") != 1 {
		t.Errorf("device route: %s", got)
	}
	if got := nstest.Run(t, "ip route show table 101"); lines(got, "default via 100.70.3.5 dev tun0 proto 97 ") != 1 {
		t.Errorf("gateway outside of the prefix: %s", got)
	}
	apply(t, d, Spec{})
	if got := nstest.Run(t, "ip -4 -br addr"); lines(got, "enx") != 0 || lines(got, "tun0") != 0 {
		t.Errorf("left: %s", got)
	}
}

// TestAddressChangeInEveryShape walks through changes where the kernel takes more
// along than what was removed: secondary addresses, all routes of an interface.
func TestAddressChangeInEveryShape(t *testing.T) {
	gateway(t)
	d := New(Options{})
	s := Spec{Forward: true, LANs: []LAN{lanSpec}, Uplinks: []Uplink{wwan}}
	u := &s.Uplinks[0]
	for _, step := range [][2]string{
		{"10.64.0.2/30", "10.64.0.1"}, {"10.64.0.1/30", "10.64.0.2"}, {"10.64.0.1/32", ""}, {"10.64.0.5/24", "10.64.0.1"},
		{"10.64.0.5/25", "10.64.0.1"}, {"", ""}, {"172.16.5.6/32", "172.16.5.6"},
	} {
		u.Addresses, u.Gateway = nil, netip.Addr{}
		if step[0] != "" {
			u.Addresses = []netip.Prefix{pfx(step[0])}
		}
		if step[1] != "" {
			u.Gateway = adr(step[1])
		}
		apply(t, d, s)
		before := kernelText(t)
		silent(t, func() { apply(t, New(Options{}), s) })
		if d := cmp.Diff(before, kernelText(t)); d != "" {
			t.Error(d)
		}
	}
}

func TestGatewayChangeLeavesNoGap(t *testing.T) {
	gateway(t)
	d := New(Options{})
	s := Spec{Forward: true, Uplinks: []Uplink{wwan}}
	apply(t, d, s)
	s.Uplinks = slices.Clone(s.Uplinks)
	s.Uplinks[0].Gateway = adr("10.64.0.5")
	for _, m := range announced(t, func() { apply(t, d, s) }) {
		switch m.Header.Type {
		case unix.RTM_DELROUTE, unix.RTM_DELADDR:
			t.Errorf("something was removed on the way: type %d", m.Header.Type)
		}
	}
}

func TestUplinkUnpluggedAndBack(t *testing.T) {
	peer := gateway(t)
	d := New(Options{})
	s := Spec{Forward: true, LANs: []LAN{lanSpec}, Uplinks: []Uplink{wwan}}
	apply(t, d, s)
	nstest.Run(t, "ip link del wwan0")
	want := []string{"not wanted: rule 9700 fwmark 0x61 table 100", "not wanted: rule 9740 iif br-tether table 100"}
	if d := cmp.Diff(want, Drift(s, d.Observe())); d != "" {
		t.Error(d)
	}
	apply(t, d, s)
	if got := nstest.Run(t, "ip rule"); lines(got, "iif br-tether unreachable") != 1 {
		t.Errorf("the LAN is not closed: %s", got)
	}
	nstest.Run(t, "ip link add wwan0 type veth peer name net0 netns "+peer.Path())
	apply(t, d, s)
}

// TestConnectionSurvivesANewProcess keeps a TCP connection through the uplink
// while the same Spec is applied again by a driver that knows nothing.
func TestConnectionSurvivesANewProcess(t *testing.T) {
	peer := gateway(t)
	s := Spec{Forward: true, LANs: []LAN{lanSpec}, Uplinks: []Uplink{wwan}}
	apply(t, New(Options{}), s)
	var ln net.Listener
	peer.Do(t, func() {
		var err error
		if ln, err = net.Listen("tcp4", "203.0.113.5:80"); err != nil {
			t.Error(err)
		}
	})
	if ln == nil {
		t.FailNow()
	}
	defer ln.Close()
	go func() {
		if c, err := ln.Accept(); err == nil {
			_, _ = io.Copy(c, c)
		}
	}()
	c, err := net.DialTimeout("tcp4", "203.0.113.5:80", 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range 3 {
		apply(t, New(Options{}), s)
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		msg := fmt.Append(nil, "still here ", i)
		if _, err := c.Write(msg); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(msg))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != string(msg) {
			t.Fatalf("echo %q: %v", got, err)
		}
	}
}

// TestForwardingWithoutTheGlobalSwitch sends a client's packet through, out of an
// uplink that main has no route to, with a strict filter wished for globally.
func TestForwardingWithoutTheGlobalSwitch(t *testing.T) {
	peer := gateway(t)
	client := nstest.New(t)
	nstest.Run(t, "ip link del lan1", "ip link add lan1 type veth peer name eth0 netns "+client.Path(),
		"sysctl -q -w net.ipv4.conf.all.rp_filter=1")
	client.Run(t, "ip addr add 192.168.8.5/24 dev eth0", "ip link set eth0 up", "ip route add default via 192.168.8.1")
	peer.Run(t, "ip route add 192.168.8.0/24 via 10.64.0.2")
	u := wwan
	u.Own = false
	apply(t, New(Options{}), Spec{Forward: true, LANs: []LAN{lanSpec}, Uplinks: []Uplink{u}})
	client.Run(t, "ping -c1 -w10 203.0.113.5", "ping -c1 -w10 10.64.0.2")
	nstest.Run(t, "ping -I wwan0 -c1 -w10 203.0.113.5", "ping -m 97 -c1 -w10 203.0.113.5")
	u.Shared = false
	apply(t, New(Options{}), Spec{Forward: true, LANs: []LAN{lanSpec}, Uplinks: []Uplink{u}})
	client.Do(t, func() {
		if _, err := net.DialTimeout("tcp4", "203.0.113.5:80", 2*time.Second); err == nil || !strings.Contains(err.Error(), "unreachable") {
			t.Errorf("a client without a way out must be told at once: %v", err)
		}
	})
}

// TestClosingComesFirst: while rules and routes change, nothing is forwarded any more,
// and what is new is not open either, whatever the namespace's default is.
func TestClosingComesFirst(t *testing.T) {
	gateway(t)
	nstest.Run(t, "sysctl -q -w net.ipv4.conf.default.forwarding=1")
	var log bytes.Buffer
	d := New(Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	s := Spec{Forward: true, LANs: []LAN{lanSpec}, Uplinks: []Uplink{wwan}}
	apply(t, d, s)
	log.Reset()
	s.Forward, s.Uplinks = false, []Uplink{wwan}
	s.Uplinks[0].Shared, s.Uplinks[0].Mark = false, 0x62
	apply(t, d, s)
	steps := strings.SplitN(log.String(), "\n", 3)
	for _, l := range steps[:2] {
		if !strings.Contains(l, `forwarding = 0"`) {
			t.Errorf("step before the LAN is closed: %s", l)
		}
	}
	apply(t, d, Spec{})
	nstest.Run(t, "ip link del wwan0", "ip tuntap add wwan0 mode tun")
	apply(t, d, s)
	if got := nstest.Run(t, "sysctl -n net.ipv4.conf.br-tether.forwarding net.ipv4.conf.wwan0.forwarding net.ipv4.conf.default.forwarding"); got != "0\n0\n1\n" {
		t.Errorf("%q", got)
	}
	s.Forward = true
	apply(t, d, s)
}

func TestRunTellsOfChangesOnly(t *testing.T) {
	gateway(t)
	d := New(Options{})
	apply(t, d, Spec{Forward: true, LANs: []LAN{lanSpec}, Uplinks: []Uplink{wwan}})
	ctx, cancel := context.WithCancel(context.Background())
	calls := make(chan struct{}, 1000)
	done := nstest.Here(t).Start(func() error { return d.Run(ctx, func() { calls <- struct{}{} }) })
	wait := func(why string) {
		t.Helper()
		select {
		case <-calls:
		case <-time.After(5 * time.Second):
			t.Fatal("not told: ", why)
		}
	}
	wait("start")
	for _, change := range []string{
		"ip tuntap add x0 mode tap", "ip addr add 10.1.1.1/24 dev x0", "ip link set x0 up",
		"ip route add 10.2.0.0/16 dev x0", "ip rule add pref 7 lookup 7", "ip link set lan1 nomaster", "ip link del x0",
	} {
		for len(calls) > 0 {
			<-calls
		}
		nstest.Run(t, change)
		wait(change)
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Run does not end")
	}
}

func TestObserveCounts(t *testing.T) {
	peer := gateway(t)
	d := New(Options{})
	apply(t, d, Spec{Forward: true, Uplinks: []Uplink{wwan}})
	before, _ := find(d.Observe().Interfaces, "wwan0")
	peer.Run(t, "ping -q -c3 -i0.01 -s 972 10.64.0.2")
	after, _ := find(d.Observe().Interfaces, "wwan0")
	// 3 x (972 data + 8 ICMP + 20 IP + 14 Ethernet), and perhaps ARP
	if rx := after.RxBytes - before.RxBytes; rx < 3042 || rx > 3600 {
		t.Errorf("%d bytes in", rx)
	}
	if tx := after.TxBytes - before.TxBytes; tx < 3042 || tx > 3600 {
		t.Errorf("%d bytes out", tx)
	}
	if !after.Up || !after.Carrier || after.MTU != 1400 || len(after.MAC) != 6 {
		t.Errorf("uplink: %+v", after)
	}
}

func TestSysctlsThatCannotBeWritten(t *testing.T) {
	gateway(t)
	d := New(Options{Root: t.TempDir()})
	s := Spec{Forward: true, Uplinks: []Uplink{wwan}}
	err := d.Apply(s)
	if err == nil || !strings.Contains(err.Error(), "set sysctl net.ipv4.conf.wwan0.forwarding = 1") {
		t.Errorf("error: %v", err)
	}
	if drift := Drift(s, d.Observe()); len(drift) != 2 {
		t.Errorf("drift: %q", drift)
	}
}

func BenchmarkObserve(b *testing.B) {
	nstest.Enter(b)
	d := New(Options{})
	for b.Loop() {
		if s := d.Observe(); s.Error != "" {
			b.Fatal(s.Error)
		}
	}
}
