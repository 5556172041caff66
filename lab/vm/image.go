package vm

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// source is what images are built by: a change of it makes them anew.
//
//go:embed arch.go archive.go content.go cpio.go elf.go image.go init.sh modules.go start.sh tree.go
var source embed.FS

// Image is a kernel and its system, ready to boot.
type Image struct {
	Arch    Arch
	Kernel  string // file
	Start   string // initramfs that makes one file system of the disks
	Base    string // disk with the system
	Release string // of the kernel, as uname -r says
}

// Prepare gives the image of an architecture from the cache folder, after it has
// made it if need be. Progress is told to out. Processes that share a cache wait for
// each other.
func Prepare(arch Arch, cache string, out io.Writer) (*Image, error) {
	dir, err := filepath.Abs(filepath.Join(cache, arch.Name))
	if err != nil {
		return nil, fmt.Errorf("vm: image cache: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("vm: image cache: %w", err)
	}
	unlock, err := lockFile(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	s := store{dir: dir, arch: arch.Name, want: []string{arch.kernel}}
	for _, u := range userland {
		s.want = append(s.want, u.pkg)
	}
	if _, ok := s.known(); !ok {
		fmt.Fprintf(out, "vm: resolving and downloading packages for %s\n", arch.Name)
	}
	debs, err := s.packages()
	if err != nil {
		return nil, err
	}
	key, err := imageKey(debs)
	if err != nil {
		return nil, err
	}
	place := filepath.Join(dir, "image-"+key)
	if _, err := os.Stat(place); err != nil {
		fmt.Fprintf(out, "vm: building the image for %s\n", arch.Name)
		if err := build(arch, s, debs, place); err != nil {
			return nil, err
		}
	}
	return openImage(arch, place)
}

// imageKey tells images apart by packages and builder.
func imageKey(debs []deb) (string, error) {
	texts := []string{format(debs)}
	entries, err := source.ReadDir(".")
	for _, e := range entries {
		text, readErr := source.ReadFile(e.Name())
		texts, err = append(texts, string(text)), errors.Join(err, readErr)
	}
	return fingerprint(texts...), err
}

// openImage reads what build has written.
func openImage(arch Arch, place string) (*Image, error) {
	release, err := os.ReadFile(filepath.Join(place, "release"))
	if err != nil {
		return nil, fmt.Errorf("vm: image cache: %w", err)
	}
	return &Image{arch, filepath.Join(place, "kernel"), filepath.Join(place, "start.cpio"), filepath.Join(place, "base.squashfs"), string(release)}, nil
}

// outdated is the age at which an image is removed once another has been built. Two
// trees that share a cache, or a change that is tried and taken back, do not build
// again and again.
const outdated = 24 * time.Hour

// build makes an image beside its place, moves it there, and removes outdated ones.
func build(arch Arch, s store, debs []deb, place string) error {
	work, err := os.MkdirTemp(s.dir, "build-")
	if err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	defer os.RemoveAll(work)
	root, made := filepath.Join(work, "root"), filepath.Join(work, "image")
	if err := errors.Join(os.Mkdir(root, 0o755), os.Mkdir(made, 0o755)); err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	if err := s.unpack(debs, root); err != nil {
		return err
	}
	if err := assemble(arch, root, made); err != nil {
		return err
	}
	former, err := filepath.Glob(filepath.Join(s.dir, "image-*"))
	for _, f := range former {
		if info, statErr := os.Stat(f); statErr == nil && time.Since(info.ModTime()) > outdated {
			err = errors.Join(err, os.RemoveAll(f))
		}
	}
	if err := errors.Join(err, os.Rename(made, place)); err != nil {
		return fmt.Errorf("vm: image cache: %w", err)
	}
	return nil
}

// assemble makes kernel, initramfs and disk of the unpacked packages.
func assemble(arch Arch, root, made string) error {
	k, err := findKernel(root)
	if err != nil {
		return err
	}
	if err := k.index(); err != nil {
		return err
	}
	t := newTree(root)
	if err := errors.Join(t.addSupplies(userland), k.addModules(t, modules)); err != nil {
		return err
	}
	if err := copyFile(k.image, filepath.Join(made, "kernel")); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(made, "release"), []byte(k.release), 0o644); err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	return errors.Join(writeStart(arch, k, t, filepath.Join(made, "start.cpio")), writeBase(arch, t, filepath.Join(made, "base.squashfs")))
}

// writeStart writes the initramfs: a shell, and the drivers of the disks.
func writeStart(arch Arch, k kernel, t *tree, file string) error {
	script, err := source.ReadFile("start.sh")
	if err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	return writeArchive(file, func(a *archive) error {
		drivers := inOrder(k.needs, []string{arch.bus, "virtio_blk", "squashfs", "overlay"})
		a.text("init", 0o755, strings.ReplaceAll(string(script), "@DRIVERS@", strings.Join(drivers, " ")))
		for _, d := range drivers {
			if err := a.copy(d, filepath.Join(k.root, k.folder(), d)); err != nil {
				return err
			}
		}
		for _, d := range []string{"dev", "proc", "sys", "root"} {
			a.folder(d)
		}
		return a.copy("bin/busybox", t.files["usr/bin/busybox"])
	})
}

// writeBase writes the system's disk.
func writeBase(arch Arch, t *tree, file string) error {
	script, err := source.ReadFile("init.sh")
	if err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	return writeDisk(file, func(a *archive) error {
		a.text("init", 0o755, strings.ReplaceAll(string(script), "@BUS@", arch.bus))
		for name, text := range fixed {
			a.text(name, 0o644, text)
		}
		return t.write(a)
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("vm: copy %s: %w", from, err)
	}
	return nil
}

// lockFile waits until no other process holds the file, and holds it.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("vm: lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("vm: lock: %w", err), f.Close())
	}
	return func() { f.Close() }, nil
}
