package link

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	lanSpec = LAN{Bridge: "br-tether", Ports: []string{"lan1", "lan2"}, Address: pfx("192.168.8.1/24")}
	wwan    = Uplink{
		Interface: "wwan0", Addresses: []netip.Prefix{pfx("10.64.0.2/30")}, Gateway: adr("10.64.0.1"),
		MTU: 1400, Table: 100, Mark: 0x61, Own: true, Shared: true,
	}
)

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func adr(s string) netip.Addr   { return netip.MustParseAddr(s) }

func text(lines []string) string { return strings.Join(lines, "\n") + "\n" }

func TestRenderStories(t *testing.T) {
	closed := `bridge br-tether
link br-tether up
rule 9730 iif br-tether table 254 without default
rule 9750 iif br-tether unreachable
sysctl net.ipv4.conf.br-tether.forwarding = 1
`
	for _, tc := range []struct {
		name string
		spec Spec
		have []Interface
		want string
	}{
		{name: "nothing wished", have: []Interface{{Name: "eth0", Up: true}}, want: "\n"},
		{name: "a LAN without address or uplink is closed", spec: Spec{Forward: true, LANs: []LAN{{Bridge: "br-tether"}}}, want: closed},
		{
			name: "absent ports and uplinks contribute nothing",
			spec: Spec{Forward: true, LANs: []LAN{{Bridge: "br-tether", Ports: []string{"lan1"}}}, Uplinks: []Uplink{wwan}},
			want: closed,
		},
		{
			name: "one bearer for everything",
			spec: Spec{Forward: true, LANs: []LAN{lanSpec}, Uplinks: []Uplink{wwan}},
			have: []Interface{
				{Name: "br-tether", Up: true, MTU: 1500, Ours: true},
				{Name: "lan1", MTU: 1500}, {Name: "wwan0", MTU: 1500},
			},
			want: `address 10.64.0.2/30 on wwan0
address 192.168.8.1/24 on br-tether
bridge br-tether
link br-tether up mtu 1500
link lan1 up mtu 1500
link wwan0 up mtu 1400
port lan1 in br-tether
route 0.0.0.0/0 via 10.64.0.1 dev wwan0 table 100 metric 0
route 0.0.0.0/0 via 10.64.0.1 dev wwan0 table 254 metric 700
rule 9700 fwmark 0x61 table 100
rule 9730 iif br-tether table 254 without default
rule 9740 iif br-tether table 100
rule 9750 iif br-tether unreachable
sysctl net.ipv4.conf.br-tether.forwarding = 1
sysctl net.ipv4.conf.wwan0.forwarding = 1
sysctl net.ipv4.conf.wwan0.rp_filter = 2
`,
		},
		{
			name: "a bridge that was there keeps its ports, MTU and addresses",
			spec: Spec{Forward: true, LANs: []LAN{{Bridge: "br-lan", Ports: []string{"lan1"}, Address: pfx("192.168.1.1/24")}}},
			have: []Interface{
				{Name: "br-lan", Up: true, MTU: 1492, Addresses: []netip.Prefix{pfx("192.168.1.1/24"), pfx("10.9.9.1/24")}},
				{Name: "lan1", MTU: 1500}, {Name: "eth7", Master: "br-lan", MTU: 1500},
				{Name: "tprobe0", Master: "br-lan", Up: true, MTU: 1500},
			},
			want: `bridge br-lan
link br-lan up mtu 1492
link eth7 down mtu 1500
link lan1 up mtu 1500
port eth7 in br-lan
port lan1 in br-lan
rule 9730 iif br-lan table 254 without default
rule 9750 iif br-lan unreachable
sysctl net.ipv4.conf.br-lan.forwarding = 1
`,
		},
		{
			name: "an uplink for clients alone answers by its own table",
			spec: Spec{Forward: true, Uplinks: []Uplink{{Interface: "tun0", Addresses: []netip.Prefix{pfx("100.70.3.4/32"), pfx("2001:db8::2/64")}, Table: 101, Shared: true}}},
			have: []Interface{{Name: "tun0", MTU: 1500}},
			want: `address 100.70.3.4/32 on tun0
link tun0 up mtu 1500
route 0.0.0.0/0 dev tun0 table 101 metric 0
rule 9710 from 100.70.3.4/32 table 254 without default
rule 9720 from 100.70.3.4/32 table 101
sysctl net.ipv4.conf.tun0.forwarding = 1
sysctl net.ipv4.conf.tun0.rp_filter = 2
`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if d := cmp.Diff(tc.want, text(Render(tc.spec, tc.have))); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestRenderNumbersMetricsInTheSpec(t *testing.T) {
	b := Uplink{Interface: "wwan1", Table: 101, Own: true}
	s := Spec{Forward: true, Uplinks: []Uplink{wwan, b}}
	got := text(Render(s, []Interface{{Name: "wwan1"}}))
	if !strings.Contains(got, "dev wwan1 table 254 metric 701") {
		t.Errorf("the second uplink moves when the first is absent:\n%s", got)
	}
}

func TestRenderTakesOneWayOut(t *testing.T) {
	b := wwan
	b.Interface, b.Table, b.Own = "wwan1", 101, false
	have := []Interface{{Name: "wwan0"}, {Name: "wwan1"}}
	s := Spec{Forward: true, LANs: []LAN{lanSpec}, Uplinks: []Uplink{wwan, b}}
	for _, tc := range []struct {
		have []Interface
		want string
	}{{have, "table 100"}, {have[1:], "table 101"}} {
		n := 0
		for _, l := range Render(s, tc.have) {
			if strings.HasPrefix(l, "rule 9740 ") {
				n++
				if !strings.HasSuffix(l, tc.want) {
					t.Errorf("clients leave by %q, want %s", l, tc.want)
				}
			}
		}
		if n != 1 {
			t.Errorf("%d ways out, want 1", n)
		}
	}
}

func TestNextHopThatTheKernelWouldRefuse(t *testing.T) {
	for gw, want := range map[string]bool{
		"10.64.0.1": true, "192.0.2.1": true, // also outside of the prefix
		"10.64.0.2": false, "0.0.0.0": false, "224.0.0.1": false, "127.0.0.1": false,
		"255.255.255.255": false, "10.64.0.0": false, "10.64.0.3": false, "10.64.0.4": true, "2001:db8::1": false,
	} {
		u := wwan
		u.Gateway = adr(gw)
		if got := nextHop(u); got.IsValid() != want {
			t.Errorf("gateway %s gives %v", gw, got)
		}
	}
	u := wwan
	u.Gateway = netip.Addr{}
	if nextHop(u).IsValid() {
		t.Error("no gateway must give a device route")
	}
}

func TestDriftSaysBothWays(t *testing.T) {
	s := Spec{Forward: true, LANs: []LAN{{Bridge: "br-tether"}}}
	st := Status{InForce: append(Render(s, nil)[1:], "address 192.168.8.1/24 on br-tether")}
	want := []string{"missing: bridge br-tether", "not wanted: address 192.168.8.1/24 on br-tether"}
	if d := cmp.Diff(want, Drift(s, st)); d != "" {
		t.Error(d)
	}
	if d := Drift(s, Status{InForce: Render(s, nil)}); len(d) > 0 {
		t.Error("drift from what was wished: ", d)
	}
	if d := Drift(Spec{}, Status{}); len(d) > 0 {
		t.Error("nothing and nothing drift: ", d)
	}
}

func TestLabelFits(t *testing.T) {
	for name, want := range map[string]string{
		"wwan0":           "wwan0:t",
		"enx02112233445":  "enx0211223344:t",
		"enx021122334455": "enx0211223344:t",
	} {
		if got := label(name); got != want || len(got) > 15 {
			t.Errorf("label(%s) = %q, want %q", name, got, want)
		}
	}
}

func TestBridgeMACIsStable(t *testing.T) {
	eth := netdev{name: "eth0", mac: net.HardwareAddr{0, 1, 2, 3, 4, 5}}
	veth := netdev{name: "tprobe0", mac: net.HardwareAddr{2, 9, 9, 9, 9, 9}}
	a := bridgeMAC("br-tether", []netdev{eth})
	if a[0]&3 != 2 {
		t.Errorf("%v is not a locally administered unicast address", a)
	}
	if b := bridgeMAC("br-tether", []netdev{{name: "tun0"}, veth, eth, {name: "lan1", mac: net.HardwareAddr{0, 1, 2, 3, 4, 6}}}); b.String() != a.String() {
		t.Errorf("%v became %v as interfaces came", a, b)
	}
	eth.mac = net.HardwareAddr{0, 1, 2, 3, 4, 7}
	if b := bridgeMAC("br-tether", []netdev{eth}); b.String() == a.String() {
		t.Error("two boards share an address")
	}
}

func TestForeignPrefixesThatSayNothing(t *testing.T) {
	for p, want := range map[string]bool{
		"0.0.0.0/0": true, "0.0.0.0/1": true, "128.0.0.0/1": true, "127.0.0.0/8": true, "169.254.0.0/16": true,
		"10.0.0.0/8": false, "192.168.1.0/24": false, "100.64.0.1/32": false,
	} {
		if got := everywhere(pfx(p)); got != want {
			t.Errorf("everywhere(%s) = %v", p, got)
		}
	}
}

// TestClosedKeepsEverythingButForwarding: a LAN that may not forward keeps its address,
// its rules and its uplink, and says 0 where it said 1.
func TestClosedKeepsEverythingButForwarding(t *testing.T) {
	have := []Interface{{Name: "br-tether"}, {Name: "lan1"}, {Name: "wwan0"}}
	s := Spec{Forward: true, LANs: []LAN{lanSpec}, Uplinks: []Uplink{wwan}}
	open := strings.Join(Render(s, have), "\n")
	s.Forward = false
	closed := strings.Join(Render(s, have), "\n")
	if closed == open || closed != strings.ReplaceAll(open, "forwarding = 1", "forwarding = 0") {
		t.Errorf("open:\n%s\nclosed:\n%s", open, closed)
	}
}

// TestTwoLANs: each has its bridge, its address and its own rules to the one way out.
func TestTwoLANs(t *testing.T) {
	guests := LAN{Bridge: "br-guest", Address: pfx("192.168.9.1/24")}
	s := Spec{Forward: true, LANs: []LAN{{Bridge: "br-tether", Address: pfx("192.168.8.1/24")}, guests}, Uplinks: []Uplink{{Interface: "wwan0", Table: 100, Shared: true}}}
	got := text(Render(s, []Interface{{Name: "wwan0"}}))
	for _, want := range []string{
		"bridge br-guest", "bridge br-tether", "address 192.168.8.1/24 on br-tether", "address 192.168.9.1/24 on br-guest",
		"rule 9730 iif br-guest table 254 without default", "rule 9740 iif br-guest table 100", "rule 9740 iif br-tether table 100",
		"rule 9750 iif br-guest unreachable", "sysctl net.ipv4.conf.br-guest.forwarding = 1",
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
}
