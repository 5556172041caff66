package hostapd

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/tetherd/tetherd/wpa"
)

// Setting is everything that one hostapd process is started with.
type Setting struct {
	Dir          string // folder of the files
	Country      string
	Radio        Radio // networks as the radio can carry them
	Tune         Tune
	Capabilities Capabilities
	Denied       []net.HardwareAddr // sorted
	Cost         Cost
	driver       string // hostapd's name of it; "" is nl80211
}

// Fit turns the wish for one radio into what it can do; Tune.Why tells every
// difference. It fails when nothing like the wish is possible.
func Fit(r Radio, c Capabilities, t Trouble) (Radio, Tune, error) {
	if !c.AP {
		return r, Tune{}, errors.New("the radio cannot be an access point")
	}
	tune, err := Choose(r, c, t)
	if err != nil {
		return r, tune, err
	}
	for _, s := range [...]struct {
		name  string
		lacks bool
	}{{"802.11ac", t.AC}, {"802.11ax", t.AX}} {
		if s.lacks {
			tune.Why = append(tune.Why, "slower: hostapd is built without "+s.name)
		}
	}
	r.Networks = slices.Clone(r.Networks)
	if c.MaxNetworks > 0 && len(r.Networks) > c.MaxNetworks {
		for _, n := range r.Networks[c.MaxNetworks:] {
			tune.Why = append(tune.Why, fmt.Sprintf("network %q is left out: the radio carries %d at once", n.SSID, c.MaxNetworks))
		}
		r.Networks = r.Networks[:c.MaxNetworks]
	}
	for i := range r.Networks {
		if err := secure(&r.Networks[i], c, t, &tune); err != nil {
			return r, tune, err
		}
	}
	return r, tune, nil
}

// secure settles a network's security: without WPA3 the default falls to WPA2, which
// it includes, and WPA3 alone is not weakened.
func secure(n *Network, c Capabilities, t Trouble, tune *Tune) error {
	if n.Security == "" {
		n.Security = wpa.WPA2WPA3
	}
	lack := ""
	switch {
	case n.Security == wpa.WPA2:
		return nil
	case t.SAE:
		lack = "hostapd is built without WPA3"
	case !c.Protection:
		lack = "the radio cannot protect management frames, which WPA3 needs"
	default:
		return nil
	}
	if n.Security == wpa.WPA3 {
		return fmt.Errorf("network %q: %s", n.SSID, lack)
	}
	n.Security = wpa.WPA2
	tune.Why = append(tune.Why, fmt.Sprintf("network %q is WPA2 only: %s", n.SSID, lack))
	return nil
}
