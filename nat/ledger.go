package nat

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"
)

// flow is a client's TCP or UDP connection by an uplink.
type flow struct {
	id     uint32 // the kernel's
	client netip.Addr
	uplink netip.Addr // the address that it leaves with
	bytes  Counters   // since it began
}

// ledger sums the bytes of connections, each of which the kernel counts by itself and
// forgets when it ends: what was new at each look, and at its end. It lives as long as
// the process, and starts with connections that it finds.
type ledger struct {
	seen    map[uint32]entry
	clients map[netip.Addr]account
	uplinks map[string]Counters
	devices map[netip.Addr]string // uplinks by their addresses
}

// entry is what is known of one connection.
type entry struct {
	bytes Counters
	old   bool // missing in the last look: its end is on its way, or was missed
}

// account is a client's sum.
type account struct {
	bytes Counters
	moved time.Time
}

// begin notes connections without counting them: rules have done that.
func (l *ledger) begin(flows []flow) {
	if l.seen == nil {
		l.seen = map[uint32]entry{}
	}
	for _, f := range flows {
		l.seen[f.id] = entry{bytes: f.bytes}
	}
}

// write adds what is new about all connections that there are. An uplink that has
// gone takes its sum along, as it does its counters.
func (l *ledger) write(now time.Time, devices map[netip.Addr]string, flows []flow) {
	l.devices = devices
	seen := make(map[uint32]entry, len(flows))
	for _, f := range flows {
		l.add(now, f)
		seen[f.id] = entry{bytes: f.bytes}
	}
	for id, e := range l.seen {
		if _, ok := seen[id]; !ok && !e.old {
			seen[id] = entry{e.bytes, true}
		}
	}
	l.seen = seen
	for a, c := range l.clients {
		if now.Sub(c.moved) > forget {
			delete(l.clients, a)
		}
	}
}

// end adds the rest of a connection that has ended.
func (l *ledger) end(now time.Time, f flow) {
	l.add(now, f)
	delete(l.seen, f.id)
}

// add adds what is new about a connection. One that has less than before is another
// one under the same number.
func (l *ledger) add(now time.Time, f flow) {
	fresh := f.bytes
	if before := l.seen[f.id].bytes; before.Up <= fresh.Up && before.Down <= fresh.Down {
		fresh.Up, fresh.Down = fresh.Up-before.Up, fresh.Down-before.Down
	}
	if l.clients == nil {
		l.clients, l.uplinks = map[netip.Addr]account{}, map[string]Counters{}
	}
	if c, ok := l.clients[f.client]; fresh != (Counters{}) && (ok || len(l.clients) < maxClients) {
		l.clients[f.client] = account{c.bytes.plus(fresh), now}
	}
	if dev, ok := l.devices[f.uplink]; ok {
		l.uplinks[dev] = l.uplinks[dev].plus(fresh)
	}
}

// addTo adds the sums to what rules have counted. An uplink without counters of its
// own has gone.
func (l *ledger) addTo(st *Status) {
	for a, c := range l.clients {
		st.Clients[a] = st.Clients[a].plus(c.bytes)
	}
	for dev, c := range l.uplinks {
		if counted, ok := st.Uplinks[dev]; ok {
			st.Uplinks[dev] = counted.plus(c)
		} else {
			delete(l.uplinks, dev)
		}
	}
}

func (c Counters) plus(o Counters) Counters { return Counters{c.Up + o.Up, c.Down + o.Down} }

// clientFlows reads the connections of clients from the kernel.
func clientFlows() ([]flow, error) {
	conn, err := conntrack.Dial(nil)
	if err != nil {
		return nil, fmt.Errorf("open conntrack: %w", err)
	}
	defer conn.Close()
	all, err := conn.Dump(nil)
	if err != nil {
		return nil, fmt.Errorf("read conntrack: %w", err)
	}
	var out []flow
	for i := range all {
		if f, ok := clientFlow(&all[i]); ok {
			out = append(out, f)
		}
	}
	return out, nil
}

// clientFlow picks what rules with a flow table leave uncounted: TCP and UDP with a
// translated source.
func clientFlow(f *conntrack.Flow) (flow, bool) {
	p := f.TupleOrig.Proto.Protocol
	if !f.Status.SrcNAT() || p != unix.IPPROTO_TCP && p != unix.IPPROTO_UDP {
		return flow{}, false
	}
	return flow{
		id: f.ID, client: f.TupleOrig.IP.SourceAddress.Unmap(), uplink: f.TupleReply.IP.DestinationAddress.Unmap(),
		bytes: Counters{Up: f.CountersOrig.Bytes, Down: f.CountersReply.Bytes},
	}, true
}

// connectionsEnded writes the ends of connections among some notifications down.
func (d *Driver) connectionsEnded(msgs []netlink.Message) {
	for _, m := range msgs {
		if m.Header.Type>>8 != unix.NFNL_SUBSYS_CTNETLINK {
			continue
		}
		var e conntrack.Event
		if err := e.Unmarshal(m); err != nil || e.Type != conntrack.EventDestroy || e.Flow == nil {
			continue
		}
		if f, ok := clientFlow(e.Flow); ok {
			d.mu.Lock()
			d.ledger.end(time.Now(), f)
			d.mu.Unlock()
		}
	}
}
