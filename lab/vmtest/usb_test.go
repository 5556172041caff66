//go:build vm

package vmtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/lab/board"
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
		{"--query-device-caps", board.Device().IMEI},
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
	g := newGateway(t, "")
	w.plug()
	g.online()
	g.wire.lease()
	g.wire.fetch()
	g.offloading()

	w.unplug()
	g.offline()
	w.plug()
	g.online()
	g.wire.fetch()
}

// twoContexts names an access point for clients and one for the gateway itself.
const twoContexts = `
config apn
	option apn 'tether.example'
	option purpose 'shared'
config apn
	option apn 'internet.telekom'
	option purpose 'own'
`

// TestTwoSessionsThroughUSB: the second session is a VLAN of the kernel's, and each side
// of the gateway leaves by its own.
func TestTwoSessionsThroughUSB(t *testing.T) {
	w := newWorld(t)
	g := newGateway(t, twoContexts)
	for range 2 {
		w.plug()
		g.online()
		g.wire.lease()
		g.wire.fetch()
		eventually(t, "the client's address", func() error {
			return g.wire.ns.Run("sh", "-c", "curl -sS --max-time 5 http://203.0.113.80/address | grep -q '^10[.]65[.]'")
		})
		eventually(t, "the gateway's address", func() error {
			_, err := command("sh", "-c", "curl -sS --max-time 5 http://203.0.113.80/address | grep -q '^100[.]'")
			return err
		})
		if out := run(t, "ip", "-d", "link", "show", "wwan0.1"); !strings.Contains(out, "vlan protocol 802.1Q id 1") || !strings.Contains(out, "alias tetherd") {
			t.Errorf("the second session is %s", out)
		}
		w.unplug()
		g.offline()
	}
}

// TestReplug: twenty times out and in again, the client is back online each time and its
// connections take the short way again, and neither tetherd nor the kernel keeps anything
// of the former devices.
func TestReplug(t *testing.T) {
	const rounds = 20
	w := newWorld(t)
	g := newGateway(t, "")
	round := func() {
		w.plug()
		g.online()
		g.offloading()
		g.wire.fetch()
		w.unplug()
		g.offline()
	}
	w.plug()
	g.online()
	g.wire.lease()
	w.unplug()
	g.offline()
	round()
	descriptors, goroutines := g.descriptors(), g.goroutines()
	for range rounds - 1 {
		round()
	}
	g.await("nothing is left behind", func(d api.Document) error {
		if d.Process.Goroutines > goroutines || g.descriptors() > descriptors {
			return fmt.Errorf("%d goroutines, %d before; %d descriptors, %d before", d.Process.Goroutines, goroutines, g.descriptors(), descriptors)
		}
		return nil
	})
	t.Logf("tetherd: %s resident", g.resident())
}

// TestFlowTableForgetsTheModem holds the facts that the firewall has to live with: a
// flow table that names an absent device is refused, with all that came with it; the
// kernel takes a device that vanishes out of a flow table and does not put it back.
func TestFlowTableForgetsTheModem(t *testing.T) {
	const rules = `table inet facts {
	flowtable ft {
		hook ingress priority 0
		devices = { wwan0 }
	}
	chain c {
		type filter hook forward priority 0
		meta l4proto { tcp, udp } flow add @ft
	}
}`
	w := newWorld(t)
	if out, err := command("nft", rules); err == nil || !strings.Contains(err.Error(), "No such file") {
		t.Errorf("an absent device: %s, %v", out, err)
	}
	if out := run(t, "nft", "list", "tables"); strings.Contains(out, "facts") {
		t.Errorf("a part of what was refused is there: %s", out)
	}
	w.plug()
	w.appear()
	run(t, "nft", rules)
	defer run(t, "nft", "delete", "table", "inet", "facts")
	if out := run(t, "nft", "list", "flowtables"); !strings.Contains(out, "wwan0") {
		t.Errorf("the modem is not in it: %s", out)
	}
	w.unplug()
	eventually(t, "network interface gone", gone("/sys/class/net/wwan0"))
	w.plug()
	w.appear()
	if out := run(t, "nft", "list", "flowtables"); strings.Contains(out, "wwan0") {
		t.Errorf("the kernel has put it back by itself: %s", out)
	}
}
