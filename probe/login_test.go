package probe

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestLoginOrMoney: what a page in the Internet's place wants.
func TestLoginOrMoney(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   bool
	}{
		{"a password", 200, `<FORM action="/"><input TYPE="Password">`, true},
		{"a password in other quotes", 200, `<form><input type='password'>`, true},
		{"a password without quotes", 200, `<form><input type=password>`, true},
		{"terms", 200, `<form>I agree <input type="checkbox"></form>`, true},
		{"for programs", 302, `<!-- <?xml version="1.0"?><WISPAccessGatewayParam> --> buy a voucher`, true},
		{"by its status", 511, "Welcome", true},
		{"a plain page", 200, "Welcome", false},
		{"no form", 200, `how to type=password`, false},
		{"a form", 200, `<form><input type="text">`, false},
		{"an account of the operator", 200, `<form><input type="password"> Top up your card`, false},
		{"in Russian", 200, `<form><input type="password"> Пополните счёт`, false},
		{"money by its status", 511, "Recharge now", false},
		{"nothing", 302, "", false},
	} {
		if got := (page{status: c.status, body: c.body}).login(); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestWhereALoginIsFound: redirects are followed by plain HTTP, so far and no further, and
// for no longer than a page may take.
func TestWhereALoginIsFound(t *testing.T) {
	const form = `<form><input type="password"></form>`
	to := func(where string) string {
		return "HTTP/1.1 302 Found\r\nLocation: " + where + "\r\nContent-Length: 0\r\n\r\n"
	}
	shows := func(body string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	for name, c := range map[string]struct {
		pages map[string]string // by host and path
		page  bool
		want  bool
		took  time.Duration
	}{
		"behind a redirect":       {map[string]string{"one.example/": to("http://login.example/in"), "login.example/in": shows(form)}, true, true, 0},
		"behind two":              {map[string]string{"one.example/": to("http://login.example/"), "login.example/": to("/in"), "login.example/in": shows(form)}, true, true, 0},
		"behind three":            {map[string]string{"one.example/": to("/1"), "one.example/1": to("/2"), "one.example/2": to("/3"), "one.example/3": shows(form)}, true, false, 0},
		"in its place":            {map[string]string{"one.example/": shows(form)}, true, true, 0},
		"far down the page":       {map[string]string{"one.example/": shows(strings.Repeat("x", 5000) + form)}, true, true, 0},
		"beyond what is read":     {map[string]string{"one.example/": shows(strings.Repeat("x", 10000) + form)}, true, false, 0},
		"a pay page":              {map[string]string{"one.example/": to("http://pay.example/"), "pay.example/": shows("Buy a plan" + form)}, true, false, 0},
		"encrypted":               {map[string]string{"one.example/": to("https://login.example/in"), "login.example/in": shows(form)}, true, false, 0},
		"nowhere":                 {map[string]string{"one.example/": to("http:///")}, true, false, 0},
		"no address":              {map[string]string{"one.example/": to("%zz")}, true, false, 0},
		"to itself":               {map[string]string{"one.example/": to("/")}, true, false, 0},
		"a page that is not seen": {map[string]string{"one.example/": to("http://mute.example/"), "mute.example/": ""}, true, false, 4 * time.Second},
		"known already":           {map[string]string{"one.example/": shows(form)}, false, false, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &world{dns: resolves("203.0.113.204")}
			w.web = func(conn net.Conn) {
				buf := make([]byte, 1500)
				n, _ := conn.Read(buf)
				path, rest, _ := strings.Cut(strings.TrimPrefix(string(buf[:n]), "GET "), " HTTP/1.1\r\nHost: ")
				host, _, _ := strings.Cut(rest, "\r\n")
				if text := c.pages[host+path]; text != "" {
					go silent(conn)
					io.WriteString(conn, text)
				} else {
					silent(conn)
				}
			}
			v := vantage{dial: w.dial, limits: usualLimits(), servers: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, page: c.page}
			begun := time.Now()
			f := v.look(t.Context(), Spec{Targets: []Target{{URL: one, Status: 204}}}.witnesses(manner{}))
			if took := time.Since(begun); f.verdict != Portal || f.login != c.want || took != c.took {
				t.Errorf("%s: %q, login %v after %v, want %v after %v", name, f.verdict, f.login, took, c.want, c.took)
			}
			synctest.Wait()
			<-time.After(time.Minute)
		})
	}
}

// TestAPageIsLookedAtOnce: what it wants is kept while it is there, and looked at anew after.
func TestAPageIsLookedAtOnce(t *testing.T) {
	drive(t, func(t *testing.T, d *driven) {
		var asked []bool
		look := d.gateway.look
		d.gateway.look = func(ctx context.Context, s Spec, m manner) finding {
			asked = append(asked, m.page)
			f := look(ctx, s, m)
			f.login = f.login && m.page
			return f
		}
		d.see("gateway", finding{verdict: Portal, login: true}, 0)
		d.Apply(gatewaySpec(time.Hour))
		d.until(5)
		if got := fmt.Sprint(asked); got != "[true false false]" || !d.Observe().Gateway.Login {
			t.Errorf("asked %s, login is %v", got, d.Observe().Gateway.Login)
		}
		d.see("gateway", finding{verdict: Portal, unread: true}, 0)
		s, before := gatewaySpec(time.Hour), len(asked)
		s.Gateway.Key = "another dial"
		d.Apply(s)
		d.until(6)
		if got := asked[before:]; len(got) < 2 || slices.Contains(got, false) {
			t.Errorf("a page that could not be read: asked %v", got)
		}
		d.see("gateway", finding{verdict: Online, login: true}, 0)
		d.until(20)
		if d.Observe().Gateway.Login {
			t.Error("a login is wanted of who is online")
		}
		d.see("gateway", finding{verdict: Portal}, 0)
		before = len(asked)
		s.Again++
		d.Apply(s)
		d.until(21)
		if got := asked[before]; !got || d.Observe().Gateway.Login {
			t.Errorf("another page: asked %v, login is %v", got, d.Observe().Gateway.Login)
		}
	})
}
