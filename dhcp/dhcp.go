// Package dhcp is the part that leases addresses to clients: DHCPv4 (RFC 2131)
// now; DHCPv6 and router advertisements find their room here.
//
// The lease logic is pure: Table.Handle takes a message and the time and gives the
// answer; table.go chooses addresses, handle.go holds the exchange, reply.go the
// options. Sockets (socket.go, frame.go, arp.go), the lease file (file.go), the server
// of one network that joins them (server.go) and the driver of all (driver.go) are at
// the edge.
//
// A server is the only authority on its LAN. So it answers a client that it does
// not know but that asks for an address which is free with an ACK, and for any other
// with a NAK, where RFC 2131 section 4.3.2 would have it stay silent: clients keep
// their addresses when our memory is lost, and leave a former network at once.
package dhcp

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"time"
)

// Host is a reservation. Name is made safe as a DNS label and given to no other
// client.
type Host struct {
	MAC  net.HardwareAddr
	Addr netip.Addr // invalid reserves no address
	Name string
	// Transient leases are nobody's: they are neither listed nor named nor written to
	// the file, and cost no write of it. It is for who tests the LAN and leaves again.
	Transient bool
}

// Spec is the complete wish. The zero value means that no server runs.
type Spec struct {
	Networks []Network // each Name and each Interface once
}

// Network is the wish for one network of clients. The zero value means that no server
// runs there.
type Network struct {
	// Name tells networks apart while everything else of them changes; it ends the name
	// of the lease file. The one whose Name is "" gives its clients' names to others.
	Name        string
	Interface   string       // LAN bridge; it may be absent and appear later
	Server      netip.Prefix // the gateway's own address and the LAN's prefix length
	First, Last netip.Addr   // pool, inclusive; the first 4096 addresses of it are used
	LeaseTime   time.Duration
	Longest     time.Duration // what clients may have been told before, if that is more than LeaseTime
	DNS         []netip.Addr  // option 6
	Domain      string        // option 15; "" none
	MTU         int           // option 26; 0 none
	// Hosts are reservations, sorted by MAC. They may lie outside the pool; one
	// outside the subnet sleeps until the LAN moves there.
	Hosts []Host
}

// Lease is one client's address.
type Lease struct {
	MAC      net.HardwareAddr
	ClientID []byte // option 61; empty when the client sent none
	Addr     netip.Addr
	Hostname string // as a DNS label made safe; "" none
	Kind     Kind   // what it seems to be
	Expires  time.Time
	Since    time.Time // first acknowledged
	Reserved bool
}

// Status is what is.
type Status struct {
	Serving bool    // in every network that is wished, of which there is one at least
	InForce Spec    // the networks that are served
	Leases  []Lease // acknowledged, not expired and not transient, sorted by address
	Free    int     // addresses left for clients not yet known, in the first network
	Dropped uint64  // requests dropped by the queues' bounds
	// TurnedAway counts clients' requests that found no free address, since the process
	// started.
	TurnedAway uint64
	Error      string // why a network is not served, as an error of this package; "" none
}

// networkStatus is what is in one network.
type networkStatus struct {
	Serving bool
	InForce Network // zero while not serving
	Leases  []Lease // acknowledged, not expired and not transient, sorted by address
	Free    int     // addresses left in the pool for clients not yet known
	Dropped uint64  // requests dropped by the queue's bound
	// TurnedAway counts clients' requests that found no free address, since the process
	// started.
	TurnedAway uint64
	Error      string // why it does not serve, as an error of this package; "" none
}

// Binder is told of a binding before its ACK is sent and, with a nil mac, after it
// has ended. A renewal is told as well, and what the lease file held at the start. The
// MAC is the one that the client's frames come with; own says that the client names the
// same one in its messages, which it does not behind a repeater, nor when it is made up.
// It is the edge to the firewall; a nil Binder is allowed. Calls come one at a time, must
// be short and must not call the Driver.
type Binder interface {
	Bind(mac net.HardwareAddr, addr netip.Addr, own bool)
	// Welcome says whether who sends under a MAC now may speak for it. Nothing that it
	// says counts otherwise.
	Welcome(mac net.HardwareAddr) bool
	// Silent says that nobody loses a place to whoever comes instead of a MAC: there is no
	// limit of clients, or that one has sent nothing for a while.
	Silent(mac net.HardwareAddr, addr netip.Addr) bool
}

// Places says who has Internet where not everybody may; a nil Places is allowed. It may be
// asked by several at once, must be short and must not call the Driver.
type Places interface {
	// Placed says that who sends under a MAC has a place among the clients with Internet, or
	// finds one.
	Placed(mac net.HardwareAddr) bool
}

// check refuses a wish that cannot be served.
func (s Network) check() error {
	if s.Interface == "" {
		return nil
	}
	subnet := s.Server.Masked()
	switch {
	case !s.Server.IsValid() || !s.Server.Addr().Is4() || s.Server.Bits() > 30:
		return fmt.Errorf("server %v is not an IPv4 address in a subnet with room for clients", s.Server)
	case !subnet.Contains(s.First) || !subnet.Contains(s.Last) || s.Last.Less(s.First):
		return fmt.Errorf("pool %v to %v does not lie in %v", s.First, s.Last, subnet)
	case s.LeaseTime < 2*time.Second || s.LeaseTime/time.Second > math.MaxInt32:
		return fmt.Errorf("lease time %v is out of range", s.LeaseTime)
	case len(s.Domain) > 253:
		return errors.New("domain is longer than 253 octets")
	case s.MTU != 0 && (s.MTU < 68 || s.MTU > math.MaxUint16):
		return fmt.Errorf("MTU %d is out of range", s.MTU) // RFC 2132 section 5.1
	}
	for _, a := range s.DNS {
		if !a.Is4() {
			return fmt.Errorf("DNS server %v is not an IPv4 address", a)
		}
	}
	return nil
}
