package dns

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Bounds of the search for who has a port.
const (
	maxTable     = 1 << 20 // bytes of a table of sockets
	maxProcesses = 4096
	maxFiles     = 1024 // of one process
)

// port is the one that a list of addresses shares.
func port(addrs []netip.AddrPort) uint16 {
	if len(addrs) == 0 {
		return 0
	}
	return addrs[0].Port()
}

// holder names a program that has a port, by the kernel's tables of sockets and the
// open files of processes below proc (proc(5)); "" when none can be found, as without
// the right to look.
func holder(proc string, port uint16) string {
	var sockets []string
	for _, table := range []string{"udp", "tcp", "udp6", "tcp6"} {
		text, err := os.ReadFile(filepath.Join(proc, "net", table))
		if err == nil {
			sockets = append(sockets, unconnected(string(text[:min(len(text), maxTable)]), port)...)
		}
	}
	if len(sockets) == 0 {
		return ""
	}
	entries, err := os.ReadDir(proc)
	if err != nil {
		return ""
	}
	self := fmt.Sprint(os.Getpid())
	for _, e := range entries[:min(len(entries), maxProcesses)] {
		if pid := e.Name(); pid[0] >= '1' && pid[0] <= '9' && pid != self && opened(filepath.Join(proc, pid), sockets) {
			return program(proc, pid)
		}
	}
	return ""
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

// opened says that a process has one of some sockets.
func opened(dir string, sockets []string) bool {
	folder, err := os.Open(filepath.Join(dir, "fd"))
	if err != nil {
		return false
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(maxFiles) // a process that just ended has none
	for _, name := range names {
		target, err := os.Readlink(filepath.Join(dir, "fd", name))
		if err != nil {
			continue
		}
		for _, s := range sockets {
			if target == s {
				return true
			}
		}
	}
	return false
}

// program is a process's name, made printable, with its number.
func program(proc, pid string) string {
	comm, err := os.ReadFile(filepath.Join(proc, pid, "comm"))
	if err != nil {
		return "process " + pid
	}
	name := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, string(comm))
	return fmt.Sprintf("%s (process %s)", name, pid)
}
