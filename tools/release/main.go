// Command release makes what a release consists of, the same bytes from the same commit:
// the source with its Go modules inside, OpenWrt's feed and Buildroot's external tree
// with the sum of that source filled in, and the sums of everything.
//
//	release -version 1.2.3 -out dist          # source, feed and tree
//	release -sums -out dist                   # SHA256SUMS of all files there
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	version := flag.String("version", "", "`number` of the release")
	out := flag.String("out", "dist", "`folder` for the files")
	sums := flag.Bool("sums", false, "only write the sums of what is there")
	flag.Parse()
	run := func() error { return release(*version, *out) }
	if *sums {
		run = func() error { return writeSums(*out) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// number is a version that apk takes (pkgver of Alpine's APKBUILD reference), whose rules
// are the strictest.
var number = regexp.MustCompile(`^\d+(\.\d+)*(_(alpha|beta|pre|rc|git|p)\d*)*$`)

// release writes the three archives of the tree in the working folder.
func release(version, out string) error {
	if !number.MatchString(version) {
		return fmt.Errorf("version %q: package managers take numbers such as 1.2.3, 1.2.3_rc1 and 1.2.3_git5", version)
	}
	tree, err := committed()
	if err != nil {
		return err
	}
	vendor, err := os.MkdirTemp("", "vendor")
	if err != nil {
		return err
	}
	defer os.RemoveAll(vendor)
	if err := tree.addModules(vendor); err != nil {
		return err
	}
	tree.files["VERSION"] = file{text: []byte(version + "\n"), mode: 0o644}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	source := filepath.Join(out, "tetherd-"+version+".tar.gz")
	if err := tree.write(source, "tetherd-"+version); err != nil {
		return err
	}
	sum, err := sumOf(source)
	if err != nil {
		return err
	}
	for _, part := range []struct {
		folder, name string
		edits        []edit
	}{
		{"openwrt/tetherd/", "tetherd-openwrt", feed(version, sum)},
		{"buildroot/", "tetherd-buildroot", external(version, sum)},
	} {
		a, err := tree.under(part.folder, part.edits)
		if err != nil {
			return err
		}
		if err := a.write(filepath.Join(out, part.name+"-"+version+".tar.gz"), part.name); err != nil {
			return err
		}
	}
	return nil
}

// edit changes one file of an archive.
type edit struct {
	file string
	old  *regexp.Regexp
	new  string
}

// feed fills version and sum into OpenWrt's package.
func feed(version, sum string) []edit {
	return []edit{
		{"Makefile", regexp.MustCompile(`(?m)^PKG_VERSION:=.*$`), "PKG_VERSION:=" + version},
		{"Makefile", regexp.MustCompile(`(?m)^PKG_HASH:=.*$`), "PKG_HASH:=" + sum},
	}
}

// external fills version and sum into Buildroot's package. Buildroot takes a source that
// has its modules inside as it is, under a name of its own.
func external(version, sum string) []edit {
	line := fmt.Sprintf("# From SHA256SUMS of the release\nsha256  %s  tetherd-%s-go2.tar.gz", sum, version)
	return []edit{
		{"package/tetherd/tetherd.mk", regexp.MustCompile(`(?m)^TETHERD_VERSION = .*$`), "TETHERD_VERSION = " + version},
		{"package/tetherd/tetherd.hash", regexp.MustCompile(`(?m)\A#.*$`), line},
	}
}

// committed reads the files that git knows, as they are in the working folder, with the
// time of the last commit.
func committed() (archive, error) {
	names, err := output("git", "ls-files", "-z")
	if err != nil {
		return archive{}, err
	}
	stamp, err := output("git", "log", "-1", "--format=%ct")
	if err != nil {
		return archive{}, err
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(stamp), 10, 64)
	if err != nil {
		return archive{}, err
	}
	a := archive{files: map[string]file{}, time: time.Unix(seconds, 0)}
	for _, name := range strings.Split(strings.TrimRight(names, "\x00"), "\x00") {
		if err := a.add(name, name); err != nil {
			return archive{}, err
		}
	}
	return a, nil
}

func output(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return string(out), nil
}

func sumOf(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// writeSums writes SHA256SUMS as sha256sum -c reads it.
func writeSums(out string) error {
	const name = "SHA256SUMS"
	entries, err := os.ReadDir(out)
	if err != nil {
		return err
	}
	var lines []string
	for _, e := range entries {
		if e.Name() == name || !e.Type().IsRegular() {
			continue
		}
		sum, err := sumOf(filepath.Join(out, e.Name()))
		if err != nil {
			return err
		}
		lines = append(lines, sum+"  "+e.Name()+"\n")
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[66:], b[66:]) })
	return os.WriteFile(filepath.Join(out, name), []byte(strings.Join(lines, "")), 0o644)
}
