// Package disktest tells tests whether a file that was replaced is there after a power cut
// too: its name lasts once its folder was synced.
package disktest

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Lasts does something and says whether it has put a file into its place, or removed it, and
// opened the folder afterwards, which is needed to sync it and for nothing else that is done
// there.
func Lasts(t testing.TB, path string, do func()) bool {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.InotifyAddWatch(fd, filepath.Dir(path), unix.IN_MOVED_TO|unix.IN_DELETE|unix.IN_OPEN); err != nil {
		t.Fatal(err)
	}
	do()
	b := make([]byte, 64<<10)
	n, err := unix.Read(fd, b)
	if err != nil { // nothing was done there
		return false
	}
	placed, synced := false, false
	for b = b[:n]; len(b) >= unix.SizeofInotifyEvent; { // records of inotify(7)
		mask, size := binary.NativeEndian.Uint32(b[4:]), int(binary.NativeEndian.Uint32(b[12:]))
		name := string(bytes.TrimRight(b[unix.SizeofInotifyEvent:unix.SizeofInotifyEvent+size], "\x00"))
		switch {
		case mask&(unix.IN_MOVED_TO|unix.IN_DELETE) != 0 && name == filepath.Base(path):
			placed, synced = true, false
		case mask&unix.IN_OPEN != 0 && name == "":
			synced = placed
		}
		b = b[unix.SizeofInotifyEvent+size:]
	}
	return synced
}
