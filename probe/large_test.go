package probe

import (
	"context"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// narrowPath is a path that carries packets of up to mtu bytes: a request in larger
// segments is swallowed.
func narrowPath(w *world, mtu int) func(segment int) dialer {
	return func(segment int) dialer {
		if segment == 0 {
			segment = 1460
		}
		return func(ctx context.Context, network, address string) (net.Conn, error) {
			serve := silent
			if segment+tcpHeaders <= mtu {
				serve = w.web
			}
			return (&world{dns: w.dns, web: serve}).dial(ctx, network, address)
		}
	}
}

// TestLargePackets: that they pass, that they are lost and which pass, and that nothing
// is claimed of a server which answers no long request at all.
func TestLargePackets(t *testing.T) {
	for _, c := range []struct {
		mtu   int
		large Large
		path  int
		limit time.Duration
	}{
		{1500, LargePasses, 0, 0},
		{1499, LargeLost, 1460, 10 * time.Second},
		{1460, LargeLost, 1460, 10 * time.Second},
		{1401, LargeLost, 1400, 10 * time.Second},
		{1280, LargeLost, 1280, 10 * time.Second},
		{576, LargeLost, 576, 10 * time.Second},
		{500, LargeUnknown, 0, 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &world{dns: resolves("203.0.113.204"), web: says(right)}
			v := vantage{dial: w.dial, limits: usualLimits(), servers: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, narrow: narrowPath(w, c.mtu)}
			begun := time.Now()
			f := v.look(t.Context(), Spec{Targets: []Target{{URL: one, Status: 200, Body: "success\n"}}}.witnesses(manner{}))
			if f.verdict != Online || f.large != c.large || f.pathMTU != c.path {
				t.Errorf("%d bytes: %q, large packets %q, %d, want %q, %d", c.mtu, f.verdict, f.large, f.pathMTU, c.large, c.path)
			}
			if took := time.Since(begun); took > c.limit {
				t.Errorf("%d bytes: took %v", c.mtu, took)
			}
			synctest.Wait()
		})
	}
}

// TestLargeRequestFillsAPacket and says who it is, so that its answer counts.
func TestLargeRequestFillsAPacket(t *testing.T) {
	got := make(chan string, 1)
	w := &world{dns: resolves("203.0.113.204"), web: func(c net.Conn) {
		buf := make([]byte, 4096)
		n, _ := io.ReadAtLeast(c, buf, 1700)
		got <- string(buf[:n])
		io.WriteString(c, right)
	}}
	v := vantage{narrow: func(int) dialer { return w.dial }, limits: usualLimits()}
	u := mustURL(t, one)
	if !v.passes(t.Context(), place{url: u, addr: netip.MustParseAddr("203.0.113.204")}, 0, time.Second) {
		t.Fatal("it does not pass")
	}
	if text := <-got; len(text) < 1500 || !strings.HasPrefix(text, "GET / HTTP/1.1\r\nHost: one.example\r\n") {
		t.Errorf("%d bytes: %.80q", len(text), text)
	}
}

// TestAlive: when names do not resolve, a literal address tells whether anything is
// there, at no further time.
func TestAlive(t *testing.T) {
	refuse := func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}
	for name, c := range map[string]struct {
		tcp   dialer
		alive bool
	}{
		"it takes a connection": {(&world{web: silent}).dial, true},
		"it refuses one":        {refuse, true},
		"nothing is there":      {(&world{}).dial, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			names := &world{dns: silent}
			v := vantage{limits: usualLimits(), servers: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, literals: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.9:53")}}
			v.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				if network == "udp" {
					return names.dial(ctx, network, address)
				}
				return c.tcp(ctx, network, address)
			}
			begun := time.Now()
			f := v.look(t.Context(), Spec{Targets: []Target{{URL: one, Status: 200}, {URL: two, Status: 200}}}.witnesses(manner{}))
			if f.verdict != NoDNS || f.alive != c.alive || time.Since(begun) > 3*time.Second {
				t.Errorf("%s: %q, alive %v, after %v", name, f.verdict, f.alive, time.Since(begun))
			}
			synctest.Wait()
			<-time.After(time.Minute)
		})
	}
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
