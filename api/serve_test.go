package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/control"
)

// soon bounds what must happen at once, so that a test never hangs.
const soon = 10 * time.Second

func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), soon)
	t.Cleanup(stop)
	return ctx
}

// TestOneDocument: a program asks once and gets one document, with what only the
// process knows.
func TestOneDocument(t *testing.T) {
	path := socket(t, turning(t, ""))
	var got []Document
	err := Follow(patient(t), path, true, func(d Document) bool {
		got = append(got, d)
		return true
	})
	if err != nil || len(got) != 1 {
		t.Fatalf("%d documents, %v", len(got), err)
	}
	if d := got[0]; d.Process.Version != "v9.9.9" || d.Process.PID != os.Getpid() || d.Process.Goroutines < 2 || d.Version != Version || len(d.Stages) != 9 {
		t.Errorf("the document is %+v", d)
	}
}

// TestFollow: what changes gives a document, none is told twice, and stopping takes effect
// at once although the stream goes on.
func TestFollow(t *testing.T) {
	s := turning(t, "")
	path := socket(t, s)
	var seqs []uint64
	faults := 0
	err := Follow(patient(t), path, false, func(d Document) bool {
		seqs = append(seqs, d.Seq)
		if faults > 0 && !slices.Contains(d.Problems, fmt.Sprint("config: fault ", faults)) {
			return true // a turn that was due before
		}
		if faults++; faults == 3 {
			return false
		}
		if err := s.Loop.Send(control.BadConfig{Text: fmt.Sprint("fault ", faults)}); err != nil {
			t.Error(err)
		}
		return true
	})
	if err != nil || faults != 3 || !slices.IsSorted(seqs) || len(slices.Compact(slices.Clone(seqs))) != len(seqs) {
		t.Errorf("%d faults, turns %v, %v", faults, seqs, err)
	}
}

// TestFollowEnds: with the reader's patience, and with the server.
func TestFollowEnds(t *testing.T) {
	s := turning(t, "")
	t.Run("reader", func(t *testing.T) {
		ctx, stop := context.WithCancel(patient(t))
		err := Follow(ctx, socket(t, s), false, func(Document) bool {
			stop()
			return true
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("server", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "sock")
		l, err := ListenLocal(path)
		if err != nil {
			t.Fatal(err)
		}
		serving, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- Serve(serving, l, s.Local()) }()
		err = Follow(patient(t), path, false, func(Document) bool {
			stop()
			return true
		})
		if err := errors.Join(err, <-served); err != nil {
			t.Error(err)
		}
	})
}

// TestFollowErrors: nobody listens, or somebody else does.
func TestFollowErrors(t *testing.T) {
	never := func(Document) bool {
		t.Error("a document came")
		return false
	}
	path := filepath.Join(t.TempDir(), "sock")
	if err := Follow(patient(t), path, true, never); err == nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nobody: %v", err)
	}
	for name, answer := range map[string]string{
		"another program": "220 mail.example ESMTP\r\n",
		"a refusal":       "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
		"no document":     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"half of it":      "HTTP/1.1 200 OK\r\n\r\n{\"version\":",
		"another shape":   "HTTP/1.1 200 OK\r\n\r\n[1]",
	} {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			_, _ = http.ReadRequest(bufio.NewReader(c))
			fmt.Fprint(c, answer)
		}()
		if err := Follow(patient(t), path, true, never); err == nil || !strings.HasPrefix(err.Error(), "api: ") {
			t.Errorf("%s: %v", name, err)
		}
		l.Close()
	}
}

// TestLocalSocket: its owner alone may open it; a second instance is refused and does
// not harm the first; what a killed process left is replaced.
func TestLocalSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder", "sock")
	first, err := ListenLocal(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Mode().Type() != fs.ModeSocket {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := ListenLocal(path); err == nil || !strings.Contains(err.Error(), "another tetherd answers on "+path) {
		t.Errorf("a second instance: %v", err)
	}
	if c, err := net.Dial("unix", path); err != nil {
		t.Errorf("the first instance lost its socket: %v", err)
	} else {
		c.Close()
	}
	first.(*net.UnixListener).SetUnlinkOnClose(false) // as after kill -9
	first.Close()
	if _, err := os.Stat(path); err != nil {
		t.Fatal("nothing stale is there")
	}
	again, err := ListenLocal(path)
	if err != nil {
		t.Fatalf("the stale socket is in the way: %v", err)
	}
	again.Close()
}

// TestLocalSocketFaults: a place where no socket can be is an error that says so.
func TestLocalSocketFaults(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(dir, "full")
	if err := os.MkdirAll(filepath.Join(full, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(file, "sock"), full, filepath.Join(dir, strings.Repeat("x", 120))} {
		if l, err := ListenLocal(path); err == nil || !strings.HasPrefix(err.Error(), "api: ") {
			t.Errorf("%s: %v, %v", path, l, err)
		}
	}
}

// TestLANHandler: a literal address or our name in Host, or nothing; without clients.
func TestLANHandler(t *testing.T) {
	h := turning(t, "").LAN()
	for _, c := range []struct {
		method, path, host string
		code               int
	}{
		{"GET", "/v1/status", "192.168.97.1:8080", http.StatusOK},
		{"GET", "/v1/status", "192.168.97.1", http.StatusOK},
		{"GET", "/v1/status", "[fd00::1]:8080", http.StatusOK},
		{"HEAD", "/v1/status", "192.168.97.1:8080", http.StatusOK},
		{"GET", "/v1/status", "evil.example:8080", http.StatusMisdirectedRequest},
		{"GET", "/v1/status", "tetherd.lan", http.StatusOK},
		{"GET", "/v1/status", "TETHERD:8080", http.StatusOK},
		{"GET", "/v1/status", "tetherd.lan.evil.example", http.StatusMisdirectedRequest},
		{"GET", "/v1/status", "192.168.97.1.evil.example", http.StatusMisdirectedRequest},
		{"GET", "/v1/status", "localhost:8080", http.StatusMisdirectedRequest},
		{"GET", "/v1/status", "", http.StatusMisdirectedRequest},
		{"POST", "/v1/status", "192.168.97.1:8080", http.StatusMethodNotAllowed},
		{"GET", "/v1/config/set", "192.168.97.1:8080", http.StatusNotFound},
		{"DELETE", "/v1/status", "192.168.97.1:8080", http.StatusMethodNotAllowed},
		{"GET", "/", "192.168.97.1:8080", http.StatusNotFound},
		{"GET", "/v1/wifi", "192.168.97.1:8080", http.StatusForbidden},
		{"GET", "/v1/../etc/passwd", "192.168.97.1:8080", http.StatusMovedPermanently},
	} {
		req := httptest.NewRequest(c.method, "http://gateway"+c.path, nil)
		req.Host, req.RemoteAddr = c.host, "192.168.97.44:4711"
		req.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		if rec.Code != c.code && !(c.code == http.StatusMovedPermanently && rec.Code == http.StatusTemporaryRedirect) {
			t.Errorf("%s %s at %q: %d", c.method, c.path, c.host, rec.Code)
		}
		if rec.Code == http.StatusOK && rec.Header().Get("Content-Type") != "application/json" {
			t.Errorf("the type is %q", rec.Header().Get("Content-Type"))
		}
	}
}

// TestLANHasNoStream: following is for the local socket.
func TestLANHasNoStream(t *testing.T) {
	req := httptest.NewRequest("GET", "http://192.168.97.1/v1/status?follow=1", nil)
	req.RemoteAddr = "192.168.97.44:4711"
	rec := httptest.NewRecorder()
	turning(t, "").LAN().ServeHTTP(rec, req)
	var d Document
	if json.Unmarshal(rec.Body.Bytes(), &d) != nil || d.Version != 0 || !strings.Contains(rec.Body.String(), `"is no argument of status","field":"follow"`) {
		t.Errorf("answered %s", rec.Body)
	}
}

// await asks until the answer holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(soon)
	for !holds() {
		select {
		case <-limit:
			t.Fatalf("never: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// answers says whether the document is served at an address.
func answers(at string) bool {
	c, err := net.DialTimeout("tcp", at, soon)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(soon))
	fmt.Fprintf(c, "GET /v1/status HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", at)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	return err == nil && resp.StatusCode == http.StatusOK
}

// TestServeLAN: the document is served on the gateway's address, which comes later
// than the socket, moves with the LAN and can be switched off.
func TestServeLAN(t *testing.T) {
	const first, second = "config lan\n\toption address '10.97.1.1/24'\n", "config lan\n\toption address '10.97.2.1/24'\n"
	s := turning(t, first)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.ServeLAN(ctx) }()
	ip(t, "link set lo up")
	ip(t, "address add 10.97.1.1/24 dev lo")
	ip(t, "address add 10.97.2.1/24 dev lo")
	await(t, "served where the LAN is", func() bool { return answers("10.97.1.1:8080") })
	reload(t, s, second)
	await(t, "served where the LAN has moved", func() bool { return answers("10.97.2.1:8080") })
	await(t, "not served where it was", func() bool { return !answers("10.97.1.1:8080") })
	reload(t, s, second+"config api\n\toption port '0'\n")
	await(t, "switched off", func() bool { return !answers("10.97.2.1:8080") })
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestLANPeersAreBounded: idle connections leave room for nobody else only up to a
// bound, and none of it is memory.
func TestLANPeersAreBounded(t *testing.T) {
	s := turning(t, "config lan\n\toption address '10.97.3.1/24'\n")
	go s.ServeLAN(t.Context())
	ip(t, "link set lo up")
	ip(t, "address add 10.97.3.1/24 dev lo")
	await(t, "served", func() bool { return answers("10.97.3.1:8080") })
	var idle []net.Conn
	for i := range lanConns {
		from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(10, 97, 3, byte(10+i/peerConns))}}
		c, err := from.Dial("tcp", "10.97.3.1:8080")
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
	}
	waiting, err := net.Dial("tcp", "10.97.3.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	fmt.Fprint(waiting, "GET /v1/status HTTP/1.0\r\nHost: 10.97.3.1\r\n\r\n")
	_ = waiting.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := waiting.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("connection %d was served: %v", lanConns+1, err)
	}
	for _, c := range idle {
		c.Close()
	}
	_ = waiting.SetReadDeadline(time.Now().Add(soon))
	if _, err := waiting.Read(make([]byte, 1)); err != nil {
		t.Errorf("not served when there was room: %v", err)
	}
}

func ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

// reload gives the loop another config.
func reload(t *testing.T, s *Server, text string) {
	t.Helper()
	cfg := parse(t, text)
	if err := s.Loop.Send(control.Reload{Config: cfg}); err != nil {
		t.Fatal(err)
	}
}

// TestLocalSocketIsNoFileEater: a path that names somebody's file is refused, and the
// file is kept.
func TestLocalSocketIsNoFileEater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := ListenLocal(path); err == nil {
		l.Close()
		t.Error("it listens in place of a file")
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestSole: one gateway has its network namespace to itself, the next one waits for it
// to end, and not for ever.
func TestSole(t *testing.T) {
	first, err := Sole(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := Sole(t.Context(), 50*time.Millisecond); err == nil {
		second.Close()
		t.Error("two gateways have the same place")
	}
	got := make(chan error, 1)
	go func() {
		l, err := Sole(t.Context(), 10*time.Second)
		if err == nil {
			err = l.Close()
		}
		got <- err
	}()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
}

// TestStatusPortTaken: a port that another program has is a problem in the document,
// which does not claim to be served there, until the LAN or the port is another.
func TestStatusPortTaken(t *testing.T) {
	ip(t, "link set lo up")
	ip(t, "address add 10.97.4.1/24 dev lo")
	other, err := net.Listen("tcp4", "10.97.4.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	const at = "config lan\n\toption address '10.97.4.1/24'\n"
	s := turning(t, at)
	go s.ServeLAN(t.Context())
	told := func() string { // without those of the test's own folders
		all := s.document(s.Loop.Snapshot()).Problems
		return strings.Join(slices.DeleteFunc(all, func(p string) bool { return strings.HasPrefix(p, "config: ") }), "\n")
	}
	await(t, "told", func() bool {
		return strings.HasPrefix(told(), "api: the status is not served on the LAN: ") && strings.Contains(told(), "address already in use")
	})
	if d := s.document(s.Loop.Snapshot()); d.LAN.Port != 0 {
		t.Errorf("claims port %d", d.LAN.Port)
	}
	reload(t, s, at+"config api\n\toption port '8081'\n")
	await(t, "served on another port", func() bool { return answers("10.97.4.1:8081") && told() == "" })
	reload(t, s, at)
	await(t, "told again", func() bool { return told() != "" })
	reload(t, s, at+"config api\n\toption port '0'\n")
	await(t, "switched off", func() bool { return told() == "" })
}

// post posts nothing to a path and returns the answer.
func post(t *testing.T, h http.Handler, path string) string {
	t.Helper()
	req := httptest.NewRequest("POST", "http://192.168.97.1"+path, nil)
	req.RemoteAddr = "192.168.97.44:4711"
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec.Body.String()
}

// line is a listener with one connection.
type line chan net.Conn

func (l line) Accept() (net.Conn, error) {
	c, ok := <-l
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (l line) Close() error   { close(l); return nil }
func (l line) Addr() net.Addr { return &net.UnixAddr{} }

// TestThinkingIsNoFaultOfThePeer: who asks something that takes this machine longer than a
// peer may take, as a password that was hashed elsewhere does, has his answer.
func TestThinkingIsNoFaultOfThePeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer, here := net.Pipe()
		l := make(line, 1)
		l <- here
		srv := &http.Server{Handler: hurry(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			<-time.After(2 * peerPatience)
			write(w, http.StatusOK, Nothing{})
		}))}
		ended := make(chan error, 1)
		go func() { ended <- srv.Serve(l) }()
		if _, err := io.WriteString(peer, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(peer), nil)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("%+v, %v", answer, err)
		}
		peer.Close()
		srv.Close()
		<-ended
	})
}
