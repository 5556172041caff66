package dns

import (
	"net/netip"
	"strings"
	"testing"

	codec "github.com/miekg/dns"
)

// packet builds a client's question with a foreign packer.
func packet(t testing.TB, name string, qtype uint16, change func(*codec.Msg)) []byte {
	t.Helper()
	m := new(codec.Msg).SetQuestion(name, qtype)
	m.Id = 0x1234
	if change != nil {
		change(m)
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parsed(t testing.TB, b []byte) *query {
	t.Helper()
	q := new(query)
	if fault := q.parse(b); fault != 0 {
		t.Fatalf("%x: fault %d", b, fault)
	}
	return q
}

func TestQuestionIsReadWhole(t *testing.T) {
	q := parsed(t, packet(t, "wWw.Example.com.", codec.TypeAAAA, func(m *codec.Msg) { m.SetEdns0(1400, true); m.CheckingDisabled = true }))
	if q.id != 0x1234 || !q.rd || !q.cd || !q.edns || !q.do || q.qtype != codec.TypeAAAA || q.class != codec.ClassINET || q.labels != 3 {
		t.Errorf("%+v", q)
	}
	if got := string(q.name[:q.n]); got != "\x03wWw\x07Example\x03com\x00" {
		t.Errorf("name %q", got)
	}
	if got := string(q.key()); got != "\x03www\x07example\x03com\x00\x00\x1c\x90" {
		t.Errorf("key %q", got)
	}
}

func TestReusedQuestionKeepsNothingOfTheLast(t *testing.T) {
	q := parsed(t, packet(t, "a.long.name.example.", codec.TypeA, func(m *codec.Msg) { m.SetEdns0(1232, true) }))
	if fault := q.parse(packet(t, "b.", codec.TypeA, func(m *codec.Msg) { m.RecursionDesired = false })); fault != 0 {
		t.Fatal(fault)
	}
	if q.edns || q.do || q.rd || q.size != minUDP || q.labels != 1 || string(q.key()) != "\x01b\x00\x00\x01\x00" {
		t.Errorf("%+v", q)
	}
}

func TestKeyTellsApartWhatIsAnsweredDifferently(t *testing.T) {
	variants := []struct {
		qtype uint16
		edns  bool
		do    bool
		cd    bool
	}{
		{codec.TypeA, false, false, false}, {codec.TypeAAAA, false, false, false},
		{codec.TypeA, true, true, false}, {codec.TypeA, false, false, true}, {codec.TypeA, true, true, true},
	}
	seen := map[string]bool{}
	for _, v := range variants {
		q := parsed(t, packet(t, "a.example.", v.qtype, func(m *codec.Msg) {
			m.CheckingDisabled = v.cd
			if v.edns {
				m.SetEdns0(1232, v.do)
			}
		}))
		seen[string(q.key())] = true
	}
	if len(seen) != len(variants) {
		t.Errorf("%d keys for %d questions", len(seen), len(variants))
	}
	plain := parsed(t, packet(t, "a.example.", codec.TypeA, nil))
	edns := parsed(t, packet(t, "A.EXAMPLE.", codec.TypeA, func(m *codec.Msg) { m.SetEdns0(4096, false) }))
	if string(plain.key()) != string(edns.key()) {
		t.Error("letter case and EDNS without DO make another question")
	}
}

func TestClientsSizeIsTakenWithinReason(t *testing.T) {
	for told, want := range map[uint16]int{0: 512, 100: 512, 512: 512, 1000: 1000, 1232: 1232, 4096: 1232, 65535: 1232} {
		q := parsed(t, packet(t, "a.example.", codec.TypeA, func(m *codec.Msg) { m.SetEdns0(told, false) }))
		if q.size != want {
			t.Errorf("told %d: %d, want %d", told, q.size, want)
		}
	}
}

func TestLongestNameFitsItsPlace(t *testing.T) {
	name := strings.Repeat(strings.Repeat("a", 63)+".", 3) + strings.Repeat("b", 61) + "."
	q := parsed(t, packet(t, name, codec.TypeA, nil))
	if q.n != maxName || len(q.key()) != maxName+3 || q.presentation() != name {
		t.Errorf("%d bytes, key %d", q.n, len(q.key()))
	}
}

func TestParsingAllocatesNothing(t *testing.T) {
	b := packet(t, "www.example.com.", codec.TypeA, func(m *codec.Msg) { m.SetEdns0(1232, true) })
	q := new(query)
	if n := testing.AllocsPerRun(100, func() { q.parse(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestReverseNames(t *testing.T) {
	for name, want := range map[string]string{
		"4.3.2.1.in-addr.arpa.": "1.2.3.4", "255.255.255.255.in-addr.arpa.": "255.255.255.255",
		strings.Repeat("0.", 31) + "f.ip6.arpa.": "f000::", "1." + strings.Repeat("0.", 31) + "ip6.arpa.": "::1",
		"3.2.1.in-addr.arpa.": "", "256.3.2.1.in-addr.arpa.": "", "5.4.3.2.1.in-addr.arpa.": "", "..3.2.in-addr.arpa.": "",
		"::1.2.3.4.in-addr.arpa.": "", "a.ip6.arpa.": "", "g." + strings.Repeat("0.", 31) + "ip6.arpa.": "",
		strings.Repeat("00", 31) + "0.ip6.arpa.": "", "example.com.": "",
	} {
		got := reverseAddr(name)
		if want == "" && got.IsValid() || want != "" && got != netip.MustParseAddr(want) {
			t.Errorf("%s: %v, want %q", name, got, want)
		}
	}
}
