package dhcp

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// The stories' language: a LAN with a clock of its own, and devices on it.

const hour = time.Hour

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func testSpec() Network {
	return Network{
		Interface: "br-test",
		Server:    netip.MustParsePrefix("192.168.8.1/24"),
		First:     addr("192.168.8.100"), Last: addr("192.168.8.199"),
		LeaseTime: 12 * hour,
		DNS:       []netip.Addr{addr("192.168.8.1")},
		Domain:    "lan",
		MTU:       1420,
	}
}

type lan struct {
	*testing.T
	table *Table
	now   time.Time
}

func newLAN(t *testing.T, change ...func(*Network)) *lan {
	spec := testSpec()
	for _, f := range change {
		f(&spec)
	}
	return &lan{T: t, table: NewTable(spec), now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
}

func poolOf(n int) func(*Network) {
	return func(s *Network) { s.Last = fromUint32(toUint32(s.First) + uint32(n) - 1) }
}

func (l *lan) wait(d time.Duration) { l.now = l.now.Add(d); l.table.expire(l.now) }

// device is a client; n makes its hardware address.
type device struct {
	mac  hwaddr
	id   string
	name string
}

func dev(n int) device {
	d := device{mac: hwaddr{2}}
	binary.BigEndian.PutUint32(d.mac[2:], uint32(n))
	return d
}

func (d device) say(kind dhcpv4.MessageType, options ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	p := &dhcpv4.DHCPv4{
		OpCode: dhcpv4.OpcodeBootRequest, HWType: 1, ClientHWAddr: d.mac.hardware(),
		TransactionID: dhcpv4.TransactionID{1, 2, 3, 4}, Options: dhcpv4.Options{},
		ClientIPAddr: net.IPv4zero, YourIPAddr: net.IPv4zero, ServerIPAddr: net.IPv4zero, GatewayIPAddr: net.IPv4zero,
	}
	p.UpdateOption(dhcpv4.OptMessageType(kind))
	if d.id != "" {
		p.UpdateOption(dhcpv4.OptClientIdentifier([]byte(d.id)))
	}
	if d.name != "" {
		p.UpdateOption(dhcpv4.OptHostName(d.name))
	}
	for _, f := range options {
		f(p)
	}
	return p
}

func asks(a netip.Addr) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(a.AsSlice()))
}

func chooses(server string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptServerIdentifier(addr(server).AsSlice()))
}

func has(a netip.Addr) dhcpv4.Modifier {
	return func(p *dhcpv4.DHCPv4) { p.ClientIPAddr = a.AsSlice() }
}

func (l *lan) discover(d device, options ...dhcpv4.Modifier) Answer {
	return l.table.Handle(d.say(dhcpv4.MessageTypeDiscover, options...), l.now, true)
}

func (l *lan) selecting(d device, a netip.Addr) Answer {
	return l.table.Handle(d.say(dhcpv4.MessageTypeRequest, asks(a), chooses("192.168.8.1")), l.now, true)
}

func (l *lan) reboot(d device, a netip.Addr) Answer {
	return l.table.Handle(d.say(dhcpv4.MessageTypeRequest, asks(a)), l.now, true)
}

func (l *lan) renew(d device, a netip.Addr) Answer {
	return l.table.Handle(d.say(dhcpv4.MessageTypeRequest, has(a)), l.now, true)
}

// join is the full exchange of a client without an address.
func (l *lan) join(d device, options ...dhcpv4.Modifier) netip.Addr {
	l.Helper()
	offer := l.discover(d, options...)
	if offer.Reply == nil {
		l.Fatalf("no offer: %s", offer.Why)
	}
	l.is(offer, dhcpv4.MessageTypeOffer)
	a := addrOf(offer.Reply.YourIPAddr)
	ack := l.selecting(d, a)
	l.is(ack, dhcpv4.MessageTypeAck)
	if got := addrOf(ack.Reply.YourIPAddr); got != a || ack.Bind != a {
		l.Fatalf("offered %v, acknowledged %v, bound %v", a, got, ack.Bind)
	}
	return a
}

// is checks the kind of an answer; MessageTypeNone is silence.
func (l *lan) is(a Answer, kind dhcpv4.MessageType) {
	l.Helper()
	got := dhcpv4.MessageTypeNone
	if a.Reply != nil {
		got = a.Reply.MessageType()
	}
	if got != kind {
		l.Fatalf("answer is %v (%s), want %v", got, a.Why, kind)
	}
}

func (l *lan) same(got, want netip.Addr) {
	l.Helper()
	if got != want {
		l.Fatalf("address is %v, want %v", got, want)
	}
}

func (l *lan) leased() (list []netip.Addr) {
	for _, lease := range l.table.leases(l.now) {
		list = append(list, lease.Addr)
	}
	return list
}
