package nat

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// count reads the counters of clients and uplinks; d.mu is held.
func (d *Driver) count(st *Status, counters []*nftables.CounterObj) error {
	st.Uplinks = uplinkCounters(counters)
	for _, o := range counters {
		switch o.Name {
		case counterAsked:
			st.Asked = o.Packets
		case counterAnswered:
			st.Answered = o.Packets
		}
	}
	st.Clients = map[netip.Addr]Counters{}
	for _, name := range []string{setUp, setDown} {
		elements, err := d.conn.GetSetElements(&nftables.Set{Table: table(), Name: name})
		if err != nil {
			return fmt.Errorf("read set %s: %w", name, err)
		}
		for _, e := range elements {
			a, ok := netip.AddrFromSlice(e.Key)
			if !ok || e.Counter == nil {
				continue
			}
			c := st.Clients[a]
			if name == setUp {
				c.Up = e.Counter.Bytes
			} else {
				c.Down = e.Counter.Bytes
			}
			st.Clients[a] = c
		}
	}
	return nil
}

// forgetCounters forgets what was counted for the former holder of an address; r.mu is held.
func (r *registry) forgetCounters(addr netip.Addr) {
	for _, name := range []string{setUp, setDown} {
		err := r.exchange(func() error {
			err := r.conn.SetDeleteElements(&nftables.Set{Table: table(), Name: name}, []nftables.SetElement{{Key: addr.AsSlice()}})
			if err == nil {
				err = r.conn.Flush()
			}
			return err
		})
		if err != nil && !errors.Is(err, unix.ENOENT) { // it was not counted, or there is no table
			r.log.Warn("bytes of an address' former client are counted for the next", "err", err)
		}
	}
}

func uplinkCounters(counters []*nftables.CounterObj) map[string]Counters {
	m := map[string]Counters{}
	for _, o := range counters {
		if dev, ok := counterDevice(counterOut, o.Name); ok {
			m[dev] = Counters{Up: o.Bytes, Down: m[dev].Down}
		}
		if dev, ok := counterDevice(counterIn, o.Name); ok {
			m[dev] = Counters{Up: m[dev].Up, Down: o.Bytes}
		}
	}
	return m
}
