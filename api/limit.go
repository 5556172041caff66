package api

import (
	"net/netip"
	"sync"
	"time"
)

// Guesses at the password: a source may be wrong some times at once, then once in a
// while. Nobody is locked out for longer than that, and no source by another's guesses,
// as long as there are no more of them than a LAN has addresses.
const (
	freeGuesses = 5
	guessEvery  = 20 * time.Second
	maxSources  = 256
	maxHashing  = 2 // passwords that are hashed at a time, for it costs the processor; the last is for who was not wrong
)

// guard bounds guesses. The zero value is ready.
type guard struct {
	mu      sync.Mutex
	busy    int
	sources map[netip.Addr]*bucket // the zero address is for all that there is no room for
}

// bucket counts one source's wrong guesses.
type bucket struct {
	wrong int
	since time.Time // from which guesses are given back
}

// forgive takes off what time has healed.
func (b *bucket) forgive(now time.Time) {
	n := int(now.Sub(b.since) / guessEvery)
	if n > 0 {
		b.wrong, b.since = max(0, b.wrong-n), b.since.Add(time.Duration(n)*guessEvery)
	}
	if b.wrong == 0 {
		b.since = now
	}
}

// enter says whether a source may guess now, or how long it is to wait. Who may must
// leave.
func (g *guard) enter(from netip.Addr, now time.Time) (wait time.Duration, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.bucket(from, now)
	most := maxHashing
	if b.wrong > 0 {
		most--
	}
	switch {
	case b.wrong >= freeGuesses:
		return b.since.Add(guessEvery).Sub(now), false
	case g.busy >= most:
		return time.Second, false
	}
	g.busy++
	return 0, true
}

// leave notes how a guess went.
func (g *guard) leave(from netip.Addr, now time.Time, right bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy--
	if right {
		delete(g.sources, from)
		return
	}
	g.bucket(from, now).wrong++
}

// bucket is the one of a source, which forgets what time has healed: that of all others
// when there is no room for one of its own.
func (g *guard) bucket(from netip.Addr, now time.Time) *bucket {
	if g.sources == nil {
		g.sources = map[netip.Addr]*bucket{}
	}
	if b := g.sources[from]; b != nil {
		b.forgive(now)
		return b
	}
	if len(g.sources) >= maxSources {
		for a, b := range g.sources {
			if b.forgive(now); b.wrong == 0 {
				delete(g.sources, a)
			}
		}
	}
	if len(g.sources) >= maxSources {
		from = netip.Addr{}
		if b := g.sources[from]; b != nil {
			b.forgive(now)
			return b
		}
	}
	b := &bucket{since: now}
	g.sources[from] = b
	return b
}
