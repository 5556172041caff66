package probe

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestJudgeIsExact: nothing but the expected status and body is the Internet.
func TestJudgeIsExact(t *testing.T) {
	page := Target{URL: "http://a.example/", Status: 200, Body: "success\n"}
	empty := Target{URL: "http://b.example/", Status: 204}
	for _, c := range []struct {
		target Target
		answer string
		want   Verdict
	}{
		{page, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsuccess\n", Online},
		{page, "HTTP/1.0 200 OK\r\n\r\nsuccess\n", Online},
		{page, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsuccess", Portal},
		{page, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n<html>log in", Portal},
		{page, "HTTP/1.1 302 Found\r\nLocation: http://login/\r\nContent-Length: 0\r\n\r\n", Portal},
		{page, "HTTP/1.1 511 Network Authentication Required\r\nContent-Length: 0\r\n\r\n", Portal},
		{empty, "HTTP/1.1 204 No Content\r\n\r\n", Online},
		{empty, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Portal},
	} {
		status, body, err := readPage(strings.NewReader(c.answer))
		if err != nil {
			t.Errorf("%q: %v", c.answer, err)
			continue
		}
		if got, detail := judge(c.target, status, body); got != c.want || detail == "" {
			t.Errorf("%q is judged %q (%s), want %q", c.answer, got, detail, c.want)
		}
	}
}

func TestNoPageIsNoAnswer(t *testing.T) {
	for _, answer := range []string{"", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 OK\r\n\r\n"} {
		if status, body, err := readPage(strings.NewReader(answer)); err == nil {
			t.Errorf("%q is read as %d %q", answer, status, body)
		}
	}
}

// TestAnswersOfOthersAreNotMine: another id, another name or a mere echo is passed over.
func TestAnswersOfOthersAreNotMine(t *testing.T) {
	query := new(dns.Msg).SetQuestion("a.example.", dns.TypeA)
	answer := func(change func(*dns.Msg)) []byte {
		m := new(dns.Msg).SetReply(query)
		rr, err := dns.NewRR("a.example. 60 IN A 203.0.113.9")
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
		change(m)
		wire, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return wire
	}
	for name, wire := range map[string][]byte{
		"other id":   answer(func(m *dns.Msg) { m.Id++ }),
		"other name": answer(func(m *dns.Msg) { m.Question[0].Name = "b.example." }),
		"echo":       answer(func(m *dns.Msg) { m.Response = false }),
		"garbage":    {1, 2, 3},
	} {
		if _, mine, _ := readAnswer(wire, query); mine {
			t.Errorf("%s is taken", name)
		}
	}
	a, mine, err := readAnswer(answer(func(*dns.Msg) {}), query)
	if !mine || err != nil || a != netip.MustParseAddr("203.0.113.9") {
		t.Errorf("%v, %v, %v", a, mine, err)
	}
	if _, mine, err := readAnswer(answer(func(m *dns.Msg) { m.Answer, m.Rcode = nil, dns.RcodeNameError }), query); !mine || err == nil {
		t.Errorf("an answer without an address: %v, %v", mine, err)
	}
}

// TestPauses: failures come back soon and ever later, successes after the interval.
func TestPauses(t *testing.T) {
	at := time.Unix(1000, 0)
	for _, c := range []struct {
		r    Result
		want time.Duration
	}{
		{Result{Key: "k", At: at}, time.Hour},
		{Result{Key: "k", At: at, Failed: 1}, time.Second},
		{Result{Key: "k", At: at, Failed: 3}, 4 * time.Second},
		{Result{Key: "k", At: at, Failed: 40}, lastPause},
	} {
		if got := next("k", c.r, time.Hour).Sub(at); got != c.want {
			t.Errorf("after %d failures: %v, want %v", c.r.Failed, got, c.want)
		}
	}
	if got := next("new", Result{Key: "k", At: at}, time.Hour); !got.IsZero() {
		t.Errorf("a new key waits until %v", got)
	}
}

func FuzzHTTPAnswer(f *testing.F) {
	f.Add("HTTP/1.1 204 No Content\r\n\r\n")
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
	f.Fuzz(func(t *testing.T, answer string) {
		status, body, err := readPage(strings.NewReader(answer))
		if v, _ := judge(Target{Status: 204}, status, body); err == nil && v == Online && (status != 204 || body != "") {
			t.Errorf("%q is taken for the Internet", answer)
		}
	})
}

func FuzzDNSAnswer(f *testing.F) {
	query := new(dns.Msg).SetQuestion("a.example.", dns.TypeA)
	wire, _ := query.Pack()
	f.Add(wire)
	f.Fuzz(func(t *testing.T, wire []byte) {
		if a, mine, err := readAnswer(wire, query); mine && err == nil && !a.IsValid() {
			t.Error("an answer without an address is taken")
		}
	})
}
