package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/tetherd/tetherd/secret"
	"github.com/tetherd/tetherd/wpa"
)

// WiFi is section "wifi".
type WiFi struct {
	Enabled bool
	Country string // ISO 3166-1 alpha-2, upper case; "" leaves the kernel's rules alone
	// CountryFromModem takes the country of the mobile network instead, as far as it
	// is known.
	CountryFromModem bool
	// Metered is what clients are told about the cost of traffic: "off", "unrestricted",
	// "fixed" or "variable".
	Metered string
}

// Radio is one section "radio".
type Radio struct {
	Interface string // "" every radio that no other section names; in one section at most
	Enabled   bool
	Band      string // "2.4" or "5" GHz; "" chooses
	Channel   int    // of the band; 0 chooses
	Width     int    // MHz: 20, 40, 80 or 160; 0 chooses
	DFS       bool   // channels that need a radar check may be chosen
}

// Guest is section "guest": the network of guests. It is there while a section
// "network" is for guests, or it has ports.
type Guest struct {
	Bridge string
	Ports  []string
	// Address is the gateway's address there and the prefix length; invalid picks one.
	Address netip.Prefix
}

// HasGuests says that there is a network of guests.
func (c *Config) HasGuests() bool {
	return len(c.Guest.Ports) > 0 || c.WiFi.Enabled && slices.ContainsFunc(c.Networks, func(n Network) bool { return n.Guest })
}

// Network is one section "network": a name on the air.
type Network struct {
	SSID        string // "" the device's own
	Passphrase  string // "" the device's own; guests have another one than the LAN
	Guest       bool   // for guests, who are kept from the LAN and from each other
	Security    wpa.Security
	Hidden      bool // the name is not announced
	Isolate     bool // clients cannot reach each other by radio
	MaxStations int  // 1 to 2007; 0 is the most
	// Radios are interfaces of the radios that carry it; empty means all.
	Radios []string
}

// Block is one section "block": a client that has no Internet and that no Wi-Fi network
// lets in.
type Block struct {
	MAC net.HardwareAddr
}

// wifiKinds is the part of the schema that is about Wi-Fi.
func wifiKinds() []kind {
	return []kind{
		once("wifi", "wifi", func(c *Config) []field {
			return []field{
				one("enabled", &c.WiFi.Enabled, boolean()),
				one("country", &c.WiFi.Country, country()),
				one("country_from_modem", &c.WiFi.CountryFromModem, boolean()),
				one("metered", &c.WiFi.Metered, word("off", "unrestricted", "fixed", "variable")),
			}
		}),
		once("guest", "guest", func(c *Config) []field {
			return []field{
				one("bridge", &c.Guest.Bridge, ifname()),
				list("port", &c.Guest.Ports, 32, ifname()),
				one("address", &c.Guest.Address, lanAddress()),
			}
		}),
		many("radio", 8, func(c *Config) *[]Radio { return &c.Radios },
			Radio{Enabled: true}, nil,
			func(r *Radio) []field {
				return []field{
					one("interface", &r.Interface, ifname()),
					one("enabled", &r.Enabled, boolean()),
					one("band", &r.Band, choice([]string{"auto", "2.4", "5"}, []string{"", "2.4", "5"})),
					one("channel", &r.Channel, orAuto(number[int](1, 177))),
					one("width", &r.Width, choice([]string{"auto", "20", "40", "80", "160"}, []int{0, 20, 40, 80, 160})),
					one("dfs", &r.DFS, boolean()),
				}
			}),
		many("network", 8, func(c *Config) *[]Network { return &c.Networks },
			Network{Security: wpa.WPA2WPA3}, nil,
			func(n *Network) []field {
				return []field{
					one("ssid", &n.SSID, ssid()),
					hide(one("passphrase", &n.Passphrase, upTo(64))),
					one("guest", &n.Guest, boolean()),
					one("security", &n.Security, security()),
					one("hidden", &n.Hidden, boolean()),
					one("isolate", &n.Isolate, boolean()),
					one("max_stations", &n.MaxStations, number[int](1, 2007, 0)),
					list("radio", &n.Radios, 8, ifname()),
				}
			}),
		many("block", 256, func(c *Config) *[]Block { return &c.Blocks },
			Block{}, nil,
			func(b *Block) []field { return []field{need(one("mac", &b.MAC, mac()))} }),
	}
}

// country is a code of two letters, also in lower case.
func country() codec[string] {
	c := text("must be the two letters of a country (ISO 3166-1), such as 'DE'", func(s string) bool {
		return len(s) == 2 && all(s, func(c byte) bool { return c >= 'A' && c <= 'Z' })
	})
	parse := c.parse
	c.parse = func(s string) (string, error) { return parse(strings.ToUpper(s)) }
	return c
}

// orAuto is a number that may be left to the program, which is 0.
func orAuto(c codec[int]) codec[int] {
	return codec[int]{
		parse: func(s string) (int, error) {
			if s == "auto" {
				return 0, nil
			}
			n, err := c.parse(s)
			if err != nil {
				return 0, fmt.Errorf("%w or 'auto'", err)
			}
			return n, nil
		},
		format: func(n int) string {
			if n == 0 {
				return "auto"
			}
			return c.format(n)
		},
	}
}

func ssid() codec[string] {
	return codec[string]{
		parse:  func(s string) (string, error) { return s, wpa.CheckSSID(s) },
		format: func(s string) string { return s },
	}
}

func security() codec[wpa.Security] {
	kinds := []wpa.Security{wpa.WPA2, wpa.WPA2WPA3, wpa.WPA3}
	var words []string
	for _, k := range kinds {
		words = append(words, string(k))
	}
	return choice(words, kinds)
}

func (d *decoder) checkWiFi() {
	d.checkGuest()
	for i, r := range d.config.Radios {
		d.checkRadio(i, r)
	}
	for i, n := range d.config.Networks {
		d.checkNetwork(i, n)
	}
	for i, b := range d.config.Blocks {
		if slices.ContainsFunc(d.config.Blocks[:i], func(o Block) bool { return b.MAC != nil && slices.Equal(o.MAC, b.MAC) }) {
			d.complain(place{"block", i, "mac"}, "is blocked above already")
		}
	}
}

// checkGuest keeps the network of guests apart from the LAN.
func (d *decoder) checkGuest() {
	lan, guest := d.config.LAN, d.config.Guest
	if guest.Bridge == lan.Bridge {
		d.complain(place{"guest", 0, "bridge"}, "is the LAN's bridge")
	}
	for _, p := range guest.Ports {
		if slices.Contains(lan.Ports, p) || p == guest.Bridge || p == lan.Bridge {
			d.complain(place{"guest", 0, "port"}, "is a port of the LAN or a bridge itself")
			break
		}
	}
	if slices.Contains(lan.Ports, guest.Bridge) {
		d.complain(place{"guest", 0, "bridge"}, "is a port of the LAN")
	}
	if lan.Address.IsValid() && guest.Address.IsValid() && lan.Address.Overlaps(guest.Address) {
		d.complain(place{"guest", 0, "address"}, "is in the LAN's subnet")
	}
}

func (d *decoder) checkRadio(i int, r Radio) {
	if !d.spots[place{"radio", i, "interface"}].bad && slices.ContainsFunc(d.config.Radios[:i], func(o Radio) bool { return o.Interface == r.Interface }) {
		d.complain(place{"radio", i, "interface"}, "is the same as in a section above; one section may do without, for all other radios")
	}
	if slices.ContainsFunc(d.config.Radios, func(o Radio) bool { return o.Interface != "" && isFurther(r.Interface, o.Interface) }) {
		d.complain(place{"radio", i, "interface"}, "is the name of another radio's network")
	}
	if err := r.checkChannel(); err != nil {
		d.complain(place{"radio", i, "channel"}, err.Error())
	}
}

// isFurther tells whether a name is the one that the interface of a radio's second or later
// network has, as hostapd's Radio.Interfaces makes it.
func isFurther(name, radio string) bool {
	n, ok := strings.CutPrefix(name, radio+"_")
	return ok && len(n) == 1 && n >= "1" && n <= "7" // of at most 8
}

// checkChannel refuses a channel that is not in the band (IEEE 802.11-2020 annex E).
func (r Radio) checkChannel() error {
	switch low := r.Channel <= 14; {
	case r.Channel == 0:
		return nil
	case !low && r.Channel < 36:
		return errors.New("must be 1 to 14 (2.4 GHz) or 36 to 177 (5 GHz)")
	case low && r.Band == "5":
		return errors.New("is not in the 5 GHz band, whose channels are 36 to 177")
	case !low && r.Band == "2.4":
		return errors.New("is not in the 2.4 GHz band, whose channels are 1 to 14")
	}
	return nil
}

func (d *decoder) checkNetwork(i int, n Network) {
	if n.Passphrase != "" {
		if err := wpa.CheckPassphrase(secret.Text(n.Passphrase), n.Security); err != nil {
			d.complain(place{"network", i, "passphrase"}, err.Error())
		}
	}
	for _, name := range n.Radios {
		if !d.config.carries(name) {
			d.complain(place{"network", i, "radio"}, "names an interface that no section 'radio' names")
		}
	}
}

// carries says that a radio is used if it is there.
func (c *Config) carries(name string) bool {
	return len(c.Radios) == 0 || slices.ContainsFunc(c.Radios, func(r Radio) bool { return r.Interface == "" || r.Interface == name })
}
