package dns

import (
	"encoding/binary"
	"net/netip"
	"slices"

	codec "github.com/miekg/dns"
)

// CheckHosts are the hosts by which phones and computers find out by plain HTTP whether
// there is Internet, and which nobody visits for another reason: those of Android and
// two of its large vendors, of Apple, Windows and Firefox.
func CheckHosts() []string {
	return []string{
		"connectivitycheck.gstatic.com", "connectivitycheck.android.com", "clients3.google.com",
		"connectivitycheck.platform.hicloud.com", "connect.rom.miui.com",
		"captive.apple.com",
		"www.msftconnecttest.com", "ipv6.msftconnecttest.com", "www.msftncsi.com",
		"detectportal.firefox.com",
	}
}

func checkNames() map[string]bool {
	names := map[string]bool{}
	for _, host := range CheckHosts() {
		names[wireName(host)] = true
	}
	return names
}

// leads says that a client's question is for a connectivity-check name, and that it is
// to find the page there that tells why it has no Internet.
func (e *engine) leads(q *query, client netip.Addr) bool {
	return e.spec.Page.IsValid() && e.untold != nil && e.checks[string(q.lower[:q.n])] && e.untold.Untold(client)
}

// note remembers what a server says of a connectivity-check name. Only the address that
// clients can use counts: filters answer what else is asked of a name that they block as
// if there were nothing to it.
func (e *engine) note(key []byte, sunk bool) {
	name, qtype := key[:len(key)-3], binary.BigEndian.Uint16(key[len(key)-3:])
	switch {
	case qtype != codec.TypeA || !e.checks[string(name)]:
	case sunk:
		e.denied[string(name)] = true
	default:
		delete(e.denied, string(name))
	}
}

// deniedChecks are the hosts of connectivity checks that servers deny, in the order of
// CheckHosts.
func (e *engine) deniedChecks() []string {
	if len(e.denied) == 0 {
		return nil
	}
	return slices.DeleteFunc(CheckHosts(), func(host string) bool { return !e.denied[wireName(host)] })
}

// leadTTL is how many seconds a client remembers where the page is.
const leadTTL = 1

// lead answers with the page's address.
func (l *local) lead(q *query, page netip.Addr) []byte {
	var rrs []codec.RR
	header := q.header(q.qtype)
	header.Ttl = leadTTL
	switch {
	case q.qtype == codec.TypeA && page.Is4():
		rrs = []codec.RR{&codec.A{Hdr: header, A: page.AsSlice()}}
	case q.qtype == codec.TypeAAAA && page.Is6():
		rrs = []codec.RR{&codec.AAAA{Hdr: header, AAAA: page.AsSlice()}}
	}
	return l.pack(q, rrs, q.presentation(), true)
}
