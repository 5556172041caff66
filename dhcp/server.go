package dhcp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/tetherd/tetherd/linkwatch"
)

// retryOpen is for what no link event tells, such as a port that became free.
const retryOpen = 10 * time.Second

// server serves DHCP on one bridge.
type server struct {
	opt   Options
	names Names
	wake  chan struct{}

	mu      sync.Mutex
	table   *Table
	spec    Network
	session *session // nil while not serving
	fault   string
	dropped uint64
	turned  uint64 // requests that found no free address
	loaded  bool
	saver   saver
	pause   time.Time // no attempt to serve before
	probeAt time.Time // no probe before
	nakAt   time.Time // no log line of a NAK before
	needy   bool      // the last client that looked for an address found none
}

// newServer returns a server that serves nothing yet.
func newServer(opt Options) *server {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return &server{opt: opt, wake: make(chan struct{}, 1), table: NewTable(Network{})}
}

// Apply makes spec the wish. Leases whose address is in the new subnet stay. An
// absent interface is not an error: Run serves when it appears.
func (d *server) Apply(spec Network) error {
	if err := spec.check(); err != nil {
		return fmt.Errorf("dhcp: %w", err)
	}
	spec.DNS, spec.Hosts = slices.Clone(spec.DNS), slices.Clone(spec.Hosts)
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if spec.Interface == "" || spec.Interface != d.spec.Interface {
		d.shut()
	}
	d.spec = spec
	if spec.Interface != "" {
		d.settle(d.table.setSpec(spec), now)
		d.load(now)
	}
	d.publish(now)
	d.pause = time.Time{}
	err := d.ensure(now)
	d.nudge()
	if err != nil {
		return fmt.Errorf("dhcp: %w", err)
	}
	return nil
}

// Observe tells what is.
func (d *server) Observe() networkStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	st := networkStatus{Leases: d.table.leases(now)}
	if d.fault != "" {
		st.Error = "dhcp: " + d.fault
	}
	if d.spec.Interface != "" {
		st.Free = d.table.free(now)
	}
	if d.session != nil {
		d.dropped += d.session.drops()
		if _, err := d.present(); err != nil {
			st.Error = "dhcp: " + d.spec.Interface + ": " + err.Error()
		} else {
			st.Serving, st.InForce = true, d.spec
		}
	}
	st.Dropped, st.TurnedAway = d.dropped, d.turned
	return st
}

// Run serves until ctx ends, and then writes the leases that are not yet on file.
func (d *server) Run(ctx context.Context, changed func()) error {
	var readers sync.WaitGroup
	defer readers.Wait()
	defer d.stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	readers.Go(func() {
		if err := linkwatch.Watch(ctx, d.nudge); err != nil {
			d.opt.Log.Warn("dhcp: no link events", "error", err)
		}
	})
	timer := time.NewTimer(0)
	defer timer.Stop()
	var reading *session
	for {
		s, next, differs := d.tend(time.Now())
		if s != nil && s != reading {
			readers.Go(func() { d.read(s, s.dhcp, d.serve, changed) })
			readers.Go(func() { d.read(s, s.arp, d.observeARP, changed) })
		}
		if differs || s != reading {
			changed()
		}
		reading = s
		timer.Stop()
		if !next.IsZero() {
			timer.Reset(max(0, time.Until(next)))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-timer.C:
		}
	}
}

// nudge makes Run look after everything again.
func (d *server) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// tend does what is due: it follows the interface, ends leases and writes the file.
// It returns the open session, the time of the next duty (zero: none) and whether
// leases ended or the fault changed.
func (d *server) tend(now time.Time) (s *session, next time.Time, differs bool) {
	d.mu.Lock()
	fault := d.fault
	d.ensure(now) // its error is in d.fault
	ended, next := d.table.expire(now)
	if len(ended) > 0 {
		d.settle(ended, now)
		d.publish(now)
	}
	var list []record
	write := d.saver.take(now)
	if write {
		list = d.table.records(now)
		d.age(now)
	}
	retry := time.Time{}
	if d.fault != "" {
		retry = now.Add(retryOpen)
	}
	for _, at := range []time.Time{d.saver.due, retry} {
		if next.IsZero() || !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	s, differs = d.session, len(ended) > 0 || d.fault != fault
	d.mu.Unlock()
	if write {
		d.write(list, now)
	}
	return s, next, differs
}

// ensure makes the session that of the wished interface as it now is.
func (d *server) ensure(now time.Time) error {
	if d.spec.Interface == "" || d.session == nil && now.Before(d.pause) {
		return nil
	}
	ifi, err := d.present()
	if err == nil && d.session != nil {
		return nil
	}
	before := d.fault
	d.shut()
	if ifi != nil {
		d.session, err = open(ifi)
	}
	if err == nil {
		d.opt.Log.Info("dhcp: serving", "interface", d.spec.Interface)
		return nil
	}
	if d.fault = d.spec.Interface + ": " + err.Error(); d.fault != before {
		d.opt.Log.Warn("dhcp: not serving", "error", d.fault)
	}
	if errors.Is(err, errAbsent) {
		return nil
	}
	return fmt.Errorf("serve on %s: %w", d.spec.Interface, err)
}

var (
	errAbsent   = errors.New("the interface is absent")
	errReplaced = errors.New("the interface was replaced")
)

// present finds the wished interface. If a session is open on another one, or under
// another hardware address, the error is errReplaced.
func (d *server) present() (*net.Interface, error) {
	ifi, err := net.InterfaceByName(d.spec.Interface)
	if err != nil {
		return nil, errAbsent
	}
	mac, _ := hwaddrOf(ifi.HardwareAddr)
	if d.session != nil && (d.session.index != ifi.Index || d.session.mac != mac) {
		return ifi, errReplaced
	}
	return ifi, nil
}

// shut stops serving.
func (d *server) shut() {
	d.fault = ""
	if d.session == nil {
		return
	}
	d.dropped += d.session.drops()
	d.session.close()
	d.session = nil
}

// stop ends serving for good and saves what was learned.
func (d *server) stop() {
	d.mu.Lock()
	d.shut()
	now := time.Now()
	unsaved := !d.saver.due.IsZero()
	d.saver = saver{}
	list := d.table.records(now)
	d.mu.Unlock()
	if unsaved {
		d.write(list, now)
	}
}

// settle tells the Binder of bindings that ended.
func (d *server) settle(ended []netip.Addr, now time.Time) {
	for _, addr := range ended {
		if d.opt.Binder != nil {
			d.opt.Binder.Bind(nil, addr, false)
		}
		if e := d.table.byAddr[addr]; e != nil && d.table.transient(e.client.mac) {
			continue
		}
		d.opt.Log.Info("dhcp: lease ended", "addr", addr)
		d.saver.want(saveLate, now)
	}
}

// age has the time written that passes for clients of a former run.
func (d *server) age(now time.Time) {
	if d.table.aging(now) {
		d.saver.want(saveSpacingMost, now)
	}
}

// publish renews the names.
func (d *server) publish(now time.Time) {
	if d.spec.Interface == "" {
		d.names.now.Store(nil)
		return
	}
	d.names.now.Store(d.table.names(now))
}

// load reads the lease file once, when the subnet is first known.
func (d *server) load(now time.Time) {
	if d.loaded || d.opt.Path == "" {
		return
	}
	d.loaded = true
	list, err := readFile(d.opt.Path)
	if err != nil {
		d.opt.Log.Warn("dhcp: lease file not read, starting without", "error", err)
		return
	}
	d.table.restore(list, now)
	d.age(now)
	if d.opt.Binder == nil {
		return
	}
	// Of several leases of a MAC the last one counts: that is the one renewed last.
	sort.SliceStable(list, func(i, j int) bool { return list[i].remaining < list[j].remaining })
	for _, r := range list {
		if e := d.table.byAddr[r.addr]; e != nil && e.active(now) && !d.table.transient(e.client.mac) {
			d.opt.Binder.Bind(slices.Clone(e.source.hardware()), r.addr, e.source == e.client.mac)
		}
	}
}

// write saves records; after a failure it is tried again, but not soon.
func (d *server) write(list []record, now time.Time) {
	if d.opt.Path == "" {
		return
	}
	err := writeFile(d.opt.Path, list)
	if err == nil {
		return
	}
	d.opt.Log.Warn("dhcp: lease file not written", "error", err)
	d.mu.Lock()
	d.saver.want(saveLate, now)
	d.mu.Unlock()
	d.nudge()
}
