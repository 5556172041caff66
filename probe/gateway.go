package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"github.com/tetherd/tetherd/egress"
	"golang.org/x/sys/unix"
)

// control prepares a socket before it is connected, for net.Dialer.
type control = func(network, address string, c syscall.RawConn) error

// lookFromGateway looks from the machine itself, by one interface only.
func lookFromGateway(ctx context.Context, s Spec, m manner, l limits) finding {
	g := s.Gateway
	bind := egress.Control(g.Interface, g.Mark)
	d := net.Dialer{Control: bind}
	v := vantage{dial: d.DialContext, servers: g.Servers, limits: l, literals: g.Literals, sure: m.sure, page: m.page}
	if m.large {
		v.narrow = func(segment int) dialer {
			d := net.Dialer{Control: narrowed(bind, segment)}
			return d.DialContext
		}
	}
	return v.look(ctx, s.witnesses(m))
}

// narrowed bounds the segments of TCP besides binding.
func narrowed(bind control, segment int) control {
	return func(network, address string, c syscall.RawConn) error {
		err := bind(network, address, c)
		if err != nil || !strings.HasPrefix(network, "tcp") {
			return err
		}
		var bounded error
		err = c.Control(func(fd uintptr) {
			bounded = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, segment)
		})
		return errors.Join(err, bounded)
	}
}

// lookInstead is the weaker check where no synthetic client can be made, for the
// reason why: the gateway itself asks the DNS server that clients ask, and fetches by
// the routes of its own traffic.
func lookInstead(ctx context.Context, lan *net.Interface, s Spec, m manner, l limits, why error) finding {
	f := finding{verdict: Unproven, detail: fmt.Sprintf("a weaker check cannot be made: %s has no IPv4 address", lan.Name)}
	if addr, ok := addressOf(lan); ok {
		v := vantage{dial: new(net.Dialer).DialContext, servers: []netip.Addr{addr}, limits: l, sure: m.sure}
		f = v.look(ctx, s.witnesses(m))
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
