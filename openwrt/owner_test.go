package openwrt

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetherd/tetherd/config"
)

const owner = "tetherd/files/owner.sh"

// router is a box with what a router's image has.
func (b *box) router() *box {
	for _, name := range []string{"network", "dropbear", "uhttpd"} {
		b.write("etc/config/"+name, read(b.t, "testdata/"+name))
	}
	for name, enabled := range map[string]bool{
		"dnsmasq": true, "odhcpd": false, "firewall": true, "network": true, "tetherd": true, "dropbear": true, "uhttpd": true,
	} {
		b.service(name, enabled)
	}
	return b
}

// settings is the configuration that the scripts made.
func (b *box) settings() *config.Config {
	b.t.Helper()
	cfg, err := config.Load(filepath.Join(b.root, "etc/config/tetherd"))
	if err != nil {
		b.t.Fatalf("%v\n%s", err, b.read("etc/config/tetherd"))
	}
	return cfg
}

// TestTakeOver: what the system says about modem and LAN is in the new configuration,
// letter by letter, and who administers the router over the LAN still does.
func TestTakeOver(t *testing.T) {
	boxes(t, func(t *testing.T, b *box) {
		b.router().run(owner, "take")
		want, err := config.Parse("want", []byte(read(t, "testdata/taken")))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want.UCI()), string(b.settings().UCI())); d != "" {
			t.Error(d)
		}
		info, err := os.Stat(filepath.Join(b.root, "etc/config/tetherd"))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v: others can read the PIN", info.Mode(), err)
		}
	})
}

// TestTakeOverWiFi: country, names and passphrases are taken over, a network on two radios
// once; open networks, those of others, those that are off and those that do not lead
// into the LAN are not.
func TestTakeOverWiFi(t *testing.T) {
	boxes(t, func(t *testing.T, b *box) {
		b.router().write("etc/config/wireless", read(t, "testdata/wireless"))
		b.run(owner, "take")
		want, err := config.Parse("want", []byte(read(t, "testdata/taken")+read(t, "testdata/taken-wifi")))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want.UCI()), string(b.settings().UCI())); d != "" {
			t.Error(d)
		}
	})
}

// TestWiFiOff: where somebody has switched off all that there was, Wi-Fi stays off; a
// system on which nobody has set up any yet is not meant.
func TestWiFiOff(t *testing.T) {
	const radio, network = "\nconfig wifi-device 'radio0'\n", "\nconfig wifi-iface 'a'\n\toption device 'radio0'\n\toption mode 'ap'\n\toption network 'lan'\n\toption ssid 'A'\n"
	const closed, open, off = "\toption encryption 'psk2'\n\toption key 'hunter two'\n", "\toption encryption 'none'\n", "\toption disabled '1'\n"
	for text, on := range map[string]bool{
		radio + network + closed: true, radio + off + network + closed: false, radio + network + closed + off: false,
		radio + off + network + open: true, radio + network + closed + off + network + open: true,
	} {
		boxes(t, func(t *testing.T, b *box) {
			b.router().write("etc/config/wireless", text+"\n")
			b.run(owner, "take")
			if got := b.settings().WiFi.Enabled; got != on {
				t.Errorf("Wi-Fi is on %v with%s", got, text)
			}
		})
	}
}

// TestSSHAfterTaking: an SSH server that is bound to netifd's LAN, which is set aside, listens
// all the same; one that is bound elsewhere stays so.
func TestSSHAfterTaking(t *testing.T) {
	boxes(t, func(t *testing.T, b *box) {
		b.router().run(owner, "take")
		if got := b.read("etc/config/dropbear"); strings.Contains(got, "'lan'") || !strings.Contains(got, "'wan'") {
			t.Errorf("it is%s", got)
		}
		if strings.Count(b.read("log"), "dropbear reload\n") != 1 {
			t.Errorf("it was not told:\n%s", b.read("log"))
		}
		b.run(owner, "take")
		if strings.Count(b.read("log"), "dropbear reload\n") != 1 {
			t.Errorf("it was told for nothing:\n%s", b.read("log"))
		}
	})
}

// TestLANPorts: the LAN keeps its ports in whatever way they are written down.
func TestLANPorts(t *testing.T) {
	const lan = "\nconfig interface 'lan'\n\toption ipaddr '192.168.8.1'\n\toption device "
	for text, want := range map[string][]string{
		"'eth0.1'\n": {"br-tether", "eth0.1"},
		"'eth0'\n\nconfig device\n\toption name 'eth0'\n\toption macaddr '02:00:5e:10:00:01'\n": {"br-tether", "eth0"},
		"'br-lan.1'\n\nconfig device\n\toption name 'br-lan'\n\toption type 'bridge'\n\tlist ports 'lan1'\n\tlist ports 'lan2'\n\tlist ports 'lan3'\n" +
			"\nconfig bridge-vlan\n\toption device 'br-lan'\n\toption vlan '2'\n\tlist ports 'lan3'\n" +
			"\nconfig bridge-vlan\n\toption device 'br-lan'\n\toption vlan '1'\n\tlist ports 'lan1:u*'\n\tlist ports 'lan2'\n\tlist ports 'lan3:t'\n": {"br-lan", "lan1", "lan2", "lan3.1"},
	} {
		boxes(t, func(t *testing.T, b *box) {
			b.router().write("etc/config/network", lan+text+"\n")
			b.run(owner, "take")
			if got := b.settings().LAN; !slices.Equal(append([]string{got.Bridge}, got.Ports...), want) {
				t.Errorf("%s %q with%s", got.Bridge, got.Ports, text)
			}
		})
	}
}

// TestSetAside: what would do the same work is stopped and does not start again; what
// was off already, and loopback, are left alone.
func TestSetAside(t *testing.T) {
	boxes(t, func(t *testing.T, b *box) {
		b.router().write("etc/config/wireless", read(t, "testdata/wireless"))
		b.run(owner, "take")
		for _, name := range []string{"dnsmasq", "firewall"} {
			if b.enabled(name) || !strings.Contains(b.read("log"), name+" disable\n"+name+" stop\n") {
				t.Errorf("%s goes on:\n%s", name, b.read("log"))
			}
		}
		if want := "service dnsmasq\nservice firewall\ninterface lan\ninterface wwan\nradio radio0\n" +
			"ssh @dropbear[0].Interface=lan\nssh @dropbear[3].DirectInterface=lan\n"; b.read("etc/tetherd/aside") != want {
			t.Errorf("noted is %q", b.read("etc/tetherd/aside"))
		}
		network := b.read("etc/config/network")
		loopback, _, _ := strings.Cut(network, "config globals")
		if strings.Count(network, "option disabled '1'") != 3 || strings.Contains(loopback, "disabled") {
			t.Errorf("the network is\n%s", network)
		}
		if n := strings.Count(b.read("etc/config/wireless"), "option disabled '1'"); n != 3 {
			t.Errorf("%d are off", n)
		}
		if !strings.HasSuffix(b.read("log"), "network reload\n") {
			t.Errorf("netifd was not told:\n%s", b.read("log"))
		}
	})
}

// TestGiveBack: removal leaves everything as it was before installation.
func TestGiveBack(t *testing.T) {
	boxes(t, func(t *testing.T, b *box) {
		b.router().write("etc/config/wireless", read(t, "testdata/wireless"))
		b.run(owner, "take")
		b.run(owner, "give-back")
		for _, name := range []string{"network", "wireless", "dropbear"} {
			if d := cmp.Diff(read(t, "testdata/"+name), b.read("etc/config/"+name)); d != "" {
				t.Errorf("%s: %s", name, d)
			}
		}
		if !b.enabled("dnsmasq") || !b.enabled("firewall") || b.enabled("odhcpd") || b.read("etc/tetherd/aside") != "" {
			t.Error("services are not as they were")
		}
		log := b.read("log")
		if stop, start := strings.LastIndex(log, "tetherd stop"), strings.LastIndex(log, "dnsmasq start"); stop < 0 || start < stop {
			t.Errorf("two of them at a time:\n%s", log)
		}
		b.run(owner, "give-back")
		if b.read("log") != log {
			t.Error("giving back twice does something")
		}
	})
}

// TestUpgrade: installing again keeps the owner's settings and what is to be given back.
func TestUpgrade(t *testing.T) {
	boxes(t, func(t *testing.T, b *box) {
		b.router().run(owner, "take")
		noted := b.read("etc/tetherd/aside")
		b.write("etc/config/tetherd", "config lan\n\toption bridge 'mine'\n")
		b.run(owner, "take")
		if b.read("etc/tetherd/aside") != noted || b.settings().LAN.Bridge != "mine" {
			t.Errorf("noted %q, then %q; bridge %s", noted, b.read("etc/tetherd/aside"), b.settings().LAN.Bridge)
		}
	})
}

// TestFirstBoot: where netifd does not run yet, taking ends well all the same, or the system
// would do it at every start.
func TestFirstBoot(t *testing.T) {
	boxes(t, func(t *testing.T, b *box) {
		b.router()
		b.write("etc/init.d/network", "#!/bin/sh\nexit 1\n")
		if err := os.Chmod(filepath.Join(b.root, "etc/init.d/network"), 0o755); err != nil {
			t.Fatal(err)
		}
		b.run(owner, "take") // fails the test unless it ends with 0
	})
}

// TestInstalledAgain: after a removal that left the settings, they stay what they are.
func TestInstalledAgain(t *testing.T) {
	boxes(t, func(t *testing.T, b *box) {
		b.router().run(owner, "take")
		taken := b.read("etc/config/tetherd")
		if b.read("etc/tetherd/factory") != taken {
			t.Error("a factory reset goes back to something else")
		}
		b.run(owner, "give-back")
		b.run(owner, "take")
		if got := b.read("etc/config/tetherd"); got != taken || strings.Contains(b.read("log"), "could not be taken over") {
			t.Errorf("the settings are\n%s", got)
		}
	})
}

// TestNothingToTake: on a system that says nothing the configuration stays as shipped.
func TestNothingToTake(t *testing.T) {
	boxes(t, func(t *testing.T, b *box) {
		b.service("network", true)
		b.run(owner, "take")
		want := config.Default()
		want.Main.StateDir = "/etc/tetherd"
		if d := cmp.Diff(string(want.UCI()), string(b.settings().UCI())); d != "" {
			t.Error(d)
		}
	})
}

// TestOddSettings: what tetherd cannot have is not taken over in part: the shipped
// configuration stays, and the log says so.
func TestOddSettings(t *testing.T) {
	for name, network := range map[string]string{
		"public LAN": "config interface 'lan'\n\toption device 'eth0'\n\toption ipaddr '192.0.2.1'\n",
		"odd PIN":    "config interface 'wwan'\n\toption proto 'mbim'\n\toption pincode 'abc'\n\toption apn 'a'\n",
		"odd APN":    "config interface 'wwan'\n\toption proto 'mbim'\n\toption apn '" + strings.Repeat("a", 101) + "'\n",
	} {
		boxes(t, func(t *testing.T, b *box) {
			b.router().write("etc/config/network", "\n"+network+"\n")
			b.run(owner, "take")
			if got, want := b.read("etc/config/tetherd"), read(t, "tetherd/files/tetherd.config"); got != want {
				t.Errorf("%s: it is\n%s", name, got)
			}
			if !strings.Contains(b.read("log"), "could not be taken over") || b.read("etc/config/tetherd.new") != "" {
				t.Errorf("%s: the log is %s", name, b.read("log"))
			}
		})
	}
}

// TestMasks: a netmask becomes its prefix length.
func TestMasks(t *testing.T) {
	b := newBox(t).router()
	for _, bits := range []int{8, 15, 22, 24} {
		m := ^uint32(0) << (32 - bits)
		mask := netip.AddrFrom4([4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)})
		if err := os.RemoveAll(filepath.Join(b.root, "etc/tetherd")); err != nil { // as if it were new
			t.Fatal(err)
		}
		b.write("etc/config/tetherd", "")
		b.write("etc/config/network", "\nconfig interface 'lan'\n\toption device 'eth0'\n\toption ipaddr '10.0.0.1'\n\toption netmask '"+mask.String()+"'\n")
		b.run(owner, "take")
		if got := b.settings().LAN.Address; got.Bits() != bits {
			t.Errorf("%s gives %s", mask, got)
		}
	}
}

// TestUsage: another word does nothing and says how.
func TestUsage(t *testing.T) {
	b := newBox(t).router()
	b.command("owner", `ash `+abs(t, owner)+` "$@"; echo "code $?"`)
	out := b.run(filepath.Join(b.bin, "owner"), "destroy")
	if !strings.Contains(out, "usage: owner take|give-back") || !strings.Contains(out, "code 2") || b.read("log") != "" {
		t.Errorf("%s %s", out, b.read("log"))
	}
}

// TestInit: procd is told how to run the program, with and without a jail, and to reload
// it when its configuration changes.
func TestInit(t *testing.T) {
	b := newBox(t)
	run := func(function string) []string {
		return strings.Split(strings.TrimSpace(b.run("testdata/rc.common", abs(t, "tetherd/files/tetherd.init"), function)), "\n")
	}
	plain := run("start_service")
	for _, want := range []string{"param command /usr/bin/tetherd run", "param respawn 3600 5 0", "param no_new_privs 1", "close"} {
		if !slices.Contains(plain, want) {
			t.Errorf("procd is not told %q: %q", want, plain)
		}
	}
	if slices.Contains(plain, "jail tetherd") {
		t.Error("a jail without the program for it")
	}
	if err := os.WriteFile(filepath.Join(b.root, "sbin/ujail"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	jailed := run("start_service")
	if !slices.Contains(jailed, "jail tetherd") || !slices.Contains(jailed, "param capabilities /etc/capabilities/tetherd.json") {
		t.Errorf("with a jail procd is told %q", jailed)
	}
	if got := run("service_triggers"); !slices.Contains(got, "reload trigger tetherd") {
		t.Errorf("triggers %q", got)
	}
	if got := run("reload_service"); !slices.Contains(got, "signal tetherd * HUP") {
		t.Errorf("reload %q", got)
	}
}

// TestInterfaces: a radio without an interface gets one, another does not, also when the
// two are of one chip.
func TestInterfaces(t *testing.T) {
	b := newBox(t)
	for _, name := range []string{"phy0", "phy1", "phy10"} {
		dir := filepath.Join(b.root, "sys/class/ieee80211", name)
		if err := os.MkdirAll(filepath.Join(dir, "device/net/wlan1"), 0o755); err != nil {
			t.Fatal(err)
		}
		b.write(filepath.Join("sys/class/ieee80211", name, "name"), name+"\n")
	}
	for _, name := range []string{"wlan1", "eth0"} {
		if err := os.MkdirAll(filepath.Join(b.root, "sys/class/net", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../../ieee80211/phy1", filepath.Join(b.root, "sys/class/net/wlan1/phy80211")); err != nil {
		t.Fatal(err)
	}
	b.run("testdata/rc.common", abs(t, "tetherd/files/tetherd.init"), "start_service")
	if got := b.read("log"); got != "iw phy phy0 interface add wlan0 type managed\niw phy phy10 interface add wlan10 type managed\n" {
		t.Errorf("it did %q", got)
	}
}
