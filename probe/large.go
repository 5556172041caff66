package probe

import (
	"context"
	"io"
	"net/netip"
	"strings"
	"time"
)

// Sizes of packets with IPv4 and TCP headers, in bytes.
const (
	tcpHeaders  = 40
	fullRequest = 1700 // longer than one packet of any usual link
)

// sizes are path MTUs that are tried when full packets are lost, in falling order:
// those of tunnels that operators use, then the least of IPv6 (RFC 8200) and of IPv4
// hosts (RFC 791).
func sizes() []int { return []int{1460, 1430, 1400, 1360, 1280, 1100, 900, 576} }

// tryLarge finds out whether packets of full size pass, by a request that fills them.
// They are lost when that stays without an answer twice and a smaller segment gets one:
// a server that does not like long requests answers neither.
func (v *vantage) tryLarge(ctx context.Context, at place) (Large, int) {
	limit := max(v.limits.large, 6*at.took)
	if v.passes(ctx, at, 0, limit) {
		return LargePasses, 0
	}
	best, from, to := 0, 0, len(sizes())
	for from < to && ctx.Err() == nil { // the largest that passes is at from or behind
		mid := (from + to) / 2
		if v.passes(ctx, at, sizes()[mid]-tcpHeaders, limit/2) {
			best, to = sizes()[mid], mid
		} else {
			from = mid + 1
		}
	}
	if best == 0 || v.passes(ctx, at, 0, limit) {
		return LargeUnknown, 0
	}
	return LargeLost, best
}

// passes says that a long request in segments of a size gets any answer.
func (v *vantage) passes(ctx context.Context, at place, segment int, limit time.Duration) bool {
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
	other := *v
	other.dial = v.narrow(segment)
	conn, closeIt, err := other.open(ctx, "tcp", netip.AddrPortFrom(at.addr, port(at.url)))
	if err != nil {
		return false
	}
	defer closeIt()
	defer func() { v.bytes += tcpBytes(conn) }()
	request := "GET " + at.url.RequestURI() + " HTTP/1.1\r\nHost: " + at.url.Host + "\r\nUser-Agent: tetherd\r\nConnection: close\r\nX-Fill: "
	request += strings.Repeat("x", fullRequest) + "\r\n\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		return false
	}
	_, err = io.ReadFull(conn, make([]byte, 1))
	return err == nil
}
