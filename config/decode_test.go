package config

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tetherd/tetherd/wpa"
)

// exact compares everything, addresses by value.
var exact = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

var exactPrefix = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

func diff(want, got *Config) string { return cmp.Diff(want, got, exact, exactPrefix) }

func TestEmptyFileIsDefault(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n", "package tetherd\n", "config lan\nconfig tetherd 'main'\n"} {
		got, err := Parse("tetherd", []byte(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if d := diff(Default(), got); d != "" {
			t.Errorf("%q:\n%s", text, d)
		}
	}
}

func TestDefaultsAreNotShared(t *testing.T) {
	Default().DNS.Fallback[0] = netip.Addr{}
	Default().Probe.Targets[0].URL = ""
	if d := diff(Default(), mustParse(t, "")); d != "" {
		t.Error(d)
	}
}

const fullText = `
config clock
	option enabled '0'
	option set 'yes'
	list server '192.0.2.5'
config tetherd 'main'
	option log_level 'debug'
	option state_dir '/srv/state'
	option run_dir '/run/t'
config modem
	option enabled 'off'
	option device '1-1.2'
	option pin '01234567'
	option roaming yes
	option mtu 1430
config apn 'first'
	option apn 'Internet.Example_1'
	option user 'us er'
	option password 'it'\''s "secret"'
	option auth 'chap'
	option family 'ipv4v6'
	option purpose 'shared'
config apn
	option apn 'b'
config sharing 'sharing'
	option enabled 'false'
	option max_clients '5'
	option absence '90s'
	option offload 'off'
config lan 'lan'
	option bridge 'br0'
	list port 'eth0'
	list port 'eth1.5'
	option address '10.1.2.3/16'
	option mtu '1500'
	list open '22'
	list open '8443'
config dhcp 'dhcp'
	option enabled 'disabled'
	option start '256'
	option limit '4096'
	option leasetime '3600'
	option domain 'Home.Example'
config host 'a'
	option name 'Printer'
	option mac '02-00-5E-10-00-01'
	option ip '10.1.9.9'
config host
	option mac '02:00:5e:10:00:02'
	option ip '10.1.0.1'
config dns 'dns'
	option enabled 0
	list fallback '2001:DB8::1'
	option rebind_protection no
	list rebind_ok 'Corp.Example'
	option cache_size '0'
config probe 'probe'
	option enabled '0'
	option client '0'
	option interval '90'
config target
	option url 'http://check.example:81/a?b=c'
	option status '200'
	option body 'it'\''s
	fine'
config target
	option url 'http://other.example'
config document
	list key 'Km0/yZ5oOMPCCT8b9sQ7BFzUfFjzuNhSv7hNOvdIuQc='
	option ca_file '/etc/ca.pem'
config api
	option socket '/run/t.sock'
	option port '0'
	option ubus 'off'
	option confirm '90s'
config wifi
	option enabled '0'
	option country 'de'
	option country_from_modem '1'
	option metered 'variable'
config guest
	option bridge 'br-visit'
	list port 'eth2'
	option address '10.9.0.1/24'
config radio 'one'
	option interface 'wlan0'
	option band '5'
	option channel '36'
	option width '80'
	option dfs '1'
config radio
	option enabled '0'
config network 'home'
	option ssid 'Café "Zur Post"'
	option passphrase 'it'\''s so; secret'
	option guest '1'
	option security 'wpa3'
	option hidden '1'
	option isolate '1'
	option max_stations '32'
	list radio 'wlan0'
	list radio 'wlan1'
config network
config block
	option mac '02-00-5E-10-00-07'
`

func full() *Config {
	return &Config{
		Main:  Main{LogLevel: slog.LevelDebug, StateDir: "/srv/state", RunDir: "/run/t"},
		Modem: Modem{Device: "1-1.2", PIN: "01234567", Roaming: true, MTU: 1430},
		APNs: []APN{
			{Section: "first", APN: "Internet.Example_1", User: "us er", Password: `it's "secret"`, Auth: "chap", Family: "ipv4v6", Purpose: "shared"},
			{APN: "b", Auth: "auto", Family: "auto", Purpose: "any"},
		},
		Sharing: Sharing{MaxClients: 5, Absence: 90 * time.Second},
		LAN:     LAN{Bridge: "br0", Ports: []string{"eth0", "eth1.5"}, Address: netip.MustParsePrefix("10.1.2.3/16"), MTU: 1500, Open: []uint16{22, 8443}},
		DHCP:    DHCP{Start: 256, Limit: 4096, LeaseTime: time.Hour, Domain: "home.example"},
		Hosts: []Host{
			{Name: "printer", MAC: net.HardwareAddr{2, 0, 0x5e, 0x10, 0, 1}, Addr: netip.MustParseAddr("10.1.9.9")},
			{MAC: net.HardwareAddr{2, 0, 0x5e, 0x10, 0, 2}, Addr: netip.MustParseAddr("10.1.0.1")},
		},
		DNS: DNS{Fallback: []netip.Addr{netip.MustParseAddr("2001:db8::1")}, RebindOK: []string{"corp.example"}},
		Probe: Probe{Interval: 90 * time.Second, Targets: []Target{
			{URL: "http://check.example:81/a?b=c", Status: 200, Body: "it's\n\tfine"},
			{URL: "http://other.example", Status: 204},
		}},
		Clock:  Clock{Set: true, Servers: []netip.Addr{netip.MustParseAddr("192.0.2.5")}},
		API:    API{Socket: "/run/t.sock", Ubus: "off", Confirm: 90 * time.Second},
		WiFi:   WiFi{Country: "DE", CountryFromModem: true, Metered: "variable"},
		Guest:  Guest{Bridge: "br-visit", Ports: []string{"eth2"}, Address: netip.MustParsePrefix("10.9.0.1/24")},
		Radios: []Radio{{Interface: "wlan0", Enabled: true, Band: "5", Channel: 36, Width: 80, DFS: true}, {}},
		Networks: []Network{
			{SSID: `Café "Zur Post"`, Passphrase: "it's so; secret", Guest: true, Security: wpa.WPA3, Hidden: true, Isolate: true, MaxStations: 32, Radios: []string{"wlan0", "wlan1"}},
			{Security: wpa.WPA2WPA3},
		},
		Blocks:   []Block{{MAC: net.HardwareAddr{2, 0, 0x5e, 0x10, 0, 7}}},
		Document: Document{Keys: []string{"Km0/yZ5oOMPCCT8b9sQ7BFzUfFjzuNhSv7hNOvdIuQc="}, CAFile: "/etc/ca.pem"},
	}
}

func TestEveryOptionArrives(t *testing.T) {
	if d := diff(full(), mustParse(t, fullText)); d != "" {
		t.Error(d)
	}
	// A value that is the default would not show whether its option is read.
	def := mustParse(t, "")
	for _, k := range kinds() {
		if k.name == "" {
			continue
		}
		got := k.fields(full(), 0)
		for i, f := range k.fields(def, 0) {
			if cmp.Equal(f.get(), got[i].get()) {
				t.Errorf("%s.%s has its default in the test", k.kind, f.name)
			}
		}
	}
}

func TestAnEmptyOptionIsNone(t *testing.T) {
	text := "config lan\noption bridge ''\noption port ''\noption mtu\nconfig modem\noption pin ''\nconfig dhcp\noption domain ''\n"
	if d := diff(Default(), mustParse(t, text)); d != "" {
		t.Error(d)
	}
}

func TestOneOptionIsAListOfOne(t *testing.T) {
	got := mustParse(t, "config lan\noption port eth0\nconfig dns\noption fallback 9.9.9.9\n")
	if d := cmp.Diff([]string{"eth0"}, got.LAN.Ports); d != "" {
		t.Error(d)
	}
	if len(got.DNS.Fallback) != 1 {
		t.Errorf("the default stays beside the given one: %v", got.DNS.Fallback)
	}
}

func TestAllFaultsAreToldAtOnce(t *testing.T) {
	_, err := Parse("tetherd", []byte(`
config lann 'lan'
	option x y
config lan
	option addres '192.168.1.1/24'
	option mtu 'big'
	list mtu '1500'
	option bridge 'a'
	option bridge 'b'
config lan
config apn 'one'
	option auth 'pasp'
config apn 'one'
	option apn 'a..b'
config apn
	option apn 'c'
	option Apn 'c'
config modem 'api'
	option colour 'red'
	option 'broken
`))
	want := strings.Split(`tetherd:2: section 'lann': unknown section type, did you mean 'lan'?
tetherd:5: section '@lan[0]' option 'addres': unknown option, did you mean 'address'?
tetherd:6: section '@lan[0]' option 'mtu': must be a whole number from 576 to 9000 or 0
tetherd:7: section '@lan[0]' option 'mtu': takes one value: write 'option' instead of 'list'
tetherd:9: section '@lan[0]' option 'bridge': is given twice, first in line 8
tetherd:10: section '@lan[1]': section type 'lan' is given twice, first in line 4
tetherd:12: section 'one' option 'auth': unknown value, did you mean 'pap'?
tetherd:13: section 'one': the name is taken by the section in line 11
tetherd:14: section 'one' option 'apn': must be an access point name: at most 100 bytes, labels of 1 to 63 printable characters with dots between
tetherd:17: section '@apn[2]' option 'Apn': unknown option, did you mean 'apn'?
tetherd:18: section 'api': the name is kept for the section of type 'api'
tetherd:19: section 'api' option 'colour': unknown option; known are enabled, device, pin, roaming, mtu
tetherd:20: the quote opened in line 20 is never closed`, "\n")
	if d := cmp.Diff(want, strings.Split(err.Error(), "\n")); d != "" {
		t.Error(d)
	}
	var one Error
	if !errors.As(err, &one) || one.Line != 2 || one.Section != "lann" || one.File != "tetherd" {
		t.Errorf("as Error: %+v", one)
	}
	var every Errors
	if !errors.As(err, &every) || len(every) != len(want) {
		t.Errorf("as Errors: %d of %d", len(every), len(want))
	}
}

func TestFaultsAreBounded(t *testing.T) {
	_, err := Parse("f", []byte("config lan\n"+strings.Repeat("option x y\n", 200)))
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != maxFaults+1 || lines[0] != "f: more than 100 faults, the rest is not shown" {
		t.Errorf("%d lines, first %q", len(lines), lines[0])
	}
}

func TestTooManySections(t *testing.T) {
	for kind, body := range map[string]string{
		"apn":    "option apn a\n",
		"target": "option url http://a\n",
		"host":   "option mac 02:00:00:00:%02x:%02x\noption ip 10.0.%d.%d\n",
	} {
		limit := map[string]int{"apn": 16, "target": 8, "host": 256}[kind]
		text := func(n int) []byte {
			var b strings.Builder
			b.WriteString("config lan\noption address 10.0.0.1/16\n")
			for i := range n {
				fmt.Fprintf(&b, "config %s\n", kind)
				if strings.Contains(body, "%") {
					fmt.Fprintf(&b, body, i>>8, i&255, 1+i>>8, i&255)
				} else {
					b.WriteString(body)
				}
			}
			return []byte(b.String())
		}
		if _, err := Parse("f", text(limit)); err != nil {
			t.Errorf("%d of %s: %v", limit, kind, err)
		}
		_, err := Parse("f", text(limit+1))
		if want := fmt.Sprintf("more than %d sections of type '%s'", limit, kind); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%d of %s: %v", limit+1, kind, err)
		}
	}
}

// Whatever is wrong around them, faults never tell the PIN or a password.
func TestFaultsKeepSecrets(t *testing.T) {
	const secret = "hunter2"
	for _, text := range []string{
		"config modem\noption pin 'hunter2'\n",
		"config modem\noption pni 'hunter2'\n",
		"config modem\nlist pin 'hunter2'\n",
		"config modem\noption pin 12345\noption pin 'hunter2'\n",
		"config modem\noption pin 12345 hunter2\n",
		"config modem\npin hunter2\n",
		"config modem\nhunter2\n",
		"config modem\noption enabled hunter2\noption roaming hunter2\noption mtu hunter2\n",
		"config apn\noption apn a\noption password 'a\nhunter2\n",
		"config apn\noption apn a\noption password a'\nhunter2'\n",
		"config apn\noption apn a\noption password '\x01hunter2'\n",
		"config apn\noption apn a\noption password '\xffhunter2'\n",
		"config apn\noption apn 'a b hunter2'\noption auth hunter2\noption family hunter2\n",
		"config apn\noption apn a\noption password '" + strings.Repeat("hunter2", 50) + "'\n",
		"config target\noption url 'http://me:hunter2@host/'\n",
		"config target\noption url 'http://host:hunter2/'\n",
		"option password hunter2\n",
		"config lan\noption address hunter2\noption bridge 'a hunter2'\nlist port '/hunter2'\n",
		"config host\noption mac hunter2\noption ip hunter2\noption name 'hunter2 '\n",
		"config dns\nlist fallback hunter2\nlist rebind_ok '-hunter2'\noption cache_size hunter2\n",
		"config dhcp\noption leasetime hunter2\noption start hunter2\n",
		"config tetherd\noption log_level hunter2\noption run_dir hunter2\n",
	} {
		_, err := Parse("tetherd", []byte(text))
		if err == nil {
			t.Errorf("%q is accepted", text)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "tetherd")
	if _, err := Load(path); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Load(dir); err == nil || !strings.HasPrefix(err.Error(), "config: ") {
		t.Errorf("folder: %v", err)
	}
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(fullText)
	if got, err := Load(path); err != nil || diff(full(), got) != "" {
		t.Errorf("full file: %v", err)
	}
	write("config lan\noption x y\n")
	if _, err := Load(path); err == nil || !strings.HasPrefix(err.Error(), path+":2: ") {
		t.Errorf("faulty file: %v", err)
	}
	write(strings.Repeat("#\n", maxFile))
	if _, err := Load(path); err == nil || !strings.HasSuffix(err.Error(), ": the file is larger than 256 KiB") {
		t.Errorf("large file: %v", err)
	}
}

func TestGuess(t *testing.T) {
	known := []string{"enabled", "bridge", "port", "address", "mtu"}
	for wrong, want := range map[string]string{
		"addres": "address", "adress": "address", "adderss": "address", "Address": "address",
		"ports": "port", "mut": "mtu", "enable": "enabled", "brigde": "bridge",
		"colour": "", "xyz": "", "": "", strings.Repeat("address", 40): "",
	} {
		expect := "; known are enabled, bridge, port, address, mtu"
		if want != "" {
			expect = ", did you mean '" + want + "'?"
		}
		if got := guess(wrong, known); got != expect {
			t.Errorf("%q: %s", wrong, got)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "axc", 1}, {"kitten", "sitting", 3}, {"ab", "ba", 1}, {"abcd", "badc", 2}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q, %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("tetherd", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}
