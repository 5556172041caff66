package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// resolve asks for an IPv4 address: the first server at once, each other one a little later
// beside those before it, or when all of those have failed. The first address counts; when
// a server says that there is none, the others have little time left to know better.
// Without an answer it is the first server's fault that is told.
// Sockets are opened here, for the synthetic client's namespace is its thread's alone.
func (v *vantage) resolve(ctx context.Context, host string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a, nil
	}
	n := len(v.servers)
	if n == 0 {
		return netip.Addr{}, errors.New("no DNS server is known")
	}
	query := new(dns.Msg).SetQuestion(dns.Fqdn(host), dns.TypeA)
	wire, err := query.Pack()
	if err != nil {
		return netip.Addr{}, errors.New("it is no name for DNS")
	}
	last := time.Duration(n-1) * v.limits.answer / 2
	ctx, stop := context.WithTimeout(ctx, min(5*v.limits.answer, last+3*v.limits.answer))
	defer stop()
	best, replies, done := reply{server: n}, make(chan reply), ctx.Done()
	var short <-chan time.Time
	turn := time.NewTimer(0)
	defer turn.Stop()
	for next, asked := 0, 0; next < n || asked > 0; {
		select {
		case <-turn.C:
			if next < n {
				v.put(ctx, question{server: next, wire: wire, query: query, patience: v.limits.answer}, replies)
				next, asked = next+1, asked+1
				turn.Reset(v.limits.answer / 2)
			}
		case r := <-replies:
			asked--
			v.bytes += r.bytes
			if r.addr.IsValid() || !best.told() && (r.told() || r.server < best.server) {
				best = r
			}
			if best.addr.IsValid() {
				next = n
				stop()
			} else if best.told() && short == nil {
				short = time.After(v.limits.answer)
				turn.Reset(0)
			} else if asked == 0 {
				turn.Reset(0)
			}
		case <-short:
			next, short = n, nil
			stop()
		case <-done:
			next, done = n, nil
			if best.err == nil && !best.told() {
				best.err = ctx.Err()
			}
		}
	}
	return best.addr, best.err
}

// put asks a question beside what else goes on.
func (v *vantage) put(ctx context.Context, q question, replies chan<- reply) {
	server := v.servers[q.server]
	conn, closeIt, err := v.open(ctx, "udp", netip.AddrPortFrom(server, 53))
	go func() {
		r := reply{server: q.server, err: err}
		if err == nil {
			q.conn = conn
			r = q.ask(ctx)
			closeIt()
		}
		if r.err != nil && !r.told() {
			r.err = fmt.Errorf("%v: %w", server, plain(r.err))
		}
		replies <- r
	}()
}

// reply is what came of asking one server.
type reply struct {
	server int // its place in the list
	addr   netip.Addr
	err    error
	bytes  uint64 // spent
}

// told says that a server has answered, with an address or that there is none.
func (r reply) told() bool { return r.addr.IsValid() || errors.As(r.err, new(noAddress)) }

// question is one server's, to be asked twice, the second time with more patience.
type question struct {
	server   int
	conn     net.Conn
	wire     []byte
	query    *dns.Msg
	patience time.Duration // of the first time
}

func (q question) ask(ctx context.Context) reply {
	r := reply{server: q.server}
	for _, patience := range []time.Duration{q.patience, 2 * q.patience} {
		if q.once(ctx, &r, patience); r.err == nil || r.told() || ctx.Err() != nil {
			break
		}
	}
	return r
}

// once sends the question and reads until its answer comes or patience ends.
func (q question) once(ctx context.Context, r *reply, patience time.Duration) {
	if _, r.err = q.conn.Write(q.wire); r.err != nil {
		return
	}
	r.bytes += uint64(len(q.wire)) + udpHeader
	r.err = q.conn.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 1500)
	for r.err == nil {
		if r.err = ctx.Err(); r.err != nil { // its end has moved the deadline, or finds this one
			return
		}
		var n int
		if n, r.err = q.conn.Read(buf); r.err != nil {
			return
		}
		r.bytes += uint64(n) + udpHeader
		if a, mine, err := readAnswer(buf[:n], q.query); mine {
			r.addr, r.err = a, err
			return
		}
	}
}

// noAddress is the answer that a name is not there, or has no address that leads anywhere.
type noAddress string

func (e noAddress) Error() string { return string(e) }

// readAnswer reads a DNS answer. Answers to another question are not mine.
func readAnswer(wire []byte, query *dns.Msg) (a netip.Addr, mine bool, err error) {
	var m dns.Msg
	if m.Unpack(wire) != nil || !m.Response || m.Id != query.Id || len(m.Question) != 1 || !sameQuestion(m.Question[0], query.Question[0]) {
		return a, false, nil
	}
	for _, rr := range m.Answer {
		if r, ok := rr.(*dns.A); ok {
			switch a, ok = netip.AddrFromSlice(r.A.To4()); {
			case ok && (a.IsUnspecified() || a.IsLoopback()): // as filters say
				return netip.Addr{}, true, noAddress(fmt.Sprintf("answered with %v, which leads nowhere", a))
			case ok:
				return a, true, nil
			}
		}
	}
	text := fmt.Sprintf("answered with %s and no address", rcode(m.Rcode))
	if m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError {
		return netip.Addr{}, true, noAddress(text)
	}
	return netip.Addr{}, true, errors.New(text)
}

func sameQuestion(a, b dns.Question) bool {
	return a.Qtype == b.Qtype && a.Qclass == b.Qclass && strings.EqualFold(a.Name, b.Name)
}

func rcode(code int) string {
	if name, ok := dns.RcodeToString[code]; ok {
		return name
	}
	return fmt.Sprintf("rcode %d", code)
}
