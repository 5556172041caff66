package nat

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// mac is a hardware address that can be compared.
type mac [6]byte

func (m mac) String() string { return net.HardwareAddr(m[:]).String() }

// binding is one lease as the limit knows it.
type binding struct {
	mac  mac
	port string // of the bridge, where its client is; "" not known yet
	home string // where it was when it got the lease: it may always come back
	own  bool   // who has it asked in its own name
	// waits says that another lease of the same MAC counts: whoever makes up clients has
	// one place, and so has a repeater that hides its clients.
	waits bool
}

// registry keeps what leases say in the kernel's sets, so that a packet can be told
// whether it is who it says. It has a socket of its own: a lease is in the sets before
// its client is told, and must not wait for a reload.
type registry struct {
	log   *slog.Logger
	ports portReader

	wake chan struct{} // has one when the limit differs

	mu       sync.Mutex
	conn     *nftables.Conn
	sock     *netlink.Conn
	spec     Spec // the limit in force
	adopted  bool // what a former process left in the sets was read
	bindings map[netip.Addr]binding
	waiting  map[netip.Addr]string // ports that a bound MAC was seen at and may not move to yet
	parked   map[mac]time.Time     // who may take no place until then, whatever is leased to it
	freed    []Free                // acts that are done
	barred   []net.HardwareAddr    // blocked clients of which nothing goes on any more
	unbarred bool                  // of some it does, which could not be ended
	held     map[netip.Addr]mac    // who had a place at the last look
	placed   []Slot                // who had one at the last reading
	came     []mac                 // in which order they were seen to have one
	last     map[netip.Addr]mac    // who had an address last, also when the lease has ended
	passed   []netip.Addr          // that have another holder since the ledger was last read
	settled  bool                  // a wish was put in force in this process
	owed     bool                  // connections of clients without a place are to be ended
	stale    bool                  // the sets are not as they should be
}

// elementPatience bounds one exchange about elements.
const elementPatience = 2 * time.Second

func newRegistry(log *slog.Logger, ports portReader) *registry {
	return &registry{log: log, ports: ports, wake: make(chan struct{}, 1), bindings: map[netip.Addr]binding{},
		waiting: map[netip.Addr]string{}, parked: map[mac]time.Time{}, held: map[netip.Addr]mac{}, last: map[netip.Addr]mac{}}
}

// Bind makes it known that an address is leased to a MAC, before the client is told;
// with a nil MAC, that the lease has ended. Its place, if it has one, stays until its
// absence: who leases again finds it. Of several leases of a MAC one counts: the one that
// it got or renewed last in its own name, for that is the system which runs, else the first.
func (d *Driver) Bind(hw net.HardwareAddr, addr netip.Addr, own bool) {
	r := d.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	old, known := r.bindings[addr]
	if len(hw) != len(mac{}) || !addr.Is4() {
		r.unbind(addr, old, known)
		return
	}
	next, fresh := binding{mac: mac(hw)}, true
	if known && old.mac == next.mac {
		next, fresh = old, false
	} else if known {
		if _, has := r.slot(addr, old.mac); has && counted(r.spec) && r.ports.alive(old.port) {
			r.log.Warn("an address with a place is claimed by another client", "addr", addr, "mac", next.mac.String())
			return // its lease has not ended
		}
		r.unbind(addr, old, true)
	}
	if len(r.bindings) >= maxBindings && fresh {
		return
	}
	next.own = own
	if port := r.portOf(r.spec, addr, next.mac); strict(r.spec) && port != "" && (next.port == "" || port == next.port || r.mayMove(addr, next, port)) {
		r.move(addr, &next, port)
		next.home = port
	}
	r.rank(addr, &next)
	r.bindings[addr] = next
	r.put(addr, next)
	r.inherit(addr, next)
}

// inherit gives a lease what its client had, and nothing of who had the address before.
func (r *registry) inherit(addr netip.Addr, b binding) {
	if before, ok := r.last[addr]; ok && before != b.mac {
		r.forgetCounters(addr)
		if len(r.passed) < maxBindings && !slices.Contains(r.passed, addr) {
			r.passed = append(r.passed, addr)
		}
	}
	if len(r.last) < maxBindings {
		r.last[addr] = b.mac
	}
	if !b.waits {
		r.follow(b.mac, addr)
	}
}

// takePassed gives the addresses that have another holder since the last call.
func (r *registry) takePassed() []netip.Addr {
	r.mu.Lock()
	defer r.mu.Unlock()
	passed := r.passed
	r.passed = nil
	return passed
}

// rank says whether a lease counts among those of its MAC, or waits; r.mu is held.
func (r *registry) rank(addr netip.Addr, b *binding) {
	b.waits = false
	for other, o := range r.bindings {
		switch {
		case other == addr || o.mac != b.mac || o.waits:
		case b.own:
			o.waits = true
			r.bindings[other] = o
			r.withdraw(other, o)
		default:
			b.waits = true
		}
	}
}

// promote lets another lease of a MAC count, now that the one that did has ended: one in
// its own name rather than another, and then the lowest address; r.mu is held.
func (r *registry) promote(m mac) {
	var best netip.Addr
	for addr, b := range r.bindings {
		if b.mac != m {
			continue
		}
		if o, any := r.bindings[best]; !any || b.own && !o.own || b.own == o.own && addr.Less(best) {
			best = addr
		}
	}
	if b, ok := r.bindings[best]; ok {
		b.waits = false
		r.bindings[best] = b
		r.put(best, b)
		r.follow(m, best)
	}
}

// portOf is the port of a client's bridge at which its MAC was seen last.
func (r *registry) portOf(s Spec, addr netip.Addr, m mac) string {
	for _, l := range s.LANs {
		if slices.ContainsFunc(l.subnets(), func(p netip.Prefix) bool { return p.Contains(addr) }) {
			return r.ports.at(l.Bridge, m)
		}
	}
	return ""
}

// Welcome says whether who sends under a MAC now may speak for it: not when that MAC has
// a lease at another port and is not gone from there, and not when it is the synthetic
// client's, seen at a port of somebody else's. It is asked before a message of DHCP has
// any effect.
func (d *Driver) Welcome(hw net.HardwareAddr) bool {
	r := d.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case len(hw) != len(mac{}):
		return true
	case slices.Equal(hw, r.spec.Exempt):
		return r.synthetic(mac(hw))
	case !strict(r.spec):
		return true
	}
	for addr, b := range r.bindings {
		if b.mac != mac(hw) || b.port == "" {
			continue
		}
		if port := r.portOf(r.spec, addr, b.mac); port != "" && port != b.port && !r.mayMove(addr, b, port) {
			return false
		}
	}
	return true
}

// synthetic says that a MAC was not seen at another port than the synthetic client's.
func (r *registry) synthetic(m mac) bool {
	return !slices.ContainsFunc(r.spec.LANs, func(l LAN) bool {
		port := r.ports.at(l.Bridge, m)
		return port != "" && !strings.HasPrefix(port, r.spec.ExemptPort)
	})
}

// mayMove says whether a binding may follow its MAC to another port: home, or from where
// it is gone, or when it has no place that somebody could take by it, or has been silent
// there. Between radios a short silence is enough, for a station that joins another one
// has left the first.
func (r *registry) mayMove(addr netip.Addr, b binding, port string) bool {
	const roam = 2 * time.Second
	if port == b.home || !r.ports.alive(b.port) {
		return true
	}
	left, has := r.slot(addr, b.mac)
	between := r.ports.radio(b.port) && r.ports.radio(port)
	silence := r.spec.Absence - left
	return !has || silence >= away || between && silence >= roam
}

// away is how long a client that sends nothing is taken for one that went elsewhere.
const away = 30 * time.Second

// Silent says that whoever comes instead of a MAC takes no place from it: there is no limit,
// or nothing was sent under it, from that address, for a while.
func (d *Driver) Silent(hw net.HardwareAddr, addr netip.Addr) bool {
	r := d.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if !counted(r.spec) {
		return true
	}
	all, err := r.slots()
	return err == nil && !slices.ContainsFunc(all, func(s Slot) bool {
		return slices.Equal(s.MAC, hw) && s.Addr == addr && r.spec.Absence-s.Left < away
	})
}

// Placed says that a client is not blocked, and has a place among those with Internet or
// finds one.
func (d *Driver) Placed(hw net.HardwareAddr) bool {
	r := d.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.spec.Blocks(hw):
		return false
	case !counted(r.spec) || slices.Equal(hw, r.spec.Exempt):
		return true
	}
	all, err := r.slots()
	return err != nil || len(all) < r.spec.Limit || slices.ContainsFunc(all, func(s Slot) bool { return slices.Equal(s.MAC, hw) })
}

// move takes a binding to a port.
func (r *registry) move(addr netip.Addr, b *binding, port string) {
	if b.port != "" && b.port != port {
		r.log.Info("client moved", "addr", addr, "from", b.port, "to", port)
		r.elements(false, r.placeOf(addr, *b))
	}
	b.port = port
	delete(r.waiting, addr)
}

// sighted is told that a MAC was seen at a port, and tells whether its binding has to
// wait before it may follow.
func (r *registry) sighted(m mac, port string) (waits bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !strict(r.spec) || port == "" {
		return false
	}
	for addr, b := range r.bindings {
		switch {
		case b.mac != m:
		case b.port == port:
			delete(r.waiting, addr)
		case b.port == "" || r.mayMove(addr, b, port):
			r.move(addr, &b, port)
			if b.home == "" {
				b.home = port
			}
			r.bindings[addr] = b
			r.put(addr, b)
		default:
			r.waiting[addr], waits = port, true
		}
	}
	return waits
}

// lookAround looks where everybody with a lease is.
func (r *registry) lookAround() {
	r.mu.Lock()
	at := map[mac]string{}
	for addr, b := range r.bindings {
		at[b.mac] = r.portOf(r.spec, addr, b.mac)
	}
	r.mu.Unlock()
	for m, port := range at {
		r.sighted(m, port)
	}
}

// again tries what had to wait, and lets parked clients go on.
func (r *registry) again(now time.Time) (more bool) {
	r.mu.Lock()
	waiting := map[mac]string{}
	for addr, port := range r.waiting {
		if b, ok := r.bindings[addr]; ok && r.portOf(r.spec, addr, b.mac) == port {
			waiting[b.mac] = port
		} else {
			delete(r.waiting, addr)
		}
	}
	for m, until := range r.parked {
		if now.Before(until) {
			more = true
			continue
		}
		delete(r.parked, m)
		r.putAll(m)
	}
	r.mu.Unlock()
	for m, port := range waiting {
		r.sighted(m, port)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return more || len(r.waiting) > 0
}

// unbind forgets a binding; r.mu is held.
func (r *registry) unbind(addr netip.Addr, b binding, known bool) {
	if !known {
		return
	}
	delete(r.bindings, addr)
	delete(r.waiting, addr)
	r.withdraw(addr, b)
	if !b.waits {
		r.promote(b.mac)
	}
}

// withdraw takes a binding out of the sets; r.mu is held.
func (r *registry) withdraw(addr netip.Addr, b binding) {
	r.elements(false, r.bindingOf(addr, b))
	r.elements(false, r.placeOf(addr, b))
}

// counts says that the sets are to hold a binding; r.mu is held.
func (r *registry) counts(b binding) bool {
	_, parked := r.parked[b.mac]
	return !b.waits && !parked
}

// putAll makes the sets hold all bindings of a MAC that count; r.mu is held.
func (r *registry) putAll(m mac) {
	for addr, b := range r.bindings {
		if b.mac == m {
			r.put(addr, b)
		}
	}
}

// put makes the sets hold a binding that counts; r.mu is held.
func (r *registry) put(addr netip.Addr, b binding) {
	if !r.counts(b) {
		return
	}
	r.elements(true, r.bindingOf(addr, b))
	r.elements(true, r.placeOf(addr, b))
}

// element is one key in one set.
type element struct {
	set *nftables.Set
	key []byte
}

func (r *registry) bindingOf(addr netip.Addr, b binding) element {
	if !counted(r.spec) {
		return element{}
	}
	return element{&nftables.Set{Table: table(), Name: setBindings}, slotKey(b.mac, addr)}
}

func (r *registry) placeOf(addr netip.Addr, b binding) element {
	if !strict(r.spec) || b.port == "" {
		return element{}
	}
	return element{&nftables.Set{Table: bridgeTable(), Name: setPlaces}, placeKey(b.port, b.mac, addr)}
}

// slotKey is ether_addr . ipv4_addr, each in registers of 4 bytes.
func slotKey(m mac, addr netip.Addr) []byte {
	return append(append(m[:len(m):len(m)], 0, 0), addr.AsSlice()...)
}

// placeKey is ifname . ether_addr . ipv4_addr.
func placeKey(port string, m mac, addr netip.Addr) []byte {
	k := make([]byte, unix.IFNAMSIZ, unix.IFNAMSIZ+12)
	copy(k, port)
	return append(k, slotKey(m, addr)...)
}

func readSlotKey(k []byte) (m mac, addr netip.Addr, ok bool) {
	if len(k) != 12 {
		return m, addr, false
	}
	return mac(k), netip.AddrFrom4([4]byte(k[8:])), true
}

func readPlaceKey(k []byte) (port string, m mac, addr netip.Addr, ok bool) {
	if len(k) != unix.IFNAMSIZ+12 {
		return "", m, addr, false
	}
	m, addr, ok = readSlotKey(k[unix.IFNAMSIZ:])
	return text(k[:unix.IFNAMSIZ]), m, addr, ok
}

// elements adds an element or takes it away; one that is there, or is not, is no error.
func (r *registry) elements(add bool, e element) {
	if e.set == nil {
		return
	}
	err := r.exchange(func() error {
		list := []nftables.SetElement{{Key: e.key}}
		if add {
			if err := r.conn.SetAddElements(e.set, list); err != nil {
				return err
			}
		} else if err := r.conn.SetDeleteElements(e.set, list); err != nil {
			return err
		}
		return r.conn.Flush()
	})
	if err != nil && (add || !errors.Is(err, unix.ENOENT)) {
		r.stale = true
		r.log.Warn("binding not in force", "set", e.set.Name, "err", err)
	}
}

// exchange runs f with an open socket, and gives the socket up when f fails.
func (r *registry) exchange(f func() error) error {
	if r.conn == nil {
		conn, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(c *netlink.Conn) error {
			r.sock = c
			return nil
		}))
		if err != nil {
			return fmt.Errorf("open netlink: %w", err)
		}
		r.conn = conn
	}
	err := r.sock.SetDeadline(time.Now().Add(elementPatience))
	if err == nil {
		err = f()
	}
	if err != nil {
		_ = r.conn.CloseLasting()
		r.conn = nil
	}
	return err
}

// keys reads the keys of a set; none when it is not there.
func (r *registry) keys(t *nftables.Table, name string) (list []nftables.SetElement, err error) {
	err = r.exchange(func() error {
		list, err = r.conn.GetSetElements(&nftables.Set{Table: t, Name: name})
		return err
	})
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	return list, err
}

// settle makes the sets hold exactly the bindings, after a load. The first time it takes
// over what a former process left, of which a lease may tell later, or never.
func (r *registry) settle(s Spec) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.owed = r.owed || !limited(r.spec) || s.Limit < r.spec.Limit
	r.spec, r.stale, r.settled = s, true, true
	r.rouse()
	err := r.bar()
	if r.unbarred = err != nil; err != nil {
		return err
	}
	if !counted(s) {
		r.owed, r.stale = false, false
		r.act(s.Free, time.Now())
		return nil
	}
	bound, err := r.keys(table(), setBindings)
	var placed []nftables.SetElement
	if err == nil && strict(s) {
		placed, err = r.keys(bridgeTable(), setPlaces)
	}
	if err != nil {
		return fmt.Errorf("read bindings: %w", err)
	}
	r.stale = false // until one of the following fails
	if !r.adopted {
		r.adopt(bound, placed)
	}
	r.prune(bound, placed)
	for addr, b := range r.bindings {
		if b.port == "" && strict(s) {
			b.port = r.portOf(s, addr, b.mac)
			b.home = b.port
			r.bindings[addr] = b
		}
		r.put(addr, b)
	}
	r.act(s.Free, time.Now())
	if r.owed && s.Sharing {
		if err := r.endUnplaced(s); err != nil {
			r.stale = true
			return fmt.Errorf("end connections of clients without a place: %w", err)
		}
		r.owed = false
	}
	if r.stale {
		return errors.New("bindings are not all in force")
	}
	return nil
}

// adopt takes over what the sets hold.
func (r *registry) adopt(bound, placed []nftables.SetElement) {
	r.adopted = true
	for _, e := range bound {
		m, addr, ok := readSlotKey(e.Key)
		b, known := r.bindings[addr]
		if !ok || known && b.mac != m {
			continue
		}
		b.mac, b.own = m, true
		r.rank(addr, &b)
		r.bindings[addr] = b
	}
	for _, e := range placed {
		port, m, addr, ok := readPlaceKey(e.Key)
		if b := r.bindings[addr]; ok && b.mac == m && b.port == "" {
			b.port, b.home = port, port
			r.bindings[addr] = b
		}
	}
}

// prune takes away what is not, or no longer, a binding.
func (r *registry) prune(bound, placed []nftables.SetElement) {
	for _, e := range bound {
		if m, addr, ok := readSlotKey(e.Key); !ok || r.bindings[addr].mac != m || !r.counts(r.bindings[addr]) {
			r.elements(false, element{&nftables.Set{Table: table(), Name: setBindings}, e.Key})
		}
	}
	for _, e := range placed {
		port, m, addr, ok := readPlaceKey(e.Key)
		if b := r.bindings[addr]; !ok || b.mac != m || b.port != port || !r.counts(b) {
			r.elements(false, element{&nftables.Set{Table: bridgeTable(), Name: setPlaces}, e.Key})
		}
	}
}

// limits says that there is a limit now.
func (r *registry) limits() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return counted(r.spec)
}
