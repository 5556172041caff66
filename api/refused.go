package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"github.com/tetherd/tetherd/control"
)

// refusedPeers bounds the refused clients that are told why at a time; the others wait.
const refusedPeers = 16

// ServeRefused answers requests for pages that the firewall led here, because their
// client has no Internet, with the reason, wherever the LAN is, until ctx ends.
func (s *Server) ServeRefused(ctx context.Context) error {
	var networks sync.WaitGroup
	for i := range maxNetworks {
		networks.Go(func() { s.serveRefused(ctx, i) })
	}
	networks.Wait()
	return nil
}

// maxNetworks is the LAN and the network of guests.
const maxNetworks = 2

// serveRefused does it in one network of clients.
func (s *Server) serveRefused(ctx context.Context, network int) {
	for ctx.Err() == nil {
		at := refusedAddr(s.Loop.Snapshot(), network)
		serving, stop := context.WithCancel(ctx)
		var again <-chan time.Time // never, unless it failed
		if at.IsValid() && !s.serveRefusedAt(serving, at) {
			again = time.After(lanRetry)
		}
		for snap := s.Loop.Snapshot(); ctx.Err() == nil && refusedAddr(snap, network) == at; snap = s.Loop.Snapshot() {
			select {
			case <-snap.Superseded():
				continue
			case <-ctx.Done():
				continue
			case <-again:
			}
			break
		}
		stop()
	}
}

// refusedAddr is where the firewall leads such requests; invalid when it leads none.
func refusedAddr(s *control.Snapshot, network int) netip.AddrPort {
	n, lans := s.Desired.NAT, s.Desired.Link.LANs
	if n.Explain == 0 || network >= len(lans) || !lans[network].Address.IsValid() || n.Sharing && n.Limit == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(lans[network].Address.Addr(), n.Explain)
}

// serveRefusedAt begins to serve on one address, which need not be there yet, until ctx
// ends; false when the port is taken.
func (s *Server) serveRefusedAt(ctx context.Context, at netip.AddrPort) bool {
	lc := net.ListenConfig{Control: freebind}
	l, err := lc.Listen(ctx, "tcp4", at.String())
	if err != nil {
		s.Log.Error("refused clients are not told why", "address", at, "err", err)
		return false
	}
	go func() {
		if err := Serve(ctx, netutil.LimitListener(l, refusedPeers), hurry(refusedPage(s.Loop.Snapshot))); err != nil {
			s.Log.Error("refused clients are not told why", "address", at, "err", err)
		}
	}()
	return true
}

// refusedPage is the handler of those requests, whatever host and path they are for. The
// status keeps programs from taking the reason for what they asked for.
func refusedPage(now func() *control.Snapshot) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			http.Error(w, "no address", http.StatusBadRequest)
			return
		}
		why := now().Refused(client.Addr().Unmap())
		text := "This device has Internet. Load the page again.\n"
		if why != "" {
			text = "This device has no Internet: " + why + ".\n"
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusNetworkAuthenticationRequired)
		_, _ = fmt.Fprint(w, text) // the client went away
	})
}
