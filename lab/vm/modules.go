package vm

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// kernel is one unpacked kernel.
type kernel struct {
	root    string // folder of the unpacked packages
	release string // as uname -r says
	image   string // file to boot

	needs, wants map[string][]string // what depmod says of its modules
}

// findKernel finds the kernel that was unpacked; there must be one only.
func findKernel(root string) (kernel, error) {
	images, err := filepath.Glob(filepath.Join(root, "boot/vmlinu[xz]-*"))
	if err != nil {
		return kernel{}, fmt.Errorf("vm: look for the kernel below %s: %w", root, err)
	}
	if len(images) != 1 {
		return kernel{}, fmt.Errorf("vm: want one kernel below %s, found %q", root, images)
	}
	_, release, _ := strings.Cut(filepath.Base(images[0]), "-")
	return kernel{root: root, release: release, image: images[0]}, nil
}

// folder is where the modules are, below the root.
func (k kernel) folder() string { return path.Join("lib/modules", k.release) }

// index has depmod say what needs what. Any machine's depmod serves any other's modules.
func (k *kernel) index() error {
	if _, err := output(exec.Command("depmod", "--basedir", k.root, k.release)); err != nil {
		return fmt.Errorf("vm: index modules: %w", err)
	}
	dep, err := os.ReadFile(filepath.Join(k.root, k.folder(), "modules.dep"))
	if err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	soft, err := os.ReadFile(filepath.Join(k.root, k.folder(), "modules.softdep"))
	if err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	k.needs, k.wants = parseDep(string(dep)), parseSoftdep(string(soft))
	return nil
}

// addModules takes the wanted modules, what they need and want, and the indexes that
// modprobe reads.
func (k kernel) addModules(t *tree, wanted []string) error {
	for _, file := range closure(k.needs, k.wants, wanted) {
		if err := t.add(path.Join(k.folder(), file)); err != nil {
			return err
		}
	}
	return t.addPattern(path.Join(k.folder(), "modules.*.bin"))
}

// inOrder gives the files of the wanted modules, each behind all that it needs. What is
// built in is passed over.
func inOrder(needs map[string][]string, wanted []string) []string {
	var files []string
	for _, w := range wanted {
		for file, below := range needs {
			if moduleName(file) != moduleName(w) {
				continue
			}
			order := append([]string{file}, below...)
			slices.Reverse(order) // what is needed first comes last
			for _, f := range order {
				if !slices.Contains(files, f) {
					files = append(files, f)
				}
			}
		}
	}
	return files
}

// parseDep reads modules.dep: "file: file file", in which every file is followed by
// all that it needs, at any depth.
func parseDep(text string) map[string][]string {
	needs := map[string][]string{}
	for line := range strings.Lines(text) {
		if file, rest, ok := strings.Cut(line, ":"); ok {
			needs[file] = strings.Fields(rest)
		}
	}
	return needs
}

// parseSoftdep reads modules.softdep: "softdep module pre: module … post: module …".
// Such a module loads without the others, but may fail then at what it is asked to do.
func parseSoftdep(text string) map[string][]string {
	wants := map[string][]string{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 3 || f[0] != "softdep" {
			continue
		}
		for _, word := range f[2:] {
			if !strings.HasSuffix(word, ":") {
				wants[moduleName(f[1])] = append(wants[moduleName(f[1])], word)
			}
		}
	}
	return wants
}

// moduleName is the name of the module in a file: the kernel does not tell a dash
// from an underscore.
func moduleName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

// closure gives the files of the wanted modules and of all that these need or want.
// A name that no file has is passed over: it is built in, or this kernel lacks it.
func closure(needs, wants map[string][]string, wanted []string) []string {
	byName := map[string]string{}
	for file := range needs {
		byName[moduleName(file)] = file
	}
	taken := map[string]bool{}
	var files []string
	var take func(file string)
	take = func(file string) {
		if file == "" || taken[file] {
			return
		}
		taken[file] = true
		files = append(files, file)
		for _, f := range needs[file] {
			take(f)
		}
		for _, name := range wants[moduleName(file)] {
			take(byName[moduleName(name)])
		}
	}
	for _, w := range wanted {
		if !strings.HasSuffix(w, "/") {
			take(byName[moduleName(w)])
			continue
		}
		for file := range needs {
			if strings.HasPrefix(file, w) {
				take(file)
			}
		}
	}
	return files
}
