package nat

import (
	"bytes"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
)

// count reads the counters of clients and uplinks.
func (d *Driver) count(st *Status) error {
	st.Clients, st.Uplinks = map[netip.Addr]Counters{}, map[string]Counters{}
	for _, s := range []struct {
		name string
		add  func(key []byte, n uint64)
	}{
		{setClientUp, func(k []byte, n uint64) { addTo(st.Clients, address(k), Counters{Up: n}) }},
		{setClientDown, func(k []byte, n uint64) { addTo(st.Clients, address(k), Counters{Down: n}) }},
		{setUplinkUp, func(k []byte, n uint64) { addTo(st.Uplinks, name(k), Counters{Up: n}) }},
		{setUplinkDown, func(k []byte, n uint64) { addTo(st.Uplinks, name(k), Counters{Down: n}) }},
	} {
		elements, err := d.conn.GetSetElements(&nftables.Set{Table: table(), Name: s.name})
		if err != nil {
			return fmt.Errorf("nat: read set %s: %w", s.name, err)
		}
		for _, e := range elements {
			if e.Counter != nil {
				s.add(e.Key, e.Counter.Bytes)
			}
		}
	}
	return nil
}

func addTo[K comparable](m map[K]Counters, key K, c Counters) {
	before := m[key]
	m[key] = Counters{Up: before.Up + c.Up, Down: before.Down + c.Down}
}

func address(key []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(key)
	return a
}

func name(key []byte) string {
	b, _, _ := bytes.Cut(key, []byte{0})
	return string(b)
}
