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
	about string // see episode
	until time.Time
}

// episode names what a client is told of: the same cause at another time is news.
func episode(w control.Want) string {
	if w.Verdict == nil {
		return w.Key
	}
	return w.Key + " " + w.Verdict.Since.UTC().Format(time.RFC3339)
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
	t.clients[client] = leave{episode(w), now.Add(d)}
}

// alone says that a client is to be left alone.
func (t *told) alone(client netip.Addr, w control.Want, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok := t.clients[client]
	if ok && (l.about != episode(w) || !now.Before(l.until)) {
		delete(t.clients, client)
		ok = false
	}
	return ok
}
