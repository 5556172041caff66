package config

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Watch reports, coalesced, that the file at path was written or replaced, until
// ctx ends. It watches the folder, since editors and uci replace the file by
// rename.
func Watch(ctx context.Context, path string) (<-chan struct{}, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("config: watch: %w", err)
	}
	f := os.NewFile(uintptr(fd), "inotify") // non-blocking, so reads use the poller
	if _, err := unix.InotifyAddWatch(fd, filepath.Dir(path), unix.IN_CLOSE_WRITE|unix.IN_MOVED_TO); err != nil {
		f.Close()
		return nil, fmt.Errorf("config: watch %s: %w", filepath.Dir(path), err)
	}
	context.AfterFunc(ctx, func() { f.Close() })
	changed := make(chan struct{}, 1)
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := f.Read(buf)
			if err != nil {
				return // closed: ctx ended
			}
			if mentions(buf[:n], filepath.Base(path)) {
				select {
				case changed <- struct{}{}:
				default:
				}
			}
		}
	}()
	return changed, nil
}

// mentions says whether a buffer of inotify events names a file. Records are
// {wd, mask, cookie, len uint32, name[len]} with the name padded by NUL bytes;
// looking for the padded name needs no parsing of native byte order.
func mentions(events []byte, name string) bool {
	return strings.Contains(string(events), name+"\x00")
}
