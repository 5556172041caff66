package dhcp

import (
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"
)

// maxClientID bounds option 61: RFC 3396 lets a sender join several options into
// one of any length, but no true identifier needs more than one option.
const maxClientID = 255

type hwaddr [6]byte

func hwaddrOf(b []byte) (mac hwaddr, ok bool) {
	if len(b) != len(mac) {
		return mac, false
	}
	copy(mac[:], b)
	return mac, mac != hwaddr{} && mac[0]&1 == 0
}

func (m hwaddr) hardware() net.HardwareAddr { return net.HardwareAddr(m[:]) }

// client is who holds a lease. The RFC's key is the identifier alone, but disks get
// cloned together with it, and two machines with one address are worse than one
// machine with two.
type client struct {
	id  string
	mac hwaddr
}

// clientOf makes the key. A client without option 61 has the same key as one that
// sends its hardware type and address there, so a boot loader and the system that it
// loads share a lease.
func clientOf(mac hwaddr, id string) client {
	if id == "" {
		id = "\x01" + string(mac[:])
	}
	return client{id: id, mac: mac}
}

// message is what matters of a client's packet. Addresses that were not sent are
// invalid.
type message struct {
	kind                      dhcpv4.MessageType
	client                    client
	clientID                  string
	ciaddr, requested, server netip.Addr
	name                      string // a DNS label or ""
	packet                    *dhcpv4.DHCPv4
	lease                     time.Duration // that it is given
}

// parseMessage reads a client's packet. It refuses what no client of this LAN sends:
// replies, other hardware than Ethernet, relayed packets (there are no relays here)
// and malformed options.
func parseMessage(p *dhcpv4.DHCPv4) (m message, ok bool) {
	mac, good := hwaddrOf(p.ClientHWAddr)
	id := p.Options.Get(dhcpv4.OptionClientIdentifier)
	if !good || p.OpCode != dhcpv4.OpcodeBootRequest || p.HWType != iana.HWTypeEthernet ||
		addrOf(p.GatewayIPAddr).IsValid() || len(id) > maxClientID {
		return m, false
	}
	m = message{
		kind:     p.MessageType(),
		client:   clientOf(mac, string(id)),
		clientID: string(id),
		ciaddr:   addrOf(p.ClientIPAddr),
		name:     clientName(p.Options),
		packet:   p,
	}
	var fine [2]bool
	m.requested, fine[0] = addrOption(p.Options, dhcpv4.OptionRequestedIPAddress)
	m.server, fine[1] = addrOption(p.Options, dhcpv4.OptionServerIdentifier)
	return m, fine[0] && fine[1]
}

// addrOf converts an address field; 0.0.0.0 is none.
func addrOf(ip []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	if a = a.Unmap(); !a.Is4() || a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}

// addrOption reads an option that holds one address; ok is false when it is there
// and malformed. An option of 0.0.0.0 counts as absent.
func addrOption(o dhcpv4.Options, code dhcpv4.OptionCode) (a netip.Addr, ok bool) {
	b := o.Get(code)
	if !o.Has(code) {
		return a, true
	}
	return addrOf(b), len(b) == 4
}
