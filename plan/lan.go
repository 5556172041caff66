package plan

import (
	"bytes"
	"math"
	"net/netip"
	"slices"
	"sort"
	"time"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/dhcp"
	"github.com/tetherd/tetherd/dns"
	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/modem"
)

// lanChoices are the gateway addresses tried in turn when the owner names none or
// the named one collides: out of the three private blocks (RFC 1918), away from
// the subnets that hotels, operators and other routers favour.
var lanChoices = []netip.Prefix{
	netip.MustParsePrefix("192.168.97.1/24"),
	netip.MustParsePrefix("172.27.97.1/24"),
	netip.MustParsePrefix("10.97.97.1/24"),
	netip.MustParsePrefix("192.168.197.1/24"),
	netip.MustParsePrefix("172.19.97.1/24"),
}

// guestChoices are the same for the network of guests.
var guestChoices = []netip.Prefix{
	netip.MustParsePrefix("192.168.98.1/24"),
	netip.MustParsePrefix("172.27.98.1/24"),
	netip.MustParsePrefix("10.97.98.1/24"),
	netip.MustParsePrefix("192.168.198.1/24"),
	netip.MustParsePrefix("172.19.98.1/24"),
}

// maxAvoid bounds what Avoid remembers beside what is used now.
const maxAvoid = 16

// Avoid lists the networks that the LAN must stay clear of: all that uplinks and
// others use now, and the last of those they used before, so that a bearer that comes
// and goes does not make the LAN move each time. What somebody else set on the bridge of
// a network is that network's own.
func Avoid(before []netip.Prefix, bearers map[modem.Purpose]modem.BearerStatus, l link.Status, cfg *config.Config) []netip.Prefix {
	var now []netip.Prefix
	used := map[netip.Prefix]bool{}
	add := func(p netip.Prefix) {
		if p = p.Masked(); p.IsValid() && p.Addr().Is4() && !used[p] {
			now, used[p] = append(now, p), true
		}
	}
	for _, p := range []modem.Purpose{modem.Own, modem.Shared, modem.Purchase} {
		if b := bearers[p]; b.IPv4 != nil {
			avoidConfig(b.IPv4, add)
		}
	}
	for _, p := range l.Foreign {
		if !slices.ContainsFunc(bridges(cfg), func(b string) bool { return onBridge(p, l, b) }) {
			add(p)
		}
	}
	past := slices.DeleteFunc(slices.Clone(before), func(p netip.Prefix) bool { return used[p] })
	return append(past[max(0, len(past)-maxAvoid):], now...)
}

// onBridge says that p is the network of an address on the bridge.
func onBridge(p netip.Prefix, l link.Status, bridge string) bool {
	return slices.ContainsFunc(l.Interfaces, func(i link.Interface) bool {
		return i.Name == bridge && slices.ContainsFunc(i.Addresses, func(a netip.Prefix) bool { return a.Masked() == p })
	})
}

// minNetwork is the shortest prefix that an uplink's network may have, that of 10/8.
const minNetwork = 8

// avoidConfig adds a bearer's own network, its gateway and its DNS servers.
func avoidConfig(c *modem.IPConfig, add func(netip.Prefix)) {
	for _, a := range c.Addresses {
		if a.Bits() < minNetwork { // nobody's network: it would leave no room for a LAN
			a = netip.PrefixFrom(a.Addr(), a.Addr().BitLen())
		}
		add(a)
	}
	for _, a := range append(slices.Clone(c.DNS), c.Gateway) {
		if a.IsValid() {
			add(netip.PrefixFrom(a, a.BitLen()))
		}
	}
}

// choose picks a network's address: the owner's when it is clear of everything, which
// is avoid and others, the further networks of clients; else the first choice that is.
func choose(what string, named netip.Prefix, choices, avoid, others []netip.Prefix, d *Desired) netip.Prefix {
	avoid = append(slices.Clone(avoid), others...)
	why := "the first choice that is clear of every other network"
	if named.IsValid() {
		at := collision(named, avoid)
		if !at.IsValid() {
			return named
		}
		why = "the config's " + named.String() + " collides with " + at.String()
	}
	for _, p := range choices {
		if !collision(p, avoid).IsValid() {
			d.Why = append(d.Why, Reason{What: what, Value: p.String(), Why: why})
			return p
		}
	}
	// Every choice collides: the least bad is what the owner, or the list, says first,
	// but no two networks of clients may be the same.
	last := choices[0]
	for _, p := range append([]netip.Prefix{named}, choices...) {
		if p.IsValid() && !collision(p, others).IsValid() {
			last = p
			break
		}
	}
	d.Why = append(d.Why, Reason{What: what, Value: last.String(), Why: "every choice collides with an uplink"})
	return last
}

// collision returns the first of avoid that overlaps p; invalid when none does.
func collision(p netip.Prefix, avoid []netip.Prefix) netip.Prefix {
	for _, a := range avoid {
		if a.Overlaps(p) {
			return a
		}
	}
	return netip.Prefix{}
}

// firstLease is the lease time until the uplink has carried traffic: the LAN may
// have to move when the uplink's network becomes known.
const firstLease = 2 * time.Minute

// dhcpNetwork leases addresses in one network. Reservations and the synthetic client
// are the first one's.
func dhcpNetwork(in Inputs, n network, ups []link.Uplink, direct dns.Upstream) dhcp.Network {
	cfg := in.Config
	first, last := pool(n.address, cfg.DHCP.Start, cfg.DHCP.Limit)
	s := dhcp.Network{
		Name:      n.name,
		Interface: n.bridge,
		Server:    n.address,
		First:     first,
		Last:      last,
		LeaseTime: cfg.DHCP.LeaseTime,
		Domain:    cfg.DHCP.Domain,
		MTU:       clientMTU(cfg, ups),
		// Also when our own forwarder is off: then another one answers here.
		DNS: []netip.Addr{n.address.Addr()},
	}
	if in.Repairs.DirectDNS && direct.Interface != "" {
		s.DNS = directDNS(direct, s.DNS)
	}
	if !in.WasOnline {
		s.LeaseTime, s.Longest = min(s.LeaseTime, firstLease), s.LeaseTime
	}
	if n.name != "" {
		return s
	}
	s.Hosts = hosts(cfg.Hosts, n.address)
	if cfg.Probe.Enabled && cfg.Probe.Client && in.Synthetic != [6]byte{} {
		admitProbe(&s, in.Synthetic)
	}
	return s
}

// directDNS are the servers that clients ask past us: those that DHCP can tell, or else
// what it would tell without.
func directDNS(direct dns.Upstream, without []netip.Addr) []netip.Addr {
	servers := slices.DeleteFunc(slices.Concat(direct.Servers, direct.Fallback), func(a netip.Addr) bool { return !a.Is4() })
	if len(servers) == 0 {
		return without
	}
	return servers[:min(len(servers), 3)] // more than a client's resolver asks
}

// admitProbe reserves an address for the synthetic client, so that it neither takes a
// client's nor is turned away when all are leased: one outside the pool, else the
// pool's last. A LAN without room for both has no synthetic client.
func admitProbe(s *dhcp.Network, mac [6]byte) {
	host := dhcp.Host{MAC: mac[:], Transient: true}
	free := func(a netip.Addr) bool {
		return a != s.Server.Addr() && !slices.ContainsFunc(s.Hosts, func(h dhcp.Host) bool { return h.Addr == a })
	}
	_, top := pool(s.Server, math.MaxInt32, 1)
	switch {
	case s.Last.Less(top) && free(top):
		host.Addr = top
	case s.First.Less(s.Last) && free(s.Last):
		host.Addr, s.Last = s.Last, s.Last.Prev()
	default:
		return
	}
	s.Hosts = append(s.Hosts, host)
	byMAC(s.Hosts)
}

func byMAC(list []dhcp.Host) {
	sort.Slice(list, func(i, j int) bool { return bytes.Compare(list[i].MAC, list[j].MAC) < 0 })
}

// hasProbe says that a synthetic client can have a lease.
func hasProbe(s dhcp.Spec) bool {
	return len(s.Networks) > 0 &&
		slices.ContainsFunc(s.Networks[0].Hosts, func(h dhcp.Host) bool { return h.Transient })
}

// ethernetMTU is what clients use untold.
const ethernetMTU = 1500

// clientMTU is the MTU clients should use: the smaller one of the LAN and of the
// bearer which carries their traffic; 0 when they need not be told.
func clientMTU(cfg *config.Config, ups []link.Uplink) int {
	mtu := ethernetMTU
	if cfg.LAN.MTU > 0 {
		mtu = min(mtu, cfg.LAN.MTU)
	}
	for _, u := range ups {
		if u.Shared && u.MTU > 0 {
			mtu = min(mtu, u.MTU)
		}
	}
	if mtu == ethernetMTU {
		return 0
	}
	return mtu
}

// pool places limit addresses from host number start into the subnet, leaving out
// the network and broadcast addresses. In a subnet that is too small, as after a move,
// it begins earlier rather than being short.
func pool(lan netip.Prefix, start, limit int) (first, last netip.Addr) {
	base := be32(lan.Masked().Addr())
	room := uint32(1)<<(32-lan.Bits()) - 2
	count := min(uint32(max(limit, 1)), room)
	lo := min(max(uint32(start), 1), room-count+1)
	hi := lo + count - 1
	return from32(base + lo), from32(base + hi)
}

func be32(a netip.Addr) uint32 {
	b := a.As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

func from32(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// hosts gives the names of clients, and the reservations that lie inside the LAN's
// subnet; others would never be reachable after the LAN moved.
func hosts(in []config.Host, lan netip.Prefix) []dhcp.Host {
	var out []dhcp.Host
	for _, h := range in {
		if !h.Addr.IsValid() || lan.Contains(h.Addr) {
			out = append(out, dhcp.Host{MAC: h.MAC, Addr: h.Addr, Name: h.Name})
		}
	}
	byMAC(out)
	return out
}
