// Command size prints how large binaries are: raw, compressed with xz -9e and as a
// squashfs file system with xz (256 KiB blocks, as OpenWrt makes them), in KiB,
// beside the checked-in table.
//
//	size [-write] [-table FILE] mipsle=bin/tetherd-mipsle …
//
// It exits non-zero when the tightest machine is over budget; -write renews the
// table. The programs xz and mksquashfs must be there.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// The budget of the complete product on the machine with the least flash, in bytes.
const (
	tightest       = "mipsle"
	budgetRaw      = 12 << 20
	budgetSquashfs = 33 << 20 / 10
)

func main() {
	write := flag.Bool("write", false, "renew the table")
	table := flag.String("table", "doc/size.txt", "checked-in table `file`")
	flag.Parse()
	if err := run(flag.Args(), *table, *write, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "size:", err)
		os.Exit(1)
	}
}

// sizes are the sizes of one binary in bytes.
type sizes struct{ raw, xz, squashfs int64 }

// kib returns the sizes in KiB, rounded up.
func (s sizes) kib() [3]int64 {
	return [3]int64{(s.raw + 1023) >> 10, (s.xz + 1023) >> 10, (s.squashfs + 1023) >> 10}
}

// run measures the binaries given as name=path.
func run(args []string, table string, write bool, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("usage: size [-write] [-table FILE] NAME=PATH …")
	}
	former := readTable(table)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "KiB\traw\twas\txz\twas\tsquashfs-xz\twas\t")
	text, over := "# name, raw, xz -9e and squashfs-xz in KiB: make size-write\n", []error(nil)
	for _, arg := range args {
		name, path, _ := strings.Cut(arg, "=")
		s, err := measure(path)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		now := s.kib()
		was, ok := former[name]
		if !ok {
			was = [3]string{"-", "-", "-"}
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%s\t%d\t%s\t\n", name, now[0], was[0], now[1], was[1], now[2], was[2])
		text += fmt.Sprintln(name, now[0], now[1], now[2])
		over = append(over, judge(name, s))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if write {
		over = append(over, os.WriteFile(table, []byte(text), 0o644))
	}
	return errors.Join(over...)
}

// judge holds one binary against the budget.
func judge(name string, s sizes) error {
	if name != tightest || s.raw <= budgetRaw && s.squashfs <= budgetSquashfs {
		return nil
	}
	now, budget := s.kib(), sizes{raw: budgetRaw, squashfs: budgetSquashfs}.kib()
	return fmt.Errorf("%s is over budget: raw %d of %d KiB, squashfs-xz %d of %d KiB", name, now[0], budget[0], now[2], budget[2])
}

// readTable returns the columns of the table by name; no file is an empty table.
func readTable(path string) map[string][3]string {
	table := map[string][3]string{}
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 4 && f[0] != "#" {
			table[f[0]] = [3]string(f[1:])
		}
	}
	return table
}

func measure(path string) (s sizes, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return s, err
	}
	s.raw = info.Size()
	if s.xz, err = output(exec.Command("xz", "-9e", "--threads=1", "--stdout", path)); err != nil {
		return s, err
	}
	s.squashfs, err = squashfs(path)
	return s, err
}

// output returns how many bytes a command prints.
func output(cmd *exec.Cmd) (int64, error) {
	var n counter
	var complaint strings.Builder
	cmd.Stdout, cmd.Stderr = &n, &complaint
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", cmd.Args[0], err, strings.TrimSpace(complaint.String()))
	}
	return int64(n), nil
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// squashfs returns the size of a file system that holds only the binary.
func squashfs(path string) (int64, error) {
	dir, err := os.MkdirTemp("", "size")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	image := filepath.Join(dir, "image")
	if _, err := output(exec.Command("mksquashfs", path, image, "-comp", "xz", "-b", "256K", "-nopad",
		"-all-root", "-noappend", "-no-xattrs", "-no-progress", "-quiet")); err != nil {
		return 0, err
	}
	info, err := os.Stat(image)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
