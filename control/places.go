package control

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/tetherd/tetherd/dhcp"
	"github.com/tetherd/tetherd/doctor"
	"github.com/tetherd/tetherd/link"
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
	key, args := s.denial(addr)
	return doctor.Phrase("en", key, args)
}

// denial is the sentence among the doctor's texts that says why a client is refused, and
// its words; "" when it is not.
func (s *Snapshot) denial(addr netip.Addr) (key string, args []doctor.Value) {
	n := s.Desired.NAT
	i := slices.IndexFunc(s.Observed.DHCP.Leases, func(l dhcp.Lease) bool { return l.Addr == addr })
	switch {
	case s.Desired.Refusal != "" && s.Config != nil && !s.Config.Sharing.Enabled:
		return "refused.off", nil
	case s.Desired.Refusal != "":
		return "refused.plan", []doctor.Value{{Name: "reason", Value: s.Desired.Refusal}}
	case i >= 0 && n.Blocks(s.Observed.DHCP.Leases[i].MAC):
		return "refused.blocked", nil
	case n.Limit == 0 || s.HasPlace(addr):
		return "", nil
	case i < 0:
		return "refused.address", nil
	case len(s.Observed.NAT.Slots) < n.Limit:
		return "", nil
	}
	key, absence := "refused.limit", n.Absence/time.Minute
	if n.Absence%time.Minute != 0 {
		key, absence = "refused.limit.seconds", n.Absence/time.Second
	}
	return key, []doctor.Value{
		{Name: "used", Value: strconv.Itoa(len(s.Observed.NAT.Slots))}, {Name: "limit", Value: strconv.Itoa(n.Limit)},
		{Name: "absence", Value: strconv.Itoa(int(absence))},
	}
}

// Want is what one client lacks, and why.
type Want struct {
	Key     string          // names the reason: of a refusal, or the code of the doctor's verdict
	Args    []doctor.Value  // words of a refusal's sentence
	Verdict *doctor.Finding // nil when the client itself is refused
}

// Lacks says why a client has no Internet: because it is refused, or for a fault that the
// doctor has named. False when it has, when nobody knows why not, or when the address is
// no client's.
func (s *Snapshot) Lacks(addr netip.Addr) (Want, bool) {
	if !s.isClient(addr) {
		return Want{}, false
	}
	if key, args := s.denial(addr); key != "" {
		return Want{Key: key, Args: args}, true
	}
	if v := s.Doctor.Verdict; v != nil && v.Severity == doctor.Fault && !s.Online {
		return Want{Key: string(v.Code), Verdict: v}, true
	}
	return Want{}, false
}

// isClient says that an address belongs to a network of clients, and not to our own
// synthetic client, which must see what there is.
func (s *Snapshot) isClient(addr netip.Addr) bool {
	for _, n := range s.Desired.DHCP.Networks {
		for _, h := range n.Hosts {
			if h.Addr == addr && h.Transient {
				return false
			}
		}
	}
	return slices.ContainsFunc(s.Desired.Link.LANs, func(l link.LAN) bool { return l.Address.IsValid() && l.Address.Masked().Contains(addr) })
}
