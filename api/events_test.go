package api

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/control"
)

// streaming opens an event stream of a server and returns its lines. The test's own
// address stands for one of the LAN.
func streaming(t *testing.T, s *Server, session string) (*http.Response, *bufio.Scanner) {
	t.Helper()
	ip(t, "link set lo up")
	lan := s.LAN()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = "192.168.97.44:4711"
		lan.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	req, err := http.NewRequestWithContext(patient(t), "GET", srv.URL+"/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	if session != "" {
		req.Header.Set("Cookie", cookie+"="+session)
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	return resp, lines
}

// next is the data of the next event of a kind.
func next(t *testing.T, lines *bufio.Scanner, kind string) string {
	t.Helper()
	for lines.Scan() {
		if lines.Text() != "event: "+kind {
			continue
		}
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return data
			}
		}
	}
	t.Fatalf("the stream ended: %v", lines.Err())
	return ""
}

// TestEvents: the state comes at once and again with a change; the public gets its part.
func TestEvents(t *testing.T) {
	s := turning(t, "")
	resp, lines := streaming(t, s, "")
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("the type is %q", got)
	}
	if first := next(t, lines, "status"); !strings.Contains(first, `"sentence":`) {
		t.Errorf("at first %s", first)
	}
	if err := s.Loop.Send(control.BadConfig{Text: "a fault of the file"}); err != nil {
		t.Fatal(err)
	}
	if second := next(t, lines, "status"); !strings.Contains(second, "a fault of the file") {
		t.Errorf("after the change %s", second)
	}
}

// TestStreamsAreBounded: more than there is room for are told so.
func TestStreamsAreBounded(t *testing.T) {
	s := turning(t, "")
	s.streams.Store(maxStreams)
	if resp, _ := streaming(t, s, ""); resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("status %d", resp.StatusCode)
	}
	if n := s.streams.Load(); n != maxStreams {
		t.Errorf("%d streams are counted", n)
	}
}

// TestStreamEndsWithSession: who logged out sees no more.
func TestStreamEndsWithSession(t *testing.T) {
	s := turning(t, "")
	b := loggedIn(t, s)
	_, lines := streaming(t, s, b.cookie)
	next(t, lines, "status")
	b.must("POST", "/v1/logout", "", nil)
	if err := s.Loop.Send(control.BadConfig{Text: "a fault of the file"}); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
		if strings.Contains(lines.Text(), "a fault of the file") {
			t.Error("who logged out is told more")
		}
	}
}

// TestContent: a document that differs by its number alone is the same.
func TestContent(t *testing.T) {
	a := content([]byte(`{"version":1,"seq":7,"process":{"pid":1}}`))
	if b := content([]byte(`{"version":1,"seq":8,"process":{"pid":1}}`)); string(a) != string(b) || len(a) == 0 {
		t.Errorf("%s, %s", a, b)
	}
}
