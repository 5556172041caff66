package link

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// passes bounds how often Apply reads the machine again to repair what its own
// steps took along: the kernel drops secondary addresses with their primary, and
// all routes with an interface's last address.
const passes = 4

// Options are a Driver's surroundings.
type Options struct {
	Log  *slog.Logger // nil discards
	Root string       // folder of the sysctls; "" is /proc/sys
}

// Driver keeps one network namespace as a Spec wishes: the one of the thread that
// makes the first call.
type Driver struct {
	log  *slog.Logger
	root string

	mu   sync.Mutex // one request at a time on conn
	conn *netlink.Conn
}

// New returns a Driver; nothing is opened or changed before its first use.
func New(o Options) *Driver {
	return &Driver{
		log:  cmp.Or(o.Log, slog.New(slog.DiscardHandler)),
		root: cmp.Or(o.Root, "/proc/sys"),
	}
}

// read takes a reading on the lasting socket; d.mu is held.
func (d *Driver) read() (*kernel, error) {
	if d.conn == nil {
		c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
		if err != nil {
			return nil, fmt.Errorf("open netlink: %w", err)
		}
		d.conn = c
	}
	k, err := read(d.conn, d.root)
	if err != nil {
		_ = d.conn.Close() // an answer may be left in it
		d.conn = nil
	}
	return k, err
}

// Observe reads links, addresses, routes, rules and sysctls.
func (d *Driver) Observe() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	k, err := d.read()
	if err != nil {
		return Status{Error: "link: " + err.Error()}
	}
	s := k.state()
	return Status{InForce: s.lines(), Interfaces: k.interfaces(), Foreign: k.foreign()}
}

// Apply makes the machine as Spec wishes. What is right already is left untouched,
// so that connections survive; what is new is added before what is old is removed.
// The error joins everything that could not be done; the rest was done.
func (d *Driver) Apply(s Spec) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var err error
	for range passes {
		k, rerr := d.read()
		if rerr != nil {
			return fmt.Errorf("link: %w", rerr)
		}
		p := pass{c: d.conn, k: k, log: d.log}
		p.run(wish(s, k.interfaces()), k.state())
		err = errors.Join(p.errs...)
		if p.done == 0 {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("link: %w", err)
	}
	return nil
}

// pass is one walk over the differences between two states.
type pass struct {
	c    *netlink.Conn
	k    *kernel
	log  *slog.Logger
	done int // steps that succeeded
	errs []error
}

// step takes one step unless what it is about has vanished meanwhile.
func (p *pass) step(verb string, item fmt.Stringer, err error, harmless func(error) bool) {
	switch {
	case err == nil:
		p.done++
		p.log.Info("link changed", "step", verb, "item", item.String())
	case !harmless(err):
		p.errs = append(p.errs, fmt.Errorf("%s %s: %w", verb, item, err))
	}
}

// run goes from the ground up. Forwarding ends before anything that fences it goes,
// and the marks by which we know an interface that is let go are the last of it.
func (p *pass) run(want, got state) {
	p.letGo(want.sysctls, got.sysctls)
	closed := slices.DeleteFunc(slices.Clone(want.sysctls), func(s sysctl) bool { return s.value != "0" })
	p.sysctls(closed, got.sysctls)
	p.bridges(want.bridges, got.bridges)
	p.vlans(want.vlans, got.vlans)
	p.ports(want.ports, got.ports)
	p.devices(want.devices, got.devices)
	p.addresses(want.addresses, got.addresses)
	p.routes(want.routes, got.routes)
	p.rules(want.rules, got.rules)
	p.sysctls(want.sysctls, append(got.sysctls, closed...))
	p.deleteVLANs(want.vlans, got.vlans)
	p.deleteBridges(want.bridges)
}

// vlans makes those that are missing; one on another interface, or with another id, is
// deleted first.
func (p *pass) vlans(want, got []vlan) {
	missing, extra := diff(want, got)
	for _, v := range missing {
		if slices.ContainsFunc(extra, func(e vlan) bool { return e.name == v.name }) {
			d, _ := p.k.dev(v.name)
			p.step("delete", v, delLink(p.c, d.index), absent)
		}
		if d, here := p.k.dev(v.parent); here {
			p.step("create", v, addVLAN(p.c, v, d.index), vanished)
		}
	}
}

func (p *pass) deleteVLANs(want, got []vlan) {
	_, extra := diff(want, got)
	for _, v := range extra {
		named := slices.ContainsFunc(want, func(w vlan) bool { return w.name == v.name })
		if d, here := p.k.dev(v.name); here && !named {
			p.step("delete", v, delLink(p.c, d.index), absent)
		}
	}
}

// letGo gives interfaces that are ours no longer the namespace's default values.
func (p *pass) letGo(want, got []sysctl) {
	for _, g := range got {
		if slices.ContainsFunc(want, func(w sysctl) bool { return w.dev == g.dev && w.key == g.key }) {
			continue
		}
		old, err := p.k.sysctl("default", g.key)
		if back := (sysctl{g.dev, g.key, old}); err != nil || back != g {
			p.step("reset", back, errors.Join(err, p.k.setSysctl(back)), vanished)
		}
	}
}

func (p *pass) bridges(want, got []bridge) {
	missing, _ := diff(want, got)
	for _, b := range missing {
		d, here := p.k.dev(b.name)
		switch {
		case !here:
			p.step("create", b, addBridge(p.c, b.name, bridgeMAC(b.name, p.k.devs)), vanished)
		case d.kind != "bridge":
			p.errs = append(p.errs, fmt.Errorf("create %s: there is an interface of this name that is no bridge", b))
		case d.made():
			p.step("set", b, fixBridge(p.c, d.index), vanished)
		}
	}
}

func (p *pass) deleteBridges(want []bridge) {
	for _, d := range p.k.devs {
		b := bridge{name: d.name}
		if d.made() && !slices.Contains(want, b) {
			p.step("delete", b, delLink(p.c, d.index), absent)
		}
	}
}

func (p *pass) ports(want, got []port) {
	missing, extra := diff(want, got)
	for _, w := range extra {
		// Of a bridge that somebody else made only the ports that we put there are ours.
		b, _ := p.k.dev(w.bridge)
		moves := slices.ContainsFunc(want, func(o port) bool { return o.name == w.name })
		if d, here := p.k.dev(w.name); here && (b.made() || d.joined()) && !moves {
			p.step("remove", w, removePort(p.c, d, b), vanished)
		}
	}
	for _, w := range missing {
		d, here := p.k.dev(w.name)
		b, made := p.k.dev(w.bridge)
		if here && made && b.kind == "bridge" && d.master != b.index {
			p.step("add", w, addPort(p.c, d, b), vanished)
		}
		if here && made && b.kind == "bridge" && w.apart && (d.master != b.index || !d.apart) {
			p.step("set", w, setApart(p.c, d.index), vanished)
		}
	}
}

func (p *pass) devices(want, got []device) {
	missing, _ := diff(want, got)
	for _, w := range missing {
		d, here := p.k.dev(w.name)
		if !here {
			continue
		}
		if w.mtu != 0 && w.mtu != d.mtu { // first, so that routes are born with it
			p.step("set MTU of", w, setMTU(p.c, d.index, w.mtu), vanished)
		}
		if w.up && d.flags&unix.IFF_UP == 0 {
			p.step("set", device{name: w.name, up: true}, setUp(p.c, d.index), vanished)
		}
	}
}

func (p *pass) addresses(want, got []address) {
	missing, extra := diff(want, got)
	for _, a := range missing {
		if d, here := p.k.dev(a.dev); here {
			p.step("add", a, addAddress(p.c, d.index, a), vanished)
		}
	}
	for _, a := range extra {
		if d, here := p.k.dev(a.dev); here {
			p.step("remove", a, delAddress(p.c, d.index, a), absent)
		}
	}
}

func (p *pass) routes(want, got []route) {
	missing, extra := diff(want, got)
	for _, r := range missing {
		i := slices.IndexFunc(extra, func(o route) bool {
			return o.dst == r.dst && o.table == r.table && o.metric == r.metric
		})
		d, here := p.k.dev(r.dev)
		if !here {
			continue
		}
		p.step("add", r, addRoute(p.c, d.index, r, i >= 0), vanished)
		if i >= 0 {
			extra = slices.Delete(extra, i, i+1) // replaced
		}
	}
	for _, r := range extra {
		if d, here := p.k.dev(r.dev); here {
			p.step("remove", r, delRoute(p.c, d.index, r), absent)
		}
	}
}

func (p *pass) rules(want, got []rule) {
	missing, extra := diff(want, got)
	for _, r := range missing {
		p.step("add", r, addRule(p.c, r), vanished)
	}
	for _, r := range extra {
		p.step("remove", r, delRule(p.c, r), absent)
	}
}

func (p *pass) sysctls(want, got []sysctl) {
	missing, _ := diff(want, got)
	for _, s := range missing {
		if _, here := p.k.dev(s.dev); here {
			p.step("set", s, p.k.setSysctl(s), vanished)
		}
	}
}
