// Package nat is the part that owns the firewall: one nftables table, written
// whole in one transaction while its sets keep their elements.
//
// Render turns a Spec into a Ruleset, which is data: String gives its nft text for
// people and golden files, and the driver loads the same data through netlink. The
// kernel's table is read back, never remembered.
//
// render.go says which rules there are and why, term.go what rules are made of in
// both languages, text.go prints them, fingerprint.go identifies a ruleset in either
// form, driver.go loads it, kernel.go and counters.go read it back, conntrack.go ends
// connections of a former address, run.go watches for changes by others. block.go refuses
// clients by their MAC. offload.go
// says what is different when established connections pass by the rules, ledger.go
// counts them.
package nat

import (
	"net"
	"net/netip"
	"time"
)

// Table is the name of our one table, in family inet.
const Table = "tetherd"

// Uplink is one way out.
type Uplink struct {
	Interface string
	Addresses []netip.Addr // its present addresses; entries of former ones are dropped from conntrack
	Shared    bool         // clients' traffic may leave by it
	// MTU in bytes bounds the segments that clients send, when their way out is not
	// in the main routing table, the only one that the kernel asks for the way back.
	// 0: unknown, the main table's route bounds them.
	MTU int
}

// LAN is one network of clients. Clients of different ones do not reach each other, nor
// the gateway's addresses in the others.
type LAN struct {
	Bridge  string
	Subnets []netip.Prefix // its prefixes, masked
	APIPort uint16         // TCP port of the status page; 0 none
	Open    []uint16       // further TCP ports of the gateway that its clients may reach
	Apart   bool           // its clients do not reach each other, through the gateway neither
}

// Spec is the complete wish. The zero value means no table at all.
type Spec struct {
	Enabled bool
	LANs    []LAN    // each bridge once
	Uplinks []Uplink // sorted by Interface
	Sharing bool     // false: clients reach the gateway and nothing else
	// Offload lists the devices between which established TCP and UDP connections take
	// the kernel's short way past routing and rules (flow offload in software): present
	// ones only, for an absent one makes the kernel refuse everything. None: off.
	Offload []string

	// Limit is how many clients may have Internet at a time: those that sent first.
	// A client is a port of the bridge, a MAC and the address leased to it (see
	// Driver.Bind). 0 lets everybody, also who has no lease.
	Limit   int
	Absence time.Duration // a client that sends nothing for so long gives up its place; whole seconds
	// Blocked are MACs from which nothing goes to the Internet, sorted, at most 512. Names and
	// what the gateway says to its clients are theirs all the same.
	Blocked []net.HardwareAddr
	// Explain is the TCP port of the gateway that says why there is no Internet; 0 none.
	// Clients' requests for pages at Page are led to it, and those of refused clients.
	Explain uint16
	Page    netip.Addr       // an IPv4 address that nobody has; invalid none
	Exempt  net.HardwareAddr // MAC of the synthetic client, which takes no place; none when empty
	// ExemptPort begins the names of the bridge's ports that the synthetic client uses.
	ExemptPort string
	Free       []Free // acts, oldest first; one that is done is not done again while it is listed
	NoPorts    bool   // the kernel cannot tell ports: MAC and address must do
}

// Free is the act of taking a client's place away. It may not take one for ParkTime.
type Free struct {
	ID  string
	MAC net.HardwareAddr
}

// Slot is one place among those with Internet.
type Slot struct {
	MAC  net.HardwareAddr
	Addr netip.Addr
	Left time.Duration // until it is free, unless its client sends
}

// Counters are bytes of one client or uplink, from the network header on, since the
// table was first loaded or the client or uplink first seen.
type Counters struct {
	Up, Down uint64 // from and to the client, or out of and into the uplink
}

// Rival is a base chain on the forward hook in somebody else's table.
type Rival struct {
	Table string // such as "ip filter"
	Chain string
	Why   string // by what it drops: "policy", or "rule"
}

// Status is what the kernel holds.
type Status struct {
	Loaded bool
	// InForce is the fingerprint of the ruleset that the kernel holds now, computed
	// from what was read back; it equals Render(spec).Fingerprint() when in force.
	InForce string
	Clients map[netip.Addr]Counters
	Uplinks map[string]Counters
	// Offload lists the devices between which connections take the short way now: the
	// kernel forgets a device that vanishes, and does not take it back.
	Offload []string
	// NoOffload says why this machine cannot offload; "" when it can, or was not asked.
	NoOffload string
	Slots     []Slot // sorted by address
	Freed     []Free // acts that are done, of those that were wished last
	Ports     string // identifies the table that tells a bridge's ports; it equals Ports(spec) when in force
	NoPorts   string // why the kernel cannot do that; "" it can, or was not asked
	Stale     bool   // a binding could not be put in force, or nobody has looked after them yet
	Unbarred  bool   // connections of blocked clients could not be ended
	// Rivals are chains of others that drop forwarded packets: what we accept they may
	// still drop. At most 16.
	Rivals []Rival
	// Asked counts clients' tries to connect by TCP, repeated ones included, Answered those
	// that somebody accepted, since the table was first loaded.
	Asked, Answered uint64
	// Dropped counts the connections that were ended because their address had gone,
	// since the process started.
	Dropped uint64
	Error   string // why the kernel could not be read or refused the table; "" none
}
