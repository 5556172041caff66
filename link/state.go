package link

import (
	"net/netip"
	"slices"
	"sort"
	"strings"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"
)

// made tells a bridge that we created, also when its making was cut short.
func (d netdev) made() bool {
	return d.kind == "bridge" && (d.alias == Alias || d.alias == "" && d.group == Protocol)
}

// joined tells a port that we put into somebody else's bridge.
func (d netdev) joined() bool { return d.kind != "bridge" && d.group == Protocol }

// stacked tells a VLAN that we made. One whose making was cut short is like anybody's.
func (d netdev) stacked() bool { return d.kind == "vlan" && d.alias == Alias }

// flaw says what is not as we make our bridges; "" nothing.
func (d netdev) flaw() string {
	switch {
	case !d.made():
		return ""
	case d.alias != Alias:
		return "without alias"
	case d.stp != 0 || d.delay != 0:
		return "with spanning tree or forward delay"
	}
	return ""
}

func ourAddress(m rtnetlink.AddressMessage) bool {
	return strings.HasSuffix(m.Attributes.Label, LabelSuffix)
}

// ours collects the interfaces that carry something of ours, by index: they are
// the ones whose settings we answer for.
func (k *kernel) ours() map[int]bool {
	o := map[int]bool{}
	for _, d := range k.devs {
		if d.made() {
			o[d.index] = true
		}
	}
	for _, m := range k.addrs {
		if ourAddress(m) {
			o[int(m.Index)] = true
		}
	}
	for _, m := range k.routes {
		if m.Protocol == Protocol {
			o[int(m.Attributes.OutIface)] = true
		}
	}
	for _, r := range k.rules {
		if d, ok := k.dev(r.iif); ok {
			o[d.index] = true
		}
	}
	return o
}

// state picks what of the reading is ours.
func (k *kernel) state() state {
	var s state
	ours, under := k.ours(), map[int]bool{}
	for _, d := range k.devs {
		if d.stacked() {
			s.vlans = append(s.vlans, vlan{d.name, k.at(d.lower).name, d.vlan})
			under[d.lower] = true
		}
	}
	for _, d := range k.devs {
		m := k.at(d.master)
		bridged := m.kind == "bridge" && ours[m.index] && !strings.HasPrefix(d.name, ProbePrefix)
		if bridged || d.joined() {
			s.ports = append(s.ports, port{d.name, m.name, d.apart})
		}
		if ours[d.index] || bridged || under[d.index] || d.stacked() {
			s.devices = append(s.devices, device{d.name, d.flags&unix.IFF_UP != 0, d.mtu})
		}
		if ours[d.index] {
			k.settings(&s, d)
		}
	}
	for _, m := range k.addrs {
		if p, ok := prefixOf(m); ok && ourAddress(m) {
			s.addresses = append(s.addresses, address{k.at(int(m.Index)).name, p})
		}
	}
	for _, m := range k.routes {
		if m.Protocol == Protocol {
			s.routes = append(s.routes, k.route(m))
		}
	}
	s.rules = k.rules
	return s
}

// settings adds what belongs to an interface of ours itself. An uplink is told from
// a LAN by not being a bridge.
func (k *kernel) settings(s *state, d netdev) {
	keys := []string{"forwarding", "rp_filter"}
	if d.kind == "bridge" {
		s.bridges = append(s.bridges, bridge{d.name, d.flaw()})
		keys = keys[:1]
	}
	for _, key := range keys {
		if v, err := k.sysctl(d.name, key); err == nil {
			s.sysctls = append(s.sysctls, sysctl{d.name, key, v})
		}
	}
}

func (k *kernel) route(m rtnetlink.RouteMessage) route {
	via, _ := netip.AddrFromSlice(m.Attributes.Gateway)
	return route{
		dst:    dstOf(m),
		via:    via.Unmap(),
		dev:    k.at(int(m.Attributes.OutIface)).name,
		table:  m.Attributes.Table,
		metric: m.Attributes.Priority,
	}
}

// interfaces is the Status' view of the links.
func (k *kernel) interfaces() []Interface {
	out := make([]Interface, 0, len(k.devs))
	for _, d := range k.devs {
		f := Interface{
			Name: d.name, Index: d.index, MTU: d.mtu, MAC: d.mac,
			Up: d.flags&unix.IFF_UP != 0, Carrier: d.flags&unix.IFF_LOWER_UP != 0,
			RxBytes: d.rx, TxBytes: d.tx,
			Apart: d.apart, Master: k.at(d.master).name, Ours: d.made() || d.joined() || d.stacked(), Stacked: d.stacked(),
		}
		for _, m := range k.addrs {
			if p, ok := prefixOf(m); ok && int(m.Index) == d.index && !ourAddress(m) {
				f.Addresses = append(f.Addresses, p)
			}
		}
		out = append(out, f)
	}
	return out
}

// foreign collects the prefixes that somebody else uses.
func (k *kernel) foreign() []netip.Prefix {
	var out []netip.Prefix
	var own []netip.Addr
	for _, m := range k.addrs {
		p, ok := prefixOf(m)
		if ok && ourAddress(m) {
			own = append(own, p.Addr())
		} else if ok {
			out = append(out, p.Masked())
		}
	}
	for _, m := range k.routes {
		// The kernel makes a route of its own for each address, ours too.
		src, _ := netip.AddrFromSlice(m.Attributes.Src)
		switch m.Type {
		case unix.RTN_UNICAST, unix.RTN_BLACKHOLE, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT:
			if m.Protocol != Protocol && !slices.Contains(own, src.Unmap()) {
				out = append(out, dstOf(m).Masked())
			}
		}
	}
	out = slices.DeleteFunc(out, everywhere)
	sort.Slice(out, func(i, j int) bool { return out[i].Compare(out[j]) < 0 })
	return slices.Compact(out)
}

// everywhere tells prefixes that say nothing about which networks are taken: the
// default route, also when cut in two halves as tunnels do, loopback, link-local.
func everywhere(p netip.Prefix) bool {
	return p.Bits() <= 1 || p.Addr().IsLoopback() || p.Addr().IsLinkLocalUnicast()
}
