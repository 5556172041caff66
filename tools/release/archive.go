package main

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// file is one file of an archive.
type file struct {
	text []byte
	mode int64
}

// archive is files by name, with the one time that all of them get.
type archive struct {
	files map[string]file
	time  time.Time
}

// add reads a file; executable or not is all that is kept of its mode.
func (a archive) add(name, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f := file{text: text, mode: 0o644}
	if info.Mode()&0o100 != 0 {
		f.mode = 0o755
	}
	a.files[name] = f
	return nil
}

// addModules adds the Go modules that anything of the tree needs.
func (a archive) addModules(dir string) error {
	if _, err := output("go", "mod", "vendor", "-o", dir); err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return a.add("vendor/"+filepath.ToSlash(name), path)
	})
}

// under is an archive of one folder, with edits, each of which must change something.
func (a archive) under(folder string, edits []edit) (archive, error) {
	out := archive{files: map[string]file{}, time: a.time}
	for name, f := range a.files {
		if rest, ok := strings.CutPrefix(name, folder); ok && !strings.HasSuffix(rest, ".go") && !strings.HasPrefix(rest, "testdata/") {
			out.files[rest] = f
		}
	}
	for _, e := range edits {
		f := out.files[e.file]
		if !e.old.Match(f.text) {
			return archive{}, fmt.Errorf("%s%s: there is nothing like %s", folder, e.file, e.old)
		}
		f.text = e.old.ReplaceAllLiteral(f.text, []byte(e.new))
		out.files[e.file] = f
	}
	return out, nil
}

// write makes a tar.gz whose bytes depend on the files and the time only.
func (a archive) write(path, folder string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	packed, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	out := tar.NewWriter(packed)
	for _, name := range slices.Sorted(maps.Keys(a.files)) {
		one := a.files[name]
		head := tar.Header{Name: folder + "/" + name, Mode: one.mode, Size: int64(len(one.text)), ModTime: a.time, Format: tar.FormatPAX}
		if err := out.WriteHeader(&head); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if _, err := out.Write(one.text); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	return packed.Close()
}
