package hostapd

import (
	"errors"
	"fmt"
	"net"

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
// difference. It fails when nothing like the wish is possible, or a network cannot be as
// secure as it must be, unless trouble says that others go without it.
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
	return r.secured(c, t, tune)
}

// secured settles the security of all networks, of which as many stay as the radio carries:
// one that is left out for its security takes no place from another. The first is never left
// out: its interface is the radio's own, on which the others stand.
func (r Radio) secured(c Capabilities, t Trouble, tune Tune) (Radio, Tune, error) {
	list, places := r.Networks, []int(nil)
	r.Networks = nil
	for i, n := range list {
		if most := c.MaxNetworks; most > 0 && len(r.Networks) >= most {
			tune.Why = append(tune.Why, fmt.Sprintf("network %q is left out: the radio carries %d at once", n.SSID, most))
			continue
		}
		lack := secure(&n, c, t, &tune)
		switch {
		case lack == "":
			r.Networks, places = append(r.Networks, n), append(places, i)
		case i > 0 && t.Some:
			tune.Why = append(tune.Why, fmt.Sprintf("network %q is left out: %s", n.SSID, lack))
		default:
			return r, tune, fmt.Errorf("network %q: %s", n.SSID, lack)
		}
	}
	if len(places) > 0 && places[len(places)-1] >= len(places) {
		tune.Places = places
	}
	return r, tune, nil
}

// guarded counts the networks that are to have WPA3 alone, the only ones that can lack it.
func (r Radio) guarded() (n int) {
	for _, o := range r.Networks {
		if o.Security == wpa.WPA3 {
			n++
		}
	}
	return n
}

// secure settles a network's security: without WPA3 the default falls to WPA2, which
// it includes, and WPA3 alone is not weakened: what it lacks is returned.
func secure(n *Network, c Capabilities, t Trouble, tune *Tune) (lack string) {
	if n.Security == "" {
		n.Security = wpa.WPA2WPA3
	}
	switch {
	case n.Security == wpa.WPA2:
		return ""
	case t.SAE:
		lack = "hostapd is built without WPA3"
	case !c.Protection:
		lack = "the radio cannot protect management frames, which WPA3 needs"
	default:
		return ""
	}
	if n.Security == wpa.WPA3 {
		return lack
	}
	n.Security = wpa.WPA2
	tune.Why = append(tune.Why, fmt.Sprintf("network %q is WPA2 only: %s", n.SSID, lack))
	return ""
}
