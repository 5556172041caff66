package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/dns"
	"github.com/tetherd/tetherd/doctor"
	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/nat"
)

// visitor is a client at an address of the LAN that asks for pages.
type visitor struct {
	t *testing.T
	e explainer
	s *control.Snapshot
}

const pageHost = "192.0.2.97"

func newVisitor(t *testing.T) visitor {
	s := snapshot(t)
	s.Online, s.Doctor.Verdict = true, nil
	s.Desired.NAT.Page = netip.MustParseAddr(pageHost)
	v := visitor{t: t, s: s}
	v.e = explainer{func() *control.Snapshot { return v.s }, new(told)}
	return v
}

// fails gives the gateway a fault.
func (v visitor) fails(code doctor.Code, since time.Time, advice bool) {
	v.s.Online = false
	v.s.Doctor.Verdict = &doctor.Finding{Code: code, Severity: doctor.Fault, Since: since, Advice: advice, Args: []doctor.Value{{Name: "detail", Value: "<b>"}}}
}

func client() netip.Addr { return netip.MustParseAddr("192.168.97.5") }

// get asks for a page; nil when the connection is cut off.
func (v visitor) do(method, url, languages string) (a *http.Response, body string) {
	v.t.Helper()
	r := httptest.NewRequest(method, url, nil)
	r.RemoteAddr = netip.AddrPortFrom(client(), 4000).String()
	r.Header.Set("Accept-Language", languages)
	w := httptest.NewRecorder()
	defer func() {
		if e := recover(); e != nil && e != http.ErrAbortHandler {
			panic(e)
		}
	}()
	v.e.ServeHTTP(w, r)
	a = w.Result()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	if len(a.Cookies()) != 0 || a.Header.Get("Cache-Control") != "no-store" || !strings.Contains(a.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		v.t.Errorf("%s: %v", url, a.Header)
	}
	return a, string(text)
}

// checks are what the four makes ask.
func checks() []string {
	return []string{"http://connectivitycheck.gstatic.com/generate_204", "http://captive.apple.com/hotspot-detect.html",
		"http://www.msftconnecttest.com/connecttest.txt", "http://www.msftconnecttest.com/redirect", "http://detectportal.firefox.com/canonical.html"}
}

// TestChecksAreLedToThePage: while there is a fault every make's check is sent to the page;
// when there is none, no check is answered as if there were.
func TestChecksAreLedToThePage(t *testing.T) {
	v := newVisitor(t)
	for _, url := range checks() {
		if a, _ := v.do("GET", url, ""); a == nil || a.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("healthy: %s: %v", url, a)
		}
	}
	if v.e.untold(client()) {
		t.Error("a client with Internet is to be told something")
	}
	v.fails("RC14", time.Now(), false)
	for _, url := range checks() {
		if a, _ := v.do("GET", url, ""); a == nil || a.StatusCode != http.StatusFound || a.Header.Get("Location") != "http://"+pageHost+"/" {
			t.Errorf("%s: %v", url, a)
		}
	}
	if !v.e.untold(client()) || v.e.untold(netip.MustParseAddr("10.0.0.1")) {
		t.Error("the client is not to be told, or a stranger is")
	}
	for _, url := range []string{"http://www.example.com/", "http://192.168.97.1/", "http://www.google.com/generate_204"} {
		if a, body := v.do("GET", url, ""); a != nil {
			t.Errorf("%s is answered: %v %q", url, a, body)
		}
	}
}

// TestARefusedClientIsAnswered: whatever page it asks for, a refused client gets an error that
// says why in its language, which nobody keeps or takes for that page; it has no part of ours.
func TestARefusedClientIsAnswered(t *testing.T) {
	v := newVisitor(t)
	v.s.Desired.Refusal = "your plan has no <b>tethering</b>"
	for _, c := range []struct{ method, url, languages, says string }{
		{"GET", "http://www.example.com/some/file", "de", "This device has no Internet: your plan has no <b>tethering</b>.\n"},
		{"GET", "http://203.0.113.80:8080/page.js", "ru", "У этого устройства нет интернета: your plan has no <b>tethering</b>.\n"},
		{"POST", "http://www.example.com/later", "en", "This device has no Internet: your plan has no <b>tethering</b>.\n"},
	} {
		a, body := v.do(c.method, c.url, c.languages)
		if a == nil {
			t.Fatalf("%s is cut off", c.url)
		}
		if a.StatusCode != http.StatusServiceUnavailable || body != c.says {
			t.Errorf("%s %s: %d %q", c.method, c.url, a.StatusCode, body)
		}
		if h := a.Header; !strings.HasPrefix(h.Get("Content-Type"), "text/plain") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Location") != "" || h.Get("Connection") != "close" {
			t.Errorf("%s: %v", c.url, h)
		}
	}
	if !v.e.untold(client()) {
		t.Error("a POST to somebody else's page is taken as the wish to hear no more")
	}
	if a, _ := v.do("GET", checks()[0], ""); a == nil || a.StatusCode != http.StatusFound {
		t.Errorf("its check: %v", a)
	}
}

// TestThePageSpeaks: it says the sentence in the phone's language, escaped, and offers what
// helps and nothing else.
func TestThePageSpeaks(t *testing.T) {
	v := newVisitor(t)
	v.s.Config.API.Port = 8097
	owner := "http://192.168.97.1:8097/"
	for _, c := range []struct {
		code      doctor.Code
		advice    bool
		refusal   string
		languages string
		says, not []string
	}{
		{"RC14", false, "", "de, fr;q=0.8", []string{`lang="en"`, "the connection is dead", "Look again", `action="/later"`}, []string{owner, "/operator"}},
		{"RC14", false, "", "ru-RU,en;q=0.5", []string{`lang="ru"`, "Нет интернета", "Проверить ещё раз"}, []string{"Look"}},
		{"RC02", true, "", "en", []string{"&lt;b&gt;", owner, "Sign in as the owner"}, []string{"<b>"}},
		{"RC18", true, "", "en", []string{`href="/operator"`, "page of its own"}, nil},
		{"", false, "sharing is off", "en", []string{"This device has no Internet: sharing is off."}, []string{"/operator"}},
		{"", false, "", "en", []string{"This device has Internet", "close this page"}, []string{"/later", owner}},
	} {
		v.s.Online, v.s.Doctor.Verdict, v.s.Desired.Refusal = true, nil, c.refusal
		if c.code != "" {
			v.fails(c.code, time.Now(), c.advice)
		}
		a, body := v.do("GET", "http://"+pageHost+"/", c.languages)
		if a == nil || a.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v", c.code, a)
		}
		for _, says := range c.says {
			if !strings.Contains(body, says) {
				t.Errorf("%s does not say %q: %s", c.code, says, body)
			}
		}
		for _, not := range c.not {
			if strings.Contains(body, not) {
				t.Errorf("%s says %q", c.code, not)
			}
		}
	}
}

// TestThePageLooksAgain by a script of its own and nothing else, only as long as there is
// something to wait for.
func TestThePageLooksAgain(t *testing.T) {
	v := newVisitor(t)
	v.fails("RC14", time.Now(), false)
	a, body := v.do("GET", "http://"+pageHost+"/", "en")
	if !strings.Contains(body, `data-again="yes"`) || !strings.Contains(body, `src="/page.js"`) || strings.Contains(body, "http-equiv") {
		t.Error(body)
	}
	if csp := a.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self';") || !strings.Contains(csp, "connect-src 'self';") {
		t.Error(csp)
	}
	a, body = v.do("GET", "http://"+pageHost+"/page.js", "en")
	if a.StatusCode != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/javascript") || body != pageScript {
		t.Errorf("%v %s", a, body)
	}
	if a, _ := v.do("GET", "http://captive.apple.com/page.js", "en"); a == nil || a.StatusCode != http.StatusFound {
		t.Errorf("the script is told to who asks for something else: %v", a)
	}
	v.s.Online, v.s.Doctor.Verdict = true, nil
	if _, body := v.do("GET", "http://"+pageHost+"/", "en"); strings.Contains(body, "data-again") {
		t.Error("it looks again though nothing is the matter")
	}
}

// TestADismissalHolds: a client that wants to hear no more is left alone until a
// refusal, the operator's page or another outage is the matter; others are told.
func TestADismissalHolds(t *testing.T) {
	v := newVisitor(t)
	since := time.Now().Add(-time.Minute)
	v.fails("RC14", since, false)
	if a, body := v.do("POST", "http://"+pageHost+"/later", "en"); a == nil || a.StatusCode != http.StatusOK || !strings.Contains(body, "not told about it again") {
		t.Fatalf("%v %s", a, body)
	}
	if v.e.untold(client()) || !v.e.untold(netip.MustParseAddr("192.168.97.6")) {
		t.Error("the client is told again, or another one is not")
	}
	if a, _ := v.do("GET", checks()[0], ""); a == nil || a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("its check: %v", a)
	}
	for _, other := range []doctor.Code{"RC09", "RC14"} { // one outage, seen in several ways
		v.fails(other, time.Now(), false)
		if v.e.untold(client()) {
			t.Errorf("it is told once more, of %s", other)
		}
	}
	if v.fails("RC18", time.Now(), true); !v.e.untold(client()) {
		t.Error("it is not told of the operator's page")
	}
	v.fails("RC14", time.Now(), false)
	if w := (control.Want{Key: "refused.limit"}); v.e.told.alone(client(), w, time.Now()) {
		t.Error("it is not told that it is refused")
	}
	if v.e.untold(client()) {
		t.Error("a refusal between has made it forget")
	}
	v.fails("RC14", time.Now().Add(2*news), false)
	if !v.e.untold(client()) {
		t.Error("it is not told of the next time")
	}
	if a, _ := v.do("POST", "http://"+pageHost+"/", "en"); a == nil || a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %v", a)
	}
}

// TestTheOperatorsPageIsOpened: at a pay wall the client's checks reach the operator for a
// while, and it is led to one.
func TestTheOperatorsPageIsOpened(t *testing.T) {
	v := newVisitor(t)
	v.s.Observed.Probe.Gateway.Target = "http://connectivitycheck.gstatic.com/generate_204"
	if _, body := v.do("GET", "http://"+pageHost+"/operator", "en"); strings.Contains(body, "gstatic") {
		t.Error("without a wall it leads away")
	}
	v.fails("RC18", time.Now(), true)
	if _, body := v.do("GET", "http://"+pageHost+"/operator", "en"); !strings.Contains(body, `<a class="first away" href="http://connectivitycheck.gstatic.com/generate_204">`) {
		t.Error(body)
	}
	if v.e.untold(client()) {
		t.Error("its checks do not reach the operator")
	}
}

// TestToldIsBounded: it remembers no more than it may, and forgets the oldest.
func TestToldIsBounded(t *testing.T) {
	var m told
	w, now := control.Want{Key: "refused.off"}, time.Unix(1e9, 0)
	a := netip.MustParseAddr("10.0.0.0")
	for i := range 2 * maxTold {
		a = a.Next()
		m.leave(a, w, now.Add(time.Duration(i)*time.Second), time.Hour)
	}
	if len(m.clients) != maxTold || !m.alone(a, w, now) || m.alone(netip.MustParseAddr("10.0.0.1"), w, now) {
		t.Errorf("%d are remembered", len(m.clients))
	}
	if m.alone(a, w, now.Add(2*time.Hour)) || len(m.clients) != maxTold-1 {
		t.Error("it is left alone for ever")
	}
}

// TestPageAddr: there is a listener only where the firewall leads somebody to it.
func TestPageAddr(t *testing.T) {
	lan := netip.MustParsePrefix("192.168.97.1/24")
	for _, c := range []struct {
		n    nat.Spec
		lan  netip.Prefix
		want string
	}{
		{nat.Spec{Explain: 9797}, lan, "192.168.97.1:9797"},
		{nat.Spec{Explain: 9797}, netip.Prefix{}, "invalid AddrPort"},
		{nat.Spec{}, lan, "invalid AddrPort"},
	} {
		s := &control.Snapshot{}
		s.Desired.NAT, s.Desired.Link.LANs = c.n, []link.LAN{{Address: c.lan}, {Address: c.lan}}
		for network := range maxNetworks {
			if got := pageAddr(s, network); got.String() != c.want {
				t.Errorf("%+v: %v", c.n, got)
			}
		}
		if got := pageAddr(s, maxNetworks); got.IsValid() {
			t.Errorf("%+v: %v where no network is", c.n, got)
		}
	}
}

// FuzzLanguage: whatever a phone asks for, it gets a language that there is.
func FuzzLanguage(f *testing.F) {
	for _, list := range []string{"", "ru", "ru-RU,en;q=0.5", "de, ru ;q=0", ";,;,", strings.Repeat("x,", 100) + "ru"} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		if got := language(list); doctor.Phrase(got, "page.title", nil) == "" || got != "en" && !strings.Contains(strings.ToLower(list), got) {
			t.Errorf("%q: %q", list, got)
		}
	})
}

// TestCheckHostsAreNobodysSites: a host that people visit must not be among them.
func TestCheckHostsAreNobodysSites(t *testing.T) {
	for _, host := range dns.CheckHosts() {
		if host == "www.google.com" || host == "www.apple.com" || strings.Count(host, ".") < 2 {
			t.Errorf("%s", host)
		}
	}
}
