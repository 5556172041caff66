package probe

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"
)

// The pause after a failure doubles from the first to the last.
const (
	firstPause = time.Second
	lastPause  = time.Minute
)

// shortestInterval keeps a wish without interval from spending a data plan.
const shortestInterval = 10 * time.Second

// Options are what a Driver needs from outside.
type Options struct {
	Log *slog.Logger // nil discards
}

// Driver probes what its Spec wishes.
type Driver struct {
	log  *slog.Logger
	wake chan struct{}

	mu              sync.Mutex
	spec            Spec
	gateway, client point
	paid            account // of both
}

// point is one vantage point. All but look is guarded by the driver's mutex.
type point struct {
	look func(ctx context.Context, s Spec, m manner) finding
	wish func(Spec) (key string, part Spec) // what of a Spec concerns it; an empty key for off

	last   Result
	stale  bool               // last is of a former wish, or in doubt: look again at once
	must   bool               // the next look is made whatever it costs: another wish
	stop   context.CancelFunc // ends the look under way; nil none
	turns  int                // looks that were begun
	unread bool               // the page in the Internet's place could not be read yet
}

// New returns a driver that probes nothing yet.
func New(o Options) *Driver {
	d := &Driver{log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), wake: make(chan struct{}, 1)}
	d.gateway.look = func(ctx context.Context, s Spec, m manner) finding {
		return lookFromGateway(ctx, s, m, usualLimits())
	}
	d.gateway.wish = func(s Spec) (string, Spec) {
		return s.Gateway.Key, Spec{Targets: s.Targets, Operator: s.Operator, Gateway: s.Gateway}
	}
	d.client.look = func(ctx context.Context, s Spec, m manner) finding {
		return lookFromClient(ctx, s, m, usualLimits())
	}
	d.client.wish = func(s Spec) (string, Spec) {
		return s.Client.Key, Spec{Targets: s.Targets, Operator: s.Operator, Client: s.Client}
	}
	return d
}

// points lists the vantage points in the order of their turns.
func (d *Driver) points() []*point { return []*point{&d.gateway, &d.client} }

// Apply replaces the wish. What a changed wish concerns is probed at once; a look
// under way that it overtakes is given up.
func (d *Driver) Apply(s Spec) error {
	s = clone(s)
	d.mu.Lock()
	for _, p := range d.points() {
		p.apply(d.spec, s)
	}
	d.spec = s
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
	return nil
}

// apply notes whether another wish concerns p.
func (p *point) apply(before, after Spec) {
	_, have := p.wish(before)
	_, want := p.wish(after)
	same := len(Drift(want, Status{InForce: have})) == 0 && before.Anew == after.Anew
	if !same && p.stop != nil {
		p.stop()
	}
	doubt := before.Again != after.Again && p.stop == nil // a look under way may answer it
	p.stale, p.must = p.stale || !same || doubt, p.must || !same
}

// Observe gives the last results. Results of another key than the wished one are
// told with their own key.
func (d *Driver) Observe() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Status{InForce: clone(d.spec), Gateway: d.gateway.last, Client: d.client.last}
}

// Run probes until ctx ends. Both vantage points take turns in one goroutine: they
// would only disturb each other.
func (d *Driver) Run(ctx context.Context, changed func()) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-timer.C:
		}
		for _, p := range d.points() {
			if d.turn(ctx, p) {
				changed()
			}
		}
		if at, ok := d.due(); ok {
			timer.Reset(time.Until(at))
		} else {
			timer.Stop()
		}
	}
	return nil
}

// turn lets p look when it is due, and says whether there is a new result.
func (d *Driver) turn(ctx context.Context, p *point) bool {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s, m := d.begin(p, stop)
	begun := time.Now()
	if s == nil {
		return false
	}
	f := p.look(ctx, *s, m)
	if !d.end(ctx, p, *s, m, f, begun) {
		return false
	}
	d.log.Debug("probed", "verdict", f.verdict, "detail", f.detail, "took", time.Since(begun).Round(time.Millisecond))
	return true
}

// begin gives the wish that p is to look after now, nil for none, and lets Apply stop
// the look. A look that only confirms the last one asks one page, and needs no packets of
// full size.
func (d *Driver) begin(p *point, stop context.CancelFunc) (s *Spec, m manner) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, ok := p.due(d.spec, d.paid)
	if !ok || time.Now().Before(at) {
		return nil, manner{}
	}
	p.stop = stop
	wish := d.spec
	m = manner{turn: p.turns, sure: p.stale || p.last.Failed > 0}
	key, _ := p.wish(wish)
	m.large = m.sure || p.last.Large != LargePasses
	m.page = p.last.Verdict != Portal || p.last.Key != key || p.unread
	p.turns++
	return &wish, m
}

// end keeps what was found. A look that was stopped found nothing, but what it spent
// is spent. A doubt that came up meanwhile is answered by a look that is sure alone.
func (d *Driver) end(ctx context.Context, p *point, s Spec, m manner, f finding, begun time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	p.stop = nil
	p.last.Bytes += f.bytes
	d.paid.spend(f.bytes, s.Budget, time.Now())
	if ctx.Err() != nil {
		return false
	}
	p.must = false
	key, _ := p.wish(s)
	was := p.last
	if p.unread = f.unread; !m.page {
		f.login = was.Login
	}
	p.last, p.stale = result(was, key, f, begun), !m.sure && s.Again != d.spec.Again
	failed, other := p.last.Failed > 0, d.other(p)
	if (was.Failed > 0) != failed && (other.last.Failed > 0) != failed {
		other.stale, other.must = true, true // what it has seen is of another time
	}
	return true
}

// other is the vantage point that p is not.
func (d *Driver) other(p *point) *point {
	if p == &d.gateway {
		return &d.client
	}
	return &d.gateway
}

// result makes the next Result of one vantage point.
func result(before Result, key string, f finding, begun time.Time) Result {
	r := Result{
		Key: key, Verdict: f.verdict, Detail: f.detail, Cannot: f.cannot, Target: f.target,
		At: time.Now(), Took: time.Since(begun), Bytes: before.Bytes,
		Alive: f.alive, Denied: f.denied, Large: f.large, PathMTU: f.pathMTU,
		Login: f.login && f.verdict == Portal,
	}
	if f.large == LargeUnknown && before.Key == key {
		r.Large, r.PathMTU = before.Large, before.PathMTU
	}
	if f.verdict != Online && f.verdict != Unproven {
		r.Failed, r.Alike = 1, 1
		if before.Key == key {
			r.Failed += before.Failed
		}
		if before.Key == key && before.Verdict == f.verdict {
			r.Alike += before.Alike
		}
	}
	return r
}

// due is when the next vantage point is to look; false for never.
func (d *Driver) due() (first time.Time, ever bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.points() {
		if at, ok := p.due(d.spec, d.paid); ok && (!ever || at.Before(first)) {
			first, ever = at, true
		}
	}
	return first, ever
}

// due is when p is to look: at once after a changed wish; in doubt and soon after a failure
// as the budget allows; and after the interval in any case; false for never.
func (p *point) due(s Spec, paid account) (at time.Time, ever bool) {
	interval := max(s.Interval, shortestInterval)
	key, _ := p.wish(s)
	switch {
	case key == "":
		return at, false
	case p.must || p.last.Key != key:
		return at, true
	case p.stale:
	case p.last.Failed > 0:
		at = p.last.At.Add(min(firstPause<<min(p.last.Failed-1, 10), lastPause, interval))
	default:
		at = p.last.At.Add(interval)
	}
	regular := p.last.At.Add(interval)
	if free := paid.free(s.Budget); free.After(at) && regular.After(at) {
		at = earlier(free, regular)
	}
	return at, true
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
