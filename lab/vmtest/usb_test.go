//go:build vm

package vmtest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestKernelBindsTheModem: the kernel's own driver takes the simulated modem, and a
// foreign program reads from it through the kernel what it was made with.
func TestKernelBindsTheModem(t *testing.T) {
	w := newWorld(t)
	w.plug()
	w.appear()
	driver, err := filepath.EvalSymlinks("/sys/class/net/wwan0/device/driver")
	if err != nil || filepath.Base(driver) != "cdc_mbim" {
		t.Errorf("driver %s, %v", driver, err)
	}
	for _, ask := range []struct{ question, answer string }{
		{"--query-device-caps", w.device.IMEI},
		{"--query-subscriber-ready-status", "262010000012345"},
		{"--query-registration-state", "Lab Mobile"},
		{"--query-signal-state", "RSSI"},
	} {
		if out := run(t, "mbimcli", "-d", "/dev/cdc-wdm0", ask.question); !strings.Contains(out, ask.answer) {
			t.Errorf("mbimcli %s does not say %q:\n%s", ask.question, ask.answer, out)
		}
	}
}

// TestUnplugWakesTheReader: whoever waits at the control node learns of the unplug at
// once, as the modem part relies on.
func TestUnplugWakesTheReader(t *testing.T) {
	w := newWorld(t)
	w.plug()
	w.appear()
	node, err := os.OpenFile("/dev/cdc-wdm0", os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := node.Read(make([]byte, 4096))
		ended <- err
	}()
	w.unplug()
	if err := <-ended; !errors.Is(err, unix.ENODEV) {
		t.Errorf("the reader gets %v, want ENODEV", err)
	}
	eventually(t, "control node gone", gone("/dev/cdc-wdm0"))
	eventually(t, "network interface gone", gone("/sys/class/net/wwan0"))
}

// TestClientOnlineThroughUSB: a client on a wire loads a page through NAT, the
// kernel's driver and the modem; it does so again after the modem was pulled out and
// put back.
func TestClientOnlineThroughUSB(t *testing.T) {
	w := newWorld(t)
	g := newGateway(t)
	w.plug()
	g.online()
	g.lease()
	g.fetch()
	t.Logf("flow tables:\n%s", run(t, "nft", "list", "flowtables"))

	w.unplug()
	g.offline()
	w.plug()
	g.online()
	g.fetch()
}
