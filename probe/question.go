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

// resolve asks each server in turn for an IPv4 address, twice over, the second time with
// more patience.
func (v *vantage) resolve(ctx context.Context, host string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a, nil
	}
	ctx, stop := context.WithTimeout(ctx, 5*v.limits.answer)
	defer stop()
	err := errors.New("no DNS server is known")
	for _, patience := range []time.Duration{v.limits.answer, 2 * v.limits.answer} {
		for _, s := range v.servers {
			var a netip.Addr
			if a, err = v.ask(ctx, s, host, patience); err == nil {
				return a, nil
			}
			if ctx.Err() != nil {
				return a, err
			}
		}
	}
	return netip.Addr{}, err
}

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
	return netip.Addr{}, true, fmt.Errorf("answered with %s and no address", rcode(m.Rcode))
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
