package plan

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/secret"
	"github.com/tetherd/tetherd/wpa"
)

// maxRadios bounds the radios that are used without being named.
const maxRadios = 8

// wifiSpec puts the wished networks on the radios. Without a radio it is the zero Spec.
func wifiSpec(in Inputs, obs Observed, d *Desired) hostapd.Spec {
	var s hostapd.Spec
	for _, r := range radios(in.Config, obs, d) {
		o := hostapd.Radio{
			Interface: r.Interface, Band: hostapd.Band(r.Band), Channel: r.Channel, Width: r.Width, DFS: r.DFS,
			Networks: networks(in, r.Interface),
		}
		if len(o.Networks) > 0 {
			s.Radios = append(s.Radios, o)
		}
	}
	if in.WiFi == (wpa.Own{}) && NeedsOwn(in.Config, obs) {
		d.Why = append(d.Why, Reason{What: "wifi network", Value: "none yet", Why: "its name and passphrase are made at the first start"})
	}
	if len(s.Radios) == 0 {
		return s
	}
	s.Country = wifiCountry(in, d)
	s.Blocked = blocked(in.Config)
	s.Kicks = in.Kicks
	s.Cost = cost(in, obs)
	return s
}

// radios are those to use, sorted: the ones that the owner names, whether they are there
// or not, and, when none is named or a section stands for all others, those that can be
// an access point and that nobody else uses.
func radios(cfg *config.Config, obs Observed, d *Desired) []config.Radio {
	if !cfg.WiFi.Enabled {
		return nil
	}
	others := config.Radio{Enabled: len(cfg.Radios) == 0}
	var out, named []config.Radio
	for _, r := range cfg.Radios {
		switch {
		case r.Interface == "":
			others = r
		case r.Enabled:
			out, named = append(out, r), append(named, r)
		default:
			named = append(named, r)
		}
	}
	if others.Enabled {
		out = append(out, unnamed(others, named, obs, d)...)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Interface < out[j].Interface })
	return out
}

// unnamed gives the radios that nobody names the settings that stand for all of them.
// Unless a band is set, one that has both bands takes that of 5 GHz while more radios are
// on the other than there: of several that nobody names, the second.
func unnamed(others config.Radio, named []config.Radio, obs Observed, d *Desired) []config.Radio {
	low := 0 // radios on 2.4 GHz less those on 5
	for _, r := range named {
		i := slices.IndexFunc(obs.Hostapd.Devices, func(dev hostapd.Capabilities) bool { return slices.Contains(dev.Interfaces, r.Interface) })
		if r.Enabled && i >= 0 {
			low += lower(r, obs.Hostapd.Devices[i])
		}
	}
	list := free(named, obs, d)
	sort.SliceStable(list, func(i, j int) bool { return !dual(list[i]) && dual(list[j]) }) // who has no choice comes first
	var out []config.Radio
	for _, dev := range list {
		r := others
		r.Interface = dev.Interface
		if r.Band == "" && r.Channel == 0 && dev.Band(hostapd.Band5) != nil && (low > 0 || !dual(dev)) {
			r.Band = string(hostapd.Band5)
		}
		out = append(out, r)
		low += lower(r, dev)
	}
	return out
}

// free lists the radios that nobody names or seems to use, as many as may be used.
func free(named []config.Radio, obs Observed, d *Desired) (list []hostapd.Capabilities) {
	for _, dev := range obs.Hostapd.Devices {
		isNamed := slices.ContainsFunc(named, func(r config.Radio) bool { return slices.Contains(dev.Interfaces, r.Interface) })
		if isNamed || !dev.AP || dev.Interface == "" || len(named)+len(list) == maxRadios {
			continue
		}
		if why := taken(dev.Interface, obs); why != "" {
			d.Why = append(d.Why, Reason{What: "wifi radio", Value: dev.Interface, Why: "it is left alone, because " + why + "; a section 'radio' that names it takes it"})
			continue
		}
		list = append(list, dev)
	}
	return list
}

// dual says that a radio has both bands.
func dual(dev hostapd.Capabilities) bool {
	return dev.Band(hostapd.Band2) != nil && dev.Band(hostapd.Band5) != nil
}

// lower is -1 for a radio that transmits on 5 GHz, because that is set or all it has, and
// else 1.
func lower(r config.Radio, dev hostapd.Capabilities) int {
	const highest = 14 // channel of 2.4 GHz
	five := r.Band == string(hostapd.Band5) || r.Channel > highest
	if dev.Band(hostapd.Band5) != nil && (five || dev.Band(hostapd.Band2) == nil) {
		return -1
	}
	return 1
}

// taken says why a radio seems to be somebody else's; "" when it is free, or ours. That it
// was ours counts: a hostapd that outlived its tetherd holds it in the bridge.
func taken(name string, obs Observed) string {
	if slices.Contains(obs.Hostapd.Former, name) {
		return ""
	}
	if slices.ContainsFunc(obs.Hostapd.InForce.Radios, func(r hostapd.Radio) bool { return r.Interface == name }) {
		return ""
	}
	i := slices.IndexFunc(obs.Link.Interfaces, func(f link.Interface) bool { return f.Name == name })
	switch {
	case i < 0:
		return ""
	case len(obs.Link.Interfaces[i].Addresses) > 0:
		return "somebody set an address on it"
	case obs.Link.Interfaces[i].Master != "":
		return fmt.Sprintf("somebody put it into %s", obs.Link.Interfaces[i].Master)
	}
	return ""
}

// networks are those that a radio carries. Where the owner names none, or leaves out a
// name or passphrase, it is the device's own.
func networks(in Inputs, radio string) []hostapd.Network {
	var out []hostapd.Network
	for _, n := range wishedNetworks(in.Config) {
		own := in.WiFi.Of(n.Guest)
		ssid, passphrase := cmp.Or(n.SSID, own.SSID), cmp.Or(secret.Text(n.Passphrase), own.Passphrase)
		if len(n.Radios) > 0 && !slices.Contains(n.Radios, radio) || ssid == "" || passphrase == "" {
			continue
		}
		out = append(out, hostapd.Network{
			SSID: ssid, Passphrase: passphrase, Security: n.Security, Hidden: n.Hidden,
			Bridge: in.Config.LAN.Bridge, Isolate: n.Isolate, MaxStations: n.MaxStations, Guest: n.Guest,
		})
		if n.Guest {
			out[len(out)-1].Bridge = in.Config.Guest.Bridge
		}
	}
	return out
}

// wishedNetworks are the owner's, or one that is the device's own.
func wishedNetworks(cfg *config.Config) []config.Network {
	if len(cfg.Networks) > 0 {
		return cfg.Networks
	}
	return []config.Network{{}}
}

// NeedsOwn says that a network is wished for which the device must know a name or
// passphrase of its own.
func NeedsOwn(cfg *config.Config, obs Observed) bool {
	return len(radios(cfg, obs, &Desired{})) > 0 &&
		slices.ContainsFunc(wishedNetworks(cfg), func(n config.Network) bool { return n.SSID == "" || n.Passphrase == "" })
}

// Country is the country of the mobile network that the modem is registered with, or
// the one before while that is not known.
func Country(before string, m modem.Status) string {
	if !m.Registration.Registered() {
		return before
	}
	plmn := m.Registration.PLMN
	return cmp.Or(hostapd.Country(plmn[:min(3, len(plmn))]), before)
}

func wifiCountry(in Inputs, d *Desired) string {
	if !in.Config.WiFi.CountryFromModem || in.Country == "" {
		return in.Config.WiFi.Country
	}
	d.Why = append(d.Why, Reason{What: "wifi country", Value: in.Country, Why: "of the mobile network"})
	return in.Country
}

// blocked are the stations that are kept out.
func blocked(cfg *config.Config) (out hostapd.Stations) {
	for _, b := range cfg.Blocks {
		out = append(out, b.MAC)
	}
	return out.Sorted()
}

// cost is what clients are told about metering: their way out is the modem's, paid for by
// the plan that the operator's document tells of.
func cost(in Inputs, obs Observed) hostapd.Cost {
	c := hostapd.Cost{Level: hostapd.CostLevel(in.Config.WiFi.Metered)}
	switch {
	case c.Level == "off" || !in.Config.Modem.Enabled:
		return hostapd.Cost{}
	case c.Level == hostapd.CostUnrestricted:
		return c
	}
	c.Roaming = obs.Modem.Registration.Roams()
	if f := in.Document; f != nil {
		p, _ := f.Document.Plan(f.Entry)
		q := p.Quota(obs.Now)
		c.OverLimit, c.Approaching, c.Congested = q.Over, q.Near, q.Congested
	}
	return c
}
