package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/tetherd/tetherd/lab/netns"
)

// LoginHost is the host of the walled garden's page. Fetching /accept there opens the
// garden for the asker's bearer.
const LoginHost = "login.example.net"

// maxDownload bounds one download, in bytes.
const maxDownload = 16 << 30

// servers are everything that listens.
type servers struct {
	closers []io.Closer
}

func (s *servers) add(c io.Closer) { s.closers = append(s.closers, c) }

func (s *servers) close() error {
	var errs []error
	for _, c := range s.closers {
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// serve starts the name servers and the web server, and on another port the page that a
// story can lead some requests to.
func (o *Operator) serve(z zone) error {
	if err := o.listenDNS(z); err != nil {
		return err
	}
	return netns.Do(o.ns, func() error {
		listener, err := net.Listen("tcp", ":80")
		if err != nil {
			return fmt.Errorf("operator: web: %w", err)
		}
		wall, err := net.Listen("tcp", ":81")
		if err != nil {
			return errors.Join(fmt.Errorf("operator: page: %w", err), listener.Close())
		}
		for listener, pages := range map[net.Listener]http.Handler{listener: o.web(), wall: http.RedirectHandler("http://"+LoginHost+"/", http.StatusFound)} {
			server := &http.Server{Handler: pages, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
			o.servers.add(server)
			go server.Serve(listener)
		}
		return nil
	})
}

// web is every site of the small Internet, and the garden before it.
func (o *Operator) web() http.Handler {
	mux := http.NewServeMux()
	page := func(path, text string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { writePage(w, text) })
	}
	mux.HandleFunc("/generate_204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	page("/success.txt", "success\n")
	page("/canonical.html", "<meta http-equiv=\"refresh\" content=\"0;url=https://support.mozilla.org/kb/captive-portal\"/>")
	page("/hotspot-detect.html", "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>")
	page("/connecttest.txt", "Microsoft Connect Test")
	page("/", "A plain page of the lab's Internet.\n")
	mux.HandleFunc("/address", func(w http.ResponseWriter, r *http.Request) { writePage(w, clientOf(r).String()+"\n") })
	mux.HandleFunc("/download", download)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &status{ResponseWriter: w, code: http.StatusOK}
		if b := o.bearerOf(clientOf(r)); b != nil && b.fenced() && r.Host != b.policy.Load().Passes {
			o.garden(seen, r, b)
		} else {
			mux.ServeHTTP(seen, r)
		}
		o.counts.web.Add(1)
		o.event(Event{Kind: "web", Client: clientOf(r), Detail: fmt.Sprintf("%s %s%s %d", r.Method, r.Host, r.URL.Path, seen.code)})
	})
}

// garden answers a bearer in the walled garden: everything leads to the login page.
func (o *Operator) garden(w http.ResponseWriter, r *http.Request, b *bearer) {
	switch {
	case r.Host == LoginHost && r.URL.Path == "/accept":
		b.accepted.Store(true)
		o.event(Event{Kind: "accept", APN: b.name, Client: clientOf(r)})
		writePage(w, "Welcome.\n")
	case r.Host == LoginHost && b.policy.Load().Login:
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, `<form action="/accept"><input name="user"><input type="password" name="word"></form>`)
	case r.Host == LoginHost:
		writePage(w, "Buy a plan at http://"+LoginHost+"/accept\n")
	default:
		http.Redirect(w, r, "http://"+LoginHost+"/", http.StatusFound)
	}
}

func writePage(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, text)
}

// clientOf is the address that a request came from.
func clientOf(r *http.Request) netip.Addr {
	client, _ := netip.ParseAddrPort(r.RemoteAddr)
	return client.Addr().Unmap()
}

// status remembers the status code for the event.
type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// Flush lets a slow download through.
func (s *status) Flush() {
	if f, ok := s.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// download streams bytes=N zeros, at rate=N bytes a second when that is given.
func download(w http.ResponseWriter, r *http.Request) {
	size, err := number(r, "bytes", 0, maxDownload)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	rate, err := number(r, "rate", 0, maxDownload)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	if rate == 0 {
		io.CopyN(w, zeros{}, size)
		return
	}
	trickle(r.Context(), w, size, rate)
}

// number reads a parameter of the query.
func number(r *http.Request, name string, low, high int64) (int64, error) {
	text := strings.TrimSpace(r.URL.Query().Get(name))
	if text == "" {
		return low, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%s=%q: want a number from %d to %d", name, text, low, high)
	}
	return n, nil
}

// trickle sends size bytes at rate bytes a second, ten times a second.
func trickle(ctx context.Context, w http.ResponseWriter, size, rate int64) {
	const steps = 10
	portion := max(rate/steps, 1)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for size > 0 {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			timer.Reset(time.Second / steps)
		}
		n, err := io.CopyN(w, zeros{}, min(portion, size))
		if err != nil {
			return
		}
		size -= n
		w.(http.Flusher).Flush()
	}
}

// zeros is an endless stream of zero bytes.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
