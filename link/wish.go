package link

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Priorities of our rules, ascending. On kernels that keep no protocol in rules
// (before 4.17) every rule from ruleMark to ruleLast is ours. In each pair the main
// table without its default routes comes first, so that the gateway and its
// clients still reach every network that is directly attached.
const (
	ruleMark      = 9700 // fwmark: sockets that chose this uplink
	ruleFromMain  = 9710 // from an uplink's address, to attached networks
	ruleFrom      = 9720 // from an uplink's address: that uplink, whatever main says
	ruleLANMain   = 9730 // entering by the LAN, to attached networks
	ruleLAN       = 9740 // entering by the LAN: the shared uplink
	ruleLANClosed = 9750 // entering by the LAN: no other way out, also without any uplink
	ruleLast      = 9799
)

// metricOwn is the metric of the first uplink's default route in the main table: it
// loses against routes that a person set without one and wins against none.
const metricOwn = 700

// The items: what a state is made of. Each is comparable and prints as its line.
type (
	bridge struct {
		name string
		flaw string // what is wrong with a bridge of ours; "" nothing
	}
	device struct {
		name string
		up   bool
		mtu  int // 0 not known yet
	}
	port struct {
		name, bridge string // "" none: a port of ours that somebody took out of its bridge
		apart        bool
	}
	vlan struct {
		name, parent string
		id           uint16
	}
	address struct {
		dev    string
		prefix netip.Prefix
	}
	route struct {
		dst    netip.Prefix
		via    netip.Addr // invalid: a device route
		dev    string
		table  uint32
		metric uint32
	}
	rule struct {
		priority    uint32
		mark        uint32
		from        netip.Prefix
		iif         string
		table       uint32
		suppress    bool // without the table's default routes
		unreachable bool
	}
	sysctl struct {
		dev, key, value string // below net/ipv4/conf
	}
)

// state is what is wished or what is there.
type state struct {
	bridges   []bridge
	devices   []device
	vlans     []vlan
	ports     []port
	addresses []address
	routes    []route
	rules     []rule
	sysctls   []sysctl
}

func (b bridge) String() string { return strings.TrimSpace("bridge " + b.name + " " + b.flaw) }

func (d device) String() string {
	s := "link " + d.name + " down"
	if d.up {
		s = "link " + d.name + " up"
	}
	if d.mtu != 0 {
		s += fmt.Sprint(" mtu ", d.mtu)
	}
	return s
}

func (p port) String() string {
	if p.apart {
		return "port " + p.name + " apart in " + cmp.Or(p.bridge, "no bridge")
	}
	return "port " + p.name + " in " + cmp.Or(p.bridge, "no bridge")
}

func (v vlan) String() string { return fmt.Sprintf("vlan %s id %d on %s", v.name, v.id, v.parent) }

func (a address) String() string { return "address " + a.prefix.String() + " on " + a.dev }

func (r route) String() string {
	s := "route " + r.dst.String()
	if r.via.IsValid() {
		s += " via " + r.via.String()
	}
	return s + fmt.Sprintf(" dev %s table %d metric %d", r.dev, r.table, r.metric)
}

func (r rule) String() string {
	s := fmt.Sprintf("rule %d", r.priority)
	if r.mark != 0 {
		s += fmt.Sprintf(" fwmark %#x", r.mark)
	}
	if r.from.IsValid() {
		s += " from " + r.from.String()
	}
	if r.iif != "" {
		s += " iif " + r.iif
	}
	if r.unreachable {
		return s + " unreachable"
	}
	s += fmt.Sprint(" table ", r.table)
	if r.suppress {
		s += " without default"
	}
	return s
}

func (c sysctl) String() string {
	return "sysctl net.ipv4.conf." + c.dev + "." + c.key + " = " + c.value
}

func appendLines[T fmt.Stringer](lines []string, items []T) []string {
	for _, it := range items {
		lines = append(lines, it.String())
	}
	return lines
}

// lines prints every item once, sorted.
func (s *state) lines() []string {
	l := appendLines(nil, s.bridges)
	l = appendLines(l, s.vlans)
	l = appendLines(l, s.devices)
	l = appendLines(l, s.ports)
	l = appendLines(l, s.addresses)
	l = appendLines(l, s.routes)
	l = appendLines(l, s.rules)
	l = appendLines(l, s.sysctls)
	slices.Sort(l)
	return slices.Compact(l)
}

// Render describes the state that Spec wishes for on a machine that has these
// interfaces, one line an item, sorted: the form of Status.InForce. What Spec leaves
// alone (an MTU of 0, the ports of a bridge that is not ours) is wished to stay as
// it is; an absent port or uplink contributes nothing; an absent bridge is wished
// for, because it will be made.
func Render(s Spec, have []Interface) []string {
	w := wish(s, have)
	return w.lines()
}

// Drift lists the ways in which reality differs from the wish; empty means that
// there is nothing to apply.
func Drift(s Spec, st Status) []string {
	missing, extra := diff(Render(s, st.Interfaces), st.InForce)
	var d []string
	for _, l := range missing {
		d = append(d, "missing: "+l)
	}
	for _, l := range extra {
		d = append(d, "not wanted: "+l)
	}
	return d
}

// diff returns what of want is not in got, and what of got is not in want.
func diff[T comparable](want, got []T) (missing, extra []T) {
	for _, w := range want {
		if !slices.Contains(got, w) {
			missing = append(missing, w)
		}
	}
	for _, g := range got {
		if !slices.Contains(want, g) {
			extra = append(extra, g)
		}
	}
	return missing, extra
}

func find(have []Interface, name string) (Interface, bool) {
	i := slices.IndexFunc(have, func(f Interface) bool { return f.Name == name })
	if i < 0 {
		return Interface{}, false
	}
	return have[i], true
}

// wish turns a Spec into items.
func wish(s Spec, have []Interface) state {
	var w state
	for _, l := range s.LANs {
		w.wishLAN(l, have)
	}
	own, shared := uint32(0), false
	for _, u := range s.Uplinks {
		metric := uint32(0)
		if u.Own {
			metric = metricOwn + own // numbered in the Spec, so that an absent uplink moves no other
			own++
		}
		f, present := find(have, u.Interface)
		if w.wishVLAN(&u, f, s.Uplinks, have) {
			present = true
		}
		if !present {
			continue
		}
		w.wishUplink(u, f, metric)
		if u.Shared && u.Table != 0 && !shared {
			shared = true // one way out: the first that is there
			w.wayOut(s.LANs, u.Table)
		}
	}
	for i := range w.sysctls {
		if c := &w.sysctls[i]; c.key == "forwarding" && !s.Forward {
			c.value = "0" // the namespace's default may be to forward
		}
	}
	return w
}

// wayOut leads what enters by the LANs to a table.
func (w *state) wayOut(lans []LAN, table uint32) {
	for _, l := range lans {
		if l.Bridge != "" {
			w.rules = append(w.rules, rule{priority: ruleLAN, iif: l.Bridge, table: table})
		}
	}
}

func (w *state) wishLAN(l LAN, have []Interface) {
	if l.Bridge == "" {
		return
	}
	f, present := find(have, l.Bridge)
	w.bridges = append(w.bridges, bridge{name: l.Bridge})
	w.devices = append(w.devices, device{l.Bridge, true, keep(l.MTU, f.MTU)})
	w.wishAddress(l.Address, l.Bridge, f)
	w.rules = append(w.rules,
		rule{priority: ruleLANMain, iif: l.Bridge, table: unix.RT_TABLE_MAIN, suppress: true},
		rule{priority: ruleLANClosed, iif: l.Bridge, unreachable: true})
	w.sysctls = append(w.sysctls, sysctl{l.Bridge, "forwarding", "1"})
	for _, name := range l.Ports {
		w.wishTagged(name, have)
	}
	for _, p := range have {
		wished := slices.Contains(l.Ports, p.Name)
		joined := slices.Contains(l.Joined, p.Name)
		stays := present && p.Master == l.Bridge && (!f.Ours && !p.Ours || joined)
		if (wished || stays) && !strings.HasPrefix(p.Name, ProbePrefix) {
			w.ports = append(w.ports, port{p.Name, l.Bridge, l.Apart && (wished || joined) || p.Apart && p.Master == l.Bridge})
			w.devices = append(w.devices, device{p.Name, wished || p.Up, p.MTU})
		}
	}
}

// wishTagged wishes for the VLAN that a port's name tells, such as eth0.1 of a built-in
// switch, unless somebody else has made it.
func (w *state) wishTagged(name string, have []Interface) {
	dot := strings.LastIndexByte(name, '.')
	id, err := strconv.ParseUint(name[dot+1:], 10, 12)
	if dot < 0 || err != nil || id == 0 || id == 4095 {
		return
	}
	parent, present := find(have, name[:dot])
	if f, here := find(have, name); !present || here && !f.Stacked {
		return
	}
	w.vlans = append(w.vlans, vlan{name, parent.Name, uint16(id)})
	w.devices = append(w.devices, device{parent.Name, true, parent.MTU})
}

// wishVLAN wishes for an uplink's VLAN unless somebody else has made such an interface,
// and reports whether it did. A VLAN carries no more than what it stands on, which must
// be up.
func (w *state) wishVLAN(u *Uplink, f Interface, all []Uplink, have []Interface) bool {
	parent, present := find(have, u.Parent)
	if u.Parent == "" || u.VLAN == 0 || !present || f.Name != "" && !f.Stacked {
		return false
	}
	w.vlans = append(w.vlans, vlan{u.Interface, u.Parent, u.VLAN})
	i := slices.IndexFunc(all, func(o Uplink) bool { return o.Interface == u.Parent })
	mtu := parent.MTU
	if i >= 0 {
		mtu = keep(all[i].MTU, parent.MTU)
	} else {
		w.devices = append(w.devices, device{u.Parent, true, parent.MTU})
	}
	if u.MTU > mtu {
		u.MTU = mtu
	}
	return true
}

func (w *state) wishUplink(u Uplink, f Interface, metric uint32) {
	w.devices = append(w.devices, device{u.Interface, true, keep(u.MTU, f.MTU)})
	for _, a := range u.Addresses {
		w.wishAddress(a, u.Interface, f)
		if a.Addr().Is4() && u.Table != 0 && !u.Own {
			// Main knows no way out by this uplink: without these rules the loose reverse
			// path filter drops what answers a socket that is bound to it.
			host := netip.PrefixFrom(a.Addr(), 32)
			w.rules = append(w.rules,
				rule{priority: ruleFromMain, from: host, table: unix.RT_TABLE_MAIN, suppress: true},
				rule{priority: ruleFrom, from: host, table: u.Table})
		}
	}
	def := route{dst: netip.PrefixFrom(netip.IPv4Unspecified(), 0), via: nextHop(u), dev: u.Interface}
	if u.Table != 0 {
		def.table = u.Table
		w.routes = append(w.routes, def)
	}
	if u.Table != 0 && u.Mark != 0 {
		w.rules = append(w.rules, rule{priority: ruleMark, mark: u.Mark, table: u.Table})
	}
	if u.Own {
		def.table, def.metric = unix.RT_TABLE_MAIN, metric
		w.routes = append(w.routes, def)
	}
	w.sysctls = append(w.sysctls,
		sysctl{u.Interface, "forwarding", "1"},
		sysctl{u.Interface, "rp_filter", "2"}) // loose: answers come by the uplink that main may not prefer
}

// wishAddress wishes for an address unless somebody else has set the very same.
func (w *state) wishAddress(a netip.Prefix, dev string, f Interface) {
	if a.IsValid() && a.Addr().Is4() && !slices.Contains(f.Addresses, a) {
		w.addresses = append(w.addresses, address{dev, a})
	}
}

// nextHop is the uplink's gateway, or none where the kernel would refuse it: some
// modems give the bearer's own address, or nonsense, as the gateway.
func nextHop(u Uplink) netip.Addr {
	g := u.Gateway
	refused := slices.ContainsFunc(u.Addresses, func(p netip.Prefix) bool { return p.Addr() == g || edge(p, g) })
	if refused || !g.Is4() || g.IsUnspecified() || g.IsMulticast() || g.IsLoopback() || g == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return netip.Addr{}
	}
	return g
}

// edge tells the network and broadcast addresses of a prefix that has them.
func edge(p netip.Prefix, a netip.Addr) bool {
	if p.Bits() > 30 || !p.Contains(a) {
		return false
	}
	return !p.Contains(a.Prev()) || !p.Contains(a.Next())
}

// keep returns the wished value, or the present one when none is wished.
func keep(wished, present int) int {
	if wished != 0 {
		return wished
	}
	return present
}
