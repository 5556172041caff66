package dns

import (
	"slices"
	"time"
)

// Bounds of the table of open questions.
const (
	maxPending   = 256 // questions
	maxAskers    = 512 // clients' packets waiting for them
	maxPerClient = 64  // of these from one address
	maxTries     = 4   // packets for one question, and sockets open towards servers
)

// giveUp is when a question is answered with a failure.
const giveUp = 5 * time.Second

// patience is how long each try is waited for before the next server is asked in
// parallel.
func patience(try int) time.Duration { return 400 * time.Millisecond << try }

// pending is a question that servers were asked.
type pending struct {
	key    []byte
	askers []asker
	tries  []try
	next   time.Time // when the next server is asked; zero: nobody is left
	end    time.Time
	most   int // tries
	rcode  int // of a server that could not say; 0 none
}

// try is one packet to one server.
type try struct {
	server *server
	socket int // of the edge; -1 once closed
	id     uint16
	edns   bool
	sent   bool
	late   bool // its patience ran out
	failed bool // answered without saying, or could not be sent
}

// choose picks the server for the next try of p: the best of those tried least.
// Nil when there is none. A server that failed is not asked again, and once one of
// the bearer's has spoken, the fallback, which is for silence, stays out.
func (p *pending) choose(servers []*server, now time.Time) *server {
	var best *server
	least, rank := 0, 0
	for _, s := range servers {
		n, failed := p.tried(s)
		if failed || s.fallback && p.rcode != 0 && !servers[0].fallback {
			continue
		}
		if r := s.rank(now); best == nil || n < least || n == least && r < rank {
			best, least, rank = s, n, r
		}
	}
	if p.sent() >= p.most {
		return nil
	}
	return best
}

// sent counts the packets: what could not be sent uses up none.
func (p *pending) sent() (n int) {
	for i := range p.tries {
		if p.tries[i].sent {
			n++
		}
	}
	return n
}

func (p *pending) tried(s *server) (n int, failed bool) {
	for i := range p.tries {
		if p.tries[i].server == s {
			n++
			failed = failed || p.tries[i].failed
		}
	}
	return n, failed
}

// open tells whether an answer may still come.
func (p *pending) open() bool {
	return slices.ContainsFunc(p.tries, func(t try) bool { return t.socket >= 0 })
}

// due is when p has to be looked at.
func (p *pending) due() time.Time {
	if p.next.IsZero() || p.end.Before(p.next) {
		return p.end
	}
	return p.next
}

// has tells whether the client waits already: one that repeats itself waits once.
func (p *pending) has(path *path, id uint16) bool {
	return slices.ContainsFunc(p.askers, func(a asker) bool {
		return a.q.id == id && a.path == *path
	})
}
