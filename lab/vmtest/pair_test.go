//go:build vm

package vmtest

import (
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/tetherd/tetherd/api"
)

// only keeps a station to a frequency in MHz, as who stands nearer to one radio.
func only(way string, frequency int) string {
	return way + "\n\tfreq_list=" + strconv.Itoa(frequency)
}

// pair waits until two radios are on the air with one name, each in a band of its own.
func (g *gateway) pair(ssid string) (low, high api.Radio) {
	g.t.Helper()
	g.await("two radios on the air", func(d api.Document) error {
		if len(d.WiFi.Radios) != 2 {
			return fmt.Errorf("%+v", d.WiFi)
		}
		low, high = d.WiFi.Radios[0], d.WiFi.Radios[1]
		for i, r := range []api.Radio{low, high} {
			if r.State != "enabled" || r.Band != []string{"2.4", "5"}[i] || len(r.Networks) != 1 || r.Networks[0].SSID != ssid || r.Refused != "" || r.Error != "" {
				return fmt.Errorf("%+v", r)
			}
		}
		return nil
	})
	return low, high
}

// TestTwoRadios: of two radios that nothing is said about each takes a band, with one name
// and one LAN. A station that goes from one to the other keeps its address; what changes on
// one radio throws nobody out on the other.
func TestTwoRadios(t *testing.T) {
	w := newWorld(t)
	newRadios(t, 4)
	near, far := newStation(t, "wlan2"), newStation(t, "wlan3")
	const wifi = "config wifi 'wifi'\n\toption country 'DE'\nconfig network\n\toption ssid 'Home'\n\toption passphrase 'correct horse battery'\n\toption security 'wpa2'\n"
	g := newGateway(t, wifi)
	w.plug()
	low, high := g.pair("Home")
	near.join("Home", home().passphrase, only(byWPA2, high.Frequency))
	near.lease()
	far.join("Home", home().passphrase, only(byWPA2, low.Frequency))
	far.lease()
	g.online()
	near.fetch()
	far.fetch()
	eventually(t, "one station reaches the other", func() error {
		return near.ns.Run("ping", "-c", "1", "-W", "2", far.address())
	})

	address := near.address()
	near.join("Home", home().passphrase, only(byWPA2, low.Frequency))
	near.on(strconv.Itoa(low.Frequency))
	near.lease() // the routes went with the supplicant that ended
	near.fetch()
	if now := near.address(); now != address {
		t.Errorf("the station that went to the other radio has the address %s, before %s", now, address)
	}

	stay(t, "other radio's channel", func() {
		g.configure(wifi + "config radio\nconfig radio\n\toption interface '" + high.Interface + "'\n\toption band '5'\n\toption channel '44'\n")
		g.await("the other radio on channel 44", func(d api.Document) error {
			for _, r := range d.WiFi.Radios {
				if r.Interface == high.Interface && r.State == "enabled" && r.Channel == 44 {
					return nil
				}
			}
			return errors.New(fmt.Sprint(d.WiFi.Radios))
		})
	}, near, far)
}
