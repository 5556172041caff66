//go:build vm

package vmtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newRadios gives the machine simulated radios that hear each other: wlan0 to wlanN-1.
// Stations miss ten seconds of beacons before they think of leaving, instead of 0.7: one
// slow processor plays them all, and an access point may be kept waiting.
func newRadios(t *testing.T, n int) {
	t.Helper()
	run(t, "modprobe", "mac80211", "beacon_loss_count=100", "probe_wait_ms=5000")
	run(t, "modprobe", "mac80211_hwsim", fmt.Sprintf("radios=%d", n))
	t.Cleanup(func() {
		// The radios of namespaces that have ended come back first.
		eventually(t, "radios gone", func() error {
			_, err := command("rmmod", "mac80211_hwsim")
			return err
		})
	})
	for i := range n {
		eventually(t, "radio", exists(fmt.Sprintf("/sys/class/net/wlan%d", i)))
	}
}

// phy is the radio that an interface belongs to.
func phy(t *testing.T, dev string) string {
	t.Helper()
	name, err := os.ReadFile("/sys/class/net/" + dev + "/phy80211/name")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(name))
}

// station is a client with a radio.
type station struct {
	*client
	dir        string
	supplicant *exec.Cmd
}

// newStation moves a radio into a namespace of its own.
func newStation(t *testing.T, dev string) *station {
	t.Helper()
	s := &station{client: newClient(t, dev), dir: t.TempDir()}
	carry(t, s.client, phy(t, dev))
	t.Cleanup(s.leave)
	return s
}

// carry moves a radio into a client's namespace, which a process must stand for.
func carry(t *testing.T, c *client, phy string) {
	t.Helper()
	inside := exec.Command("sleep", "600")
	if err := c.ns.Start(inside); err != nil {
		t.Fatal(err)
	}
	defer inside.Wait()
	defer inside.Process.Kill()
	run(t, "iw", "phy", phy, "set", "netns", fmt.Sprint(inside.Process.Pid))
}

// The ways to join a network, in the supplicant's words.
const (
	byWPA2 = "key_mgmt=WPA-PSK\n\tproto=RSN\n\tpsk=%q"
	byWPA3 = "key_mgmt=SAE\n\tieee80211w=2\n\tsae_password=%q"
)

// patience is how long a station tries before it begins anew, as a person would who
// switches Wi-Fi off and on: it may have met the network of a moment ago.
const patience = 30 * time.Second

// join joins a network, and waits until it is let in.
func (s *station) join(ssid, passphrase, way string) {
	s.t.Helper()
	s.try("association with "+ssid, ssid, passphrase, way, func() error {
		state, err := s.state()
		if err == nil && !strings.Contains(state, "wpa_state=COMPLETED") {
			err = fmt.Errorf("%s", state)
		}
		return err
	})
}

// try asks for a network, again and again, until what comes of it is ok.
func (s *station) try(what, ssid, passphrase, way string, ok func() error) {
	s.t.Helper()
	var asked time.Time
	eventually(s.t, what, func() error {
		if time.Since(asked) > patience {
			s.ask(ssid, passphrase, way)
			asked = time.Now()
		}
		return ok()
	})
}

// ask starts to look for a network, with an empty log.
func (s *station) ask(ssid, passphrase, way string) {
	s.t.Helper()
	s.leave()
	if err := os.Remove(s.dir + "/log"); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	text := fmt.Sprintf("ctrl_interface=%s\nsae_pwe=2\nnetwork={\n\tssid=%q\n\tscan_ssid=1\n\t%s\n}\n", s.dir, ssid, fmt.Sprintf(way, passphrase))
	file := filepath.Join(s.dir, "wpa.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.supplicant = exec.Command("wpa_supplicant", "-D", "nl80211", "-i", s.dev, "-c", file, "-f", s.dir+"/log")
	if err := s.ns.Start(s.supplicant); err != nil {
		s.t.Fatal(err)
	}
}

// state is what the supplicant says of itself.
func (s *station) state() (string, error) { return s.cli("status") }

// cli asks the supplicant.
func (s *station) cli(question string) (string, error) {
	return command("wpa_cli", "-p", s.dir, "-i", s.dev, question)
}

// leave ends the supplicant, and shows its log when the test failed.
func (s *station) leave() {
	if s.supplicant == nil {
		return
	}
	_ = s.supplicant.Process.Signal(unix.SIGTERM)
	_ = s.supplicant.Wait()
	s.supplicant = nil
	if s.t.Failed() {
		said := s.log()
		s.t.Logf("the supplicant of %s:\n%s", s.dev, said[max(0, len(said)-3000):])
	}
}

// log is what the supplicant said since it was asked to join.
func (s *station) log() string {
	text, _ := os.ReadFile(s.dir + "/log")
	return string(text)
}
