package api

import (
	"net/netip"
	"sync"
	"time"
)

// Guesses at the password: a source may be wrong some times at once, then once in a
// while. Nobody is locked out for longer than that, and no source by another's guesses.
const (
	freeGuesses = 5
	guessEvery  = 20 * time.Second
	maxSources  = 64
	maxHashing  = 2 // passwords that wait or are hashed at a time: it costs the processor
)

// guard bounds guesses. The zero value is ready.
type guard struct {
	mu      sync.Mutex
	busy    int
	sources map[netip.Addr]*bucket
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
	if g.busy >= maxHashing {
		return time.Second, false
	}
	if b := g.sources[from]; b != nil {
		if b.forgive(now); b.wrong >= freeGuesses {
			return b.since.Add(guessEvery).Sub(now), false
		}
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
	b := g.sources[from]
	if b == nil {
		b = g.add(from, now)
	}
	b.wrong++
}

// add makes room for a source by forgetting the one that has guessed least lately.
func (g *guard) add(from netip.Addr, now time.Time) *bucket {
	if g.sources == nil {
		g.sources = map[netip.Addr]*bucket{}
	}
	if len(g.sources) >= maxSources {
		var oldest netip.Addr
		for a, b := range g.sources {
			if o := g.sources[oldest]; o == nil || b.wrong < o.wrong || b.wrong == o.wrong && b.since.Before(o.since) {
				oldest = a
			}
		}
		delete(g.sources, oldest)
	}
	b := &bucket{since: now}
	g.sources[from] = b
	return b
}
