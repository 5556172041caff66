package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Limits of one look. A look that hangs is as dead as one that is refused.
const (
	lookLimit   = 8 * time.Second // all targets together
	answerLimit = time.Second     // one DNS server
	pageLimit   = 3 * time.Second // connect and load one page
	maxPage     = 8 << 10         // bytes of one page with its header
)

// A frame on the way costs more than the payload that is counted: IPv4 and UDP, and
// for TCP the handshake, acknowledgements and the end, seen as about 8 segments.
const (
	udpOverhead = 28
	tcpOverhead = 8 * 52
)

// vantage is where a look is made from.
type vantage struct {
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	servers []netip.Addr
	bytes   uint64 // spent
}

// finding is what one target showed.
type finding struct {
	verdict Verdict
	detail  string
	target  string
}

// look tries the targets in turn until one answers exactly as it must. Somebody
// else's answer outweighs silence, since it explains it.
func (v *vantage) look(ctx context.Context, targets []Target) finding {
	ctx, stop := context.WithTimeout(ctx, lookLimit)
	defer stop()
	worst := finding{verdict: Dead, detail: "no target is configured"}
	for i, t := range targets {
		f := v.try(ctx, t)
		if f.verdict == Online {
			return f
		}
		if i == 0 || f.verdict == Portal && worst.verdict != Portal || worst.verdict == NoDNS && f.verdict == Dead {
			worst = f
		}
	}
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
		f.verdict, f.detail = NoDNS, fmt.Sprintf("%s does not resolve: %v", u.Hostname(), plain(err))
		return f
	}
	if notPublic(addr) && !isAddr(u.Hostname()) {
		f.verdict, f.detail = Portal, fmt.Sprintf("%s resolves to %v, which is no public address", u.Hostname(), addr)
		return f
	}
	f.verdict, f.detail = v.fetch(ctx, t, u, addr)
	return f
}

// plain shortens a network error to its cause: addresses are told already.
func plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

func isAddr(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// notPublic says that an address cannot be a host of the Internet.
func notPublic(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified()
}

// resolve asks each server in turn for an IPv4 address, twice over.
func (v *vantage) resolve(ctx context.Context, host string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a, nil
	}
	err := errors.New("no DNS server is known")
	for range 2 {
		for _, s := range v.servers {
			var a netip.Addr
			if a, err = v.ask(ctx, s, host); err == nil {
				return a, nil
			}
		}
	}
	return netip.Addr{}, err
}

// ask asks one server.
func (v *vantage) ask(ctx context.Context, server netip.Addr, host string) (netip.Addr, error) {
	ctx, stop := context.WithTimeout(ctx, answerLimit)
	defer stop()
	conn, err := v.dial(ctx, "udp", netip.AddrPortFrom(server, 53).String())
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline) // a socket that takes none fails below
	query := new(dns.Msg).SetQuestion(dns.Fqdn(host), dns.TypeA)
	wire, err := query.Pack()
	if err == nil {
		_, err = conn.Write(wire)
	}
	if err != nil {
		return netip.Addr{}, err
	}
	v.bytes += uint64(len(wire)) + udpOverhead
	buf := make([]byte, 1500)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return netip.Addr{}, fmt.Errorf("%v: %w", server, plain(err))
		}
		v.bytes += uint64(n) + udpOverhead
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
	return a, true, fmt.Errorf("answered with %s and no address", dns.RcodeToString[m.Rcode])
}

func sameQuestion(a, b dns.Question) bool {
	return a.Qtype == b.Qtype && a.Qclass == b.Qclass && strings.EqualFold(a.Name, b.Name)
}

// fetch loads a page and judges it.
func (v *vantage) fetch(ctx context.Context, t Target, u *url.URL, addr netip.Addr) (Verdict, string) {
	ctx, stop := context.WithTimeout(ctx, pageLimit)
	defer stop()
	port := u.Port()
	if port == "" {
		port = "80"
	}
	conn, err := v.dial(ctx, "tcp", net.JoinHostPort(addr.String(), port))
	v.bytes += tcpOverhead
	if err != nil {
		return Dead, fmt.Sprintf("%s at %v cannot be reached: %v", u.Host, addr, plain(err))
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline) // a socket that takes none fails below
	request := "GET " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host + "\r\nUser-Agent: tetherd\r\nConnection: close\r\n\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		return Dead, fmt.Sprintf("%s at %v takes no request: %v", u.Host, addr, plain(err))
	}
	counted := &counting{Reader: io.LimitReader(conn, maxPage)}
	defer func() { v.bytes += uint64(len(request)) + counted.n }()
	status, body, err := readPage(counted)
	if err != nil {
		return Dead, fmt.Sprintf("%s at %v gives no page: %v", u.Host, addr, plain(err))
	}
	return judge(t, status, body)
}

// counting counts what is read.
type counting struct {
	io.Reader
	n uint64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += uint64(n)
	return n, err
}

// readPage reads an HTTP answer.
func readPage(r io.Reader) (status int, body string, err error) {
	resp, err := http.ReadResponse(bufio.NewReaderSize(r, 2<<10), nil)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil && len(text) == 0 {
		return 0, "", err
	}
	return resp.StatusCode, string(text), nil // a cut page is judged by what came
}

// judge compares an answer with what it must be, exactly.
func judge(t Target, status int, body string) (Verdict, string) {
	switch {
	case status == t.Status && body == t.Body:
		return Online, fmt.Sprintf("%s answered as it must", t.URL)
	case status >= 300 && status < 400:
		return Portal, fmt.Sprintf("%s is redirected elsewhere (status %d)", t.URL, status)
	case status != t.Status:
		return Portal, fmt.Sprintf("%s is answered by somebody else (status %d instead of %d)", t.URL, status, t.Status)
	}
	return Portal, fmt.Sprintf("%s is answered by somebody else (another page of %d bytes)", t.URL, len(body))
}
