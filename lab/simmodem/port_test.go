package simmodem

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPortLetsGoOfTheModemAndTakesItAgain: without authorization a device keeps its folder
// and nothing else, and comes back with it, as from the kernel.
func TestPortLetsGoOfTheModemAndTakesItAgain(t *testing.T) {
	ns, root := newNetns(t), t.TempDir()
	next := listenUevents(t, ns)
	m, _ := testModem(t, func(o *Options) { o.Device.ResetTime = 1 })
	p, err := m.Plug(Slot{Root: root, Netns: ns.FD()})
	if err != nil {
		t.Fatal(err)
	}
	port := filepath.Join(p.Device(), "authorized")
	await := func(prefix string) {
		t.Helper()
		for !strings.HasPrefix(nextUevent(t, next), prefix) {
		}
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(port, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const usb = "@/devices/platform/lab-usb/usb1/1-1\x00"
	await("add@/devices/platform/lab-usb/usb1/1-1/1-1:1.0/net/")
	m.Wedge(CureReset)
	for range 2 {
		write("0")
		await("remove" + usb)
		if _, err := os.Stat(p.Node()); err == nil {
			t.Error("the control node stays")
		}
		write("1")
		await("add@/devices/platform/lab-usb/usb1/1-1/1-1:1.0/net/")
		if _, err := os.Stat(p.Node()); err != nil {
			t.Error(err)
		}
		if m.stuck() {
			t.Error("a modem without power stays as it was")
		}
	}
	write("0")
	await("remove" + usb)
	if err := p.Unplug(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(p.Device()); err == nil {
		t.Error("an unplugged device leaves its folder")
	}
}

// TestWedgedModemNeedsItsCure: each deed does what the lighter ones do, and no more.
func TestWedgedModemNeedsItsCure(t *testing.T) {
	for needed := CureDetach; needed <= CureReset; needed++ {
		for deed := CureDetach; deed <= CureReset; deed++ {
			m, _ := testModem(t, nil)
			m.Wedge(needed)
			m.cure(deed)
			if m.stuck() != (deed < needed) {
				t.Errorf("needs %d, gets %d: stuck is %v", needed, deed, m.stuck())
			}
		}
	}
}
