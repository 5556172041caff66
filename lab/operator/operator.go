// Package operator is a simulated mobile operator behind the modems of package
// simmodem: a packet core with a policy for every access point, and in a network
// namespace of its own a user plane, DNS servers and web servers that stand for the
// Internet. Nothing in it reaches a real network.
package operator

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetherd/tetherd/lab/netns"
	"github.com/tetherd/tetherd/lab/simmodem"
)

// Options describe an operator.
type Options struct {
	Netns     int            // descriptor of the operator's network namespace, held open by the caller
	APNs      map[string]APN // by name; "" is a request without a name; others are refused with cause 27
	Interface string         // user plane; "" is core0
	// Zone are lines in the form of a zone file ("www.example.com. 60 IN A 203.0.113.80").
	// They replace the built-in records of the same names.
	Zone []string
	// Internet are the networks all of whose addresses answer as DNS and web server;
	// none: 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24, 2001:db8:ffff::/48.
	Internet []netip.Prefix
	Log      *slog.Logger // nil logs nothing
	Attach   Attach       // with what modems must register
	// OnEvent is told what happens, in order. It must not block and must not call
	// the operator back.
	OnEvent func(Event)
	// OnPacket is shown every packet that a bearer brings into the operator's network,
	// with the bearer's access point. It is valid during the call, must not be changed,
	// and calls may overlap.
	OnPacket func(apn string, packet []byte)
}

// Attach is the access point with which modems must register, and the cause for those that do
// with another one. The zero value admits all.
type Attach struct {
	APN   string
	Cause simmodem.Cause
}

// Operator is a running operator; it is the Core of any number of modems.
type Operator struct {
	log      *slog.Logger
	onEvent  func(Event)
	onPacket func(apn string, packet []byte)
	ns       int
	name     string
	plane    *os.File
	desk     *desk
	servers  servers

	mu      sync.Mutex
	apns    map[string]APN
	pools   map[netip.Prefix]*pool
	bearers map[uint64]*bearer
	last    uint64
	reject  simmodem.Cause
	attach  Attach
	history []Event

	byAddress sync.Map // netip.Addr of a bearer (IPv6: first of its /64) → *bearer
	dnsMode   atomic.Int32
	begun     time.Time
	skew      atomic.Int64 // nanoseconds
	path      atomic.Pointer[Path]
	up, down  way
	filter    atomic.Pointer[map[string]bool]
	counts    counters
}

// way is one direction of the user plane.
type way struct {
	count  atomic.Uint64 // of packets
	queued atomic.Int64  // under way
	mu     sync.Mutex
	free   time.Time // when the line is free again
}

// New sets everything up in the namespace and starts to serve.
func New(o Options) (*Operator, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	op := &Operator{
		begun: time.Now(), log: o.Log, onEvent: o.OnEvent, onPacket: o.OnPacket, ns: o.Netns, name: cmp.Or(o.Interface, "core0"),
		apns: make(map[string]APN), pools: make(map[netip.Prefix]*pool), bearers: make(map[uint64]*bearer), attach: o.Attach,
	}
	if len(o.Internet) == 0 {
		o.Internet = internet()
	}
	if err := op.start(o); err != nil {
		return nil, errors.Join(err, op.Close())
	}
	return op, nil
}

// start opens the user plane, then lays out addresses, then serves.
func (o *Operator) start(options Options) error {
	zone, err := parseZone(append(defaultZone(), options.Zone...))
	if err != nil {
		return err
	}
	if o.plane, err = simmodem.OpenTUN(o.ns, o.name); err != nil {
		return fmt.Errorf("operator: user plane: %w", err)
	}
	if err := o.layOut(options.Internet); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(options.APNs)) {
		if err := o.SetAPN(name, options.APNs[name]); err != nil {
			return err
		}
	}
	if o.desk, err = newDesk(); err != nil {
		return fmt.Errorf("operator: %w", err)
	}
	go o.downlink()
	return errors.Join(o.serve(zone), o.serveDesk(), o.listenNTP())
}

// Close ends all bearers, the servers and the user plane. The namespace stays.
func (o *Operator) Close() error {
	for _, b := range o.Bearers() {
		o.Drop(b.ID, simmodem.CauseRegular)
	}
	err := o.servers.close()
	if o.plane != nil {
		err = errors.Join(err, o.plane.Close())
	}
	return err
}

// ip runs the ip command in the operator's namespace.
func (o *Operator) ip(args ...string) error {
	return netns.RunIn(o.ns, "ip", args...)
}

// internet are the networks made for documentation (RFC 5737, RFC 3849).
func internet() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8:ffff::/48"),
	}
}

// layOut makes every address of the Internet's networks local to the namespace, so
// that one server stands for all of them, and leads all others to the user plane, so
// that a bearer may have any address. Nothing is forwarded, whatever the host's
// settings, which new namespaces inherit.
func (o *Operator) layOut(networks []netip.Prefix) error {
	err := errors.Join(o.ip("link", "set", "lo", "up"), o.ip("link", "set", o.name, "up"),
		o.ip("route", "replace", "default", "dev", o.name), o.ip("-6", "route", "replace", "default", "dev", o.name),
		netns.Do(o.ns, func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("0"), 0) }))
	for _, network := range networks {
		err = errors.Join(err, o.ip("route", "replace", "local", network.String(), "dev", "lo"))
	}
	if err != nil {
		return fmt.Errorf("operator: %w", err)
	}
	return nil
}

// SetAPN sets or replaces the policy of a name. Bearers that are up keep their
// addresses and follow the new policy otherwise (walled garden, mute).
func (o *Operator) SetAPN(name string, apn APN) error {
	if err := apn.validate(); err != nil {
		return fmt.Errorf("operator: APN %q: %w", name, err)
	}
	apn = apn.withDefaults()
	o.mu.Lock()
	o.apns[name] = apn
	fresh := o.addPools(apn)
	for _, b := range o.bearers {
		if b.name == name {
			b.policy.Store(&apn)
		}
	}
	o.mu.Unlock()
	for _, p := range fresh {
		if err := o.ip("address", "add", netip.PrefixFrom(p.gateway, p.network.Bits()).String(), "dev", o.name); err != nil {
			return fmt.Errorf("operator: pool: %w", err)
		}
	}
	return nil
}

// Reject makes the core reject every attach with a mobility cause; CauseNone admits
// again. Modems learn of it when they attach next (simmodem's Reattach).
func (o *Operator) Reject(cause simmodem.Cause) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reject = cause
}

// SetAttach changes with what modems must register, as soon as they do so next.
func (o *Operator) SetAttach(a Attach) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.attach = a
}

// Info describes a bearer that is up.
type Info struct {
	ID      uint64
	APN     string
	IMSI    string
	Request simmodem.Request
	Grant   simmodem.Grant
}

// Bearers lists the bearers that are up, oldest first.
func (o *Operator) Bearers() []Info {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := make([]Info, 0, len(o.bearers))
	for _, b := range o.bearers {
		list = append(list, Info{ID: b.id, APN: b.name, IMSI: b.imsi, Request: b.request, Grant: b.grant.Clone()})
	}
	slices.SortFunc(list, func(a, b Info) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Drop ends a bearer as the network does. It reports whether it was up.
func (o *Operator) Drop(id uint64, cause simmodem.Cause) bool {
	b := o.remove(id)
	if b == nil {
		return false
	}
	o.event(Event{Kind: "drop", APN: b.name, Cause: cause})
	b.terminal.Drop(cause)
	return true
}

// Change changes a bearer's configuration as the network does: addresses, DNS
// servers, MTU. It reports whether it was up. The function runs with the operator
// locked: it must not call it back.
func (o *Operator) Change(id uint64, change func(*simmodem.Grant)) bool {
	o.mu.Lock()
	b := o.bearers[id]
	if b == nil {
		o.mu.Unlock()
		return false
	}
	grant := b.grant.Clone()
	change(&grant)
	o.regrant(b, grant)
	o.mu.Unlock()
	o.event(Event{Kind: "change", APN: b.name})
	b.terminal.Change(grant.Clone())
	return true
}

// Renumber gives a bearer other addresses, from the pools of the policy as it is now.
// It reports whether the bearer was up; a family whose pool is exhausted keeps its
// address.
func (o *Operator) Renumber(id uint64) bool {
	return o.Change(id, func(g *simmodem.Grant) {
		apn := *o.bearers[id].policy.Load()
		fresh := o.allocate(apn, g.IPv4 != nil, g.IPv6 != nil)
		if fresh.IPv4 != nil {
			g.IPv4 = fresh.IPv4
		}
		if fresh.IPv6 != nil {
			g.IPv6 = fresh.IPv6
		}
	})
}
