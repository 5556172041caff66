package link

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tetherd/tetherd/lab/nstest"
)

// TestWhatSomebodyElseBreaksIsMended undoes one thing after the other behind our
// back: each must show as drift that names it, and the next Apply must mend it.
func TestWhatSomebodyElseBreaksIsMended(t *testing.T) {
	gateway(t)
	only := wwan
	only.Own = false
	only.Interface, only.Addresses, only.Gateway, only.Table, only.Mark = "tun0", []netip.Prefix{pfx("100.70.3.4/32")}, netip.Addr{}, 101, 0x62
	nstest.Run(t, "ip tuntap add tun0 mode tun")
	s := Spec{Forward: true, LANs: []LAN{lanSpec}, Uplinks: []Uplink{only, wwan}}
	d := New(Options{})
	apply(t, d, s)
	want := kernelText(t)
	for _, tc := range []struct{ breaks, shows string }{
		{"ip addr flush dev br-tether", "missing: address 192.168.8.1/24 on br-tether"},
		{"ip addr del 10.64.0.2/30 dev wwan0", "missing: address 10.64.0.2/30 on wwan0"},
		{"ip addr add 10.64.0.99/24 dev wwan0 label wwan0:t", "not wanted: address 10.64.0.99/24 on wwan0"},
		{"ip link set wwan0 down", "missing: link wwan0 up mtu 1400"},
		{"ip link set wwan0 mtu 1300", "not wanted: link wwan0 up mtu 1300"},
		{"ip link set lan1 down", "missing: link lan1 up mtu 1500"},
		{"ip link set lan1 nomaster", "missing: port lan1 in br-tether"},
		{"ip link set br-tether down", "missing: link br-tether up mtu 1500"},
		{"ip route flush table 100", "missing: route 0.0.0.0/0 via 10.64.0.1 dev wwan0 table 100 metric 0"},
		{"ip route del default metric 700", "missing: route 0.0.0.0/0 via 10.64.0.1 dev wwan0 table 254 metric 700"},
		{"ip route add 10.5.0.0/16 dev wwan0 proto 97", "not wanted: route 10.5.0.0/16 dev wwan0 table 254 metric 0"},
		{"ip rule del pref 9700 fwmark 0x61", "missing: rule 9700 fwmark 0x61 table 100"},
		{"ip rule del pref 9710", "missing: rule 9710 from 100.70.3.4/32 table 254 without default"},
		{"ip rule del pref 9740", "missing: rule 9740 iif br-tether table 101"},
		{"ip rule del pref 9750", "missing: rule 9750 iif br-tether unreachable"},
		{"ip rule add pref 9741 iif br-tether lookup main proto 97", "not wanted: rule 9741 iif br-tether table 254"},
		{"sysctl -q -w net.ipv4.conf.wwan0.forwarding=0", "missing: sysctl net.ipv4.conf.wwan0.forwarding = 1"},
		{"sysctl -q -w net.ipv4.conf.wwan0.rp_filter=1", "not wanted: sysctl net.ipv4.conf.wwan0.rp_filter = 1"},
		{"sysctl -q -w net.ipv4.conf.br-tether.forwarding=0", "missing: sysctl net.ipv4.conf.br-tether.forwarding = 1"},
	} {
		nstest.Run(t, tc.breaks)
		if drift := text(Drift(s, d.Observe())); !strings.Contains(drift, tc.shows+"\n") {
			t.Errorf("%s: lacks %q:\n%s", tc.breaks, tc.shows, drift)
		}
		apply(t, d, s)
		if diff := cmp.Diff(want, kernelText(t)); diff != "" {
			t.Fatalf("%s: not mended:\n%s", tc.breaks, diff)
		}
	}
}

// TestHistoryDoesNotLeak walks between wishes in random order: what the machine says
// then must depend on the wish alone.
func TestHistoryDoesNotLeak(t *testing.T) {
	gateway(t)
	nstest.Run(t, "ip tuntap add tun0 mode tun", "ip link set wwan0 up mtu 1400", "ip link set tun0 up mtu 1400",
		"ip link set lan1 up", "ip link set lan2 up")
	second := wwan
	second.Interface, second.Addresses, second.Gateway = "tun0", []netip.Prefix{pfx("100.70.3.4/32")}, netip.Addr{}
	second.Table, second.Mark, second.Own, second.Shared = 101, 0x62, false, true
	mine := wwan
	mine.Shared = false
	moved := lanSpec
	moved.Address, moved.Ports = pfx("172.22.0.1/24"), []string{"lan2"}
	renamed := lanSpec
	renamed.Bridge = "br-other"
	wishes := []Spec{
		{}, {LANs: []LAN{lanSpec}}, {LANs: []LAN{moved}}, {LANs: []LAN{renamed}, Uplinks: []Uplink{wwan}}, {LANs: []LAN{lanSpec}, Uplinks: []Uplink{wwan}},
		{LANs: []LAN{lanSpec}, Uplinks: []Uplink{second, mine}}, {Uplinks: []Uplink{wwan}}, {LANs: []LAN{moved}, Uplinks: []Uplink{second}},
		{Forward: true, LANs: []LAN{lanSpec}, Uplinks: []Uplink{wwan}},
		{Forward: true, LANs: []LAN{lanSpec, {Bridge: "br-guest", Address: pfx("172.23.0.1/24")}}, Uplinks: []Uplink{wwan}},
	}
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	d := New(Options{})
	texts := make([][]string, len(wishes))
	for range 24 {
		i := r.IntN(len(wishes))
		if r.IntN(4) == 0 {
			d = New(Options{}) // the process was killed
		}
		apply(t, d, wishes[i])
		got := stable(t)
		if texts[i] != nil {
			if diff := cmp.Diff(texts[i], got); diff != "" {
				t.Fatalf("seed %d: wish %d: %s", seed, i, diff)
			}
		}
		texts[i] = got
	}
}

// stable is the kernel's text without what grows: a bridge that is made again has
// another index, and stands at the end of lists.
func stable(t *testing.T) []string {
	t.Helper()
	var out []string
	for l := range strings.Lines(nstest.Run(t, "ip -o -4 addr", "ip rule", "ip -4 route show table all", "ip -br link show type bridge",
		"ip -br link show type tun", "sysctl -a -r net.ipv4.conf.*.(forwarding|rp_filter)")) {
		_, rest, numbered := strings.Cut(l, ": ")
		if numbered && !strings.HasPrefix(rest, "\t") {
			l = rest
		}
		f := strings.Fields(l)
		for i, w := range f {
			if w == "UP" || w == "DOWN" || w == "UNKNOWN" || w == "linkdown" || strings.HasPrefix(w, "<") {
				f[i] = "" // carriers come when they will
			}
		}
		out = append(out, strings.Join(strings.Fields(strings.Join(f, " ")), " "))
	}
	return sortedLines(out)
}
