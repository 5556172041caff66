package dns

import (
	"net/netip"
	"strings"
	"testing"

	codec "github.com/miekg/dns"
)

func TestPrivateAddresses(t *testing.T) {
	for addr, want := range map[string]bool{
		"10.0.0.0": true, "10.255.255.255": true, "172.16.0.1": true, "172.31.255.255": true, "192.168.0.0": true,
		"127.0.0.1": true, "127.255.0.1": true, "169.254.169.254": true, "0.0.0.0": true, "0.1.2.3": true,
		"::": true, "::1": true, "fc00::1": true, "fdff::1": true, "fe80::1": true, "febf::1": true,
		"::ffff:10.0.0.1": true, "::ffff:8.8.8.8": true,
		"9.255.255.255": false, "11.0.0.0": false, "172.15.0.1": false, "172.32.0.1": false, "192.169.0.1": false,
		"8.8.8.8": false, "2001:4860:4860::8888": false, "64:ff9b::808:808": false,
		"192.0.0.170": false, // RFC 7050 must pass
		"100.64.0.1":  false, // an operator's own pages live there
	} {
		if got := isPrivate(netip.MustParseAddr(addr).AsSlice()); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	if isPrivate(nil) || isPrivate([]byte{10, 0, 0}) {
		t.Error("what is no address is private")
	}
}

func TestWireNames(t *testing.T) {
	for name, want := range map[string]string{
		"lan": "\x03lan\x00", "LAN.": "\x03lan\x00", "home.Example.COM": "\x04home\x07example\x03com\x00",
		"": "\x00", ".": "\x00", "a..b": "", strings.Repeat("a", 64): "", strings.Repeat("abc.", 80): "",
	} {
		if got := wireName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestExceptionCoversTheDomainAndWhatIsBelow(t *testing.T) {
	l := newLocal(Spec{Rebind: true, RebindOK: []string{"Corp.example", "plex.direct", "not..a.name"}}, nil)
	for name, want := range map[string]bool{
		"corp.example.": true, "a.b.CORP.example.": true, "x.plex.direct.": true,
		"xcorp.example.": false, "example.": false, "corp.example.com.": false, ".": false,
	} {
		if got := l.mayBePrivate(parsed(t, packet(t, name, codec.TypeA, nil)).key()); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// trimmed lets an answer with these records pass and returns what is left.
func trimmed(t *testing.T, qtype uint16, rcode int, lines ...string) (*codec.Msg, uint32) {
	t.Helper()
	m := new(codec.Msg).SetQuestion("www.example.com.", qtype)
	m.Id = 0x1234
	reply := answerTo(t, m, lines...)
	reply.Rcode = rcode
	b, err := reply.Pack()
	if err != nil {
		t.Fatal(err)
	}
	v := judge(b, parsed(t, packet(t, "www.example.com.", qtype, nil)).key(), 0x1234, true, false)
	out := new(codec.Msg)
	if v.kind != good || out.Unpack(v.wire) != nil {
		t.Fatalf("%v: %+v", lines, v)
	}
	return out, v.life
}

const zoneSOA = "example.com. 900 IN SOA ns.example.com. hm.example.com. 1 2 3 4 120"

func TestHowLongAnswersAreKept(t *testing.T) {
	for _, c := range []struct {
		story string
		qtype uint16
		rcode int
		lines []string
		want  uint32
	}{
		{"one record", codec.TypeA, 0, []string{"www.example.com. 77 IN A 203.0.113.1"}, 77},
		{"the shortest of several", codec.TypeA, 0, []string{"www.example.com. 300 IN CNAME a.example.com.", "a.example.com. 20 IN A 203.0.113.1", "a.example.com. 30 IN A 203.0.113.2"}, 20},
		{"zero", codec.TypeA, 0, []string{"www.example.com. 0 IN A 203.0.113.1"}, 0},
		{"a month", codec.TypeA, 0, []string{"www.example.com. 2592000 IN A 203.0.113.1"}, maxTTL},
		{"no such name", codec.TypeA, codec.RcodeNameError, []string{zoneSOA}, 120},
		{"no such type", codec.TypeHTTPS, 0, []string{zoneSOA}, 120},
		{"an alias of no such name", codec.TypeA, codec.RcodeNameError, []string{"www.example.com. 60 IN CNAME a.example.com.", zoneSOA}, 60},
		{"an alias without the type", codec.TypeAAAA, 0, []string{"www.example.com. 600 IN CNAME a.example.com.", zoneSOA}, 120},
		{"an alias that leads nowhere", codec.TypeA, 0, []string{"www.example.com. 600 IN CNAME a.example.com."}, 0},
		{"the alias itself was asked for", codec.TypeCNAME, 0, []string{"www.example.com. 600 IN CNAME a.example.com."}, 600},
		{"nothing at all", codec.TypeA, 0, nil, 0},
		{"a SOA was asked for", codec.TypeSOA, 0, []string{zoneSOA}, 120},
	} {
		out, life := trimmed(t, c.qtype, c.rcode, c.lines...)
		if life != c.want {
			t.Errorf("%s: %d s, want %d\n%v", c.story, life, c.want, out)
		}
		for _, rr := range append(out.Answer, out.Ns...) {
			if life > 0 && rr.Header().Ttl < life {
				t.Errorf("%s: kept longer than %v", c.story, rr)
			}
		}
	}
}

func TestAuthorityOfAPositiveAnswerIsLeftOut(t *testing.T) {
	out, _ := trimmed(t, codec.TypeA, 0, "www.example.com. 60 IN A 203.0.113.1", zoneSOA)
	if len(out.Answer) != 1 || len(out.Ns) != 0 {
		t.Error(out)
	}
}

func TestEveryTypeInUsePassesUnchanged(t *testing.T) {
	for _, line := range []string{
		"www.example.com. 60 IN MX 10 mail.example.com.", `www.example.com. 60 IN TXT "v=spf1 -all" "second"`,
		"www.example.com. 60 IN SRV 1 2 443 a.example.com.", `www.example.com. 60 IN CAA 0 issue "ca.example"`,
		`www.example.com. 60 IN HTTPS 1 . alpn="h2,h3" ipv4hint="203.0.113.1"`, "www.example.com. 60 IN NS ns.example.com.",
		`www.example.com. 60 IN NAPTR 1 2 "s" "SIP+D2U" "" _sip._udp.example.com.`, "www.example.com. 60 IN TLSA 3 1 1 00ff",
		"www.example.com. 60 IN TYPE65400 \\# 3 010203", "www.example.com. 60 IN DNAME example.net.",
	} {
		want, err := codec.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		out, life := trimmed(t, want.Header().Rrtype, 0, line)
		if life != 60 || len(out.Answer) != 1 || out.Answer[0].String() != want.String() {
			t.Errorf("%s came out as %v", line, out.Answer)
		}
	}
}
