package dns

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"

	codec "github.com/miekg/dns"
)

// Lifetimes in seconds.
const (
	maxTTL      = 86400
	maxNegative = 600 // a name that appears must not stay away for long (RFC 2308 section 5 allows hours)
	failLife    = 2   // RFC 9520 section 3.2 wants at least 1
)

// kind is what a packet from a server turns out to be.
type kind int

const (
	ignored   kind = iota // not an answer to our question: go on listening
	good                  // an answer for the client
	truncated             // the answer does not fit UDP
	plain                 // the server does not know EDNS: ask again without
	bad                   // the server cannot say
	rebinding             // a public name with a private address
)

// verdict is a judged packet.
type verdict struct {
	kind  kind
	wire  []byte // when good
	life  uint32 // seconds that wire may be kept, 0 not at all
	rcode int    // when bad
	sunk  bool   // when good: the name is denied, or has an address that leads nowhere
}

// judge reads what came back for the question key, asked under id. Private tells
// whether the answer may hold private addresses. Everything in the packet is
// foreign; what is passed on was parsed and packed again, without the sections that
// clients of a forwarder do not use.
func judge(b []byte, key []byte, id uint16, edns, private bool) verdict {
	if !answers(b, key, id) {
		return verdict{kind: ignored}
	}
	rcode := int(b[3] & 0x0f)
	switch {
	case edns && (rcode == codec.RcodeFormatError || rcode == codec.RcodeNotImplemented):
		return verdict{kind: plain}
	case rcode != codec.RcodeSuccess && rcode != codec.RcodeNameError:
		return verdict{kind: bad, rcode: rcode}
	case b[2]&flagTC != 0:
		return verdict{kind: truncated}
	}
	var m codec.Msg
	if m.Unpack(b) != nil || len(m.Question) != 1 || hasExtendedRcode(&m) || hasEmpty(m.Answer) || hasEmpty(m.Ns) {
		return verdict{kind: bad, rcode: codec.RcodeServerFailure}
	}
	if !private && hasPrivate(m.Answer) {
		return verdict{kind: rebinding}
	}
	life := trim(&m, key[len(key)-1]&flagDO != 0)
	wire, err := m.Pack()
	if err != nil || new(codec.Msg).Unpack(wire) != nil { // the parser lets cut records pass and packs them cut
		return verdict{kind: bad, rcode: codec.RcodeServerFailure}
	}
	return verdict{kind: good, wire: wire, life: life, sunk: sunk(&m)}
}

// sunk tells whether an answer is what filters give for names that they block.
func sunk(m *codec.Msg) bool {
	return m.Rcode == codec.RcodeNameError || slices.ContainsFunc(m.Answer, func(rr codec.RR) bool {
		a, ok := rr.(*codec.A)
		return ok && (a.A.IsUnspecified() || a.A.IsLoopback())
	})
}

// answers tells whether b is the answer to the question key asked under id. The
// question must come back whole, but letter case may differ; only a failure may come
// without it, as old servers send it when they do not understand EDNS.
func answers(b []byte, key []byte, id uint16) bool {
	if len(b) < headerLen || binary.BigEndian.Uint16(b) != id || b[2]&(flagQR|0x78) != flagQR {
		return false
	}
	n := len(key) - 3
	questions := binary.BigEndian.Uint16(b[4:])
	if questions != 1 || len(b) < headerLen+n+4 {
		return questions == 0 && b[3]&0x0f != codec.RcodeSuccess && b[3]&0x0f != codec.RcodeNameError
	}
	q := b[headerLen:]
	return equalFold(q[:n], key[:n]) && bytes.Equal(q[n:n+2], key[n:n+2]) &&
		binary.BigEndian.Uint16(q[n+2:]) == codec.ClassINET
}

// equalFold compares the wire name a with the lower-case one b of the same length.
func equalFold(a, b []byte) bool {
	for i, c := range a {
		if lowerByte(c) != b[i] {
			return false
		}
	}
	return true
}

// lowerByte lowers a letter; the lengths in a wire name lie below the letters.
func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func hasExtendedRcode(m *codec.Msg) bool {
	opt := m.IsEdns0()
	return opt != nil && opt.Hdr.Ttl>>24 != 0
}

// trim keeps of m what is passed on, caps its TTLs and returns how long it may be kept.
func trim(m *codec.Msg, dnssec bool) uint32 {
	negative := m.Rcode == codec.RcodeNameError || !hasType(m.Answer, m.Question[0].Qtype)
	m.Extra = nil
	if !negative && !dnssec {
		m.Ns = nil
	}
	// Nobody behind this hop has checked anything, so nobody may believe AD.
	m.Authoritative, m.AuthenticatedData, m.Zero, m.Compress = false, false, false, true
	life := uint32(maxTTL)
	if negative {
		life = negativeLife(m.Ns)
	}
	for _, rr := range append(m.Answer[:len(m.Answer):len(m.Answer)], m.Ns...) {
		hdr := rr.Header()
		if hdr.Ttl > 1<<31-1 {
			hdr.Ttl = 0 // RFC 2181 section 8
		}
		hdr.Ttl = min(hdr.Ttl, maxTTL)
		life = min(life, hdr.Ttl)
	}
	return life
}

// hasEmpty looks for records without data. They belong into dynamic updates, where
// the parser lets them pass, but it packs them into something else.
func hasEmpty(rrs []codec.RR) bool {
	for _, rr := range rrs {
		if rr.Header().Rdlength == 0 {
			return true
		}
	}
	return false
}

func hasType(rrs []codec.RR, qtype uint16) bool {
	for _, rr := range rrs {
		if rr.Header().Rrtype == qtype {
			return true
		}
	}
	return false
}

// negativeLife lowers the SOA's TTL to its minimum field and returns it (RFC 2308
// section 5). Without SOA the answer must not be kept.
func negativeLife(authority []codec.RR) uint32 {
	for _, rr := range authority {
		if soa, ok := rr.(*codec.SOA); ok {
			soa.Hdr.Ttl = min(soa.Hdr.Ttl, soa.Minttl, maxNegative)
			return soa.Hdr.Ttl
		}
	}
	return 0
}

// hasPrivate looks for addresses that only this side of the uplink can mean.
func hasPrivate(rrs []codec.RR) bool {
	for _, rr := range rrs {
		switch rr := rr.(type) {
		case *codec.A:
			if isPrivate(rr.A) {
				return true
			}
		case *codec.AAAA:
			if isPrivate(rr.AAAA) {
				return true
			}
		case *codec.HTTPS:
			if hintsPrivate(rr.Value) {
				return true
			}
		case *codec.SVCB:
			if hintsPrivate(rr.Value) {
				return true
			}
		}
	}
	return false
}

// hintsPrivate looks into the address hints of RFC 9460 section 7.3.
func hintsPrivate(values []codec.SVCBKeyValue) bool {
	for _, value := range values {
		switch value := value.(type) {
		case *codec.SVCBIPv4Hint:
			for _, ip := range value.Hint {
				if isPrivate(ip) {
					return true
				}
			}
		case *codec.SVCBIPv6Hint:
			for _, ip := range value.Hint {
				if isPrivate(ip) {
					return true
				}
			}
		}
	}
	return false
}

func isPrivate(ip []byte) bool {
	addr, ok := netip.AddrFromSlice(ip)
	return ok && (addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() ||
		addr.IsUnspecified() || addr.Is4In6() || addr.Is4() && addr.As4()[0] == 0)
}

// wireName returns the lower-case wire form of a domain name, "" when it is none.
func wireName(name string) string {
	var buf [maxName + 1]byte
	n, err := codec.PackDomainName(codec.Fqdn(strings.ToLower(name)), buf[:], 0, nil, false)
	if err != nil {
		return ""
	}
	return string(buf[:n])
}
