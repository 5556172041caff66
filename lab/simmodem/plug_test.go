package simmodem

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/netns"
	"github.com/tetherd/tetherd/modem/mbim"
)

func newNetns(t *testing.T) *netns.NS {
	t.Helper()
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

// listenUevents opens a socket as udev and the gateway do.
func listenUevents(t *testing.T, ns *netns.NS) func() (text string, from *unix.SockaddrNetlink) {
	t.Helper()
	fd := -1
	err := ns.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
		if err != nil {
			return err
		}
		timeout := unix.NsecToTimeval(int64(10 * time.Second))
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return func() (string, *unix.SockaddrNetlink) {
		t.Helper()
		buf := make([]byte, 8192)
		n, from, err := unix.Recvfrom(fd, buf, 0)
		for errors.Is(err, unix.EINTR) { // a socket with a time-out is not asked again by itself
			n, from, err = unix.Recvfrom(fd, buf, 0)
		}
		if err != nil {
			t.Fatalf("no uevent: %v", err)
		}
		return string(buf[:n]), from.(*unix.SockaddrNetlink)
	}
}

// nextUevent skips what the kernel tells of the TUN itself.
func nextUevent(t *testing.T, next func() (string, *unix.SockaddrNetlink)) string {
	t.Helper()
	for {
		text, from := next()
		if strings.Contains(text, "/devices/virtual/") {
			continue
		}
		if from.Pid != 0 || from.Groups != 1 {
			t.Errorf("the uevent comes from port %d, groups %d: not like the kernel's", from.Pid, from.Groups)
		}
		return text
	}
}

func TestPluggedModemLooksLikeARealOne(t *testing.T) {
	ns, root := newNetns(t), t.TempDir()
	next := listenUevents(t, ns)
	m, _ := testModem(t, nil)
	p, err := m.Plug(Slot{Root: root, Netns: ns.FD(), Port: "1-1.2"})
	if err != nil {
		t.Fatal(err)
	}
	const usb = "/devices/platform/lab-usb/usb1/1-1/1-1.2"
	for _, want := range []string{
		"add@" + usb + "\x00ACTION=add\x00DEVPATH=" + usb + "\x00SUBSYSTEM=usb\x00DEVTYPE=usb_device\x00",
		"add@" + usb + "/1-1.2:1.0\x00",
		"add@" + usb + "/1-1.2:1.1\x00",
		"add@" + usb + "/1-1.2:1.0/usbmisc/cdc-wdm0\x00ACTION=add\x00DEVPATH=" + usb +
			"/1-1.2:1.0/usbmisc/cdc-wdm0\x00SUBSYSTEM=usbmisc\x00MAJOR=180\x00MINOR=176\x00DEVNAME=cdc-wdm0\x00SEQNUM=",
		"add@" + usb + "/1-1.2:1.0/net/wwan0\x00",
	} {
		if got := nextUevent(t, next); !strings.HasPrefix(got, want) {
			t.Errorf("uevent:\n got %q\nwant %q...", got, want)
		}
	}
	for path, want := range map[string]string{
		"/sys/class/usbmisc/cdc-wdm0":        usb + "/1-1.2:1.0/usbmisc/cdc-wdm0",
		"/sys/class/usbmisc/cdc-wdm0/device": usb + "/1-1.2:1.0",
		"/sys/class/net/wwan0/device":        usb + "/1-1.2:1.0",
		"/sys/bus/usb/devices/1-1.2":         usb,
	} {
		if got, err := filepath.EvalSymlinks(root + path); err != nil || got != root+"/sys"+want {
			t.Errorf("%s leads to %s, %v; want %s", path, got, err, want)
		}
	}
	device := root + "/sys/class/usbmisc/cdc-wdm0/device/"
	if driver, err := filepath.EvalSymlinks(device + "driver"); err != nil || filepath.Base(driver) != "cdc_mbim" {
		t.Errorf("driver %s, %v", driver, err)
	}
	if product, err := os.ReadFile(p.Device() + "/product"); err != nil || string(product) != "Simulated One\n" {
		t.Errorf("product %q, %v", product, err)
	}
	if entries, err := os.ReadDir(device + "net"); err != nil || len(entries) != 1 || entries[0].Name() != "wwan0" {
		t.Errorf("network interfaces: %v, %v", entries, err)
	}
	blob, _ := os.ReadFile(p.Device() + "/descriptors")
	if n, ok := mbim.ParseDescriptors(blob); !ok || n != 4096 {
		t.Errorf("descriptors: %d, %v", n, ok)
	}
	if err := ns.Run("ip", "link", "show", "dev", "wwan0"); err != nil {
		t.Error(err)
	}
	conn, err := net.Dial("unixpacket", p.Node())
	if err != nil {
		t.Fatal(err)
	}
	hostOn(t, conn).open()

	if err := p.Unplug(); err != nil {
		t.Fatal(err)
	}
	if got := nextUevent(t, next); !strings.HasPrefix(got, "remove@"+usb+"/1-1.2:1.0/net/wwan0\x00") {
		t.Errorf("first uevent of unplugging: %q", got)
	}
	if left := filesBelow(t, root); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := ns.Run("ip", "link", "show", "dev", "wwan0"); err == nil {
		t.Error("the network interface is still there")
	}
}

// filesBelow lists everything that is no folder.
func filesBelow(t *testing.T, root string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestModemComesBackUnderAnotherName(t *testing.T) {
	ns, root := newNetns(t), t.TempDir()
	m, _ := testModem(t, func(o *Options) { o.SIM.PIN.Enabled = true })
	first, err := m.Plug(Slot{Root: root, Netns: ns.FD(), PTY: true})
	if err != nil {
		t.Fatal(err)
	}
	j := judge{t, first.Node()}
	j.says("--enter-pin=1234", "PIN state: unlocked")
	j.says("--no-close --connect=apn=internet", "Activation state: activated")
	if err := first.Unplug(); err != nil {
		t.Fatal(err)
	}
	second, err := m.Plug(Slot{Root: root, Netns: ns.FD(), Port: "1-2", Node: "cdc-wdm1", Interface: "wwan1", PTY: true})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Unplug()
	judge{t, second.Node()}.says("--query-pin-state", "PIN state: locked")
	if s := m.Status(); len(s.Sessions) != 0 {
		t.Errorf("sessions outlived the power: %+v", s.Sessions)
	}
}

func TestHostResetsTheModem(t *testing.T) {
	ns, root := newNetns(t), t.TempDir()
	next := listenUevents(t, ns)
	m, _ := testModem(t, func(o *Options) { o.Device.ResetTime = time.Millisecond })
	p, err := m.Plug(Slot{Root: root, Netns: ns.FD()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Unplug()
	conn, err := net.Dial("unixpacket", p.Node())
	if err != nil {
		t.Fatal(err)
	}
	h := hostOn(t, conn)
	h.open()
	h.post(mbim.Message{Type: mbim.TypeCommand, Service: mbim.ServiceMSExtensions, CID: mbim.CIDMSDeviceReset, Set: true})
	for range h.messages { // ends when the modem goes
	}
	var actions []string
	for len(actions) < 15 {
		action, _, _ := strings.Cut(nextUevent(t, next), "@")
		actions = append(actions, action)
	}
	want := slices.Repeat([]string{"add"}, 5)
	want = append(append(want, slices.Repeat([]string{"remove"}, 5)...), slices.Repeat([]string{"add"}, 5)...)
	if !slices.Equal(actions, want) {
		t.Errorf("uevents %v", actions)
	}
}

func TestUnpluggedDuringResetStaysAway(t *testing.T) {
	ns, root := newNetns(t), t.TempDir()
	m, _ := testModem(t, nil)
	p, err := m.Plug(Slot{Root: root, Netns: ns.FD()})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Reset(time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := p.Unplug(); err != nil {
		t.Fatal(err)
	}
	if err := p.Reset(0); err != nil {
		t.Fatal(err)
	}
	if left := filesBelow(t, root); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestTwoModemsShareAMachine(t *testing.T) {
	ns, root := newNetns(t), t.TempDir()
	one, _ := testModem(t, nil)
	two, _ := testModem(t, nil)
	first, err := one.Plug(Slot{Root: root, Netns: ns.FD()})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Unplug()
	if _, err := two.Plug(Slot{Root: root, Netns: ns.FD(), Port: "1-2", Node: "cdc-wdm1"}); err == nil {
		t.Fatal("two interfaces have the same name")
	}
	second, err := two.Plug(Slot{Root: root, Netns: ns.FD(), Port: "1-2", Node: "cdc-wdm1", Interface: "wwan1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Unplug(); err != nil {
		t.Fatal(err)
	}
	if _, err := filepath.EvalSymlinks(root + "/sys/class/usbmisc/cdc-wdm0/device/driver"); err != nil {
		t.Errorf("the first modem was harmed: %v", err)
	}
}
