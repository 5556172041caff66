package config

import "time"

// kind is one type of section and how many there may be.
type kind struct {
	kind string
	name string // what a section is called that can be there once; "" when there may be many
	max  int
	// count and grow are of kinds that may come many times; the first grow drops
	// the default ones.
	count func(*Config) int
	grow  func(c *Config)
	label func(c *Config, i int) *string // keeps the section's name; nil drops it
	// fields ties the options to section i of this kind.
	fields func(c *Config, i int) []field
}

// field is one option and its place in a Config. It is for one section and one
// reading: the first set of a list drops its default.
type field struct {
	name   string
	list   bool
	needed bool
	lines  bool // a value may hold line breaks and tabs
	secret bool // the value is not shown
	set    func(string) error
	get    func() []string
}

// kinds is the whole schema, in the order in which a Config is written.
func kinds() []kind {
	return append(wiredKinds(), wifiKinds()...)
}

func wiredKinds() []kind {
	return []kind{
		once("tetherd", "main", func(c *Config) []field {
			return []field{
				one("log_level", &c.Main.LogLevel, logLevel()),
				one("state_dir", &c.Main.StateDir, file(100)),
				one("run_dir", &c.Main.RunDir, file(100)),
			}
		}),
		once("modem", "modem", func(c *Config) []field {
			return []field{
				one("enabled", &c.Modem.Enabled, boolean()),
				one("device", &c.Modem.Device, upTo(255)),
				hide(one("pin", &c.Modem.PIN, pin())),
				one("roaming", &c.Modem.Roaming, boolean()),
				one("mtu", &c.Modem.MTU, number[int](576, 9000, 0)),
			}
		}),
		many("apn", 16, func(c *Config) *[]APN { return &c.APNs },
			APN{Auth: "auto", Family: "auto", Purpose: "any"},
			func(a *APN) *string { return &a.Section },
			func(a *APN) []field {
				return []field{
					one("apn", &a.APN, apn()),
					one("user", &a.User, upTo(255)),
					hide(one("password", &a.Password, upTo(255))),
					one("auth", &a.Auth, word("auto", "none", "pap", "chap")),
					one("family", &a.Family, word("auto", "ipv4v6", "ipv4", "ipv6")),
					one("purpose", &a.Purpose, word("any", "own", "shared", "purchase")),
				}
			}),
		once("sharing", "sharing", func(c *Config) []field {
			return []field{
				one("enabled", &c.Sharing.Enabled, boolean()),
				one("max_clients", &c.Sharing.MaxClients, number[int](1, 1024, 0)),
				one("absence", &c.Sharing.Absence, span(time.Minute, day)),
				one("offload", &c.Sharing.Offload, choice([]string{"auto", "off"}, []bool{true, false})),
			}
		}),
		once("lan", "lan", func(c *Config) []field {
			return []field{
				one("bridge", &c.LAN.Bridge, ifname()),
				list("port", &c.LAN.Ports, 32, ifname()),
				one("address", &c.LAN.Address, lanAddress()),
				one("mtu", &c.LAN.MTU, number[int](576, 9000, 0)),
				list("open", &c.LAN.Open, 16, number[uint16](1, 65535)),
			}
		}),
		once("dhcp", "dhcp", func(c *Config) []field {
			return []field{
				one("enabled", &c.DHCP.Enabled, boolean()),
				one("start", &c.DHCP.Start, number[int](1, 1<<24-2)),
				one("limit", &c.DHCP.Limit, number[int](1, 4096)),
				one("leasetime", &c.DHCP.LeaseTime, span(10*time.Second, 30*day)),
				one("domain", &c.DHCP.Domain, domain()),
			}
		}),
		many("host", 256, func(c *Config) *[]Host { return &c.Hosts },
			Host{}, nil,
			func(h *Host) []field {
				return []field{
					one("name", &h.Name, hostname()),
					need(one("mac", &h.MAC, mac())),
					one("ip", &h.Addr, ipv4()),
				}
			}),
		once("dns", "dns", func(c *Config) []field {
			return []field{
				one("enabled", &c.DNS.Enabled, boolean()),
				list("fallback", &c.DNS.Fallback, 8, resolver()),
				one("rebind_protection", &c.DNS.Rebind, boolean()),
				list("rebind_ok", &c.DNS.RebindOK, 64, domain()),
				one("cache_size", &c.DNS.CacheBytes, kibibytes(16<<10)),
			}
		}),
		once("probe", "probe", func(c *Config) []field {
			return []field{
				one("enabled", &c.Probe.Enabled, boolean()),
				one("client", &c.Probe.Client, boolean()),
				one("interval", &c.Probe.Interval, span(10*time.Second, day)),
			}
		}),
		many("target", 8, func(c *Config) *[]Target { return &c.Probe.Targets },
			Target{Status: 204}, nil,
			func(t *Target) []field {
				body := one("body", &t.Body, upTo(512))
				body.lines = true
				return []field{
					need(one("url", &t.URL, pageURL())),
					one("status", &t.Status, number[int](100, 599)),
					body,
				}
			}),
		once("clock", "clock", func(c *Config) []field {
			return []field{
				one("enabled", &c.Clock.Enabled, boolean()),
				one("set", &c.Clock.Set, boolean()),
				list("server", &c.Clock.Servers, 8, timeServer()),
			}
		}),
		once("document", "document", func(c *Config) []field {
			return []field{
				list("key", &c.Document.Keys, 8, publicKey()),
				one("ca_file", &c.Document.CAFile, optionalFile(200)),
			}
		}),
		once("api", "api", func(c *Config) []field {
			return []field{
				// sun_path holds 108 bytes with the zero byte (unix(7)).
				one("socket", &c.API.Socket, file(107)),
				one("port", &c.API.Port, number[uint16](0, 65535)),
				one("ubus", &c.API.Ubus, word("auto", "off")),
				one("confirm", &c.API.Confirm, span(10*time.Second, 10*time.Minute)),
			}
		}),
	}
}

// once describes a section that is there once and by default.
func once(typ, name string, fields func(*Config) []field) kind {
	return kind{
		kind: typ, name: name, max: 1,
		count:  func(*Config) int { return 1 },
		grow:   func(*Config) {},
		fields: func(c *Config, _ int) []field { return fields(c) },
	}
}

// many describes a section that may come up to max times, each beginning as fresh.
func many[T any](typ string, max int, at func(*Config) *[]T, fresh T, label func(*T) *string, fields func(*T) []field) kind {
	first := true
	k := kind{
		kind: typ, max: max,
		count: func(c *Config) int { return len(*at(c)) },
		grow: func(c *Config) {
			if first {
				*at(c), first = nil, false
			}
			*at(c) = append(*at(c), fresh)
		},
		fields: func(c *Config, i int) []field { return fields(&(*at(c))[i]) },
	}
	if label != nil {
		k.label = func(c *Config, i int) *string { return label(&(*at(c))[i]) }
	}
	return k
}

// one is an option with a single value.
func one[T any](name string, at *T, c codec[T]) field {
	return field{
		name: name,
		set: func(s string) (err error) {
			v, err := c.parse(s)
			if err == nil {
				*at = v
			}
			return err
		},
		get: func() []string { return []string{c.format(*at)} },
	}
}

// list is an option with up to max different values.
func list[T any](name string, at *[]T, max int, c codec[T]) field {
	var seen []string
	return field{
		name: name, list: true,
		set: func(s string) error {
			v, err := c.parse(s)
			if err != nil {
				return err
			}
			if len(seen) == 0 {
				*at = nil
			}
			if err := admitItem(seen, c.format(v), max); err != nil {
				return err
			}
			seen = append(seen, c.format(v))
			*at = append(*at, v)
			return nil
		},
		get: func() []string {
			var all []string
			for _, v := range *at {
				all = append(all, c.format(v))
			}
			return all
		},
	}
}

// need marks an option that has no default.
func need(f field) field {
	f.needed = true
	return f
}

// hide marks an option whose value is not shown.
func hide(f field) field {
	f.secret = true
	return f
}
