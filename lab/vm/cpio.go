package vm

import (
	"fmt"
	"io"
	"path"
	"strings"
)

// File types and permissions as they stand in an archive.
const (
	typeFolder = 0o040000
	typeFile   = 0o100000
	typeLink   = 0o120000
)

// archive writes a cpio archive in the "new ASCII" form, as the kernel unpacks it
// (Documentation/driver-api/early-userspace/buffer-format). Folders above an entry
// are made by themselves. The first error sticks and is returned by close.
type archive struct {
	w    io.Writer
	n    int64 // bytes written
	ino  uint32
	made map[string]bool
	err  error
}

func newArchive(w io.Writer) *archive {
	return &archive{w: w, made: map[string]bool{"": true, ".": true}}
}

// folder makes a folder and those above it.
func (a *archive) folder(name string) {
	if a.made[name] {
		return
	}
	a.folder(path.Dir(name))
	a.entry(name, typeFolder|0o755, 0, nil)
}

// link makes a symbolic link.
func (a *archive) link(name, target string) {
	a.folder(path.Dir(name))
	a.entry(name, typeLink|0o777, int64(len(target)), strings.NewReader(target))
}

// file makes a file of size bytes.
func (a *archive) file(name string, permissions uint32, size int64, content io.Reader) {
	a.folder(path.Dir(name))
	a.entry(name, typeFile|permissions, size, content)
}

func (a *archive) entry(name string, mode uint32, size int64, content io.Reader) {
	if a.err != nil {
		return
	}
	if size > 1<<32-1 {
		a.err = fmt.Errorf("vm: %s does not fit into an archive: %d bytes", name, size)
		return
	}
	a.made[name] = true
	a.ino++
	const links, device = 1, 0
	_, err := fmt.Fprintf(a, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		a.ino, mode, 0, 0, links, 0, size, device, device, device, device, len(name)+1, 0, name)
	if err == nil {
		err = a.pad()
	}
	if err == nil && content != nil {
		_, err = io.CopyN(a, content, size)
	}
	if err == nil {
		err = a.pad()
	}
	if err != nil {
		a.err = fmt.Errorf("vm: archive %s: %w", name, err)
	}
}

// pad fills up to a multiple of four bytes.
func (a *archive) pad() error {
	_, err := a.Write(make([]byte, (4-a.n%4)%4))
	return err
}

// Write passes bytes through and counts them.
func (a *archive) Write(p []byte) (int, error) {
	n, err := a.w.Write(p)
	a.n += int64(n)
	return n, err
}

// close ends the archive. Another may follow it.
func (a *archive) close() error {
	a.entry("TRAILER!!!", 0, 0, nil)
	return a.err
}
