package operator

import (
	"net/netip"
	"slices"
	"time"

	"github.com/tetherd/tetherd/lab/simmodem"
)

// maxHistory bounds Events.
const maxHistory = 1024

// Event is something that the operator has seen or done.
type Event struct {
	At     time.Time
	Kind   string // "attach", "connect", "refuse", "disconnect", "drop", "change", "dns", "web", "accept"
	APN    string
	Cause  simmodem.Cause
	Client netip.Addr // who asked (dns, web, accept)
	Detail string     // dns: "A www.example.com. udp", web: "GET host/path 204"
}

// event remembers an event and tells the owner.
func (o *Operator) event(e Event) {
	e.At = time.Now()
	o.log.Debug("operator event", "kind", e.Kind, "apn", e.APN, "cause", uint32(e.Cause), "detail", e.Detail)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.history = append(o.history, e)
	if len(o.history) > maxHistory {
		o.history = slices.Delete(o.history, 0, len(o.history)-maxHistory)
	}
	if o.onEvent != nil {
		o.onEvent(e)
	}
}

// Events are the last 1024 events, oldest first.
func (o *Operator) Events() []Event {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.history)
}
