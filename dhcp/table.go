package dhcp

import (
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"slices"
	"sort"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

const (
	maxPool    = 4096             // bounds the table's memory, about 1 MiB
	maxPerMAC  = 4                // leases of one hardware address under different identifiers
	offerTime  = 60 * time.Second // an offer is held for
	quarantine = 10 * time.Minute // an address in conflict is left alone for
)

// Table is the lease state of one LAN: who holds which address until when. It does
// no I/O and reads no clock. Times given to it should carry a monotonic reading, so
// that a step of the wall clock neither ends nor prolongs a lease.
//
// Memory is bounded by the pool: one entry an address. An entry outlives its lease,
// so that a client that comes back gets its address again.
type Table struct {
	spec     Network
	subnet   netip.Prefix
	first    uint32 // of the pool
	size     int    // of the pool
	byAddr   map[netip.Addr]*entry
	byClient map[client]*entry
	blocked  map[netip.Addr]block
	hosts    map[hwaddr]Host       // names, and reservations that lie in the subnet
	owners   map[netip.Addr]hwaddr // the same by address
	named    map[string]bool       // names that hosts have
}

// entry is one address and the client it belongs to.
type entry struct {
	client   client
	clientID string
	addr     netip.Addr
	hostname string
	kind     Kind
	wish     string    // label of which hostname was made
	since    time.Time // first acknowledged
	expires  time.Time // zero: never acknowledged
	saved    time.Time // the expiry that the lease file promises
	offered  time.Time // an offer stands until then
	sure     time.Time // when it ends by the file of a former run; zero: its client was heard of since
	bound    bool      // the Binder knows of it
	source   hwaddr    // that the holder's frames come with
	first    hwaddr    // that they came with when it got the lease
}

func (e *entry) active(now time.Time) bool { return now.Before(e.expires) }
func (e *entry) held(now time.Time) bool   { return now.Before(e.offered) }

// stale reports whether a lease is prolonged just because its client may have renewed it
// in a former run. It is given up before a new client gets nothing.
func (e *entry) stale(now time.Time) bool { return !e.sure.IsZero() && !now.Before(e.sure) }

// block is an address that somebody uses without a lease.
type block struct {
	until time.Time
	mac   hwaddr // who answers there and so may lease it; zero when unknown
}

// NewTable returns an empty table that serves spec; for one that cannot be served,
// such as the zero value, it answers nobody.
func NewTable(spec Network) *Table {
	t := &Table{
		byAddr:   map[netip.Addr]*entry{},
		byClient: map[client]*entry{},
		blocked:  map[netip.Addr]block{},
	}
	t.setSpec(spec)
	return t
}

// setSpec changes the wish. Leases stay as long as their address is in the subnet;
// the addresses of the others are returned.
func (t *Table) setSpec(spec Network) (ended []netip.Addr) {
	if spec.check() != nil {
		spec = Network{}
	}
	t.spec, t.subnet = spec, spec.Server.Masked()
	t.first, t.size = 0, 0
	if spec.Interface != "" {
		t.first = toUint32(spec.First)
		t.size = int(min(maxPool, toUint32(spec.Last)-t.first+1))
	}
	t.hosts, t.owners = map[hwaddr]Host{}, map[netip.Addr]hwaddr{}
	for _, h := range spec.Hosts {
		t.addHost(h)
	}
	t.named = map[string]bool{}
	for _, h := range t.hosts {
		t.named[h.Name] = h.Name != ""
	}
	for addr, e := range t.byAddr {
		if t.usable(addr) {
			continue
		}
		if e.bound {
			ended = append(ended, addr)
		}
		t.remove(e)
	}
	for addr := range t.blocked {
		if !t.usable(addr) {
			delete(t.blocked, addr)
		}
	}
	return ended
}

// addHost takes a name, and a reservation that can be kept.
func (t *Table) addHost(h Host) {
	mac, ok := hwaddrOf(h.MAC)
	_, twice := t.owners[h.Addr]
	if !ok || h.Addr.IsValid() && (twice || !t.usable(h.Addr)) {
		return
	}
	h.Name = label(h.Name)
	if h.Transient {
		h.Name = ""
	}
	if t.hosts[mac] = h; h.Addr.IsValid() {
		t.owners[h.Addr] = mac
	}
}

// usable reports whether a client of this subnet may have addr at all.
func (t *Table) usable(addr netip.Addr) bool {
	return t.subnet.Contains(addr) && addr != t.spec.Server.Addr() &&
		addr != t.subnet.Addr() && addr != broadcastOf(t.subnet)
}

func (t *Table) inPool(addr netip.Addr) bool {
	return t.usable(addr) && toUint32(addr) >= t.first && toUint32(addr)-t.first < uint32(t.size)
}

// refusal says why c may not have addr now; "" means that it may. An offer to
// somebody else does not stand against a firm request, made by a client that chose
// us: offers may be reclaimed under pressure, and who answers first is served.
func (t *Table) refusal(addr netip.Addr, c client, now time.Time, firm bool) string {
	owner, reserved := t.owners[addr]
	e, b := t.byAddr[addr], t.blocked[addr]
	switch {
	case !t.subnet.Contains(addr):
		return "wrong network"
	case !t.usable(addr):
		return "not an address for clients"
	case reserved && owner != c.mac:
		return "reserved for another client"
	case !reserved && !t.inPool(addr):
		return "outside the pool"
	case now.Before(b.until) && b.mac != c.mac:
		return "in use by another device"
	case e == nil || e.client.mac == c.mac:
		return ""
	case e.active(now):
		return "leased to another client"
	case e.held(now) && !firm:
		return "offered to another client"
	}
	return ""
}

// find returns the client's entry. An identifier that comes back under another
// hardware address takes its entry along, unless that lease still runs.
func (t *Table) find(m *message, now time.Time) *entry {
	if e := t.byClient[m.client]; e != nil || m.clientID == "" {
		return e
	}
	var old *entry
	for _, e := range t.byAddr {
		if e.clientID == m.clientID && !e.active(now) && !e.held(now) && (old == nil || older(old, e)) {
			old = e
		}
	}
	return old
}

// reserved returns the address reserved for the client, if it may have it now.
func (t *Table) reserved(c client, now time.Time) (netip.Addr, bool) {
	h, ok := t.hosts[c.mac]
	return h.Addr, ok && t.refusal(h.Addr, c, now, true) == ""
}

// choose picks an address for a client that looks for one: the reserved one, its
// own, the one it asks for, one that nobody ever had (starting at a hash of the
// client, so that it finds the same one when our memory was lost), the one whose
// lease ended first, and in need that of the oldest offer, of a stale lease or of the
// oldest quarantine. An invalid address means that the pool is exhausted. The choice for a
// client without an address is bounded in offers at a time, so that a flood of
// made-up clients recycles its own offers.
//
// probe says whether it should be looked at whether somebody uses the address.
func (t *Table) choose(m *message, now time.Time) (addr netip.Addr, probe bool) {
	if addr, ok := t.reserved(m.client, now); ok {
		return addr, true
	}
	if e := t.find(m, now); e != nil && t.refusal(e.addr, m.client, now, false) == "" {
		return e.addr, true
	}
	s := t.census(m.client, now)
	if s.leases >= maxPerMAC && s.ofMAC != nil {
		return s.ofMAC.addr, true
	}
	if s.offers >= t.maxOffers() && s.offer != nil {
		return s.offer.addr, true
	}
	if m.requested.IsValid() && t.refusal(m.requested, m.client, now, false) == "" {
		return m.requested, true
	}
	if addr := t.untouched(m.client, now); addr.IsValid() {
		return addr, true
	}
	for _, e := range []*entry{s.memory, s.offer, s.stale} {
		if e != nil {
			return e.addr, true
		}
	}
	return t.leastBlocked(m.client, now), false
}

// maxOffers bounds the offers that stand at a time to a share of the pool, which is
// also how many memories of former clients a flood can wipe out.
func (t *Table) maxOffers() int { return min(64, max(4, t.size/4)) }

// untouched returns an address without any entry.
func (t *Table) untouched(c client, now time.Time) netip.Addr {
	start := uint64(crc32.ChecksumIEEE([]byte(c.id)))
	for i := range uint64(t.size) {
		addr := fromUint32(t.first + uint32((start+i)%uint64(t.size)))
		if t.byAddr[addr] == nil && t.refusal(addr, c, now, false) == "" {
			return addr
		}
	}
	return netip.Addr{}
}

// leastBlocked gives up the quarantine that would end first, or nothing.
func (t *Table) leastBlocked(c client, now time.Time) (least netip.Addr) {
	for addr, b := range t.blocked {
		if owner, ok := t.owners[addr]; !t.inPool(addr) || ok && owner != c.mac {
			continue
		}
		if !least.IsValid() || b.until.Before(t.blocked[least].until) {
			least = addr
		}
	}
	delete(t.blocked, least)
	return least
}

// census is what there is to take from when no address is untouched.
type census struct {
	memory *entry // lease that ended first
	offer  *entry // oldest offer that stands
	stale  *entry // stale lease that ends first
	offers int
	ofMAC  *entry // lease of the same hardware address that ends first
	leases int    // of the same hardware address
}

// census counts and drops offers that lapsed, or that stand for the same hardware
// address under another identifier: one offer a hardware address.
func (t *Table) census(c client, now time.Time) (s census) {
	for addr, e := range t.byAddr {
		ours := e.client.mac == c.mac
		switch {
		case e.active(now):
			if ours {
				s.leases++
			}
			if ours && t.refusal(addr, c, now, true) == "" {
				s.ofMAC = olderOf(s.ofMAC, e)
			}
			if _, reserved := t.owners[addr]; e.stale(now) && !reserved && t.inPool(addr) {
				s.stale = olderOf(s.stale, e)
			}
		case e.expires.IsZero() && (ours || !e.held(now)):
			t.remove(e)
		case e.held(now):
			s.offers++
			if t.refusal(addr, c, now, true) == "" {
				s.offer = olderOf(s.offer, e)
			}
		case t.refusal(addr, c, now, true) == "":
			s.memory = olderOf(s.memory, e)
		}
	}
	return s
}

func olderOf(a, b *entry) *entry {
	if a == nil || older(b, a) {
		return b
	}
	return a
}

// older orders by the end of the offer, then of the lease, then by address, which
// makes every choice the same for the same past.
func older(a, b *entry) bool {
	return cmp.Or(a.offered.Compare(b.offered), a.expires.Compare(b.expires), a.addr.Compare(b.addr)) < 0
}

// take makes addr the client's, dropping whatever else the client or the address
// had. It returns the entry and the addresses of the bindings that ended by it.
func (t *Table) take(m *message, addr netip.Addr, now time.Time) (e *entry, ended []netip.Addr) {
	e = t.find(m, now)
	if e != nil && e.addr != addr {
		if e.bound {
			ended = append(ended, e.addr)
		}
		t.remove(e)
		e = nil
	}
	if other := t.byAddr[addr]; other != nil && other != e {
		if other.bound {
			ended = append(ended, addr)
		}
		t.remove(other)
	}
	if e == nil {
		e = &entry{addr: addr}
	} else {
		delete(t.byClient, e.client)
	}
	if e.client != m.client {
		e.saved = time.Time{} // what is on file is another client's
	}
	e.client, e.clientID = m.client, m.clientID
	t.byAddr[addr], t.byClient[m.client] = e, e
	return e, ended
}

// forged reports whether a message about a client comes from somebody else: while a lease
// runs, only who got it ends it. Anything else is heard from others too once the source
// is silent, for the client may have gone behind a repeater, or come out.
func (t *Table) forged(p *dhcpv4.DHCPv4, from hwaddr, now time.Time, silent func(*entry) bool) bool {
	mac, _ := hwaddrOf(p.ClientHWAddr) // the table leaves one that is none unanswered
	ends := p.MessageType() == dhcpv4.MessageTypeRelease || p.MessageType() == dhcpv4.MessageTypeDecline
	for _, e := range t.byAddr {
		if e.client.mac != mac || !e.active(now) {
			continue
		}
		if ends && from != e.first || !ends && from != e.source && !silent(e) {
			return true
		}
	}
	return false
}

// transient reports whether nobody needs to hear of a client's leases.
func (t *Table) transient(mac hwaddr) bool { return t.hosts[mac].Transient }

func (t *Table) remove(e *entry) {
	delete(t.byAddr, e.addr)
	if t.byClient[e.client] == e {
		delete(t.byClient, e.client)
	}
}

// conflict is told that mac uses addr. It quarantines the address unless it is
// leased, and reports whether anything changed by it.
func (t *Table) conflict(addr netip.Addr, mac hwaddr, now time.Time) bool {
	e, b := t.byAddr[addr], t.blocked[addr]
	if _, reserved := t.owners[addr]; !t.inPool(addr) && !reserved {
		return false
	}
	if e != nil && (e.client.mac == mac || e.active(now)) {
		return false
	}
	if e != nil {
		t.remove(e)
	}
	t.blocked[addr] = block{until: now.Add(quarantine), mac: mac}
	return e != nil || !now.Before(b.until)
}

// expire notices leases and quarantines that ended. It returns the addresses of
// the former and the earliest time at which there is more to notice; zero never.
func (t *Table) expire(now time.Time) (ended []netip.Addr, next time.Time) {
	sooner := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	for addr, e := range t.byAddr {
		switch {
		case e.active(now):
			sooner(e.expires)
		case e.bound:
			e.bound = false
			ended = append(ended, addr)
		}
	}
	for addr, b := range t.blocked {
		if now.Before(b.until) {
			sooner(b.until)
		} else {
			delete(t.blocked, addr)
		}
	}
	return ended, next
}

// leases lists what is acknowledged and not expired, by address. Their times are
// rebased on the present wall clock, which may have been set since.
func (t *Table) leases(now time.Time) []Lease {
	var list []Lease
	for addr, e := range t.byAddr {
		if !e.active(now) || t.transient(e.client.mac) {
			continue
		}
		list = append(list, Lease{
			MAC:      slices.Clone(e.client.mac.hardware()),
			ClientID: []byte(e.clientID),
			Addr:     addr,
			Hostname: e.hostname,
			Kind:     e.kind,
			Expires:  wall(now, e.expires.Sub(now)),
			Since:    wall(now, e.since.Sub(now)),
			Reserved: t.owners[addr] == e.client.mac,
		})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Addr.Less(list[j].Addr) })
	return list
}

// wall gives a point in time that does not tremble with the two clocks' readings.
func wall(now time.Time, d time.Duration) time.Time {
	return now.Add(d).Round(time.Second)
}

// free counts the pool's addresses that a new client could get.
func (t *Table) free(now time.Time) (n int) {
	for i := range uint32(t.size) {
		addr := fromUint32(t.first + i)
		_, reserved := t.owners[addr]
		e := t.byAddr[addr]
		if t.usable(addr) && !reserved && !now.Before(t.blocked[addr].until) && (e == nil || !e.active(now) || e.stale(now)) {
			n++
		}
	}
	return n
}

func toUint32(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func fromUint32(v uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	return netip.AddrFrom4(b)
}

// broadcastOf returns the last address of an IPv4 subnet.
func broadcastOf(p netip.Prefix) netip.Addr {
	if !p.IsValid() {
		return netip.Addr{}
	}
	return fromUint32(toUint32(p.Addr()) | uint32(1<<(32-p.Bits())-1))
}
