package hostapd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tetherd/tetherd/wpa"
)

// Bounds of a wish. hostapd's own are IEEE 802.11's; the others are ours.
const (
	maxRadios    = 8
	maxNetworks  = 8
	maxStations  = 2007 // association identifiers, IEEE 802.11-2020 section 9.4.1.8
	maxBlocked   = 512
	maxActs      = 64
	maxActID     = 64
	maxInterface = 15 // octets, IFNAMSIZ without its NUL
)

// Check refuses a Spec that no radio could carry out or that would not be what it
// says in hostapd's file. It tells every fault.
func Check(s Spec) error {
	var faults []error
	add := func(err error) {
		if err != nil {
			faults = append(faults, err)
		}
	}
	add(checkCountry(s.Country))
	if len(s.Radios) > maxRadios {
		add(fmt.Errorf("more than %d radios", maxRadios))
	}
	used := map[string]bool{}
	for _, r := range s.Radios {
		for n := range r.Networks {
			name := bssName(r.Interface, n)
			if used[name] {
				add(fmt.Errorf("radio %s: interface %s is used twice", r.Interface, name))
			}
			used[name] = true
		}
		if err := r.check(); err != nil {
			add(fmt.Errorf("radio %q: %w", r.Interface, err))
		}
	}
	add(checkLists(s))
	return errors.Join(faults...)
}

func checkCountry(c string) error {
	if c == "" || len(c) == 2 && upper(c[0]) && upper(c[1]) {
		return nil
	}
	return fmt.Errorf("country %q is not two upper-case letters", c)
}

func upper(b byte) bool { return 'A' <= b && b <= 'Z' }

// MaxBan is the longest that a station can be kept out by one act.
const MaxBan = 30 * 24 * time.Hour

func checkLists(s Spec) error {
	if len(s.Blocked) > maxBlocked || len(s.Kicks) > maxActs {
		return fmt.Errorf("more than %d blocked stations or %d acts", maxBlocked, maxActs)
	}
	for _, m := range s.Blocked {
		if len(m) != 6 {
			return fmt.Errorf("blocked station %v is not a 48-bit address", m)
		}
	}
	for _, k := range s.Kicks {
		if len(k.MAC) != 6 || k.Ban < 0 || k.Ban > MaxBan || !ActID(k.ID) {
			return fmt.Errorf("act %q is malformed", k.ID)
		}
	}
	if s.Cost.Level != CostUnknown && s.Cost.Level.octet() == 0 {
		return fmt.Errorf("cost level %q is unknown", s.Cost.Level)
	}
	return nil
}

// ActID says whether a text can name an act: 1 to 64 letters, digits, '-', '_', '.' and ':'.
func ActID(id string) bool {
	return id != "" && len(id) <= maxActID && strings.Trim(id, alnum+"-_.:") == ""
}

const alnum = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// checkInterface refuses what is no interface name, or one that would reach out of
// its folder or line.
func checkInterface(name string) error {
	odd := func(c rune) bool { return c <= ' ' || c > '~' || c == '/' || c == ':' || c == '%' }
	if name == "" || len(name) > maxInterface || name == "." || name == ".." || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("interface name %q is not usable", name)
	}
	return nil
}

func (r Radio) check() error {
	if err := checkInterface(r.Interface); err != nil {
		return err
	}
	switch {
	case r.Band != "" && r.Band != Band2 && r.Band != Band5:
		return fmt.Errorf("band %q is unknown", r.Band)
	case r.Channel != 0 && frequency(r.bandOfChannel(), r.Channel) == 0:
		return fmt.Errorf("channel %d is not in the %s GHz band", r.Channel, r.bandOfChannel())
	case !slices.Contains([]int{0, 20, 40, 80, 160}, r.Width):
		return fmt.Errorf("width of %d MHz is not 20, 40, 80 or 160", r.Width)
	case len(r.Networks) == 0 || len(r.Networks) > maxNetworks:
		return fmt.Errorf("has %d networks, possible are 1 to %d", len(r.Networks), maxNetworks)
	}
	for _, n := range r.Networks {
		if err := n.check(); err != nil {
			return fmt.Errorf("network %q: %w", n.SSID, err)
		}
	}
	return nil
}

// bandOfChannel is the wished band or, when none is named, the one that the channel
// number belongs to.
func (r Radio) bandOfChannel() Band {
	switch {
	case r.Band != "":
		return r.Band
	case r.Channel > 14:
		return Band5
	default:
		return Band2
	}
}

func (n Network) check() error {
	if err := wpa.CheckSSID(n.SSID); err != nil {
		return err
	}
	if n.Bridge != "" {
		if err := checkInterface(n.Bridge); err != nil {
			return fmt.Errorf("bridge: %w", err)
		}
	}
	if n.MaxStations < 0 || n.MaxStations > maxStations {
		return fmt.Errorf("station limit %d is not 1 to %d", n.MaxStations, maxStations)
	}
	return wpa.CheckPassphrase(n.Passphrase, n.Security)
}
