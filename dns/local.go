package dns

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	codec "github.com/miekg/dns"
)

// localTTL is short because names come and go with leases.
const localTTL = 10

// local answers what never leaves the machine.
type local struct {
	leases   Leases
	domain   string                  // wire form, "" none
	suffix   string                  // ".lan." or "."
	names    map[string][]netip.Addr // fixed names, lower case
	byAddr   map[netip.Addr]string
	zones    map[string]zone // by wire form
	rebindOK []string        // wire forms; nil with open: everything
	open     bool            // private addresses pass
}

// zone says how the names of a local zone are answered.
type zone int

const (
	zoneEmpty     zone = iota + 1 // nothing exists in it
	zoneLAN                       // names of clients and of ourselves
	zoneLocalhost                 // RFC 6761 section 6.3
)

func newLocal(spec Spec, leases Leases) local {
	l := local{
		leases: leases, suffix: ".", open: !spec.Rebind,
		names: map[string][]netip.Addr{}, byAddr: map[netip.Addr]string{}, zones: map[string]zone{},
	}
	for _, name := range emptyZones() {
		l.zones[wireName(name)] = zoneEmpty
	}
	l.zones[wireName("localhost")] = zoneLocalhost
	if domain := wireName(spec.Domain); len(domain) > 1 {
		l.domain, l.suffix = domain, "."+codec.Fqdn(strings.ToLower(spec.Domain))
		l.zones[domain] = zoneLAN
	}
	for _, name := range spec.Names {
		label := strings.ToLower(name.Name)
		l.names[label] = append(l.names[label], name.Addr)
		l.byAddr[name.Addr] = label
	}
	// No filter of ours may hide a portal: its answers to a check may be private.
	for _, domain := range slices.Concat(spec.RebindOK, CheckHosts()) {
		if wire := wireName(domain); wire != "" {
			l.rebindOK = append(l.rebindOK, wire)
		}
	}
	return l
}

// view is local for some askers.
type view struct {
	askers netip.Prefix
	local  local
}

func newViews(spec Spec) []view {
	var out []view
	for _, v := range spec.Views {
		s := spec
		s.Names = v.Names
		out = append(out, view{v.Askers, newLocal(s, nil)})
	}
	return out
}

// localFor is what an asker may be told of local names.
func (e *engine) localFor(client netip.Addr) *local {
	if i := e.network(client); i < len(e.views) {
		return &e.views[i].local
	}
	return &e.local
}

// network is the number of a client's view; who has none comes behind all that have.
func (e *engine) network(client netip.Addr) int {
	for i := range e.views {
		if e.views[i].askers.Contains(client) {
			return i
		}
	}
	return len(e.views)
}

// emptyZones are those that mean something on this side of the uplink only, or
// nothing anywhere: RFC 6761, 6762, 7686, 8375, 9462 and 9476 for names; RFC 6303
// and 7793 for the reverse of private and special addresses.
func emptyZones() []string {
	zones := []string{
		"local", "onion", "invalid", "test", "alt", "home.arpa", "resolver.arpa",
		"0.in-addr.arpa", "10.in-addr.arpa", "127.in-addr.arpa", "254.169.in-addr.arpa",
		"168.192.in-addr.arpa", "2.0.192.in-addr.arpa", "100.51.198.in-addr.arpa",
		"113.0.203.in-addr.arpa", "255.255.255.255.in-addr.arpa",
		strings.Repeat("0.", 32) + "ip6.arpa", "1." + strings.Repeat("0.", 31) + "ip6.arpa",
		"d.f.ip6.arpa", "8.e.f.ip6.arpa", "9.e.f.ip6.arpa", "a.e.f.ip6.arpa", "b.e.f.ip6.arpa",
		"8.b.d.0.1.0.0.2.ip6.arpa",
	}
	for i := 16; i < 32; i++ {
		zones = append(zones, strconv.Itoa(i)+".172.in-addr.arpa")
	}
	for i := 64; i < 128; i++ {
		zones = append(zones, strconv.Itoa(i)+".100.in-addr.arpa")
	}
	return zones
}

// mayBePrivate tells whether the answer to key may hold private addresses.
func (l *local) mayBePrivate(key []byte) bool {
	name := key[:len(key)-3]
	for off := 0; !l.open && off < len(name); off += int(name[off]) + 1 {
		for _, domain := range l.rebindOK {
			if string(name[off:]) == domain {
				return true
			}
		}
	}
	return l.open
}

// answer returns the wire for a question that is ours, nil for one to be forwarded.
func (l *local) answer(q *query) []byte {
	if q.qtype == codec.TypeANY {
		return l.pack(q, []codec.RR{&codec.HINFO{Hdr: q.header(codec.TypeHINFO), Cpu: "RFC8482"}}, "", true)
	}
	if q.qtype == codec.TypePTR {
		if target := l.target(q); target != "" {
			return l.pack(q, []codec.RR{&codec.PTR{Hdr: q.header(codec.TypePTR), Ptr: target}}, "", true)
		}
	}
	name := q.lower[:q.n]
	for off := 0; off < q.n; off += int(name[off]) + 1 {
		if kind := l.zones[string(name[off:])]; kind != 0 {
			return l.inZone(q, kind, off)
		}
	}
	if q.labels != 1 || isInfrastructure(q.qtype) {
		return nil
	}
	return l.named(q, string(name[1:1+name[0]]), ".")
}

// isInfrastructure tells types that top level domains answer for themselves, as
// validating clients ask; every other single-label name is somebody's host.
func isInfrastructure(qtype uint16) bool {
	switch qtype {
	case codec.TypeNS, codec.TypeSOA, codec.TypeDS, codec.TypeDNSKEY:
		return true
	}
	return false
}

// inZone answers a name of the zone that starts at off in it.
func (l *local) inZone(q *query, kind zone, off int) []byte {
	owner := presentation(q.lower[off:q.n])
	first := q.lower[1 : 1+q.lower[0]]
	switch {
	case kind == zoneLocalhost:
		return l.addresses(q, owner, []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()})
	case off == 0 && q.qtype == codec.TypeSOA:
		return l.pack(q, []codec.RR{soa(owner)}, "", true)
	case off == 0:
		return l.pack(q, nil, owner, true)
	case kind == zoneLAN && off == len(first)+1:
		return l.named(q, string(first), owner)
	}
	return l.pack(q, nil, owner, false)
}

// named answers for a host of ours or a client by its label.
func (l *local) named(q *query, label, owner string) []byte {
	addrs := l.names[label]
	if addrs == nil && l.leases != nil {
		if addr, ok := l.leases.LookupName(label); ok {
			addrs = []netip.Addr{addr}
		}
	}
	if addrs == nil {
		return l.pack(q, nil, owner, false)
	}
	return l.addresses(q, owner, addrs)
}

// addresses answers with those of addrs that q asks for, of a name that exists.
func (l *local) addresses(q *query, owner string, addrs []netip.Addr) []byte {
	var rrs []codec.RR
	for _, addr := range addrs {
		switch {
		case q.qtype == codec.TypeA && addr.Is4():
			rrs = append(rrs, &codec.A{Hdr: q.header(codec.TypeA), A: addr.AsSlice()})
		case q.qtype == codec.TypeAAAA && addr.Is6():
			rrs = append(rrs, &codec.AAAA{Hdr: q.header(codec.TypeAAAA), AAAA: addr.AsSlice()})
		}
	}
	return l.pack(q, rrs, owner, true)
}

// target returns the name of the address whose reverse q asks, "" for none of ours.
func (l *local) target(q *query) string {
	addr := reverseAddr(presentation(q.lower[:q.n]))
	if !addr.IsValid() {
		return ""
	}
	label, ok := l.byAddr[addr]
	if !ok && l.leases != nil {
		label, ok = l.leases.LookupAddr(addr)
	}
	switch {
	case ok && label != "":
		return label + l.suffix
	case addr == netip.AddrFrom4([4]byte{127, 0, 0, 1}), addr == netip.IPv6Loopback():
		return "localhost."
	}
	return ""
}

// pack makes the wire of a local answer; without records it carries the SOA of owner,
// which is what lets clients remember it (RFC 2308 section 3). Nil, which forwards,
// cannot come out: what cannot be packed is a failure.
func (l *local) pack(q *query, rrs []codec.RR, owner string, exists bool) []byte {
	m := codec.Msg{Answer: rrs}
	m.Question = []codec.Question{{Name: q.presentation(), Qtype: q.qtype, Qclass: q.class}}
	m.Authoritative, m.Compress = true, true
	if len(rrs) == 0 {
		m.Ns = []codec.RR{soa(owner)}
	}
	if !exists {
		m.Rcode = codec.RcodeNameError
	}
	wire, err := m.Pack()
	if err != nil {
		return failure(q.key(), codec.RcodeServerFailure)
	}
	return wire
}

func soa(owner string) *codec.SOA {
	return &codec.SOA{
		Hdr: codec.RR_Header{Name: owner, Rrtype: codec.TypeSOA, Class: codec.ClassINET, Ttl: localTTL},
		Ns:  "localhost.", Mbox: "nobody.invalid.", // RFC 6303 section 3
		Serial: 1, Refresh: 3600, Retry: 1200, Expire: 604800, Minttl: localTTL,
	}
}

func (q *query) header(rrtype uint16) codec.RR_Header {
	return codec.RR_Header{Name: q.presentation(), Rrtype: rrtype, Class: codec.ClassINET, Ttl: localTTL}
}

func (q *query) presentation() string { return presentation(q.name[:q.n]) }

// presentation returns the text of a wire name that was parsed before.
func presentation(name []byte) string {
	text, _, err := codec.UnpackDomainName(name, 0)
	if err != nil {
		return "."
	}
	return text
}

// reverseAddr reads a name of in-addr.arpa or ip6.arpa that stands for one address.
func reverseAddr(name string) netip.Addr {
	if rest, ok := strings.CutSuffix(name, ".in-addr.arpa."); ok {
		return reverse4(strings.Split(rest, "."))
	}
	if rest, ok := strings.CutSuffix(name, ".ip6.arpa."); ok {
		return reverse6(rest)
	}
	return netip.Addr{}
}

func reverse4(labels []string) netip.Addr {
	if len(labels) != 4 {
		return netip.Addr{}
	}
	addr, _ := netip.ParseAddr(labels[3] + "." + labels[2] + "." + labels[1] + "." + labels[0])
	return addr
}

func reverse6(nibbles string) netip.Addr {
	var b [16]byte
	if len(nibbles) != 63 {
		return netip.Addr{}
	}
	for i := range 32 {
		n, err := strconv.ParseUint(nibbles[2*i:2*i+1], 16, 8)
		if err != nil || i > 0 && nibbles[2*i-1] != '.' {
			return netip.Addr{}
		}
		b[15-i/2] |= byte(n) << (i % 2 * 4)
	}
	return netip.AddrFrom16(b)
}
