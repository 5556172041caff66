package api

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"github.com/tetherd/tetherd/control"
)

// pagePeers bounds the clients that are told at a time why they have no Internet; the
// others wait.
const pagePeers = 16

// pageShare is how many of them may be one client's, so that none keeps the others from
// being told.
const pageShare = 4

// ServePage serves the page for clients without Internet, to which the firewall leads
// them, wherever the LAN is, until ctx ends.
func (s *Server) ServePage(ctx context.Context) error {
	var networks sync.WaitGroup
	for i := range maxNetworks {
		networks.Go(func() { s.servePage(ctx, i) })
	}
	networks.Wait()
	return nil
}

// maxNetworks is the LAN and the network of guests.
const maxNetworks = 2

// servePage does it in one network of clients.
func (s *Server) servePage(ctx context.Context, network int) {
	for ctx.Err() == nil {
		at := pageAddr(s.Loop.Snapshot(), network)
		serving, stop := context.WithCancel(ctx)
		var again <-chan time.Time // never, unless it failed
		if at.IsValid() && !s.servePageAt(serving, at) {
			again = time.After(lanRetry)
		}
		for snap := s.Loop.Snapshot(); ctx.Err() == nil && pageAddr(snap, network) == at; snap = s.Loop.Snapshot() {
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

// pageAddr is where the firewall leads them; invalid when it leads nobody.
func pageAddr(s *control.Snapshot, network int) netip.AddrPort {
	n, lans := s.Desired.NAT, s.Desired.Link.LANs
	if n.Explain == 0 || network >= len(lans) || !lans[network].Address.IsValid() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(lans[network].Address.Addr(), n.Explain)
}

// servePageAt begins to serve on one address, which need not be there yet, until ctx
// ends; false when the port is taken.
func (s *Server) servePageAt(ctx context.Context, at netip.AddrPort) bool {
	lc := net.ListenConfig{Control: freebind}
	l, err := lc.Listen(ctx, "tcp4", at.String())
	if err != nil {
		s.Log.Error("clients without Internet are not told why", "address", at, "err", err)
		return false
	}
	go func() {
		if err := Serve(ctx, netutil.LimitListener(&fairListener{Listener: l, one: pageShare}, pagePeers), hurry(explainer{s.Loop.Snapshot, &s.told})); err != nil {
			s.Log.Error("clients without Internet are not told why", "address", at, "err", err)
		}
	}()
	return true
}
