package probe

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestAnswersOfOthersAreNotMine: another id, another name or a mere echo is passed over.
func TestAnswersOfOthersAreNotMine(t *testing.T) {
	query := new(dns.Msg).SetQuestion("a.example.", dns.TypeA)
	for name, wire := range map[string][]byte{
		"other id":      answer(t, query, func(m *dns.Msg) { m.Id++ }),
		"other name":    answer(t, query, func(m *dns.Msg) { m.Question[0].Name = "b.example." }),
		"other type":    answer(t, query, func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA }),
		"two questions": answer(t, query, func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }),
		"no question":   answer(t, query, func(m *dns.Msg) { m.Question = nil }),
		"echo":          answer(t, query, func(m *dns.Msg) { m.Response = false }),
		"cut":           answer(t, query, func(*dns.Msg) {})[:40],
		"garbage":       {1, 2, 3},
		"nothing":       {},
	} {
		if _, mine, _ := readAnswer(wire, query); mine {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestAnswersThatAreMine(t *testing.T) {
	query := new(dns.Msg).SetQuestion("a.example.", dns.TypeA)
	for name, c := range map[string]struct {
		change func(*dns.Msg)
		want   string // address, or what the error says
	}{
		"an address":           {func(*dns.Msg) {}, "203.0.113.9"},
		"a name in other case": {func(m *dns.Msg) { m.Question[0].Name = "A.eXample." }, "203.0.113.9"},
		"behind an alias": {func(m *dns.Msg) {
			m.Answer = append([]dns.RR{record(t, "a.example. 60 IN CNAME b.example.")}, m.Answer...)
		}, "203.0.113.9"},
		"no such name":     {func(m *dns.Msg) { m.Answer, m.Rcode = nil, dns.RcodeNameError }, "NXDOMAIN"},
		"refused":          {func(m *dns.Msg) { m.Answer, m.Rcode = nil, dns.RcodeRefused }, "REFUSED"},
		"an odd code":      {func(m *dns.Msg) { m.Answer, m.Rcode = nil, 13 }, "rcode 13"},
		"nowhere":          {func(m *dns.Msg) { m.Answer = []dns.RR{record(t, "a.example. 60 IN A 0.0.0.0")} }, "leads nowhere"},
		"itself":           {func(m *dns.Msg) { m.Answer = []dns.RR{record(t, "a.example. 60 IN A 127.0.0.1")} }, "leads nowhere"},
		"an alias alone":   {func(m *dns.Msg) { m.Answer = []dns.RR{record(t, "a.example. 60 IN CNAME b.example.")} }, "NOERROR and no address"},
		"the other family": {func(m *dns.Msg) { m.Answer = []dns.RR{record(t, "a.example. 60 IN AAAA 2001:db8::1")} }, "NOERROR and no address"},
	} {
		a, mine, err := readAnswer(answer(t, query, c.change), query)
		got := a.String()
		if err != nil {
			got = err.Error()
		}
		if !mine || !strings.Contains(got, c.want) {
			t.Errorf("%s: %v, %v, want %s", name, mine, got, c.want)
		}
	}
}

// TestAnswerOnTheWire reads bytes made by hand after RFC 1035 section 4.1, with a
// compressed name.
func TestAnswerOnTheWire(t *testing.T) {
	query := new(dns.Msg).SetQuestion("a.example.", dns.TypeA)
	query.Id = 0x1234
	wire := "\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + // header: response, one question, one answer
		"\x01a\x07example\x00\x00\x01\x00\x01" + // a.example. A IN
		"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xcb\x00\x71\x09" // the same name, 60 s, 203.0.113.9
	a, mine, err := readAnswer([]byte(wire), query)
	if !mine || err != nil || a != netip.MustParseAddr("203.0.113.9") {
		t.Errorf("%v, %v, %v", a, mine, err)
	}
}

func record(t *testing.T, line string) dns.RR {
	t.Helper()
	rr, err := dns.NewRR(line)
	if err != nil {
		t.Fatal(err)
	}
	return rr
}

// answer makes the right answer to a query and changes it.
func answer(t *testing.T, query *dns.Msg, change func(*dns.Msg)) []byte {
	t.Helper()
	m := new(dns.Msg).SetReply(query)
	m.Answer = append(m.Answer, record(t, "a.example. 60 IN A 203.0.113.9"))
	change(m)
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

func FuzzDNSAnswer(f *testing.F) {
	query := new(dns.Msg).SetQuestion("a.example.", dns.TypeA)
	query.Id = 0x1234
	f.Add([]byte("\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x01a\x07example\x00\x00\x01\x00\x01\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xcb\x00\x71\x09"))
	f.Add([]byte("\x12\x34\x81\x83\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x07example\x00\x00\x01\x00\x01"))
	f.Add([]byte("\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x01a\x07example\x00\x00\x01\x00\x01\xc0\x2a"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		a, mine, err := readAnswer(wire, query)
		if mine && err == nil && !a.Is4() || err != nil && a.IsValid() || !mine && (err != nil || a.IsValid()) {
			t.Errorf("%v, %v, %v", a, mine, err)
		}
		if mine && (len(wire) < 12 || string(wire[:2]) != "\x12\x34" || wire[2]&0x80 == 0) {
			t.Error("an answer to another question is taken")
		}
	})
}
