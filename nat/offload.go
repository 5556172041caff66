package nat

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// flowTable is the name of the flow table in our table.
const flowTable = "fast"

// shortWay is the wish for a flow table: only while clients have a way out, and only
// if a LAN and a way out are there, because packets take it where they come in.
func shortWay(s Spec) []string {
	in := slices.ContainsFunc(s.LANs, func(l LAN) bool { return slices.Contains(s.Offload, l.Bridge) })
	if !in || !slices.ContainsFunc(shared(s), func(u string) bool { return slices.Contains(s.Offload, u) }) {
		return nil
	}
	return slices.Compact(slices.Sorted(slices.Values(s.Offload)))
}

// uncounted are the rules before one that counts: what may take the short way is
// counted by its connection, before it takes it too, so that nothing counts twice.
func uncounted(s Spec, which ...term) []rule {
	return eachTransport(s, "counted by its connection", which, accept())
}

// take are the rules that send connections the short way, and leave their packets
// out of what is counted behind.
func take(s Spec, which ...term) []rule {
	return append(eachTransport(s, "the rest of the connection passes by these rules", append(which, established()), shortcut()),
		uncounted(s, which...)...)
}

// eachTransport makes a rule for each protocol that a flow table takes.
func eachTransport(s Spec, comment string, which []term, do term) []rule {
	if len(shortWay(s)) == 0 {
		return nil
	}
	var out []rule
	for _, p := range []term{transport("tcp", unix.IPPROTO_TCP), transport("udp", unix.IPPROTO_UDP)} {
		out = append(out, why(comment, append(slices.Clone(which), p, do)...))
	}
	return out
}

// kernelFlowtable is the flow table as the kernel takes it. It counts, so that a
// connection knows its bytes whichever way they went.
func (rs Ruleset) kernelFlowtable(t *nftables.Table) *nftables.Flowtable {
	return &nftables.Flowtable{
		Table: t, Name: flowTable, Hooknum: nftables.FlowtableHookIngress, Priority: nftables.FlowtablePriorityFilter,
		Devices: rs.short, Flags: nftables.FlowtableFlagsCounter,
	}
}

// readFlowtables reads which devices are left of ours.
func (d *Driver) readFlowtables(r *reality, f *fingerprint) error {
	tables, err := d.conn.ListFlowtables(table())
	if err != nil {
		return fmt.Errorf("read flow tables: %w", err)
	}
	for _, t := range tables {
		if t.Hooknum == nil || t.Priority == nil {
			return errors.New("read flow tables: one without a hook")
		}
		r.short = append(r.short, t)
		f.flowtable(t)
	}
	return nil
}

// devices are those of our flow table.
func (r reality) devices() []string {
	i := slices.IndexFunc(r.short, func(t *nftables.Flowtable) bool { return t.Name == flowTable })
	if i < 0 {
		return nil
	}
	return slices.Sorted(slices.Values(r.short[i].Devices))
}

// applyWithOffload loads the ruleset, as far as this machine can. When the kernel
// refuses it with a flow table, either a device has just vanished, and the next turn
// knows it, or it has no flow tables, which it is asked for to find out.
func (d *Driver) applyWithOffload(s Spec) error {
	if d.noOffload != "" {
		s.Offload = nil
	}
	err := d.applyAndCount(s, accounting)
	if len(Render(s).short) == 0 || err == nil {
		return err
	}
	refusal := err
	s.Offload = nil
	if err := d.exchange(func() error { return d.apply(s) }); err != nil {
		return err
	}
	switch err := d.exchange(d.tryFlowtable); {
	case errors.Is(refusal, errAccounting):
		d.cannot(refusal)
	case lacking(err):
		d.cannot(fmt.Errorf("this kernel has no flow tables: %w", err))
	default: // what else the trial met, as a want of memory, may pass
		d.log.Info("ruleset applied without flow table this time", "err", refusal, "trial", err)
	}
	return nil
}

// lacking says that the kernel does not know what was tried, its parts or their settings.
func lacking(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) || cannot(err)
}

func (d *Driver) cannot(err error) {
	d.noOffload = err.Error()
	d.log.Warn("connections are not offloaded", "err", err)
}

// applyAndCount loads the ruleset, by which the kernel begins to know connections, and
// has them counted, also those that are offloaded later.
func (d *Driver) applyAndCount(s Spec, setting string) error {
	if err := d.exchange(func() error { return d.apply(s) }); err != nil || !s.Enabled {
		return err
	}
	if err := countConnections(setting); err != nil && len(Render(s).short) > 0 {
		return err
	}
	return nil
}

// tryFlowtable makes and removes, in one transaction, a table with what offload needs.
func (d *Driver) tryFlowtable() error {
	t := d.conn.AddTable(&nftables.Table{Name: Table + "-try", Family: nftables.TableFamilyINet})
	d.conn.AddFlowtable(Ruleset{short: []string{"lo"}}.kernelFlowtable(t))
	c := d.conn.AddChain(&nftables.Chain{Name: "try", Table: t})
	d.conn.AddRule(&nftables.Rule{Table: t, Chain: c, Exprs: []expr.Any{&expr.FlowOffload{Name: flowTable}}})
	d.conn.DelTable(t)
	return d.conn.Flush()
}

// accounting makes the kernel count the bytes of connections that begin from now on.
const accounting = "/proc/sys/net/netfilter/nf_conntrack_acct"

// errAccounting says that offload would hide bytes.
var errAccounting = errors.New("connections cannot be counted")

// countConnections switches the setting on in this network namespace.
func countConnections(setting string) error {
	if now, err := os.ReadFile(setting); err == nil && strings.TrimSpace(string(now)) == "1" {
		return nil
	}
	if err := os.WriteFile(setting, []byte("1\n"), 0); err != nil {
		return fmt.Errorf("%w: %w", errAccounting, err)
	}
	return nil
}

// groupDestroy is the multicast group of connections that end.
const groupDestroy = 3 // NFNLGRP_CONNTRACK_DESTROY (linux/netfilter/nfnetlink.h)

// setWatch tells on which socket connections that end may be heard of.
func (d *Driver) setWatch(c *netlink.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watch, d.following = c, false
}

// follow listens for connections that end only while somebody must count them.
func (d *Driver) follow(on bool) {
	if d.watch == nil || d.following == on {
		return
	}
	change := d.watch.LeaveGroup
	if on {
		change = d.watch.JoinGroup
	}
	if err := change(groupDestroy); err != nil {
		d.log.Warn("bytes of connections that end may be missed", "err", err)
	}
	d.following = on
}

// lookEvery is the shortest time between two looks at all connections.
const lookEvery = 5 * time.Second

// countOffloaded adds to the counters what passed by the rules; d.mu is held. What
// connections of an address brought before it has another holder was the former one's.
func (d *Driver) countOffloaded(st *Status, r reality) error {
	d.follow(len(r.short) > 0)
	passed := d.registry.takePassed()
	var err error
	if now := time.Now(); len(r.short) > 0 && (len(passed) > 0 || now.Sub(d.looked) >= lookEvery) {
		d.looked = now
		var flows []flow
		if flows, err = clientFlows(); err == nil {
			d.ledger.write(now, r.addresses, flows)
		}
	}
	for _, a := range passed {
		delete(d.ledger.clients, a)
	}
	d.ledger.addTo(st)
	return err
}

// beginLedger writes down where connections stand that were counted by rules so far.
func (d *Driver) beginLedger(rs Ruleset, before reality) error {
	if len(rs.short) == 0 || len(before.short) > 0 {
		return nil
	}
	flows, err := clientFlows()
	if err == nil {
		d.ledger.begin(flows)
	}
	return err
}
