package modem

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// makeModem lays out a USB modem in a made-up sysfs, as cdc_mbim does.
func makeModem(t testing.TB, root, usb, control, netdev string) {
	t.Helper()
	device := filepath.Join(root, "sys/devices/pci0/usb1", usb)
	iface := filepath.Join(device, usb+":1.0")
	for _, dir := range []string{filepath.Join(iface, "net", netdev), filepath.Join(iface, "usbmisc", control),
		filepath.Join(root, "sys/class/usbmisc"), filepath.Join(root, "sys/bus/usb/drivers/cdc_mbim"), filepath.Join(root, "dev")} {
		must(t, os.MkdirAll(dir, 0o755))
	}
	node := filepath.Join(iface, "usbmisc", control)
	must(t, os.Symlink("../../../"+usb+":1.0", filepath.Join(node, "device")))
	must(t, os.Symlink("../../../../../bus/usb/drivers/cdc_mbim", filepath.Join(iface, "driver")))
	link, err := filepath.Rel(filepath.Join(root, "sys/class/usbmisc"), node)
	must(t, err)
	must(t, os.Symlink(link, filepath.Join(root, "sys/class/usbmisc", control)))
	must(t, os.WriteFile(filepath.Join(device, "manufacturer"), []byte("ACME\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(device, "product"), []byte("Mobile Broadband\n"), 0o644))
}

func removeModem(t testing.TB, root, usb, control string) {
	t.Helper()
	must(t, os.Remove(filepath.Join(root, "sys/class/usbmisc", control)))
	must(t, os.RemoveAll(filepath.Join(root, "sys/devices/pci0/usb1", usb)))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestModemsAreFoundInSysfs(t *testing.T) {
	root := t.TempDir()
	makeModem(t, root, "1-2", "cdc-wdm0", "wwan0")
	makeModem(t, root, "1-1.4", "cdc-wdm1", "wwan1")
	got := discover(root)
	if len(got) != 2 {
		t.Fatalf("found %+v", got)
	}
	want := node{Device: Device{Path: "/sys/devices/pci0/usb1/1-1.4", Control: filepath.Join(root, "dev/cdc-wdm1"),
		Interface: "wwan1", Driver: "cdc_mbim", Model: "ACME Mobile Broadband"}, name: "cdc-wdm1", protocol: "mbim", target: filepath.Join(root, "dev/cdc-wdm1")}
	if got[0] != want {
		t.Errorf("first %+v, want %+v", got[0], want)
	}
	if got[1].name != "cdc-wdm0" {
		t.Errorf("second %+v", got[1])
	}
}

// TestProgramThatHasTheModemIsNamed: whoever else has the control node open, by whatever
// path, is seen at the next look, and so is that it has gone.
func TestProgramThatHasTheModemIsNamed(t *testing.T) {
	root := t.TempDir()
	makeModem(t, root, "1-1", "cdc-wdm0", "wwan0")
	real := filepath.Join(root, "terminal")
	file, err := os.Create(real)
	must(t, err)
	must(t, os.Symlink(real, filepath.Join(root, "dev/cdc-wdm0")))
	cmd := exec.Command("cat")
	cmd.ExtraFiles = []*os.File{file}
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	must(t, file.Close())
	r := &runner{Driver: New(Options{Root: root}), ctx: t.Context(), changed: func() {}, timer: stoppedTimer(), look: stoppedTimer(), pause: lookHeard}
	holds := func(want string) {
		t.Helper()
		r.discover()
		if len(r.nodes) != 1 || r.nodes[0].Holder != want {
			t.Errorf("%+v, want the holder %q", r.nodes, want)
		}
	}
	holds(fmt.Sprintf("cat (process %d)", cmd.Process.Pid))
	must(t, in.Close())
	must(t, cmd.Wait())
	holds("")
}

func TestModemOfAnotherDriverIsFoundAndNotSpokenTo(t *testing.T) {
	root := t.TempDir()
	makeModem(t, root, "1-1", "cdc-wdm0", "wwan0")
	link := filepath.Join(root, "sys/devices/pci0/usb1/1-1/1-1:1.0/driver")
	must(t, os.Remove(link))
	must(t, os.Symlink("../../../../../bus/usb/drivers/qmi_wwan", link))
	if got := discover(root); len(got) != 1 || got[0].Driver != "qmi_wwan" || got[0].protocol != "" {
		t.Errorf("found %+v", got)
	}
}

func TestPortsOfTheWWANSubsystemAreFound(t *testing.T) {
	root := t.TempDir()
	for port, kind := range map[string]string{"wwan0mbim0": "MBIM", "wwan0at0": "AT"} {
		dir := filepath.Join(root, "sys/devices/pci0/wwan/wwan0", port)
		must(t, os.MkdirAll(dir, 0o755))
		must(t, os.MkdirAll(filepath.Join(root, "sys/class/wwan"), 0o755))
		must(t, os.MkdirAll(filepath.Join(root, "sys/devices/pci0/wwan/wwan0/net/wwan0"), 0o755))
		must(t, os.Symlink("../../wwan0", filepath.Join(dir, "device")))
		must(t, os.WriteFile(filepath.Join(dir, "type"), []byte(kind+"\n"), 0o644))
		must(t, os.Symlink("../../devices/pci0/wwan/wwan0/"+port, filepath.Join(root, "sys/class/wwan", port)))
	}
	got := discover(root)
	if len(got) != 1 || got[0].name != "wwan0mbim0" || got[0].Interface != "wwan0" || got[0].protocol != "mbim" {
		t.Errorf("found %+v", got)
	}
}

func TestNothingIsFoundWhereNothingIs(t *testing.T) {
	root := t.TempDir()
	if got := discover(root); len(got) != 0 {
		t.Errorf("found %+v", got)
	}
	must(t, os.MkdirAll(filepath.Join(root, "sys/class/usbmisc"), 0o755))
	must(t, os.Symlink("../../devices/gone", filepath.Join(root, "sys/class/usbmisc/cdc-wdm0")))
	if got := discover(root); len(got) != 0 {
		t.Errorf("found %+v behind a dangling link", got)
	}
}

func TestModemsBeyondReasonAreLeftOut(t *testing.T) {
	root := t.TempDir()
	for i := range byte(20) {
		name := string(rune('a' + i))
		makeModem(t, root, "1-"+name, "cdc-wdm"+name, "wwan"+name)
	}
	if got := discover(root); len(got) != maxNodes {
		t.Errorf("%d found", len(got))
	}
}

func TestDeviceIsNamedInAnyWay(t *testing.T) {
	n := testNode("0")
	for _, name := range []string{"", "1-0", "cdc-wdm0", "/dev/cdc-wdm0", "/sys/devices/usb1/1-0"} {
		if !n.matches(name) {
			t.Errorf("%q does not match", name)
		}
	}
	for _, name := range []string{"1-00", "cdc-wdm1", "wwan", "/"} {
		if n.matches(name) {
			t.Errorf("%q matches", name)
		}
	}
}

func TestAttributesAreBounded(t *testing.T) {
	root := t.TempDir()
	makeModem(t, root, "1-1", "cdc-wdm0", "wwan0")
	must(t, os.WriteFile(filepath.Join(root, "sys/devices/pci0/usb1/1-1/product"), make([]byte, 1<<20), 0o644))
	must(t, os.WriteFile(filepath.Join(root, "sys/devices/pci0/usb1/1-1/descriptors"), make([]byte, 1<<20), 0o644))
	n := discover(root)[0]
	if len(n.Model) > maxAttribute+len("ACME ") || len(descriptors(root, n)) != maxDescriptors {
		t.Errorf("model of %d bytes, descriptors of %d", len(n.Model), len(descriptors(root, n)))
	}
}
