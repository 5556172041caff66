package probe

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Bounds of one answer in bytes. Of a body one byte more than expected is read, so
// that a longer one is not taken for the right one.
const (
	maxHeader  = 4 << 10 // of all header blocks together
	minBody    = 1 << 10 // read at least this much, however short the expected body is
	maxFraming = 1 << 10 // beside the body itself, where it comes in chunks
)

// page is an HTTP answer.
type page struct {
	status int
	body   string
	broken error  // why the body did not come to its end; nil it did, or is longer than read
	extra  bool   // a body comes with a status that has none
	to     string // where it redirects to
}

// fetch loads a target's page and judges it.
func (v *vantage) fetch(ctx context.Context, t Target, u *url.URL, addr netip.Addr) (Verdict, string) {
	p, err := v.load(ctx, u, addr, len(t.Body))
	if err != nil {
		return Dead, err.Error()
	}
	return judge(t, p)
}

// load asks an address for a page, of which so many bytes are expected. Its errors hold no
// foreign bytes.
func (v *vantage) load(ctx context.Context, u *url.URL, addr netip.Addr, expected int) (page, error) {
	ctx, stop := context.WithTimeout(ctx, v.limits.page)
	defer stop()
	to := netip.AddrPortFrom(addr, port(u))
	begun := time.Now()
	conn, closeIt, err := v.open(ctx, "tcp", to)
	if err != nil {
		v.bytes += failedTCPBytes(err, time.Since(begun))
		return page{}, fmt.Errorf("%s at %v cannot be reached: %w", u.Host, to, plain(err))
	}
	defer closeIt()
	defer func() { v.bytes += tcpBytes(conn) }()
	request := "GET " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host + "\r\nUser-Agent: tetherd\r\nConnection: close\r\n\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		return page{}, fmt.Errorf("%s at %v takes no request: %w", u.Host, to, plain(err))
	}
	p, err := readPage(conn, expected)
	if err != nil {
		return page{}, fmt.Errorf("%s at %v gives no page: %w", u.Host, to, err)
	}
	return p, nil
}

// port is the one that a URL names, or HTTP's.
func port(u *url.URL) uint16 {
	if n, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
		return uint16(n)
	}
	return 80
}

// readPage reads an HTTP answer whose body should be of the expected length. Its
// errors hold no foreign bytes.
func readPage(r io.Reader, expected int) (page, error) {
	in := &io.LimitedReader{R: r, N: maxHeader}
	buffered := bufio.NewReaderSize(in, minBody)
	resp, err := readHeader(buffered)
	switch {
	case err != nil && in.N <= 0 && buffered.Buffered() == 0:
		return page{}, fmt.Errorf("its header is longer than %d bytes", maxHeader)
	case err != nil:
		return page{}, plain(err)
	}
	p := page{status: resp.StatusCode, to: resp.Header.Get("Location")}
	if p.status == http.StatusNoContent {
		length := resp.Header.Get("Content-Length")
		p.extra = length != "" && length != "0" || len(resp.TransferEncoding) > 0 || buffered.Buffered() > 0
		return p, nil
	}
	limit := max(expected+1, minBody)
	in.N = max(0, int64(limit+maxFraming-buffered.Buffered()))
	// The body is not closed: that would read it to its end, and holds nothing else.
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(limit)))
	p.body = string(body)
	if err != nil {
		p.broken = plain(err)
	}
	return p, nil
}

// readHeader reads up to the end of the final header: an interim answer (RFC 9110
// section 15.2) is followed by another one.
func readHeader(r *bufio.Reader) (*http.Response, error) {
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil || resp.StatusCode/100 != 1 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, err
		}
	}
}

// judge compares an answer with what it must be, exactly.
func judge(t Target, p page) (Verdict, string) {
	switch {
	case p.status != t.Status && p.status/100 == 3:
		return Portal, fmt.Sprintf("%s is redirected elsewhere (status %d)", t.URL, p.status)
	case p.status != t.Status:
		return Portal, fmt.Sprintf("%s is answered by somebody else (status %d instead of %d)", t.URL, p.status, t.Status)
	case p.extra:
		return Portal, fmt.Sprintf("%s is answered by somebody else (status %d with a body)", t.URL, p.status)
	case p.broken != nil && strings.HasPrefix(t.Body, p.body):
		return Dead, fmt.Sprintf("%s breaks off after %d bytes: %v", t.URL, len(p.body), p.broken)
	case p.body != t.Body:
		return Portal, fmt.Sprintf("%s is answered by somebody else (another page: %d bytes of it were read)", t.URL, len(p.body))
	}
	return Online, fmt.Sprintf("%s answered as it must", t.URL)
}
