package vm

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// copyIn copies a file of this machine into a tree of packages, and what it links to.
func copyIn(t *testing.T, root, file string) {
	t.Helper()
	file, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	if folder, err := filepath.EvalSymlinks(filepath.Dir(file)); err == nil {
		file = filepath.Join(folder, filepath.Base(file)) // folders of programs may be links
	}
	place := filepath.Join(root, file)
	target, err := os.Readlink(file)
	if err != nil {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		write(t, place, string(text))
		return
	}
	write(t, place, "")
	if err := os.Remove(place); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, place); err != nil {
		t.Fatal(err)
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(file), target)
	}
	copyIn(t, root, target)
}

// TestLibrariesAsTheLoaderFindsThem: ldd, a foreign judge, names the same libraries
// of one of this machine's programs.
func TestLibrariesAsTheLoaderFindsThem(t *testing.T) {
	program, err := exec.LookPath("ip")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ldd", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	copyIn(t, root, program)
	libraries := regexp.MustCompile(`/\S+`).FindAllString(string(out), -1)
	if len(libraries) < 3 {
		t.Fatalf("ldd says %s", out)
	}
	for _, l := range libraries {
		copyIn(t, root, l)
	}
	write(t, root+"/usr/lib/nobody/libunneeded.so.1", "")

	tr := newTree(root)
	if err := tr.addCommand("ip"); err != nil {
		t.Fatal(err)
	}
	for _, l := range libraries {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(all(tr))), func(n string) bool { return filepath.Base(n) == filepath.Base(l) }) {
			t.Errorf("%s is left out of %v", l, slices.Sorted(maps.Keys(all(tr))))
		}
	}
	if _, ok := tr.files["usr/lib/nobody/libunneeded.so.1"]; ok {
		t.Error("a library that nobody needs is in")
	}
	if err := os.RemoveAll(root + "/usr/lib"); err != nil {
		t.Fatal(err)
	}
	if err := newTree(root).addCommand("ip"); err == nil {
		t.Error("missing libraries are no error")
	}
}

// all are the names of a tree.
func all(t *tree) map[string]string {
	names := maps.Clone(t.files)
	maps.Copy(names, t.links)
	return names
}

func TestCanonical(t *testing.T) {
	for name, want := range map[string]string{
		"/bin/sh": "usr/bin/sh", "sbin/ip": "usr/sbin/ip", "usr/sbin/nft": "usr/sbin/nft",
		"/lib64/ld-linux-x86-64.so.2": "usr/lib/ld-linux-x86-64.so.2", "/usr/lib64/x": "usr/lib/x",
		"lib/modules/6.1/x.ko": "usr/lib/modules/6.1/x.ko", "/etc/../../etc/passwd": "etc/passwd",
		"library/x": "library/x", "/": "", "": "",
	} {
		if got := canonical(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

// TestTree: programs, patterns and folders are found where packages put them, and
// links lead where they did.
func TestTree(t *testing.T) {
	root := t.TempDir()
	write(t, root+"/etc/init.d/hostapd", "a service")
	write(t, root+"/usr/sbin/hostapd", "#!program")
	write(t, root+"/bin/busybox", "applets")
	write(t, root+"/usr/lib/hooks/10-a", "a")
	write(t, root+"/usr/lib/hooks/more/20-b", "b")
	write(t, root+"/lib/firmware/regulatory.db-debian", "rules")
	for link, target := range map[string]string{"/usr/sbin/udhcpc": "/bin/busybox", "/usr/sbin/lost": "nowhere"} {
		if err := os.Symlink(target, root+link); err != nil {
			t.Fatal(err)
		}
	}
	tr := newTree(root)
	for _, c := range []string{"hostapd", "udhcpc"} {
		if err := tr.addCommand(c); err != nil {
			t.Error(err)
		}
	}
	for _, p := range []string{"usr/lib/hooks", "lib/firmware/regulatory.db*"} {
		if err := tr.addPattern(p); err != nil {
			t.Error(err)
		}
	}
	names := slices.Sorted(maps.Keys(tr.files))
	if got := strings.Join(names, " "); got != "usr/bin/busybox usr/lib/firmware/regulatory.db-debian usr/lib/hooks/10-a usr/lib/hooks/more/20-b usr/sbin/hostapd" {
		t.Errorf("files %s", got)
	}
	if tr.links["usr/sbin/udhcpc"] != "/bin/busybox" {
		t.Errorf("links %v", tr.links)
	}
	for what, err := range map[string]error{
		"a program that is not there": tr.addCommand("wpa_supplicant"), "only a service": tr.addCommand("etc"),
		"a link into nothing": tr.addCommand("lost"), "a pattern without a match": tr.addPattern("usr/share/*"),
	} {
		if err == nil {
			t.Errorf("%s is no error", what)
		}
	}

	var b bytes.Buffer
	a := newArchive(&cpio{w: &b})
	if err := tr.write(a); err != nil || a.close() != nil {
		t.Fatal(err)
	}
	unpacked := t.TempDir()
	cmd := exec.Command("busybox", "cpio", "-id")
	cmd.Dir, cmd.Stdin = unpacked, &b
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if text, err := os.ReadFile(unpacked + "/sbin/hostapd"); string(text) != "#!program" {
		t.Errorf("%q, %v", text, err)
	}
}
