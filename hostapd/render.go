package hostapd

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tetherd/tetherd/wpa"
)

// Files are the texts that one hostapd process reads, by path. All are secret.
type Files map[string]string

// paths of one radio's files below the folder.
func (s Setting) configPath() string        { return filepath.Join(s.Dir, s.Radio.Interface+".conf") }
func (s Setting) denyPath() string          { return filepath.Join(s.Dir, s.Radio.Interface+".deny") }
func (s Setting) keyPath(bss string) string { return filepath.Join(s.Dir, bss+".psk") }
func (s Setting) ctrlDir() string           { return filepath.Join(s.Dir, "ctrl") }
func (s Setting) bss(i int) string          { return bssName(s.Radio.Interface, s.place(i)) }

// place is that of the i-th network among those that were wished.
func (s Setting) place(i int) int {
	if s.Tune.Places != nil {
		i = s.Tune.Places[i]
	}
	return i
}

// Interfaces are the network interfaces of the networks that are wished of a radio, in
// their order. One that is left out leaves its interface to none of the others.
func (r Radio) Interfaces() []string {
	out := make([]string, len(r.Networks))
	for i := range r.Networks {
		out[i] = bssName(r.Interface, i)
	}
	return out
}

// bssName is the interface of a radio's i-th network. Where the radio's name must be cut,
// four digits of its sum stand for its end: sticks of one make are named by their hardware
// addresses, as wlx00c0ca98a1b2, and differ there alone.
func bssName(radio string, i int) string {
	if i == 0 {
		return radio
	}
	tail := fmt.Sprintf("_%d", i)
	if len(radio)+len(tail) > maxInterface {
		tail = fmt.Sprintf("%04x", crc32.ChecksumIEEE([]byte(radio))&0xffff) + tail
		radio = radio[:maxInterface-len(tail)]
	}
	return radio + tail
}

// Render writes the files of one process. The text of a Setting whose wish was
// accepted by Apply holds nothing but what it says: names are in hex, passphrases have
// no control characters, and everything else comes from closed sets.
func Render(s Setting) Files {
	b := &lines{}
	b.comment("Written by tetherd and replaced whole; changes here are lost.")
	b.radio(s)
	for i := range s.Radio.Networks {
		b.network(s, i)
	}
	f := Files{s.configPath(): b.text.String(), s.denyPath(): denyText(s.Denied)}
	for i, n := range s.Radio.Networks {
		if n.Security == wpa.WPA2 {
			f[s.keyPath(s.bss(i))] = "00:00:00:00:00:00 " + string(n.Passphrase) + "\n"
		}
	}
	return f
}

func denyText(list []net.HardwareAddr) string {
	var b strings.Builder
	for _, m := range list {
		b.WriteString(m.String() + "\n")
	}
	return b.String()
}

// equal says that a process started with f reads the same as one started with g.
func (f Files) equal(g Files) bool { return maps.Equal(f, g) }

// lines is a file being written.
type lines struct{ text strings.Builder }

func (l *lines) comment(s string) { l.text.WriteString("# " + s + "\n") }

func (l *lines) set(key string, value any) { fmt.Fprintf(&l.text, "%s=%v\n", key, value) }

// on sets a switch that is off by default.
func (l *lines) on(key string, wanted bool) {
	if wanted {
		l.set(key, 1)
	}
}

// radio writes what all networks of a radio share.
func (l *lines) radio(s Setting) {
	t := s.Tune
	l.set("driver", cmp.Or(s.driver, "nl80211"))
	l.set("interface", s.Radio.Interface)
	if s.Country != "" {
		l.set("country_code", s.Country)
		l.set("ieee80211d", 1)
		l.on("ieee80211h", t.Band == Band5)
	}
	if t.Band == Band5 {
		l.set("hw_mode", "a")
	} else {
		l.set("hw_mode", "g")
	}
	l.set("channel", t.Channel)
	if t.Channel == 0 {
		l.set("chanlist", strings.Trim(fmt.Sprint(t.Channels), "[]"))
		l.on("acs_exclude_dfs", t.Band == Band5 && !t.Radar)
	}
	l.rates(s)
}

// network writes one SSID. Most keys belong to the network, not to the radio, also
// those that all of them share.
func (l *lines) network(s Setting, i int) {
	n := s.Radio.Networks[i]
	if i > 0 {
		l.text.WriteString("\n")
		l.set("bss", s.bss(i))
		l.set("bssid", bssid(s.Capabilities.Address, s.place(i)))
	}
	l.set("ctrl_interface", s.ctrlDir())
	l.set("logger_syslog", 0)
	l.set("logger_stdout", -1)
	l.set("logger_stdout_level", 2)
	l.set("ssid2", hex.EncodeToString([]byte(n.SSID)))
	l.on("utf8_ssid", strings.ContainsFunc(n.SSID, func(r rune) bool { return r > '~' }))
	l.on("ignore_broadcast_ssid", n.Hidden)
	if n.Bridge != "" {
		l.set("bridge", n.Bridge)
	}
	l.on("ap_isolate", n.Isolate || n.Guest)
	l.set("max_num_sta", n.limit())
	l.set("macaddr_acl", 0)
	l.set("deny_mac_file", s.denyPath())
	l.set("wmm_enabled", 1) // 802.11n and later need it
	if e := s.Cost.Element(); e != "" {
		l.set("vendor_elements", e)
	}
	l.security(s, i)
}

// limit is the bound of the station table.
func (n Network) limit() int {
	if n.MaxStations == 0 {
		return maxStations
	}
	return n.MaxStations
}

// security writes how stations authenticate. WPA2 alone reads its passphrase from a
// file of its own, which hostapd can read again without dropping anybody; SAE derives
// keys from the passphrase at the start and cannot.
func (l *lines) security(s Setting, i int) {
	n := s.Radio.Networks[i]
	l.set("auth_algs", 1) // open system; shared key is WEP's
	l.set("wpa", 2)
	l.set("rsn_pairwise", "CCMP")
	switch n.Security {
	case wpa.WPA2:
		l.set("wpa_key_mgmt", "WPA-PSK")
		l.on("ieee80211w", s.Capabilities.Protection)
		l.set("wpa_psk_file", s.keyPath(s.bss(i)))
		return
	case wpa.WPA3:
		l.set("wpa_key_mgmt", "SAE")
		l.set("ieee80211w", 2)
	default:
		l.set("wpa_key_mgmt", "WPA-PSK SAE")
		l.set("ieee80211w", 1)
		l.set("sae_require_mfp", 1)
	}
	l.set("sae_pwe", 2) // both ways, for stations old and new
	// Not sae_password: that key takes a '|' in the passphrase for options.
	l.set("wpa_passphrase", string(n.Passphrase))
}

// bssid derives the address of a radio's i-th network: locally administered, and
// different from the radio's and from each other's in the first octet alone, as
// drivers with address masks want it. An address must be named because hostapd would
// count up from the radio's own, which most radios' do not allow.
func bssid(base net.HardwareAddr, i int) net.HardwareAddr {
	a := slices.Clone(base)
	if len(a) != 6 {
		a = net.HardwareAddr{0, 0, 0, 0, 0, 0}
	}
	local := a[0]&2 != 0
	a[0] = a[0]&^1 | 2
	if local {
		a[0] ^= byte(i) << 2
	} else {
		a[0] ^= byte(i-1) << 2
	}
	return a
}
