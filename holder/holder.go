// Package holder finds out which other program has a file or a socket open, by what the
// kernel tells of processes (proc(5)).
package holder

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds of the search.
const (
	maxProcesses = 4096
	maxFiles     = 1024 // of one process
)

// Of names a program other than this one that has one of some files or sockets open, as
// the links below /proc/PID/fd name them; "" when none can be found, as without the right
// to look. proc is where the kernel tells of processes.
func Of(proc string, links ...string) string {
	if len(links) == 0 {
		return ""
	}
	entries, err := os.ReadDir(proc)
	if err != nil {
		return ""
	}
	self := fmt.Sprint(os.Getpid())
	for _, e := range entries[:min(len(entries), maxProcesses)] {
		if pid := e.Name(); pid[0] >= '1' && pid[0] <= '9' && pid != self && opened(filepath.Join(proc, pid), links) {
			return program(proc, pid)
		}
	}
	return ""
}

// opened says that a process has one of them.
func opened(dir string, links []string) bool {
	folder, err := os.Open(filepath.Join(dir, "fd"))
	if err != nil {
		return false
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(maxFiles) // a process that just ended has none
	return slices.ContainsFunc(names, func(name string) bool {
		target, err := os.Readlink(filepath.Join(dir, "fd", name))
		return err == nil && slices.Contains(links, target)
	})
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
