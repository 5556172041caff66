package operator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/netns"
)

// DNSMode is how the operator's name servers behave.
type DNSMode int32

// The modes.
const (
	DNSAnswers DNSMode = iota // as the zone says
	DNSSilent                 // no answer at all
	DNSRefuses                // REFUSED to everything
	DNSFails                  // SERVFAIL to everything
)

// SetDNS changes how all name servers behave.
func (o *Operator) SetDNS(mode DNSMode) { o.dnsMode.Store(int32(mode)) }

// defaultZone is the small Internet: hosts of connectivity checks, a plain site, and
// names that try a forwarder.
func defaultZone() []string {
	lines := []string{
		"www.example.com. 300 IN A 203.0.113.80",
		"www.example.com. 300 IN AAAA 2001:db8:ffff::80",
		"example.com. 300 IN A 203.0.113.80",
		"alias.example.com. 60 IN CNAME www.example.com.",
		"short.example.com. 1 IN A 203.0.113.81",
		"four.example.com. 60 IN A 203.0.113.82",
		"six.example.com. 60 IN AAAA 2001:db8:ffff::82",
		"rebind.example.com. 60 IN A 192.168.1.1",
		"rebind6.example.com. 60 IN AAAA fd00::1",
		"loopback.example.com. 60 IN A 127.0.0.1",
		"login.example.net. 60 IN A 198.51.100.80",
		DocumentHost + ". 60 IN A 203.0.113.90",
		EntitlementHost + ". 60 IN A 203.0.113.91",
	}
	for i := range 40 {
		lines = append(lines, fmt.Sprintf("big.example.com. 60 IN TXT %q", fmt.Sprintf("%02d %s", i, strings.Repeat("x", 150))))
	}
	for _, host := range checkHosts() {
		lines = append(lines, host+". 60 IN A 203.0.113.204")
	}
	return append(lines, "detectportal.firefox.com. 60 IN A 203.0.113.205") // of another vendor
}

// checkHosts are hosts of connectivity checks.
func checkHosts() []string {
	return []string{
		"connectivitycheck.gstatic.com", "connectivitycheck.android.com", "clients3.google.com",
		"www.gstatic.com", "www.google.com", "cp.cloudflare.com", "captive.apple.com",
		"detectportal.firefox.com", "www.msftconnecttest.com", "nmcheck.gnome.org",
		"network-test.debian.org", "connectivity-check.ubuntu.com",
	}
}

// zone is the records by lower-case name. A name with subnames but without records of
// its own is not there.
type zone map[string][]dns.RR

// parseZone reads lines; records of a name replace those of earlier lines unless
// these stand right before them.
func parseZone(lines []string) (zone, error) {
	z, last := make(zone), ""
	for _, line := range lines {
		record, err := dns.NewRR(line)
		if err == nil && record == nil {
			err = errors.New("no record")
		}
		if err != nil {
			return nil, fmt.Errorf("operator: zone line %q: %w", line, err)
		}
		name := dns.CanonicalName(record.Header().Name)
		if name != last {
			delete(z, name)
		}
		z[name], last = append(z[name], record), name
	}
	return z, nil
}

// resolve fills in the answer to one question.
func (z zone) resolve(reply *dns.Msg, question dns.Question) {
	name := dns.CanonicalName(question.Name)
	for range 8 { // links of a chain of aliases
		records, known := z[name]
		if !known {
			reply.Rcode = dns.RcodeNameError
			break
		}
		next := ""
		for _, record := range records {
			kind := record.Header().Rrtype
			if kind == question.Qtype || kind == dns.TypeCNAME || question.Qtype == dns.TypeANY {
				reply.Answer = append(reply.Answer, record)
			}
			if alias, ok := record.(*dns.CNAME); ok && question.Qtype != dns.TypeCNAME {
				next = dns.CanonicalName(alias.Target)
			}
		}
		if next == "" {
			break
		}
		name = next
	}
	if len(reply.Answer) == 0 {
		reply.Ns = []dns.RR{authority()}
	}
}

// authority is what negative answers carry (RFC 2308).
func authority() dns.RR {
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 60},
		Ns:  "ns.example.net.", Mbox: "hostmaster.example.net.", Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: 60,
	}
}

// answerDNS answers one query.
func (o *Operator) answerDNS(z zone, w dns.ResponseWriter, query *dns.Msg) {
	network := w.LocalAddr().Network()
	if len(query.Question) != 1 {
		return
	}
	question := query.Question[0]
	o.counts.dns.Add(1)
	client, _ := netip.ParseAddrPort(w.RemoteAddr().String())
	o.event(Event{Kind: "dns", Client: client.Addr().Unmap(), Detail: dns.TypeToString[question.Qtype] + " " + question.Name + " " + network})
	reply := new(dns.Msg).SetReply(query)
	reply.RecursionAvailable = true
	switch DNSMode(o.dnsMode.Load()) {
	case DNSSilent:
		return
	case DNSRefuses:
		reply.Rcode = dns.RcodeRefused
	case DNSFails:
		reply.Rcode = dns.RcodeServerFailure
	default:
		if o.filtered(dns.CanonicalName(question.Name)) {
			reply.Rcode = dns.RcodeNameError
		} else {
			z.resolve(reply, question)
		}
	}
	size := dns.MinMsgSize
	if edns := query.IsEdns0(); edns != nil {
		size = max(size, int(edns.UDPSize()))
		reply.SetEdns0(1232, false)
	}
	if network == "udp" {
		reply.Truncate(min(size, 1232))
	}
	w.WriteMsg(reply)
}

// freebind lets IPv6 answers leave from the address that was asked, which no interface
// has; IPv4 needs no leave for that.
func freebind(network, _ string, c syscall.RawConn) error {
	if !strings.HasSuffix(network, "6") {
		return nil
	}
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1)
	})
	return errors.Join(err, failed)
}

// listenDNS opens the sockets of the name servers, on every address.
func (o *Operator) listenDNS(z zone) error {
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) { o.answerDNS(z, w, m) })
	return netns.Do(o.ns, func() error {
		config := net.ListenConfig{Control: freebind}
		for _, family := range []string{"4", "6"} {
			packet, err := config.ListenPacket(context.Background(), "udp"+family, ":53")
			if err != nil {
				return fmt.Errorf("operator: DNS: %w", err)
			}
			o.servers.add(packet)
			stream, err := config.Listen(context.Background(), "tcp"+family, ":53")
			if err != nil {
				return fmt.Errorf("operator: DNS: %w", err)
			}
			o.servers.add(stream)
			go (&dns.Server{PacketConn: packet, Handler: handler}).ActivateAndServe()
			go (&dns.Server{Listener: stream, Handler: handler}).ActivateAndServe()
		}
		return nil
	})
}
