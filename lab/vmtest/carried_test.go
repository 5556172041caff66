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
)

// port says whether an interface is up and in its bridge.
func port(name, bridge string) error {
	out, err := command("ip", "-o", "link", "show", "dev", name)
	if err == nil && (!strings.Contains(out, ",UP") || !strings.Contains(out, " master "+bridge+" ")) {
		err = errors.New(out)
	}
	return err
}

// withGuest is a gateway on the air with a station in each of its two networks.
func withGuest(t *testing.T) (g *gateway, s, guest *station) {
	t.Helper()
	w := newWorld(t)
	newRadios(t, 3)
	s, guest = newStation(t, "wlan1"), newStation(t, "wlan2")
	g = newGateway(t, wpa2().config()+guests)
	w.plug()
	g.onAir(wpa2())
	s.join("Home", home().passphrase, byWPA2)
	guest.join("Guests", "guests are welcome", byWPA2)
	for _, x := range []*station{s, guest} {
		x.lease()
		x.fetch()
	}
	return g, s, guest
}

// restarted waits until hostapd has been started again after a deed, and all is as before.
func (g *gateway) restarted(deed func(), s, guest *station) {
	g.t.Helper()
	before := radio(g.onAir(wpa2())).Restarts
	deed()
	g.await("hostapd is started again", func(d api.Document) error {
		if r := radio(d); r.Restarts == before {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	g.back(s, guest)
}

// back waits until both networks are up and in their bridges, and the stations have come
// back by themselves.
func (g *gateway) back(s, guest *station) {
	g.t.Helper()
	g.await("both networks", func(d api.Document) error {
		if r := radio(d); r.State != "enabled" || len(r.Networks) != 2 {
			return fmt.Errorf("%+v", r)
		}
		return errors.Join(port("wlan0", "br-tether"), port("wlan0_1", "br-guest"))
	})
	s.fetch()
	guest.fetch()
}

// TestBridgeIsMadeAnew: who deletes a bridge, or takes the radio out of it, takes the
// network from nobody for long.
func TestBridgeIsMadeAnew(t *testing.T) {
	g, s, guest := withGuest(t)
	for _, deed := range []string{"link del br-tether", "link del br-guest", "link set wlan0 nomaster", "link set wlan0_1 master br-tether"} {
		t.Log("ip ", deed)
		g.restarted(func() { run(t, "ip", strings.Fields(deed)...) }, s, guest)
	}
}

// TestRadioIsSwitchedOff: while a radio is blocked, or its interface is set down, it is not
// said to be on the air, and both networks come back by themselves.
func TestRadioIsSwitchedOff(t *testing.T) {
	g, s, guest := withGuest(t)
	switches, err := filepath.Glob("/sys/class/net/wlan0/phy80211/rfkill*/soft")
	if err != nil || len(switches) != 1 {
		t.Fatalf("switches of the radio: %q, %v", switches, err)
	}
	block := func(state string) {
		if err := os.WriteFile(switches[0], []byte(state), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	g.restarted(func() {
		block("1")
		saysSo(g)
		block("0")
	}, s, guest)
	for _, dev := range []string{"wlan0", "wlan0_1"} {
		t.Log(dev, " is set down")
		g.restarted(func() { run(t, "ip", "link", "set", dev, "down") }, s, guest)
	}
}

// saysSo waits until the state and the doctor tell that the radio is switched off.
func saysSo(g *gateway) {
	g.t.Helper()
	g.await("the state says so", func(d api.Document) error {
		if r := radio(d); r.State == "enabled" || !strings.Contains(r.Error, "(rfkill)") {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	g.await("the doctor says so", func(d api.Document) error {
		for _, f := range d.Doctor.Findings {
			if f.Code == "RC44" && strings.Contains(f.Sentence, "(rfkill)") {
				return nil
			}
		}
		return fmt.Errorf("%+v", d.Doctor.Findings)
	})
}

// TestHungHostapdLeavesTheAir: also a hostapd that must be killed leaves no network on the
// air, and no radio in a bridge, when Wi-Fi is switched off.
func TestHungHostapdLeavesTheAir(t *testing.T) {
	g, s, guest := withGuest(t)
	if err := unix.Kill(hostapdPID(t), unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	g.configure("config wifi 'wifi'\n\toption enabled '0'\n")
	g.await("no radio is used", func(d api.Document) error {
		if len(d.WiFi.Radios) > 0 {
			return fmt.Errorf("%+v", d.WiFi)
		}
		return nil
	})
	eventually(t, "nothing is on the air", func() error {
		if _, err := command("pidof", "hostapd"); err == nil {
			return errors.New("hostapd runs")
		}
		for _, dev := range []string{"wlan0", "wlan0_1"} {
			if out, err := command("ip", "-o", "link", "show", "dev", dev); err == nil && (strings.Contains(out, ",UP") || strings.Contains(out, " master ")) {
				return errors.New(out)
			}
			if out, _ := command("iw", "dev", dev, "info"); strings.Contains(out, "channel") {
				return errors.New(out)
			}
		}
		return nil
	})
	g.configure(wpa2().config() + guests)
	g.back(s, guest)
}
