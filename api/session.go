package api

import (
	"crypto/rand"
	"sync"
	"time"
)

// Sessions of people at the page. They are forgotten when the program ends.
const (
	maxSessions = 16
	sessionIdle = 24 * time.Hour
)

// sessions are those that are logged in. The zero value is ready.
type sessions struct {
	mu   sync.Mutex
	last map[string]time.Time // by key: when it was used
}

// begin makes a session and returns its key. The one that was used least lately makes
// room.
func (s *sessions) begin(now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[string]time.Time{}
	}
	if len(s.last) >= maxSessions {
		oldest := ""
		for k, at := range s.last {
			if oldest == "" || at.Before(s.last[oldest]) {
				oldest = k
			}
		}
		delete(s.last, oldest)
	}
	key := rand.Text()
	s.last[key] = now
	return key
}

// use says whether a key is of a session, which is used by it.
func (s *sessions) use(key string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ok := s.alive(key, now)
	if ok {
		s.last[key] = now
	}
	return ok
}

// there says whether a key is of a session, which is not used by it: a page that is only
// left open is not somebody.
func (s *sessions) there(key string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alive(key, now)
}

// alive forgets a session that was not used for too long; s.mu is held.
func (s *sessions) alive(key string, now time.Time) bool {
	at, ok := s.last[key]
	if ok && now.Sub(at) > sessionIdle {
		delete(s.last, key)
		return false
	}
	return ok
}

// end ends a session; with all, every other one as well.
func (s *sessions) end(key string, all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.last, key)
	if all {
		s.last = nil
	}
}
