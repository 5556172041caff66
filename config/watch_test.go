package config

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// scene is a folder with a watch over one path in it.
type scene struct {
	t       *testing.T
	dir     string
	changed <-chan struct{}
}

func watching(t *testing.T, set func(s scene)) scene {
	t.Helper()
	s := scene{t: t, dir: t.TempDir()}
	set(s)
	changed, err := Watch(t.Context(), s.path("tetherd"))
	if err != nil {
		t.Fatal(err)
	}
	s.changed = changed
	return s
}

func (s scene) path(name string) string { return filepath.Join(s.dir, name) }

func (s scene) do(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s scene) write(name string) {
	s.t.Helper()
	s.do(os.WriteFile(s.path(name), []byte("x"), 0o600))
}

// reported waits for a report.
func (s scene) reported(what string) {
	s.t.Helper()
	select {
	case <-s.changed:
	case <-time.After(5 * time.Second):
		s.t.Fatalf("no report: %s", what)
	}
}

// quiet looks whether nothing is reported for a while.
func (s scene) quiet(what string) {
	s.t.Helper()
	select {
	case <-s.changed:
		s.t.Errorf("reported: %s", what)
	case <-time.After(50 * time.Millisecond):
	}
}

// TestWatchFile: a file that is written, replaced, removed and comes again is reported,
// a neighbour is not, and neither is a file that is still empty.
func TestWatchFile(t *testing.T) {
	s := watching(t, func(scene) {})
	s.write("tetherd") // it did not exist
	s.reported("written")
	s.write("other")
	s.write("my-tetherd")
	s.quiet("neighbours")
	s.write(".tetherd.uci-x")
	s.do(os.Rename(s.path(".tetherd.uci-x"), s.path("tetherd")))
	s.reported("replaced")
	s.do(os.Remove(s.path("tetherd")))
	s.reported("removed")
	f, err := os.Create(s.path("tetherd"))
	s.do(err)
	s.quiet("created and still empty")
	s.do(f.Close())
	s.reported("closed")
	s.do(os.Rename(s.path("tetherd"), s.path("away")))
	s.reported("moved away")
}

// TestWatchLink: what a link leads to is watched, wherever it leads.
func TestWatchLink(t *testing.T) {
	s := watching(t, func(s scene) {
		for _, dir := range []string{"a", "b", "links"} {
			s.do(os.Mkdir(s.path(dir), 0o700))
		}
		s.write("a/config")
		s.write("b/config")
		s.do(os.Symlink("../a/config", s.path("links/current")))
		s.do(os.Symlink("links/current", s.path("tetherd")))
	})
	s.write("a/config")
	s.reported("the file behind two links is written")
	s.do(os.Symlink("../b/config", s.path("links/new")))
	s.do(os.Rename(s.path("links/new"), s.path("links/current")))
	s.reported("the link in the middle leads elsewhere")
	s.write("a/config")
	s.quiet("the former file is written")
	s.write("b/config")
	s.reported("the new one is written")
	s.do(os.Remove(s.path("tetherd")))
	s.reported("the first link is removed")
	s.do(os.Symlink(s.path("a/config"), s.path("tetherd"))) // as ln -sf of busybox does
	s.reported("a link is made")
	s.write("a/config")
	s.reported("its file is written")
	s.do(os.RemoveAll(s.path("a")))
	s.reported("the file goes with its folder")
}

// TestWatchLoop: links that lead in a circle are an absent file.
func TestWatchLoop(t *testing.T) {
	s := watching(t, func(s scene) { s.do(os.Symlink("tetherd", s.path("tetherd"))) })
	s.write("new")
	s.do(os.Rename(s.path("new"), s.path("tetherd")))
	s.reported("replaced")
}

func TestWatchNeedsTheFolder(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := Watch(ctx, "/nonexistent/tetherd"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// record is one of inotify(7), its name padded to 16 bytes.
func record(mask uint32, name string) []byte {
	var b []byte
	for _, n := range []uint32{1, mask, 0, 16} {
		b = binary.NativeEndian.AppendUint32(b, n)
	}
	return append(b, (name + strings.Repeat("\x00", 16-len(name)))...)
}

func TestParseEvents(t *testing.T) {
	two := append(record(unix.IN_DELETE, "other"), record(unix.IN_CLOSE_WRITE, "tetherd")...)
	self := append(binary.NativeEndian.AppendUint32(make([]byte, 4), unix.IN_IGNORED), make([]byte, 8)...) // without a name
	for what, c := range map[string]struct {
		bytes []byte
		want  []event
	}{
		"nothing":          {nil, nil},
		"two":              {two, []event{{unix.IN_DELETE, "other"}, {unix.IN_CLOSE_WRITE, "tetherd"}}},
		"the folder, then": {append(self, two...), []event{{unix.IN_IGNORED, ""}, {unix.IN_DELETE, "other"}, {unix.IN_CLOSE_WRITE, "tetherd"}}},
		"cut in the name":  {two[:40+13], []event{{unix.IN_DELETE, "other"}}},
		"cut in the head":  {two[:33], []event{{unix.IN_DELETE, "other"}}},
	} {
		if got := parseEvents(c.bytes); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v", what, got)
		}
	}
	if w := (&watcher{hops: []string{"/etc/tetherd"}}); !w.concerns([]event{{mask: unix.IN_Q_OVERFLOW}}) || w.concerns([]event{{mask: unix.IN_IGNORED}}) {
		t.Error("lost events may be of the file, a watch that ended is not")
	}
}

func FuzzParseEvents(f *testing.F) {
	f.Add(append(record(unix.IN_DELETE, "other"), record(unix.IN_CLOSE_WRITE, "tetherd")...))
	f.Add(binary.NativeEndian.AppendUint32(make([]byte, 12), 1<<32-1))
	f.Fuzz(func(t *testing.T, b []byte) {
		if list := parseEvents(b); len(list) > len(b)/unix.SizeofInotifyEvent {
			t.Errorf("%d events in %d bytes", len(list), len(b))
		}
	})
}
