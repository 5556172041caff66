package operator

import (
	"encoding/binary"
	"net/netip"
)

// pool hands out addresses one after the other, so that a bearer that comes back is
// numbered anew: IPv4 addresses with the pool's prefix length, IPv6 /64 networks.
type pool struct {
	network netip.Prefix
	gateway netip.Addr // first host; never handed out
	next    uint64     // host number (IPv4) or network number (IPv6) to try next
}

func newPool(network netip.Prefix) *pool {
	return &pool{network: network, gateway: network.Addr().Next(), next: 1}
}

// size is how many numbers there are, of which 0, and for IPv4 1 and the last, are
// not handed out.
func (p *pool) size() uint64 {
	if p.network.Addr().Is4() {
		return 1 << (32 - p.network.Bits())
	}
	return 1 << min(64-p.network.Bits(), 32)
}

// take hands out the next address that is not taken; false when there is none.
func (p *pool) take(taken func(netip.Addr) bool) (netip.Prefix, bool) {
	size := p.size()
	for range min(size, 1<<16) {
		p.next++
		if p.next >= size-1 {
			p.next = 1
		}
		address := p.address(p.next)
		if address.Addr() != p.gateway && !taken(address.Addr()) {
			return address, true
		}
	}
	return netip.Prefix{}, false
}

// address is number n of the pool. An IPv6 host gets an address in its network.
func (p *pool) address(n uint64) netip.Prefix {
	if p.network.Addr().Is4() {
		base := p.network.Addr().As4()
		binary.BigEndian.PutUint32(base[:], binary.BigEndian.Uint32(base[:])+uint32(n))
		return netip.PrefixFrom(netip.AddrFrom4(base), p.network.Bits())
	}
	base := p.network.Addr().As16()
	binary.BigEndian.PutUint64(base[:], binary.BigEndian.Uint64(base[:])+n)
	base[15] = 2
	return netip.PrefixFrom(netip.AddrFrom16(base), 64)
}

// key is what a bearer is found by: its IPv4 address, or its IPv6 /64.
func key(address netip.Addr) netip.Addr {
	if address.Is4() {
		return address
	}
	return netip.PrefixFrom(address, 64).Masked().Addr()
}
