package openwrt

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/config"
)

// The scripts run in busybox ash, with busybox's commands, in a made-up root. What they
// call of OpenWrt has a stand-in: uci (testdata/uci; the real one is used too where it is
// on PATH), procd and rc.common (testdata/rc.common), the init scripts of other
// services (testdata/service), tetherd (which only checks a configuration), ubus (netifd is
// not there but in the test that plays its answers), and for power cuts sync (testdata/cut).

// TestMain is the tests, or the stand-in whose name it was called by.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "tetherd" {
		os.Exit(check(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// box is a made-up root.
type box struct {
	t    *testing.T
	root string
	bin  string // commands
}

// boxes runs a test with the stand-in of uci, and with the real one when it is there.
func boxes(t *testing.T, f func(t *testing.T, b *box)) {
	t.Run("stand-in", func(t *testing.T) { f(t, newBox(t)) })
	if path, err := exec.LookPath("uci"); err == nil {
		t.Run("uci", func(t *testing.T) {
			b := newBox(t)
			// What is not committed stays outside of the configuration.
			b.command("uci", `exec `+path+` -c "$ROOT/etc/config" -t "$ROOT/uci" -p "$ROOT/uci" "$@"`)
			f(t, b)
		})
	}
}

func newBox(t *testing.T) *box {
	t.Helper()
	dir := t.TempDir()
	b := &box{t: t, root: filepath.Join(dir, "root"), bin: filepath.Join(dir, "bin")}
	for _, d := range []string{"etc/config", "etc/init.d", "etc/rc.d", "sys/class/ieee80211", "sbin"} {
		if err := os.MkdirAll(filepath.Join(b.root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(b.bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("busybox", "--install", "-s", b.bin).CombinedOutput(); err != nil {
		t.Fatalf("busybox: %v\n%s", err, out)
	}
	b.command("tetherd", "exec "+filepath.Join(b.bin, "self", "tetherd")+` "$@"`)
	if err := os.Mkdir(filepath.Join(b.bin, "self"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.link(abs(t, os.Args[0]), "self/tetherd")
	b.command("uci", `. `+abs(t, "testdata/uci"))
	b.command("sync", ":")                                            // the real one would wait for the disks of this machine
	b.command("ubus", `echo "Command failed: Not found" >&2; exit 4`) // of an object that is not there
	for _, name := range []string{"logger", "iw", "pidof"} {
		b.command(name, `echo "`+name+` $*" >>"$ROOT/log"`)
	}
	b.write("etc/config/tetherd", read(t, "tetherd/files/tetherd.config"))
	return b
}

func (b *box) link(to, name string) {
	b.t.Helper()
	if err := os.Symlink(to, filepath.Join(b.bin, name)); err != nil {
		b.t.Fatal(err)
	}
}

// command makes a command out of a line of shell.
func (b *box) command(name, line string) {
	b.t.Helper()
	path := filepath.Join(b.bin, name)
	_ = os.Remove(path) // busybox has one of that name, or has not
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+line+"\n"), 0o755); err != nil {
		b.t.Fatal(err)
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

// write and read are files of the root; one that is not there reads as "".
func (b *box) write(path, text string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.root, path), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// mkdir makes a folder of the root.
func (b *box) mkdir(path string) {
	b.t.Helper()
	if err := os.MkdirAll(filepath.Join(b.root, path), 0o755); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) read(path string) string {
	text, _ := os.ReadFile(filepath.Join(b.root, path)) // it may be absent
	return string(text)
}

// service installs the stand-in of another service.
func (b *box) service(name string, enabled bool) {
	b.t.Helper()
	path := filepath.Join(b.root, "etc/init.d", name)
	if err := os.WriteFile(path, []byte(read(b.t, "testdata/service")), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if enabled {
		b.write("etc/rc.d/"+name, "")
	}
}

func (b *box) enabled(name string) bool {
	_, err := os.Stat(filepath.Join(b.root, "etc/rc.d", name))
	return err == nil
}

// run runs a script in ash and returns what it prints.
func (b *box) run(script string, args ...string) string {
	b.t.Helper()
	path, err := filepath.Abs(script)
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(b.bin, "ash"), append([]string{path}, args...)...)
	cmd.Env = []string{"PATH=" + b.bin, "ROOT=" + b.root, "LD_LIBRARY_PATH=" + os.Getenv("LD_LIBRARY_PATH")}
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.t.Fatalf("%s %s: %v\n%s", script, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// check is the stand-in of "tetherd check FILE".
func check(args []string) int {
	if len(args) != 2 || args[0] != "check" {
		return 2
	}
	if _, err := config.Load(args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	return 0
}

func abs(t *testing.T, path string) string {
	t.Helper()
	p, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
