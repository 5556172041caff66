package link

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"
)

func sortedLines(l []string) []string {
	l = slices.Clone(l)
	slices.Sort(l)
	return l
}

// reading is a machine made up by hand: a foreign bridge with our address, an uplink
// of ours, a tunnel of somebody else, and a bridge of ours with three ports,
// and a port that we put into another one.
func reading(t *testing.T) *kernel {
	t.Helper()
	k := &kernel{
		root: t.TempDir(),
		devs: []netdev{
			{index: 1, name: "lo", flags: unix.IFF_UP | unix.IFF_LOOPBACK, mtu: 65536},
			{index: 2, name: "br-lan", kind: "bridge", flags: unix.IFF_UP, mtu: 1500, stp: 1, delay: 1500},
			{index: 3, name: "lan1", master: 2, flags: unix.IFF_UP, mtu: 1500},
			{index: 4, name: "wwan0", flags: unix.IFF_UP | unix.IFF_LOWER_UP, mtu: 1400, rx: 7, tx: 9},
			{index: 5, name: "wg0", kind: "wireguard", flags: unix.IFF_UP, mtu: 1420},
			{index: 6, name: "br-tether", kind: "bridge", alias: Alias, mtu: 1500},
			{index: 7, name: "lan2", master: 6, mtu: 1500},
			{index: 8, name: "tprobe0", master: 6, mtu: 1500},
			{index: 9, name: "bond0", kind: "bond", flags: unix.IFF_UP, mtu: 1500},
			{index: 10, name: "eth5", master: 9, mtu: 1500},
			{index: 11, name: "br-guest", kind: "bridge", flags: unix.IFF_UP, mtu: 1500},
			{index: 12, name: "lan4", master: 11, group: Protocol, mtu: 1500},
			{index: 13, name: "lan5", group: Protocol, mtu: 1500},
			{index: 14, name: "lan6", master: 11, group: 7, mtu: 1500},
		},
		rules: []rule{{priority: ruleLANClosed, iif: "br-lan", unreachable: true}},
	}
	k.addrs = []rtnetlink.AddressMessage{
		addr(1, 8, "127.0.0.1", "lo"), addr(2, 24, "192.168.8.1", "br-lan:t"), addr(2, 24, "192.168.1.1", "br-lan"),
		addr(4, 30, "10.64.0.2", "wwan0:t"), addr(5, 24, "10.99.0.5", "wg0"), addr(9, 16, "169.254.3.4", "bond0"),
	}
	k.routes = []rtnetlink.RouteMessage{
		rt(4, 0, "", Protocol, 100, ""), rt(5, 1, "128.0.0.0", unix.RTPROT_STATIC, 254, ""),
		rt(5, 16, "172.16.0.0", unix.RTPROT_STATIC, 254, ""), rt(2, 24, "192.168.8.0", unix.RTPROT_KERNEL, 254, "192.168.8.1"),
		rt(5, 24, "10.99.0.0", unix.RTPROT_KERNEL, 254, "10.99.0.5"), rt(5, 32, "10.99.0.5", unix.RTPROT_KERNEL, 255, "10.99.0.5"),
	}
	k.routes[5].Type = unix.RTN_LOCAL
	for _, f := range []string{"br-lan/forwarding", "br-lan/rp_filter", "wwan0/forwarding", "wwan0/rp_filter", "wg0/forwarding", "br-tether/forwarding"} {
		p := filepath.Join(k.root, "net/ipv4/conf", f)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte("1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

func addr(index uint32, bits uint8, ip, label string) rtnetlink.AddressMessage {
	a := net.ParseIP(ip).To4()
	return rtnetlink.AddressMessage{Family: unix.AF_INET, Index: index, PrefixLength: bits,
		Attributes: &rtnetlink.AddressAttributes{Address: a, Local: a, Label: label}}
}

func rt(index uint32, bits uint8, dst string, protocol uint8, table uint32, src string) rtnetlink.RouteMessage {
	return rtnetlink.RouteMessage{Family: unix.AF_INET, DstLength: bits, Protocol: protocol, Type: unix.RTN_UNICAST,
		Attributes: rtnetlink.RouteAttributes{Dst: net.ParseIP(dst).To4(), OutIface: index, Table: table, Src: net.ParseIP(src).To4()}}
}

func TestStatePicksWhatIsOurs(t *testing.T) {
	s := reading(t).state()
	want := `address 10.64.0.2/30 on wwan0
address 192.168.8.1/24 on br-lan
bridge br-lan
bridge br-tether
link br-lan up mtu 1500
link br-tether down mtu 1500
link lan1 up mtu 1500
link lan2 down mtu 1500
link wwan0 up mtu 1400
port lan1 in br-lan
port lan2 in br-tether
port lan4 in br-guest
port lan5 in no bridge
route 0.0.0.0/0 dev wwan0 table 100 metric 0
rule 9750 iif br-lan unreachable
sysctl net.ipv4.conf.br-lan.forwarding = 1
sysctl net.ipv4.conf.br-tether.forwarding = 1
sysctl net.ipv4.conf.wwan0.forwarding = 1
sysctl net.ipv4.conf.wwan0.rp_filter = 1
`
	if d := cmp.Diff(want, text(s.lines())); d != "" {
		t.Error(d)
	}
}

func TestForeignPrefixes(t *testing.T) {
	var got []string
	for _, p := range reading(t).foreign() {
		got = append(got, p.String())
	}
	want := []string{"10.99.0.0/24", "172.16.0.0/16", "192.168.1.0/24"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestInterfacesTell(t *testing.T) {
	all := reading(t).interfaces()
	w, _ := find(all, "wwan0")
	if !w.Up || !w.Carrier || w.MTU != 1400 || w.RxBytes != 7 || w.TxBytes != 9 || w.Index != 4 || len(w.Addresses) != 0 {
		t.Errorf("%+v", w)
	}
	b, _ := find(all, "br-lan")
	if b.Ours || len(b.Addresses) != 1 || b.Addresses[0] != pfx("192.168.1.1/24") {
		t.Errorf("%+v", b)
	}
	if o, _ := find(all, "br-tether"); !o.Ours {
		t.Errorf("%+v", o)
	}
	if p, _ := find(all, "lan2"); p.Master != "br-tether" || p.Ours {
		t.Errorf("%+v", p)
	}
	if p, _ := find(all, "lan4"); p.Master != "br-guest" || !p.Ours {
		t.Errorf("%+v", p)
	}
	if f, ok := find(all, "nothing"); ok || f.Name != "" {
		t.Errorf("%+v", f)
	}
}

// TestEveryFieldOfSpecCounts changes one field of the wish after the other.
func TestEveryFieldOfSpecCounts(t *testing.T) {
	have := []Interface{{Name: "br-tether"}, {Name: "lan1"}, {Name: "lan2"}, {Name: "wwan0"}, {Name: "br-x"}, {Name: "wwan1"}}
	full := func() Spec { return Spec{Forward: true, LANs: []LAN{lanSpec}, Uplinks: []Uplink{wwan}} }
	seen := map[string]string{text(Render(full(), have)): "nothing"}
	for name, change := range map[string]func(*LAN, *Uplink){
		"Bridge":    func(l *LAN, u *Uplink) { l.Bridge = "br-x" },
		"Ports":     func(l *LAN, u *Uplink) { l.Ports = l.Ports[:1] },
		"Address":   func(l *LAN, u *Uplink) { l.Address = pfx("192.168.8.2/24") },
		"bits":      func(l *LAN, u *Uplink) { l.Address = pfx("192.168.8.1/25") },
		"MTU":       func(l *LAN, u *Uplink) { l.MTU = 1400 },
		"Interface": func(l *LAN, u *Uplink) { u.Interface = "wwan1" },
		"Addresses": func(l *LAN, u *Uplink) { u.Addresses = nil },
		"Gateway":   func(l *LAN, u *Uplink) { u.Gateway = adr("10.64.0.9") },
		"UplinkMTU": func(l *LAN, u *Uplink) { u.MTU = 1300 },
		"Table":     func(l *LAN, u *Uplink) { u.Table = 7 },
		"Mark":      func(l *LAN, u *Uplink) { u.Mark = 7 },
		"Own":       func(l *LAN, u *Uplink) { u.Own = false },
		"Shared":    func(l *LAN, u *Uplink) { u.Shared = false },
	} {
		s := full()
		change(&s.LANs[0], &s.Uplinks[0])
		got := text(Render(s, have))
		if other, dup := seen[got]; dup {
			t.Errorf("%s looks like %s", name, other)
		}
		seen[got] = name
		if d := Drift(s, Status{Interfaces: have, InForce: Render(full(), have)}); len(d) == 0 {
			t.Errorf("%s: no drift", name)
		}
	}
}

func TestSysctlOfAnInterfaceThatWent(t *testing.T) {
	k := reading(t)
	if err := k.setSysctl(sysctl{"gone0", "forwarding", "1"}); err != nil {
		t.Errorf("an interface that went is a failure: %v", err)
	}
	if err := k.setSysctl(sysctl{"lan1", "forwarding", "1"}); err == nil || !strings.Contains(err.Error(), "lan1/forwarding") {
		t.Errorf("an interface that is there: %v", err)
	}
}

func TestDiffIsSymmetric(t *testing.T) {
	missing, extra := diff([]int{1, 2, 3}, []int{3, 4, 1})
	if !slices.Equal(missing, []int{2}) || !slices.Equal(extra, []int{4}) {
		t.Errorf("%v %v", missing, extra)
	}
	if missing, extra := diff[int](nil, nil); missing != nil || extra != nil {
		t.Errorf("%v %v", missing, extra)
	}
}
