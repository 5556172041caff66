package config

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Watch reports, coalesced, that the file at path was written, replaced or removed,
// or that a link on the way to it leads elsewhere, until ctx ends. It watches folders,
// since editors and uci replace the file by rename. A folder that is itself reached by
// a link stays the one it was.
func Watch(ctx context.Context, path string) (<-chan struct{}, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("config: watch: %w", err)
	}
	w := watcher{file: os.NewFile(uintptr(fd), "inotify"), path: path} // non-blocking, so reads use the poller
	if err := w.follow(); err != nil {
		w.file.Close()
		return nil, fmt.Errorf("config: watch %s: %w", path, err)
	}
	context.AfterFunc(ctx, func() { w.file.Close() })
	changed := make(chan struct{}, 1)
	go w.run(changed)
	return changed, nil
}

// watcher watches one file and the links that lead to it.
type watcher struct {
	file *os.File // of inotify
	path string
	hops []string        // paths of the links and, at the end, of the file
	dirs map[uint32]bool // watch descriptors of their folders
}

// maxLinks bounds the links to follow, as Linux does.
const maxLinks = 40

// watched is what may change a file: a create counts for links only, since a file is
// empty then.
const watched = unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE | unix.IN_CREATE

// follow watches the folders of the path and of all that it leads to now. Without the
// first folder there is nothing to watch; of others, those that are there are watched.
func (w *watcher) follow() error {
	w.hops = hops(w.path)
	raw, err := w.file.SyscallConn()
	if err != nil {
		return err
	}
	var first error
	dirs := map[uint32]bool{}
	err = raw.Control(func(fd uintptr) {
		for i, hop := range w.hops {
			wd, err := unix.InotifyAddWatch(int(fd), filepath.Dir(hop), watched)
			switch {
			case err == nil:
				dirs[uint32(wd)] = true
			case i == 0:
				first = err
			}
		}
		for wd := range w.dirs {
			if !dirs[wd] {
				_, _ = unix.InotifyRmWatch(int(fd), wd) // gone already with its folder
			}
		}
	})
	w.dirs = dirs
	if err != nil {
		return err
	}
	return first
}

// hops returns the path and what it leads to, link by link.
func hops(path string) []string {
	list := []string{path}
	for range maxLinks {
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path, list = to, append(list, to)
	}
	return list
}

// run reports until the file of inotify is closed.
func (w *watcher) run(changed chan<- struct{}) {
	buf := make([]byte, 4096)
	for {
		n, err := w.file.Read(buf)
		if err != nil {
			return // closed: ctx ended
		}
		if !w.concerns(parseEvents(buf[:n])) {
			continue
		}
		_ = w.follow() // a folder that is gone is watched no more
		select {
		case changed <- struct{}{}:
		default:
		}
	}
}

// concerns says whether one of the events may mean another configuration.
func (w *watcher) concerns(list []event) bool {
	for _, e := range list {
		if e.mask&(unix.IN_Q_OVERFLOW|unix.IN_UNMOUNT) != 0 {
			return true
		}
		for _, hop := range w.hops {
			if filepath.Base(hop) == e.name && (e.mask&unix.IN_CREATE == 0 || isLink(hop)) {
				return true
			}
		}
	}
	return false
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&os.ModeSymlink != 0
}

// event is what matters of one record of inotify(7).
type event struct {
	mask uint32
	name string // inside the folder; "" is the folder itself
}

// parseEvents reads records {wd, mask, cookie, len uint32, name[len]} in the machine's
// byte order, with the name padded by NUL bytes. What is cut ends it.
func parseEvents(b []byte) []event {
	var list []event
	for len(b) >= unix.SizeofInotifyEvent {
		mask, size := binary.NativeEndian.Uint32(b[4:]), binary.NativeEndian.Uint32(b[12:])
		b = b[unix.SizeofInotifyEvent:]
		if uint64(size) > uint64(len(b)) {
			break
		}
		name, _, _ := bytes.Cut(b[:size], []byte{0})
		list, b = append(list, event{mask, string(name)}), b[size:]
	}
	return list
}
