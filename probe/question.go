package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// resolve asks for an IPv4 address: the first server at once, each other one a little later
// beside those before it, as the forwarder does for clients. The first answer counts, also
// when it is that there is none.
func (v *vantage) resolve(ctx context.Context, host string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a, nil
	}
	if len(v.servers) == 0 {
		return netip.Addr{}, errors.New("no DNS server is known")
	}
	ctx, stop := context.WithTimeout(ctx, 5*v.limits.answer)
	defer stop()
	if len(v.servers) == 1 { // the synthetic client's way: its thread alone is in its namespace
		return v.insist(ctx, v.servers[0], host, 0)
	}
	type reply struct {
		server int
		addr   netip.Addr
		err    error
		bytes  uint64
	}
	replies := make(chan reply)
	for i, s := range v.servers {
		go func() {
			other := *v
			other.bytes = 0
			a, err := other.insist(ctx, s, host, time.Duration(i)*v.limits.answer/2)
			replies <- reply{i, a, err, other.bytes}
		}()
	}
	first := reply{server: len(v.servers), err: ctx.Err()} // of the first server that tells something
	told := false
	for range v.servers {
		r := <-replies
		v.bytes += r.bytes
		if told {
			continue
		}
		if told = r.err == nil || errors.As(r.err, new(noAddress)); told || r.server < first.server {
			first = r
		}
		if told {
			stop()
		}
	}
	return first.addr, first.err
}

// insist asks one server after a while, twice, the second time with more patience.
func (v *vantage) insist(ctx context.Context, server netip.Addr, host string, after time.Duration) (a netip.Addr, err error) {
	wait := time.NewTimer(after)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		return a, ctx.Err()
	}
	for _, patience := range []time.Duration{v.limits.answer, 2 * v.limits.answer} {
		a, err = v.ask(ctx, server, host, patience)
		if err == nil || errors.As(err, new(noAddress)) || ctx.Err() != nil {
			break
		}
	}
	return a, err
}

// noAddress is the answer that a name is not there, or has no address.
type noAddress string

func (e noAddress) Error() string { return string(e) }

// ask asks one server by UDP.
func (v *vantage) ask(ctx context.Context, server netip.Addr, host string, patience time.Duration) (netip.Addr, error) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	query := new(dns.Msg).SetQuestion(dns.Fqdn(host), dns.TypeA)
	wire, err := query.Pack()
	if err != nil {
		return netip.Addr{}, errors.New("it is no name for DNS")
	}
	conn, closeIt, err := v.open(ctx, "udp", netip.AddrPortFrom(server, 53))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%v: %w", server, plain(err))
	}
	defer closeIt()
	if _, err := conn.Write(wire); err != nil {
		return netip.Addr{}, fmt.Errorf("%v: %w", server, plain(err))
	}
	v.bytes += uint64(len(wire)) + udpHeader
	buf := make([]byte, 1500)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return netip.Addr{}, fmt.Errorf("%v: %w", server, plain(err))
		}
		v.bytes += uint64(n) + udpHeader
		if a, mine, err := readAnswer(buf[:n], query); mine {
			return a, err
		}
	}
}

// readAnswer reads a DNS answer. Answers to another question are not mine.
func readAnswer(wire []byte, query *dns.Msg) (a netip.Addr, mine bool, err error) {
	var m dns.Msg
	if m.Unpack(wire) != nil || !m.Response || m.Id != query.Id || len(m.Question) != 1 || !sameQuestion(m.Question[0], query.Question[0]) {
		return a, false, nil
	}
	for _, rr := range m.Answer {
		if r, ok := rr.(*dns.A); ok {
			if a, ok = netip.AddrFromSlice(r.A.To4()); ok {
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
