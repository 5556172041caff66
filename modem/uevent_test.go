package modem

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/tetherd/tetherd/lab/nstest"
	"golang.org/x/sys/unix"
)

const plugged = "add@/devices/pci0/usb1/1-1/1-1:1.0/usbmisc/cdc-wdm0\x00ACTION=add\x00" +
	"DEVPATH=/devices/pci0/usb1/1-1/1-1:1.0/usbmisc/cdc-wdm0\x00SUBSYSTEM=usbmisc\x00MAJOR=180\x00" +
	"DEVNAME=cdc-wdm0\x00SEQNUM=4711\x00"

func TestUeventOfTheKernelIsRead(t *testing.T) {
	e, ok := parseUevent([]byte(plugged))
	want := uevent{action: "add", path: "/devices/pci0/usb1/1-1/1-1:1.0/usbmisc/cdc-wdm0", subsystem: "usbmisc"}
	if !ok || e != want || !e.matters() {
		t.Errorf("read %+v, %t", e, ok)
	}
}

func TestWhatIsNoUeventIsRefused(t *testing.T) {
	for name, message := range map[string]string{
		"empty":               "",
		"of udev":             "libudev\x00\xfe\xed\xca\xfe\x28\x00\x00\x00",
		"without end":         "add@/devices/x",
		"without action":      "@/devices/x\x00",
		"without path":        "add@\x00SUBSYSTEM=usb\x00",
		"with relative path":  "add@devices/x\x00",
		"longer than allowed": "add@/x\x00" + strings.Repeat("A", maxUevent),
	} {
		if e, ok := parseUevent([]byte(message)); ok {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestOnlyDeviceEventsOfModemsMatter(t *testing.T) {
	for _, c := range []struct {
		action, subsystem string
		want              bool
	}{
		{"add", "usbmisc", true}, {"remove", "usbmisc", true}, {"add", "net", true}, {"add", "wwan", true},
		{"bind", "usb", true}, {"remove", "usb", true}, {"change", "net", false}, {"add", "usb", false},
		{"add", "block", false}, {"change", "power_supply", false}, {"add", "", false},
	} {
		if got := (uevent{action: c.action, subsystem: c.subsystem}).matters(); got != c.want {
			t.Errorf("%s %s: %t", c.action, c.subsystem, got)
		}
	}
}

func FuzzParseUevent(f *testing.F) {
	f.Add([]byte(plugged))
	f.Add([]byte("add@/x\x00SUBSYSTEM="))
	f.Add([]byte("@\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, ok := parseUevent(b)
		if ok && (e.action == "" || !strings.HasPrefix(e.path, "/")) {
			t.Errorf("read %+v", e)
		}
	})
}

// TestUeventsAreHeardFromTheKernelAlone works in a network namespace of its own. A
// message sent to the kernel is broadcast by it; one sent to the group is not the
// kernel's.
func TestUeventsAreHeardFromTheKernelAlone(t *testing.T) {
	nstest.Enter(t)
	u, err := listenUevents()
	if err != nil {
		t.Fatal(err)
	}
	sender, err := netlink.Dial(unix.NETLINK_KOBJECT_UEVENT, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	pokes := make(chan struct{}, 8)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- u.run(ctx, func() { pokes <- struct{}{} }) }()

	broadcast(t, sender, plugged)
	if _, err := sender.Send(netlink.Message{Header: netlink.Header{Type: 0x10, Flags: netlink.Request}, Data: []byte(plugged)}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-pokes:
	case <-time.After(5 * time.Second):
		t.Fatal("not heard")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := len(pokes); n != 0 {
		t.Errorf("%d pokes by others than the kernel", n)
	}
}

// broadcast sends a message to the listeners without the kernel's doing.
func broadcast(t *testing.T, c *netlink.Conn, message string) {
	t.Helper()
	raw, err := c.SyscallConn()
	must(t, err)
	var sent error
	must(t, raw.Write(func(fd uintptr) bool {
		sent = unix.Sendto(int(fd), []byte(message), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1})
		return true
	}))
	must(t, sent)
}

func TestWatchEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if !watchUevents(ctx, slog.New(slog.DiscardHandler), func() {}) {
		t.Error("ended by a failure")
	}
}
