package link

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// second is a modem's second session beside its first.
func second() Spec {
	addr := func(s string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(s)} }
	return Spec{Forward: true, Uplinks: []Uplink{
		{Interface: "wwan0", Addresses: addr("10.0.0.2/32"), MTU: 1400, Table: 9702, Shared: true},
		{Interface: "wwan0.1", Addresses: addr("10.0.1.2/32"), MTU: 1500, Table: 9701, Own: true, Parent: "wwan0", VLAN: 1},
	}}
}

// TestSecondSessionIsAVLAN: it is wished for where its modem is, no larger than what it
// stands on, and left alone where somebody else made an interface of the name.
func TestSecondSessionIsAVLAN(t *testing.T) {
	modem := Interface{Name: "wwan0", MTU: 1500}
	for _, c := range []struct {
		story     string
		have      []Interface
		vlan, own bool // a VLAN is wished for, and the uplink's address
		mtu       string
	}{
		{"no modem", nil, false, false, ""},
		{"a modem", []Interface{modem}, true, true, "link wwan0.1 up mtu 1400"},
		{"ours is there", []Interface{modem, {Name: "wwan0.1", MTU: 1500, Ours: true, Stacked: true}}, true, true, "link wwan0.1 up mtu 1400"},
		{"somebody else's", []Interface{modem, {Name: "wwan0.1", MTU: 1500}}, false, true, "link wwan0.1 up mtu 1500"},
	} {
		lines := Render(second(), c.have)
		if got := slices.Contains(lines, "vlan wwan0.1 id 1 on wwan0"); got != c.vlan {
			t.Errorf("%s: a VLAN is wished for: %v", c.story, got)
		}
		if got := slices.Contains(lines, "address 10.0.1.2/32 on wwan0.1"); got != c.own {
			t.Errorf("%s: an address is wished for: %v", c.story, got)
		}
		if c.mtu != "" && !slices.Contains(lines, c.mtu) {
			t.Errorf("%s: no %q in %q", c.story, c.mtu, lines)
		}
	}
}

// TestTaggedPort: a port that is a VLAN by its name is wished for where its switch is, and
// left to others where they made it or where the name is no VLAN's.
func TestTaggedPort(t *testing.T) {
	for _, c := range []struct {
		port string
		have []Interface
		want []string
	}{
		{"eth0.1", nil, nil},
		{"eth0.1", []Interface{{Name: "eth0", MTU: 1500}}, []string{"link eth0 up mtu 1500", "vlan eth0.1 id 1 on eth0"}},
		{"eth0.1", []Interface{{Name: "eth0", MTU: 1500}, {Name: "eth0.1", MTU: 1500, Ours: true, Stacked: true}},
			[]string{"link eth0 up mtu 1500", "link eth0.1 up mtu 1500", "port eth0.1 in br", "vlan eth0.1 id 1 on eth0"}},
		{"eth0.1", []Interface{{Name: "eth0", MTU: 1500}, {Name: "eth0.1", MTU: 1400}}, []string{"link eth0.1 up mtu 1400", "port eth0.1 in br"}},
		{"eth0", []Interface{{Name: "eth0", MTU: 1500}}, []string{"link eth0 up mtu 1500", "port eth0 in br"}},
		{"eth0.4095", []Interface{{Name: "eth0"}}, nil},
		{"eth0.0", []Interface{{Name: "eth0"}}, nil},
		{"eth0.lan", []Interface{{Name: "eth0"}}, nil},
		{"42", []Interface{{Name: ""}}, nil},
	} {
		var got []string
		for _, line := range Render(Spec{LANs: []LAN{{Bridge: "br", Ports: []string{c.port}}}}, c.have) {
			if strings.Contains(line, "eth0") || strings.HasPrefix(line, "vlan") {
				got = append(got, line)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, wanted %q", c.port, got, c.want)
		}
	}
}

// TestSomebodysVLANInSomebodysBridge: that we joined the two makes the VLAN none of ours.
func TestSomebodysVLANInSomebodysBridge(t *testing.T) {
	up := uint32(unix.IFF_UP)
	k := &kernel{root: t.TempDir(), devs: []netdev{
		{index: 1, name: "eth0", mtu: 1500, flags: up},
		{index: 2, name: "eth0.10", mtu: 1500, flags: up, kind: "vlan", lower: 1, vlan: 10, master: 3, group: Protocol},
		{index: 3, name: "br0", mtu: 1500, flags: up, kind: "bridge"},
	}}
	s, have := k.state(), k.interfaces()
	drift := Drift(Spec{LANs: []LAN{{Bridge: "br0", Ports: []string{"eth0.10"}}}}, Status{InForce: s.lines(), Interfaces: have})
	if f, _ := find(have, "eth0.10"); !f.Ours || f.Stacked || slices.ContainsFunc(drift, func(l string) bool { return strings.Contains(l, "vlan") }) {
		t.Errorf("%+v, %q", f, drift)
	}
}

// TestTheModemIsUpForItsSecondSession: also when the first is not.
func TestTheModemIsUpForItsSecondSession(t *testing.T) {
	s := second()
	s.Uplinks = s.Uplinks[1:]
	lines := Render(s, []Interface{{Name: "wwan0", MTU: 1430}})
	if !slices.Contains(lines, "link wwan0 up mtu 1430") || !slices.Contains(lines, "link wwan0.1 up mtu 1430") {
		t.Errorf("wished are %q", lines)
	}
}

// TestStateKnowsItsVLAN: by alias, with what it stands on; anybody's is not ours.
func TestStateKnowsItsVLAN(t *testing.T) {
	up := uint32(unix.IFF_UP)
	k := &kernel{root: t.TempDir(), devs: []netdev{
		{index: 1, name: "wwan0", mtu: 1500, flags: up},
		{index: 2, name: "wwan0.1", mtu: 1500, flags: up, kind: "vlan", alias: Alias, lower: 1, vlan: 1},
		{index: 3, name: "eth0.7", mtu: 1500, flags: up, kind: "vlan", lower: 4, vlan: 7},
		{index: 4, name: "eth0", mtu: 1500, flags: up},
	}}
	s := k.state()
	want := []string{"link wwan0 up mtu 1500", "link wwan0.1 up mtu 1500", "vlan wwan0.1 id 1 on wwan0"}
	if got := s.lines(); !slices.Equal(got, want) {
		t.Errorf("ours are %q, wanted %q", got, want)
	}
	for _, f := range k.interfaces() {
		if f.Ours != (f.Name == "wwan0.1") {
			t.Errorf("%s is ours: %v", f.Name, f.Ours)
		}
	}
}

// TestVLANMessage: what is asked for is what is read back.
func TestVLANMessage(t *testing.T) {
	b, err := vlanMessage(vlan{"wwan0.4094", "wwan0", 4094}, 5)
	if err != nil {
		t.Fatal(err)
	}
	b[4] = 9 // the index that the kernel gives
	d, ok := decodeLink(b)
	if !ok || d.name != "wwan0.4094" || d.kind != "vlan" || d.lower != 5 || d.vlan != 4094 {
		t.Errorf("read back %+v, %v", d, ok)
	}
}
