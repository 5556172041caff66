package dns

import (
	"net/netip"
	"slices"
	"sort"
	"time"
)

// How servers are judged.
const (
	silentAfter = 2 * time.Second  // without an answer while asked, before a server counts as silent
	silentFor   = 30 * time.Second // before a silent server is tried first again
)

// server is one that questions go to. Listed order is kept among equals: the network
// names its best server first.
type server struct {
	addr     netip.Addr
	fallback bool
	plain    bool      // does not know EDNS: it answered without
	answered bool      // it has answered and is not silent
	misses   time.Time // since when it has left questions unanswered; zero: it answers
	silent   time.Time // until when it goes last; zero: it does not
}

// newServers lists the bearer's servers, then the fallback, each once.
func newServers(up Upstream) []*server {
	var servers []*server
	for i, addr := range slices.Concat(up.Servers, up.Fallback) {
		same := func(s *server) bool { return s.addr == addr }
		if addr.IsValid() && !slices.ContainsFunc(servers, same) {
			servers = append(servers, &server{addr: addr, fallback: i >= len(up.Servers)})
		}
	}
	return servers
}

// missed notes that s left a question unanswered for a while, and tells whether that
// makes it silent.
func (s *server) missed(now time.Time) bool {
	if s.misses.IsZero() {
		s.misses = now
		return false
	}
	if now.Sub(s.misses) < silentAfter {
		return false
	}
	fresh := s.silent.IsZero()
	s.answered, s.silent = false, now.Add(silentFor)
	return fresh
}

// heard notes an answer, and tells whether it changes what is said of s.
func (s *server) heard() bool {
	fresh := !s.answered
	s.answered, s.misses, s.silent = true, time.Time{}, time.Time{}
	return fresh
}

// rank orders servers: silent ones last, the fallback after the bearer's own.
func (s *server) rank(now time.Time) int {
	rank := 0
	if now.Before(s.silent) {
		rank = 2
	}
	if s.fallback {
		rank++
	}
	return rank
}

// ranked copies the two servers worth asking first.
func (e *engine) ranked(now time.Time) []server {
	servers := slices.Clone(e.servers)
	sort.SliceStable(servers, func(i, j int) bool { return servers[i].rank(now) < servers[j].rank(now) })
	var best []server
	for _, s := range servers[:min(2, len(servers))] {
		best = append(best, *s)
	}
	return best
}
