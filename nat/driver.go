package nat

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"
)

// Options are what a Driver needs from outside.
type Options struct {
	Log *slog.Logger
}

// Driver loads the table and reads it back. It works in the network namespace of the
// thread that uses it first.
type Driver struct {
	log *slog.Logger

	mu   sync.Mutex
	conn *nftables.Conn // lasting: a socket for each load would wait for the kernel
}

// New returns a driver that has touched nothing.
func New(o Options) *Driver { return &Driver{log: o.Log} }

// Apply loads the whole table in one transaction, or removes it. Elements of sets
// stay. Connections of addresses that an uplink no longer has are then dropped.
func (d *Driver) Apply(s Spec) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.open(); err != nil {
		return err
	}
	before := d.read()
	if err := d.load(s, before); err != nil {
		d.close()
		return fmt.Errorf("nat: load ruleset: %w", err)
	}
	gone := slices.DeleteFunc(before.addresses, func(a netip.Addr) bool { return holds(s, a) })
	n, err := dropConnections(gone)
	if n > 0 {
		d.log.Info("connections of a former address dropped", "connections", n)
	}
	return err
}

// holds says that an uplink has an address.
func holds(s Spec, a netip.Addr) bool {
	return slices.ContainsFunc(s.Uplinks, func(u Uplink) bool { return slices.Contains(u.Addresses, a) })
}

func (d *Driver) open() error {
	if d.conn != nil {
		return nil
	}
	conn, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return fmt.Errorf("nat: open netlink: %w", err)
	}
	d.conn = conn
	return nil
}

// close gives up the connection, with whatever a failed transaction left in it.
func (d *Driver) close() {
	_ = d.conn.CloseLasting() // it is being given up
	d.conn = nil
}

func table() *nftables.Table {
	return &nftables.Table{Name: Table, Family: nftables.TableFamilyINet}
}

// load sends one transaction.
func (d *Driver) load(s Spec, before reality) error {
	if !s.Enabled {
		if before.loaded {
			d.conn.DelTable(table())
		}
		return d.conn.Flush()
	}
	t := d.conn.AddTable(table())
	if before.loaded {
		d.conn.FlushTable(t)
	}
	r := Render(s)
	d.clear(t, r, before)
	for _, set := range r.sets {
		if err := d.conn.AddSet(set.kernelSet(t), nil); err != nil {
			return err
		}
	}
	for _, c := range r.chains {
		k := d.conn.AddChain(c.kernelChain(t))
		for _, rule := range c.rules {
			d.conn.AddRule(&nftables.Rule{Table: t, Chain: k, Exprs: rule.exprs(), UserData: userdata.AppendString(nil, userdata.TypeComment, rule.comment)})
		}
	}
	return d.conn.Flush()
}

// clear removes what an older program left in the table and this one defines
// otherwise or not at all.
func (d *Driver) clear(t *nftables.Table, r Ruleset, before reality) {
	for _, c := range before.chains {
		if !slices.ContainsFunc(r.chains, func(want chain) bool { return want.same(c) }) {
			d.conn.DelChain(c)
		}
	}
	for _, s := range before.sets {
		if !slices.ContainsFunc(r.sets, func(want set) bool { return want.same(s) }) {
			d.conn.DelSet(s)
		}
	}
}

// kernelChain is the chain as the library loads it.
func (c chain) kernelChain(t *nftables.Table) *nftables.Chain {
	k := &nftables.Chain{Name: c.name, Table: t, Type: c.kind, Hooknum: c.hook, Priority: c.priority}
	if c.hook != nil {
		policy := nftables.ChainPolicyAccept
		k.Policy = &policy
	}
	return k
}

func (c chain) same(k *nftables.Chain) bool {
	return c.name == k.Name && c.kind == k.Type && equal(c.hook, k.Hooknum) && equal(c.priority, k.Priority)
}

func equal[T comparable](a, b *T) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

func (s set) same(k *nftables.Set) bool {
	return s.name == k.Name && s.key.Bytes == k.KeyType.Bytes && s.size == k.Size && s.timeout == k.Timeout && k.Dynamic
}

// Observe reads the kernel's table.
func (d *Driver) Observe() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.open(); err != nil {
		return Status{Error: err.Error()}
	}
	r := d.read()
	st := Status{Loaded: r.loaded, InForce: r.fingerprint}
	err := r.err
	if r.loaded {
		err = errors.Join(err, d.count(&st))
	}
	if err != nil {
		d.close()
		st.Error = err.Error()
	}
	return st
}

// Drift tells how the kernel's table differs from the wish.
func Drift(s Spec, st Status) []string {
	switch {
	case !s.Enabled && st.Loaded:
		return []string{"remove the table"}
	case !s.Enabled:
		return nil
	case !st.Loaded:
		return []string{"load the ruleset"}
	case st.InForce != Render(s).Fingerprint():
		return []string{"load the ruleset: the kernel's differs"}
	}
	return nil
}

// reality is what the kernel holds of ours.
type reality struct {
	loaded      bool
	fingerprint string
	addresses   []netip.Addr // that uplinks had at the last load
	chains      []*nftables.Chain
	sets        []*nftables.Set
	err         error
}

// read reads the table.
func (d *Driver) read() (r reality) {
	if _, err := d.conn.ListTableOfFamily(Table, nftables.TableFamilyINet); err != nil {
		if !errors.Is(err, unix.ENOENT) {
			r.err = fmt.Errorf("nat: read table: %w", err)
		}
		return r
	}
	r.loaded = true
	if r.err = d.readChains(&r); r.err != nil {
		r.err = fmt.Errorf("nat: read rules: %w", r.err)
		return r
	}
	if r.sets, r.err = d.conn.GetSets(table()); r.err != nil {
		r.err = fmt.Errorf("nat: read sets: %w", r.err)
	}
	return r
}

func (d *Driver) readChains(r *reality) error {
	chains, err := d.conn.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return err
	}
	var f fingerprint
	for _, c := range chains {
		if c.Table.Name != Table {
			continue
		}
		r.chains = append(r.chains, c)
		rules, err := d.conn.GetRules(table(), c)
		if err != nil {
			return err
		}
		for _, rule := range rules {
			comment, _ := userdata.GetString(rule.UserData, userdata.TypeComment)
			f.add(c.Name, comment)
			r.note(comment)
		}
	}
	r.fingerprint = f.String()
	return nil
}

// note keeps the addresses that a masquerading rule's comment tells.
func (r *reality) note(comment string) {
	list, ok := strings.CutPrefix(comment, leaveAs)
	if !ok {
		return
	}
	for _, text := range strings.Fields(list) {
		if a, err := netip.ParseAddr(text); err == nil && !slices.Contains(r.addresses, a) {
			r.addresses = append(r.addresses, a)
		}
	}
}
