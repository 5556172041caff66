package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// binary writes a file of which the first bytes do not compress and the rest is
// zero.
func binary(t *testing.T, noise, zeros int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "binary")
	bytes := make([]byte, noise)
	rand.NewChaCha8([32]byte{1}).Read(bytes)
	if err := os.WriteFile(path, bytes, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, noise+zeros); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMeasure(t *testing.T) {
	s, err := measure(binary(t, 300<<10, 100<<10))
	if err != nil {
		t.Fatal(err)
	}
	got := s.kib()
	if got[0] != 400 || got[1] < 300 || got[1] > 302 || got[2] < 300 || got[2] > 304 {
		t.Errorf("%d KiB", got)
	}
}

func TestTable(t *testing.T) {
	table := filepath.Join(t.TempDir(), "size.txt")
	small, large := "mipsle="+binary(t, 1000, 3000), "amd64="+binary(t, 50<<10, 0)
	show := func(write bool, args ...string) []string {
		t.Helper()
		var out bytes.Buffer
		if err := run(args, table, write, &out); err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(out.String()), "\n")
	}
	fields := func(line string) string { return strings.Join(strings.Fields(line), " ") }

	lines := show(true, small, large)
	if fields(lines[0]) != "KiB raw was xz was squashfs-xz was" || fields(lines[1]) != "mipsle 4 - 2 - 2 -" {
		t.Errorf("without a table: %q", lines)
	}
	text, err := os.ReadFile(table)
	if err != nil || !strings.Contains(string(text), "\nmipsle 4 2 2\namd64 50 ") {
		t.Errorf("table %q, %v", text, err)
	}
	lines = show(false, "mipsle="+binary(t, 3000, 3000), "arm="+binary(t, 1, 0))
	if fields(lines[1]) != "mipsle 6 4 4 2 4 2" || fields(lines[2]) != "arm 1 - 1 - 1 -" {
		t.Errorf("beside the table: %q", lines)
	}
	if again, _ := os.ReadFile(table); !bytes.Equal(text, again) {
		t.Error("the table changed without -write")
	}
}

func TestBudget(t *testing.T) {
	for name, c := range map[string]struct {
		sizes sizes
		over  bool
	}{
		"mipsle":          {sizes{raw: 12 << 20, squashfs: 3460300}, false}, // 3.3 MiB is 3460300.8 bytes
		"mipsle raw":      {sizes{raw: 12<<20 + 1}, true},
		"mipsle squashfs": {sizes{squashfs: 3460301}, true},
		"mipsle xz":       {sizes{xz: 1 << 30}, false},
		"amd64":           {sizes{raw: 1 << 30, squashfs: 1 << 30}, false},
	} {
		machine, _, _ := strings.Cut(name, " ")
		if err := judge(machine, c.sizes); (err != nil) != c.over {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOverBudgetFailsAndStillWrites(t *testing.T) {
	table := filepath.Join(t.TempDir(), "size.txt")
	var out bytes.Buffer
	err := run([]string{"mipsle=" + binary(t, 0, 12<<20+1)}, table, true, &out)
	if err == nil || !strings.Contains(err.Error(), "mipsle is over budget: raw 12289 of 12288 KiB") {
		t.Errorf("%v", err)
	}
	if readTable(table)["mipsle"][0] != "12289" {
		t.Error("the table is not written")
	}
}

func TestFaults(t *testing.T) {
	table := filepath.Join(t.TempDir(), "size.txt")
	for want, args := range map[string][]string{
		"usage":  nil,
		"mipsle": {"mipsle=/nonexistent"},
		"x: ":    {"x"},
		"xz":     {"dir=" + t.TempDir()},
	} {
		if err := run(args, table, false, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", args, err)
		}
	}
}
