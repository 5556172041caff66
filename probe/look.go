package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"time"
)

// limits bound one look in time. A look that hangs is as dead as one that is refused.
type limits struct {
	look   time.Duration // everything: the lease and all targets together
	lease  time.Duration // the LAN's answer to a client that wants a lease
	answer time.Duration // one DNS server
	page   time.Duration // connect and load one page
}

func usualLimits() limits {
	return limits{look: 8 * time.Second, lease: 4 * time.Second, answer: time.Second, page: 3 * time.Second}
}

// vantage is where a look is made from.
type vantage struct {
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	servers []netip.Addr
	limits  limits
	bytes   uint64 // spent
}

// finding is what a look showed.
type finding struct {
	verdict Verdict
	detail  string
	cannot  string
	target  string
	bytes   uint64
}

// look tries the targets in turn until one answers exactly as it must. Somebody
// else's answer outweighs silence, since it explains it.
func (v *vantage) look(ctx context.Context, targets []Target) finding {
	ctx, stop := context.WithTimeout(ctx, v.limits.look)
	defer stop()
	worst := finding{verdict: Dead, detail: "no target is configured"}
	for i, t := range targets {
		f := v.try(ctx, t)
		if i == 0 || f.verdict == Online || f.verdict == Portal && worst.verdict != Portal || worst.verdict == NoDNS && f.verdict == Dead {
			worst = f
		}
		if f.verdict == Online || ctx.Err() != nil {
			break
		}
	}
	worst.bytes = v.bytes
	return worst
}

// try resolves and fetches one target.
func (v *vantage) try(ctx context.Context, t Target) finding {
	f := finding{target: t.URL}
	u, err := url.Parse(t.URL)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" {
		f.verdict, f.detail = Dead, "the target is no http:// URL"
		return f
	}
	addr, err := v.resolve(ctx, u.Hostname())
	if err != nil {
		f.verdict, f.detail = NoDNS, fmt.Sprintf("%s does not resolve: %v", u.Hostname(), err)
		return f
	}
	if notPublic(addr) && !isAddr(u.Hostname()) {
		f.verdict, f.detail = Portal, fmt.Sprintf("%s resolves to %v, which is no public address", u.Hostname(), addr)
		return f
	}
	f.verdict, f.detail = v.fetch(ctx, t, u, addr)
	return f
}

func isAddr(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// notPublic says that an address cannot be a host of the Internet.
func notPublic(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified()
}

// open connects. When ctx ends, whatever waits for the connection ends too. The
// caller closes it by the function given.
func (v *vantage) open(ctx context.Context, network string, to netip.AddrPort) (conn net.Conn, closeIt func(), err error) {
	conn, err = v.dial(ctx, network, to.String())
	if err != nil {
		return nil, nil, err
	}
	watch := context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(time.Unix(1, 0)) // fails only when it is closed already
	})
	return conn, func() {
		watch()
		_ = conn.Close() // nothing is lost that was not read
	}, nil
}

// plain shortens an error of a connection to its cause, in words that no foreign
// byte gets into.
func plain(err error) error {
	var op *net.OpError
	switch {
	case errors.As(err, &op):
		return op.Err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection ended")
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return os.ErrDeadlineExceeded
	}
	return errors.New("what came is not understood")
}
