//go:build vm

package vmtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/lab/board"
)

// TestKernelBindsTheModem: the kernel's own driver takes the simulated modem, a foreign
// program reads from it through the kernel what it was made with, and tetherd the same.
func TestKernelBindsTheModem(t *testing.T) {
	w := newWorld(t)
	w.plug()
	w.appear()
	driver, err := filepath.EvalSymlinks("/sys/class/net/wwan0/device/driver")
	if err != nil || filepath.Base(driver) != "cdc_mbim" {
		t.Errorf("driver %s, %v", driver, err)
	}
	// Who opens the control node last has the modem: one after the other.
	said := map[string]string{}
	for _, question := range []string{"--query-device-caps", "--query-subscriber-ready-status", "--query-home-provider", "--query-registration-state", "--query-signal-state"} {
		out := run(t, "mbimcli", "-d", "/dev/cdc-wdm0", question)
		for _, line := range regexp.MustCompile(`([A-Z][^:\n]*): '(.*)'`).FindAllStringSubmatch(out, -1) {
			said[question+" "+line[1]] = line[2]
		}
	}
	if said["--query-device-caps Device ID"] != board.Device().IMEI || said["--query-subscriber-ready-status Subscriber ID"] != "262010000012345" {
		t.Errorf("mbimcli says %q", said)
	}
	m := newGateway(t, "").await("the signal", func(d api.Document) error {
		if !d.Online || d.Modem.RSSI == 0 {
			return errors.New(d.Sentence)
		}
		return nil
	}).Modem
	for question, here := range map[string]string{
		"--query-device-caps Hardware info":           m.Model,
		"--query-home-provider Provider ID":           m.Home,
		"--query-home-provider Provider name":         m.HomeName,
		"--query-registration-state Register state":   m.Registration,
		"--query-registration-state Provider ID":      m.Network,
		"--query-registration-state Provider name":    m.NetworkName,
		"--query-subscriber-ready-status Ready state": map[string]string{"ready": "initialized"}[m.SIM],
		"--query-signal-state RSSI [0-31,99]":         strconv.Itoa((m.RSSI + 113) / 2), // 3GPP TS 27.007, 8.5
	} {
		if said[question] != here || here == "" {
			t.Errorf("mbimcli %s says %q, tetherd %q", question, said[question], here)
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
	raw, err := node.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	waits, ended := make(chan bool, 1), make(chan error, 1)
	go func() {
		var read error
		err := raw.Read(func(fd uintptr) bool {
			if _, read = unix.Read(int(fd), make([]byte, 4096)); read != unix.EAGAIN {
				return true
			}
			select {
			case waits <- true:
			default:
			}
			return false
		})
		ended <- errors.Join(err, read)
	}()
	select {
	case <-waits:
	case err := <-ended:
		t.Fatalf("nobody waits at a modem that is silent: %v", err)
	}
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
