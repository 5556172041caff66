package nat

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
)

// patience bounds one exchange with the kernel, which answers within milliseconds,
// but loads its modules before the first answer, and that takes a small router seconds
// each time. Otherwise only an answer that was lost makes anybody wait for it.
const patience = time.Minute

// Options are what a Driver needs from outside.
type Options struct {
	Log *slog.Logger // nil discards
}

// Driver loads the table and reads it back. It works in the network namespace of the
// thread that uses it first.
type Driver struct {
	log *slog.Logger

	mu   sync.Mutex     // one exchange at a time
	gone uint64         // connections that were dropped with their addresses
	conn *nftables.Conn // lasting: closing a socket at each load would wait for the kernel
	sock *netlink.Conn  // the socket in conn

	noOffload string        // why this kernel cannot
	ledger    ledger        // what passes by the rules
	looked    time.Time     // when the ledger was last written from the kernel's connections
	watch     *netlink.Conn // Run's socket, while it runs
	following bool          // it is told of connections that end

	registry *registry
	noPorts  string // why this kernel cannot tell a bridge's ports
}

// New returns a driver that has touched nothing.
func New(o Options) *Driver {
	log := cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	return &Driver{log: log, registry: newRegistry(log, kernelPorts{})}
}

// Apply loads the whole table in one transaction, or removes it. Elements of sets and
// what was counted stay. Connections of addresses that an uplink no longer has are
// dropped before, while the table still tells which they are: a process that is
// killed in between leaves that to the next one. Connections that took the short way
// pass the new rules before they take it again.
//
// A kernel that cannot offload gets the ruleset without it, and the Status says so.
func (d *Driver) Apply(s Spec) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.applyPorts(&s)
	if err == nil {
		err = d.applyWithOffload(s)
	}
	if err == nil {
		err = d.registry.settle(s)
	}
	if err == nil && !strict(s) {
		err = d.exchange(func() error { return d.loadPorts(s) })
	}
	if err != nil {
		return fmt.Errorf("nat: load ruleset: %w", err)
	}
	return nil
}

// applyPorts loads the table that tells ports before the one that asks for them. A kernel
// that cannot do that gets a ruleset that goes without, and the Status says so.
func (d *Driver) applyPorts(s *Spec) error {
	if d.noPorts != "" {
		s.NoPorts = true
	}
	if !strict(*s) {
		return nil
	}
	err := d.exchange(func() error { return d.loadPorts(*s) })
	if cannot(err) {
		d.noPorts, s.NoPorts = err.Error(), true
		d.log.Warn("clients are told by MAC and address alone", "err", err)
		return nil
	}
	return err
}

func (d *Driver) apply(s Spec) error {
	before, err := d.read()
	if err != nil {
		// Somebody put in our table what cannot be read: a fresh one is known.
		d.log.Warn("table replaced with all that it counted", "err", err)
		d.conn.DelTable(d.conn.AddTable(table()))
		before = reality{}
	}
	rs, gone := Render(s), []netip.Addr(nil)
	if s.Enabled { // switching off changes no address
		gone = slices.DeleteFunc(slices.Collect(maps.Keys(before.addresses)), func(a netip.Addr) bool { return holds(s, a) })
	}
	dropped, err := dropConnections(d.log, of(ofUplink, gone))
	err = errors.Join(err, d.beginLedger(rs, before))
	rs.slots = carry(d.slotsBefore(rs, before), s.Limit)
	d.gone += uint64(dropped)
	if lerr := d.load(rs, before); lerr != nil {
		return errors.Join(lerr, err)
	}
	d.log.Info("ruleset applied", "enabled", s.Enabled, "fingerprint", rs.Fingerprint(), "dropped", dropped, "offload", rs.short)
	return err
}

// holds says that an uplink has an address.
func holds(s Spec, a netip.Addr) bool {
	return slices.ContainsFunc(s.Uplinks, func(u Uplink) bool { return slices.Contains(u.Addresses, a) })
}

// exchange runs f with an open socket, and gives the socket up when f fails, with
// whatever answers are left in it.
func (d *Driver) exchange(f func() error) error {
	if d.conn == nil {
		conn, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(c *netlink.Conn) error {
			d.sock = c
			return nil
		}))
		if err != nil {
			return fmt.Errorf("open netlink: %w", err)
		}
		d.conn = conn
	}
	err := d.sock.SetDeadline(time.Now().Add(patience))
	if err == nil {
		err = f()
	}
	if err != nil {
		_ = d.conn.CloseLasting()
		d.conn = nil
	}
	return err
}

// load sends one transaction. A first load and a reload are the same: rules are
// flushed and written again, definitions that are right already are left alone.
func (d *Driver) load(rs Ruleset, before reality) error {
	if len(rs.chains) == 0 {
		if before.loaded {
			d.conn.DelTable(table())
		}
		return d.conn.Flush()
	}
	t := d.conn.AddTable(table())
	d.conn.FlushTable(t)
	d.clear(rs, before)
	for _, name := range rs.counters {
		d.conn.AddObj(&nftables.CounterObj{Table: t, Name: name})
	}
	if len(rs.short) > 0 {
		d.conn.AddFlowtable(rs.kernelFlowtable(t))
	}
	for _, s := range rs.sets {
		elements := s.elements
		if s.name == setSlots {
			elements = rs.slots
		}
		if err := d.conn.AddSet(s.kernelSet(t), elements); err != nil {
			return err
		}
	}
	for _, c := range rs.chains {
		d.conn.AddChain(c.kernelChain(t))
	}
	for _, c := range rs.chains {
		for _, r := range c.rules {
			d.conn.AddRule(&nftables.Rule{
				Table: t, Chain: &nftables.Chain{Name: c.name}, Exprs: r.exprs(),
				UserData: userdata.AppendString(nil, userdata.TypeComment, r.comment),
			})
		}
	}
	return d.conn.Flush()
}

// slotsBefore are the places that a set holds which is about to be replaced, or held that
// somebody removed, as by flushing all rules.
func (d *Driver) slotsBefore(rs Ruleset, before reality) []Slot {
	i := slices.IndexFunc(rs.sets, func(w set) bool { return w.name == setSlots })
	stays := func(s *nftables.Set) bool { return same(s, rs.sets[i].kernelSet(table()), (*fingerprint).set) }
	if i < 0 || slices.ContainsFunc(before.sets, stays) {
		return nil
	}
	d.registry.mu.Lock()
	defer d.registry.mu.Unlock()
	old, err := d.registry.slots()
	if err != nil {
		old = d.registry.remembered()
	}
	return d.registry.firstCome(old)
}

// clear removes from the table what is not defined as it should be: by an older
// program, or by somebody else. Sets go before the chains that they may jump to. A
// flow table always goes, and with it what passed by the former rules.
func (d *Driver) clear(rs Ruleset, before reality) {
	t := table()
	for _, f := range before.short {
		d.conn.DelFlowtable(f)
	}
	for _, s := range before.sets {
		if !slices.ContainsFunc(rs.sets, func(w set) bool { return same(s, w.kernelSet(t), (*fingerprint).set) }) {
			d.conn.DelSet(s)
		}
	}
	for _, o := range before.counters {
		if !slices.Contains(rs.counters, o.Name) {
			d.conn.DeleteObject(o)
		}
	}
	for _, o := range before.others {
		d.conn.DeleteObject(o)
	}
	for _, c := range before.chains {
		if !slices.ContainsFunc(rs.chains, func(w chain) bool { return same(c, w.kernelChain(t), (*fingerprint).chain) }) {
			d.conn.DelChain(c)
		}
	}
}

// same compares two definitions by what the fingerprint says of them.
func same[T any](a, b T, define func(*fingerprint, T)) bool {
	var x, y fingerprint
	define(&x, a)
	define(&y, b)
	return slices.Equal(x.lines, y.lines)
}

func (c chain) kernelChain(t *nftables.Table) *nftables.Chain {
	k := &nftables.Chain{Name: c.name, Table: t}
	if c.kind != "" {
		policy := nftables.ChainPolicyAccept // what is not ours is not ours to judge
		k.Type, k.Hooknum, k.Priority, k.Policy = c.kind, &c.hook.hook, &c.priority, &policy
	}
	return k
}

func (s set) kernelSet(t *nftables.Table) *nftables.Set {
	return &nftables.Set{
		Table: t, Name: s.name, KeyType: s.key, Size: s.size, Concatenation: strings.Contains(s.key.Name, " . "),
		Dynamic: !s.fixed, HasTimeout: !s.fixed, Timeout: s.timeout,
	}
}

// Observe reads the kernel's table and counters.
func (d *Driver) Observe() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	var st Status
	err := d.exchange(func() error {
		r, err := d.read()
		st = Status{Loaded: r.loaded, InForce: r.fingerprint, Offload: r.devices(), NoOffload: d.noOffload, NoPorts: d.noPorts}
		if r.loaded {
			err = errors.Join(err, d.count(&st, r.counters), d.countOffloaded(&st, r))
		}
		var perr error
		st.Ports, perr = d.readPorts()
		rivals, unread := d.rivals()
		st.Rivals, st.Dropped = rivals, d.gone
		return errors.Join(err, perr, unread)
	})
	d.registry.observe(&st)
	if err != nil {
		st.Error = err.Error()
	}
	return st
}

// Drift lists how the kernel's table differs from the wish; empty means that there
// is nothing to apply.
func Drift(s Spec, st Status) []string {
	switch {
	case !s.Enabled && (st.Loaded || st.Ports != ""):
		return []string{"not wanted: table inet " + Table}
	case !s.Enabled:
		return nil
	case !st.Loaded:
		return []string{"missing: table inet " + Table}
	}
	if st.NoOffload != "" {
		s.Offload = nil // there is nothing to try again
	}
	if st.NoPorts != "" {
		s.NoPorts = true
	}
	switch want := Render(s); {
	case Ports(s) != st.Ports:
		return []string{"table bridge " + Table + " is not as it should be"}
	case st.Unbarred:
		return []string{"connections of blocked clients go on"}
	case counted(s) && st.Stale:
		return []string{"bindings are not all in force"}
	case !slices.EqualFunc(s.Free, st.Freed, Free.same):
		return []string{"a place is to be taken away"}
	case !slices.Equal(want.short, st.Offload):
		return []string{fmt.Sprintf("connections take the short way between %q, not %q", st.Offload, want.short)}
	case st.InForce != want.Fingerprint():
		return []string{"table inet " + Table + " holds another ruleset"}
	}
	return nil
}
