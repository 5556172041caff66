package vm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Job is what one machine is booted for.
type Job struct {
	Args   []string // command line in the guest
	Dir    string   // working folder in the guest; "" is /
	Env    []string // further environment, KEY=value
	Files  []File
	Output io.Writer     // gets what the job prints
	Memory int           // MiB; 0 is 512, at most what the machine can have
	KVM    bool          // do not emulate; only where this machine's processor can and is of the same kind
	Limit  time.Duration // of the whole life of the machine; required
	// Terminal gives the machine's console to this process's terminal: the job's
	// shell then is a person's, and nothing of the console is kept.
	Terminal bool
	// Forward is a TCP port of this machine's loopback that leads to LANAddress, as if
	// it were a client; 0 none.
	Forward uint16
}

// LANAddress is where Job.Forward leads to: the machine's second network interface
// must be in that network.
const LANAddress = "192.168.97.1:8080"

// File is a file or folder of this machine that the guest gets a copy of.
type File struct {
	Host  string
	Guest string // absolute path
}

// script is what the guest runs.
func (j Job) script() string {
	var b strings.Builder
	b.WriteString("#!/bin/sh\n")
	for _, e := range j.Env {
		key, value, _ := strings.Cut(e, "=")
		fmt.Fprintf(&b, "export %s=%s\n", key, quote(value))
	}
	fmt.Fprintf(&b, "cd %s || exit 125\nexec", quote("/"+strings.TrimPrefix(j.Dir, "/")))
	for _, a := range j.Args {
		b.WriteString(" " + quote(a))
	}
	return b.String() + "\n"
}

// quote makes one word of a text for a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// fill puts the job's files into an archive.
func (j Job) fill(a *archive) error {
	a.text("job/run", 0o755, j.script())
	a.folder(canonical(j.Dir))
	for _, f := range j.Files {
		if err := addTree(a, canonical(f.Guest), f.Host); err != nil {
			return err
		}
	}
	return nil
}

// addTree puts a file, or a folder with all that is in it, into an archive.
func addTree(a *archive, name, host string) error {
	return filepath.WalkDir(host, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		place := name
		if below, _ := filepath.Rel(host, p); below != "." { // p is below host
			place = path.Join(name, filepath.ToSlash(below))
		}
		switch {
		case e.IsDir():
			a.folder(place)
			return a.err
		case e.Type() == fs.ModeSymlink && p != host:
			target, err := os.Readlink(p)
			a.link(place, target)
			return errors.Join(err, a.err)
		}
		return a.copy(place, p)
	})
}
