//go:build vm

package vmtest

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/api"
)

// air is what the configuration says about Wi-Fi.
type air struct{ country, band, channel, ssid, passphrase, security string }

func (a air) config() string {
	country := ""
	if a.country != "" {
		country = fmt.Sprintf("\toption country '%s'\n", a.country)
	}
	return fmt.Sprintf("config wifi 'wifi'\n%sconfig radio\n\toption interface 'wlan0'\n\toption band '%s'\n\toption channel '%s'\n"+
		"config network\n\toption ssid '%s'\n\toption passphrase '%s'\n\toption security '%s'\n", country, a.band, a.channel, a.ssid, a.passphrase, a.security)
}

func home() air { return air{"DE", "2.4", "1", "Home", "correct horse battery", "wpa2-wpa3"} }

// radio is the gateway's only radio as the document tells it.
func radio(d api.Document) api.Radio {
	if len(d.WiFi.Radios) != 1 {
		return api.Radio{}
	}
	return d.WiFi.Radios[0]
}

// onAir waits until the wish is on the air, without anything that differs from it.
func (g *gateway) onAir(a air) api.Document {
	g.t.Helper()
	return g.await("on the air: "+a.ssid, func(d api.Document) error {
		r := radio(d)
		if r.State != "enabled" || len(r.Networks) == 0 || r.Networks[0].SSID != a.ssid || strconv.Itoa(r.Channel) != a.channel ||
			d.WiFi.Country != a.country || r.Refused != "" || r.Error != "" {
			return fmt.Errorf("%+v", r)
		}
		return a.heard()
	})
}

// heard asks the kernel whether its radio is set so.
func (a air) heard() error {
	radio, err := command("iw", "dev", "wlan0", "info")
	rules, regErr := command("iw", "reg", "get")
	if !strings.Contains(radio, "ssid "+a.printed()+"\n") || !strings.Contains(radio, "channel "+a.channel+" ") || !strings.Contains(rules, "country "+a.country) {
		return errors.Join(fmt.Errorf("%s%s", radio, rules), err, regErr)
	}
	return nil
}

// printed is the name as iw and wpa_cli print it.
func (a air) printed() string { return strings.ReplaceAll(a.ssid, "é", `\xc3\xa9`) }

// hears waits until the station hears the network as it should be, with what it offers.
func (s *station) hears(a air) {
	s.t.Helper()
	s.try(a.ssid+" with "+a.security+" heard", a.ssid, a.passphrase, byWPA3, func() error {
		_, _ = s.cli("scan") // refused while one goes on
		list, err := s.cli("scan_results")
		for line := range strings.Lines(list) { // BSSID, MHz, dBm, flags, SSID
			f := strings.Split(strings.TrimSpace(line), "\t")
			if len(f) == 5 && f[4] == a.printed() &&
				strings.Contains(f[3], "PSK") == (a.security != "wpa3") && strings.Contains(f[3], "SAE") == (a.security != "wpa2") {
				return nil
			}
		}
		return errors.Join(fmt.Errorf("%s", list), err)
	})
}

// clientOf finds a client by its hardware address.
func clientOf(d api.Document, mac string) api.Client {
	for _, c := range d.Clients {
		if c.MAC == mac {
			return c
		}
	}
	return api.Client{}
}

// witness counts packets that pass by routing, in a table of its own.
const witness = `table inet witness {
	chain forward {
		type filter hook forward priority -1
		counter
	}
}`

func witnessed(t *testing.T) int {
	t.Helper()
	m := regexp.MustCompile(`packets (\d+)`).FindStringSubmatch(run(t, "nft", "list", "table", "inet", "witness"))
	if m == nil {
		t.Fatal("the witness is gone")
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// atHome is a gateway with a modem of that world, on the air, and a station that has joined it
// and has a lease.
func atHome(t *testing.T, by string) (*world, *gateway, *station) {
	t.Helper()
	w := newWorld(t)
	newRadios(t, 2)
	s := newStation(t, "wlan1")
	g := newGateway(t, home().config())
	w.plug()
	g.onAir(home())
	s.join("Home", home().passphrase, by)
	s.lease()
	return w, g, s
}

// TestStationsOnlineThroughUSB is the whole chain: stations associate over WPA2 and
// over WPA3, lease, resolve and load, through NAT by the kernel's short way, through
// its driver and the modem, from the operator.
func TestStationsOnlineThroughUSB(t *testing.T) {
	w := newWorld(t)
	newRadios(t, 3)
	two, three := newStation(t, "wlan1"), newStation(t, "wlan2")
	g := newGateway(t, home().config())
	w.plug()
	g.onAir(home())
	two.join("Home", home().passphrase, byWPA2)
	two.lease()
	g.online()
	two.fetch()
	g.offloading()
	three.join("Home", home().passphrase, byWPA3)
	three.lease()
	three.fetch()

	run(t, "nft", witness)
	defer run(t, "nft", "delete", "table", "inet", "witness")
	const size = 4 << 20
	two.download(size)
	if n := witnessed(t); n > size/1500/4 {
		t.Errorf("%d packets of a download took the long way", n)
	} else {
		t.Logf("%d packets of a download took the long way", n)
	}
	g.await("stations are shown and counted", func(d api.Document) error {
		a, b := clientOf(d, two.mac()), clientOf(d, three.mac())
		switch {
		case a.WiFi == nil || a.WiFi.Security != "wpa2" || a.WiFi.Signal >= 0 || !a.WiFi.Authorised:
			return fmt.Errorf("by WPA2: %+v %+v", a, a.WiFi)
		case b.WiFi == nil || b.WiFi.Security != "wpa3" || !b.WiFi.Protected:
			return fmt.Errorf("by WPA3: %+v %+v", b, b.WiFi)
		case a.Down < size || a.Down > size*13/10:
			return fmt.Errorf("%d bytes for %d", a.Down, size)
		}
		return nil
	})
}
