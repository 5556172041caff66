package lab

import (
	"sync"

	"github.com/tetherd/tetherd/lab/simmodem"
)

// commands counts what the modem was asked since tetherd started.
type commands struct {
	mu   sync.Mutex
	n    int
	more chan struct{} // closed and replaced with each
}

func newCommands() *commands { return &commands{more: make(chan struct{})} }

// event is the modem's to call.
func (c *commands) event(e simmodem.Event) {
	if e.Kind != "command" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	close(c.more)
	c.more = make(chan struct{})
}

func (c *commands) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n = 0
}

// since is the number since the last reset, and a channel that the next one closes.
func (c *commands) since() (int, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n, c.more
}
