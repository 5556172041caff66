package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// lookFromGateway looks from the machine itself, by one interface only.
func lookFromGateway(ctx context.Context, g Gateway, targets []Target, l limits, full bool) finding {
	narrow := func(segment int) dialer {
		d := net.Dialer{Control: bind(g.Interface, g.Mark, segment)}
		return d.DialContext
	}
	v := vantage{dial: narrow(0), servers: g.Servers, limits: l, literals: g.Literals}
	if full {
		v.narrow = narrow
	}
	return v.look(ctx, targets)
}

// bind ties a socket to an interface and a mark, so that it cannot leave elsewhere, and
// bounds the segments of a TCP socket when segment is not 0.
func bind(name string, mark uint32, segment int) func(string, string, syscall.RawConn) error {
	return func(network, _ string, c syscall.RawConn) error {
		var device, fwmark, mss error
		err := c.Control(func(fd uintptr) {
			device = unix.BindToDevice(int(fd), name)
			if mark != 0 {
				fwmark = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(mark))
			}
			if segment != 0 && strings.HasPrefix(network, "tcp") {
				mss = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, segment)
			}
		})
		return errors.Join(err, device, fwmark, mss)
	}
}

// lookInstead is the weaker check where no synthetic client can be made, for the
// reason why: the gateway itself asks the DNS server that clients ask, and fetches by
// the routes of its own traffic.
func lookInstead(ctx context.Context, lan *net.Interface, targets []Target, l limits, why error) finding {
	f := finding{verdict: Unproven, detail: fmt.Sprintf("a weaker check cannot be made: %s has no IPv4 address", lan.Name)}
	if addr, ok := addressOf(lan); ok {
		v := vantage{dial: new(net.Dialer).DialContext, servers: []netip.Addr{addr}, limits: l}
		f = v.look(ctx, targets)
		f.detail = fmt.Sprintf("a weaker check, from the gateway itself, says %s: %s", f.verdict, f.detail)
		f.verdict = Unproven
	}
	f.cannot = fmt.Sprintf("%v; proves neither a client's lease nor its names, nor its way through bridge and NAT, nor radio or hardware offload", why)
	return f
}

// addressOf is an interface's first IPv4 address.
func addressOf(link *net.Interface) (netip.Addr, bool) {
	addrs, _ := link.Addrs() // one that just vanished has none
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
			return p.Addr(), true
		}
	}
	return netip.Addr{}, false
}
