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
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// limits bound one look in time. A look that hangs is as dead as one that is refused.
type limits struct {
	look   time.Duration // everything: the lease and all targets together
	lease  time.Duration // the LAN's answer to a client that wants a lease
	answer time.Duration // one DNS server, the first time; the second time twice, all together five times as long
	page   time.Duration // connect and load one page
	large  time.Duration // a request of full size, at least
}

// usualLimits are for links on which an answer takes up to 1.5 s, as over satellites and
// in crowded cells: these are slow and not dead.
func usualLimits() limits {
	return limits{
		look: 16 * time.Second, lease: 4 * time.Second, answer: time.Second,
		page: 4 * time.Second, large: 2 * time.Second,
	}
}

// vantage is where a look is made from.
type vantage struct {
	dial    dialer
	servers []netip.Addr
	limits  limits
	bytes   uint64 // spent
	// literals are asked whether anybody is there when names do not resolve.
	literals []netip.AddrPort
	// sure wants two witnesses that agree.
	sure bool
	// page looks what a page in the Internet's place wants.
	page bool
	// narrow gives a dial with segments of a size, 0 the kernel's, to try packets of full
	// size once a page is there; nil tries none.
	narrow func(segment int) dialer
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// finding is what a look showed.
type finding struct {
	verdict Verdict
	detail  string
	cannot  string
	target  string
	bytes   uint64
	alive   bool
	denied  bool
	large   Large
	pathMTU int
	silent  bool // no server said anything about the name
	login   bool // the page in the Internet's place wants a login
	unread  bool // that page could not be read
	from    place
}

// place is where a page was found, and how soon.
type place struct {
	url  *url.URL
	addr netip.Addr
	took time.Duration
}

// look asks the witnesses in turn until a verdict is settled. What stays silent for as long
// as two pages may take is not waited for any longer.
func (v *vantage) look(ctx context.Context, witnesses []witness) finding {
	ctx, stop := context.WithTimeout(ctx, v.limits.look)
	defer stop()
	alive, begun := v.later(ctx), time.Now()
	j := jury{sure: v.sure, worst: finding{verdict: Dead, detail: "no target is configured"}}
	for _, w := range witnesses {
		if j.heard(w) {
			continue
		}
		f := v.try(ctx, w.Target)
		j.hear(w, f)
		waited := time.Since(begun) >= 2*v.limits.page && len(j.voices) == 0
		if j.settled() || waited || f.silent || ctx.Err() != nil {
			break // servers that are silent about one name are silent about the next
		}
	}
	f := j.verdict()
	switch {
	case f.verdict == NoDNS || f.verdict == Dead:
		f.alive = alive()
	case f.verdict == Online && v.narrow != nil:
		f.large, f.pathMTU = v.tryLarge(ctx, f.from)
	case f.verdict == Portal && v.page:
		f.login, f.unread = v.wantsLogin(ctx, f.from)
	}
	stop()
	alive()
	f.bytes = v.bytes
	return f
}

// later asks the literal addresses, when names have not resolved for a while, beside
// what else goes on. The function given waits for the outcome; what that cost is v's.
func (v *vantage) later(ctx context.Context) func() bool {
	if len(v.literals) == 0 {
		return func() bool { return false }
	}
	other := *v
	other.bytes = 0
	found := make(chan bool, 1)
	go func() {
		patience := time.NewTimer(v.limits.answer)
		defer patience.Stop()
		select {
		case <-patience.C:
			found <- other.answers(ctx)
		case <-ctx.Done():
			found <- false
		}
	}()
	return sync.OnceValue(func() bool {
		yes := <-found
		v.bytes += other.bytes
		return yes
	})
}

// answers says that somebody is there at one of the literal addresses: one that takes a
// connection, or refuses it.
func (v *vantage) answers(ctx context.Context) bool {
	ctx, stop := context.WithTimeout(ctx, v.limits.page)
	defer stop()
	for _, to := range v.literals {
		begun := time.Now()
		half, stop := context.WithTimeout(ctx, v.limits.page/2)
		conn, closeIt, err := v.open(half, "tcp", to)
		stop()
		if err == nil {
			v.bytes += tcpBytes(conn)
			closeIt()
			return true
		}
		v.bytes += failedTCPBytes(err, time.Since(begun))
		if errors.Is(err, unix.ECONNREFUSED) {
			return true
		}
	}
	return false
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
		f.silent = errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
		f.denied = errors.As(err, new(noAddress))
		return f
	}
	f.from = place{url: u, addr: addr}
	if notPublic(addr) && !isAddr(u.Hostname()) {
		f.verdict, f.detail = Portal, fmt.Sprintf("%s resolves to %v, which is no public address", u.Hostname(), addr)
		return f
	}
	begun := time.Now()
	f.verdict, f.detail = v.fetch(ctx, t, u, addr)
	f.from.took = time.Since(begun)
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
