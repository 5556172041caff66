package dhcp

import (
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Names tells the names of clients. Both methods may be called at any time from any
// goroutine; they neither lock nor allocate. The zero value knows no names.
type Names struct {
	now atomic.Pointer[nameTable]
}

// nameTable is never changed once it is published.
type nameTable struct {
	addrs map[string]netip.Addr
	names map[netip.Addr]string
}

// LookupName returns the address of a client's host name (lower case, without the
// domain): of those with a lease, and of reservations with a name.
func (n *Names) LookupName(name string) (netip.Addr, bool) {
	t := n.now.Load()
	if t == nil {
		return netip.Addr{}, false
	}
	addr, ok := t.addrs[name]
	return addr, ok
}

// LookupAddr returns the host name of a client's address.
func (n *Names) LookupAddr(addr netip.Addr) (string, bool) {
	t := n.now.Load()
	if t == nil {
		return "", false
	}
	name, ok := t.names[addr]
	return name, ok
}

// names lists what Names should tell. A lease counts more than a reservation.
func (t *Table) names(now time.Time) *nameTable {
	n := &nameTable{addrs: map[string]netip.Addr{}, names: map[netip.Addr]string{}}
	for _, h := range t.hosts {
		if old, twice := n.addrs[h.Name]; h.Name != "" && h.Addr.IsValid() && (!twice || h.Addr.Less(old)) {
			n.addrs[h.Name] = h.Addr
		}
	}
	for name, addr := range n.addrs {
		n.names[addr] = name
	}
	for addr, e := range t.byAddr {
		if !e.active(now) {
			continue
		}
		delete(n.names, addr)
		if e.hostname != "" && !t.reservedFrom(e.client.mac, e.hostname) {
			n.addrs[e.hostname], n.names[addr] = addr, e.hostname
		}
	}
	return n
}

// name gives the entry its host name: that of its reservation, or else wish, the one
// that the client gave; without either it keeps what it has. Who had a name first
// keeps it, and a later client of the same name gets a suffix: phone, phone-2. A reserved
// name gives way to nobody's wish, and who has it without reservation is named anew. It
// reports whether the name changed.
func (t *Table) name(e *entry, wish string, now time.Time) bool {
	host := t.hosts[e.client.mac].Name
	switch {
	case t.transient(e.client.mac):
		wish = ""
	case host != "":
		wish = host
	case wish == "":
		wish = e.hostname
	}
	wrong := host != "" && e.hostname != host || t.reservedFrom(e.client.mac, e.hostname)
	if wish == e.wish && !wrong {
		return false
	}
	before := e.hostname
	e.wish, e.hostname = wish, t.unique(e, wish, now)
	for _, other := range t.byAddr {
		if other != e && other.active(now) && other.hostname == e.hostname && t.reservedFrom(other.client.mac, e.hostname) {
			t.name(other, other.wish, now) // it has a name of its own reserved, or gets a suffix
		}
	}
	return e.hostname != before
}

// reservedFrom says that a name is for others.
func (t *Table) reservedFrom(mac hwaddr, name string) bool {
	return t.named[name] && t.hosts[mac].Name != name
}

// unique returns wish, with a suffix if another client has it or shall have it.
func (t *Table) unique(e *entry, wish string, now time.Time) string {
	if wish == "" {
		return ""
	}
	taken := map[string]bool{}
	for _, other := range t.byAddr {
		if other != e && other.active(now) && !t.reservedFrom(other.client.mac, other.hostname) {
			taken[other.hostname] = true
		}
	}
	for name, i := wish, 2; ; i++ {
		if !taken[name] && !t.reservedFrom(e.client.mac, name) {
			return name
		}
		suffix := "-" + strconv.Itoa(i)
		name = strings.TrimRight(wish[:min(len(wish), maxLabel-len(suffix))], "-") + suffix
	}
}
