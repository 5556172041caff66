package vm

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// deb is one resolved package.
type deb struct {
	file string // name that apt keeps it under
	size int64
}

// store is the cache of one architecture's packages, with an apt state of its own:
// neither the packages nor the lists of this machine are touched.
type store struct {
	dir  string // absolute: apt-get would look below its own
	arch string
	want []string // package names
}

func (s store) archives() string { return filepath.Join(s.dir, "archives") }
func (s store) lock() string     { return filepath.Join(s.dir, "packages") }

// packages gives what the names resolve to, downloaded and verified. What was
// resolved for the same names before is used again while all of it is there.
func (s store) packages() ([]deb, error) {
	if debs, ok := s.known(); ok {
		return debs, nil
	}
	if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("vm: package cache: %w", err)
	}
	// The lists may be incomplete while a mirror is being renewed, although all that
	// is wanted can be had: what counts is whether resolving and downloading work.
	_, stale := s.apt("update")
	// It leaves out what it has, so for this it is shown an empty folder.
	uris, err := s.apt("install", "--print-uris", "-o", "Dir::Cache::archives="+filepath.Join(s.dir, "none"))
	if err != nil {
		return nil, fmt.Errorf("vm: resolve packages for %s: %w", s.arch, errors.Join(err, stale))
	}
	debs, err := parseURIs(uris)
	if err != nil {
		return nil, err
	}
	if _, err := s.apt("install", "--download-only", "--yes"); err != nil {
		return nil, fmt.Errorf("vm: download packages for %s: %w", s.arch, errors.Join(err, stale))
	}
	text := []byte(s.heading() + format(debs))
	if err := os.WriteFile(s.lock(), text, 0o644); err != nil {
		return nil, fmt.Errorf("vm: package cache: %w", err)
	}
	return debs, s.sweep(debs)
}

// heading is the first line of the list: it tells what was asked for.
func (s store) heading() string { return "for " + strings.Join(s.want, " ") + "\n" }

// known reads the list of an earlier run; false unless it is for the same names and
// every file is there in its full size.
func (s store) known() ([]deb, bool) {
	text, err := os.ReadFile(s.lock())
	if err != nil {
		return nil, false
	}
	rest, ours := strings.CutPrefix(string(text), s.heading())
	if !ours {
		return nil, false
	}
	var debs []deb
	for line := range strings.Lines(rest) {
		d, err := parseDeb(strings.Fields(line))
		if err != nil {
			return nil, false
		}
		if info, err := os.Stat(filepath.Join(s.archives(), d.file)); err != nil || info.Size() != d.size {
			return nil, false
		}
		debs = append(debs, d)
	}
	return debs, len(debs) > 0
}

func (s store) prepare() error {
	for _, d := range []string{"lists", "archives", "none"} {
		if err := os.MkdirAll(filepath.Join(s.dir, d, "partial"), 0o755); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(s.dir, "status"), nil, 0o644) // nothing is installed
}

// apt runs apt-get with the store's own state and the machine's own sources and keys.
func (s store) apt(verb string, flags ...string) (string, error) {
	args := []string{"--quiet=2", verb}
	for _, o := range []string{
		"APT::Architecture=" + s.arch, "APT::Architectures=" + s.arch,
		"APT::Install-Recommends=false", "APT::Sandbox::User=root",
		"Dir::State::Lists=" + filepath.Join(s.dir, "lists"), "Dir::State::status=" + filepath.Join(s.dir, "status"),
		"Dir::Cache=" + s.dir, "Dir::Cache::archives=" + s.archives(),
		"Acquire::Languages=none", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
	} {
		args = append(args, "-o", o)
	}
	args = append(args, flags...)
	if verb == "install" {
		args = append(args, s.want...)
	}
	cmd := exec.Command("apt-get", args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	return output(cmd)
}

// sweep removes packages that are no longer resolved.
func (s store) sweep(debs []deb) error {
	keep := map[string]bool{}
	for _, d := range debs {
		keep[d.file] = true
	}
	paths, err := filepath.Glob(filepath.Join(s.archives(), "*.deb"))
	for _, p := range paths {
		if !keep[filepath.Base(p)] {
			err = errors.Join(err, os.Remove(p))
		}
	}
	if err != nil {
		return fmt.Errorf("vm: package cache: %w", err)
	}
	return nil
}

// unpack unpacks all packages over each other.
func (s store) unpack(debs []deb, root string) error {
	for _, d := range debs {
		if _, err := output(exec.Command("dpkg-deb", "--extract", filepath.Join(s.archives(), d.file), root)); err != nil {
			return fmt.Errorf("vm: unpack %s: %w", d.file, err)
		}
	}
	return nil
}

// parseURIs reads what apt-get --print-uris prints: a quoted address, a file name, a
// size and sometimes a sum a line.
func parseURIs(text string) ([]deb, error) {
	var debs []deb
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "'") {
			continue
		}
		d, err := parseDeb(strings.Fields(line)[1:])
		if err != nil {
			return nil, fmt.Errorf("vm: apt-get: %q: %w", line, err)
		}
		debs = append(debs, d)
	}
	if len(debs) == 0 {
		return nil, errors.New("vm: apt-get resolved no package at all")
	}
	return debs, nil
}

// parseDeb reads name and size. A sum that may follow is not needed: apt-get verifies
// what it downloads against the signed lists.
func parseDeb(f []string) (deb, error) {
	if len(f) < 2 || strings.ContainsRune(f[0], '/') {
		return deb{}, errors.New("want a file name and a size")
	}
	size, err := strconv.ParseInt(f[1], 10, 64)
	return deb{f[0], size}, err
}

// format writes the list that known reads.
func format(debs []deb) string {
	var b strings.Builder
	for _, d := range debs {
		fmt.Fprintln(&b, d.file, d.size)
	}
	return b.String()
}

// fingerprint shortens texts to a name.
func fingerprint(texts ...string) string {
	h := sha256.New()
	for _, t := range texts {
		fmt.Fprintf(h, "%d\n%s", len(t), t)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

// output runs a command and returns what it printed; the error holds its complaints.
func output(cmd *exec.Cmd) (string, error) {
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, bytes.TrimSpace(complaints.Bytes()))
	}
	return out.String(), nil
}
