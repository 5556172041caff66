package disktest

import (
	"os"
	"path/filepath"
	"testing"
)

// TestLasts: neither a file that is written in its place, nor a folder that is synced before
// the name changes, lasts.
func TestLasts(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	put := func() error {
		if err := os.WriteFile(path+".new", []byte("text"), 0o600); err != nil {
			return err
		}
		return os.Rename(path+".new", path)
	}
	sync := func() error {
		d, err := os.Open(dir)
		if err != nil {
			return err
		}
		defer d.Close()
		return d.Sync()
	}
	write := func() error { return os.WriteFile(path, []byte("other"), 0o600) }
	for what, c := range map[string]struct {
		steps []func() error
		want  bool
	}{
		"nothing": {nil, false}, "written": {[]func() error{write, sync}, false}, "replaced": {[]func() error{put}, false},
		"synced before": {[]func() error{sync, put}, false}, "synced": {[]func() error{put, sync}, true}, "replaced again": {[]func() error{put, sync, put}, false},
	} {
		got := Lasts(t, path, func() {
			for _, step := range c.steps {
				if err := step(); err != nil {
					t.Fatal(err)
				}
			}
		})
		if got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}
