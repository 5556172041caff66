package dhcp

import (
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

func TestSameAddressAfterMemoryLoss(t *testing.T) {
	for n := range 50 {
		a := newLAN(t).join(dev(n))
		newLAN(t).same(newLAN(t).join(dev(n)), a)
	}
}

func TestPlentyOfClientsAllGetTheirOwnAddress(t *testing.T) {
	l := newLAN(t)
	seen := map[netip.Addr]bool{}
	for n := range 100 {
		a := l.join(dev(n))
		if seen[a] || !l.table.inPool(a) {
			t.Fatalf("client %d got %v", n, a)
		}
		seen[a] = true
	}
	if got := l.discover(dev(100)); got.Reply != nil || got.Why == "" || l.table.free(l.now) != 0 {
		t.Errorf("the pool is exhausted: %+v", got)
	}
	l.is(l.renew(dev(7), l.table.byClient[clientOf(dev(7).mac, "")].addr), dhcpv4.MessageTypeAck)
}

func TestRequestedAddressIsHonouredWhenFree(t *testing.T) {
	l := newLAN(t)
	want := addr("192.168.8.133")
	l.same(l.join(dev(1), asks(want)), want)
	if got := l.join(dev(2), asks(want)); got == want {
		t.Error("a leased address was given away")
	}
	if got := l.join(dev(3), asks(addr("10.9.9.9"))); !l.table.inPool(got) {
		t.Errorf("got %v", got)
	}
}

func TestLeaseThatEndedFirstIsReusedFirst(t *testing.T) {
	l := newLAN(t, poolOf(8))
	var order []netip.Addr
	for n := range 8 {
		order = append(order, l.join(dev(n)))
		l.wait(time.Minute)
	}
	l.is(l.renew(dev(0), order[0]), dhcpv4.MessageTypeAck) // now it ends last
	l.wait(13 * hour)
	for n, want := range append(order[1:], order[0]) {
		l.same(l.join(dev(100+n)), want)
	}
}

func TestReservationOutsideThePool(t *testing.T) {
	kept := addr("192.168.8.10")
	l := newLAN(t, func(s *Network) { s.Hosts = []Host{{MAC: dev(1).mac.hardware(), Addr: kept, Name: "Printer"}} })
	l.same(l.join(dev(1)), kept)
	if lease := l.table.leases(l.now)[0]; !lease.Reserved || lease.Hostname != "printer" {
		t.Errorf("%+v", lease)
	}
	if l.table.free(l.now) != 100 {
		t.Errorf("free: %d", l.table.free(l.now))
	}
}

func TestReservationInsideThePoolIsForNobodyElse(t *testing.T) {
	kept := addr("192.168.8.100")
	l := newLAN(t, poolOf(4), func(s *Network) { s.Hosts = []Host{{MAC: dev(1).mac.hardware(), Addr: kept}} })
	for n := range 3 {
		if got := l.join(dev(10+n), asks(kept)); got == kept {
			t.Error("the reserved address was given away")
		}
	}
	l.is(l.discover(dev(20)), dhcpv4.MessageTypeNone)
	l.same(l.join(dev(1)), kept)
}

func TestReservationMadeWhileSomebodyHoldsTheAddress(t *testing.T) {
	l := newLAN(t)
	kept := l.join(dev(2))
	other := l.join(dev(1))
	spec := testSpec()
	spec.Hosts = []Host{{MAC: dev(1).mac.hardware(), Addr: kept}}
	if ended := l.table.setSpec(spec); len(ended) != 0 {
		t.Errorf("leases ended: %v", ended)
	}
	l.is(l.renew(dev(1), other), dhcpv4.MessageTypeAck) // not yet to be had
	l.is(l.renew(dev(2), kept), dhcpv4.MessageTypeNak)  // makes room
	if got := l.join(dev(2)); got == kept {
		t.Error("the reserved address was leased again")
	}
	l.is(l.renew(dev(1), other), dhcpv4.MessageTypeNak)
	offer := l.discover(dev(1))
	if !slices.Equal(offer.Ended, []netip.Addr{other}) {
		t.Errorf("the former lease did not end: %+v", offer)
	}
	l.same(l.join(dev(1)), kept)
}

func TestReservationForTwoSystemsOfOneDevice(t *testing.T) {
	kept := addr("192.168.8.10")
	l := newLAN(t, func(s *Network) { s.Hosts = []Host{{MAC: dev(1).mac.hardware(), Addr: kept}} })
	for _, id := range []string{"\xffone", "\xfftwo", "\xffone"} {
		l.same(l.join(device{mac: dev(1).mac, id: id}), kept)
	}
	if len(l.leased()) != 1 {
		t.Errorf("leases: %v", l.leased())
	}
}

func TestUselessReservationsAreIgnored(t *testing.T) {
	l := newLAN(t, func(s *Network) {
		s.Hosts = []Host{
			{MAC: dev(1).mac.hardware(), Addr: addr("10.0.0.5")},
			{MAC: dev(2).mac.hardware(), Addr: addr("192.168.8.1")},
			{MAC: nil, Addr: addr("192.168.8.20")},
			{MAC: dev(3).mac.hardware(), Addr: addr("192.168.8.30")},
			{MAC: dev(4).mac.hardware(), Addr: addr("192.168.8.30")},
		}
	})
	if len(l.table.hosts) != 1 || l.table.owners[addr("192.168.8.30")] != dev(3).mac {
		t.Errorf("hosts: %v", l.table.hosts)
	}
}

func TestConflictBeforeTheRequest(t *testing.T) {
	l := newLAN(t)
	a := addrOf(l.discover(dev(1)).Reply.YourIPAddr)
	if !l.table.conflict(a, dev(66).mac, l.now) {
		t.Fatal("not noticed")
	}
	l.is(l.selecting(dev(1), a), dhcpv4.MessageTypeNak)
	if got := l.join(dev(1)); got == a {
		t.Error("the address in use was leased")
	}
	if l.table.free(l.now) != 98 {
		t.Errorf("free: %d, want 98", l.table.free(l.now))
	}
	l.same(l.join(dev(66), asks(a)), a) // who uses it may have it
}

func TestWhatIsNoConflict(t *testing.T) {
	l := newLAN(t)
	offered := addrOf(l.discover(dev(1)).Reply.YourIPAddr)
	leased := l.join(dev(2))
	for _, c := range []struct {
		name string
		addr netip.Addr
		mac  hwaddr
	}{
		{"the client itself answers", offered, dev(1).mac},
		{"the address is leased", leased, dev(66).mac},
		{"static address outside the pool", addr("192.168.8.20"), dev(66).mac},
		{"another network", addr("10.0.0.1"), dev(66).mac},
		{"the gateway", addr("192.168.8.1"), dev(66).mac},
	} {
		if l.table.conflict(c.addr, c.mac, l.now) || len(l.table.blocked) != 0 {
			t.Errorf("%s: taken for a conflict", c.name)
		}
	}
}

func TestStaticDeviceIsLearnedFromItsAnnouncement(t *testing.T) {
	l := newLAN(t, poolOf(4))
	used := addr("192.168.8.101")
	if !l.table.conflict(used, dev(66).mac, l.now) || l.table.conflict(used, dev(66).mac, l.now) {
		t.Error("an announcement counts once")
	}
	for n := range 3 {
		if l.join(dev(n)) == used {
			t.Error("the static device's address was leased")
		}
	}
}

func TestQuarantineIsGivenUpRatherThanAClient(t *testing.T) {
	l := newLAN(t, poolOf(2))
	l.table.conflict(addr("192.168.8.100"), dev(66).mac, l.now)
	l.wait(time.Minute)
	l.table.conflict(addr("192.168.8.101"), dev(67).mac, l.now)
	offer := l.discover(dev(1))
	l.is(offer, dhcpv4.MessageTypeOffer)
	if offer.Probe.IsValid() {
		t.Error("the answer is known, and would refuse the client for ever")
	}
	l.same(l.join(dev(1)), addr("192.168.8.100"))
}

func TestProbeOnlyWhatNobodyIsKnownToHold(t *testing.T) {
	l := newLAN(t)
	if !l.discover(dev(1)).Probe.IsValid() {
		t.Error("a fresh offer is probed")
	}
	if l.discover(dev(1)).Probe.IsValid() {
		t.Error("a repeated offer is not")
	}
	a := l.join(dev(1))
	l.wait(hour)
	if l.discover(dev(1)).Probe.IsValid() {
		t.Error("an address that this client holds is not")
	}
	l.wait(13 * hour)
	if l.discover(dev(1)).Probe != a {
		t.Error("a former lease is")
	}
}

func TestLANMovesToAnotherSubnet(t *testing.T) {
	l := newLAN(t)
	a := l.join(dev(1))
	l.discover(dev(2))
	l.table.conflict(addr("192.168.8.199"), dev(66).mac, l.now)
	spec := testSpec()
	spec.Server = netip.MustParsePrefix("10.77.0.1/24")
	spec.First, spec.Last = addr("10.77.0.100"), addr("10.77.0.199")
	if ended := l.table.setSpec(spec); !slices.Equal(ended, []netip.Addr{a}) {
		t.Errorf("ended: %v", ended)
	}
	if len(l.table.byAddr)+len(l.table.byClient)+len(l.table.blocked) != 0 {
		t.Error("something of the old subnet is left")
	}
	l.is(l.renew(dev(1), a), dhcpv4.MessageTypeNak)
	l.is(l.reboot(dev(1), a), dhcpv4.MessageTypeNak)
	if got := addrOf(l.discover(dev(1)).Reply.YourIPAddr); !l.table.inPool(got) {
		t.Errorf("offered %v", got)
	}
}

func TestChangedOptionsKeepLeases(t *testing.T) {
	l := newLAN(t)
	a := l.join(dev(1))
	spec := testSpec()
	spec.LeaseTime, spec.Domain, spec.MTU = time.Minute, "home", 1280
	if ended := l.table.setSpec(spec); len(ended) != 0 {
		t.Errorf("ended: %v", ended)
	}
	ack := l.renew(dev(1), a)
	l.is(ack, dhcpv4.MessageTypeAck)
	if ack.Reply.DomainName() != "home" || ack.Reply.IPAddressLeaseTime(0) != time.Minute {
		t.Errorf("options: %v", ack.Reply.Options)
	}
}

func TestPoolShrinksUnderALease(t *testing.T) {
	l := newLAN(t)
	a := l.join(dev(1), asks(addr("192.168.8.180")))
	spec := testSpec()
	spec.Last = addr("192.168.8.149")
	l.table.setSpec(spec)
	if len(l.leased()) != 1 {
		t.Error("the lease was cut off")
	}
	l.is(l.renew(dev(1), a), dhcpv4.MessageTypeNak)
	if got := l.join(dev(1)); got == a {
		t.Error("still outside the pool")
	}
}

// A flood of made-up hardware addresses, with known and new clients in its midst.
func TestFloodOfDiscovers(t *testing.T) {
	l := newLAN(t)
	held, former := map[int]netip.Addr{}, map[int]netip.Addr{}
	for n := range 60 {
		former[n] = l.join(dev(n))
	}
	l.wait(13 * hour)
	for n := 100; n < 120; n++ {
		held[n] = l.join(dev(n))
	}
	flood := func(from int) {
		for n := range 2000 {
			l.now = l.now.Add(time.Millisecond)
			l.discover(dev(1<<20+from+n), asks(former[n%60]))
		}
	}
	for i := range 10 {
		flood(i * 2000)
		if n := len(l.table.byAddr); n > 100 {
			t.Fatalf("%d entries for a pool of 100", n)
		}
		l.is(l.renew(dev(100+i), held[100+i]), dhcpv4.MessageTypeAck)
		l.is(l.reboot(dev(110+i), held[110+i]), dhcpv4.MessageTypeAck)
		offer := l.discover(dev(200 + i))
		l.is(offer, dhcpv4.MessageTypeOffer)
		flood(1<<19 + i*2000)
		l.is(l.selecting(dev(200+i), addrOf(offer.Reply.YourIPAddr)), dhcpv4.MessageTypeAck)
	}
	kept := 0
	for n, a := range former {
		if e := l.table.byAddr[a]; e != nil && e.client.mac == dev(n).mac {
			kept++
		}
	}
	if kept < 60-l.table.maxOffers()-10 {
		t.Errorf("only %d of 60 former clients are remembered", kept)
	}
}

func TestFloodOfIdentifiersFromOneDevice(t *testing.T) {
	l := newLAN(t)
	for n := range 1000 {
		d := device{mac: dev(1).mac, id: "\xff" + strconv.Itoa(n)}
		if n%2 == 0 {
			l.join(d)
		} else {
			l.reboot(d, fromUint32(toUint32(addr("192.168.8.100"))+uint32(n%100)))
			l.discover(d)
		}
	}
	if got := l.leased(); len(got) > maxPerMAC {
		t.Errorf("one device leases %v", got)
	}
	if n := len(l.table.byAddr); n > 2*maxPerMAC+2 {
		t.Errorf("%d entries", n)
	}
}

func TestOfferLapses(t *testing.T) {
	l := newLAN(t, poolOf(1))
	a := addrOf(l.discover(dev(1)).Reply.YourIPAddr)
	l.is(l.reboot(dev(2), a), dhcpv4.MessageTypeNak)
	l.wait(offerTime)
	l.is(l.reboot(dev(2), a), dhcpv4.MessageTypeAck)
	l.is(l.selecting(dev(1), a), dhcpv4.MessageTypeNak)
}

func TestHugePoolIsCut(t *testing.T) {
	l := newLAN(t, func(s *Network) {
		s.Server = netip.MustParsePrefix("10.0.0.1/8")
		s.First, s.Last = addr("10.0.0.0"), addr("10.255.255.255")
	})
	if got := l.table.free(l.now); got != maxPool-2 { // the subnet's own address and ours
		t.Errorf("free: %d", got)
	}
	if a := addrOf(l.discover(dev(1)).Reply.YourIPAddr); toUint32(a)-toUint32(addr("10.0.0.0")) >= maxPool {
		t.Errorf("offered %v", a)
	}
}
