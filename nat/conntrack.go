package nat

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"

	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"
)

// ofUplink and ofClient pick the address that a connection is dropped by: that of the
// uplink, to which answers go, or that of who began it.
func ofUplink(f *conntrack.Flow) netip.Addr { return f.TupleReply.IP.DestinationAddress.Unmap() }
func ofClient(f *conntrack.Flow) netip.Addr { return f.TupleOrig.IP.SourceAddress.Unmap() }

// of picks the connections that have one of some addresses; nil when there are none.
func of(which func(*conntrack.Flow) netip.Addr, addrs []netip.Addr) func(*conntrack.Flow) bool {
	if len(addrs) == 0 {
		return nil
	}
	return func(f *conntrack.Flow) bool { return slices.Contains(addrs, which(f)) }
}

// dropConnections deletes the connections that are picked: those of addresses which an
// uplink no longer has, so that they could only hang, and of clients without a place. All
// others stay. One that cannot be deleted keeps none of the others, and is no error: it is
// in the log, for whoever asks has more to do than that.
func dropConnections(log *slog.Logger, picked func(*conntrack.Flow) bool) (n int, err error) {
	if picked == nil {
		return 0, nil
	}
	conn, err := conntrack.Dial(nil)
	if err != nil {
		return 0, fmt.Errorf("open conntrack: %w", err)
	}
	defer conn.Close()
	flows, err := conn.Dump(nil)
	if err != nil {
		return 0, fmt.Errorf("read conntrack: %w", err)
	}
	var failed error
	for _, f := range flows {
		if !picked(&f) || f.TupleOrig.Proto.Protocol == 0 { // none of a client's, and no way to name it
			continue
		}
		switch err := conn.Delete(f); {
		case err == nil:
			n++
		case failed == nil && !errors.Is(err, unix.ENOENT): // it may have ended by itself
			failed = err
		}
	}
	if failed != nil {
		log.Warn("connections could not be ended", "err", failed)
	}
	return n, nil
}
