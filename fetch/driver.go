package fetch

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Options are what a Driver needs from outside.
type Options struct {
	// Now is the time by which certificates are judged; nil is the machine's.
	Now func() time.Time
	Log *slog.Logger
	// Ask makes a request; nil does so by HTTPS.
	Ask func(context.Context, Request) (Result, error)
}

// Driver asks what its Spec wishes, one request at a time.
type Driver struct {
	log    *slog.Logger
	now    func() time.Time // nil is the machine's
	out    func(Spec) (way, error)
	ask    func(context.Context, Request) (Result, error) // nil asks by out
	chance func() int                                     // 0 to 99
	wake   chan struct{}

	mu      sync.Mutex
	spec    Spec
	results map[string]Result
	asking  string             // request under way; "" none
	stop    context.CancelFunc // ends it
}

// New returns a driver that asks nothing yet.
func New(o Options) *Driver {
	return &Driver{
		log: o.Log, now: o.Now, ask: o.Ask, out: wayOut, chance: func() int { return rand.IntN(100) },
		wake: make(chan struct{}, 1), results: map[string]Result{},
	}
}

// Apply replaces the wish. A request that changed is asked anew, and its former answer
// is forgotten; one under way that is no longer wished is given up.
func (d *Driver) Apply(s Spec) error {
	s = clone(s)
	d.mu.Lock()
	kept := map[string]Result{}
	for _, r := range s.Requests {
		before, ok := d.spec.Find(r.ID)
		result, answered := d.results[r.ID]
		switch {
		case !ok || before != r || !answered:
			continue
		case result.Failed > 0 && d.spec.Key != s.Key:
			result.Next = time.Time{}.Add(1) // another way: at once
		}
		kept[r.ID] = result
	}
	d.results = kept
	now, wished := s.Find(d.asking)
	if before, _ := d.spec.Find(d.asking); d.stop != nil && (!wished || now != before || !d.spec.sameWay(s)) {
		d.stop()
	}
	d.spec = s
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
	return nil
}

// Observe gives the last answers.
func (d *Driver) Observe() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Status{InForce: clone(d.spec), Results: maps.Clone(d.results)}
}

// Run asks until ctx ends.
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
		for ctx.Err() == nil && d.turn(ctx) {
			changed()
		}
		if _, at, ok := d.due(); ok {
			timer.Reset(time.Until(at))
		} else {
			timer.Stop()
		}
	}
}

// turn makes the first request that is due, and says whether there was one.
func (d *Driver) turn(ctx context.Context) bool {
	r, at, ok := d.due()
	if !ok || time.Now().Before(at) {
		return false
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := d.begin(r, stop)
	result, err := d.fetch(ctx, s, r)
	d.end(ctx, r, result, err)
	return true
}

func (d *Driver) fetch(ctx context.Context, s Spec, r Request) (Result, error) {
	if d.ask != nil {
		return d.ask(ctx, r)
	}
	w, err := d.out(s)
	if err != nil {
		return Result{}, err
	}
	w.now = d.now
	return w.fetch(ctx, r)
}

// begin notes that a request is under way.
func (d *Driver) begin(r Request, stop context.CancelFunc) Spec {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asking, d.stop = r.ID, stop
	return clone(d.spec)
}

// end keeps what came, unless it is no longer wished.
func (d *Driver) end(ctx context.Context, r Request, result Result, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asking, d.stop = "", nil
	if now, ok := d.spec.Find(r.ID); ctx.Err() != nil || !ok || now != r {
		return
	}
	before := d.results[r.ID]
	result.At = time.Now()
	if err != nil || !settled(result.Status) {
		result.Failed = before.Failed + 1
	}
	result.Error = told(r, result, err)
	result.Next = next(r, result, d.chance())
	d.results[r.ID] = result
	d.log.Info("asked", "what", r.ID, "status", result.Status, "error", result.Error, "again", result.Next)
}

// settled says that a status is the server's answer: asked again soon, it would say the
// same.
func settled(status int) bool {
	return status == http.StatusOK || status == http.StatusNotModified || status/100 == 4 && status != http.StatusTooManyRequests
}

// told is why there is no answer, in one line without a secret.
func told(r Request, result Result, err error) string {
	host := "the server"
	if u, bad := url.Parse(r.URL); bad == nil {
		host = u.Host
	}
	switch {
	case err != nil:
		return host + ": " + err.Error()
	case result.Status == http.StatusOK || result.Status == http.StatusNotModified:
		return ""
	}
	return fmt.Sprintf("%s: the server answers with status %d", host, result.Status)
}

// due is the request that is to be made next, and when; false for none.
func (d *Driver) due() (first Request, at time.Time, ever bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.spec.Interface == "" {
		return first, at, false
	}
	for _, r := range d.spec.Requests {
		if t, ok := due(r, d.results[r.ID]); ok && (!ever || t.Before(at)) {
			first, at, ever = r, t, true
		}
	}
	return first, at, ever
}

// Find is the request with an ID; false when there is none.
func (s Spec) Find(id string) (Request, bool) {
	i := slices.IndexFunc(s.Requests, func(r Request) bool { return r.ID == id })
	if i < 0 {
		return Request{}, false
	}
	return s.Requests[i], true
}

// sameWay says that two wishes ask by the same way.
func (s Spec) sameWay(o Spec) bool {
	return s.Key == o.Key && s.Interface == o.Interface && s.Mark == o.Mark && s.CAFile == o.CAFile && slices.Equal(s.Servers, o.Servers)
}

// clone copies what the caller may change later.
func clone(s Spec) Spec {
	s.Servers, s.Requests = slices.Clone(s.Servers), slices.Clone(s.Requests)
	return s
}

// Drift tells in which ways what is asked differs from what is wished, a line each.
func Drift(s Spec, st Status) []string {
	var lines []string
	if !s.sameWay(st.InForce) {
		lines = append(lines, "way out: "+st.InForce.Interface+", wanted "+s.Interface)
	}
	for _, r := range s.Requests {
		if have, ok := st.InForce.Find(r.ID); !ok || have != r {
			lines = append(lines, "request: wanted "+r.ID)
		}
	}
	for _, r := range st.InForce.Requests {
		if _, ok := s.Find(r.ID); !ok {
			lines = append(lines, "request: not wanted "+r.ID)
		}
	}
	return lines
}
