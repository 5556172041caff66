package openwrt

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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

// taken is a box that is tetherd's already.
func (b *box) taken() *box {
	b.mkdir("etc/tetherd")
	b.write("etc/tetherd/aside", "")
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

// TestWiFiNames: names that differ are two networks, in every script, and the log has those
// that are not taken over.
func TestWiFiNames(t *testing.T) {
	boxes(t, func(t *testing.T, b *box) {
		text := "\nconfig wifi-device 'radio0'\n"
		names := []string{"Дом", "Зал", "Home 1", "Home-1", "Home*", "Home", "Дом"}
		network := func(name, encryption string) {
			text += "\nconfig wifi-iface\n\toption device 'radio0'\n\toption mode 'ap'\n\toption network 'lan'\n\toption ssid '" + name +
				"'\n\toption encryption '" + encryption + "'\n\toption key 'correct horse'\n"
		}
		for _, name := range names {
			network(name, "psk2")
		}
		network("Old", "psk3-mixed")
		network("Café", "none")
		b.router().write("etc/config/wireless", text+"\n")
		b.run(owner, "take")
		var got []string
		for _, n := range b.settings().Networks {
			got = append(got, n.SSID)
		}
		if !slices.Equal(got, names[:6]) {
			t.Errorf("taken over are %q", got)
		}
		for _, name := range []string{"Old", "Café"} {
			if !strings.Contains(b.read("log"), "the Wi-Fi network "+name+" is open, or protected") {
				t.Errorf("the log does not name %s:\n%s", name, b.read("log"))
			}
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

// TestAddedLater: an interface that the owner makes after the installation stays on when the
// package is upgraded; the first start of another image sets it aside, and says so.
func TestAddedLater(t *testing.T) {
	boxes(t, func(t *testing.T, b *box) {
		b.router().run(owner, "take")
		const added = "\nconfig interface 'wg0'\n\toption proto 'wireguard'\n\n"
		b.write("etc/config/network", b.read("etc/config/network")+added)
		b.mkdir("etc/uci-defaults")
		for env, stays := range map[string]bool{"PKG_UPGRADE=1": true, "PKG_UPGRADE=": false} {
			b.write("log", "")
			b.write("etc/config/network", strings.ReplaceAll(read(t, "testdata/network"), "\toption proto 'static'\n", "\toption proto 'static'\n\toption disabled '1'\n")+added)
			b.write("etc/uci-defaults/zzz-tetherd", strings.ReplaceAll(read(t, "tetherd/files/tetherd.defaults"), "/usr/lib/tetherd/owner", "ash "+abs(t, owner)))
			b.command("boot", "export "+env+"\n"+firstStart)
			if left := b.run(filepath.Join(b.bin, "boot")); left != "" {
				t.Errorf("%s will be run again", left)
			}
			_, wg0, _ := strings.Cut(b.read("etc/config/network"), "'wg0'")
			if on := !strings.Contains(wg0, "disabled"); on != stays || strings.Contains(b.read("log"), "the interface wg0 of the system is switched off") == stays {
				t.Errorf("%s: it is on %v, and the log is %q", env, on, b.read("log"))
			}
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

// firstStart is what init.d/boot does with the scripts in etc/uci-defaults.
const firstStart = `cd "$ROOT/etc/uci-defaults" || exit 1
for file in $(ls); do
	( . "./$(basename $file)" ) && rm -f "$file"
done
ls`

// TestImage: what the scripts of an image say at its first start is taken over, and the
// radios that they switch on are tetherd's, whatever their names.
func TestImage(t *testing.T) {
	m := regexp.MustCompile(`tetherd\.defaults \$\(1\)/(etc/uci-defaults/\S+)`).FindStringSubmatch(read(t, "tetherd/Makefile"))
	if m == nil {
		t.Fatal("the script is not installed")
	}
	for _, name := range []string{"99-asu-defaults", "99-custom", "zzz-default-settings"} {
		boxes(t, func(t *testing.T, b *box) {
			b.router().write("etc/config/wireless", read(t, "testdata/wireless"))
			b.mkdir("etc/uci-defaults")
			b.write(m[1], strings.ReplaceAll(read(t, "tetherd/files/tetherd.defaults"), "/usr/lib/tetherd/owner", "ash "+abs(t, owner)))
			b.write("etc/uci-defaults/"+name, "uci set network.lan.ipaddr=10.1.2.3\nuci set wireless.radio1.disabled=0\nuci set network.wwan.pincode=1234\n"+
				"uci commit network\nuci commit wireless\n")
			b.command("boot", firstStart)
			if left := b.run(filepath.Join(b.bin, "boot")); left != "" {
				t.Errorf("%s will be run again", left)
			}
			if got := b.settings(); got.LAN.Address.String() != "10.1.2.3/24" || got.Modem.PIN != "1234" {
				t.Errorf("%s says nothing: the LAN is %s", name, got.LAN.Address)
			}
			if n := strings.Count(b.read("etc/config/wireless"), "option disabled '1'"); n != 3 || strings.Contains(b.read("etc/config/wireless"), "option disabled '0'") {
				t.Errorf("after %s netifd has radios:\n%s", name, b.read("etc/config/wireless"))
			}
		})
	}
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
		if got := b.read("etc/config/tetherd"); got != taken || strings.Contains(b.read("log"), "taken over") {
			t.Errorf("the settings are\n%s", got)
		}
	})
}

// TestPowerCut: whenever the power fails while the router is taken over, the settings are
// the shipped ones or whole, what a factory reset goes back to is whole, and what is set
// aside is noted. Taking again ends it, and giving back undoes it.
func TestPowerCut(t *testing.T) {
	b := newBox(t).router()
	b.write("etc/config/wireless", read(t, "testdata/wireless"))
	b.mkdir("../cuts")
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	cut := "ash " + abs(t, "testdata/cut") + " "
	b.command("sync", cut+"sync")
	b.run(filepath.Join(b.bin, "sync"))
	for _, name := range []string{"mv", "rm"} { // rm is a service that is disabled, too
		b.command(name, cut+"\nexec "+busybox+" "+name+` "$@"`)
	}
	b.run(owner, "take")
	shipped, whole := read(t, "tetherd/files/tetherd.config"), b.read("etc/config/tetherd")
	cuts, err := filepath.Glob(filepath.Join(b.root, "../cuts/1*"))
	if err != nil || len(cuts) < 20 {
		t.Fatalf("%d cuts, %v", len(cuts), err)
	}
	b.command("sync", ":")
	for _, name := range []string{"mv", "rm"} {
		b.command(name, "exec "+busybox+" "+name+` "$@"`)
	}
	for i, root := range cuts[1:] { // the first one is from before
		after := &box{t, root, b.bin}
		_, err := os.Stat(filepath.Join(root, "etc/tetherd/aside"))
		begun, noted := err == nil, after.read("etc/tetherd/aside")
		text, factory := after.read("etc/config/tetherd"), after.read("etc/tetherd/factory")
		if text != whole && (text != shipped || begun) || factory != whole && begun {
			t.Errorf("%s, begun %v: the settings are %q, the first ones %q", filepath.Base(root), begun, text, factory)
		}
		if _, err := os.Stat(filepath.Join(root, "etc/tetherd/factory")); err == nil && factory != whole {
			t.Errorf("%s: the first settings are %q for ever", filepath.Base(root), factory)
		}
		if !after.enabled("dnsmasq") && !strings.Contains(noted, "service dnsmasq") || !after.enabled("firewall") && !strings.Contains(noted, "service firewall") ||
			after.read("etc/config/network") != read(t, "testdata/network") && !strings.Contains(noted, "interface lan") {
			t.Errorf("%s: noted is only %q", filepath.Base(root), noted)
		}
		if i%5 != 0 {
			continue
		}
		after.run(owner, "take")
		if after.read("etc/config/tetherd") != whole || after.read("etc/tetherd/factory") != whole {
			t.Errorf("%s: taken again it is %q", filepath.Base(root), after.read("etc/config/tetherd"))
		}
		after.run(owner, "give-back")
		if !after.enabled("dnsmasq") || !after.enabled("firewall") || after.read("etc/config/network") != read(t, "testdata/network") {
			t.Errorf("%s: not all was given back", filepath.Base(root))
		}
	}
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

// TestOddSettings: what tetherd cannot have costs nothing but itself: the log says what it
// was, and who administers the router over the LAN still does.
func TestOddSettings(t *testing.T) {
	const lan = "\nconfig interface 'lan'\n\toption device 'eth0'\n\toption ipaddr '192.168.8.1'\n"
	const radio = "\nconfig wifi-device 'radio0'\n\toption country 'DE'\n"
	wifi := func(options string) string {
		return "\nconfig wifi-iface\n\toption device 'radio0'\n\toption mode 'ap'\n\toption network 'lan'\n" + options
	}
	good := wifi("\toption ssid 'Home'\n\toption encryption 'psk2'\n\toption key 'correct horse'\n")
	for name, c := range map[string]struct {
		network, wireless string
		log               string // begins so
		left, gone        string // of the new file
	}{
		"PIN": {lan + "\nconfig interface 'wwan'\n\toption proto 'mbim'\n\toption pincode 'abc'\n\toption apn 'web'\n", "",
			"the PIN of the modem", "option apn 'web'", "option pin"},
		"PIN abroad": {lan + "\nconfig interface 'wwan'\n\toption proto 'mbim'\n\toption pincode 'abc'\n\toption allow_roaming '1'\n", "",
			"the PIN of the modem", "option roaming '1'", "option pin"},
		"Wi-Fi that is off": {lan, "\nconfig wifi-device 'radio0'\n\toption country 'D1'\n\toption disabled '1'\n" + good,
			"the country of Wi-Fi", "option enabled '0'", "D1"},
		"APN": {lan + "\nconfig interface 'wwan'\n\toption proto 'mbim'\n\toption apn '" + strings.Repeat("a", 101) + "'\n\toption pincode '0420'\n", "",
			"the access point of wwan", "option pin '0420'", "option apn"},
		"key in another script": {lan, radio + wifi("\toption ssid 'A'\n\toption encryption 'psk2'\n\toption key 'schlüssel'\n") + good,
			"the Wi-Fi network A", "option ssid 'Home'", "option ssid 'A'"},
		"hashed key": {lan, radio + wifi("\toption ssid 'A'\n\toption encryption 'sae-mixed'\n\toption key '"+strings.Repeat("0a", 32)+"'\n") + good,
			"the Wi-Fi network A", "option ssid 'Home'", "option ssid 'A'"},
		"short key": {lan, radio + wifi("\toption ssid 'A'\n\toption encryption 'sae'\n\toption key 'short'\n") + good,
			"the Wi-Fi network A", "option country 'DE'", "option ssid 'A'"},
		"country of no land": {lan, "\nconfig wifi-device 'radio0'\n\toption country 'D1'\n" + good, "the country of Wi-Fi", "option ssid 'Home'", "D1"},
		"the world":          {lan, "\nconfig wifi-device 'radio1'\n\toption country '00'\n" + radio + good, "", "option country 'DE'", "00"},
		"the world alone":    {lan, "\nconfig wifi-device 'radio0'\n\toption country '00'\n" + good, "", "option ssid 'Home'", "country"},
	} {
		boxes(t, func(t *testing.T, b *box) {
			b.router().write("etc/config/network", c.network+"\n")
			b.write("etc/config/wireless", c.wireless+"\n")
			b.run(owner, "take")
			got := b.settings()
			if got.LAN.Address.String() != "192.168.8.1/24" || !slices.Equal(got.LAN.Ports, []string{"eth0"}) || !slices.Contains(got.LAN.Open, 2222) || b.enabled("dnsmasq") {
				t.Errorf("%s: the LAN is %+v", name, got.LAN)
			}
			if text := b.read("etc/config/tetherd"); !strings.Contains(text, c.left) || strings.Contains(text, c.gone) {
				t.Errorf("%s: it is\n%s", name, text)
			}
			if log := b.read("log"); strings.Contains(log, "taken over") != (c.log != "") || !strings.Contains(log, c.log) || strings.Contains(log, "abc") || strings.Contains(log, "0a0a") {
				t.Errorf("%s: the log is %s", name, log)
			}
			if b.read("etc/tetherd/new") != "" || b.read("etc/tetherd/try") != "" {
				t.Errorf("%s: files are left", name)
			}
		})
	}
}

// TestOddLAN: where not even the LAN can be tetherd's the router stays what it was, and the
// program does not run; after a change of the LAN it is taken over.
func TestOddLAN(t *testing.T) {
	for _, address := range []string{"192.0.2.1", "10.0.0.0/31"} {
		boxes(t, func(t *testing.T, b *box) {
			network := "\nconfig interface 'lan'\n\toption device 'eth0'\n\toption ipaddr '" + address + "'\n\n"
			b.router().write("etc/config/network", network)
			b.run(owner, "take")
			if b.read("etc/config/network") != network || !b.enabled("dnsmasq") || !b.enabled("firewall") || b.read("etc/config/dropbear") != read(t, "testdata/dropbear") {
				t.Errorf("%s: something was set aside:\n%s", address, b.read("log"))
			}
			if got, want := b.read("etc/config/tetherd"), read(t, "tetherd/files/tetherd.config"); got != want {
				t.Errorf("%s: it is\n%s", address, got)
			}
			if log := b.read("log"); !strings.Contains(log, "the LAN "+address) || !strings.Contains(log, "the router stays as it is") {
				t.Errorf("%s: the log is %s", address, log)
			}
			if got := b.run("testdata/rc.common", abs(t, "tetherd/files/tetherd.init"), "start_service"); strings.Contains(got, "open") {
				t.Errorf("%s: it runs beside the others: %s", address, got)
			}
			b.write("etc/config/network", strings.ReplaceAll(network, address, "192.168.9.1"))
			b.run(owner, "take")
			if got := b.settings().LAN.Address.String(); got != "192.168.9.1/24" || b.enabled("dnsmasq") {
				t.Errorf("after a change the LAN is %s", got)
			}
			if got := b.run("testdata/rc.common", abs(t, "tetherd/files/tetherd.init"), "start_service"); !strings.Contains(got, "open") {
				t.Error("it does not run")
			}
		})
	}
}

// TestNoLAN: a router whose LAN has another name, or its address from elsewhere, stays what it
// was, and the log says why; one that has a way in by no other interface is taken over.
func TestNoLAN(t *testing.T) {
	const bridge = "\nconfig device\n\toption name 'br-lan'\n\toption type 'bridge'\n\tlist ports 'lan1'\n"
	lan := func(name, options string) string { return "\nconfig interface '" + name + "'\n" + options }
	const static, dhcp = "\toption proto 'static'\n\toption ipaddr '192.168.1.1/24'\n", "\toption proto 'dhcp'\n"
	const none = "\toption proto 'none'\n"
	const onBridge, off = "\toption device 'br-lan'\n", "\toption disabled '1'\n"
	loopback := lan("loopback", "\toption proto 'static'\n\toption device 'lo'\n\toption ipaddr '127.0.0.1'\n")
	for network, log := range map[string]string{
		bridge + lan("home", static+onBridge):                                "is called lan, but home may be it",
		lan("home", static) + lan("wan", dhcp) + lan("attic", static):        "is called lan, but home attic may be it",
		bridge + lan("home", dhcp+"\toption device 'br-lan.3'\n"):            "is called lan, but home may be it",
		lan("lan", static+off) + lan("home", static):                         "is called lan, but home may be it",
		bridge + lan("lan", dhcp+onBridge):                                   "gets its address by dhcp",
		bridge + lan("lan", none+onBridge) + lan("mgmt", dhcp):               "has no address here",
		lan("wan", dhcp+"\toption device 'eth0'\n") + lan("old", static+off): "",
		lan("lan", static+off):                                               "",
	} {
		boxes(t, func(t *testing.T, b *box) {
			network := loopback + network + "\n"
			b.router().write("etc/config/network", network)
			b.write("etc/config/wireless", read(t, "testdata/wireless"))
			b.run(owner, "take")
			stays := b.read("etc/config/network") == network && b.read("etc/config/wireless") == read(t, "testdata/wireless") && b.enabled("dnsmasq") && b.enabled("firewall")
			if got := b.read("log"); stays != (log != "") || strings.Contains(got, "the router stays as it is") != stays || !strings.Contains(got, log) {
				t.Errorf("stays %v, and says\n%s\nwith%s", stays, got, network)
			}
		})
	}
}

// TestLANWithoutDevice: a LAN that is Wi-Fi alone keeps its address, and the ways in by it.
func TestLANWithoutDevice(t *testing.T) {
	boxes(t, func(t *testing.T, b *box) {
		b.router().write("etc/config/network", "\nconfig interface 'lan'\n\toption proto 'static'\n\toption ipaddr '192.168.9.1/24'\n\n")
		b.run(owner, "take")
		if got := b.settings().LAN; got.Address.String() != "192.168.9.1/24" || len(got.Ports) != 0 || !slices.Contains(got.Open, 22) || !slices.Contains(got.Open, 80) {
			t.Errorf("the LAN is %+v", got)
		}
	})
}

// TestMasks: a netmask becomes its prefix length, and the pool of DHCP fits a LAN that is
// smaller than usual.
func TestMasks(t *testing.T) {
	for bits, pool := range map[int][2]int{8: {100, 150}, 15: {100, 150}, 22: {100, 150}, 24: {100, 150}, 25: {1, 126}, 29: {1, 6}, 30: {1, 2}} {
		b := newBox(t).router()
		m := ^uint32(0) << (32 - bits)
		mask := netip.AddrFrom4([4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)})
		b.write("etc/config/network", "\nconfig interface 'lan'\n\toption device 'eth0'\n\toption ipaddr '10.0.0.1'\n\toption netmask '"+mask.String()+"'\n")
		b.run(owner, "take")
		got := b.settings()
		if got.LAN.Address.Bits() != bits || int(got.DHCP.Start) != pool[0] || int(got.DHCP.Limit) != pool[1] {
			t.Errorf("%s gives %s with %d hosts from %d on", mask, got.LAN.Address, got.DHCP.Limit, got.DHCP.Start)
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
	b := newBox(t).taken()
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

// radio makes a radio, and interfaces of it.
func (b *box) radio(phy string, names ...string) {
	b.t.Helper()
	b.mkdir("sys/class/ieee80211/" + phy)
	b.write("sys/class/ieee80211/"+phy+"/name", phy+"\n")
	for _, name := range names {
		b.mkdir("sys/class/net/" + name + "/phy80211")
		b.write("sys/class/net/"+name+"/phy80211/name", phy+"\n")
	}
}

// TestRadiosLetGo: netifd takes radios down after it has answered, one after the other, and
// with each its interfaces. The service makes new ones when it has ended, not before, and
// does not wait for ever for one that never does.
func TestRadiosLetGo(t *testing.T) {
	// What netifd says of its radios, as "ubus call" prints it.
	const netifd = `[ "$1 $2 $3" = "call network.wireless status" ] || exit 2
echo "ubus" >>"$ROOT/log"
end='{'
for phy in phy0 phy1; do
	busy=false
	[ ! -e "$ROOT/busy-$phy" ] || busy=true
	printf '%s\n\t"%s": {\n\t\t"up": false,\n\t\t"pending": %s,\n\t\t"disabled": true\n\t}' "$end" "$phy" "$busy"
	end=,
done
printf '\n}\n'`
	// Its scripts delete every interface that the radio has and that is down.
	const second = `for phy in phy0 phy1; do
	[ -e "$ROOT/busy-$phy" ] || continue
	rm -rf "$ROOT/sys/class/net/"*"$phy"* "$ROOT/busy-$phy"
	exit
done`
	for _, c := range []struct {
		sleep string
		waits int
		want  string
	}{{second, 3, "iw phy phy0 interface add wlan0 type managed\niw phy phy1 interface add wlan1 type managed\n"}, {":", 30, ""}} {
		b := newBox(t).router()
		b.radio("phy0", "phy0-ap0", "phy0-ap1")
		b.radio("phy1", "phy1-ap0")
		b.write("busy-phy0", "")
		b.write("busy-phy1", "")
		b.command("ubus", netifd)
		b.command("sleep", c.sleep)
		b.run(owner, "take")
		if n := strings.Count(b.read("log"), "ubus\n"); n != c.waits {
			t.Errorf("netifd was asked %d times", n)
		}
		if _, after, _ := strings.Cut(b.read("log"), "network reload\n"); !strings.HasPrefix(after, "ubus\n") {
			t.Errorf("it was asked before it was told:\n%s", b.read("log"))
		}
		b.write("log", "")
		b.run("testdata/rc.common", abs(t, "tetherd/files/tetherd.init"), "start_service")
		if got := b.read("log"); got != c.want {
			t.Errorf("it did %q", got)
		}
	}
}

// TestInterfaces: a radio without an interface gets one, another does not, also when the
// two are of one chip.
func TestInterfaces(t *testing.T) {
	b := newBox(t).taken()
	b.radio("phy0")
	b.radio("phy1", "wlan1")
	b.radio("phy10")
	for _, name := range []string{"phy0", "phy1", "phy10"} { // one chip has them all
		b.mkdir("sys/class/ieee80211/" + name + "/device/net/wlan1")
	}
	b.mkdir("sys/class/net/eth0")
	b.run("testdata/rc.common", abs(t, "tetherd/files/tetherd.init"), "start_service")
	if got := b.read("log"); got != "iw phy phy0 interface add wlan0 type managed\niw phy phy10 interface add wlan10 type managed\n" {
		t.Errorf("it did %q", got)
	}
}
