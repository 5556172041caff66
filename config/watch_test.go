package config

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestWatchReportsWritesAndRenames(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "tetherd")
	changed, err := Watch(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wait := func() {
		t.Helper()
		select {
		case <-changed:
		case <-time.After(5 * time.Second):
			t.Fatal("no report")
		}
	}
	write("tetherd") // it did not exist
	wait()
	write("other")
	write(".tetherd.uci-x")
	if err := os.Rename(filepath.Join(dir, ".tetherd.uci-x"), path); err != nil {
		t.Fatal(err)
	}
	wait()
}

func TestWatchNeedsTheFolder(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := Watch(ctx, "/nonexistent/tetherd"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestMentions(t *testing.T) {
	// Two records of inotify(7), names padded to 16 bytes.
	record := func(name string) string {
		return "0123456789ab\x10\x00\x00\x00" + name + string(make([]byte, 16-len(name)))
	}
	events := record("other") + record("tetherd")
	for name, want := range map[string]bool{"tetherd": true, "other": true, "tether": false, "none": false} {
		if got := mentions([]byte(events), name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
