package api

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/dhcp"
)

// browser is somebody on the LAN who keeps a cookie.
type browser struct {
	t      *testing.T
	h      http.Handler
	from   string
	cookie string
	header map[string]string
	made   time.Time // its connection; zero: a new one for each request
	closes bool      // the last answer ends the connection
}

func onTheLAN(t *testing.T, s *Server) *browser {
	return &browser{t: t, h: s.LAN(), from: "192.168.97.44:4711", header: map[string]string{}}
}

// send sends a request and decodes its answer into out, which may be nil.
func (b *browser) send(method, path, body string, out any) (int, *Fault) {
	b.t.Helper()
	req := httptest.NewRequest(method, "http://192.168.97.1:8080"+path, strings.NewReader(body))
	req.RemoteAddr = b.from
	req.Header.Set("Content-Type", "application/json")
	if b.cookie != "" {
		req.Header.Set("Cookie", cookie+"="+b.cookie)
	}
	for name, value := range b.header {
		req.Header.Set(name, value)
	}
	rec := httptest.NewRecorder()
	made := b.made
	if made.IsZero() {
		made = time.Now()
	}
	b.h.ServeHTTP(rec, req.WithContext(context.WithValue(req.Context(), acceptedKey{}, made)))
	b.closes = rec.Header().Get("Connection") == "close"
	for _, c := range rec.Result().Cookies() {
		if c.Name == cookie {
			if b.cookie = c.Value; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
				b.t.Errorf("the cookie is %+v", c)
			}
		}
	}
	if rec.Code != http.StatusOK {
		var told struct{ Error *Fault }
		_ = json.Unmarshal(rec.Body.Bytes(), &told) // a plain text of net/http has none
		return rec.Code, told.Error
	}
	if out != nil {
		if err := json.Unmarshal(rec.Body.Bytes(), out); err != nil {
			b.t.Errorf("%s: %v", path, err)
		}
	}
	return rec.Code, nil
}

// must is send that has to be answered.
func (b *browser) must(method, path, body string, out any) {
	b.t.Helper()
	if code, fault := b.send(method, path, body, out); code != http.StatusOK {
		b.t.Fatalf("%s %s: %d, %v", method, path, code, fault)
	}
}

// TestFirstStart: nothing is open before a password was chosen, and who chooses it
// second does not.
func TestFirstStart(t *testing.T) {
	b := onTheLAN(t, turning(t, ""))
	var in SessionDoc
	if b.must("GET", "/v1/session", "", &in); !in.Fresh || in.In || len(in.Scopes) != 0 {
		t.Errorf("at first %+v", in)
	}
	for _, v := range Verbs() {
		if v.Scope == Public || v.Name == "password" {
			continue
		}
		if code, fault := b.send(v.Method(), v.Path(), "", nil); code != http.StatusForbidden || fault == nil || fault.Code != Denied {
			t.Errorf("%s is open: %d", v.Name, code)
		}
	}
	if code, _ := b.send("POST", "/v1/login", `{"password":""}`, nil); code != http.StatusForbidden {
		t.Errorf("logged in without a password: %d", code)
	}
	if code, f := b.send("POST", "/v1/password", `{"new":"short"}`, nil); code != http.StatusBadRequest || f.Field != "new" {
		t.Errorf("a short password: %d, %v", code, f)
	}
	b.must("POST", "/v1/password", `{"new":"correct horse"}`, nil)
	if code, _ := b.send("POST", "/v1/password", `{"new":"battery staple"}`, nil); code != http.StatusForbidden {
		t.Errorf("chosen twice: %d", code)
	}
	if code, f := b.send("POST", "/v1/login", `{"password":"battery staple"}`, nil); code != http.StatusForbidden || f.Field != "password" {
		t.Errorf("a wrong password: %d, %v", code, f)
	}
	b.must("POST", "/v1/login", `{"password":"correct horse"}`, nil)
	if b.must("GET", "/v1/session", "", &in); in.Fresh || !in.In || len(in.Scopes) != len(Scopes()) {
		t.Errorf("logged in %+v", in)
	}
	var d Document
	if b.must("GET", "/v1/status", "", &d); d.Version != Version {
		t.Errorf("the document is %+v", d)
	}
	b.must("POST", "/v1/logout", "", nil)
	if b.must("GET", "/v1/session", "", &in); in.In {
		t.Error("still logged in")
	}
}

// loggedIn is a person at the page.
func loggedIn(t *testing.T, s *Server) *browser {
	t.Helper()
	b := onTheLAN(t, s)
	b.must("POST", "/v1/password", `{"new":"correct horse"}`, nil)
	b.must("POST", "/v1/login", `{"password":"correct horse"}`, nil)
	return b
}

// TestPasswordChange: who sits at a page that was left open must know the old one, and
// everybody else is out.
func TestPasswordChange(t *testing.T) {
	s := turning(t, "")
	b := loggedIn(t, s)
	if code, f := b.send("POST", "/v1/password", `{"new":"battery staple"}`, nil); code != http.StatusForbidden || f.Field != "old" {
		t.Errorf("without the old one: %d, %v", code, f)
	}
	b.must("POST", "/v1/password", `{"new":"battery staple","old":"correct horse"}`, nil)
	if code, _ := b.send("GET", "/v1/clients", "", nil); code != http.StatusForbidden {
		t.Errorf("the old session goes on: %d", code)
	}
	if _, fault := do[Nothing](t, s, "password", map[string]any{"new": "third of all"}, Root("socket")); fault != nil || !s.Keys.Check("third of all") {
		t.Errorf("on the machine itself: %v", fault)
	}
}

// TestForeignPages: another site's page, another network and a foreign form do nothing,
// also with the cookie.
func TestForeignPages(t *testing.T) {
	s := turning(t, "")
	b := loggedIn(t, s)
	for name, headers := range map[string]map[string]string{
		"another site":   {"Sec-Fetch-Site": "cross-site"},
		"another origin": {"Origin": "http://evil.example"},
		"another port":   {"Origin": "http://192.168.97.1:9000"},
		"a form":         {"Content-Type": "application/x-www-form-urlencoded"},
		"a text form":    {"Content-Type": "text/plain"},
	} {
		b.header = headers
		if code, _ := b.send("POST", "/v1/share", `{"on":false}`, nil); code == http.StatusOK || !s.Loop.Snapshot().Config.Sharing.Enabled {
			t.Errorf("%s: %d", name, code)
		}
	}
	b.header = map[string]string{"Origin": "http://192.168.97.1:8080", "Sec-Fetch-Site": "same-origin"}
	b.must("POST", "/v1/share", `{"on":false,"dry":true}`, nil)
	for _, from := range []string{"100.64.7.1:99", "192.168.98.4:99", "[fd00::9]:99", ""} {
		if b.from = from; from == "" {
			b.from = "nonsense"
		}
		if code, _ := b.send("GET", "/v1/status", "", nil); code != http.StatusForbidden {
			t.Errorf("from %q: %d", from, code)
		}
	}
}

// TestTokens: a program may what its token says, and nothing once that is taken back.
func TestTokens(t *testing.T) {
	s := turning(t, "")
	b := loggedIn(t, s)
	var made TokenDoc
	b.must("POST", "/v1/token/add", `{"name":"home","scopes":["read"]}`, &made)
	if code, _ := b.send("POST", "/v1/token/add", `{"name":"home","scopes":["read"]}`, nil); code != http.StatusConflict {
		t.Errorf("the same name: %d", code)
	}
	if code, _ := b.send("POST", "/v1/token/add", `{"name":"x","scopes":["root"]}`, nil); code != http.StatusBadRequest {
		t.Errorf("an unknown scope: %d", code)
	}
	program := onTheLAN(t, s)
	program.header["Authorization"] = "Bearer " + made.Token
	program.must("GET", "/v1/clients", "", nil)
	if code, f := program.send("POST", "/v1/share", `{"on":false}`, nil); code != http.StatusForbidden || !strings.Contains(f.Message, "settings") {
		t.Errorf("it may more: %d, %v", code, f)
	}
	var list TokenList
	if b.must("GET", "/v1/token/list", "", &list); len(list.Tokens) != 1 || list.Tokens[0].Token != "" {
		t.Errorf("tokens %+v", list)
	}
	again, err := OpenKeyring(s.Loop.Snapshot().Config.Main.StateDir)
	if name, _, ok := again.Token(made.Token); err != nil || !ok || name != "home" {
		t.Errorf("after a restart: %v, %v", name, err)
	}
	b.must("POST", "/v1/token/remove", `{"name":"home"}`, nil)
	if code, _ := program.send("GET", "/v1/clients", "", nil); code != http.StatusForbidden {
		t.Errorf("taken back: %d", code)
	}
}

// TestAudit: who changed what is told, with names and never with values.
func TestAudit(t *testing.T) {
	s := turning(t, "")
	b := loggedIn(t, s)
	b.must("POST", "/v1/config/set", `{"changes":["modem.pin=73914682"]}`, nil)
	if code, _ := b.send("POST", "/v1/sim/pin", `{"pin":"7391468x"}`, nil); code != http.StatusBadRequest {
		t.Errorf("a PIN with letters: %d", code)
	}
	b.must("POST", "/v1/share", `{"on":false,"dry":true}`, nil)
	var d Deeds
	b.must("GET", "/v1/audit", "", &d)
	text, _ := json.Marshal(d)
	if len(d.Deeds) != 3 || d.Deeds[0].Verb != "sim pin" || d.Deeds[0].Err != "invalid" || d.Deeds[1].What[0] != "modem.pin" || d.Deeds[1].From != "192.168.97.44" {
		t.Errorf("%s", text)
	}
	if strings.Contains(string(text), "7391468") || strings.Contains(string(text), "horse") {
		t.Errorf("tells values: %s", text)
	}
}

// TestBodies: what is no JSON object of arguments is refused in words; so is what is too
// large, and of somebody unknown nothing large is read.
func TestBodies(t *testing.T) {
	s := turning(t, "")
	b := loggedIn(t, s)
	large := `{"text":"` + strings.Repeat("#", largeBody) + `"}`
	for _, body := range []string{"[]", "5", `"x"`, "{", `{"on":true}{"on":true}`, "\xff", large} {
		if code, f := b.send("POST", "/v1/share", body, nil); code != http.StatusBadRequest || f == nil || f.Code != Invalid {
			t.Errorf("%.20q: %d, %v", body, code, f)
		}
	}
	b.cookie = ""
	if code, f := b.send("POST", "/v1/login", `{"password":"`+strings.Repeat("x", smallBody)+`"}`, nil); code != http.StatusBadRequest || !strings.Contains(f.Message, "4.0 KiB") {
		t.Errorf("a large login: %d, %v", code, f)
	}
}

// TestMetrics: for who may read, in the form that Prometheus reads.
func TestMetrics(t *testing.T) {
	s := turning(t, "")
	b := onTheLAN(t, s)
	if code, _ := b.send("GET", "/metrics", "", nil); code != http.StatusForbidden {
		t.Errorf("open: %d", code)
	}
	snap := snapshot(t)
	registered(snap)
	home, guest := dhcp.Lease{Addr: client(), MAC: net.HardwareAddr{2, 0, 0, 0, 0, 5}}, dhcp.Lease{Addr: netip.MustParseAddr("192.168.98.5"), MAC: net.HardwareAddr{2, 0, 0, 0, 0, 5}}
	snap.Observed.DHCP.Leases = []dhcp.Lease{home, guest} // of one device
	text := Metrics(Render(snap))
	for _, want := range []string{"\ntetherd_online 0\n", "\ntetherd_clients 1\n", `tetherd_client_bytes_total{mac="02:00:00:00:00:05",address="192.168.98.5",direction="up"} 0`, "\ntetherd_signal_dbm -71\n", "\ntetherd_dns_queries_total 12\n", "tetherd_stage{stage=\"sim\"} 1\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	types, series := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "# TYPE ") {
			types[strings.Fields(line)[2]] = true
		}
		if line[0] == '#' {
			continue
		}
		name, _, _ := strings.Cut(line, " ")
		if family, _, _ := strings.Cut(name, "{"); !types[family] {
			t.Errorf("%s has no type", family)
		}
		if series[name] {
			t.Errorf("%s stands twice", name)
		}
		series[name] = true
	}
}
