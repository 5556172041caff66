package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/control"
)

// Server serves the verbs: all of them on the local socket, and on the LAN those that a
// caller may use. Loop and Log are needed; what else is nil is not there.
type Server struct {
	Loop    *control.Loop
	Version string
	Log     *slog.Logger
	Keys    *Keyring     // who may come in by the network; nil nobody
	Journal *Journal     // audit log
	Tail    *Tail        // end of the program's log
	Page    http.Handler // what the LAN sees beside the verbs
	End     func(End)    // ends the program, which then starts again

	lanFault atomic.Pointer[string] // why the LAN has no status; nil when it has
	sessions sessions
	told     told
	guard    guard
	drawn    atomic.Pointer[drawing]
	named    atomic.Pointer[naming]
	streams  crowd // of who may read
	visitors crowd // streams of others
}

// document renders a snapshot and adds what only the process knows.
func (s *Server) document(snap *control.Snapshot) Document {
	d := Render(snap)
	d.Process.Version, d.Process.PID, d.Process.Goroutines = s.Version, os.Getpid(), runtime.NumGoroutine()
	d.Trial, d.LastChange = trialDoc(snap.Trial, time.Now()), outcomeDoc(snap.Outcome)
	d.Revision = s.revision(snap.Config)
	if fault := s.lanFault.Load(); fault != nil {
		d.LAN.Port, d.Problems = 0, append(d.Problems, *fault)
	}
	return d
}

// naming is the revision of settings, which takes all of them to tell.
type naming struct {
	config   *config.Config
	revision string
}

// revision tells it once for the settings in force.
func (s *Server) revision(cfg *config.Config) string {
	n := s.named.Load()
	if n == nil || n.config != cfg {
		n = &naming{cfg, cfg.Revision()}
		s.named.Store(n)
	}
	return n.revision
}

// follow streams documents until the client goes away.
func (s *Server) follow(w http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(w)
	enc := json.NewEncoder(w)
	w.Header().Set("Content-Type", "application/json")
	_ = out.SetWriteDeadline(time.Time{}) // that of an answer before on the connection
	for {
		snap := s.Loop.Snapshot()
		if enc.Encode(s.document(snap)) != nil || out.Flush() != nil {
			return
		}
		select {
		case <-snap.Superseded():
		case <-r.Context().Done():
			return
		}
	}
}

// sole is a place that only the superuser can take: a port below 1024 at a loopback
// address that nobody uses. There is one in a network namespace, and it is free when its
// process is gone, in whatever way.
const sole = "127.97.97.97:97"

// Sole takes the one place that a gateway can have in a network namespace, and waits
// up to patience for a former process to leave it. Closing it gives it up.
func Sole(ctx context.Context, patience time.Duration) (io.Closer, error) {
	const again = 20 * time.Millisecond // between tries: nobody tells when it is free
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	for {
		lc := net.ListenConfig{Control: freebind} // loopback may be down
		l, err := lc.ListenPacket(context.Background(), "udp4", sole)
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, unix.EADDRINUSE) {
			return nil, fmt.Errorf("api: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil, errors.New("another tetherd runs here (in this network namespace)")
		case <-time.After(again):
		}
	}
}

// ListenLocal listens on a socket that only its owner may open, replacing one
// that a killed process left.
func ListenLocal(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("api: folder of the socket: %w", err)
	}
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("api: another tetherd answers on %s", path)
	}
	switch info, err := os.Lstat(path); {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("api: stale socket: %w", err)
	case info.Mode()&os.ModeSocket == 0: // somebody's file, named by mistake
		return nil, fmt.Errorf("api: %s is there and is no socket", path)
	default:
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("api: stale socket: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("api: listen: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("api: socket mode: %w", err)
	}
	return l, nil
}

type acceptedKey struct{}

// accepted is when the connection of a request was made, or taken from the kernel's queue
// where too many were open.
func accepted(r *http.Request) time.Time {
	at, _ := r.Context().Value(acceptedKey{}).(time.Time) // none but in a test of a handler alone
	return at
}

// Serve serves one listener until ctx ends. Slow or idle peers are cut off.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 30 * time.Second, MaxHeaderBytes: 8 << 10,
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, acceptedKey{}, time.Now())
		},
	}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("api: serve: %w", err)
	}
	return nil
}

const (
	lanConns  = 96          // connections at a time; the others wait
	peerConns = 16          // of one address; a browser opens six
	lanRetry  = time.Minute // when an address cannot be served
)

// ServeLAN serves the page and the verbs on the gateway's LAN address, wherever that
// moves, until ctx ends.
func (s *Server) ServeLAN(ctx context.Context) error {
	for ctx.Err() == nil {
		at := lanAddr(s.Loop.Snapshot())
		serving, stop := context.WithCancel(ctx)
		var again <-chan time.Time // never, unless it failed
		switch {
		case !at.IsValid():
			s.lanFault.Store(nil)
		case !s.serveAt(serving, at):
			again = time.After(lanRetry)
		}
		s.stay(ctx, at, again)
		stop()
	}
	return nil
}

// stay waits until the LAN is elsewhere or again fires.
func (s *Server) stay(ctx context.Context, at netip.AddrPort, again <-chan time.Time) {
	for snap := s.Loop.Snapshot(); lanAddr(snap) == at; snap = s.Loop.Snapshot() {
		select {
		case <-snap.Superseded():
		case <-again:
			return
		case <-ctx.Done():
			return
		}
	}
}

func lanAddr(s *control.Snapshot) netip.AddrPort {
	if s.Config.API.Port == 0 || !s.Desired.LAN().Address.IsValid() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(s.Desired.LAN().Address.Addr(), s.Config.API.Port)
}

// serveAt begins to serve on one address until ctx ends. The address need not be
// there yet. It returns false when the port is taken.
func (s *Server) serveAt(ctx context.Context, at netip.AddrPort) bool {
	l, err := listenLAN(ctx, at)
	if err != nil {
		s.notServed(at, err)
		return false
	}
	s.lanFault.Store(nil)
	go func() {
		if err := Serve(ctx, netutil.LimitListener(&fairListener{Listener: l, one: peerConns}, lanConns), hurry(s.LAN())); err != nil {
			s.notServed(at, err)
		}
	}()
	return true
}

// listenLAN opens a port at an address that the bridge may get later.
func listenLAN(ctx context.Context, at netip.AddrPort) (net.Listener, error) {
	lc := net.ListenConfig{Control: freebind}
	return lc.Listen(ctx, "tcp4", at.String())
}

// taken tells whether another socket has the port.
func taken(at netip.AddrPort) bool {
	l, err := listenLAN(context.Background(), at)
	if err != nil {
		return errors.Is(err, unix.EADDRINUSE)
	}
	l.Close()
	return false
}

// notServed says in log and document that the LAN has no status.
func (s *Server) notServed(at netip.AddrPort, err error) {
	s.Log.Error("status is not served on the LAN", "address", at, "err", err)
	fault := "api: the status is not served on the LAN: " + err.Error()
	s.lanFault.Store(&fault)
}

// peerPatience is how long a peer may take to send a request, and to take an answer.
const peerPatience = 5 * time.Second

// hurry cuts off peers that send or take their bytes too slowly.
func hurry(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, limit := http.NewResponseController(w), time.Now().Add(peerPatience)
		_ = errors.Join(c.SetReadDeadline(limit), c.SetWriteDeadline(limit)) // the connection is gone
		h.ServeHTTP(w, r)
	})
}

// freebind lets a socket listen on an address that the bridge gets later.
func freebind(_, _ string, c syscall.RawConn) error {
	var set error
	err := c.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_FREEBIND, 1)
	})
	return errors.Join(err, set)
}
