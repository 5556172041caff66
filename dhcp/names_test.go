package dhcp

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

func TestLabel(t *testing.T) {
	for in, want := range map[string]string{
		"phone": "phone", "Anna's iPhone": "anna-s-iphone", "PC.example.org": "pc", "a_b": "a-b",
		"": "", ".": "", "...": "", ".lan": "", "-": "", "--a--": "a", "a--b": "a-b", "  x  ": "x",
		"Jürgens Gerät": "j-rgens-ger-t", "电话": "", "\x00\x01": "", "tv\x00": "tv", "<script>": "script",
		"192.168.8.1": "192", "localhost": "", "LOCALHOST.lan": "", "WPAD": "", "isatap": "", "wpad2": "wpad2",
		strings.Repeat("a", 300):         strings.Repeat("a", 63),
		strings.Repeat("a", 62) + "- b":  strings.Repeat("a", 62),
		strings.Repeat("-", 300) + "end": "",
	} {
		if got := label(in); got != want {
			t.Errorf("label(%q) is %q, want %q", in, got, want)
		}
	}
}

func TestNameOfTheFQDNOption(t *testing.T) {
	for _, c := range []struct {
		name   string
		option string // 81
		host   string // 12
		want   string
	}{
		{"plain text", "\x01\x00\x00laptop.lan", "other", "laptop"},
		{"wire format", "\x05\x00\x00\x06laptop\x03lan\x00", "other", "laptop"},
		{"wire format, unfinished", "\x04\x00\x00\x06laptop", "other", "laptop"},
		{"label runs over", "\x04\x00\x00\x20laptop", "other", "other"},
		{"compression pointer", "\x04\x00\x00\xc0\x00", "other", "other"},
		{"no name", "\x00\x00\x00", "other", "other"},
		{"no name in wire format", "\x04\x00\x00\x00", "other", "other"},
		{"cut short", "\x04", "other", "other"},
		{"empty", "", "other", "other"},
	} {
		o := dhcpv4.Options{12: []byte(c.host), 81: []byte(c.option)}
		if got := clientName(o); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func (l *lan) nameOf(d device) string {
	l.Helper()
	a := l.join(d)
	var n Names
	n.now.Store(l.table.names(l.now))
	name, _ := n.LookupAddr(a)
	if back, ok := n.LookupName(name); name != "" && (!ok || back != a) {
		l.Errorf("%v is named %q, which is %v", a, name, back)
	}
	return name
}

func named(n int, name string) device { return device{mac: dev(n).mac, name: name} }

func TestWhoHasANameFirstKeepsIt(t *testing.T) {
	l := newLAN(t)
	for _, c := range []struct {
		dev  device
		want string
	}{
		{named(1, "iPhone"), "iphone"}, {named(2, "iPhone"), "iphone-2"}, {named(3, "iphone"), "iphone-3"},
		{named(2, "iPhone"), "iphone-2"}, {named(1, "iPhone"), "iphone"}, {named(4, ""), ""},
		{named(4, "tablet"), "tablet"}, {named(4, ""), "tablet"}, {named(4, "slate"), "slate"}, {named(5, "tablet"), "tablet"},
	} {
		if got := l.nameOf(c.dev); got != c.want {
			t.Errorf("%v named %q got %q, want %q", c.dev.mac.hardware(), c.dev.name, got, c.want)
		}
	}
	l.wait(13 * hour)
	if got := l.nameOf(named(3, "iPhone")); got != "iphone" {
		t.Errorf("a name that became free is %q for the next", got)
	}
	if got := l.nameOf(named(1, "iPhone")); got != "iphone-2" {
		t.Errorf("the former holder got %q", got)
	}
}

func TestLongNamesKeepRoomForTheSuffix(t *testing.T) {
	l := newLAN(t)
	long := strings.Repeat("x", 80)
	l.nameOf(named(1, long))
	if got := l.nameOf(named(2, long)); got != strings.Repeat("x", 61)+"-2" {
		t.Errorf("got %q", got)
	}
}

// TestNamesMadeShorterAreStillNames: wherever the name has its hyphen, the one with a suffix is
// a label, and the file of such leases can be read.
func TestNamesMadeShorterAreStillNames(t *testing.T) {
	for at := 55; at < maxLabel-1; at++ {
		l := newLAN(t)
		wish := strings.Repeat("x", at) + "-" + strings.Repeat("y", maxLabel-at-1)
		for n := range 12 {
			if name := l.nameOf(named(n+1, wish)); label(name) != name || name == "" {
				t.Errorf("a hyphen at %d: %q", at, name)
			}
		}
		list := l.table.records(l.now)
		if back, err := parseLeases(appendLeases(nil, list)); err != nil || !slices.Equal(back, list) {
			t.Errorf("a hyphen at %d: %d of %d leases read, %v", at, len(back), len(list), err)
		}
	}
}

func TestReservedNameIsForItsDeviceAlone(t *testing.T) {
	l := newLAN(t, func(s *Network) {
		s.Hosts = []Host{{MAC: dev(1).mac.hardware(), Addr: addr("192.168.8.10"), Name: "NAS"}}
	})
	if got := l.nameOf(named(2, "nas")); got != "nas-2" {
		t.Errorf("an impostor got %q", got)
	}
	var n Names
	n.now.Store(l.table.names(l.now))
	if a, ok := n.LookupName("nas"); !ok || a != addr("192.168.8.10") {
		t.Errorf("a reservation is known by name before it is leased: %v", a)
	}
	if got := l.nameOf(named(1, "whatever")); got != "nas" {
		t.Errorf("the device itself got %q", got)
	}
}

// TestNameAlone: a device that only has a name gets any address, is known by that name
// once it has one, and can be called another name.
func TestNameAlone(t *testing.T) {
	called := func(name string) func(*Network) {
		return func(s *Network) {
			s.Hosts = []Host{{MAC: dev(1).mac.hardware(), Name: name}, {MAC: dev(2).mac.hardware(), Name: "tv"}}
		}
	}
	l := newLAN(t, called("Kitchen"))
	var n Names
	n.now.Store(l.table.names(l.now))
	if a, ok := n.LookupName("kitchen"); ok {
		t.Errorf("known at %v before it has an address", a)
	}
	a := l.join(named(1, "android-1"))
	if !l.table.inPool(a) {
		t.Errorf("it got %v", a)
	}
	n.now.Store(l.table.names(l.now))
	if got, ok := n.LookupName("kitchen"); !ok || got != a {
		t.Errorf("known at %v, it has %v", got, a)
	}
	called("hall")(&l.table.spec)
	l.table.setSpec(l.table.spec)
	l.renew(named(1, "android-1"), a)
	n.now.Store(l.table.names(l.now))
	if name, _ := n.LookupAddr(a); name != "hall" {
		t.Errorf("after the change it is %q", name)
	}
}

// called makes the names that the owner gives to devices, by number, known to the table.
func (l *lan) called(names map[int]string) {
	var list []Host
	for n, name := range names {
		list = append(list, Host{MAC: dev(n).mac.hardware(), Name: name})
	}
	l.table.spec.Hosts = list
	l.table.setSpec(l.table.spec)
}

// told is what others learn of the names of addresses, and the addresses of these names.
func (l *lan) told(addrs ...netip.Addr) string {
	l.Helper()
	var n Names
	n.now.Store(l.table.names(l.now))
	var list []string
	for _, a := range addrs {
		name, _ := n.LookupAddr(a)
		if at, ok := n.LookupName(name); name != "" && (!ok || at != a) {
			l.Errorf("%v is %q, which is %v", a, name, at)
		}
		list = append(list, name)
	}
	return strings.Join(list, " ")
}

func (l *lan) wantTold(want string, addrs ...netip.Addr) {
	l.Helper()
	if got := l.told(addrs...); got != want {
		l.Errorf("named %q, want %q", got, want)
	}
}

// TestAnOwnersNameIsTakenWhileTheLeaseRuns: with the next renewal a device has the name that
// its owner gives it, whoever had that before and whatever the device calls itself.
func TestAnOwnersNameIsTakenWhileTheLeaseRuns(t *testing.T) {
	l := newLAN(t)
	first, second := named(1, "iPhone"), named(2, "iPhone")
	a, b := l.join(first), l.join(second)
	l.wantTold("iphone iphone-2", a, b)
	l.called(map[int]string{1: "anna"})
	l.renew(first, a)
	l.wantTold("anna iphone-2", a, b)
	l.called(map[int]string{1: "anna", 2: "iphone"})
	if ack := l.renew(second, b); !ack.Change {
		t.Error("the change is not told")
	}
	l.wantTold("anna iphone", a, b)
	l.called(map[int]string{1: "iphone", 2: "anna"}) // they change names
	l.renew(first, a)
	l.wantTold("iphone anna", a, b)
	if ack := l.renew(second, b); ack.Change {
		t.Error("it has its name already")
	}
}

// TestWhoHasAReservedNameLosesIt: who called itself so before gets another name, at the
// latest when the device comes for which it is, and is not known by it any more at once.
func TestWhoHasAReservedNameLosesIt(t *testing.T) {
	for _, renews := range []bool{false, true} {
		for _, restored := range []bool{false, true} {
			l := newLAN(t)
			pushy := named(1, "printer")
			a := l.join(pushy)
			if restored {
				file := l.table.records(l.now)
				l = newLAN(t)
				l.table.restore(file, l.now)
			}
			l.wantTold("printer", a)
			l.called(map[int]string{2: "printer"})
			l.wantTold("", a)
			if renews {
				l.renew(pushy, a)
				l.wantTold("printer-2", a)
			}
			b := l.join(named(2, "printer"))
			l.wantTold("printer-2 printer", a, b)
			l.renew(pushy, a)
			l.renew(named(2, "printer"), b)
			l.wantTold("printer-2 printer", a, b)
			l.called(nil)
			l.renew(pushy, a)
			l.wantTold("printer-2 printer", a, b)
		}
	}
}

// TestOneNameForTwo: the owner's mistake costs the second one a suffix, and settles.
func TestOneNameForTwo(t *testing.T) {
	l := newLAN(t)
	l.called(map[int]string{1: "tv", 2: "tv"})
	a, b := l.join(named(1, "x")), l.join(named(2, "y"))
	for range 3 {
		l.wantTold("tv tv-2", a, b)
		if l.renew(named(1, "x"), a).Change || l.renew(named(2, "y"), b).Change {
			t.Error("they change names")
		}
	}
}

func TestRenewalChangesTheName(t *testing.T) {
	l := newLAN(t)
	a := l.join(named(1, "old"))
	if ack := l.renew(named(1, "old"), a); ack.Change {
		t.Error("nothing changed")
	}
	if ack := l.renew(named(1, "new"), a); !ack.Change || ack.Save != saveLate {
		t.Errorf("%+v", ack)
	}
}

func TestNamesOfNobody(t *testing.T) {
	var n Names
	if _, ok := n.LookupName("x"); ok {
		t.Error("the zero value knows a name")
	}
	if _, ok := n.LookupAddr(addr("192.168.8.1")); ok {
		t.Error("the zero value knows an address")
	}
}

func TestLookupsDoNotAllocate(t *testing.T) {
	l := newLAN(t)
	a := l.join(named(1, "phone"))
	var n Names
	n.now.Store(l.table.names(l.now))
	if got := testing.AllocsPerRun(100, func() {
		n.LookupName("phone")
		n.LookupName("nobody")
		n.LookupAddr(a)
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}
