// Package config turns the text of a configuration file, in UCI syntax, into one
// validated Config. It is strict: an unknown section, option or value is an error
// that names file, line, section and option and guesses what was meant; all faults
// are reported at once. An empty file is a working gateway.
//
// uci.go reads and writes the syntax (what uci writes reads here and the other way
// round), config.go holds the types and their defaults, schema.go ties every option
// to its place in them by a codec of value.go, decode.go runs that table, check.go
// holds what depends on more than one option, wifi.go all of Wi-Fi. reference.conf documents every option
// and is parsed by a test.
package config

import (
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// Config is the owner's settings: typed, validated and complete with defaults.
// Treat it as immutable: one value may be read by several parts.
type Config struct {
	Main    Main
	Modem   Modem
	APNs    []APN // named access points in file order; empty means choose by itself
	Sharing Sharing
	LAN     LAN
	DHCP    DHCP
	Hosts   []Host
	DNS     DNS
	Probe   Probe
	Clock   Clock
	API     API

	WiFi     WiFi
	Guest    Guest
	Radios   []Radio   // empty means every radio there is
	Networks []Network // empty means one of the device's own
	Blocks   []Block

	Document Document
}

// Main is section "tetherd".
type Main struct {
	LogLevel slog.Level // debug, info, warn or error
	StateDir string     // survives a restart of the machine
	RunDir   string     // survives a restart of the process
}

// Modem is section "modem".
type Modem struct {
	Enabled bool
	Device  string // "" takes the first modem found
	PIN     string // "" none; else 4 to 8 digits
	Roaming bool   // data while roaming is allowed
	MTU     int    // bytes; 0 takes the network's, else 576 to 9000
}

// APN is one section "apn": an access point the owner named.
type APN struct {
	Section  string // section name, "" when anonymous
	APN      string // "" the network's own choice
	User     string
	Password string
	Auth     string // "auto", "none", "pap", "chap"
	Family   string // "auto", "ipv4v6", "ipv4", "ipv6"
	Purpose  string // "any", "own", "shared", "purchase": what it is for
}

// Sharing is section "sharing".
type Sharing struct {
	Enabled bool
	// MaxClients is how many clients may have Internet at a time; 0 as many as come.
	MaxClients int
	Absence    time.Duration // a silent client's place is free after, whole seconds
	Offload    bool          // established connections take the kernel's short way, where it has one
}

// LAN is section "lan".
type LAN struct {
	Bridge string
	Ports  []string
	// Address is the gateway's address and prefix length; invalid picks one that
	// is clear of every uplink.
	Address netip.Prefix
	MTU     int // bytes; 0 leaves it alone, else 576 to 9000
	// Open are TCP ports of the gateway that clients may reach besides names, leases
	// and the status.
	Open []uint16
}

// DHCP is section "dhcp".
type DHCP struct {
	Enabled   bool
	Start     int           // first host number of the pool in the LAN's subnet
	Limit     int           // number of addresses in the pool
	LeaseTime time.Duration // whole seconds, 10 s to 30 days
	Domain    string        // lower case, never empty
}

// Host is one section "host": a client's name, its reserved address, or both.
type Host struct {
	Name string // a lower-case DNS label; "" none
	MAC  net.HardwareAddr
	Addr netip.Addr // in the LAN's subnet, which is fixed then; invalid none is reserved
}

// DNS is section "dns".
type DNS struct {
	Enabled    bool
	Fallback   []netip.Addr // asked when the bearer names no servers, or they are silent
	Rebind     bool         // refuse private addresses in public answers
	RebindOK   []string     // domains, lower case, whose answers may be private
	CacheBytes int          // bound of the cache, whole KiB; 0 none
}

// Probe is section "probe" with its sections "target".
type Probe struct {
	Enabled  bool
	Client   bool          // probe from a synthetic LAN client too
	Interval time.Duration // whole seconds, 10 s to a day
	Targets  []Target      // never empty
}

// Target is one section "target": a connectivity-check page.
type Target struct {
	URL    string // http:// with a host
	Status int    // expected status code, exactly
	Body   string // expected body, exactly
}

// Clock is section "clock".
type Clock struct {
	Enabled bool
	Set     bool         // set the machine's clock when it is wrong
	Servers []netip.Addr // NTP servers
}

// Document is section "document": whom to trust with an operator's document.
type Document struct {
	Keys   []string // Ed25519 public keys, 32 bytes in base64, that sign documents
	CAFile string   // PEM file of the authorities of the operator's servers; "" the system's
}

// API is section "api".
type API struct {
	Socket string // path of the local socket
	Port   uint16 // TCP port of the page and of HTTP on the LAN; 0 none
	Ubus   string // "auto" uses the bus of OpenWrt when there is one, "off" never
	// Confirm is how long a change of the settings may take to prove good, whole seconds,
	// 10 s to 10 min.
	Confirm time.Duration
}

// Default returns what an empty file means: a gateway that picks its modem, access
// point and subnet by itself and shares the connection.
func Default() *Config {
	return &Config{
		Main:    Main{LogLevel: slog.LevelInfo, StateDir: "/var/lib/tetherd", RunDir: "/var/run/tetherd"},
		Modem:   Modem{Enabled: true},
		Sharing: Sharing{Enabled: true, Offload: true, Absence: 10 * time.Minute},
		LAN:     LAN{Bridge: "br-tether"},
		DHCP:    DHCP{Enabled: true, Start: 100, Limit: 150, LeaseTime: 12 * time.Hour, Domain: "lan"},
		DNS: DNS{
			Enabled: true,
			// Two operators, so that one's outage or block is not ours.
			Fallback:   []netip.Addr{netip.AddrFrom4([4]byte{1, 1, 1, 1}), netip.AddrFrom4([4]byte{8, 8, 8, 8})},
			Rebind:     true,
			CacheBytes: 256 << 10,
		},
		Probe: Probe{
			Enabled:  true,
			Client:   true,
			Interval: 10 * time.Minute,
			Targets: []Target{
				{URL: "http://connectivitycheck.gstatic.com/generate_204", Status: 204},
				{URL: "http://detectportal.firefox.com/success.txt", Status: 200, Body: "success\n"},
				{URL: "http://www.msftconnecttest.com/connecttest.txt", Status: 200, Body: "Microsoft Connect Test"},
			},
		},
		Clock: Clock{
			Enabled: true,
			// Two operators, for a time counts when two servers agree: Cloudflare and Google.
			Servers: []netip.Addr{netip.AddrFrom4([4]byte{162, 159, 200, 1}), netip.AddrFrom4([4]byte{216, 239, 35, 0}),
				netip.AddrFrom4([4]byte{162, 159, 200, 123}), netip.AddrFrom4([4]byte{216, 239, 35, 4})},
		},
		API: API{Socket: "/var/run/tetherd/tetherd.sock", Port: 8080, Ubus: "auto", Confirm: time.Minute},
		WiFi: WiFi{
			Enabled: true,
			Metered: "fixed", // nearly every mobile plan has a limit
		},
		Guest: Guest{Bridge: "br-guest"},
	}
}
