package operator

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/tetherd/tetherd/lab/simmodem"
)

func TestPolicyDecides(t *testing.T) {
	four, six, both := APN{}, APN{NoIPv4: true, IPv6: true}, APN{IPv6: true}
	strict := APN{NoPartial: true}
	secret := APN{User: "u", Password: "p"}
	chap := APN{User: "u", Password: "p", Auth: simmodem.AuthCHAP}
	for _, c := range []struct {
		what    string
		apn     APN
		request simmodem.Request
		want    string
	}{
		{"IPv4 asks IPv4", four, simmodem.Request{IPType: simmodem.IPv4}, "4 0"},
		{"IPv4 asks both", four, simmodem.Request{IPType: simmodem.IPv4v6}, "4 50"},
		{"IPv4 asks two contexts", four, simmodem.Request{IPType: simmodem.IPv4AndIPv6}, "4 50"},
		{"IPv4 asks IPv6", four, simmodem.Request{IPType: simmodem.IPv6}, "50"},
		{"IPv4 asks anything", four, simmodem.Request{}, "4 0"},
		{"IPv6 asks IPv6", six, simmodem.Request{IPType: simmodem.IPv6}, "6 0"},
		{"IPv6 asks both", six, simmodem.Request{IPType: simmodem.IPv4v6}, "6 51"},
		{"IPv6 asks IPv4", six, simmodem.Request{IPType: simmodem.IPv4}, "51"},
		{"both ask both", both, simmodem.Request{IPType: simmodem.IPv4v6}, "46 0"},
		{"both ask IPv4", both, simmodem.Request{IPType: simmodem.IPv4}, "4 0"},
		{"both ask anything", both, simmodem.Request{}, "46 0"},
		{"strict asks both", strict, simmodem.Request{IPType: simmodem.IPv4v6}, "28"},
		{"strict asks IPv4", strict, simmodem.Request{IPType: simmodem.IPv4}, "4 0"},
		{"refused", APN{Refuse: 33}, simmodem.Request{}, "33"},
		{"no credentials", secret, simmodem.Request{}, "29"},
		{"credentials without protocol", secret, simmodem.Request{User: "u", Password: "p"}, "29"},
		{"wrong password", secret, simmodem.Request{User: "u", Password: "q", Auth: simmodem.AuthPAP}, "29"},
		{"any protocol", secret, simmodem.Request{User: "u", Password: "p", Auth: simmodem.AuthPAP}, "4 0"},
		{"wrong protocol", chap, simmodem.Request{User: "u", Password: "p", Auth: simmodem.AuthPAP}, "29"},
		{"right protocol", chap, simmodem.Request{User: "u", Password: "p", Auth: simmodem.AuthCHAP}, "4 0"},
		{"needless credentials", four, simmodem.Request{User: "x", Password: "y", Auth: simmodem.AuthPAP}, "4 0"},
	} {
		ipv4, ipv6, cause := c.apn.decide(c.request)
		got := ""
		if ipv4 {
			got += "4"
		}
		if ipv6 {
			got += "6"
		}
		if got = strings.TrimSpace(got + " " + fmt.Sprint(cause)); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestPolicyIsValidated(t *testing.T) {
	for _, bad := range []APN{
		{NoIPv4: true},
		{Pool4: netip.MustParsePrefix("2001:db8::/32")},
		{Pool4: netip.MustParsePrefix("10.0.0.0/30")},
		{Pool6: netip.MustParsePrefix("2001:db8::/64")},
		{Pool6: netip.MustParsePrefix("10.0.0.0/8")},
		{MTU: -1}, {MTU: 9001},
	} {
		if bad.validate() == nil {
			t.Errorf("accepted: %+v", bad)
		}
	}
	if err := (APN{Pool4: netip.MustParsePrefix("192.168.1.0/24"), MTU: 1280}).validate(); err != nil {
		t.Error(err)
	}
}

func TestPolicyTellsOnlyWhatItShould(t *testing.T) {
	address, gateway := netip.MustParsePrefix("100.64.0.2/10"), netip.MustParseAddr("100.64.0.1")
	rich := APN{Gateway: true, MTU: 1400}.withDefaults().config(address, gateway)
	if rich.Gateway != gateway || rich.MTU != 1400 || len(rich.DNS) != 2 || !rich.DNS[0].Is4() {
		t.Errorf("rich: %+v", rich)
	}
	poor := APN{NoDNS: true, NoMTU: true}.withDefaults().config(address, gateway)
	if poor.Gateway.IsValid() || poor.MTU != 0 || len(poor.DNS) != 0 {
		t.Errorf("poor: %+v", poor)
	}
	six := APN{}.withDefaults().config(netip.MustParsePrefix("2001:db8:100:1::2/64"), gateway)
	if len(six.DNS) != 1 || !six.DNS[0].Is6() {
		t.Errorf("IPv6: %+v", six)
	}
}

func TestPoolNumbersAnewAndEnds(t *testing.T) {
	p := newPool(netip.MustParsePrefix("192.168.1.0/29"))
	used := make(map[netip.Addr]bool)
	taken := func(a netip.Addr) bool { return used[a] }
	var got []string
	for address, ok := p.take(taken); ok; address, ok = p.take(taken) {
		got, used[address.Addr()] = append(got, address.String()), true
	}
	want := "192.168.1.2/29 192.168.1.3/29 192.168.1.4/29 192.168.1.5/29 192.168.1.6/29"
	if strings.Join(got, " ") != want {
		t.Errorf("handed out %v, want %s", got, want)
	}
	clear(used)
	first, _ := p.take(taken)
	second, ok := p.take(taken)
	if !ok || first == second || !p.network.Contains(first.Addr()) {
		t.Errorf("when all are free again: %v, then %v: a bearer must be numbered anew", first, second)
	}
}

func TestPoolOfIPv6Networks(t *testing.T) {
	p := newPool(netip.MustParsePrefix("2001:db8:100::/48"))
	free := func(netip.Addr) bool { return false }
	first, _ := p.take(free)
	second, _ := p.take(free)
	if first.String() != "2001:db8:100:2::2/64" || second.String() != "2001:db8:100:3::2/64" {
		t.Errorf("handed out %v and %v", first, second)
	}
	if key(netip.MustParseAddr("2001:db8:100:2:aa::9")) != key(first.Addr()) {
		t.Error("an address of the network does not lead to its bearer")
	}
}

func TestGardenLetsDNSAndWebThrough(t *testing.T) {
	for packet, want := range map[string]bool{
		"45000020 00000000 40110000 64400002 c6336435 c0000035 000c0000":                                      true,  // UDP 53
		"45000028 00000000 40060000 64400002 cb007150 c0000050 00000000 00000000 50020000 00000000":           true,  // TCP 80
		"45000028 00000000 40060000 64400002 cb007150 c0000035 00000000 00000000 50020000 00000000":           true,  // TCP 53
		"45000028 00000000 40060000 64400002 cb007150 c00001bb 00000000 00000000 50020000 00000000":           false, // TCP 443
		"45000020 00000000 40110000 64400002 c6336435 c000007b 000c0000":                                      false, // UDP 123
		"4500001c 00000000 40010000 64400002 cb007150 08000000 00000000":                                      false, // ICMP
		"46000024 00000000 40110000 64400002 c6336435 01010101 c0000035 000c0000":                             true,  // with an option
		"4f000020 00000000 40110000 64400002 c6336435 c0000035 000c0000":                                      false, // header beyond the end
		"60000000 00081140 20010db8000000000000000000000001 20010db8000000000000000000000002 c0000035 000c00": true,
		"60000000": false,
		"":         false,
	} {
		data, err := hex.DecodeString(strings.ReplaceAll(packet, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if got := gardenAllows(data); got != want {
			t.Errorf("%s: %v, want %v", packet, got, want)
		}
	}
}

func TestZoneAnswers(t *testing.T) {
	z, err := parseZone(append(defaultZone(),
		"www.example.com. 60 IN A 203.0.113.99", "own.example.com. 60 IN A 203.0.113.1", "own.example.com. 60 IN A 203.0.113.2",
		"loop.example.com. 60 IN CNAME loop.example.com."))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		kind  uint16
		want  string
		rcode int
	}{
		{"www.example.com.", dns.TypeA, "203.0.113.99", dns.RcodeSuccess},
		{"WWW.Example.Com.", dns.TypeA, "203.0.113.99", dns.RcodeSuccess},
		{"www.example.com.", dns.TypeAAAA, "", dns.RcodeSuccess},
		{"own.example.com.", dns.TypeA, "203.0.113.1 203.0.113.2", dns.RcodeSuccess},
		{"alias.example.com.", dns.TypeA, "www.example.com. 203.0.113.99", dns.RcodeSuccess},
		{"alias.example.com.", dns.TypeCNAME, "www.example.com.", dns.RcodeSuccess},
		{"rebind.example.com.", dns.TypeA, "192.168.1.1", dns.RcodeSuccess},
		{"nothing.example.com.", dns.TypeA, "", dns.RcodeNameError},
		{"connectivitycheck.gstatic.com.", dns.TypeA, "203.0.113.204", dns.RcodeSuccess},
		{"detectportal.firefox.com.", dns.TypeA, "203.0.113.205", dns.RcodeSuccess},
	} {
		reply := new(dns.Msg).SetQuestion(c.name, c.kind)
		z.resolve(reply, reply.Question[0])
		var got []string
		for _, record := range reply.Answer {
			got = append(got, strings.TrimPrefix(record.String(), record.Header().String()))
		}
		if strings.Join(got, " ") != c.want || reply.Rcode != c.rcode {
			t.Errorf("%s %d: %v, code %d; want %q, %d", c.name, c.kind, got, reply.Rcode, c.want, c.rcode)
		}
		if (len(reply.Answer) == 0) != (len(reply.Ns) == 1) {
			t.Errorf("%s %d: negative answers need an SOA, others none: %v", c.name, c.kind, reply.Ns)
		}
	}
	loop := new(dns.Msg).SetQuestion("loop.example.com.", dns.TypeA)
	z.resolve(loop, loop.Question[0]) // must end
	for _, bad := range []string{"", "no address", "a. 60 IN A 1.2.3"} {
		if _, err := parseZone([]string{bad}); err == nil {
			t.Errorf("accepted %q", bad)
		}
	}
}
