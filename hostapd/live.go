package hostapd

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/tetherd/tetherd/wpa"
)

// command is one line for the control socket of one network's interface.
type command struct{ bss, text string }

// live tells how a running process gets from one setting to another without dropping
// stations, once the files are written; ok is false when it must be restarted. Who uses
// a WPA2 passphrase that is no longer valid is thrown out by hostapd itself.
func live(from, to Setting) (list []command, ok bool) {
	if !Render(from.still(to)).equal(Render(to.still(from))) {
		return nil, false
	}
	for i := range to.Radio.Networks {
		was, is := from.Radio.Networks[i], to.Radio.Networks[i]
		add := func(format string, args ...any) {
			list = append(list, command{to.bss(i), fmt.Sprintf(format, args...)})
		}
		if was.limit() != is.limit() {
			add("SET max_num_sta %d", is.limit())
		}
		if was.Passphrase != is.Passphrase {
			add("RELOAD_WPA_PSK")
		}
		for _, m := range without(from.Denied, to.Denied) {
			add("DENY_ACL DEL_MAC %v", m)
		}
		for _, m := range without(to.Denied, from.Denied) {
			add("DENY_ACL ADD_MAC %v", m) // disconnects it too
		}
		if from.Cost.Element() != to.Cost.Element() {
			add("SET vendor_elements %s", to.Cost.Element())
			add("UPDATE_BEACON")
		}
	}
	if from.Tune.Channel != to.Tune.Channel {
		list = append(list, command{to.bss(0), to.channelSwitch()})
	}
	return list, true
}

// still is the setting with everything blanked that need not stop a process on its
// way to or from another setting.
func (s Setting) still(other Setting) Setting {
	s.Denied, s.Cost = nil, Cost{}
	s.Radio.Networks = slices.Clone(s.Radio.Networks)
	for i := range s.Radio.Networks {
		n := &s.Radio.Networks[i]
		n.MaxStations = 0
		if n.Security == wpa.WPA2 {
			n.Passphrase = ""
		}
	}
	if s.Tune.switchable() && other.Tune.switchable() && s.Tune.Band == other.Tune.Band && s.Tune.Width == other.Tune.Width {
		s.Tune = Tune{Band: s.Tune.Band, Width: s.Tune.Width, Channel: 1, Secondary: min(1, s.Tune.Width/40), Places: s.Tune.Places}
	}
	return s
}

// switchable says that a channel can be reached or left by an announcement in beacons:
// it is known, and nobody has to listen for radar first.
func (t Tune) switchable() bool { return t.Channel != 0 && t.Channel != japan && !t.Radar }

// channelSwitch announces the new channel in five beacons, half a second.
func (s Setting) channelSwitch() string {
	t := s.Tune
	var b strings.Builder
	fmt.Fprintf(&b, "CHAN_SWITCH 5 %d sec_channel_offset=%d bandwidth=%d", t.Frequency, t.Secondary, t.Width)
	switch {
	case t.Centre != 0:
		fmt.Fprintf(&b, " center_freq1=%d", frequency(Band5, t.Centre))
	default:
		fmt.Fprintf(&b, " center_freq1=%d", t.Frequency+10*t.Secondary)
	}
	band := s.Capabilities.Band(t.Band)
	for _, x := range []struct {
		name string
		has  bool
	}{
		{" ht", band != nil && band.HT != nil},
		{" vht", band != nil && band.VHT != nil && t.Band == Band5},
		{" he", band != nil && band.HE != nil},
	} {
		if x.has {
			b.WriteString(x.name)
		}
	}
	return b.String()
}

// without lists the members of a that b lacks.
func without(a, b []net.HardwareAddr) []net.HardwareAddr {
	var out []net.HardwareAddr
	for _, m := range a {
		if !slices.ContainsFunc(b, func(o net.HardwareAddr) bool { return bytes.Equal(m, o) }) {
			out = append(out, m)
		}
	}
	return out
}
