package dns

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"time"

	codec "github.com/miekg/dns"
)

// engine is the forwarder without its sockets: what a client's packet, a server's
// packet, a socket's error or the passing of time leads to. It keeps no clock and
// starts nothing; whoever calls it holds the driver's lock.
type engine struct {
	edge   edge
	counts *counts
	local  local           // for askers of no view
	checks map[string]bool // connectivity-check names in wire form
	denied map[string]bool // those of them that servers deny
	untold Untold
	views  []view
	cache  *cache
	spec   Spec // in use
	up     Upstream

	servers []*server
	pending map[string]*pending
	flights map[int]flight // by socket
	room    room
	start   time.Time // cached entries count seconds from here
	due     time.Time // nothing is due earlier; zero: nothing is
	news    func(s *server, silent bool)
	scratch []byte
}

// edge is what the engine needs done.
type edge struct {
	open  func(up Upstream, server netip.Addr, packet []byte) (socket int, err error)
	close func(socket int)
	send  func(p *path, reply []byte) // nil: ask the servers by TCP yourself
}

// flight says whose packet a socket waits for.
type flight struct {
	p   *pending
	try int
}

// asker is one client's packet that waits.
type asker struct {
	q      query
	path   path
	waiter *waiter
}

// counts are Counts while they grow.
type counts struct {
	queries, hits, upstream, failed, rebind, dropped atomic.Uint64
}

func (c *counts) read() Counts {
	return Counts{
		Queries: c.queries.Load(), Hits: c.hits.Load(), Upstream: c.upstream.Load(),
		Failed: c.failed.Load(), Rebind: c.rebind.Load(), Dropped: c.dropped.Load(),
	}
}

// use starts afresh: what was asked or learnt through another bearer is forgotten.
// Clients whose packets are open ask again by themselves and then meet the new one.
func (e *engine) use(spec Spec, leases Leases, now time.Time) {
	for _, p := range e.pending {
		e.closeTries(p)
		for i := range p.askers {
			e.abandon(&p.askers[i])
		}
	}
	e.spec, e.up, e.start, e.due = spec, spec.Upstream, now, time.Time{}
	e.local = newLocal(spec, leases)
	e.views = newViews(spec)
	e.checks, e.denied = checkNames(), map[string]bool{}
	e.cache = newCache(spec.CacheBytes)
	e.servers = newServers(spec.Upstream)
	e.pending = map[string]*pending{}
	e.flights = map[int]flight{}
	e.room = newRoom(len(e.views))
}

func (e *engine) seconds(now time.Time) uint32 { return uint32(now.Sub(e.start) / time.Second) }

// serve takes one packet of a client, which it parses into q, and returns the reply,
// built in dst, or whether one will come later.
func (e *engine) serve(dst []byte, now time.Time, packet []byte, q *query, p *path) (reply []byte, later bool) {
	e.counts.queries.Add(1)
	fault := q.parse(packet)
	if fault == drop {
		e.counts.dropped.Add(1)
		return nil, false
	}
	if fault != 0 {
		return q.fail(dst, fault, 0, ""), false
	}
	if e.leads(q, p.client) {
		return q.reply(dst, e.local.lead(q, e.spec.Page), 0, p.limit(q)), false
	}
	if wire, age := e.cache.get(q.key(), e.seconds(now)); wire != nil {
		e.counts.hits.Add(1)
		return q.reply(dst, wire, age, p.limit(q)), false
	}
	if wire := e.localFor(p.client).answer(q); wire != nil {
		return q.reply(dst, wire, 0, p.limit(q)), false
	}
	if e.spec.Closed {
		return q.fail(dst, codec.RcodeRefused, codec.ExtendedErrorCodeProhibited, "clients may not have Internet"), false
	}
	if e.up.Interface == "" || len(e.servers) == 0 {
		e.counts.failed.Add(1)
		return q.fail(dst, codec.RcodeServerFailure, codec.ExtendedErrorCodeNotReady, "no uplink"), false
	}
	return nil, e.wait(now, q, p)
}

// wait adds an asker to the question, which is asked if nobody has yet.
func (e *engine) wait(now time.Time, q *query, path *path) bool {
	p := e.pending[string(q.key())]
	if p != nil && p.has(path, q.id) {
		return true
	}
	w := e.room.of(path.client, e.network(path.client))
	if !e.admit(w, q.key()) {
		e.counts.dropped.Add(1)
		return false
	}
	e.room.take(w)
	if p = e.pending[string(q.key())]; p != nil { // it may have ended to make room
		p.askers = append(p.askers, asker{*q, *path, w})
		return true
	}
	p = &pending{key: append([]byte(nil), q.key()...), end: now.Add(e.spec.limit()), most: e.spec.most()}
	p.askers = append(p.askers, asker{*q, *path, w})
	e.pending[string(p.key)] = p
	e.advance(now, p)
	return true
}

// advance asks the next server, or fails the question when none is left to hear.
func (e *engine) advance(now time.Time, p *pending) {
	p.next = time.Time{}
	for s := p.choose(e.servers, now); s != nil; s = p.choose(e.servers, now) {
		if e.ask(now, p, s, !s.plain) {
			p.next = now.Add(e.spec.patience(p.sent() - 1))
			break
		}
	}
	if !p.open() {
		e.fail(now, p)
		return
	}
	e.wake(p.due())
}

// wake makes sure that expire is called at t.
func (e *engine) wake(t time.Time) {
	if e.due.IsZero() || t.Before(e.due) {
		e.due = t
	}
}

// ask sends p's question to s from a socket, and so a port, of its own.
func (e *engine) ask(now time.Time, p *pending, s *server, edns bool) bool {
	t := try{server: s, socket: -1, id: randomID(), edns: edns}
	e.scratch = appendQuestion(e.scratch[:0], t.id, p.key, t.edns)
	if socket, err := e.edge.open(e.up, s.addr, e.scratch); err == nil {
		e.counts.upstream.Add(1)
		e.flights[socket] = flight{p, len(p.tries)}
		t.socket, t.sent = socket, true
	} else {
		e.miss(now, s)
	}
	t.failed = t.socket < 0
	p.tries = append(p.tries, t)
	return !t.failed
}

// randomID is unpredictable: with the port it is what keeps forged answers out (RFC 5452).
func randomID() uint16 {
	var b [2]byte
	rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint16(b[:])
}

// hear takes a packet that came on a socket towards a server.
func (e *engine) hear(now time.Time, socket int, packet []byte) {
	f, ok := e.flights[socket]
	if !ok {
		return
	}
	p, t := f.p, &f.p.tries[f.try]
	v := judge(packet, p.key, t.id, t.edns, e.local.mayBePrivate(p.key))
	if v.kind == ignored {
		return
	}
	if t.server.heard() {
		e.news(t.server, false)
	}
	if !t.edns && v.kind != bad { // one failure alone may have had another reason
		t.server.plain = true
	}
	switch v.kind {
	case good:
		e.note(p.key, v.sunk)
		e.cache.put(p.key, v.wire, e.seconds(now), v.life)
		e.finish(p, v.wire, refusal{})
	case truncated:
		e.finish(p, nil, refusal{truncated: true})
	case rebinding:
		e.counts.rebind.Add(1)
		e.finish(p, nil, rebound)
	case plain:
		e.land(t)
		if !e.ask(now, p, t.server, false) {
			e.advance(now, p)
		}
	case bad:
		e.land(t)
		t.failed, p.rcode = true, v.rcode
		e.advance(now, p)
	}
}

// broke takes the error of a socket towards a server: nobody will answer on it.
func (e *engine) broke(now time.Time, socket int) {
	if f, ok := e.flights[socket]; ok {
		t := &f.p.tries[f.try]
		e.land(t)
		t.failed = true
		e.miss(now, t.server)
		e.advance(now, f.p)
	}
}

// expire does what is due.
func (e *engine) expire(now time.Time) {
	if e.due.IsZero() || now.Before(e.due) {
		return
	}
	e.due = time.Time{}
	for _, p := range e.pending {
		if now.Before(p.due()) {
			e.wake(p.due())
			continue
		}
		e.late(now, p)
		if now.Before(p.end) {
			e.advance(now, p)
		} else {
			e.fail(now, p)
		}
	}
}

// late counts the tries whose patience ran out against their servers, once each.
func (e *engine) late(now time.Time, p *pending) {
	for i := range p.tries {
		if t := &p.tries[i]; t.socket >= 0 && !t.late {
			t.late = true
			e.miss(now, t.server)
		}
	}
}

func (e *engine) miss(now time.Time, s *server) {
	if s.missed(now) {
		e.news(s, true)
	}
}

// refusal is why an asker gets no records.
type refusal struct {
	truncated bool
	rcode     int
	code      uint16 // RFC 8914
	text      string
}

var (
	// NXDOMAIN, because it ends the matter: on REFUSED clients ask again and again.
	rebound = refusal{rcode: codec.RcodeNameError, code: codec.ExtendedErrorCodeBlocked,
		text: "private address in a public answer"}
	unreached = refusal{rcode: codec.RcodeServerFailure, code: codec.ExtendedErrorCodeNoReachableAuthority,
		text: "no server answers"}
)

// fail ends a question that nobody could answer. The failure is kept for a moment, so
// that a client's impatience does not become the bearer's traffic (RFC 9520).
func (e *engine) fail(now time.Time, p *pending) {
	e.counts.failed.Add(1)
	why := unreached
	if p.rcode != 0 {
		why = refusal{rcode: p.rcode, code: codec.ExtendedErrorCodeOther, text: "the server failed"}
	}
	e.cache.put(p.key, failure(p.key, why.rcode), e.seconds(now), failLife)
	e.finish(p, nil, why)
}

// finish answers everybody who waits for p: with wire, or if it is nil with why.
func (e *engine) finish(p *pending, wire []byte, why refusal) {
	e.closeTries(p)
	delete(e.pending, string(p.key))
	for i := range p.askers {
		a := &p.askers[i]
		e.room.release(a.waiter)
		e.edge.send(&a.path, a.reply(e.scratch, wire, why))
	}
}

// reply builds what a is sent; nil when it has to ask by TCP.
func (a *asker) reply(dst, wire []byte, why refusal) []byte {
	switch {
	case wire != nil:
		return a.q.reply(dst, wire, 0, a.path.limit(&a.q))
	case !why.truncated:
		return a.q.fail(dst, why.rcode, why.code, why.text)
	case a.path.tcp != nil:
		return nil
	}
	reply := a.q.fail(dst, codec.RcodeSuccess, 0, "")
	reply[2] |= flagTC
	return reply
}

func (e *engine) closeTries(p *pending) {
	for i := range p.tries {
		e.land(&p.tries[i])
	}
}

// land closes the socket of a try.
func (e *engine) land(t *try) {
	if t.socket >= 0 {
		delete(e.flights, t.socket)
		e.edge.close(t.socket)
		t.socket = -1
	}
}
