package vm

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
)

// addNeeded takes the program interpreter and the shared libraries that a file
// names, and theirs. A file of another kind needs nothing. It reads the file itself,
// so it works for every architecture.
func (t *tree) addNeeded(file string) error {
	f, err := elf.Open(file)
	if err != nil {
		return nil // a script or data
	}
	defer f.Close()
	interpreter, err := interpreterOf(f)
	if err != nil {
		return fmt.Errorf("vm: %s: %w", file, err)
	}
	if interpreter != "" {
		if err := t.add(interpreter); err != nil {
			return err
		}
	}
	needed, err := f.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("vm: %s: %w", file, err)
	}
	for _, library := range needed {
		if err := t.addLibrary(library); err != nil {
			return fmt.Errorf("%w, which %s needs", err, filepath.Base(file))
		}
	}
	return nil
}

// interpreterOf reads the path of the dynamic loader (PT_INTERP); "" for a static
// program or a library.
func interpreterOf(f *elf.File) (string, error) {
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			text, err := io.ReadAll(io.LimitReader(p.Open(), 4096))
			return string(bytes.TrimRight(text, "\x00")), err
		}
	}
	return "", nil
}

func (t *tree) addLibrary(name string) error {
	if t.libs == nil {
		if err := t.indexLibraries(); err != nil {
			return err
		}
	}
	place, ok := t.libs[name]
	if !ok {
		return fmt.Errorf("vm: no package brings the library %s", name)
	}
	return t.add(place)
}

// indexLibraries finds all shared libraries; of two with one name, that in the
// shorter path is the public one.
func (t *tree) indexLibraries() error {
	t.libs = map[string]string{}
	for _, top := range []string{"lib", "lib64", "usr/lib"} {
		dir := filepath.Join(t.root, top)
		err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
			if p == dir && err != nil {
				return fs.SkipDir // not every architecture has all of them
			}
			if err != nil || e.IsDir() || !strings.Contains(e.Name(), ".so") {
				return err
			}
			place, _ := filepath.Rel(t.root, p) // it is below the root
			if former, ok := t.libs[e.Name()]; !ok || len(place) < len(former) {
				t.libs[e.Name()] = place
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("vm: libraries: %w", err)
		}
	}
	return nil
}
