// Package save replaces small files so that whatever cuts a write short leaves the old
// file or the new one, and clears away what such a write left beside it.
package save

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
)

// File replaces a file in one step, readable by its owner only. Its folder must be there.
// The new text is written beside it: to look for a better place would cost two more
// writes to flash.
func File(path string, text []byte, more ...renameio.Option) error {
	return renameio.WriteFile(path, text, 0o600, append(more, renameio.WithTempDir(filepath.Dir(path)))...)
}

// Durably is File that has returned only when nothing but the new text can be found from then
// on, also after a power cut: a name lasts when its folder is on the disk.
func Durably(path string, text []byte, more ...renameio.Option) error {
	if err := File(path, text, more...); err != nil {
		return err
	}
	return Settle(filepath.Dir(path))
}

// Settle makes what was put into a folder or removed from it so far last.
func Settle(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Sweep removes from a folder what writes that were cut short left beside the files that
// are named, or beside any file when none is named. It is for a time when nobody else
// writes there. A folder that is not there is clean.
func Sweep(dir string, names ...string) error {
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range list {
		if e.Type().IsRegular() && left(e.Name(), names) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// left says that a name is that of an unfinished write: a dot, the file's name and a
// random number.
func left(name string, of []string) bool {
	const digits = 5 // that the number has at least, nearly always
	base, dotted := strings.CutPrefix(strings.TrimRight(name, "0123456789"), ".")
	if !dotted || base == "" || len(name)-len(base)-1 < digits {
		return false
	}
	for _, n := range of {
		if n == base {
			return true
		}
	}
	return len(of) == 0
}
