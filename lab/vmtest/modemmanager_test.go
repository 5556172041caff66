//go:build vm

package vmtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/board"
)

// busConfig is a message bus of its own for the judge: everybody may do everything.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/>
<allow send_requested_reply="true"/><allow receive_type="method_call"/><allow receive_type="signal"/><allow receive_requested_reply="true"/></policy></busconfig>
`

// manager is a running ModemManager.
type manager struct {
	t   *testing.T
	dir string
	env []string
}

// newManager starts ModemManager with what it needs: a bus, and somebody who says that
// root may. There is no udev here: it is told of devices.
func newManager(t *testing.T) *manager {
	t.Helper()
	m := &manager{t: t, dir: t.TempDir()}
	// polkitd gives up being root first: it must reach the bus all the same, and find
	// the folders of those who are logged in, though nobody is.
	open, err := os.MkdirTemp("/run", "bus-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(open) })
	for _, d := range []string{open, "/run/systemd/seats", "/run/systemd/sessions", "/run/systemd/users", "/run/systemd/machines"} {
		if err := errors.Join(os.MkdirAll(d, 0o755), os.Chmod(d, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	bus := open + "/bus"
	m.env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS=unix:path="+bus)
	if err := os.WriteFile(m.dir+"/bus.conf", fmt.Appendf(nil, busConfig, bus), 0o644); err != nil {
		t.Fatal(err)
	}
	m.start("dbus-daemon", "--nofork", "--nopidfile", "--config-file="+m.dir+"/bus.conf")
	eventually(t, "bus", exists(bus))
	m.start("/usr/lib/polkit-1/polkitd")
	eventually(t, "polkitd on the bus", func() error { return m.owned("org.freedesktop.PolicyKit1") })
	m.start("ModemManager", "--test-no-udev", "--no-auto-scan", "--debug", "--log-file="+m.dir+"/ModemManager.log")
	eventually(t, "ModemManager answers", func() error {
		_, err := m.ask("-L")
		return err
	})
	return m
}

// start starts a program that ends with the test.
func (m *manager) start(name string, args ...string) {
	m.t.Helper()
	log, err := os.Create(filepath.Join(m.dir, filepath.Base(name)+".out"))
	if err != nil {
		m.t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = m.env, log, log
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		_ = cmd.Process.Signal(unix.SIGTERM)
		_ = cmd.Wait()
		log.Close()
		if m.t.Failed() {
			for _, file := range []string{log.Name(), strings.TrimSuffix(log.Name(), "out") + "log"} {
				text, _ := os.ReadFile(file)
				m.t.Logf("%s:\n%s", filepath.Base(file), text[max(0, len(text)-5000):])
			}
		}
	})
}

// owned asks the bus whether somebody has a name.
func (m *manager) owned(name string) error {
	cmd := exec.Command("dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.GetNameOwner", "string:"+name)
	cmd.Env = m.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// ask runs mmcli.
func (m *manager) ask(args ...string) (string, error) {
	cmd := exec.Command("mmcli", args...)
	cmd.Env = m.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("mmcli %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// TestModemManagerConnects: a foreign manager of modems, which knows a hundred real
// ones, takes the simulated one, finds SIM and network, and connects through it.
func TestModemManagerConnects(t *testing.T) {
	w := newWorld(t)
	w.plug()
	w.appear()
	m := newManager(t)
	for _, event := range []string{"action=add,subsystem=net,name=wwan0", "action=add,subsystem=usbmisc,name=cdc-wdm0"} {
		eventually(t, "event taken", func() error { // once root is known to be allowed to
			_, err := m.ask("--report-kernel-event=" + event)
			return err
		})
	}
	var modem string
	eventually(t, "modem taken", func() error {
		out, err := m.ask("-L")
		if found := regexp.MustCompile(`/Modem/(\d+)`).FindStringSubmatch(out); found != nil {
			modem = found[1]
			return nil
		}
		return fmt.Errorf("%s %v", out, err)
	})
	eventually(t, "connected", func() error {
		_, err := m.ask("-m", modem, "--simple-connect=apn=internet.telekom,ip-type=ipv4")
		return err
	})
	out, err := m.ask("-m", modem)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{board.Device().IMEI, "Lab Mobile", "connected", "26201"} {
		if !strings.Contains(out, want) {
			t.Errorf("mmcli does not say %q:\n%s", want, out)
		}
	}
	bearer := regexp.MustCompile(`Bearer +[|] +paths: \S*/Bearer/(\d+)`).FindStringSubmatch(out)
	if bearer == nil {
		t.Fatalf("no bearer: %s", out)
	}
	out, err = m.ask("-b", bearer[1])
	address := regexp.MustCompile(`address: (100\.64\.\d+\.\d+)`).FindStringSubmatch(out)
	if err != nil || address == nil {
		t.Fatalf("no address: %s %v", out, err)
	}
	prefix := regexp.MustCompile(`prefix: (\d+)`).FindStringSubmatch(out)
	run(t, "ip", "addr", "add", address[1]+"/"+prefix[1], "dev", "wwan0")
	run(t, "ip", "link", "set", "wwan0", "up")
	run(t, "ip", "route", "add", "203.0.113.0/24", "dev", "wwan0")
	defer run(t, "ip", "addr", "flush", "dev", "wwan0")
	eventually(t, "page", func() error {
		_, err := command("curl", "-sS", "--fail", "--max-time", "10", "http://203.0.113.80/")
		return err
	})
}
