package probe

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// world dials servers that live behind pipes. A nil server is never reached.
type world struct {
	dns, web func(net.Conn)
	asked    []string // addresses, in order
}

func (w *world) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.asked = append(w.asked, network+" "+address)
	serve := w.web
	if network == "udp" {
		serve = w.dns
	}
	if serve == nil {
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
	}
	here, there := net.Pipe()
	go func() {
		defer there.Close()
		serve(there)
	}()
	return here, nil
}

func (w *world) look(ctx context.Context, servers int, urls ...string) finding {
	v := vantage{dial: w.dial, limits: usualLimits()}
	for i := range servers {
		v.servers = append(v.servers, netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + i)}))
	}
	var targets []Target
	for _, u := range urls {
		targets = append(targets, Target{URL: u, Status: 200, Body: "success\n"})
	}
	return v.look(ctx, Spec{Targets: targets}.witnesses(manner{}))
}

// silent takes whatever comes and says nothing.
func silent(c net.Conn) { io.Copy(io.Discard, c) }

// says takes the request and answers at once.
func says(text string) func(net.Conn) {
	return func(c net.Conn) {
		go silent(c)
		io.WriteString(c, text)
	}
}

// holds answers at once and keeps the connection.
func holds(text string) func(net.Conn) {
	return func(c net.Conn) {
		go io.WriteString(c, text)
		silent(c)
	}
}

// trickles answers with a byte a second, for ever.
func trickles(head string) func(net.Conn) {
	return func(c net.Conn) {
		go silent(c)
		_, err := io.WriteString(c, head)
		for err == nil {
			<-time.After(time.Second)
			_, err = io.WriteString(c, "s")
		}
	}
}

// floods answers without pause or end.
func floods(c net.Conn) {
	go silent(c)
	for {
		if _, err := io.WriteString(c, strings.Repeat("x", 1000)); err != nil {
			return
		}
	}
}

// resolves answers every question with one address.
func resolves(address string) func(net.Conn) {
	return func(c net.Conn) {
		buf := make([]byte, 1500)
		n, err := c.Read(buf)
		var q dns.Msg
		if err != nil || q.Unpack(buf[:n]) != nil {
			return
		}
		m := new(dns.Msg).SetReply(&q)
		rr, _ := dns.NewRR(q.Question[0].Name + " 60 IN A " + address)
		m.Answer = append(m.Answer, rr)
		wire, _ := m.Pack()
		c.Write(wire)
		silent(c)
	}
}

const (
	right = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsuccess\n"
	one   = "http://one.example/"
	two   = "http://two.example/"
	three = "http://three.example/"
)

// TestLookIsBounded: whatever a server does or does not do, a look ends in time.
func TestLookIsBounded(t *testing.T) {
	there := resolves("203.0.113.204")
	stuck := func(c net.Conn) { <-time.After(time.Minute) }
	for _, c := range []struct {
		name     string
		dns, web func(net.Conn)
		servers  int
		urls     []string
		want     Verdict
		took     time.Duration
	}{
		{"all is well", there, says(right), 1, []string{one, two}, Online, 0},
		{"no server is known", there, says(right), 0, []string{one, two}, NoDNS, 0},
		{"no target", there, says(right), 1, nil, Dead, 0},
		{"DNS is not reached", nil, says(right), 1, []string{one, two}, NoDNS, 3 * time.Second},
		{"DNS is silent", silent, says(right), 1, []string{one, two}, NoDNS, 3 * time.Second},
		{"five are silent", silent, says(right), 5, []string{one, two}, NoDNS, 5 * time.Second},
		{"DNS says other things", trickles(""), says(right), 1, []string{one, two}, NoDNS, 3 * time.Second},
		{"DNS takes nothing", stuck, says(right), 1, []string{one, two}, NoDNS, 3 * time.Second},
		{"the web is not reached", there, nil, 1, []string{one, two}, Dead, 8 * time.Second},
		{"it is silent", there, silent, 1, []string{one, two}, Dead, 8 * time.Second},
		{"three pages are silent", there, silent, 1, []string{one, two, three}, Dead, 8 * time.Second},
		{"it takes no request", there, stuck, 1, []string{one, two}, Dead, 8 * time.Second},
		{"it trickles a header", there, trickles("HTTP/1.1 200 OK\r\nA: "), 1, []string{one, two}, Dead, 8 * time.Second},
		{"it trickles a body", there, trickles("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n"), 1, []string{one, two}, Portal, 8 * time.Second},
		{"it says all but the end", there, holds("HTTP/1.1 200 OK\r\n\r\nsuccess\n"), 1, []string{one, two}, Dead, 8 * time.Second},
		{"it keeps the connection", there, holds(right), 1, []string{one, two}, Online, 0},
		{"it floods", there, floods, 1, []string{one, two}, Dead, 0},
		{"it hangs up", there, says(""), 1, []string{one, two}, Dead, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			f := (&world{dns: c.dns, web: c.web}).look(t.Context(), c.servers, c.urls...)
			if took := time.Since(begun); f.verdict != c.want || took != c.took || f.detail == "" {
				t.Errorf("%s: %q (%s) after %v, want %q after %v", c.name, f.verdict, f.detail, took, c.want, c.took)
			}
			synctest.Wait()
			<-time.After(2 * time.Minute) // whoever is stuck
		})
	}
}

// TestCancelledLookEnds at once, wherever it is.
func TestCancelledLookEnds(t *testing.T) {
	there := resolves("203.0.113.204")
	for name, w := range map[string]*world{
		"DNS dial":       {nil, silent, nil},
		"DNS answer":     {silent, silent, nil},
		"TCP connection": {there, nil, nil},
		"HTTP header":    {there, silent, nil},
		"HTTP body":      {there, trickles("HTTP/1.1 200 OK\r\n\r\n"), nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			begun := time.Now()
			time.AfterFunc(300*time.Millisecond, cancel)
			f := w.look(ctx, 3, one, two)
			if took := time.Since(begun); took != 300*time.Millisecond || f.target != one {
				t.Errorf("%s: %+v after %v", name, f, took)
			}
			if name == "TCP connection" && len(w.asked) != 2 || name == "DNS answer" && len(w.asked) != 1 {
				t.Errorf("%s: went on to ask %v", name, w.asked)
			}
			<-time.After(time.Minute)
		})
	}
}

// TestWorstTargetIsTold: a good one settles it unless somebody else answers for another one;
// else a portal explains most.
func TestWorstTargetIsTold(t *testing.T) {
	perHost := func(pages map[string]string) func(net.Conn) {
		return func(c net.Conn) {
			buf := make([]byte, 1500)
			n, _ := c.Read(buf)
			for host, page := range pages {
				if strings.Contains(string(buf[:n]), "Host: "+host+".example\r\n") {
					go silent(c)
					io.WriteString(c, page)
				}
			}
		}
	}
	portal := "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"
	for _, c := range []struct {
		name   string
		pages  map[string]string
		want   Verdict
		target string
	}{
		{"the second is well", map[string]string{"one": "", "two": right}, Online, two},
		{"a portal and a good one", map[string]string{"one": portal, "two": right}, Portal, one},
		{"a good one is enough", map[string]string{"one": right, "two": portal}, Online, one},
		{"a portal and a dead one", map[string]string{"one": portal, "two": ""}, Portal, one},
		{"a dead one and a portal", map[string]string{"one": "", "two": portal}, Portal, two},
		{"two dead ones", map[string]string{"one": "", "two": ""}, Dead, one},
	} {
		f := (&world{dns: resolves("203.0.113.204"), web: perHost(c.pages)}).look(t.Context(), 1, one, two)
		if f.verdict != c.want || f.target != c.target {
			t.Errorf("%s: %+v", c.name, f)
		}
	}
}

// TestWhatATargetNeeds: addresses are not resolved, ports are kept, no name resolves
// to an address of a LAN.
func TestWhatATargetNeeds(t *testing.T) {
	for _, c := range []struct {
		url, address string
		want         Verdict
		asked        string
	}{
		{"http://one.example/a?b", "203.0.113.204", Online, "udp 192.0.2.1:53 tcp 203.0.113.204:80"},
		{"http://one.example:8080/", "203.0.113.204", Online, "udp 192.0.2.1:53 tcp 203.0.113.204:8080"},
		{"http://203.0.113.7/", "203.0.113.204", Online, "tcp 203.0.113.7:80"},
		{"http://10.0.0.1:81/", "203.0.113.204", Online, "tcp 10.0.0.1:81"},
		{"http://[2001:db8::1]/", "203.0.113.204", Online, "tcp [2001:db8::1]:80"},
		{"http://one.example/", "10.1.2.3", Portal, "udp 192.0.2.1:53"},
		{"http://one.example/", "169.254.1.1", Portal, "udp 192.0.2.1:53"},
		{"http://one.example/", "127.0.0.1", NoDNS, "udp 192.0.2.1:53"},
		{"http://one.example/", "0.0.0.0", NoDNS, "udp 192.0.2.1:53"},
		{"https://one.example/", "203.0.113.204", Dead, ""},
		{"one.example", "203.0.113.204", Dead, ""},
		{"http:///", "203.0.113.204", Dead, ""},
		{"http://" + strings.Repeat("a", 64) + ".example/", "203.0.113.204", NoDNS, ""},
	} {
		w := &world{dns: resolves(c.address), web: says(right)}
		f := w.look(t.Context(), 1, c.url)
		if got := strings.Join(w.asked, " "); f.verdict != c.want || got != c.asked {
			t.Errorf("%s at %s: %+v, asked %s", c.url, c.address, f, got)
		}
	}
}

// TestAnAddressOutweighsADenial: the filter of one server is none when another one gives
// the address in time; what all deny is denied, and is no portal.
func TestAnAddressOutweighsADenial(t *testing.T) {
	for second, want := range map[string]finding{
		"203.0.113.204": {verdict: Online},
		"0.0.0.0":       {verdict: NoDNS, denied: true},
		"":              {verdict: NoDNS, denied: true}, // it is silent
	} {
		synctest.Test(t, func(t *testing.T) {
			var asked atomic.Int32
			w := &world{web: says(right), dns: func(c net.Conn) {
				switch {
				case asked.Add(1) == 1:
					resolves("127.0.0.1")(c)
				case second == "":
					silent(c)
				default:
					resolves(second)(c)
				}
			}}
			begun := time.Now()
			f := w.look(t.Context(), 2, "http://one.example/")
			if f.verdict != want.verdict || f.denied != want.denied || f.silent {
				t.Errorf("the other one says %q: %+v", second, f)
			}
			if took := time.Since(begun); took > 1500*time.Millisecond {
				t.Errorf("the other one says %q: after %v", second, took)
			}
		})
	}
}

// TestSomebodyIsThereThoughNoPageIs: addresses are asked too when names resolve and no
// page loads.
func TestSomebodyIsThereThoughNoPageIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{dns: resolves("203.0.113.204")}
		v := vantage{limits: usualLimits(), servers: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, literals: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.9:53")}}
		v.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == "192.0.2.9:53" {
				return nil, &net.OpError{Op: "dial", Net: network, Err: unix.ECONNREFUSED}
			}
			return w.dial(ctx, network, address)
		}
		if f := v.look(t.Context(), Spec{Targets: []Target{{URL: "http://one.example/", Status: 204}}}.witnesses(manner{})); f.verdict != Dead || !f.alive {
			t.Errorf("%+v", f)
		}
	})
}
