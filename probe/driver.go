package probe

import (
	"context"
	"log/slog"
	"reflect"
	"sync"
	"time"
)

// The pause after a failure doubles from the first to the last.
const (
	firstPause = time.Second
	lastPause  = time.Minute
)

// Options are what a Driver needs from outside.
type Options struct {
	Log *slog.Logger
}

// Driver probes what its Spec wishes.
type Driver struct {
	log  *slog.Logger
	wake chan struct{}

	mu      sync.Mutex
	spec    Spec
	gateway Result
	client  Result
	looking string // key of the look under way; "" none
	stop    func() // ends it
}

// New returns a driver that probes nothing yet.
func New(o Options) *Driver { return &Driver{log: o.Log, wake: make(chan struct{}, 1)} }

// Apply replaces the wish. A changed key is probed at once.
func (d *Driver) Apply(s Spec) error {
	d.mu.Lock()
	d.spec = s
	if d.looking != "" && !d.wants(d.looking) {
		d.stop()
	}
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
	return nil
}

// Observe gives the last results. Results of another key than the wished one are
// told with their own key.
func (d *Driver) Observe() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Status{InForce: d.spec, Gateway: d.gateway, Client: d.client}
}

// Drift tells when the probe looks at something else than wished.
func Drift(s Spec, st Status) []string {
	if reflect.DeepEqual(s, st.InForce) {
		return nil
	}
	if len(s.Targets) == 0 {
		return []string{"stop probing"}
	}
	return []string{"probe " + s.Gateway.Key}
}

// Run probes until ctx ends. Both vantage points take turns in one goroutine: they
// would only disturb each other.
func (d *Driver) Run(ctx context.Context, changed func()) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-timer.C:
		}
		d.round(ctx, changed)
		if due, ok := d.due(); ok {
			timer.Reset(time.Until(due))
		} else {
			timer.Stop()
		}
	}
}

// round probes what is due, the gateway first.
func (d *Driver) round(ctx context.Context, changed func()) {
	d.mu.Lock()
	s, gateway, client := d.spec, d.gateway, d.client
	d.mu.Unlock()
	now := time.Now()
	if s.Gateway.Key != "" && !now.Before(next(s.Gateway.Key, gateway, s.Interval)) {
		d.watched(ctx, changed, &d.gateway, s.Gateway.Key, "", func(ctx context.Context) (finding, uint64) {
			return lookFromGateway(ctx, s.Gateway, s.Targets)
		})
	}
	if s.Client.Key != "" && !now.Before(next(s.Client.Key, client, s.Interval)) {
		d.watched(ctx, changed, &d.client, s.Client.Key, cannotProve, func(ctx context.Context) (finding, uint64) {
			return lookFromClient(ctx, s.Client, s.Targets)
		})
	}
}

// watched makes one look and stores its result in at, unless the wish changed
// meanwhile: then Apply has stopped the look.
func (d *Driver) watched(ctx context.Context, changed func(), at *Result, key, cannot string, look func(context.Context) (finding, uint64)) {
	begun := time.Now()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	d.mu.Lock()
	d.looking, d.stop = key, stop
	d.mu.Unlock()
	f, bytes := look(ctx)
	d.mu.Lock()
	d.looking, d.stop = "", nil
	r := result(*at, key, f, begun, bytes)
	r.Cannot = cannot
	if f.verdict == Unproven {
		r.Cannot = f.detail
	}
	if d.wants(key) {
		*at = r
	} else {
		at.Bytes = r.Bytes
	}
	d.mu.Unlock()
	d.log.Debug("probed", "verdict", f.verdict, "detail", f.detail, "took", time.Since(begun).Round(time.Millisecond))
	changed()
}

// wants says that the wish holds key. The caller holds mu.
func (d *Driver) wants(key string) bool {
	return d.spec.Gateway.Key == key || d.spec.Client.Key == key
}

// result makes the next Result of one vantage point.
func result(before Result, key string, f finding, begun time.Time, bytes uint64) Result {
	r := Result{
		Key: key, Verdict: f.verdict, Detail: f.detail, Target: f.target,
		At: time.Now(), Took: time.Since(begun), Bytes: before.Bytes + bytes,
	}
	if f.verdict != Online && f.verdict != Unproven {
		r.Failed = 1
		if before.Key == key {
			r.Failed += before.Failed
		}
	}
	return r
}

// next is when one vantage point is due: at once under a new key, soon after a
// failure, after the interval otherwise.
func next(key string, r Result, interval time.Duration) time.Time {
	switch {
	case r.Key != key:
		return time.Time{}
	case r.Failed > 0:
		return r.At.Add(min(firstPause<<min(r.Failed-1, 10), lastPause))
	}
	return r.At.Add(interval)
}

// due is the earliest time at which something is to be probed; false for never.
func (d *Driver) due() (at time.Time, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.spec.Gateway.Key != "" {
		at, ok = next(d.spec.Gateway.Key, d.gateway, d.spec.Interval), true
	}
	if d.spec.Client.Key == "" {
		return at, ok
	}
	if c := next(d.spec.Client.Key, d.client, d.spec.Interval); !ok || c.Before(at) {
		at = c
	}
	return at, true
}
