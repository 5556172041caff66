package plan

import (
	"net/netip"
	"slices"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/dhcp"
	"github.com/tetherd/tetherd/dns"
	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/nat"
)

// network is one network of clients: every part gets its own from it. The first is the
// LAN; a further one is apart from it.
type network struct {
	name    string // "" the LAN
	bridge  string
	ports   []string
	address netip.Prefix
	mtu     int
	apiPort uint16   // of the status; 0 is not for these clients
	open    []uint16 // further ports of the gateway
}

// guestNetwork is the name of the network of guests.
const guestNetwork = "guest"

// networksOf are the LAN and, when it is wished, the network of guests.
func networksOf(in Inputs, d *Desired) []network {
	cfg := in.Config
	lan := network{bridge: cfg.LAN.Bridge, ports: cfg.LAN.Ports, mtu: cfg.LAN.MTU, apiPort: cfg.API.Port, open: cfg.LAN.Open}
	if !cfg.HasGuests() {
		lan.address = choose("lan address", cfg.LAN.Address, lanChoices, in.Avoid, nil, d)
		return []network{lan}
	}
	guest := network{name: guestNetwork, bridge: cfg.Guest.Bridge, ports: cfg.Guest.Ports, mtu: cfg.LAN.MTU}
	var guests []netip.Prefix
	if cfg.Guest.Address.IsValid() {
		guests = append(guests, cfg.Guest.Address.Masked())
	}
	lan.address = choose("lan address", cfg.LAN.Address, lanChoices, in.Avoid, guests, d)
	guest.address = choose("guest address", cfg.Guest.Address, guestChoices, in.Avoid, []netip.Prefix{lan.address.Masked()}, d)
	return []network{lan, guest}
}

// LAN is the wish for the owner's own network; zero before there is any.
func (d Desired) LAN() link.LAN { return lanAt(d.Link, 0) }

// Guests is the wish for the network of guests; zero when there is none.
func (d Desired) Guests() link.LAN { return lanAt(d.Link, 1) }

func lanAt(s link.Spec, i int) link.LAN {
	if i >= len(s.LANs) {
		return link.LAN{}
	}
	return s.LANs[i]
}

// lans are the bridges with their ports; hostapd joins its networks by itself.
func lans(nets []network, wifi hostapd.Spec) []link.LAN {
	var out []link.LAN
	for _, n := range nets {
		l := link.LAN{Bridge: n.bridge, Ports: n.ports, Address: n.address, MTU: n.mtu, Apart: n.name != ""}
		for _, r := range wifi.Radios {
			for i, name := range r.Interfaces() {
				if r.Networks[i].Bridge == n.bridge {
					l.Joined = append(l.Joined, name)
				}
			}
		}
		slices.Sort(l.Joined)
		out = append(out, l)
	}
	return out
}

func natLANs(nets []network) []nat.LAN {
	var out []nat.LAN
	for _, n := range nets {
		out = append(out, nat.LAN{Bridge: n.bridge, Subnets: []netip.Prefix{n.address.Masked()}, APIPort: n.apiPort, Open: n.open, Apart: n.name != ""})
	}
	return out
}

// listen are the addresses at which names are answered, and what they are in each
// network but the first.
func listen(nets []network) (at []netip.AddrPort, views []dns.View) {
	for i, n := range nets {
		at = append(at, netip.AddrPortFrom(n.address.Addr(), 53))
		if i > 0 {
			views = append(views, dns.View{Askers: n.address.Masked(), Names: ownNames(n)})
		}
	}
	return at, views
}

func ownNames(n network) []dns.Name { return []dns.Name{{Name: "tetherd", Addr: n.address.Addr()}} }

func dhcpSpec(in Inputs, nets []network, ups []link.Uplink, direct dns.Upstream) dhcp.Spec {
	var s dhcp.Spec
	if !in.Config.DHCP.Enabled {
		return s
	}
	for _, n := range nets {
		s.Networks = append(s.Networks, dhcpNetwork(in, n, ups, direct))
	}
	return s
}

// bridges are those of all networks, which their owner may have made himself.
func bridges(cfg *config.Config) []string { return []string{cfg.LAN.Bridge, cfg.Guest.Bridge} }
