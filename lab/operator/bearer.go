package operator

import (
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/tetherd/tetherd/lab/simmodem"
)

// CauseResources refuses a bearer for which no address is left (TS 24.008: insufficient
// resources).
const CauseResources simmodem.Cause = 26

// bearer is one bearer; it is the modem's Bearer.
type bearer struct {
	operator *Operator
	id       uint64
	name     string // APN
	imsi     string
	request  simmodem.Request
	terminal simmodem.Terminal
	policy   atomic.Pointer[APN]
	accepted atomic.Bool // the user has passed the walled garden's page
	stale    atomic.Bool // carries nothing any more

	grant simmodem.Grant // guarded by Operator.mu
}

// Attach admits or rejects a subscriber; see simmodem.Core.
func (o *Operator) Attach(_ simmodem.Subscriber, request simmodem.Request) simmodem.Cause {
	o.mu.Lock()
	cause := o.reject
	if cause == simmodem.CauseNone && !strings.EqualFold(request.APN, o.attach.APN) { // TS 23.003, 9.1: names know no case
		cause = o.attach.Cause
	}
	o.mu.Unlock()
	o.event(Event{Kind: "attach", APN: request.APN, Cause: cause})
	return cause
}

// Connect grants or refuses a bearer; see simmodem.Core.
func (o *Operator) Connect(s simmodem.Subscriber, r simmodem.Request, t simmodem.Terminal) (simmodem.Bearer, simmodem.Cause) {
	b, cause := o.connect(s, r, t)
	if b == nil {
		o.event(Event{Kind: "refuse", APN: r.APN, Cause: cause})
		return nil, cause
	}
	o.event(Event{Kind: "connect", APN: r.APN, Cause: cause})
	return b, cause
}

func (o *Operator) connect(s simmodem.Subscriber, r simmodem.Request, t simmodem.Terminal) (*bearer, simmodem.Cause) {
	o.mu.Lock()
	defer o.mu.Unlock()
	apn, known := o.apns[r.APN]
	if !known {
		return nil, simmodem.CauseUnknownAPN
	}
	ipv4, ipv6, cause := apn.decide(r)
	if !ipv4 && !ipv6 {
		return nil, cause
	}
	grant := o.allocate(apn, ipv4, ipv6)
	if ipv4 && grant.IPv4 == nil || ipv6 && grant.IPv6 == nil {
		return nil, CauseResources
	}
	o.last++
	b := &bearer{operator: o, id: o.last, name: r.APN, imsi: s.IMSI, request: r, terminal: t, grant: grant}
	b.policy.Store(&apn)
	o.bearers[b.id] = b
	o.route(b, grant)
	return b, cause
}

// addPools makes the pools of a policy that are not there yet and returns them.
func (o *Operator) addPools(apn APN) []*pool {
	var fresh []*pool
	networks := []netip.Prefix{apn.Pool4}
	if apn.IPv6 {
		networks = append(networks, apn.Pool6)
	}
	for _, network := range networks {
		if o.pools[network] == nil {
			o.pools[network] = newPool(network)
			fresh = append(fresh, o.pools[network])
		}
	}
	return fresh
}

// allocate chooses addresses for a bearer, which are taken once route leads to it; a
// family stays nil when its pool is empty.
func (o *Operator) allocate(apn APN, ipv4, ipv6 bool) simmodem.Grant {
	take := func(wanted bool, network netip.Prefix) *simmodem.Config {
		p := o.pools[network]
		if !wanted || p == nil {
			return nil
		}
		address, ok := p.take(func(a netip.Addr) bool { return o.bearerOf(a) != nil })
		if !ok {
			return nil
		}
		return apn.config(address, p.gateway)
	}
	return simmodem.Grant{IPv4: take(ipv4, apn.Pool4), IPv6: take(ipv6, apn.Pool6)}
}

// addressesOf are the addresses of a grant.
func addressesOf(g simmodem.Grant) []netip.Addr {
	var list []netip.Addr
	for _, config := range []*simmodem.Config{g.IPv4, g.IPv6} {
		if config != nil {
			list = append(list, config.Address.Addr())
		}
	}
	return list
}

// route leads packets for a grant's addresses to the bearer.
func (o *Operator) route(b *bearer, g simmodem.Grant) {
	for _, address := range addressesOf(g) {
		o.byAddress.Store(key(address), b)
	}
}

func (o *Operator) unroute(b *bearer, g simmodem.Grant) {
	for _, address := range addressesOf(g) {
		o.byAddress.CompareAndDelete(key(address), b)
	}
}

// regrant replaces a bearer's configuration.
func (o *Operator) regrant(b *bearer, g simmodem.Grant) {
	o.unroute(b, b.grant)
	b.grant = g.Clone()
	o.route(b, b.grant)
}

// remove takes a bearer away; nil when it was not there.
func (o *Operator) remove(id uint64) *bearer {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.bearers[id]
	if b == nil {
		return nil
	}
	delete(o.bearers, id)
	o.unroute(b, b.grant)
	return b
}

// Grant is what the bearer has now.
func (b *bearer) Grant() simmodem.Grant {
	b.operator.mu.Lock()
	defer b.operator.mu.Unlock()
	return b.grant.Clone()
}

// Change is the modem's: it was made to tell its host another configuration.
func (b *bearer) Change(g simmodem.Grant) {
	o := b.operator
	o.mu.Lock()
	up := o.bearers[b.id] == b
	if up {
		o.regrant(b, g)
	}
	o.mu.Unlock()
	if up {
		o.event(Event{Kind: "change", APN: b.name})
	}
}

// Close is the modem's: the host or the modem has ended the bearer.
func (b *bearer) Close() {
	if b.operator.remove(b.id) != nil {
		b.operator.event(Event{Kind: "disconnect", APN: b.name})
	}
}
