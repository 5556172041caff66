package link

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Bytes as a little-endian kernel sends them, put together by hand from
// linux/rtnetlink.h, linux/if_link.h and linux/fib_rules.h.
const (
	hexLink = "0000 0100 07000000 43100100 00000000" + // family, type, index 7, flags, change
		"0900 0300 62722d78 00 000000" + // IFLA_IFNAME "br-x"
		"0800 0400 dc050000" + // IFLA_MTU 1500
		"0800 1b00 61000000" + // IFLA_GROUP 97
		"2400 1200" + "0b00 0100 62726964676500 00" + // IFLA_LINKINFO, kind "bridge"
		"1400 0200 0800 0100 dc050000 0800 0500 01000000" // data: forward delay 1500, STP on
	hexRule = "02002000 fe000001 00000000" + // IPv4, source length 32, table 254, to table
		"0800 0600 ee250000" + // FRA_PRIORITY 9710
		"0800 0200 0a400002" + // FRA_SRC 10.64.0.2
		"0800 0f00 fe000000" + // FRA_TABLE 254
		"0800 0e00 00000000" + // FRA_SUPPRESS_PREFIXLEN 0
		"0500 1500 61 000000" // FRA_PROTOCOL 97
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeLink(t *testing.T) {
	d, ok := decodeLink(unhex(t, hexLink))
	if !ok || d.index != 7 || d.name != "br-x" || d.mtu != 1500 || d.kind != "bridge" || d.stp != 1 || d.delay != 1500 {
		t.Errorf("%v %+v", ok, d)
	}
	if !d.made() || d.flaw() != "without alias" {
		t.Errorf("a bridge of our group: %q", d.flaw())
	}
	if d.joined() {
		t.Error("a bridge is no port")
	}
	if port := (netdev{group: Protocol}); !port.joined() || port.made() {
		t.Error("a port of our group is not ours")
	}
	d.alias = "kitchen"
	if d.made() {
		t.Error("a bridge with somebody's alias is ours")
	}
	d.alias = Alias
	if d.flaw() != "with spanning tree or forward delay" {
		t.Errorf("flaw %q", d.flaw())
	}
}

func TestDecodeRule(t *testing.T) {
	b := unhex(t, hexRule)
	r, ours := decodeRule(b)
	if !ours || r.String() != "rule 9710 from 10.64.0.2/32 table 254 without default" {
		t.Errorf("%v %s", ours, r)
	}
	old := b[:len(b)-8] // a kernel that keeps no protocol
	if _, ours := decodeRule(old); !ours {
		t.Error("not recognised by its priority")
	}
	old[16] = 0xff // priority 9727 is inside
	if _, ours := decodeRule(old); !ours {
		t.Error("not recognised by its priority")
	}
	old[17] = 0x27 // 10239 is not
	if _, ours := decodeRule(old); ours {
		t.Error("a rule outside of the range is ours")
	}
	b[len(b)-4] = unix.RTPROT_STATIC
	if _, ours := decodeRule(b); ours {
		t.Error("a rule of another protocol is ours")
	}
}

func TestRuleRoundTrip(t *testing.T) {
	w := wish(Spec{Forward: true, LANs: []LAN{lanSpec}, Uplinks: []Uplink{wwan, {Interface: "lo", Addresses: wwan.Addresses, Table: 4096, Mark: 1 << 31}}},
		[]Interface{{Name: "wwan0"}, {Name: "lo"}})
	if len(w.rules) != 7 {
		t.Fatalf("%d rules", len(w.rules))
	}
	for _, r := range w.rules {
		b, err := encodeRule(r)
		if err != nil {
			t.Fatal(err)
		}
		if got, ours := decodeRule(b); !ours || got != r {
			t.Errorf("%s became %s", r, got)
		}
	}
}

func TestNewsOfLinks(t *testing.T) {
	l := links{}
	b := unhex(t, hexLink)
	msg := func(typ netlink.HeaderType) []netlink.Message {
		return []netlink.Message{{Header: netlink.Header{Type: typ}, Data: b}}
	}
	if !l.tell(msg(unix.RTM_NEWLINK)) {
		t.Error("a new link is news")
	}
	if l.tell(msg(unix.RTM_NEWLINK)) {
		t.Error("the same again is no news")
	}
	b[0] = unix.AF_BRIDGE
	b[8]++
	if l.tell(msg(unix.RTM_NEWLINK)) {
		t.Error("a bridge port's state is no news")
	}
	b[0] = unix.AF_UNSPEC
	group := bytes.Index(b, []byte{8, 0, unix.IFLA_GROUP, 0})
	b[group+4] = 0
	if !l.tell(msg(unix.RTM_NEWLINK)) {
		t.Error("a port that is ours no longer is news")
	}
	b[8]++
	if !l.tell(msg(unix.RTM_NEWLINK)) {
		t.Error("changed flags are news")
	}
	if !l.tell(msg(unix.RTM_DELLINK)) || len(l) != 0 {
		t.Error("a link that went is news, and forgotten")
	}
	if l.tell(append(msg(unix.RTM_NEWLINK)[:0:0], netlink.Message{Header: netlink.Header{Type: unix.RTM_NEWLINK}})) {
		t.Error("an empty message is no news")
	}
	if !l.tell([]netlink.Message{{Header: netlink.Header{Type: unix.RTM_DELADDR}}}) {
		t.Error("an address that went is news")
	}
}

func FuzzDecodeLink(f *testing.F) {
	f.Add(unhex(f, hexLink))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, ok := decodeLink(b); ok && (d.index <= 0 || d.name == "") {
			t.Errorf("accepted %+v", d)
		}
	})
}

func FuzzDecodeRule(f *testing.F) {
	f.Add(unhex(f, hexRule))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, ours := decodeRule(b); ours {
			_ = r.String()
		}
	})
}
