package dhcp

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// judge is a Binder that remembers and turns away whom it is told to.
type judge struct {
	rulings
	unwelcome hwaddr
	silent    bool
}

func (j *judge) Silent(net.HardwareAddr, netip.Addr) bool { return j.silent }

func (j *judge) Welcome(mac net.HardwareAddr) bool {
	return !slices.Equal(mac, j.unwelcome.hardware())
}

// held is a driver whose client 1 has a lease, got with frames that came from 1, or from
// a repeater.
func held(t *testing.T, source hwaddr) (*server, *session, *judge, netip.Addr, time.Time) {
	t.Helper()
	told := &judge{}
	d := newServer(Options{Binder: told})
	d.spec = testSpec()
	d.table.setSpec(d.spec)
	d.session = &session{}
	now, want := time.Unix(1000, 0), addr("192.168.8.150")
	if a, _ := d.handle(d.session, dev(1).say(dhcpv4.MessageTypeRequest, asks(want)), source, now); a.Bind != want {
		t.Fatalf("leased %v", a.Bind)
	}
	return d, d.session, told, want, now.Add(time.Minute)
}

// TestNobodySpeaksForAnother: while a lease runs, messages in its client's name that come
// from somebody else end nothing, take nothing and get no answer.
func TestNobodySpeaksForAnother(t *testing.T) {
	for name, p := range map[string]*dhcpv4.DHCPv4{
		"release":  dev(1).say(dhcpv4.MessageTypeRelease, has(addr("192.168.8.150")), chooses("192.168.8.1")),
		"decline":  dev(1).say(dhcpv4.MessageTypeDecline, asks(addr("192.168.8.150")), chooses("192.168.8.1")),
		"renewal":  dev(1).say(dhcpv4.MessageTypeRequest, has(addr("192.168.8.150"))),
		"request":  dev(1).say(dhcpv4.MessageTypeRequest, asks(addr("192.168.8.150"))),
		"another":  dev(1).say(dhcpv4.MessageTypeRequest, asks(addr("192.168.8.151"))),
		"discover": dev(1).say(dhcpv4.MessageTypeDiscover),
	} {
		t.Run(name, func(t *testing.T) {
			d, s, told, want, now := held(t, dev(1).mac)
			before := len(told.rulings)
			if a, _ := d.handle(s, p, dev(2).mac, now); a.Reply != nil || a.Change || len(a.Ended) > 0 {
				t.Errorf("a forged one leads to %+v", a)
			}
			told.unwelcome = dev(1).mac
			if a, _ := d.handle(s, p, dev(1).mac, now); a.Reply != nil || a.Change || len(a.Ended) > 0 {
				t.Errorf("one from another port leads to %+v", a)
			}
			if l := d.table.leases(now); len(l) != 1 || l[0].Addr != want || len(told.rulings) != before {
				t.Errorf("leases are %+v, told %q", l, told.rulings)
			}
		})
	}
}

// TestBehindARepeater: the Binder is told the MAC that frames come with, which stays the
// holder's, and the lease ends as any other.
func TestBehindARepeater(t *testing.T) {
	repeater := dev(77).mac
	d, s, told, want, now := held(t, repeater)
	d.handle(s, dev(1).say(dhcpv4.MessageTypeRequest, has(want)), repeater, now)
	d.handle(s, dev(1).say(dhcpv4.MessageTypeRelease, has(want), chooses("192.168.8.1")), repeater, now)
	at := "02:00:00:00:00:4d 192.168.8.150 for another"
	if wanted := []string{at, at, "192.168.8.150"}; !slices.Equal(told.rulings, wanted) {
		t.Errorf("told %q, wanted %q", told.rulings, wanted)
	}
	// Whoever leases it next holds it.
	d.handle(s, dev(1).say(dhcpv4.MessageTypeRequest, asks(want)), dev(1).mac, now)
	if got := told.rulings[len(told.rulings)-1]; got != "02:00:00:00:00:01 192.168.8.150" {
		t.Errorf("told %q", got)
	}
}

// TestRestoredLeasesAreTold: before any client speaks.
func TestRestoredLeasesAreTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leases")
	list := []record{{mac: dev(1).mac, addr: addr("192.168.8.150"), remaining: time.Hour}, {mac: dev(2).mac, addr: addr("192.168.8.151")}}
	if err := os.WriteFile(path, appendLeases(nil, list), 0o600); err != nil {
		t.Fatal(err)
	}
	told := &judge{}
	d := newServer(Options{Binder: told, Path: path})
	d.spec = testSpec()
	d.table.setSpec(d.spec)
	d.load(time.Now())
	if !slices.Equal(told.rulings, []string{"02:00:00:00:00:01 192.168.8.150"}) {
		t.Errorf("told %q", told.rulings)
	}
}

// TestTheLeaseRenewedLastIsToldLast: of two leases of one device, as of two systems on it,
// the firewall hears at the start last of the one that was renewed last.
func TestTheLeaseRenewedLastIsToldLast(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leases")
	low, high := addr("192.168.8.150"), addr("192.168.8.160")
	for _, last := range []netip.Addr{low, high} {
		other := low
		if last == low {
			other = high
		}
		list := []record{
			{addr: last, mac: dev(1).mac, clientID: "one", remaining: time.Hour},
			{addr: other, mac: dev(1).mac, clientID: "two", remaining: time.Minute},
		}
		slices.SortFunc(list, func(a, b record) int { return a.addr.Compare(b.addr) })
		if err := writeFile(path, list); err != nil {
			t.Fatal(err)
		}
		told := &judge{}
		d := newServer(Options{Path: path, Binder: told})
		d.table.setSpec(testSpec())
		d.load(time.Now())
		if len(told.rulings) != 2 || told.rulings[1] != dev(1).mac.hardware().String()+" "+last.String() {
			t.Errorf("%v was renewed last; told were %+v", last, told.rulings)
		}
	}
}

// TestBetweenARepeaterAndNone: a client that goes behind a repeater, or comes out, is
// answered once it is silent where it was, and its lease moves along. Nobody but who got
// it ends it, also after that.
func TestBetweenARepeaterAndNone(t *testing.T) {
	own, repeater := dev(1).mac, dev(77).mac
	discover, reboot := dev(1).say(dhcpv4.MessageTypeDiscover), func(a netip.Addr) *dhcpv4.DHCPv4 {
		return dev(1).say(dhcpv4.MessageTypeRequest, asks(a))
	}
	for _, way := range [][2]hwaddr{{own, repeater}, {repeater, own}} {
		d, s, told, want, now := held(t, way[0])
		last := func() string { return told.rulings[len(told.rulings)-1] }
		before := last()
		for _, p := range []*dhcpv4.DHCPv4{discover, reboot(want)} {
			if a, _ := d.handle(s, p, way[1], now); a.Reply != nil {
				t.Errorf("from %v to %v while the first speaks: %+v", way[0], way[1], a)
			}
		}
		if last() != before {
			t.Errorf("it took the lease along: %q", told.rulings)
		}
		told.silent = true
		release := dev(1).say(dhcpv4.MessageTypeRelease, has(want), chooses("192.168.8.1"))
		if a, _ := d.handle(s, release, way[1], now); len(a.Ended) > 0 {
			t.Errorf("somebody else ends it")
		}
		a, _ := d.handle(s, discover, way[1], now)
		b, _ := d.handle(s, reboot(want), way[1], now)
		if a.Reply == nil || b.Bind != want || b.Save == 0 || last() == before {
			t.Errorf("from %v to %v: %+v, %+v, told %q", way[0], way[1], a, b, told.rulings)
		}
		if a, _ := d.handle(s, release, way[1], now); len(a.Ended) > 0 {
			t.Errorf("who comes another way ends it: %+v", a)
		}
		if a, _ := d.handle(s, release, way[0], now); len(a.Ended) != 1 {
			t.Errorf("who got it does not end it: %+v", a)
		}
	}
}

// TestTheHolderIsOnFile: over a restart a lease stays with the repeater by which it was got,
// and nobody takes it by speaking first.
func TestTheHolderIsOnFile(t *testing.T) {
	for _, source := range []hwaddr{dev(1).mac, dev(77).mac} {
		d, _, _, want, now := held(t, source)
		path := filepath.Join(t.TempDir(), "leases")
		if err := writeFile(path, d.table.records(now)); err != nil {
			t.Fatal(err)
		}
		told := &judge{}
		next := newServer(Options{Binder: told, Path: path})
		next.spec = testSpec()
		next.table.setSpec(next.spec)
		next.load(now)
		next.session = &session{}
		ruling := source.hardware().String() + " " + want.String()
		if source != dev(1).mac {
			ruling += " for another"
		}
		if !slices.Equal(told.rulings, []string{ruling}) {
			t.Errorf("told %q", told.rulings)
		}
		renew := dev(1).say(dhcpv4.MessageTypeRequest, has(want))
		if a, _ := next.handle(next.session, renew, dev(2).mac, now); a.Reply != nil {
			t.Errorf("whoever speaks first is answered: %+v", a)
		}
		if a, _ := next.handle(next.session, renew, source, now); a.Reply == nil {
			t.Error("its holder is not answered")
		}
	}
}

// among has a place for one MAC.
type among hwaddr

func (a among) Placed(mac net.HardwareAddr) bool { return slices.Equal(mac, a[:]) }

// TestWhoSendsHasThePlace: whether a lease is short is asked of the MAC that frames come
// with, which is the repeater's for whoever is behind one.
func TestWhoSendsHasThePlace(t *testing.T) {
	d := newServer(Options{Places: among(dev(9).mac)})
	d.spec = testSpec()
	d.table.setSpec(d.spec)
	d.session = &session{}
	for from, want := range map[hwaddr]time.Duration{dev(9).mac: 12 * hour, dev(1).mac: shortLease} {
		a, _ := d.handle(d.session, dev(1).say(dhcpv4.MessageTypeDiscover), from, time.Unix(1000, 0))
		if a.Reply == nil || a.Reply.IPAddressLeaseTime(0) != want {
			t.Errorf("from %v: %+v", from, a.Reply)
		}
	}
}
