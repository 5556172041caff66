//go:build vm

package vmtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/buildroot"
)

// inittab and scripts are what Buildroot's skeleton has of them.
const (
	inittab = `::sysinit:/bin/mount -t proc proc /proc
::sysinit:/bin/mount -t sysfs sys /sys
::sysinit:/bin/mount -t devtmpfs dev /dev
::respawn:/sbin/syslogd -n -O /var/log/messages
::sysinit:/etc/init.d/rcS
::shutdown:/etc/init.d/rcK
`
	rcS = "#!/bin/sh\nfor i in /etc/init.d/S??*; do \"$i\" start; done\n"
	rcK = "#!/bin/sh\nfor i in /etc/init.d/S??*; do \"$i\" stop; done\n"
)

// system is a root file system with busybox init and what the package installs, which
// runs on the machine's kernel and network.
type system struct {
	t    *testing.T
	root string
	init *exec.Cmd
}

// newSystem makes the root file system and starts its init as the first process of a
// process namespace.
func newSystem(t *testing.T) *system {
	t.Helper()
	s := &system{t: t, root: t.TempDir()}
	for _, d := range []string{"bin", "sbin", "usr", "etc/init.d", "etc/config", "proc", "sys", "dev", "tmp", "var/run", "var/log", "var/lib", "root"} {
		s.must(os.MkdirAll(filepath.Join(s.root, d), 0o755))
	}
	// Programs are the machine's: tetherd itself, hostapd with its libraries.
	usr := filepath.Join(s.root, "usr")
	s.must(errors.Join(os.Symlink("usr/lib", s.root+"/lib"), os.Symlink("usr/lib", s.root+"/lib64"), os.Symlink("/usr/bin/busybox", s.root+"/bin/busybox")))
	s.must(unix.Mount("/usr", usr, "", unix.MS_BIND, ""))
	t.Cleanup(func() { s.must(unix.Unmount(usr, unix.MNT_DETACH)) })
	for _, dir := range []string{"bin", "sbin"} {
		run(t, "busybox", "chroot", s.root, "/bin/busybox", "--install", "-s", "/"+dir)
	}
	s.write("etc/inittab", inittab, 0o644)
	s.write("etc/init.d/rcS", rcS, 0o755)
	s.write("etc/init.d/rcK", rcK, 0o755)
	s.install("package/tetherd/S80tetherd", "etc/init.d/S80tetherd", 0o755)
	s.install("package/tetherd/tetherd.config", "etc/config/tetherd", 0o600)
	s.init = exec.Command("/sbin/init")
	s.init.SysProcAttr = &syscall.SysProcAttr{Chroot: s.root, Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}
	s.init.Env = []string{"PATH=/sbin:/bin:/usr/sbin:/usr/bin"}
	s.must(s.init.Start())
	t.Cleanup(s.stop)
	return s
}

func (s *system) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *system) write(name, text string, mode fs.FileMode) {
	s.t.Helper()
	s.must(os.WriteFile(filepath.Join(s.root, name), []byte(text), mode))
}

// install takes a file of the package.
func (s *system) install(from, to string, mode fs.FileMode) {
	s.t.Helper()
	text, err := buildroot.Files.ReadFile(from)
	s.must(err)
	s.write(to, string(text), mode)
}

// stop kills what is left, and shows the log when the test failed.
func (s *system) stop() {
	if s.t.Failed() {
		processes, _ := command("busybox", "ps") // what it says is all there is
		s.t.Logf("processes:\n%s", processes)
	}
	_ = s.init.Process.Kill() // it may have ended
	_ = s.init.Wait()         // it was killed
	if s.t.Failed() {
		log, _ := os.ReadFile(filepath.Join(s.root, "var/log/messages")) // it may not have begun
		s.t.Logf("the log:\n%s", log[max(0, len(log)-8000):])
	}
}

// look is the document of the tetherd that runs in it.
func (s *system) look() (d api.Document, err error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	err = api.Follow(ctx, filepath.Join(s.root, "var/run/tetherd/tetherd.sock"), true, func(got api.Document) bool { d = got; return false })
	return d, err
}

// online waits until a tetherd that is not that process has proved that clients have
// Internet.
func (s *system) online(but int) api.Document {
	s.t.Helper()
	var d api.Document
	eventually(s.t, fmt.Sprintf("online, not by process %d", but), func() (err error) {
		d, err = s.look()
		if err == nil && (!d.Online || d.Process.PID == but) {
			err = fmt.Errorf("process %d: %s", d.Process.PID, d.Sentence)
		}
		return err
	})
	return d
}

// inside runs a command of the system, in its namespaces.
func (s *system) inside(args ...string) string {
	s.t.Helper()
	return run(s.t, "nsenter", append([]string{"-t", strconv.Itoa(s.init.Process.Pid), "-p", "-m", "-r"}, args...)...)
}

// person is somebody with the gateway's page on a station.
type person struct {
	*station
	page string // where it is
}

// ask uses a verb as the page does, and reads the answer into one, if there is one. The
// name of the page is known by then: the machine is slow, and what is asked for is not
// asked for again.
func (p *person) ask(verb, args string, answer any) error {
	jar := p.dir + "/cookies"
	out, err := p.ns.Output("curl", "-sS", "--fail-with-body", "--max-time", "120", "--resolve", "tetherd.lan:8080:192.168.97.1", "-b", jar, "-c", jar,
		"-H", "Content-Type: application/json", "-H", "Sec-Fetch-Site: same-origin", "-d", args, p.page+"/v1/"+verb)
	if err != nil {
		return fmt.Errorf("%s: %w: %s", verb, err, out)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal([]byte(out), answer)
}

func (p *person) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// TestInstalledSystem: in a root file system with busybox init, what the package
// installs brings the SIM online, comes back when it is killed, lets a person set it up
// by Wi-Fi, and leaves nothing when the system is powered off.
func TestInstalledSystem(t *testing.T) {
	w := newWorld(t)
	newRadios(t, 2)
	phone := newStation(t, "wlan1")
	w.plug()
	s := newSystem(t)
	first := s.online(0).Process.PID
	s.inside("/bin/kill", "-9", strconv.Itoa(first))
	d := s.online(first)
	eventually(t, "the same by the command", func() error {
		if out := s.inside("/usr/bin/tetherd", "status"); !strings.Contains(out, "Clients have Internet") {
			return fmt.Errorf("process %d says\n%s", d.Process.PID, out)
		}
		return nil
	})
	s.setUp(&person{phone, "http://tetherd.lan:8080"})
	s.powerOff()
}

// setUp is a person's first evening: join with what the label says, choose a password,
// set how many may join.
func (s *system) setUp(p *person) {
	s.t.Helper()
	var label api.Access
	eventually(s.t, "a network of its own", func() error {
		if err := json.Unmarshal([]byte(s.inside("/usr/bin/tetherd", "wifi", "--json")), &label); err != nil {
			return err
		}
		if len(label.Networks) == 0 {
			return errors.New(label.Why)
		}
		return nil
	})
	p.join(label.Networks[0].SSID, label.Networks[0].Passphrase, byWPA2)
	p.lease()
	p.fetch()
	eventually(s.t, "the gateway's page", func() error {
		page, err := p.ns.Output("curl", "-sS", "--fail", "--max-time", "20", p.page+"/")
		if err == nil && !strings.Contains(page, "<title>") {
			err = fmt.Errorf("%.200s", page)
		}
		return err
	})
	p.must(p.ask("password", `{"new":"a password of mine"}`, nil))
	p.must(p.ask("login", `{"password":"a password of mine"}`, nil))
	eventually(s.t, "the change kept", func() error { return s.changed(p) })
	p.fetch()
	text, err := os.ReadFile(filepath.Join(s.root, "etc/config/tetherd"))
	if err != nil || !strings.Contains(string(text), "option max_clients '5'") {
		s.t.Errorf("the change is not in the file: %v\n%s", err, text)
	}
}

// changed makes a change of the settings from the station, and confirms it. A slow
// machine may not prove in time that clients have Internet, and undoes it.
func (s *system) changed(p *person) error {
	d, err := s.look()
	switch {
	case err != nil:
		return err
	case d.Trial != nil:
		return errors.Join(errors.New("on trial"), p.ask("config/confirm", `{}`, nil))
	case d.LastChange != nil && d.LastChange.Kept:
		return nil
	}
	var change api.Change
	err = p.ask("config/set", `{"changes":["sharing.max_clients=5"]}`, &change)
	if err == nil && change.Trial == nil {
		s.t.Fatalf("no trial: %+v", change)
	}
	return errors.Join(fmt.Errorf("begun, before that %+v", d.LastChange), err)
}

// powerOff has the system stop in order.
func (s *system) powerOff() {
	s.t.Helper()
	s.inside("/bin/kill", "-USR2", "1")
	ended := make(chan error, 1)
	go func() { ended <- s.init.Wait() }()
	eventually(s.t, "powered off", func() error {
		select {
		case <-ended:
			return nil
		default:
			return errors.New("init goes on")
		}
	})
	for _, trace := range []string{"br-tether", "tprobe0"} {
		if _, err := os.Stat("/sys/class/net/" + trace); err == nil {
			s.t.Errorf("%s is left", trace)
		}
	}
	if tables := run(s.t, "nft", "list", "tables"); strings.Contains(tables, "tetherd") {
		s.t.Errorf("left are %s", tables)
	}
}
