package vm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Figures are what a run was measured by, by name.
type Figures map[string]string

// The figures of the table, in its order: what is known of the machine, and what tests
// tell by a line that holds "figure NAME: VALUE".
var columns = []string{"kernel", "image", "tetherd", "memory", "boot", "first page", "resident", "whole"}

// Watch passes a test's output on and keeps the figures that it tells.
func (f Figures) Watch(out io.Writer) io.Writer { return &watcher{out: out, figures: f} }

// watcher looks at whole lines.
type watcher struct {
	out     io.Writer
	figures Figures
	line    []byte
}

// maxLine bounds what is kept of a line; a figure is much shorter.
const maxLine = 1024

func (w *watcher) Write(p []byte) (int, error) {
	for chunk := range bytes.Lines(p) {
		w.line = append(w.line, chunk[:min(len(chunk), maxLine-len(w.line))]...)
		if chunk[len(chunk)-1] == '\n' {
			w.figures.take(string(w.line))
			w.line = w.line[:0]
		}
	}
	return w.out.Write(p)
}

func (f Figures) take(line string) {
	_, told, ok := strings.Cut(line, " figure ")
	name, value, also := strings.Cut(told, ": ")
	if ok && also && slices.Contains(columns, name) {
		f[name] = strings.TrimSpace(value)
	}
}

// Save keeps the figures of an architecture beside its images, over those of before.
func (f Figures) Save(cache, arch string) error {
	all, err := readFigures(cache, arch)
	if err != nil {
		return err
	}
	maps.Copy(all, f)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%s: %s\n", name, all[name])
	}
	if err := os.WriteFile(figuresFile(cache, arch), []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("vm: keep figures: %w", err)
	}
	return nil
}

func figuresFile(cache, arch string) string { return filepath.Join(cache, arch, "figures") }

// readFigures reads what Save wrote; nothing when there is no such file.
func readFigures(cache, arch string) (Figures, error) {
	text, err := os.ReadFile(figuresFile(cache, arch))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("vm: read figures: %w", err)
	}
	f := Figures{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			f[name] = value
		}
	}
	return f, nil
}

// Table shows the figures of every architecture that has any, one a line.
func Table(cache string) (string, error) {
	rows := [][]string{append([]string{"machine"}, columns...)}
	for _, arch := range Names() {
		f, err := readFigures(cache, arch)
		if err != nil {
			return "", err
		}
		if len(f) == 0 {
			continue
		}
		row := []string{arch}
		for _, c := range columns {
			row = append(row, f[c])
		}
		rows = append(rows, row)
	}
	return align(rows), nil
}

// align makes columns as wide as their widest cell.
func align(rows [][]string) string {
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			width := 0
			for _, r := range rows {
				width = max(width, len(r[i]))
			}
			fmt.Fprintf(&line, "%-*s  ", width, cell)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// MiB writes a file's size with one decimal.
func MiB(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", fmt.Errorf("vm: %w", err)
	}
	tenths := info.Size() * 10 >> 20
	return fmt.Sprintf("%d.%d MiB", tenths/10, tenths%10), nil
}
