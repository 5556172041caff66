package dns

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Options are what a Driver needs from outside.
type Options struct {
	Leases Leases       // nil: no names of clients
	Untold Untold       // nil: no client is told anything
	Log    *slog.Logger // nil discards
}

// Driver serves a Spec. One goroutine does all UDP work and keeps all timers; each TCP
// client has one of its own, and their number is bounded.
type Driver struct {
	leases Leases
	log    *slog.Logger
	poll   *poller
	err    error // why there is no poller
	counts counts

	mu        sync.Mutex // guards what follows; never held while waiting
	engine    engine
	question  query      // being served
	in, out   *batch     // of the loop
	late      *batch     // for replies that did not come at once
	answer    [4096]byte // longer than the 1232 that servers are told
	spec      Spec       // the wish
	listeners []*listener
	fault     error     // why one of them is missing
	holder    string    // who has the port that is missing
	retry     time.Time // when what is missing is tried again; zero: nothing is
	backoff   time.Duration
	armed     time.Time // the poller's deadline
	running   context.Context
	asked     time.Time // when a client asked last
	dirty     bool      // Observe differs from what changed was last called for
	conns     map[net.Conn]netip.Addr
	clients   sync.WaitGroup
}

// Bounds of the pause before a listener that could not be opened is tried again.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// New returns a driver that serves nothing yet.
func New(o Options) *Driver {
	d := &Driver{
		leases: o.Leases, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), in: newBatch(), out: newBatch(), late: newBatch(),
		running: context.Background(), conns: map[net.Conn]netip.Addr{},
	}
	d.poll, d.err = newPoller()
	d.engine = engine{untold: o.Untold, counts: &d.counts, news: d.news, edge: edge{open: d.open, close: d.close, send: d.send}}
	d.engine.use(Spec{}, d.leases, time.Now())
	return d
}

// Apply makes spec what is served. A change empties the cache and abandons open
// questions, since they belong to another bearer or other names. An address that cannot
// be bound is an error, and Run tries it again.
func (d *Driver) Apply(spec Spec) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return fmt.Errorf("dns: %w", d.err)
	}
	changed := len(diff(spec, d.spec)) > 0
	if !changed && d.retry.IsZero() {
		return nil
	}
	now := time.Now()
	if changed {
		d.spec, d.backoff = clone(spec), 0
		d.engine.use(d.spec, d.leases, now)
	}
	d.listenAgain(now)
	d.arm()
	if d.fault != nil {
		return fmt.Errorf("dns: %w", d.fault)
	}
	return nil
}

// listenAgain opens what is missing and says when to try the rest.
func (d *Driver) listenAgain(now time.Time) {
	d.fault = d.listen(d.spec.Listen)
	d.dirty = true
	d.holder = ""
	if d.fault == nil {
		d.retry, d.backoff = time.Time{}, 0
		return
	}
	if errors.Is(d.fault, unix.EADDRINUSE) {
		d.holder = holder("/proc", port(d.spec.Listen))
	}
	d.backoff = min(max(2*d.backoff, firstRetry), lastRetry)
	d.retry = now.Add(d.backoff)
	d.log.Warn("dns cannot listen", "error", d.fault, "retry", d.backoff)
}

// Observe tells what is.
func (d *Driver) Observe() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Status{InForce: clone(d.spec), CacheBytes: d.engine.cache.size(), Counts: d.counts.read(), Denied: d.engine.deniedChecks()}
	s.InForce.Listen = nil
	for _, l := range d.listeners {
		s.InForce.Listen = append(s.InForce.Listen, l.addr)
	}
	s.Serving = len(d.listeners) > 0 && d.fault == nil
	if d.fault != nil {
		s.Error, s.Holder = d.fault.Error(), d.holder
	}
	for _, server := range d.engine.servers {
		switch {
		case server.answered:
			s.Answering = append(s.Answering, server.addr)
		case !server.silent.IsZero():
			s.Silent = append(s.Silent, server.addr)
		}
	}
	return s
}

// Run serves until ctx ends. It calls changed when Observe differs by more than counts.
func (d *Driver) Run(ctx context.Context, changed func()) error {
	if d.err != nil {
		return fmt.Errorf("dns: %w", d.err)
	}
	d.mu.Lock()
	d.running, d.armed = ctx, time.Time{}
	d.poll.wake(time.Time{})
	d.arm()
	d.mu.Unlock()
	defer context.AfterFunc(ctx, d.stop)()
	err := d.poll.run(ctx, func() bool { return d.round(changed) })
	d.hangUp()
	if err != nil {
		return fmt.Errorf("dns: %w", err)
	}
	return nil
}

// stop ends the poller's wait; arm leaves its deadline alone once ctx has ended.
func (d *Driver) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.poll.wake(time.Unix(1, 0))
}

// round does what there is to do without waiting, and tells whether there may be more.
func (d *Driver) round(changed func()) bool {
	d.mu.Lock()
	now := time.Now()
	events := d.poll.ready()
	for i := range events {
		d.handle(now, int(events[i].Fd))
	}
	d.engine.expire(now)
	if !d.retry.IsZero() && !now.Before(d.retry) {
		d.listenAgain(now)
	}
	d.arm()
	dirty := d.dirty
	d.dirty = false
	d.mu.Unlock()
	if dirty {
		changed()
	}
	return len(events) > 0
}

// arm sets the poller's deadline to whatever is due first.
func (d *Driver) arm() {
	due := d.engine.due
	if due.IsZero() || !d.retry.IsZero() && d.retry.Before(due) {
		due = d.retry
	}
	if due != d.armed && d.running.Err() == nil {
		d.armed = due
		d.poll.wake(due)
	}
}

// handle reads a socket that has something.
func (d *Driver) handle(now time.Time, socket int) {
	for _, l := range d.listeners {
		switch socket {
		case l.udp:
			d.serve(now, socket)
			return
		case l.tcp:
			d.accept(socket)
			return
		}
	}
	if _, ok := d.engine.flights[socket]; !ok {
		return // closed a moment ago; the number may be somebody else's by now
	}
	n, err := unix.Read(socket, d.answer[:])
	switch {
	case err == nil:
		d.engine.hear(now, socket, d.answer[:n])
	case err != unix.EAGAIN && err != unix.EINTR:
		d.engine.broke(now, socket)
	}
}

// lull is a time without a question after which the next one is news: somebody is there.
const lull = 10 * time.Second

// serve answers a run of clients' packets.
func (d *Driver) serve(now time.Time, socket int) {
	queued := 0
	if now.Sub(d.asked) > lull {
		d.dirty = true
	}
	d.asked = now
	for i := range d.in.receive(socket) {
		path := &d.in.paths[i]
		reply, _ := d.engine.serve(d.out.bufs[queued][:0], now, d.in.packet(i), &d.question, path)
		if reply != nil {
			d.out.queue(queued, len(reply), path)
			queued++
		}
	}
	d.counts.dropped.Add(uint64(d.out.send(socket, queued)))
}

// send answers an asker who had to wait.
func (d *Driver) send(p *path, reply []byte) {
	if p.tcp != nil {
		p.tcp <- slices.Clone(reply) // has room for the one reply it waits for
		return
	}
	ours := func(l *listener) bool { return l.udp == p.socket }
	if !slices.ContainsFunc(d.listeners, ours) {
		return
	}
	d.late.queue(0, copy(d.late.bufs[0][:], reply), p)
	d.counts.dropped.Add(uint64(d.late.send(p.socket, 1)))
}

// open sends a packet to a server and watches for the answer.
func (d *Driver) open(up Upstream, server netip.Addr, packet []byte) (int, error) {
	socket, err := openUpstream(up, server, packet)
	if err != nil {
		return -1, err
	}
	if err := d.poll.add(socket); err != nil {
		unix.Close(socket)
		return -1, err
	}
	return socket, nil
}

func (d *Driver) close(socket int) { unix.Close(socket) }

// news is told when a server falls silent or speaks.
func (d *Driver) news(s *server, silent bool) {
	d.dirty = true
	if silent {
		d.log.Warn("dns server silent", "server", s.addr)
	} else {
		d.log.Info("dns server answers", "server", s.addr)
	}
}
