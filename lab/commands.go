package lab

import (
	"fmt"
	"strings"
	"sync"

	"github.com/tetherd/tetherd/lab/simmodem"
)

// maxEvents bounds the events that are kept.
const maxEvents = 40

// commands counts what the modem was asked since tetherd started, and keeps the last
// of what happened to it.
type commands struct {
	mu   sync.Mutex
	n    int
	last []string
	more chan struct{} // closed and replaced with each
}

func newCommands() *commands { return &commands{more: make(chan struct{})} }

// event is the modem's to call.
func (c *commands) event(e simmodem.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = append(c.last[max(0, len(c.last)-maxEvents+1):], fmt.Sprintf("%s %s %s", e.At.UTC().Format("15:04:05.000"), e.Kind, e.Detail))
	if e.Kind != "command" {
		return
	}
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

// tail is the last of what happened, one line each.
func (c *commands) tail() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.last, "\n")
}
