package operator

import (
	"net/netip"
	"slices"
	"time"
)

// Path is what the operator's network does to packets in both directions. The zero
// value carries everything at once.
type Path struct {
	Delay time.Duration // each way
	Lose  int           // loses one packet of so many; 0 or 1 none
	Rate  int           // bytes a second each way; 0 unbounded
}

// SetPath changes what the network does to packets from now on.
func (o *Operator) SetPath(p Path) { o.path.Store(&p) }

// maxQueue bounds the packets that are under way in a slow network.
const maxQueue = 2000

// carry delivers one packet as the path does.
func (o *Operator) carry(way *way, packet []byte, deliver func([]byte)) {
	p := o.path.Load()
	if p == nil || *p == (Path{}) {
		deliver(packet)
		return
	}
	n := way.count.Add(1)
	if p.Lose > 1 && n%uint64(p.Lose) == 0 {
		return
	}
	if way.queued.Add(1) > maxQueue {
		way.queued.Add(-1)
		return
	}
	packet = slices.Clone(packet)
	time.AfterFunc(p.Delay+way.turn(len(packet), p.Rate), func() {
		way.queued.Add(-1)
		deliver(packet)
	})
}

// turn is how long a packet waits for those before it on a line of a rate.
func (w *way) turn(size, rate int) time.Duration {
	if rate <= 0 {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if w.free.Before(now) {
		w.free = now
	}
	w.free = w.free.Add(time.Duration(size) * time.Second / time.Duration(rate))
	return w.free.Sub(now)
}

// Stale makes the bearers that are up carry nothing any more, though nobody is told: a
// new one carries again. It says how many there are.
func (o *Operator) Stale() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, b := range o.bearers {
		b.stale.Store(true)
	}
	return len(o.bearers)
}

// Filter makes the operator's name servers say of some names, in lower case without
// the final dot, that they do not exist.
func (o *Operator) Filter(names ...string) {
	set := map[string]bool{}
	for _, n := range names {
		set[n+"."] = true
	}
	o.filter.Store(&set)
}

// filtered says that a canonical name is one of them.
func (o *Operator) filtered(name string) bool {
	set := o.filter.Load()
	return set != nil && (*set)[name]
}

// swallows says that a packet of a bearer gets lost, whatever it is.
func (b *bearer) swallows(packet []byte) bool {
	hole := b.policy.Load().Hole
	return b.stale.Load() || hole > 0 && len(packet) > hole
}

// Unreach makes an address of the small Internet unreachable: packets to it get lost.
func (o *Operator) Unreach(a netip.Addr) error {
	return o.ip("route", "replace", "blackhole", netip.PrefixFrom(a, a.BitLen()).String(), "table", "local")
}
