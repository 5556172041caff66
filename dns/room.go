package dns

import (
	"net/netip"
	"slices"

	codec "github.com/miekg/dns"
)

// room counts askers: in all, by network of clients and by client.
type room struct {
	total     int
	byNetwork []int // by their views' numbers; the last one is that of no view
	byClient  map[netip.Addr]*waiter
}

// waiter is a client with open questions.
type waiter struct {
	client  netip.Addr
	network int
	askers  int
}

func newRoom(views int) room {
	return room{byNetwork: make([]int, views+1), byClient: map[netip.Addr]*waiter{}}
}

// of returns the client as it is counted, also one that has nothing open.
func (r *room) of(client netip.Addr, network int) *waiter {
	if w := r.byClient[client]; w != nil {
		return w
	}
	return &waiter{client: client, network: network}
}

func (r *room) take(w *waiter) {
	r.total++
	r.byNetwork[w.network]++
	w.askers++
	r.byClient[w.client] = w
}

func (r *room) release(w *waiter) {
	r.total--
	r.byNetwork[w.network]--
	if w.askers--; w.askers == 0 {
		delete(r.byClient, w.client)
	}
}

// admit makes room for one more asker of w, and tells whether there is any. While all is
// taken, as by somebody who asks for names that nobody answers, who holds most gives way.
func (e *engine) admit(w *waiter, key []byte) bool {
	if w.askers >= maxPerClient {
		return false
	}
	for e.room.total >= maxAskers || len(e.pending) >= maxPending && e.pending[string(key)] == nil {
		if !e.yield(w) {
			return false
		}
	}
	return true
}

// yield takes from the network that holds most, and there from the client that does, what
// it asked first; nothing when that would be w. A client may have made up its
// address, and have many, but it is in one network.
func (e *engine) yield(w *waiter) bool {
	network := w.network
	for i, n := range e.room.byNetwork {
		if n > e.room.byNetwork[network] {
			network = i
		}
	}
	var first *pending
	var most *waiter
	for _, p := range e.pending {
		for i := range p.askers {
			o := p.askers[i].waiter
			if o.network == network && (first == nil || o.askers > most.askers || o.askers == most.askers && p.end.Before(first.end)) {
				first, most = p, o
			}
		}
	}
	if first == nil || network == w.network && most.askers <= w.askers {
		return false
	}
	e.leave(first, most)
	return true
}

// leave takes a client from among those who wait for p, and ends p when it was the last.
func (e *engine) leave(p *pending, w *waiter) {
	for i := range p.askers {
		if a := &p.askers[i]; a.waiter == w {
			e.room.release(w)
			e.counts.dropped.Add(1)
			e.abandon(a)
		}
	}
	p.askers = slices.DeleteFunc(p.askers, func(a asker) bool { return a.waiter == w })
	if len(p.askers) == 0 {
		e.closeTries(p)
		delete(e.pending, string(p.key))
	}
}

// abandon leaves an asker without records. By UDP a client asks again by itself.
func (e *engine) abandon(a *asker) {
	if a.path.tcp != nil {
		e.edge.send(&a.path, a.q.fail(nil, codec.RcodeServerFailure, 0, ""))
	}
}
