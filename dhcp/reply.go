package dhcp

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"
)

// limitedBroadcast is 255.255.255.255.
func limitedBroadcast() netip.Addr { return netip.AddrFrom4([4]byte{255, 255, 255, 255}) }

const (
	fixedSize    = 240 + 1 // header, magic cookie, end option
	packetHeader = 20 + 8  // IPv4 and UDP
	minMaxSize   = 576     // of a packet that every client accepts (RFC 2132 section 9.10)
	maxMaxSize   = 1500    // of one that we send
)

// destination is where a reply with an address goes (RFC 2131 section 4.1): by
// broadcast if the client asks for it, unless it has the address already.
func destination(m *message, yiaddr netip.Addr) netip.Addr {
	if m.packet.IsBroadcast() && m.ciaddr != yiaddr {
		return limitedBroadcast()
	}
	return yiaddr
}

// reply builds an answer of the given kind. An invalid yiaddr gives no address.
func (t *Table) reply(m *message, kind dhcpv4.MessageType, yiaddr netip.Addr) *dhcpv4.DHCPv4 {
	p := m.packet
	r := &dhcpv4.DHCPv4{
		OpCode:        dhcpv4.OpcodeBootReply,
		HWType:        iana.HWTypeEthernet,
		TransactionID: p.TransactionID,
		Flags:         p.Flags,
		ClientIPAddr:  net.IPv4zero,
		YourIPAddr:    net.IPv4zero,
		ServerIPAddr:  net.IPv4zero,
		GatewayIPAddr: net.IPv4zero,
		ClientHWAddr:  p.ClientHWAddr,
		Options:       dhcpv4.Options{},
	}
	if kind == dhcpv4.MessageTypeAck {
		r.ClientIPAddr = p.ClientIPAddr
	}
	if yiaddr.IsValid() {
		r.YourIPAddr = yiaddr.AsSlice()
	}
	o := options{m: r.Options, room: replySize(p) - fixedSize}
	o.put(dhcpv4.OptionDHCPMessageType, []byte{byte(kind)})
	o.put(dhcpv4.OptionServerIdentifier, t.spec.Server.Addr().AsSlice())
	if m.clientID != "" {
		o.put(dhcpv4.OptionClientIdentifier, []byte(m.clientID)) // RFC 6842
	}
	if yiaddr.IsValid() {
		o.lease(m.lease)
	}
	if kind != dhcpv4.MessageTypeNak {
		t.parameters(&o, m)
	}
	return r
}

// replySize is the longest message that the client takes, in octets.
func replySize(p *dhcpv4.DHCPv4) int {
	size := minMaxSize
	if v, err := dhcpv4.GetUint16(dhcpv4.OptionMaximumDHCPMessageSize, p.Options); err == nil {
		size = min(max(size, int(v)), maxMaxSize)
	}
	return size - ipHeader - udpHeader
}

// parameters puts the subnet mask, and what the client asks for as far as there is
// room, in order of need. A client without a list gets all.
func (t *Table) parameters(o *options, m *message) {
	o.put(dhcpv4.OptionSubnetMask, net.CIDRMask(t.spec.Server.Bits(), 32))
	asked := m.packet.Options.Get(dhcpv4.OptionParameterRequestList)
	ask := func(code dhcpv4.OptionCode, value []byte) {
		if len(value) > 0 && (len(asked) == 0 || bytes.IndexByte(asked, code.Code()) >= 0) {
			o.put(code, value)
		}
	}
	ask(dhcpv4.OptionRouter, t.spec.Server.Addr().AsSlice())
	var servers []byte
	for _, a := range t.spec.DNS[:min(len(t.spec.DNS), 4)] {
		servers = append(servers, a.AsSlice()...)
	}
	ask(dhcpv4.OptionDomainNameServer, servers)
	ask(dhcpv4.OptionDomainName, []byte(t.spec.Domain))
	if t.spec.MTU > 0 {
		ask(dhcpv4.OptionInterfaceMTU, binary.BigEndian.AppendUint16(nil, uint16(t.spec.MTU)))
	}
	ask(dhcpv4.OptionBroadcastAddress, broadcastOf(t.subnet).AsSlice())
	ask(dhcpv4.OptionHostName, []byte(t.hosts[m.client.mac].Name))
}

// options collects options within the room that is left, in octets.
type options struct {
	m    dhcpv4.Options
	room int
}

func (o *options) put(code dhcpv4.OptionCode, value []byte) {
	if need := 2 + len(value); need <= o.room {
		o.room -= need
		o.m[code.Code()] = value
	}
}

// lease puts the lease time with T1 and T2, which are half and seven eighths of it
// (RFC 2131 section 4.4.5).
func (o *options) lease(d time.Duration) {
	seconds := func(d time.Duration) []byte {
		return binary.BigEndian.AppendUint32(nil, uint32(d/time.Second))
	}
	o.put(dhcpv4.OptionIPAddressLeaseTime, seconds(d))
	o.put(dhcpv4.OptionRenewTimeValue, seconds(d/2))
	o.put(dhcpv4.OptionRebindingTimeValue, seconds(d*7/8))
}
