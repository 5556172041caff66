package dhcp

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sort"
	"strings"
	"sync"
)

// Options are what does not change while the process runs.
type Options struct {
	Path   string       // of the lease file of the network without a name; "" keeps leases in memory only
	Log    *slog.Logger // nil discards
	Binder Binder       // nil: nobody needs to know
	Places Places       // nil: everybody has Internet
}

// Driver serves DHCP in several networks, by a server each.
type Driver struct {
	opt Options

	mu      sync.Mutex
	servers []*netServer // in the order in which their networks came; none is ever dropped
	spec    Spec
	run     *running // nil while Run does not run
}

// netServer is the server of one network.
type netServer struct {
	name string
	*server
}

// running is one Run.
type running struct {
	ctx     context.Context
	changed func()
	work    sync.WaitGroup
	ends    chan error
}

// New returns a driver that serves nothing yet.
func New(opt Options) *Driver {
	if opt.Binder != nil {
		opt.Binder = &oneAtATime{binder: opt.Binder}
	}
	d := &Driver{opt: opt}
	d.serverOf("")
	return d
}

// Names returns the names of clients of the network without a name, which follow the
// leases from now on.
func (d *Driver) Names() *Names { return &d.servers[0].names }

// serverOf returns the server of a network, made when there is none yet; d.mu is held.
func (d *Driver) serverOf(name string) *netServer {
	i := slices.IndexFunc(d.servers, func(s *netServer) bool { return s.name == name })
	if i >= 0 {
		return d.servers[i]
	}
	opt := d.opt
	if opt.Path != "" && name != "" {
		opt.Path += "-" + name
	}
	s := &netServer{name, newServer(opt)}
	d.servers = append(d.servers, s)
	if d.run != nil {
		d.run.start(s)
	}
	return s
}

// maxNetworks bounds the networks that a process ever serves.
const maxNetworks = 8

// Apply makes spec the wish. Leases whose address is in the new subnet of their network
// stay. An absent interface is not an error: Run serves when it appears. A Spec with a
// network that cannot be served is refused whole.
func (d *Driver) Apply(spec Spec) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.check(spec); err != nil {
		return fmt.Errorf("dhcp: %w", err)
	}
	d.spec = Spec{slices.Clone(spec.Networks)}
	var errs []error
	for _, s := range d.servers { // an interface is let go before another one takes it
		if _, wished := d.wish(s.name); !wished {
			errs = append(errs, s.Apply(Network{}))
		}
	}
	for _, n := range spec.Networks {
		errs = append(errs, d.serverOf(n.Name).Apply(n))
	}
	return errors.Join(errs...)
}

func (d *Driver) check(spec Spec) error {
	names := map[string]bool{}
	for _, s := range d.servers {
		names[s.name] = true
	}
	for i, n := range spec.Networks {
		if err := n.check(); err != nil {
			return err
		}
		twice := func(o Network) bool { return o.Name == n.Name || o.Interface == n.Interface }
		if slices.ContainsFunc(spec.Networks[:i], twice) || strings.ContainsAny(n.Name, "/\x00") {
			return fmt.Errorf("network %q on %s is there twice, or its name has a slash", n.Name, n.Interface)
		}
		names[n.Name] = true
	}
	if len(names) > maxNetworks {
		return fmt.Errorf("more than %d networks", maxNetworks)
	}
	return nil
}

// wish is the network of a name as it is wished; d.mu is held.
func (d *Driver) wish(name string) (Network, bool) {
	i := slices.IndexFunc(d.spec.Networks, func(n Network) bool { return n.Name == name })
	if i < 0 {
		return Network{}, false
	}
	return d.spec.Networks[i], true
}

// Observe tells what is.
func (d *Driver) Observe() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	var st Status
	var faults []string
	for i, s := range d.servers {
		one := s.Observe()
		if one.Serving {
			st.InForce.Networks = append(st.InForce.Networks, one.InForce)
		}
		if i == 0 {
			st.Free = one.Free
		}
		if one.Error != "" {
			faults = append(faults, one.Error)
		}
		st.Leases = append(st.Leases, one.Leases...)
		st.Dropped += one.Dropped
		st.TurnedAway += one.TurnedAway
	}
	sort.Slice(st.Leases, func(i, j int) bool {
		a, b := &st.Leases[i], &st.Leases[j]
		return cmp.Or(a.Addr.Compare(b.Addr), bytes.Compare(a.MAC, b.MAC)) < 0
	})
	st.Serving = len(st.InForce.Networks) > 0 && len(st.InForce.Networks) == len(d.spec.Networks)
	st.Error = strings.Join(faults, "; ")
	return st
}

// Run serves until ctx ends, and then writes the leases that are not yet on file.
func (d *Driver) Run(ctx context.Context, changed func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &running{ctx: ctx, changed: changed, ends: make(chan error, maxNetworks)}
	d.mu.Lock()
	d.run = r
	for _, s := range d.servers {
		r.start(s)
	}
	d.mu.Unlock()
	var err error
	select {
	case err = <-r.ends:
		cancel()
	case <-ctx.Done():
	}
	d.mu.Lock()
	d.run = nil
	d.mu.Unlock()
	r.work.Wait()
	return err
}

// start serves one network.
func (r *running) start(s *netServer) {
	r.work.Go(func() {
		if err := s.Run(r.ctx, r.changed); err != nil {
			r.ends <- err
		}
	})
}

// oneAtATime keeps a Binder from being called by two servers at once.
type oneAtATime struct {
	mu     sync.Mutex
	binder Binder
}

func (b *oneAtATime) Bind(mac net.HardwareAddr, addr netip.Addr, own bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.binder.Bind(mac, addr, own)
}

func (b *oneAtATime) Welcome(mac net.HardwareAddr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.binder.Welcome(mac)
}

func (b *oneAtATime) Silent(mac net.HardwareAddr, addr netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.binder.Silent(mac, addr)
}
