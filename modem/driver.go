package modem

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"reflect"
	"sync/atomic"
)

// Options are what a Driver needs from its surroundings.
type Options struct {
	Root     string // below which sys and dev lie; "" is "/"
	StateDir string // for what must outlive a power cut: which PINs were refused
	RunDir   string // for what must outlive the process: which bearers are up
	Log      *slog.Logger
}

// Driver owns one modem. Apply and Observe may be called from any goroutine.
type Driver struct {
	opts   Options
	wish   atomic.Pointer[Spec]
	wished chan struct{} // one slot: the wish changed
	status atomic.Pointer[Status]

	// The borders to the kernel.
	watch func(ctx context.Context, log *slog.Logger, poke func()) (heard bool)
	dial  func(path string) (io.ReadWriteCloser, error)
}

// New makes a Driver that wishes nothing and touches nothing until Run.
func New(o Options) *Driver {
	if o.Root == "" {
		o.Root = "/"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &Driver{opts: o, wished: make(chan struct{}, 1), watch: watchUevents, dial: openControl}
	d.wish.Store(&Spec{})
	d.status.Store(&Status{Phase: PhaseOff})
	return d
}

// Apply hands the wish to Run and returns at once. The session pursues it from then
// on; Observe tells how far it got. The zero Spec hangs up, closes the modem and
// ends in PhaseOff. It never fails.
func (d *Driver) Apply(s Spec) error {
	s.Bearers, s.Sessions = maps.Clone(s.Bearers), maps.Clone(s.Sessions)
	d.wish.Store(&s)
	select {
	case d.wished <- struct{}{}:
	default: // Run has not seen the former one yet
	}
	return nil
}

// Observe returns what the modem told last, and as InForce the wish that the
// session pursues. The maps and slices of the Status are shared: do not change them.
func (d *Driver) Observe() Status {
	s := *d.status.Load()
	s.InForce = *d.wish.Load()
	return s
}

// publish makes a status visible and reports whether it differs materially: signal
// reports alone do not.
func (d *Driver) publish(s Status) bool {
	before, after := *d.status.Swap(&s), s
	before.Signal, after.Signal = Signal{}, Signal{}
	return !reflect.DeepEqual(before, after)
}
