package nat

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func adr(s string) netip.Addr   { return netip.MustParseAddr(s) }

func closed() Spec { return Spec{Enabled: true, LANs: []LAN{{Bridge: "br-tether"}}} }

func sharing() Spec {
	return Spec{
		Enabled: true, Sharing: true,
		LANs:    []LAN{{Bridge: "lan0", Subnets: []netip.Prefix{pfx("192.168.8.0/24")}, APIPort: 8080}},
		Uplinks: []Uplink{{Interface: "wan0", Addresses: []netip.Addr{adr("10.64.0.2")}, Shared: true}},
	}
}

// limit lets five have Internet.
func limit() Spec {
	s := sharing()
	s.Limit, s.Absence, s.Explain = 5, 10*time.Minute, 9797
	s.Exempt, s.ExemptPort = net.HardwareAddr{2, 't', 'e', 't', 'h', 'p'}, "tprobe"
	return s
}

// withGuests has a second LAN, whose clients see no status and not each other.
func withGuests() Spec {
	s := sharing()
	s.LANs = append(s.LANs, LAN{Bridge: "guest0", Subnets: []netip.Prefix{pfx("192.168.9.0/24")}, Apart: true})
	return s
}

// stories are Specs in the order in which a gateway may live through them.
func stories() map[string]Spec {
	off, two, six, many, guests := sharing(), sharing(), sharing(), sharing(), withGuests()
	off.Sharing = false
	two.Uplinks = append(two.Uplinks, Uplink{Interface: "4g modem\"", Addresses: []netip.Addr{adr("10.65.0.2")}})
	two.Uplinks[1].Interface, two.Uplinks[1].MTU = "4g+modem", 1428
	six.LANs[0].Subnets = append(six.LANs[0].Subnets, pfx("2001:db8::/64"), pfx("10.7.0.0/17"), pfx("172.16.0.1/32"))
	six.Uplinks[0].Addresses = append(six.Uplinks[0].Addresses, adr("2001:db8:ffff:ffff:ffff:ffff:ffff:fffe"), adr("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"), adr("10.1.1.1"))
	many.LANs = nil
	loose, fewer := limit(), limit()
	loose.NoPorts, fewer.Limit = true, 3
	told := off
	told.Explain, told.Page = 9797, adr("192.0.2.97")
	barred, alone := explaining(), limit()
	barred.Blocked = []net.HardwareAddr{{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}}
	alone.Blocked = barred.Blocked[1:]
	return map[string]Spec{
		"two are blocked": barred, "limit, and one is blocked": alone,
		"limit": limit(), "limit without ports": loose, "another limit": fewer, "not sharing, and why": told, "sharing, with a page": explaining(),
		"closed": closed(), "sharing": sharing(), "not sharing": off,
		"two uplinks": two, "both families": six, "no LAN": many, "two LANs": guests, "all": {Enabled: true},
	}
}

func TestTextOfTheClosedGateway(t *testing.T) {
	want := `table inet tetherd {
	set client_up {
		type ipv4_addr
		size 1024
		flags dynamic,timeout
		timeout 86400s
	}

	set client_down {
		type ipv4_addr
		size 1024
		flags dynamic,timeout
		timeout 86400s
	}

	chain count_in {
		type filter hook prerouting priority -150; policy accept;
	}

	chain input {
		type filter hook input priority 0; policy accept;
		iifname "br-tether" goto input_lan comment "what clients may ask of the gateway"
	}

	chain input_lan {
		ct state established,related accept comment "answers to the gateway, and errors about its packets"
		ct state invalid drop comment "part of no connection"
		udp dport 67 accept comment "DHCP, also from clients without an address"
		udp dport 53 accept comment "DNS"
		tcp dport 53 accept comment "DNS, long answers"
		icmp type echo-request accept comment "clients may see that the gateway lives"
		icmpv6 type echo-request accept comment "clients may see that the gateway lives"
		icmpv6 type 133-136 accept comment "router and neighbour discovery: IPv6 does not work without"
		reject with icmpx admin-prohibited comment "nothing else on the gateway is for clients; they are told at once"
	}

	chain input_uplink {
		ct state established,related accept comment "answers to the gateway, and errors about its packets, path MTU among them"
		ct state invalid drop comment "part of no connection"
		icmpv6 type 133-136 accept comment "router and neighbour discovery: IPv6 does not work without"
		drop comment "the gateway is closed to the world"
	}

	chain forward {
		type filter hook forward priority 0; policy accept;
		iifname "br-tether" oifname "br-tether" accept comment "among clients: bridged frames, where the kernel shows them here"
		iifname "br-tether" goto forward_out comment "clients' packets"
		oifname "br-tether" goto forward_in comment "packets to clients"
	}

	chain forward_out {
		meta nfproto ipv6 drop comment "IPv6 is not shared yet"
		drop comment "forged source address; an answer would go to somebody else"
	}

	chain share_out {
		ct state invalid drop comment "part of no connection: it would leave with a private address"
		meta l4proto ip drop comment "protocol 0 is nobody's, and its connections could not be ended"
		tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu comment "segments must fit the uplink"
		reject with icmpx admin-prohibited comment "not shared, or no other way out; clients are told at once"
	}

	chain forward_in {
		meta nfproto ipv6 drop comment "IPv6 is not shared yet"
		drop comment "nobody reaches clients from outside"
	}

	chain share_in {
		tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu comment "segments must fit the uplink"
		accept comment "sharing"
	}

	chain postrouting {
		type nat hook postrouting priority 100; policy accept;
	}

	chain count_out {
		type filter hook postrouting priority 300; policy accept;
	}
}
`
	if d := cmp.Diff(want, Render(closed()).String()); d != "" {
		t.Error(d)
	}
}

func TestWhatSharingAdds(t *testing.T) {
	was := strings.Split(strings.ReplaceAll(Render(closed()).String(), "br-tether", "lan0"), "\n")
	var added []string
	for l := range strings.SplitSeq(Render(sharing()).String(), "\n") {
		if len(was) > 0 && l == was[0] {
			was = was[1:]
		} else {
			added = append(added, strings.TrimSpace(l))
		}
	}
	want := strings.Split(`counter answered {
}

counter asked {
}

counter in-wan0 {
}

counter out-wan0 {
}

iifname "wan0" counter name "in-wan0" comment "in-wan0 counts what comes to 10.64.0.2"
iifname "wan0" goto input_uplink comment "what the world may ask of the gateway"
iifname "lan0" tcp dport 8080 accept comment "status page"
iifname "wan0" drop comment "an uplink serves the LAN and the gateway alone"
oifname "wan0" drop comment "an uplink serves the LAN and the gateway alone"
iifname "lan0" ip saddr 192.168.8.0/24 goto share_out comment "source is the LAN's"
oifname "wan0" tcp flags & (syn | ack) == syn counter name "asked" comment "tries to connect"
oifname "wan0" update @client_up { ip saddr counter } comment "bytes that each client sends"
oifname "wan0" accept comment "sharing"
iifname "wan0" ct state established,related goto share_in comment "answers to clients, and errors about their packets"
tcp flags & (syn | ack) == (syn | ack) counter name "answered" comment "tries to connect that are answered"
ip daddr 192.168.8.0/24 update @client_down { ip daddr counter } comment "bytes that each client receives"
oifname "wan0" ip saddr 192.168.8.0/24 masquerade comment "clients leave with the uplink's address"
oifname "wan0" counter name "out-wan0" comment "bytes that the uplink takes"`, "\n")
	if len(was) > 0 {
		t.Errorf("sharing lacks what the closed gateway has, from: %q", was[0])
	}
	if d := cmp.Diff(want, added); d != "" {
		t.Error(d)
	}
}

func TestZeroSpecIsNoTable(t *testing.T) {
	rs := Render(Spec{LANs: []LAN{{Bridge: "br-lan"}}, Sharing: true})
	if rs.String() != "" || rs.Fingerprint() != "" {
		t.Errorf("%q %q", rs.String(), rs.Fingerprint())
	}
}

func TestEveryRuleSaysWhy(t *testing.T) {
	for name, s := range stories() {
		for _, c := range Render(s).chains {
			for _, r := range c.rules {
				if r.comment == "" || len(r.comment) > maxComment || strings.ContainsAny(r.comment, "\"\n") {
					t.Errorf("%s: chain %s: comment %q", name, c.name, r.comment)
				}
			}
		}
	}
}

func TestDrift(t *testing.T) {
	in, short := Render(sharing()).Fingerprint(), Render(offloading()).Fingerprint()
	for _, tc := range []struct {
		name string
		spec Spec
		st   Status
		want int
	}{
		{"off and absent", Spec{}, Status{}, 0},
		{"off and loaded", Spec{}, Status{Loaded: true, InForce: in}, 1},
		{"wished and absent", sharing(), Status{}, 1},
		{"in force", sharing(), Status{Loaded: true, InForce: in}, 0},
		{"another", closed(), Status{Loaded: true, InForce: in}, 1},
		{"unreadable", sharing(), Status{Loaded: true, Error: "x"}, 1},
		{"short way", offloading(), Status{Loaded: true, InForce: short, Offload: []string{"lan0", "wan0"}}, 0},
		{"short way lost a device", offloading(), Status{Loaded: true, InForce: short, Offload: []string{"lan0"}}, 1},
		{"no short way yet", offloading(), Status{Loaded: true, InForce: in}, 1},
		{"no short way here", offloading(), Status{Loaded: true, InForce: in, NoOffload: "no flow tables"}, 0},
		{"blocked clients go on", sharing(), Status{Loaded: true, InForce: in, Unbarred: true}, 1},
		{"short way not wished", sharing(), Status{Loaded: true, InForce: short, Offload: []string{"lan0", "wan0"}}, 1},
	} {
		if d := Drift(tc.spec, tc.st); len(d) != tc.want {
			t.Errorf("%s: %q", tc.name, d)
		}
	}
}

// TestEveryFieldOfSpecCounts changes one field after the other.
func TestEveryFieldOfSpecCounts(t *testing.T) {
	seen := map[string]string{Render(sharing()).Fingerprint(): "nothing"}
	for name, change := range map[string]func(*Spec){
		"Enabled":   func(s *Spec) { s.Enabled = false },
		"Bridge":    func(s *Spec) { s.LANs[0].Bridge = "lan1" },
		"Subnets":   func(s *Spec) { s.LANs[0].Subnets = []netip.Prefix{pfx("192.168.9.0/24")} },
		"bits":      func(s *Spec) { s.LANs[0].Subnets = []netip.Prefix{pfx("192.168.8.0/25")} },
		"Interface": func(s *Spec) { s.Uplinks[0].Interface = "wan1" },
		"Addresses": func(s *Spec) { s.Uplinks[0].Addresses = []netip.Addr{adr("10.64.0.3")} },
		"Shared":    func(s *Spec) { s.Uplinks[0].Shared = false },
		"Sharing":   func(s *Spec) { s.Sharing = false; s.LANs[0].APIPort = 9 },
		"MTU":       func(s *Spec) { s.Uplinks[0].MTU = 1400 },
		"MTU less":  func(s *Spec) { s.Uplinks[0].MTU = 1280 },
		"Offload":   func(s *Spec) { s.Offload = []string{"wan0", "lan0"} },
		"and more":  func(s *Spec) { s.Offload = []string{"wan0", "lan0", "wan1"} },
		"APIPort":   func(s *Spec) { s.LANs[0].APIPort = 8081 },
		"LANs":      func(s *Spec) { *s = withGuests() },
		"Open":      func(s *Spec) { s.LANs[0].Open = []uint16{22} },
	} {
		s := sharing()
		change(&s)
		f := Render(s).Fingerprint()
		if other, dup := seen[f]; dup {
			t.Errorf("%s looks like %s", name, other)
		}
		seen[f] = name
	}
}

func TestCounterNames(t *testing.T) {
	for dev, want := range map[string]string{
		"wwan0": "in-wwan0", "eth0.2": "in-eth0.2", "4g+modem": "in-4g/2bmodem", "x\"\\\xff": "in-x/22/5c/ff",
	} {
		got := counterName(counterIn, dev)
		back, ok := counterDevice(counterIn, got)
		if got != want || !ok || back != dev {
			t.Errorf("%q is %q, want %q, and back %q", dev, got, want, back)
		}
	}
	for _, bad := range []string{"", "out-wwan0", "in-x/", "in-x/2", "in-x/zz"} {
		if dev, ok := counterDevice(counterIn, bad); ok {
			t.Errorf("%q was read as %q", bad, dev)
		}
	}
}

func TestNoteHoldsOneOfEachFamily(t *testing.T) {
	long := adr("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")
	for _, name := range []string{"wwan0", strings.Repeat("+", 15)} { // the longest that a name gets
		got := note(Uplink{Interface: name, Addresses: []netip.Addr{adr("255.255.255.255"), long, long}})
		dev, addrs := addressesIn(got)
		if len(addrs) < 2 || addrs[0] != adr("255.255.255.255") || addrs[1] != long || dev != name || len(got) > maxComment {
			t.Errorf("%q holds %s %v", got, dev, addrs)
		}
	}
	if _, a := addressesIn(note(Uplink{Interface: "wwan0"})); a != nil {
		t.Errorf("no addresses are %v", a)
	}
	for _, other := range []string{"its addresses: 10.0.0.1", "out-wan0 counts what comes to 10.0.0.1"} {
		if _, a := addressesIn(other); a != nil {
			t.Errorf("a comment that is no note holds %v", a)
		}
	}
}

func TestCommentInUserData(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "\x00": "", "\x00\x04why\x00": "why", "\x00\x03why": "why",
		"\x01\x02ab\x00\x03why": "why", "\x00\xffshort": "", "\x01\x00\x00\x01": "",
	} {
		if got := comment([]byte(in)); got != want {
			t.Errorf("%q has comment %q, want %q", in, got, want)
		}
	}
}

// hexRule is an NFT_MSG_NEWRULE message put together by hand from nf_tables.h: table
// "tetherd", chain "c", expressions [meta key nfproto; immediate verdict drop],
// comment "why".
var hexRule = []byte("\x01\x00\x00\x00" +
	"\x0c\x00\x01\x00tetherd\x00" +
	"\x06\x00\x02\x00c\x00\x00\x00" +
	"\x60\x00\x04\x00" +
	"\x28\x00\x01\x80" + "\x09\x00\x01\x00meta\x00\x00\x00\x00" + "\x18\x00\x02\x80" + "\x08\x00\x02\x00\x00\x00\x00\x0f" + "\x08\x00\x01\x00\x00\x00\x00\x01" + "\x04\x00\x63\x00" +
	"\x34\x00\x01\x80" + "\x0e\x00\x01\x00immediate\x00\x00\x00" + "\x20\x00\x02\x80" + "\x08\x00\x01\x00\x00\x00\x00\x00" +
	"\x14\x00\x02\x80" + "\x10\x00\x02\x80" + "\x08\x00\x01\x00\x00\x00\x00\x07" + "\x04\x00\x63\x00" +
	"\x0a\x00\x07\x00\x00\x04why\x00\x00\x00")

func TestDecodeRule(t *testing.T) {
	l := decodeRule(hexRule)
	if l.table != Table || l.chain != "c" || l.comment != "why" {
		t.Errorf("%+v", l)
	}
	if got := meaning(l.exprs); got != " meta 2:0000000f immediate 2:00000007," {
		t.Errorf("meaning %q", got)
	}
	if tableOf(hexRule) != Table {
		t.Errorf("table %q", tableOf(hexRule))
	}
	if tableOf(append([]byte{2}, hexRule[1:]...)) != "" {
		t.Error("a table of family ip is ours")
	}
}

func FuzzDecodeRule(f *testing.F) {
	f.Add(hexRule)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		l := decodeRule(b)
		_ = meaning(l.exprs)
		_, _ = addressesIn(l.comment)
		_ = tableOf(b)
	})
}

func FuzzCounterDevice(f *testing.F) {
	f.Add("in-wwan0")
	f.Add("in-x/2f")
	f.Fuzz(func(t *testing.T, s string) {
		if dev, ok := counterDevice(counterIn, s); ok {
			if back, ok := counterDevice(counterIn, counterName(counterIn, dev)); !ok || back != dev {
				t.Errorf("%q gives %q, then %q", s, dev, back)
			}
		}
	})
}
