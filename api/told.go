package api

import (
	"net/netip"
	"sync"
	"time"

	"github.com/tetherd/tetherd/control"
)

// maxTold bounds the clients that are remembered as to be left alone.
const maxTold = 256

// told are the clients that have been told why they have no Internet and are to be left
// alone. The zero value is ready; it is forgotten when the program ends.
type told struct {
	mu      sync.Mutex
	clients map[netip.Addr]leave
}

// leave is one client's wish.
type leave struct {
	about string // see subject
	until time.Time
	seen  time.Time // when it last lacked that
}

// news is how long a client must have lacked nothing before a fault is told of again.
const news = 10 * time.Minute

// subject names what a client is told of. All faults are one: which of them is the verdict
// can change while the Internet is away. The operator's page is another matter: who has
// waited for an outage to end has to do something now.
func subject(w control.Want) string {
	switch {
	case w.Verdict == nil:
		return w.Key
	case w.Verdict.Code == "RC18":
		return "page"
	}
	return "fault"
}

// leave notes that a client is to be left alone for a while.
func (t *told) leave(client netip.Addr, w control.Want, now time.Time, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.clients == nil {
		t.clients = map[netip.Addr]leave{}
	}
	if len(t.clients) >= maxTold {
		var first netip.Addr
		for a, l := range t.clients {
			if !first.IsValid() || l.until.Before(t.clients[first].until) {
				first = a
			}
		}
		delete(t.clients, first)
	}
	t.clients[client] = leave{subject(w), now.Add(d), now}
}

// alone says that a client is to be left alone.
func (t *told) alone(client netip.Addr, w control.Want, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok := t.clients[client]
	if !ok || l.about != subject(w) && now.Before(l.until) {
		return false
	}
	if !now.Before(l.until) || w.Verdict != nil && w.Verdict.Since.Sub(l.seen) > news {
		delete(t.clients, client)
		return false
	}
	l.seen = now
	t.clients[client] = l
	return true
}
