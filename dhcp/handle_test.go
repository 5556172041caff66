package dhcp

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

func TestFirstLease(t *testing.T) {
	l := newLAN(t)
	phone := device{mac: dev(1).mac, name: "Anna's Phone"}
	offer := l.discover(phone)
	l.is(offer, dhcpv4.MessageTypeOffer)
	a := addrOf(offer.Reply.YourIPAddr)
	if offer.Probe != a || offer.Change || offer.Save != 0 || len(l.leased()) != 0 {
		t.Errorf("an offer is only an offer: %+v", offer)
	}
	l.wait(time.Second)
	ack := l.selecting(phone, a)
	l.is(ack, dhcpv4.MessageTypeAck)
	if ack.Bind != a || !ack.Change || ack.Save != saveSoon || ack.Probe.IsValid() {
		t.Errorf("the first ACK binds and is saved soon: %+v", ack)
	}
	got := l.table.leases(l.now)
	if len(got) != 1 || got[0].Addr != a || got[0].Hostname != "anna-s-phone" || got[0].MAC.String() != "02:00:00:00:00:01" ||
		!got[0].Since.Equal(l.now) || !got[0].Expires.Equal(l.now.Add(12*hour)) || got[0].Reserved || len(got[0].ClientID) != 0 {
		t.Errorf("lease: %+v", got)
	}
}

func TestRenewalProlongsAndNothingElse(t *testing.T) {
	l := newLAN(t)
	a := l.join(dev(1))
	start := l.now
	l.wait(6 * hour)
	ack := l.renew(dev(1), a)
	l.is(ack, dhcpv4.MessageTypeAck)
	if ack.Change || ack.Bind != a || ack.To != a {
		t.Errorf("renewal: %+v", ack)
	}
	lease := l.table.leases(l.now)[0]
	if !lease.Since.Equal(start) || !lease.Expires.Equal(l.now.Add(12*hour)) {
		t.Errorf("lease after renewal: %+v", lease)
	}
}

func TestRenewalIsSavedOnlyAfterHalfTheLeaseTime(t *testing.T) {
	l := newLAN(t)
	a := l.join(dev(1))
	l.table.records(l.now)
	for _, c := range []struct {
		after time.Duration
		want  time.Duration
	}{{5 * time.Minute, 0}, {5 * hour, 0}, {55 * time.Minute, saveLate}, {time.Minute, saveLate}} {
		l.wait(c.after)
		if got := l.renew(dev(1), a).Save; got != c.want {
			t.Errorf("after another %v: save within %v, want %v", c.after, got, c.want)
		}
	}
	l.table.records(l.now)
	if got := l.renew(dev(1), a).Save; got != 0 {
		t.Errorf("just saved: %v", got)
	}
}

// TestShortLeasesWriteSeldom: until the uplink is proved leases are short and renewed every
// minute, which is not written each time.
func TestShortLeasesWriteSeldom(t *testing.T) {
	l := newLAN(t)
	l.table.spec.LeaseTime = 2 * time.Minute
	a := l.join(dev(1))
	l.table.records(l.now)
	wanted := 0
	for range 59 {
		l.wait(time.Minute)
		if l.renew(dev(1), a).Save != 0 {
			wanted++
		}
	}
	if wanted != 0 {
		t.Errorf("%d of 59 renewals want a write", wanted)
	}
	if l.wait(time.Minute); l.renew(dev(1), a).Save != saveLate {
		t.Error("after an hour a renewal wants no write")
	}
}

// TestALeaseWithoutAPlaceIsShort: it is long as soon as the client has a place, short again
// when it lost that, and never longer than the network's.
func TestALeaseWithoutAPlaceIsShort(t *testing.T) {
	l := newLAN(t)
	a := l.join(dev(1))
	l.table.records(l.now)
	for i, c := range []struct {
		placed     bool
		term, want time.Duration
	}{{true, 12 * hour, 12 * hour}, {false, 12 * hour, shortLease}, {true, 12 * hour, 12 * hour}, {false, time.Minute, time.Minute}} {
		l.table.spec.LeaseTime = c.term
		l.wait(time.Second)
		got := l.table.Handle(dev(1).say(dhcpv4.MessageTypeRequest, has(a)), l.now, c.placed)
		l.is(got, dhcpv4.MessageTypeAck)
		if told := got.Reply.IPAddressLeaseTime(0); told != c.want || !l.table.leases(l.now)[0].Expires.Equal(l.now.Add(c.want)) {
			t.Errorf("%d: a lease of %v, until %v, want %v", i, told, l.table.leases(l.now)[0].Expires.Sub(l.now), c.want)
		}
	}
	offer := l.table.Handle(dev(2).say(dhcpv4.MessageTypeDiscover), l.now, false)
	if l.table.spec.LeaseTime = 12 * hour; offer.Reply.IPAddressLeaseTime(0) != time.Minute {
		t.Errorf("offered %v", offer.Reply.IPAddressLeaseTime(0))
	}
	b := addrOf(offer.Reply.YourIPAddr)
	l.table.Handle(dev(2).say(dhcpv4.MessageTypeRequest, asks(b), chooses("192.168.8.1")), l.now, false)
	if l.wait(shortLease); len(l.table.leases(l.now)) != 0 {
		t.Errorf("who went without a place holds its address: %+v", l.table.leases(l.now))
	}
}

func TestExpiredLeaseEndsAndComesBack(t *testing.T) {
	l := newLAN(t)
	a := l.join(dev(1))
	l.now = l.now.Add(12*hour - time.Second)
	if ended, next := l.table.expire(l.now); len(ended) != 0 || !next.Equal(l.now.Add(time.Second)) {
		t.Errorf("before the end: %v, next %v", ended, next)
	}
	l.now = l.now.Add(time.Second)
	if ended, next := l.table.expire(l.now); !slices.Equal(ended, []netip.Addr{a}) || !next.IsZero() {
		t.Errorf("at the end: %v, next %v", ended, next)
	}
	if ended, _ := l.table.expire(l.now); len(ended) != 0 {
		t.Errorf("a lease ends once: %v", ended)
	}
	l.wait(1000 * hour)
	l.same(l.join(dev(1)), a)
}

// INIT-REBOOT and RENEWING, by what the server knows.
func TestRequestOfAnAddressOnesOwn(t *testing.T) {
	free, held, kept := addr("192.168.8.150"), addr("192.168.8.151"), addr("192.168.8.10")
	blocked, offered := addr("192.168.8.152"), addr("192.168.8.153")
	for _, c := range []struct {
		name string
		addr netip.Addr
		want dhcpv4.MessageType
	}{
		{"free in the pool, client unknown", free, dhcpv4.MessageTypeAck},
		{"leased to another", held, dhcpv4.MessageTypeNak},
		{"offered to another", offered, dhcpv4.MessageTypeNak},
		{"reserved for another", kept, dhcpv4.MessageTypeNak},
		{"in quarantine", blocked, dhcpv4.MessageTypeNak},
		{"wrong network", addr("192.168.1.150"), dhcpv4.MessageTypeNak},
		{"right network, outside the pool", addr("192.168.8.50"), dhcpv4.MessageTypeNak},
		{"the server's", addr("192.168.8.1"), dhcpv4.MessageTypeNak},
		{"the subnet's", addr("192.168.8.0"), dhcpv4.MessageTypeNak},
		{"broadcast", addr("192.168.8.255"), dhcpv4.MessageTypeNak},
		{"all ones", addr("255.255.255.255"), dhcpv4.MessageTypeNak},
	} {
		for _, ask := range []func(*lan, device, netip.Addr) Answer{(*lan).reboot, (*lan).renew} {
			t.Run(c.name, func(t *testing.T) {
				l := newLAN(t, func(s *Network) { s.Hosts = []Host{{MAC: dev(9).mac.hardware(), Addr: kept}} })
				l.is(l.reboot(dev(2), held), dhcpv4.MessageTypeAck)
				l.discover(dev(3), asks(offered))
				l.table.conflict(blocked, dev(4).mac, l.now)
				got := ask(l, dev(1), c.addr)
				l.is(got, c.want)
				if c.want == dhcpv4.MessageTypeNak {
					l.nakIsProper(got)
				}
			})
		}
	}
}

func (l *lan) nakIsProper(a Answer) {
	l.Helper()
	if a.To != addr("255.255.255.255") || a.Bind.IsValid() || a.Reply.YourIPAddr.String() != "0.0.0.0" ||
		a.Reply.ClientIPAddr.String() != "0.0.0.0" || a.Reply.Message() == "" {
		l.Errorf("NAK: %+v\n%v", a, a.Reply.Summary())
	}
	for _, code := range []dhcpv4.OptionCode{dhcpv4.OptionIPAddressLeaseTime, dhcpv4.OptionRouter, dhcpv4.OptionSubnetMask} {
		if a.Reply.Options.Has(code) {
			l.Errorf("NAK carries %v", code)
		}
	}
	if !a.Reply.ServerIdentifier().Equal(net.IP{192, 168, 8, 1}) {
		l.Errorf("NAK names server %v", a.Reply.ServerIdentifier())
	}
}

func TestRebootWithAnotherAddressThanTheLeasedOne(t *testing.T) {
	l := newLAN(t)
	a := l.join(dev(1))
	l.is(l.reboot(dev(1), fromUint32(toUint32(a)^1)), dhcpv4.MessageTypeNak)
	l.same(l.join(dev(1)), a)
}

func TestRequestWithoutAnyAddressIsIgnored(t *testing.T) {
	l := newLAN(t)
	l.is(l.table.Handle(dev(1).say(dhcpv4.MessageTypeRequest), l.now, true), dhcpv4.MessageTypeNone)
}

func TestAnotherServerWasChosen(t *testing.T) {
	l := newLAN(t)
	a := addrOf(l.discover(dev(1)).Reply.YourIPAddr)
	l.is(l.discover(dev(2), asks(a)), dhcpv4.MessageTypeOffer)
	l.is(l.table.Handle(dev(1).say(dhcpv4.MessageTypeRequest, asks(addr("10.0.0.7")), chooses("10.0.0.1")), l.now, true), dhcpv4.MessageTypeNone)
	l.same(addrOf(l.discover(dev(3), asks(a)).Reply.YourIPAddr), a)
}

func TestAnotherServerWasChosenButTheLeaseIsKept(t *testing.T) {
	l := newLAN(t)
	a := l.join(dev(1))
	l.discover(dev(1))
	l.table.Handle(dev(1).say(dhcpv4.MessageTypeRequest, asks(addr("10.0.0.7")), chooses("10.0.0.1")), l.now, true)
	if got := l.leased(); !slices.Equal(got, []netip.Addr{a}) {
		t.Errorf("leases: %v", got)
	}
}

func TestDeclinedAddressRestsForAWhile(t *testing.T) {
	l := newLAN(t)
	a := l.join(dev(1))
	decline := dev(1).say(dhcpv4.MessageTypeDecline, asks(a), chooses("192.168.8.1"))
	got := l.table.Handle(decline, l.now, true)
	l.is(got, dhcpv4.MessageTypeNone)
	if !slices.Equal(got.Ended, []netip.Addr{a}) || !got.Change || len(l.leased()) != 0 {
		t.Errorf("decline: %+v", got)
	}
	if b := l.join(dev(1)); b == a {
		t.Error("the declined address was leased again at once")
	}
	l.is(l.reboot(dev(2), a), dhcpv4.MessageTypeNak)
	l.wait(quarantine)
	l.is(l.reboot(dev(2), a), dhcpv4.MessageTypeAck)
}

func TestDeclineOfSomebodyElsesAddressIsIgnored(t *testing.T) {
	l := newLAN(t)
	a := l.join(dev(1))
	for _, p := range []*dhcpv4.DHCPv4{
		dev(2).say(dhcpv4.MessageTypeDecline, asks(a), chooses("192.168.8.1")),
		dev(2).say(dhcpv4.MessageTypeDecline, asks(addr("192.168.8.180"))),
		dev(1).say(dhcpv4.MessageTypeDecline, asks(a), chooses("10.0.0.1")),
		dev(1).say(dhcpv4.MessageTypeDecline),
	} {
		if got := l.table.Handle(p, l.now, true); got.Change || got.Reply != nil {
			t.Errorf("%+v", got)
		}
	}
	if len(l.leased()) != 1 || len(l.table.blocked) != 0 {
		t.Error("something was declined")
	}
}

func TestReleasedAddressIsFreeButRemembered(t *testing.T) {
	l := newLAN(t)
	a := l.join(dev(1))
	free := l.table.free(l.now)
	got := l.table.Handle(dev(1).say(dhcpv4.MessageTypeRelease, has(a), chooses("192.168.8.1")), l.now, true)
	l.is(got, dhcpv4.MessageTypeNone)
	if !slices.Equal(got.Ended, []netip.Addr{a}) || len(l.leased()) != 0 || l.table.free(l.now) != free+1 {
		t.Errorf("release: %+v", got)
	}
	if ended, _ := l.table.expire(l.now); len(ended) != 0 {
		t.Errorf("the release ended it already: %v", ended)
	}
	l.same(l.join(dev(1)), a)
}

func TestReleaseOfSomebodyElsesAddressIsIgnored(t *testing.T) {
	l := newLAN(t)
	a := l.join(dev(1))
	for _, p := range []*dhcpv4.DHCPv4{
		dev(2).say(dhcpv4.MessageTypeRelease, has(a)),
		dev(1).say(dhcpv4.MessageTypeRelease, has(a), chooses("10.0.0.1")),
		dev(1).say(dhcpv4.MessageTypeRelease),
	} {
		if got := l.table.Handle(p, l.now, true); got.Change || got.Reply != nil {
			t.Errorf("%+v", got)
		}
	}
}

func TestInformGetsOptionsAndNoLease(t *testing.T) {
	l := newLAN(t)
	a := addr("192.168.8.77")
	got := l.table.Handle(dev(1).say(dhcpv4.MessageTypeInform, has(a)), l.now, true)
	l.is(got, dhcpv4.MessageTypeAck)
	if got.To != a || got.Bind.IsValid() || len(l.leased()) != 0 || got.Reply.YourIPAddr.String() != "0.0.0.0" {
		t.Errorf("%+v", got)
	}
	if got.Reply.Options.Has(dhcpv4.OptionIPAddressLeaseTime) || len(got.Reply.Router()) != 1 {
		t.Errorf("options: %v", got.Reply.Options)
	}
	l.is(l.table.Handle(dev(1).say(dhcpv4.MessageTypeInform, has(addr("10.1.1.1"))), l.now, true), dhcpv4.MessageTypeNone)
	l.is(l.table.Handle(dev(1).say(dhcpv4.MessageTypeInform), l.now, true), dhcpv4.MessageTypeNone)
}

func TestDestination(t *testing.T) {
	everybody, a := addr("255.255.255.255"), addr("192.168.8.120")
	broadcast := func(p *dhcpv4.DHCPv4) { p.SetBroadcast() }
	for _, c := range []struct {
		name string
		say  *dhcpv4.DHCPv4
		want netip.Addr
	}{
		{"no address, unicast", dev(1).say(dhcpv4.MessageTypeDiscover, asks(a)), a},
		{"no address, broadcast", dev(1).say(dhcpv4.MessageTypeDiscover, asks(a), broadcast), everybody},
		{"rebooting, broadcast", dev(1).say(dhcpv4.MessageTypeRequest, asks(a), broadcast), everybody},
		{"renewing", dev(1).say(dhcpv4.MessageTypeRequest, has(a)), a},
		{"renewing, broadcast for nothing", dev(1).say(dhcpv4.MessageTypeRequest, has(a), broadcast), a},
		{"refused", dev(1).say(dhcpv4.MessageTypeRequest, has(addr("192.168.8.9"))), everybody},
	} {
		if got := newLAN(t).table.Handle(c.say, time.Now(), true).To; got != c.want {
			t.Errorf("%s: to %v, want %v", c.name, got, c.want)
		}
	}
}

// Machines that share a client identifier, as clones of one disk do.
func TestClonedIdentifierIsTwoClients(t *testing.T) {
	l := newLAN(t)
	one, two := dev(1), dev(2)
	one.id, two.id = "\xffcloned", "\xffcloned"
	a, b := l.join(one), l.join(two)
	if a == b {
		t.Fatal("both have the same address")
	}
	l.wait(hour)
	for d, want := range map[device]netip.Addr{one: a, two: b} {
		ack := l.renew(d, want)
		l.is(ack, dhcpv4.MessageTypeAck)
		if string(ack.Reply.Options.Get(dhcpv4.OptionClientIdentifier)) != "\xffcloned" {
			t.Error("the identifier is not echoed (RFC 6842)")
		}
	}
}

func TestIdentifierBringsItsAddressToANewInterface(t *testing.T) {
	l := newLAN(t)
	dock, radio := dev(1), dev(2)
	dock.id, radio.id = "\xffone-laptop", "\xffone-laptop"
	a := l.join(dock)
	l.wait(13 * hour)
	l.same(l.join(radio), a)
	if n := len(l.table.byClient); n != 1 {
		t.Errorf("%d clients, want 1", n)
	}
}

func TestBootLoaderAndSystemShareALease(t *testing.T) {
	l := newLAN(t)
	loader, system := dev(1), dev(1)
	system.id = "\x01" + string(system.mac[:])
	a := l.join(loader)
	l.same(l.join(system), a)
	l.is(l.renew(system, a), dhcpv4.MessageTypeAck)
	if len(l.leased()) != 1 {
		t.Errorf("leases: %v", l.leased())
	}
}

func TestOfferSurvivesOurRestart(t *testing.T) {
	l := newLAN(t)
	a := addrOf(l.discover(dev(1)).Reply.YourIPAddr)
	l.table = NewTable(l.table.spec)
	l.is(l.selecting(dev(1), a), dhcpv4.MessageTypeAck)
}

func TestLeaseTimesAreImmuneToClockSteps(t *testing.T) {
	table := NewTable(testSpec())
	a := addrOf(table.Handle(dev(1).say(dhcpv4.MessageTypeDiscover), time.Now(), true).Reply.YourIPAddr)
	table.Handle(dev(1).say(dhcpv4.MessageTypeRequest, asks(a)), time.Now(), true)
	e := table.byAddr[a]
	if e.expires == e.expires.Round(0) || e.since == e.since.Round(0) {
		t.Error("lease times lost their monotonic reading")
	}
}

// TestTransientHostLeavesNoTrace: who only tests the LAN has its address also when the
// pool is empty, is in no list and costs no write.
func TestTransientHostLeavesNoTrace(t *testing.T) {
	guest := dev(9)
	l := newLAN(t, poolOf(1), func(s *Network) {
		s.Hosts = []Host{{MAC: guest.mac.hardware(), Addr: addr("192.168.8.200"), Transient: true}}
	})
	other := l.join(dev(1))
	a := l.join(guest)
	l.same(a, addr("192.168.8.200"))
	ack := l.renew(guest, a)
	if ack.Save != 0 || ack.Change {
		t.Errorf("a write is wanted in %v, change %v", ack.Save, ack.Change)
	}
	if got := l.leased(); len(got) != 1 || got[0] != other {
		t.Errorf("listed are %v", got)
	}
	if got := l.table.records(l.now); len(got) != 1 || got[0].addr != other {
		t.Errorf("on file are %+v", got)
	}
}

// TestReturningClientCostsNoSoonWrite: one that sleeps and releases comes back to what
// the file says already.
func TestReturningClientCostsNoSoonWrite(t *testing.T) {
	l := newLAN(t)
	a := l.join(dev(1))
	l.table.records(l.now) // written
	l.table.Handle(dev(1).say(dhcpv4.MessageTypeRelease, has(a), chooses("192.168.8.1")), l.now, true)
	l.wait(time.Minute)
	offer := l.discover(dev(1))
	l.is(offer, dhcpv4.MessageTypeOffer)
	if ack := l.selecting(dev(1), a); ack.Save != saveLate {
		t.Errorf("a write is wanted in %v, want %v", ack.Save, saveLate)
	}
}

// TestLeaseEndsItsHoldersQuarantine: who had an address by hand and then leases it keeps it
// however full the pool is.
func TestLeaseEndsItsHoldersQuarantine(t *testing.T) {
	l := newLAN(t, func(s *Network) { s.First, s.Last = addr("192.168.8.150"), addr("192.168.8.151") })
	a := addr("192.168.8.150")
	l.table.conflict(a, dev(1).mac, l.now)
	l.is(l.selecting(dev(1), a), 5)
	if b := l.join(dev(2)); b == a {
		t.Fatalf("both have %v", b)
	}
	if offer := l.discover(dev(3)); offer.Reply != nil || offer.Why == "" || len(offer.Ended) > 0 {
		t.Errorf("a third one is offered %+v", offer)
	}
	l.is(l.renew(dev(1), a), 5)
}
