package nat

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"
)

// ofUplink and ofClient pick the address that a connection is dropped by: that of the
// uplink, to which answers go, or that of who began it.
func ofUplink(f *conntrack.Flow) netip.Addr { return f.TupleReply.IP.DestinationAddress.Unmap() }
func ofClient(f *conntrack.Flow) netip.Addr { return f.TupleOrig.IP.SourceAddress.Unmap() }

// dropConnections deletes the connections of some addresses, which an uplink no longer
// has, so that they could only hang, or which clients without a place have. All others
// stay.
func dropConnections(gone []netip.Addr, of func(*conntrack.Flow) netip.Addr) (n int, err error) {
	if len(gone) == 0 {
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
	for _, f := range flows {
		if !slices.Contains(gone, of(&f)) {
			continue
		}
		switch err := conn.Delete(f); {
		case err == nil:
			n++
		case !errors.Is(err, unix.ENOENT): // it may have ended by itself
			return n, fmt.Errorf("delete a connection: %w", err)
		}
	}
	return n, nil
}
