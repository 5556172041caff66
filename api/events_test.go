package api

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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

// TestStreamsAreBounded: more than there is room for are told so, and those who may not
// read keep out nobody who may.
func TestStreamsAreBounded(t *testing.T) {
	for story, peers := range map[string][]string{"one address's": {"192.168.97.44"}, "everybody's": manyPeers()} {
		s := turning(t, "")
		owner := loggedIn(t, s).cookie
		fill := func(c *crowd, most int) (held int) {
			for _, p := range peers {
				for range peerStreams {
					if c.enter(netip.MustParseAddr(p), peerStreams, most) {
						held++
					}
				}
			}
			return held
		}
		held := fill(&s.visitors, maxVisitors)
		if resp, _ := streaming(t, s, ""); resp.StatusCode != http.StatusTooManyRequests || s.visitors.all != held {
			t.Errorf("%s: status %d, %d streams are counted", story, resp.StatusCode, s.visitors.all)
		}
		if resp, _ := streaming(t, s, owner); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: the owner gets status %d", story, resp.StatusCode)
		}
		fill(&s.streams, maxStreams)
		if resp, _ := streaming(t, s, owner); resp.StatusCode != http.StatusTooManyRequests {
			t.Errorf("%s: status %d", story, resp.StatusCode)
		}
	}
}

// manyPeers are enough to hold all streams.
func manyPeers() (all []string) {
	for i := range maxStreams / peerStreams {
		all = append(all, fmt.Sprintf("192.168.97.%d", 100+i))
	}
	return all
}

// TestOpenStreamIsNobody: a page that is open while its author's change cuts him off
// keeps nothing: only a request by a new connection tells that he is there.
func TestOpenStreamIsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := turning(t, "")
		b := loggedIn(t, s)
		w := &silentWriter{header: http.Header{}}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			req := httptest.NewRequestWithContext(ctx, "GET", "http://192.168.97.1:8080/v1/events", nil)
			req.RemoteAddr = b.from
			req.Header.Set("Cookie", cookie+"="+b.cookie)
			b.h.ServeHTTP(w, req)
		}()
		synctest.Wait()
		b.must("POST", "/v1/config/set", `{"changes":["dhcp.domain=other"]}`, nil)
		<-time.After(control.TrialSettle + 2*streamBeat/3)
		synctest.Wait()
		if snap := s.Loop.Snapshot(); snap.Trial == nil || snap.Trial.Back || w.sent.Load() < 3 {
			t.Errorf("after %d events the trial is %+v", w.sent.Load(), snap.Trial)
		}
		b.made = s.Loop.Snapshot().Trial.Began
		b.must("GET", "/v1/session", "", nil)
		synctest.Wait()
		if snap := s.Loop.Snapshot(); snap.Trial == nil || snap.Trial.Back || !b.closes {
			t.Errorf("what may be repeated by who is not reached keeps the change, or goes on: %+v", snap.Trial)
		}
		anew := onTheLAN(t, s) // he may have to log in, and shall not do it by a connection that does not count
		if anew.must("GET", "/v1/session", "", nil); !anew.closes {
			t.Error("who is not logged in goes on by a connection of before")
		}
		b.made = time.Now()
		b.must("GET", "/v1/session", "", nil)
		synctest.Wait()
		if snap := s.Loop.Snapshot(); snap.Trial != nil && !snap.Trial.Back || snap.Trial == nil && !snap.Outcome.Kept {
			t.Error("a new connection does not tell that he is there")
		}
		stop()
		<-done
	})
}

// TestLoginDuringATrial: who logs in while a change is on trial is its author when he comes
// from where he was, or the page has moved; somebody else keeps nothing that cut its
// author off.
func TestLoginDuringATrial(t *testing.T) {
	for _, c := range []struct {
		change, from string
		author       bool
	}{
		{"dhcp.domain=other", "192.168.97.44:5000", true},
		{"dhcp.domain=other", "192.168.97.45:4711", false},
		{"api.port=8081", "192.168.97.45:4711", true},
		{"lan.address=192.168.97.2/24", "192.168.97.45:4711", true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := turning(t, "")
			loggedIn(t, s).must("POST", "/v1/config/set", `{"changes":["`+c.change+`"]}`, nil)
			<-time.After(control.TrialSettle)
			synctest.Wait()
			b := onTheLAN(t, s)
			b.from = c.from
			b.must("POST", "/v1/login", `{"password":"correct horse"}`, nil)
			synctest.Wait()
			if snap := s.Loop.Snapshot(); (snap.Trial == nil || snap.Trial.Back) != c.author {
				t.Errorf("%s, and a log-in from %s: %+v", c.change, c.from, snap.Trial)
			}
		})
	}
}

// TestLoginTooEarly: who has to log in before his change counts as taken effect goes on as
// its author by the session that he has got.
func TestLoginTooEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := turning(t, "")
		loggedIn(t, s).must("POST", "/v1/config/set", `{"changes":["dhcp.domain=other"]}`, nil)
		<-time.After(control.TrialSettle / 2)
		b := onTheLAN(t, s)
		b.from = "192.168.97.44:5000"
		b.must("POST", "/v1/login", `{"password":"correct horse"}`, nil)
		<-time.After(control.TrialSettle / 2)
		synctest.Wait()
		if snap := s.Loop.Snapshot(); snap.Trial == nil || snap.Trial.Back {
			t.Fatalf("a log-in that came too early counts: %+v", snap.Trial)
		}
		b.made = time.Now()
		b.must("GET", "/v1/session", "", nil)
		synctest.Wait()
		if snap := s.Loop.Snapshot(); snap.Trial != nil && !snap.Trial.Back || snap.Trial == nil && !snap.Outcome.Kept {
			t.Errorf("he is not its author any more: %+v", snap.Trial)
		}
	})
}

// silentWriter takes everything that a stream writes.
type silentWriter struct {
	header http.Header
	sent   atomic.Int32
}

func (w *silentWriter) Header() http.Header                { return w.header }
func (w *silentWriter) Write(p []byte) (int, error)        { return len(p), nil }
func (w *silentWriter) WriteHeader(int)                    {}
func (w *silentWriter) Flush()                             { w.sent.Add(1) }
func (w *silentWriter) SetReadDeadline(time.Time) error    { return nil }
func (w *silentWriter) SetWriteDeadline(d time.Time) error { return nil }

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
