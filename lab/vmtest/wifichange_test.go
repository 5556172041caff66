//go:build vm

package vmtest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/api"
)

// TestWiFiByConfiguration changes name, passphrase, channel, country and security: stations that
// know the new ones get in, and neither the program nor the uplink is started again.
func TestWiFiByConfiguration(t *testing.T) {
	w := newWorld(t)
	newRadios(t, 2)
	s := newStation(t, "wlan1")
	g := newGateway(t, home().config())
	w.plug()
	before := g.online()
	now := home()
	for _, step := range []struct {
		what   string
		change func()
	}{
		{"as it began", func() {}},
		{"name", func() { now.ssid = "Café" }},
		{"passphrase", func() { now.passphrase = "another horse battery" }},
		{"channel", func() { now.channel = "6" }},
		// All radios here share one kernel, whose rules a station holds to the country
		// that it hears.
		{"country", func() { s.leave(); now.country = "US" }},
		{"security", func() { now.security = "wpa3" }},
	} {
		t.Log("change of ", step.what)
		step.change()
		g.configure(now.config())
		g.onAir(now)
		s.hears(now)
		s.join(now.ssid, now.passphrase, byWPA3)
		s.lease()
		s.fetch()
	}
	after := g.online()
	if len(after.Modem.Events) == 0 || after.Modem.Events[len(after.Modem.Events)-1] != before.Modem.Events[len(before.Modem.Events)-1] || after.Modem.Drops != 0 {
		t.Errorf("the uplink was touched: %+v", after.Modem)
	}
	if after.Process.Started != before.Process.Started {
		t.Error("tetherd was started again")
	}
}

// TestWiFiRecovers: hostapd is killed; a wish is refused while the former one stays;
// the radio goes and comes back. Stations get in again, or a sentence says why not.
func TestWiFiRecovers(t *testing.T) {
	_, g, s := atHome(t, byWPA2)

	pid := hostapdPID(t)
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	g.await("hostapd runs again", func(d api.Document) error {
		if r := radio(d); r.State != "enabled" || r.Restarts == 0 {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	s.join("Home", home().passphrase, byWPA2)
	s.lease()
	s.fetch()

	bad := home()
	bad.passphrase = "short"
	g.configure(bad.config())
	d := g.await("the bad configuration is told", func(d api.Document) error {
		if !strings.Contains(strings.Join(d.Problems, "\n"), "passphrase") {
			return fmt.Errorf("problems: %q", d.Problems)
		}
		return nil
	})
	if r := radio(d); r.State != "enabled" || r.Networks[0].SSID != "Home" {
		t.Errorf("with a bad configuration: %+v", r)
	}
	s.fetch()
	g.configure(home().config())
	g.await("no problem is left", func(d api.Document) error {
		if len(d.Problems) > 0 {
			return fmt.Errorf("problems: %q", d.Problems)
		}
		return nil
	})

	away := newClient(t, "wlan0")
	gone := phy(t, "wlan0")
	index := strings.TrimSpace(run(t, "cat", "/sys/class/ieee80211/"+gone+"/index")) // its name is not known where it goes
	carry(t, away, gone)
	g.await("the radio's absence is told", func(d api.Document) error {
		if r := radio(d); r.State != "absent" && r.Error == "" {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	if err := away.ns.Run("iw", "phy#"+index, "set", "netns", "1"); err != nil {
		t.Fatal(err)
	}
	g.onAir(home())
	s.join("Home", home().passphrase, byWPA2)
	s.lease()
	s.fetch()
}

// hostapdPID finds the process of hostapd.
func hostapdPID(t *testing.T) int {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(run(t, "pidof", "hostapd")))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}
