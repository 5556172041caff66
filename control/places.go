package control

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/tetherd/tetherd/dhcp"
	"github.com/tetherd/tetherd/nat"
)

// FreePlace is the Intent to take a client's place among those with Internet away, so
// that another comes first. The same ID acts once.
type FreePlace struct {
	ID  string
	MAC net.HardwareAddr
}

// maxFrees bounds the acts that are kept.
const maxFrees = 16

// freed adds an act to those that are wished.
func freed(acts []nat.Free, i FreePlace) []nat.Free {
	if slices.ContainsFunc(acts, func(f nat.Free) bool { return f.ID == i.ID }) {
		return acts
	}
	next := slices.Clone(acts[max(0, len(acts)-maxFrees+1):])
	return append(next, nat.Free{ID: i.ID, MAC: slices.Clone(i.MAC)})
}

// HasPlace says that a client is among those with Internet, as far as there is a limit.
func (s *Snapshot) HasPlace(addr netip.Addr) bool {
	return slices.ContainsFunc(s.Observed.NAT.Slots, func(p nat.Slot) bool { return p.Addr == addr })
}

// Refused says in one clause why the client with an address has no Internet, as far as
// that is decided here; "" when it may have.
func (s *Snapshot) Refused(addr netip.Addr) string {
	n := s.Desired.NAT
	leased := slices.ContainsFunc(s.Observed.DHCP.Leases, func(l dhcp.Lease) bool { return l.Addr == addr })
	switch {
	case s.Desired.Refusal != "":
		return s.Desired.Refusal
	case n.Limit == 0 || s.HasPlace(addr):
		return ""
	case !leased:
		return "it uses an address that this gateway did not give to it; let it get one by DHCP"
	case len(s.Observed.NAT.Slots) < n.Limit:
		return ""
	}
	return fmt.Sprintf("%d of %d devices have Internet already; a place is free when one of them was away for %s, or its owner frees it",
		len(s.Observed.NAT.Slots), n.Limit, span(n.Absence))
}

// span writes a time for people.
func span(d time.Duration) string {
	if d%time.Minute == 0 && d >= time.Minute {
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}
