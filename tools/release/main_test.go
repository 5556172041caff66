package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// made makes a release of this tree.
func made(t *testing.T) string {
	t.Helper()
	t.Chdir("../..")
	out := t.TempDir()
	if err := release("9.8.7", out); err != nil {
		t.Fatal(err)
	}
	return out
}

// unpack writes an archive into a folder.
func unpack(t *testing.T, path, dir string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	in := tar.NewReader(z)
	for {
		head, err := in.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if head.Uid != 0 || head.Uname != "" || head.ModTime.Nanosecond() != 0 {
			t.Errorf("%s tells who made it, or when to the nanosecond", head.Name)
		}
		to := filepath.Join(dir, head.Name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, os.FileMode(head.Mode)); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSameBytes: twice from the same tree is the same.
func TestSameBytes(t *testing.T) {
	a := made(t)
	b := t.TempDir()
	if err := release("9.8.7", b); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{a, b} {
		if err := writeSums(dir); err != nil {
			t.Fatal(err)
		}
	}
	if sums := read(t, a+"/SHA256SUMS"); sums != read(t, b+"/SHA256SUMS") || strings.Count(sums, "\n") != 3 {
		t.Errorf("the sums are\n%s\n%s", sums, read(t, b+"/SHA256SUMS"))
	}
	check := exec.Command("sha256sum", "-c", "--strict", "SHA256SUMS")
	check.Dir = a
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestBuildsOffline: the source builds with no network and no module cache, and the
// program knows its version.
func TestBuildsOffline(t *testing.T) {
	out, dir := made(t), t.TempDir()
	unpack(t, filepath.Join(out, "tetherd-9.8.7.tar.gz"), dir)
	tree := filepath.Join(dir, "tetherd-9.8.7")
	build := exec.Command("make", "tetherd")
	build.Dir = tree
	build.Env = append(os.Environ(), "GOFLAGS=-mod=vendor", "GOPROXY=off", "GOMODCACHE="+t.TempDir(), "GOARCH="+host(t), "MAKEFLAGS=", "VERSION=")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	version, err := exec.Command(filepath.Join(tree, "bin/tetherd"), "version").Output()
	if got := strings.TrimSpace(string(version)); err != nil || got != "tetherd 9.8.7" {
		t.Errorf("it is %q, %v", got, err)
	}
}

// host is the machine's own architecture: these tests may run emulated.
func host(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOHOSTARCH").Output()
	if err != nil {
		t.Logf("go env: %v", err)
		return runtime.GOARCH
	}
	return strings.TrimSpace(string(out))
}

// TestPackages: feed and tree name the version and the sum of the source.
func TestPackages(t *testing.T) {
	out, dir := made(t), t.TempDir()
	sum, err := sumOf(filepath.Join(out, "tetherd-9.8.7.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for name, wants := range map[string]map[string][]string{
		"tetherd-openwrt":   {"Makefile": {"PKG_VERSION:=9.8.7\n", "PKG_HASH:=" + sum + "\n"}},
		"tetherd-buildroot": {"package/tetherd/tetherd.mk": {"TETHERD_VERSION = 9.8.7\n"}, "package/tetherd/tetherd.hash": {"sha256  " + sum + "  tetherd-9.8.7-go2.tar.gz\n"}},
	} {
		unpack(t, filepath.Join(out, name+"-9.8.7.tar.gz"), dir)
		for file, lines := range wants {
			for _, line := range lines {
				if text := read(t, filepath.Join(dir, name, file)); !strings.Contains(text, line) {
					t.Errorf("%s of %s lacks %s", file, name, line)
				}
			}
		}
	}
	if tests, err := filepath.Glob(filepath.Join(dir, "*", "*_test.go")); err != nil || len(tests) > 0 {
		t.Errorf("tests are in it: %q, %v", tests, err)
	}
}

// TestOddVersions: what no package manager takes is refused.
func TestOddVersions(t *testing.T) {
	for _, v := range []string{"", "v1.2.3", "1.2 3", "../1", "1;reboot", "0.2.0-5-gabc1234", "1.0-rc1", "1..2", "1.2.", "1.2_final"} {
		if err := release(v, t.TempDir()); err == nil {
			t.Errorf("%q is taken", v)
		}
	}
	for _, v := range []string{"0.2.0", "10", "1.0_rc1", "0.2.0_git5", "1.0_rc1_git12"} {
		if !number.MatchString(v) {
			t.Errorf("%q is not taken", v)
		}
	}
}

// TestNumbers: make gives every commit a number that package managers take.
func TestNumbers(t *testing.T) {
	makefile, err := filepath.Abs("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	run := func(name string, args ...string) string {
		t.Helper()
		out, err := exec.Command(name, args...).Output()
		if err != nil {
			t.Fatalf("%s %q: %v", name, args, err)
		}
		return strings.TrimSpace(string(out))
	}
	git := func(args ...string) {
		t.Helper()
		run("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.org"}, args...)...)
	}
	git("init", "-q")
	for i, want := range []string{"0.0.0", "0.2.0", "0.2.0_git1", "0.2.0_git2"} {
		git("commit", "-q", "--allow-empty", "-m", "some")
		if i == 1 {
			git("tag", "v0.2.0")
		}
		got := run("make", "-s", "-f", makefile, "--eval", "number: ; @echo $(RELEASE)", "number")
		if got != want || !number.MatchString(got) {
			t.Errorf("the number is %q, want %q", got, want)
		}
	}
}
