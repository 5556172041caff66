package dns

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	who "github.com/tetherd/tetherd/holder"
)

// maxTable bounds what is read of a table of sockets, in bytes.
const maxTable = 1 << 20

// port is the one that a list of addresses shares.
func port(addrs []netip.AddrPort) uint16 {
	if len(addrs) == 0 {
		return 0
	}
	return addrs[0].Port()
}

// holder names a program that has a port, by the kernel's tables of sockets below proc; ""
// when none can be found.
func holder(proc string, port uint16) string {
	var sockets []string
	for _, table := range []string{"udp", "tcp", "udp6", "tcp6"} {
		text, err := os.ReadFile(filepath.Join(proc, "net", table))
		if err == nil {
			sockets = append(sockets, unconnected(string(text[:min(len(text), maxTable)]), port)...)
		}
	}
	return who.Of(proc, sockets...)
}

// unconnected lists the sockets of a table that have a port and no peer, as links of open
// files name them.
func unconnected(table string, port uint16) []string {
	var out []string
	want := fmt.Sprintf(":%04X", port)
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) > 9 && strings.HasSuffix(f[1], want) && strings.HasSuffix(f[2], ":0000") {
			out = append(out, "socket:["+f[9]+"]")
		}
	}
	return out
}
