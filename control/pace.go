package control

import (
	"context"
	"time"
)

// A burst of turns may follow each other at once, as at start, when every turn
// brings a client nearer to the Internet; after that one turn a floor.
const (
	turnFloor = 250 * time.Millisecond
	turnBurst = 40
)

// pace is a token bucket over turns.
type pace struct {
	tokens int
	filled time.Time
}

func newPace(now time.Time) *pace { return &pace{tokens: turnBurst, filled: now} }

// wait blocks until a turn may begin and takes its token; false when ctx ended.
func (p *pace) wait(ctx context.Context) bool {
	delay := p.take(time.Now())
	if delay <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(delay)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// take takes one token at now and returns how long to wait for it.
func (p *pace) take(now time.Time) time.Duration {
	if n := int(now.Sub(p.filled) / turnFloor); n > 0 {
		p.tokens = min(p.tokens+n, turnBurst)
		p.filled = now
	}
	if p.tokens > 0 {
		p.tokens--
		return 0
	}
	due := p.filled.Add(turnFloor)
	p.filled = due
	return due.Sub(now)
}
