package vm

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// tree collects what goes into the image from unpacked packages. Names are paths
// below the image's root, without a leading slash.
type tree struct {
	root  string            // folder of the unpacked packages
	files map[string]string // name → file on this machine
	links map[string]string // name → target
	libs  map[string]string // shared library → file on this machine; filled when first needed
}

func newTree(root string) *tree {
	return &tree{root: root, files: map[string]string{}, links: maps.Clone(links)}
}

// canonical is where a packaged file goes: packages still spell some paths as they
// were before everything moved below usr.
func canonical(name string) string {
	name = strings.TrimPrefix(path.Clean("/"+filepath.ToSlash(name)), "/")
	switch top, _, _ := strings.Cut(name, "/"); top {
	case "bin", "sbin", "lib", "lib64":
		name = "usr/" + name
	}
	if rest, ok := strings.CutPrefix(name, "usr/lib64/"); ok {
		name = "usr/lib/" + rest
	}
	return name
}

// locate finds the unpacked file of an image name, under either spelling.
func (t *tree) locate(name string) (string, bool) {
	for _, n := range []string{name, strings.TrimPrefix(name, "usr/"), "lib64/" + path.Base(name), "usr/lib64/" + path.Base(name)} {
		p := filepath.Join(t.root, n)
		if _, err := os.Lstat(p); err == nil && canonical(n) == name {
			return p, true
		}
	}
	return "", false
}

// add takes a file, what it links to, and the libraries that it needs.
func (t *tree) add(name string) error {
	name = canonical(name)
	if t.has(name) {
		return nil
	}
	file, ok := t.locate(name)
	if !ok {
		return fmt.Errorf("vm: no package brings %s", name)
	}
	info, err := os.Lstat(file)
	if err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	switch {
	case info.Mode().Type() == fs.ModeSymlink:
		return t.addLink(name, file)
	case info.IsDir():
		return t.addFolder(name, file)
	}
	t.files[name] = file
	return t.addNeeded(file)
}

// addSupplies takes what a table of packages names.
func (t *tree) addSupplies(table []supply) (err error) {
	for _, s := range table {
		for _, c := range s.commands {
			err = errors.Join(err, t.addCommand(c))
		}
		for _, f := range s.files {
			err = errors.Join(err, t.addPattern(f))
		}
	}
	return err
}

func (t *tree) has(name string) bool {
	_, file := t.files[name]
	_, link := t.links[name]
	return file || link
}

func (t *tree) addLink(name, file string) error {
	target, err := os.Readlink(file)
	if err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	t.links[name] = target
	if !path.IsAbs(target) {
		target = path.Join(path.Dir(name), target)
	}
	return t.add(target)
}

func (t *tree) addFolder(name, folder string) error {
	entries, err := os.ReadDir(folder)
	for _, e := range entries {
		err = errors.Join(err, t.add(path.Join(name, e.Name())))
	}
	return err
}

// addCommand takes a program by name. Only folders of programs are searched: the
// first file of a name is often something else, such as a service script.
func (t *tree) addCommand(name string) error {
	for _, d := range []string{"usr/sbin", "usr/bin"} {
		if _, ok := t.locate(d + "/" + name); ok {
			return t.add(d + "/" + name)
		}
	}
	return fmt.Errorf("vm: no package brings the command %s", name)
}

// addPattern takes all files that a pattern matches, and fails when none does.
func (t *tree) addPattern(pattern string) error {
	matches, err := filepath.Glob(filepath.Join(t.root, pattern))
	if err == nil && len(matches) == 0 {
		err = fmt.Errorf("vm: no package brings %s", pattern)
	}
	for _, m := range matches {
		name, _ := filepath.Rel(t.root, m) // it is below the root
		err = errors.Join(err, t.add(name))
	}
	return err
}

// write puts everything into an archive, in order of name.
func (t *tree) write(a *archive) error {
	for _, d := range folders {
		a.folder(d)
	}
	for _, name := range slices.Sorted(maps.Keys(t.links)) {
		a.link(name, t.links[name])
	}
	for _, name := range slices.Sorted(maps.Keys(t.files)) {
		if err := a.copy(name, t.files[name]); err != nil {
			return err
		}
	}
	return a.err
}
