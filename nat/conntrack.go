package nat

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"
)

// dropConnections deletes the connections whose answers go to one of some addresses,
// which the machine no longer has: they could only hang. All others stay.
func dropConnections(gone []netip.Addr) (n int, err error) {
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
		if !slices.Contains(gone, f.TupleReply.IP.DestinationAddress.Unmap()) {
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
