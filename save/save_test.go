package save

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/renameio/v2"
	"github.com/tetherd/tetherd/lab/disktest"
)

// names lists a folder.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		all = append(all, e.Name())
	}
	return all
}

// put makes files, which hold their names.
func put(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFile: a file is there whole, for its owner alone, with nothing beside it, and a write
// that fails leaves the old one.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", filepath.Join(dir, "nowhere")) // which must not matter
	path := filepath.Join(dir, "leases")
	for _, text := range []string{"one", "another, which is longer", ""} {
		if err := File(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || string(got) != text || info.Mode() != 0o600 {
			t.Errorf("%q with mode %v, %v", got, info.Mode(), err)
		}
	}
	if got := names(t, dir); !slices.Equal(got, []string{"leases"}) {
		t.Errorf("the folder holds %q", got)
	}
	if err := File(filepath.Join(dir, "nowhere", "leases"), nil); err == nil {
		t.Error("a folder that is not there was written to")
	}
	put(t, dir, "taken")
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := File(filepath.Join(dir, "folder"), []byte("x")); err == nil {
		t.Error("a folder was replaced by a file")
	}
	if got := names(t, dir); !slices.Equal(got, []string{"folder", "leases", "taken"}) {
		t.Errorf("a failed write left %q", got)
	}
}

// TestDurably: what only Durably promises, and that a write that fails is told.
func TestDurably(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	for _, c := range []struct {
		write func(string, []byte, ...renameio.Option) error
		lasts bool
	}{{File, false}, {Durably, true}} {
		if got := disktest.Lasts(t, path, func() {
			if err := c.write(path, []byte("one")); err != nil {
				t.Error(err)
			}
		}); got != c.lasts {
			t.Errorf("lasts: %v, want %v", got, c.lasts)
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "one" {
		t.Errorf("%q, %v", text, err)
	}
	if err := Durably(filepath.Join(path, "below"), nil); err == nil {
		t.Error("a file is no folder")
	}
}

// TestSweep: what unfinished writes leave goes, and nothing else.
func TestSweep(t *testing.T) {
	ours := []string{".leases1234567890", ".clock99999", ".tetherd.conf5577006791947779410"}
	others := []string{"leases", ".leases", ".leases123", ".hidden", "leases1234567890", ".1234567890", ".profile7a"}
	for _, c := range []struct {
		only []string
		gone []string
	}{
		{nil, ours},
		{[]string{"clock", "tetherd.conf"}, ours[1:]},
		{[]string{"nothing"}, nil},
	} {
		dir := t.TempDir()
		kept := slices.DeleteFunc(append(slices.Clone(ours), others...), func(n string) bool { return slices.Contains(c.gone, n) })
		put(t, dir, append(slices.Clone(ours), others...)...)
		if err := os.Mkdir(filepath.Join(dir, ".folder1234567"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := Sweep(dir, c.only...); err != nil {
			t.Error(err)
		}
		kept = append(kept, ".folder1234567")
		slices.Sort(kept)
		if got := names(t, dir); !slices.Equal(got, kept) {
			t.Errorf("only %q: left %q, wanted %q", c.only, got, kept)
		}
	}
	if err := Sweep(filepath.Join(t.TempDir(), "nowhere")); err != nil {
		t.Error(err)
	}
	if err := Sweep(filepath.Join(t.TempDir(), "a\x00b")); err == nil {
		t.Error("a folder that cannot be read is clean")
	}
}

// TestNames: an unfinished write has a name that Sweep knows.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	pending, err := renameio.NewPendingFile(filepath.Join(dir, "leases"), renameio.WithTempDir(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer pending.Cleanup()
	got := names(t, dir)
	if len(got) != 1 || !left(got[0], nil) || !left(got[0], []string{"leases"}) || left(got[0], []string{"clock"}) {
		t.Errorf("an unfinished write is called %q", got)
	}
}
