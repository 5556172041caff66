package vm

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
	"time"
)

// File types and permissions as they stand in an archive.
const (
	typeFolder = 0o040000
	typeFile   = 0o100000
	typeLink   = 0o120000
)

// archive collects files in some form. Folders above an entry are made by themselves.
// The first error sticks and is returned by close.
type archive struct {
	form form
	made map[string]bool
	err  error
}

// form is how an archive is written: entry by entry, and an end.
type form interface {
	entry(name string, mode uint32, size int64, content io.Reader) error
	end() error
}

func newArchive(f form) *archive {
	return &archive{form: f, made: map[string]bool{"": true, ".": true}}
}

// folder makes a folder and those above it.
func (a *archive) folder(name string) {
	if a.made[name] {
		return
	}
	a.folder(path.Dir(name))
	a.entry(name, typeFolder|0o755, 0, nil)
}

// link makes a symbolic link.
func (a *archive) link(name, target string) {
	a.folder(path.Dir(name))
	a.entry(name, typeLink|0o777, int64(len(target)), strings.NewReader(target))
}

// file makes a file of size bytes.
func (a *archive) file(name string, permissions uint32, size int64, content io.Reader) {
	a.folder(path.Dir(name))
	a.entry(name, typeFile|permissions, size, content)
}

// text makes a file of a text.
func (a *archive) text(name string, permissions uint32, text string) {
	a.file(name, permissions, int64(len(text)), strings.NewReader(text))
}

// copy puts a file of this machine into the archive.
func (a *archive) copy(name, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	a.file(name, uint32(info.Mode().Perm()), info.Size(), f)
	return a.err
}

func (a *archive) entry(name string, mode uint32, size int64, content io.Reader) {
	if a.err != nil {
		return
	}
	a.made[name] = true
	if err := a.form.entry(name, mode, size, content); err != nil {
		a.err = fmt.Errorf("vm: archive %s: %w", name, err)
	}
}

// close ends the archive.
func (a *archive) close() error {
	if a.err != nil {
		return a.err
	}
	return a.form.end()
}

// writeArchive makes a cpio archive of what fill puts in.
func writeArchive(file string, fill func(*archive) error) error {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	a := newArchive(&cpio{w: w})
	if err := errors.Join(fill(a), a.close(), w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("vm: write %s: %w", file, err)
	}
	return nil
}

// writeDisk makes a squashfs file system of what fill puts in. It is not compressed:
// under emulation, reading is cheaper than unpacking.
func writeDisk(file string, fill func(*archive) error) error {
	cmd := exec.Command("mksquashfs", "-", file, "-tar", "-quiet", "-noappend", "-no-xattrs", "-no-progress",
		"-noI", "-noD", "-noF", "-noX", "-root-mode", "755", "-processors", "1")
	in, into := io.Pipe()
	cmd.Stdin = in
	filled := make(chan error, 1)
	go func() {
		a := newArchive(tarred{tar.NewWriter(into)})
		err := errors.Join(fill(a), a.close())
		filled <- err
		into.CloseWithError(err)
	}()
	_, err := output(cmd)
	in.Close() // mksquashfs may have ended before the archive
	if err := errors.Join(<-filled, err); err != nil {
		return fmt.Errorf("vm: write %s: %w", file, err)
	}
	return nil
}

// tarred is the form that mksquashfs reads.
type tarred struct{ *tar.Writer }

func (t tarred) entry(name string, mode uint32, size int64, content io.Reader) error {
	h := &tar.Header{Name: name, Mode: int64(mode & 0o7777), ModTime: time.Unix(0, 0)}
	switch mode &^ 0o7777 {
	case typeFolder:
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
	case typeLink:
		target, err := io.ReadAll(content)
		if err != nil {
			return err
		}
		h.Typeflag, h.Linkname, content = tar.TypeSymlink, string(target), nil
	default:
		h.Typeflag, h.Size = tar.TypeReg, size
	}
	if err := t.WriteHeader(h); err != nil || content == nil {
		return err
	}
	_, err := io.CopyN(t, content, size)
	return err
}

func (t tarred) end() error { return t.Close() }
