package fetch

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// server is a made-up operator behind pipes.
type server struct {
	t     *testing.T
	cert  tls.Certificate
	roots *x509.CertPool
	pem   []byte

	mu      sync.Mutex
	answer  func(r *http.Request, body string) string // whole, as sent; "" says nothing
	seen    []string                                  // requests, as method, host, path and chosen headers
	refuses bool                                      // connections
}

// newServer has a certificate for a.example and b.example, valid from 2000 to 2100.
func newServer(t *testing.T) *server {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lab"}, DNSNames: []string{"a.example", "b.example"},
		NotBefore: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, cert: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots: x509.NewCertPool()}
	s.roots.AddCert(leaf)
	s.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return s
}

// way leads to the server, whatever the address.
func (s *server) way() way {
	return way{roots: s.roots, dial: func(context.Context, string, string) (net.Conn, error) {
		s.mu.Lock()
		refuses := s.refuses
		s.mu.Unlock()
		if refuses {
			return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
		}
		ours, theirs := net.Pipe()
		go s.serve(ours)
		return theirs, nil
	}}
}

func (s *server) serve(raw net.Conn) {
	defer raw.Close()
	conn := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{s.cert}})
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.seen = append(s.seen, fmt.Sprintf("%s %s%s auth=%t tag=%s body=%s", r.Method, r.Host, r.URL.RequestURI(), r.Header.Get("Authorization") != "", r.Header.Get("If-None-Match"), body))
	answer := s.answer
	s.mu.Unlock()
	text := answer(r, string(body))
	if text == "" {
		_, _ = io.Copy(io.Discard, conn) // until the other side gives up
		return
	}
	_, _ = io.WriteString(conn, text)
	_ = conn.Close()
}

func (s *server) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	s.seen = nil
	return seen
}

func page(status int, headers, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d x\r\n%sContent-Length: %d\r\n\r\n%s", status, headers, len(body), body)
}

const address = "https://a.example/doc.json"

func TestFetch(t *testing.T) {
	long := strings.Repeat("x", 101)
	for _, test := range []struct {
		what    string
		request Request
		answer  func(r *http.Request, body string) string
		want    Result
		err     string
		seen    int
	}{
		{"a page", Request{}, func(*http.Request, string) string { return page(200, "ETag: \"1\"\r\n", "hello") },
			Result{Status: 200, Body: []byte("hello"), Tag: `"1"`}, "", 1},
		{"not modified", Request{Tag: `"1"`}, func(r *http.Request, _ string) string {
			if r.Header.Get("If-None-Match") != `"1"` {
				return page(500, "", "")
			}
			return "HTTP/1.1 304 x\r\n\r\n"
		}, Result{Status: 304}, "", 1},
		{"chunks", Request{}, func(*http.Request, string) string {
			return "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
		}, Result{Status: 200, Body: []byte("hello")}, "", 1},
		{"without a length", Request{}, func(*http.Request, string) string { return "HTTP/1.1 200 x\r\n\r\nhello" },
			Result{Status: 200, Body: []byte("hello")}, "", 1},
		{"forbidden", Request{}, func(*http.Request, string) string { return page(403, "", "no") }, Result{Status: 403}, "", 1},
		{"as long as may be", Request{Max: 101}, func(*http.Request, string) string { return page(200, "", long) },
			Result{Status: 200, Body: []byte(long)}, "", 1},
		{"too long", Request{Max: 100}, func(*http.Request, string) string { return page(200, "", long) }, Result{}, "longer than 100 bytes", 1},
		{"endless", Request{Max: 100}, func(*http.Request, string) string {
			return "HTTP/1.1 200 x\r\n\r\n" + strings.Repeat("x", 1<<20)
		}, Result{}, "longer than 100 bytes", 1},
		{"endless header", Request{}, func(*http.Request, string) string {
			return "HTTP/1.1 200 x\r\nX: " + strings.Repeat("x", 1<<20)
		}, Result{}, "gives no answer", 1},
		{"breaks off", Request{}, func(*http.Request, string) string { return "HTTP/1.1 200 x\r\nContent-Length: 10\r\n\r\nhello" },
			Result{}, "breaks off: the connection ended", 1},
		{"no HTTP", Request{}, func(*http.Request, string) string { return "SSH-2.0-x\r\n\r\n" }, Result{}, "gives no answer: what came is not understood", 1},
		{"a tag that cannot be sent back", Request{}, func(*http.Request, string) string { return page(200, "ETag: "+long+long+"\r\n", "") },
			Result{Status: 200, Body: []byte{}}, "", 1},
		{"redirected", Request{}, func(r *http.Request, _ string) string {
			if r.URL.Path == "/doc.json" {
				return page(302, "Location: /other\r\n", "")
			}
			return page(200, "", r.URL.Path)
		}, Result{Status: 200, Body: []byte("/other")}, "", 2},
		{"redirected for ever", Request{}, func(*http.Request, string) string { return page(302, "Location: /doc.json\r\n", "") },
			Result{}, "elsewhere more than 3 times", 4},
		{"redirected to plain HTTP", Request{}, func(*http.Request, string) string { return page(302, "Location: http://a.example/\r\n", "") },
			Result{}, "does not begin with https://", 1},
		{"redirected nowhere", Request{}, func(*http.Request, string) string { return page(302, "", "") }, Result{}, "does not say where", 1},
		{"a question redirected", Request{Body: `{"imsi":"26201"}`}, func(*http.Request, string) string { return page(307, "Location: https://b.example/\r\n", "") },
			Result{}, "sends the question elsewhere", 1},
		{"a question", Request{Body: `{"imsi":"26201"}`}, func(r *http.Request, body string) string {
			return page(200, "", r.Method+body+r.Header.Get("Content-Type"))
		}, Result{Status: 200, Body: []byte(`POST{"imsi":"26201"}application/json`)}, "", 1},
		{"with a signature", Request{Beside: ".sig"}, func(r *http.Request, _ string) string { return page(200, "", r.URL.Path) },
			Result{Status: 200, Body: []byte("/doc.json"), Beside: []byte("/doc.json.sig")}, "", 2},
		{"without the signature", Request{Beside: ".sig"}, func(r *http.Request, _ string) string {
			if strings.HasSuffix(r.URL.Path, ".sig") {
				return page(404, "", "")
			}
			return page(200, "", "x")
		}, Result{Status: 200, Body: []byte("x")}, "", 2},
		{"signature fails", Request{Beside: ".sig"}, func(r *http.Request, _ string) string {
			if strings.HasSuffix(r.URL.Path, ".sig") {
				return page(500, "", "")
			}
			return page(200, "", "x")
		}, Result{Status: 200, Body: []byte("x")}, "signature: the server answers with status 500", 2},
	} {
		t.Run(test.what, func(t *testing.T) {
			s := newServer(t)
			s.answer = test.answer
			r := test.request
			r.URL = address
			if r.Max == 0 {
				r.Max = 1000
			}
			got, err := s.way().fetch(t.Context(), r)
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Fatalf("error %v, want %q", err, test.err)
			}
			if test.err == "" && (got.Status != test.want.Status || string(got.Body) != string(test.want.Body) || got.Tag != test.want.Tag || string(got.Beside) != string(test.want.Beside)) {
				t.Errorf("got %+v", got)
			}
			if seen := s.requests(); len(seen) != test.seen {
				t.Errorf("asked %d times: %v", len(seen), seen)
			}
		})
	}
}

// Credentials go to the host that they are for and to no other.
func TestCredentialsStayWithTheirHost(t *testing.T) {
	s := newServer(t)
	s.answer = func(r *http.Request, _ string) string {
		switch r.Host + r.URL.Path {
		case "a.example/doc.json":
			return page(302, "Location: /again\r\n", "")
		case "a.example/again":
			return page(302, "Location: https://b.example/x\r\n", "")
		case "b.example/x":
			return page(302, "Location: https://a.example/end\r\n", "")
		}
		return page(200, "", "")
	}
	if _, err := s.way().fetch(t.Context(), Request{URL: address, User: "u", Password: "p", Max: 10}); err != nil {
		t.Fatal(err)
	}
	var auth []string
	for _, line := range s.requests() {
		auth = append(auth, fmt.Sprint(strings.Contains(line, "auth=true")))
	}
	if got := strings.Join(auth, " "); got != "true true false false" {
		t.Errorf("credentials were sent: %s", got)
	}
}

func TestUntrusted(t *testing.T) {
	s := newServer(t)
	s.answer = func(*http.Request, string) string { return page(200, "", "") }
	listener, err := net.Listen("tcp", "127.0.0.1:0") // an alert needs a buffer, which a pipe has not
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			go s.serve(conn)
		}
	}()
	right := way{roots: s.roots, dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, listener.Addr().String())
	}}
	w := right
	w.roots = newServer(t).roots
	for what, test := range map[string]struct {
		way  way
		url  string
		want string
	}{
		"authority": {w, address, "by an authority that is not trusted"},
		"name":      {right, "https://c.example/", "for another name"},
		"scheme":    {right, "http://a.example/", "does not begin with https://"},
	} {
		_, err := test.way.fetch(t.Context(), Request{URL: test.url, Body: "{}", Max: 10})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if seen := s.requests(); len(seen) > 0 {
		t.Errorf("who is not trusted was told %v", seen)
	}
}

func TestClockThatIsWrong(t *testing.T) {
	err := plain(x509.CertificateInvalidError{Reason: x509.Expired})
	if !strings.Contains(err.Error(), "is the clock right?") {
		t.Error(err)
	}
}

func TestSilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.answer = func(*http.Request, string) string { return "" }
		begun := time.Now()
		_, err := s.way().fetch(t.Context(), Request{URL: address, Max: 10})
		if took := time.Since(begun); err == nil || !strings.Contains(err.Error(), "no answer in time") || took != timeLimit {
			t.Errorf("%v after %v", err, took)
		}
	})
}

func TestAuthorities(t *testing.T) {
	s := newServer(t)
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, s.pem, 0o600); err != nil {
		t.Fatal(err)
	}
	if pool, err := authorities(path); err != nil || !pool.Equal(s.roots) {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(path, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := wayOut(Spec{CAFile: path}); err == nil || !strings.Contains(err.Error(), "holds no certificate") {
		t.Errorf("%v", err)
	}
	if _, err := wayOut(Spec{CAFile: path + "x"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestNext(t *testing.T) {
	at := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		interval time.Duration
		failed   int
		chance   int
		want     time.Duration // -1 never
	}{
		{0, 0, 50, -1},
		{time.Hour, 0, 0, time.Hour},
		{time.Hour, 0, 50, time.Hour + 6*time.Minute},
		{time.Second, 0, 0, time.Minute},
		{0, 1, 0, 15 * time.Second},
		{24 * time.Hour, 1, 0, 15 * time.Second},
		{time.Hour, 1000, 0, time.Hour},
		{24 * time.Hour, 1000, 0, 6 * time.Hour},
		{0, 4, 0, 2 * time.Minute},
		{0, 1000, 0, 6 * time.Hour},
	} {
		got := next(Request{Interval: test.interval}, Result{At: at, Failed: test.failed}, test.chance)
		if test.want < 0 && !got.IsZero() || test.want >= 0 && !got.Equal(at.Add(test.want)) {
			t.Errorf("%+v: %v", test, got.Sub(at))
		}
	}
}

// driven is a driver that asks the server, in the time of a bubble.
type driven struct {
	*Driver
	*server
	log     *strings.Builder
	changes int
}

func drive(t *testing.T) *driven {
	d := &driven{server: newServer(t), log: &strings.Builder{}}
	d.answer = func(*http.Request, string) string { return page(200, "ETag: \"1\"\r\n", "hello") }
	d.Driver = New(Options{Log: slog.New(slog.NewTextHandler(d.log, nil))})
	d.out, d.chance = func(Spec) (way, error) { return d.way(), nil }, func() int { return 0 }
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- d.Run(ctx, func() { d.changes++ }) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return d
}

// pass lets time pass and returns what was asked meanwhile.
func (d *driven) pass(t time.Duration) int {
	<-time.After(t)
	synctest.Wait()
	return len(d.requests())
}

func spec(requests ...Request) Spec {
	return Spec{Key: "1", Interface: "wwan0", Servers: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Requests: requests}
}

func request(id string) Request { return Request{ID: id, URL: address, Max: 100, Interval: time.Hour} }

func TestDriverAsksByInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t)
		if n := d.pass(time.Hour); n != 0 {
			t.Errorf("asked %d times without a wish", n)
		}
		if err := d.Apply(spec(request("a"))); err != nil {
			t.Fatal(err)
		}
		if n := d.pass(time.Second); n != 1 {
			t.Errorf("asked %d times at first", n)
		}
		if n := d.pass(3 * time.Hour); n != 3 {
			t.Errorf("asked %d times in three hours", n)
		}
		st := d.Observe()
		if r := st.Results["a"]; string(r.Body) != "hello" || r.Tag != `"1"` || r.Failed != 0 || r.Error != "" || d.changes != 4 {
			t.Errorf("%+v, %d changes", r, d.changes)
		}
		if drift := Drift(spec(request("a")), st); len(drift) != 0 {
			t.Errorf("drift %v", drift)
		}
		again := request("a")
		again.Attempt++
		if len(Drift(spec(again), st)) != 1 || len(Drift(Spec{}, st)) != 2 {
			t.Error("no drift")
		}
		d.Apply(spec(again))
		if n := d.pass(time.Second); n != 1 {
			t.Errorf("asked %d times on demand", n)
		}
		d.Apply(Spec{})
		if n := d.pass(5 * time.Hour); n != 0 || len(d.Observe().Results) != 0 {
			t.Errorf("asked %d times when off", n)
		}
	})
}

func TestDriverOnceAndLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t)
		once, later := request("once"), request("later")
		once.Interval = 0
		later.First = time.Now().Add(24 * time.Hour)
		d.Apply(spec(once, later))
		if n := d.pass(23 * time.Hour); n != 1 {
			t.Errorf("asked %d times", n)
		}
		if n := d.pass(90 * time.Minute); n != 1 {
			t.Errorf("asked %d times on the day after", n)
		}
	})
}

// What fails is asked again, later each time, and at once by another way.
func TestDriverBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t)
		d.refuses = true
		var tries []int
		old := d.out
		d.out = func(s Spec) (way, error) { tries = append(tries, 1); return old(s) }
		d.Apply(spec(request("a")))
		d.pass(time.Minute)
		if len(tries) != 3 { // at 0, 15 and 45 s
			t.Errorf("%d tries in a minute", len(tries))
		}
		d.pass(time.Hour)
		if r := d.Observe().Results["a"]; len(tries) != 8 || r.Failed != 8 || r.Error != "a.example: cannot be reached: connection refused" {
			t.Errorf("%d tries: %+v", len(tries), r)
		}
		d.Driver.mu.Lock()
		d.Driver.spec.Key = "before"
		d.Driver.mu.Unlock()
		d.server.mu.Lock()
		d.refuses = false
		d.server.mu.Unlock()
		d.Apply(spec(request("a")))
		d.pass(time.Second)
		if r := d.Observe().Results["a"]; len(tries) != 9 || r.Failed != 0 {
			t.Errorf("%d tries: %+v", len(tries), r)
		}
	})
}

// A wish that changes ends the request under way, whose answer is nobody's any more.
func TestDriverGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t)
		d.answer = func(*http.Request, string) string { return "" }
		d.Apply(spec(request("a")))
		d.pass(time.Second)
		d.Apply(Spec{})
		synctest.Wait()
		d.server.mu.Lock()
		d.answer = func(*http.Request, string) string { return page(200, "", "b") }
		d.server.mu.Unlock()
		d.Apply(spec(request("b")))
		d.pass(time.Second)
		if st := d.Observe(); len(st.Results) != 1 || string(st.Results["b"].Body) != "b" {
			t.Errorf("%+v", st.Results)
		}
	})
}

func TestStatusThatSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for status, failed := range map[int]int{200: 0, 304: 0, 403: 0, 404: 0, 429: 1, 500: 1, 503: 1, 204: 1} {
			d := drive(t)
			d.answer = func(*http.Request, string) string { return page(status, "", "") }
			d.Apply(spec(request("a")))
			d.pass(time.Second)
			if r := d.Observe().Results["a"]; r.Failed != failed || (r.Error == "") != (status == 200 || status == 304) {
				t.Errorf("%d: %+v", status, r)
			}
		}
	})
}

// Neither log nor status tell a password or who is asked about.
func TestNoSecretIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := drive(t)
		r := request("a")
		r.User, r.Password, r.Body = "box", "do-not-tell", `{"imsi":"262010000012345"}`
		s := spec(r)
		d.Apply(s)
		d.pass(time.Second)
		d.server.mu.Lock()
		d.refuses = true
		d.server.mu.Unlock()
		d.pass(2 * time.Hour)
		text := d.log.String() + fmt.Sprintf("%v %+v %#v %v", s, d.Observe().InForce, d.Observe().InForce, Drift(Spec{}, d.Observe()))
		for _, secret := range []string{"do-not-tell", "26201"} {
			if strings.Contains(text, secret) {
				t.Errorf("it tells %s:\n%s", secret, text)
			}
		}
		if !strings.Contains(d.log.String(), "asked") {
			t.Error("nothing was logged")
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(page(200, "ETag: \"1\"\r\n", "hello")), 3)
	f.Add([]byte("HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), 100)
	f.Add([]byte("HTTP/1.1 302 x\r\nLocation: http://[::1]:namedport/\r\n\r\n"), 0)
	f.Fuzz(func(t *testing.T, raw []byte, most int) {
		most &= 0xffff
		a, err := read(strings.NewReader(string(raw)), most)
		if err == nil && len(a.body) > most {
			t.Fatalf("%d bytes of %d", len(a.body), most)
		}
		if validator(a.tag) != a.tag {
			t.Fatalf("tag %q", a.tag)
		}
	})
}
