// Package link is the part that owns the LAN bridges, their ports, the uplinks'
// addresses, and the routes, rules and per-interface sysctls that carry clients'
// traffic. IPv4 now; the types hold both families.
//
// Everything it makes is recognisable in the kernel and only that is ever removed:
// routes and rules carry Protocol, IPv4 addresses a label ending in LabelSuffix, a
// bridge that it created the alias Alias, a port that it put into somebody else's
// bridge the device group Protocol. Forwarding is switched on for the LAN bridges and
// the uplinks alone, never globally.
//
// wish.go says what a Spec means in items (a bridge, an address, a route, …),
// kernel.go and decode.go read the machine, state.go picks what of it is ours as
// items of the same form, apply.go makes the one into the other, write.go holds the
// requests, run.go watches for changes.
package link

import (
	"net"
	"net/netip"
)

// Protocol is the route protocol number of every route and rule of ours
// (rtm_protocol; free in /etc/iproute2/rt_protos). It is also the device group of
// a bridge that we created, and of a port that we put into a bridge that was there:
// such a port leaves the bridge again when it is no longer wished. A port to which
// somebody gave another group keeps that, and so stays, as do ports that were in the
// bridge before.
const Protocol = 97

// LabelSuffix ends the label (IFA_LABEL) of every IPv4 address of ours. The label
// is the interface's name and this suffix; a name that leaves no room for it is cut
// short, as the kernel does when it renames an interface with aliases.
const LabelSuffix = ":t"

// Alias is the IFLA_IFALIAS of a bridge that we created. The kernel takes no alias
// in the request that creates a link, so a bridge of group Protocol without any
// alias counts as ours too: its making was cut short.
const Alias = "tetherd"

// ProbePrefix begins the names of the interfaces that the probe joins to the
// bridge by itself; they are neither wished nor removed here.
const ProbePrefix = "tprobe"

// LAN is a bridge on which clients live.
type LAN struct {
	Bridge string // interface name; created when it does not exist
	// Ports are interfaces to enslave; absent ones join when they appear. One whose name
	// tells a VLAN on another interface, as eth0.1, is made where it is not there.
	Ports []string
	// Joined are interfaces that another part puts into the bridge, as hostapd does its
	// own: here they are neither put in nor taken out. Sorted.
	Joined  []string
	Address netip.Prefix // the gateway's address with the LAN's prefix length
	MTU     int          // 0 leaves it alone
	// Apart keeps clients at different ports from each other: Ports and Joined pass
	// frames to and from the gateway alone. Kernels before 4.18 cannot.
	Apart bool
}

// Uplink is one bearer's interface with its own routing table.
type Uplink struct {
	Interface string
	Addresses []netip.Prefix // IPv6 ones are left to a later step
	Gateway   netip.Addr     // invalid: routes are device routes
	MTU       int            // 0 leaves it alone
	Table     uint32         // routing table that holds this bearer's default route; not 0
	// Parent and VLAN make the interface a VLAN on another one, as the kernel has it for a
	// modem's session beyond the first, where it is not there. "" leaves it to others.
	Parent string
	VLAN   uint16
	Mark   uint32 // packets with this fwmark use Table
	Own    bool   // the gateway's own traffic takes it: default route in the main table too
	Shared bool   // traffic that enters by the LAN bridges takes it, and no other way out
}

// Spec is the complete wish. The zero value means that nothing of ours is there.
type Spec struct {
	LANs []LAN // each bridge once
	// Forward lets packets pass between the LAN bridges and the uplinks. False closes
	// both while everything else stays.
	Forward bool
	Uplinks []Uplink // sorted by Interface; an absent interface is not an error
}

// Interface is one network interface as it is.
type Interface struct {
	Name    string
	Index   int
	Up      bool // administratively
	Carrier bool
	MTU     int
	MAC     net.HardwareAddr // empty for raw-IP devices
	RxBytes uint64
	TxBytes uint64
	// Master is the bridge (or other device) that the interface is a port of; "" none.
	Master string
	Apart  bool // the port passes frames to ports that are not apart alone
	// Ours tells a bridge that we created from one that was there, and a port that we
	// put into the latter from one that somebody else did.
	Ours bool
	// Stacked tells a VLAN that we made, whatever it is a port of.
	Stacked bool
	// Addresses are its IPv4 addresses that are not ours, with their prefix lengths.
	Addresses []netip.Prefix
}

// Status is what is.
type Status struct {
	// InForce lists, one line each and sorted, what of ours the kernel holds: links,
	// addresses, routes, rules, sysctls, in the form of Render.
	InForce    []string
	Interfaces []Interface
	// Foreign lists prefixes that routes and addresses not of ours use on this
	// machine, which no LAN must collide with.
	Foreign []netip.Prefix
	Error   string // why the kernel could not be read, as an error of this package; "" none
}
