package nat

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sort"
	"time"

	"github.com/google/nftables"
	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"
)

// ParkTime is how long a client whose place was taken away may take none, so that
// others come first.
const ParkTime = time.Minute

func (f Free) same(o Free) bool { return f.ID == o.ID && slices.Equal(f.MAC, o.MAC) }

// slots reads who has a place; r.mu is held.
func (r *registry) slots() ([]Slot, error) {
	list, err := r.keys(table(), setSlots)
	if err != nil {
		return nil, fmt.Errorf("read set %s: %w", setSlots, err)
	}
	var out []Slot
	for _, e := range list {
		if m, addr, ok := readSlotKey(e.Key); ok {
			out = append(out, Slot{MAC: net.HardwareAddr(m[:]), Addr: addr, Left: e.Expires})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Addr.Less(out[j].Addr) })
	r.queue(out)
	r.placed = out
	return out, nil
}

// remembered are the places that there were at the last reading, as if just used.
func (r *registry) remembered() []Slot {
	if !counted(r.spec) {
		return nil
	}
	list := slices.Clone(r.placed)
	for i := range list {
		list[i].Left = r.spec.Absence
	}
	return list
}

// queue keeps the order in which clients were seen with a place: who is new stands behind
// those who were there before.
func (r *registry) queue(list []Slot) {
	r.came = slices.DeleteFunc(r.came, func(m mac) bool {
		return !slices.ContainsFunc(list, func(s Slot) bool { return mac(s.MAC) == m })
	})
	for _, s := range list {
		if m := mac(s.MAC); !slices.Contains(r.came, m) {
			r.came = append(r.came, m)
		}
	}
}

// firstCome sorts places by who came first, as far as looks tell.
func (r *registry) firstCome(list []Slot) []Slot {
	at := func(i int) int { return slices.Index(r.came, mac(list[i].MAC)) }
	sort.SliceStable(list, func(i, j int) bool { return at(i) < at(j) })
	return list
}

// slot tells how long a client's place lasts, if it has one; what cannot be read counts
// as one that was just used.
func (r *registry) slot(addr netip.Addr, m mac) (left time.Duration, has bool) {
	all, err := r.slots()
	if err != nil {
		return r.spec.Absence, true
	}
	i := slices.IndexFunc(all, func(s Slot) bool { return s.Addr == addr && mac(s.MAC) == m })
	if i < 0 {
		return 0, false
	}
	return all[i].Left, true
}

// act takes places away; r.mu is held. An act that was done is not done again.
func (r *registry) act(acts []Free, now time.Time) {
	for _, a := range acts {
		if !slices.ContainsFunc(r.freed, a.same) && len(a.MAC) == len(mac{}) && counted(r.spec) {
			r.free(mac(a.MAC), now)
		}
	}
	r.freed = slices.Clone(acts)
}

// free takes a client's place away and parks it.
func (r *registry) free(m mac, now time.Time) {
	var gone []netip.Addr
	all, err := r.slots()
	for _, s := range all {
		if mac(s.MAC) == m {
			r.elements(false, element{&nftables.Set{Table: table(), Name: setSlots}, slotKey(m, s.Addr)})
			gone = append(gone, s.Addr)
		}
	}
	for addr, b := range r.bindings {
		if b.mac == m {
			r.elements(false, r.bindingOf(addr, b))
		}
	}
	if len(r.parked) < maxBindings {
		r.parked[m] = now.Add(ParkTime)
	}
	n, derr := dropConnections(r.log, of(ofClient, gone))
	r.log.Info("a client's place was taken away", "mac", m.String(), "connections", n, "err", errors.Join(err, derr))
}

// observe tells who has a place and which acts are done.
func (r *registry) observe(st *Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	st.Freed, st.Stale, st.Unbarred = slices.Clone(r.freed), r.stale || !r.settled, r.unbarred
	if !counted(r.spec) {
		return
	}
	var err error
	if st.Slots, err = r.slots(); err != nil && st.Error == "" {
		st.Error = err.Error()
	}
}

// sweep ends the connections of clients whose place has ended, for what comes to them
// would go on without them, and tells when to look again; zero: nobody has a place.
func (r *registry) sweep() (next time.Duration, changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !counted(r.spec) {
		clear(r.held)
		return 0, false
	}
	all, err := r.slots()
	if err != nil {
		return time.Minute, false
	}
	now := map[netip.Addr]mac{}
	for _, s := range all {
		now[s.Addr] = mac(s.MAC)
		if next == 0 || s.Left < next {
			next = s.Left
		}
	}
	var gone []netip.Addr
	for addr, m := range r.held {
		if now[addr] != m {
			gone = append(gone, addr)
		}
	}
	changed = len(gone) > 0 || len(now) != len(r.held)
	r.held = now
	if n, err := dropConnections(r.log, of(ofClient, gone)); err != nil {
		r.log.Warn("connections of a client without a place go on", "err", err)
	} else if len(gone) > 0 {
		r.log.Info("a client's place is free", "addrs", gone, "dropped", n)
	}
	if next > 0 {
		next += time.Second // an element is collected a little after its time
	}
	return next, changed
}

// follow makes the place that a MAC has under other addresses that of its present one, so
// that it never has two, and loses none to others meanwhile; r.mu is held. What went on
// under the others is ended with the next sweep.
func (r *registry) follow(m mac, addr netip.Addr) {
	if !counted(r.spec) {
		return
	}
	all, err := r.slots()
	left, has := time.Duration(0), false
	var old []nftables.SetElement
	for _, s := range all {
		switch {
		case mac(s.MAC) != m:
		case s.Addr == addr:
			has = true
		default:
			old, left = append(old, nftables.SetElement{Key: slotKey(m, s.Addr)}), max(left, s.Left)
		}
	}
	if err == nil && len(old) > 0 {
		err = r.replace(old, nftables.SetElement{Key: slotKey(m, addr), Timeout: max(left, time.Second)}, has)
	}
	if err != nil && !errors.Is(err, unix.ENOENT) { // it has just ended by itself
		r.log.Warn("a client's place does not follow it", "addr", addr, "err", err)
	}
}

// replace takes places away and makes another one in the same moment, unless it is there.
func (r *registry) replace(old []nftables.SetElement, next nftables.SetElement, has bool) error {
	slots := &nftables.Set{Table: table(), Name: setSlots, HasTimeout: true}
	defer r.rouse()
	return r.exchange(func() error {
		if err := r.conn.SetDeleteElements(slots, old); err != nil {
			return err
		}
		if !has {
			if err := r.conn.SetAddElements(slots, []nftables.SetElement{next}); err != nil {
				return err
			}
		}
		return r.conn.Flush()
	})
}

// endUnplaced ends the connections of clients without a place, which would otherwise
// outlive the moment from which a limit holds.
func (r *registry) endUnplaced(s Spec) error {
	all, err := r.slots()
	if err != nil {
		return err
	}
	n, err := dropConnections(r.log, func(f *conntrack.Flow) bool {
		client := ofClient(f)
		return f.Status.SrcNAT() && slices.ContainsFunc(subnets(s), func(p netip.Prefix) bool { return p.Contains(client) }) &&
			!slices.ContainsFunc(all, func(s Slot) bool { return s.Addr == client })
	})
	r.log.Info("a limit of clients begins", "limit", s.Limit, "places", len(all), "dropped", n, "err", err)
	return err
}

// rouse has the places looked after at once.
func (r *registry) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// carry gives a set of slots that is made anew those of the former one, those who came
// first, as many as fit.
func carry(old []Slot, limit int) []nftables.SetElement {
	var out []nftables.SetElement
	for _, s := range old[:min(len(old), limit)] {
		if s.Left > 0 {
			out = append(out, nftables.SetElement{Key: slotKey(mac(s.MAC), s.Addr), Timeout: s.Left})
		}
	}
	return out
}
