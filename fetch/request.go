package fetch

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tetherd/tetherd/egress"
)

// Bounds of one request.
const (
	timeLimit    = 45 * time.Second // unless a request says otherwise
	maxRedirects = 3
	maxHeader    = 16 << 10
	maxSignature = 256
	maxAuthority = 1 << 20 // of a file of authorities
)

// way is a way out: how to connect and whom to trust.
type way struct {
	now   func() time.Time // by which certificates are judged; nil is the machine\'s clock
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	roots *x509.CertPool // nil the system's
}

// wayOut makes the way that a Spec wishes.
func wayOut(s Spec) (way, error) {
	d := &net.Dialer{Control: egress.Control(s.Interface, s.Mark)}
	d.Resolver = &net.Resolver{PreferGo: true, Dial: askOf(s.Servers, d.Control)}
	w := way{dial: d.DialContext}
	if s.CAFile == "" {
		return w, nil
	}
	var err error
	w.roots, err = authorities(s.CAFile)
	return w, err
}

// authorities reads a file of certificates.
func authorities(path string) (*x509.CertPool, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("authorities: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxAuthority))
	if err != nil {
		return nil, fmt.Errorf("authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("authorities: %s holds no certificate", path)
	}
	return pool, nil
}

// askOf dials the bearer's servers in turn, whichever the resolver wants to ask: the
// machine's own settings are for other ways.
func askOf(servers []netip.Addr, control func(string, string, syscall.RawConn) error) func(context.Context, string, string) (net.Conn, error) {
	d := &net.Dialer{Control: control}
	var turn atomic.Uint32 // the resolver asks for both families at once
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		if len(servers) == 0 {
			return nil, errors.New("no DNS server is known")
		}
		server := servers[int((turn.Add(1)-1)%uint32(len(servers)))]
		return d.DialContext(ctx, network, netip.AddrPortFrom(server, 53).String())
	}
}

// fetch makes one request. An answer of any status is no error.
func (w way) fetch(ctx context.Context, r Request) (Result, error) {
	ctx, stop := context.WithTimeout(ctx, cmp.Or(r.Limit, timeLimit))
	defer stop()
	a, err := w.follow(ctx, r)
	result := Result{Status: a.status, Tag: a.tag}
	if err != nil || a.status != http.StatusOK {
		return result, err
	}
	result.Body = a.body
	if r.Beside == "" {
		return result, nil
	}
	result.Beside, err = w.beside(ctx, r)
	return result, err
}

// beside fetches the signature; nil when the server has none.
func (w way) beside(ctx context.Context, r Request) ([]byte, error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return nil, errors.New("the address is none")
	}
	u.Path += r.Beside
	r.URL, r.Tag, r.Body, r.Max = u.String(), "", "", maxSignature
	a, err := w.follow(ctx, r)
	switch {
	case err != nil:
		return nil, fmt.Errorf("signature: %w", err)
	case a.status == http.StatusNotFound || a.status == http.StatusGone:
		return nil, nil
	case a.status != http.StatusOK:
		return nil, fmt.Errorf("signature: the server answers with status %d", a.status)
	}
	return a.body, nil
}

// answer is one answer of a server.
type answer struct {
	status   int
	tag      string
	location string
	body     []byte
}

// follow asks and goes where it is sent, by HTTPS alone. Credentials go to the host
// that they are for, and a question that names a subscriber goes nowhere else.
func (w way) follow(ctx context.Context, r Request) (answer, error) {
	at, err := url.Parse(r.URL)
	if err != nil {
		return answer{}, errors.New("the address is none")
	}
	first := at.Host
	for range maxRedirects + 1 {
		if at.Scheme != "https" || at.Hostname() == "" {
			return answer{}, errors.New("the address does not begin with https://")
		}
		if at.Host != first {
			r.User, r.Password = "", ""
		}
		a, err := w.ask(ctx, r, at)
		if err != nil || a.status/100 != 3 || a.status == http.StatusNotModified {
			return a, err
		}
		if r.Body != "" {
			return answer{}, fmt.Errorf("the server sends the question elsewhere (status %d)", a.status)
		}
		if at, err = at.Parse(a.location); err != nil || a.location == "" {
			return answer{}, errors.New("the server sends elsewhere and does not say where")
		}
	}
	return answer{}, fmt.Errorf("the server sends elsewhere more than %d times", maxRedirects)
}

// ask makes one exchange on a connection of its own. One at a time and seldom, that
// needs none of net/http's client, which would cost the binary much more.
func (w way) ask(ctx context.Context, r Request, u *url.URL) (answer, error) {
	port := u.Port()
	if port == "" {
		port = "443"
	}
	raw, err := w.dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return answer{}, fmt.Errorf("cannot be reached: %w", plain(err))
	}
	defer raw.Close()
	defer context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })()
	conn := tls.Client(raw, &tls.Config{ServerName: u.Hostname(), RootCAs: w.roots, Time: w.now, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	if err := conn.HandshakeContext(ctx); err != nil {
		return answer{}, fmt.Errorf("no trusted connection: %w", plain(err))
	}
	if _, err := io.WriteString(conn, r.text(u)); err != nil {
		return answer{}, fmt.Errorf("takes no request: %w", plain(err))
	}
	return read(conn, r.Max)
}

// text is the request as it is sent.
func (r Request) text(u *url.URL) string {
	var b strings.Builder
	method := "GET"
	if r.Body != "" {
		method = "POST"
	}
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("%s %s HTTP/1.1", method, u.RequestURI())
	line("Host: %s", u.Host)
	line("User-Agent: tetherd")
	line("Accept-Encoding: identity")
	line("Connection: close")
	if r.User != "" {
		line("Authorization: Basic %s", base64.StdEncoding.EncodeToString([]byte(r.User+":"+string(r.Password))))
	}
	if r.Tag != "" {
		line("If-None-Match: %s", r.Tag)
	}
	if r.Body != "" {
		line("Content-Type: application/json")
		line("Content-Length: %d", len(r.Body))
	}
	line("")
	b.WriteString(string(r.Body))
	return b.String()
}

// read reads an answer of at most so many bytes.
func read(conn io.Reader, most int) (answer, error) {
	in := &io.LimitedReader{R: conn, N: maxHeader}
	buffered := bufio.NewReader(in)
	resp, err := http.ReadResponse(buffered, nil)
	if err != nil {
		return answer{}, fmt.Errorf("gives no answer: %w", plain(err))
	}
	a := answer{status: resp.StatusCode, tag: validator(resp.Header.Get("ETag")), location: resp.Header.Get("Location")}
	if a.status != http.StatusOK {
		return a, nil // the body is not closed: that would read it to its end
	}
	in.N = int64(most) + maxHeader // chunks have frames
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, int64(most)+1))
	switch {
	case len(a.body) > most:
		return answer{}, fmt.Errorf("the answer is longer than %d bytes", most)
	case err != nil:
		return answer{}, fmt.Errorf("breaks off: %w", plain(err))
	}
	return a, nil
}

// validator takes an ETag that can be sent back as it is.
func validator(tag string) string {
	if len(tag) > 128 || strings.ContainsFunc(tag, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ""
	}
	return tag
}

// plain shortens an error to what may be shown: no address with a subscriber in it and
// no foreign bytes.
func plain(err error) error {
	var (
		op       *net.OpError
		name     *net.DNSError
		expired  x509.CertificateInvalidError
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
	)
	switch {
	case errors.As(err, &expired) && expired.Reason == x509.Expired:
		return errors.New("the certificate is not valid at this time (is the clock right?)")
	case errors.As(err, &unknown):
		return errors.New("the certificate is by an authority that is not trusted")
	case errors.As(err, &hostname):
		return errors.New("the certificate is for another name")
	case errors.As(err, &name):
		return errors.New("its name does not resolve")
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return errors.New("no answer in time")
	case errors.As(err, &op):
		return op.Err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection ended")
	}
	return errors.New("what came is not understood")
}
