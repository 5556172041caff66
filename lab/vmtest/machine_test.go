//go:build vm

package vmtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/netns"
	"github.com/tetherd/tetherd/lab/operator"
	"github.com/tetherd/tetherd/lab/simmodem"
	"github.com/tetherd/tetherd/lab/usbip"
)

// limit bounds every wait. It is generous: an emulated machine on a busy host may be
// fifty times slower than a real one.
const limit = 2 * time.Minute

// eventually waits until ok says nil.
func eventually(t *testing.T, what string, ok func() error) {
	t.Helper()
	const look = 20 * time.Millisecond
	begun := time.Now()
	for {
		err := ok()
		if err == nil {
			t.Logf("%s after %v", what, time.Since(begun).Round(10*time.Millisecond))
			return
		}
		if time.Since(begun) > limit {
			t.Fatalf("%s: not within %v: %v", what, limit, err)
		}
		<-time.After(look) // neither sysfs nor the kernel's tables can be waited on
	}
}

// exists asks for a file.
func exists(path string) func() error {
	return func() error {
		_, err := os.Stat(path)
		return err
	}
}

// gone asks for a file to be away.
func gone(path string) func() error {
	return func() error {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s is there", path)
		}
		return nil
	}
}

// run runs a command in the machine's own namespace and returns what it printed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := command(name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func command(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return string(out), err
}

// quietKernel fails the test when the kernel complains during it.
func quietKernel(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile("/dev/kmsg", os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Seek(0, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer log.Close()
		fd := int(log.Fd())
		record := make([]byte, 8192)
		for {
			n, err := unix.Read(fd, record)
			if err != nil {
				return // the end of the log
			}
			for _, sign := range []string{"WARNING:", "BUG:", "Call Trace", "Oops", "refcount"} {
				if strings.Contains(string(record[:n]), sign) {
					t.Errorf("the kernel says %s", record[:n])
				}
			}
		}
	})
}

// world is the operator and the modem; gateway is the machine itself.
type world struct {
	t        *testing.T
	operator *operator.Operator
	device   simmodem.Device
	modem    *simmodem.Modem
	plugged  *usbip.Plugged
}

// newWorld makes an operator in a namespace of its own and loads the drivers.
func newWorld(t *testing.T) *world {
	t.Helper()
	quietKernel(t)
	run(t, "modprobe", "-a", "vhci_hcd", "cdc_mbim")
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	o, err := operator.New(operator.Options{Netns: ns.FD(), APNs: map[string]operator.APN{"internet.telekom": {IPv6: true, MTU: 1430}}})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, operator: o, device: simmodem.Device{Manufacturer: "Lab", Model: "Simulated LTE modem", Firmware: "1.0", IMEI: "490154203237518"}}
	t.Cleanup(func() {
		w.unplug()
		if err := errors.Join(o.Close(), ns.Close()); err != nil {
			t.Error(err)
		}
	})
	return w
}

// plug plugs a modem in that was just powered on.
func (w *world) plug() {
	w.t.Helper()
	w.modem = simmodem.New(simmodem.Options{
		Device: w.device, Core: w.operator, Signal: simmodem.Signal{RSSI: -71},
		SIM:     simmodem.SIM{ICCID: "8949020000012345678", IMSI: "262010000012345", HomePLMN: "26201", HomeName: "Lab Mobile"},
		Network: simmodem.Network{State: simmodem.Home, PLMN: "26201", Name: "Lab Mobile"},
	})
	var err error
	if w.plugged, err = usbip.Plug(w.modem, usbip.Options{Device: w.device}); err != nil {
		w.t.Fatal(err)
	}
}

// unplug pulls the modem out, if it is in.
func (w *world) unplug() {
	if w.plugged == nil {
		return
	}
	w.plugged.Unplug()
	w.plugged = nil
	if err := w.modem.Close(); err != nil {
		w.t.Error(err)
	}
}

// appear waits for what the driver makes of the modem.
func (w *world) appear() {
	w.t.Helper()
	eventually(w.t, "control node", exists("/dev/cdc-wdm0"))
	eventually(w.t, "network interface", exists("/sys/class/net/wwan0"))
}
