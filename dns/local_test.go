package dns

import (
	"net/netip"
	"testing"

	codec "github.com/miekg/dns"
)

func localSpec() Spec {
	spec := uplink()
	spec.Names = []Name{
		{"Gateway", netip.MustParseAddr("192.168.8.1")}, {"gateway", netip.MustParseAddr("fd00::1")},
	}
	return spec
}

// Every name that is ours is answered here, and nothing else is.
func TestWhatStaysHome(t *testing.T) {
	const (
		a, aaaa, ptr, soa, txt = codec.TypeA, codec.TypeAAAA, codec.TypePTR, codec.TypeSOA, codec.TypeTXT
		forwarded              = -1
	)
	for _, c := range []struct {
		name    string
		qtype   uint16
		rcode   int
		answers int
	}{
		{"gateway.lan.", a, 0, 1}, {"GATEWAY.LAN.", aaaa, 0, 1}, {"gateway.", a, 0, 1},
		{"gateway.lan.", codec.TypeHTTPS, 0, 0}, {"gateway.lan.", txt, 0, 0},
		{"phone.lan.", a, 0, 1}, {"phone.", a, 0, 1}, {"phone.lan.", aaaa, 0, 0},
		{"nobody.lan.", a, codec.RcodeNameError, 0}, {"a.phone.lan.", a, codec.RcodeNameError, 0},
		{"lan.", soa, 0, 1}, {"lan.", a, 0, 0}, {"lan.", codec.TypeDS, 0, 0},
		{"printer.", a, codec.RcodeNameError, 0}, {"wpad.", txt, codec.RcodeNameError, 0},
		{"localhost.", a, 0, 1}, {"localhost.", aaaa, 0, 1}, {"a.localhost.", a, 0, 1}, {"localhost.", txt, 0, 0},
		{"printer.local.", a, codec.RcodeNameError, 0}, {"x.onion.", a, codec.RcodeNameError, 0},
		{"x.test.", a, codec.RcodeNameError, 0}, {"x.invalid.", a, codec.RcodeNameError, 0},
		{"x.home.arpa.", a, codec.RcodeNameError, 0}, {"_dns.resolver.arpa.", codec.TypeSVCB, codec.RcodeNameError, 0},
		{"1.8.168.192.in-addr.arpa.", ptr, 0, 1}, {"23.8.168.192.in-addr.arpa.", ptr, 0, 1},
		{"99.8.168.192.in-addr.arpa.", ptr, codec.RcodeNameError, 0},
		{"1.2.3.10.in-addr.arpa.", ptr, codec.RcodeNameError, 0}, {"1.2.31.172.in-addr.arpa.", ptr, codec.RcodeNameError, 0},
		{"1.2.64.100.in-addr.arpa.", ptr, codec.RcodeNameError, 0},
		{"1.0.0.127.in-addr.arpa.", ptr, 0, 1}, {"b._dns-sd._udp.0.8.168.192.in-addr.arpa.", ptr, codec.RcodeNameError, 0},
		{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa.", ptr, 0, 1},
		{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.", ptr, 0, 1},
		{"2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f.ip6.arpa.", ptr, codec.RcodeNameError, 0},
		{"example.com.", codec.TypeANY, 0, 1}, {"nobody.lan.", codec.TypeANY, 0, 1},
		{"example.com.", a, forwarded, 0}, {"lan.example.com.", a, forwarded, 0}, {"notlan.", codec.TypeDS, forwarded, 0},
		{"com.", codec.TypeDNSKEY, forwarded, 0}, {".", codec.TypeNS, forwarded, 0}, {".", a, forwarded, 0},
		{"8.8.8.8.in-addr.arpa.", ptr, forwarded, 0}, {"1.2.32.172.in-addr.arpa.", ptr, forwarded, 0},
		{"1.2.128.100.in-addr.arpa.", ptr, forwarded, 0}, {"ipv4only.arpa.", aaaa, forwarded, 0},
		{"8.8.8.8.8.in-addr.arpa.", ptr, forwarded, 0}, {"x.8.8.8.in-addr.arpa.", ptr, forwarded, 0},
	} {
		d := newDesk(t, localSpec())
		d.ask(phone, 7, c.name, c.qtype)
		if c.rcode == forwarded {
			if len(d.sent) != 1 || len(d.replies) != 0 {
				t.Errorf("%s %s stayed home", c.name, codec.TypeToString[c.qtype])
			}
			continue
		}
		if len(d.sent) != 0 {
			t.Errorf("%s %s was forwarded", c.name, codec.TypeToString[c.qtype])
			continue
		}
		m := d.last(phone)
		if m.Rcode != c.rcode || len(m.Answer) != c.answers || !m.Authoritative || m.Question[0].Name != c.name {
			t.Errorf("%s %s: %v", c.name, codec.TypeToString[c.qtype], m)
		}
		if c.answers == 0 && len(m.Ns) != 1 {
			t.Errorf("%s: no SOA, so clients cannot remember it", c.name)
		}
	}
}

func TestLocalAnswersAreRight(t *testing.T) {
	for _, c := range []struct {
		name  string
		qtype uint16
		want  string
	}{
		{"gateway.lan.", codec.TypeA, "192.168.8.1"}, {"gateway.lan.", codec.TypeAAAA, "fd00::1"},
		{"phone.lan.", codec.TypeA, "192.168.8.23"}, {"localhost.", codec.TypeA, "127.0.0.1"},
		{"localhost.", codec.TypeAAAA, "::1"}, {"23.8.168.192.in-addr.arpa.", codec.TypePTR, "phone.lan."},
		{"1.8.168.192.in-addr.arpa.", codec.TypePTR, "gateway.lan."},
		{"1.0.0.127.in-addr.arpa.", codec.TypePTR, "localhost."},
		{"example.com.", codec.TypeANY, `"RFC8482" ""`},
	} {
		d := newDesk(t, localSpec())
		d.ask(phone, 7, c.name, c.qtype)
		rr := d.last(phone).Answer[0]
		if got := rr.String()[len(rr.Header().String()):]; got != c.want || rr.Header().Ttl != localTTL {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestWithoutDomainNamesStandAlone(t *testing.T) {
	spec := localSpec()
	spec.Domain = ""
	d := newDesk(t, spec)
	d.ask(phone, 7, "23.8.168.192.in-addr.arpa.", codec.TypePTR)
	if m := d.last(phone); m.Answer[0].(*codec.PTR).Ptr != "phone." {
		t.Error(m)
	}
	d.ask(phone, 7, "phone.lan.", codec.TypeA)
	d.wantServers("10.0.0.1 ")
}

func TestNameWithoutLeasesTable(t *testing.T) {
	d := newDesk(t, localSpec())
	d.e.use(localSpec(), nil, d.now)
	d.ask(phone, 7, "phone.lan.", codec.TypeA)
	if m := d.last(phone); m.Rcode != codec.RcodeNameError {
		t.Error(m)
	}
}
