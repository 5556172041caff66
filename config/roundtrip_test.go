package config

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tetherd/tetherd/wpa"
)

func TestUCIReadsBack(t *testing.T) {
	for name, c := range map[string]*Config{"default": Default(), "full": full(), "a device with a name": named()} {
		if d := diff(c, mustParse(t, string(c.UCI()))); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}

// testdata/full.export is what "uci export" printed of full().UCI().
func TestUCIWritesWhatUCIWrites(t *testing.T) {
	want, err := os.ReadFile("testdata/full.export")
	if err != nil {
		t.Fatal(err)
	}
	got := append([]byte("package tetherd\n"), full().UCI()...)
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Error(d)
	}
	if d := diff(full(), mustParse(t, string(want))); d != "" {
		t.Error(d)
	}
}

func TestEveryConfigReadsBack(t *testing.T) {
	for seed := range uint64(100) {
		c := random(rand.New(rand.NewPCG(seed, 1)))
		text := c.UCI()
		got, err := Parse("tetherd", text)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		if d := diff(c, got); d != "" {
			t.Fatalf("seed %d:\n%s\n%s", seed, d, text)
		}
	}
}

// named is a gateway whose owner has renamed a device, and given it no address.
func named() *Config {
	c := Default()
	c.Hosts = []Host{{Name: "tv", MAC: net.HardwareAddr{2, 0, 0x5e, 0x10, 0, 1}}}
	return c
}

// random returns a valid Config in which every field may differ from its default.
func random(r *rand.Rand) *Config {
	c := Default()
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	flip := func() bool { return r.IntN(2) == 0 }
	free := func(n int) string {
		alphabet := []rune("ab '\"\\#;$=%Ä€\U0001F4F6")
		var b strings.Builder
		for range r.IntN(n) {
			b.WriteRune(alphabet[r.IntN(len(alphabet))])
		}
		return b.String()
	}
	c.Main.LogLevel = slog.Level(4*r.IntN(4) - 4) // debug to error
	c.Main.StateDir, c.Main.RunDir = pick("/a", "/s p/it's"), pick("/b", "/c/#d")
	c.Modem = Modem{Enabled: flip(), Device: free(20), PIN: pick("", "0000", "12345678"), Roaming: flip(), MTU: pickInt(r, 0, 576, 9000)}
	for i := range r.IntN(17) {
		c.APNs = append(c.APNs, APN{
			Section: pick("", fmt.Sprintf("apn_%d", i)), APN: pick("a", "Inter.Net", "we'b", `"x"`, `\`, "#;"),
			User: free(30), Password: free(60), Auth: pick("auto", "none", "pap", "chap"), Family: pick("auto", "ipv4v6", "ipv4", "ipv6"),
			Purpose: pick("any", "own", "shared", "purchase"),
		})
	}
	c.Sharing = Sharing{Enabled: flip(), Offload: flip(), MaxClients: r.IntN(1025), Absence: time.Duration(60+r.IntN(86341)) * time.Second}
	c.LAN.Bridge, c.LAN.MTU = pick("br-tether", "br'0", "#"), pickInt(r, 0, 1500)
	for i := range r.IntN(33) {
		c.LAN.Ports = append(c.LAN.Ports, fmt.Sprintf("eth%d", i))
	}
	if flip() {
		c.LAN.Address = netip.MustParsePrefix(pick("10.0.0.1/16", "172.16.5.1/20", "100.64.1.1/10"))
		base := c.LAN.Address.Masked().Addr().As4()
		for i := range r.IntN(257) {
			c.Hosts = append(c.Hosts, Host{
				Name: pick("", fmt.Sprintf("host-%d", i)),
				MAC:  net.HardwareAddr{2, 0, byte(r.Uint32()), byte(r.Uint32()), byte(i >> 8), byte(i)},
				Addr: netip.AddrFrom4([4]byte{base[0], base[1], base[2] + byte(2+i>>7), byte(1 + i&127)}),
			})
			if h := &c.Hosts[i]; h.Name != "" && flip() {
				h.Addr = netip.Addr{}
			}
		}
	}
	c.DHCP = DHCP{Enabled: flip(), Start: 1 + r.IntN(100), Limit: 1 + r.IntN(100), LeaseTime: time.Duration(10+r.IntN(2591991)) * time.Second, Domain: pick("lan", "a.b-c.1")}
	c.DNS.Enabled, c.DNS.Rebind, c.DNS.CacheBytes = flip(), flip(), r.IntN(16385)<<10
	c.DNS.Fallback = nil
	for i := range 1 + r.IntN(8) {
		c.DNS.Fallback = append(c.DNS.Fallback, netip.AddrFrom16([16]byte{0x20, 1, 15: byte(i + 1)}))
	}
	for i := range r.IntN(65) {
		c.DNS.RebindOK = append(c.DNS.RebindOK, fmt.Sprintf("d%d.example", i))
	}
	c.Probe = Probe{Enabled: flip(), Client: flip(), Interval: time.Duration(10+r.IntN(86391)) * time.Second}
	for range 1 + r.IntN(8) {
		c.Probe.Targets = append(c.Probe.Targets, Target{
			URL: pick("http://a", "http://b:8/c?d='e'&f=%20"), Status: 100 + r.IntN(500), Body: pick("", "'", "a\nb\n", "\r\n", "\t") + free(40),
		})
	}
	c.Document.CAFile = pick("", "/etc/ca.pem")
	for i := range r.IntN(9) {
		c.Document.Keys = append(c.Document.Keys, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{byte(i)}, 32)))
	}
	c.API = API{Socket: pick("/a", "/it's"), Port: uint16(r.IntN(65536)), Ubus: pick("auto", "off"), Confirm: time.Duration(10+r.IntN(590)) * time.Second}
	c.WiFi = WiFi{Enabled: flip(), Country: pick("", "DE", "US"), CountryFromModem: flip(), Metered: pick("off", "unrestricted", "fixed", "variable")}
	c.Guest = Guest{Bridge: pick("br-guest", "g'#"), Address: netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, byte(r.Uint32()), 1}), 24)}
	for i := range r.IntN(3) {
		c.Guest.Ports = append(c.Guest.Ports, fmt.Sprintf("visit%d", i))
	}
	for i := range r.IntN(9) {
		c.Radios = append(c.Radios, Radio{
			Interface: []string{"", "wlan1", "wl#2", "w'3", "phy4-ap0", "5", "6", "7"}[i], Enabled: flip(),
			Band: pick("", "5"), Channel: pickInt(r, 0, 36, 177), Width: pickInt(r, 0, 20, 40, 80, 160), DFS: flip(),
		})
	}
	for range r.IntN(9) {
		n := Network{
			SSID: pick("", "a", " ", "'Caf\u00e9'", "#;"), Passphrase: pick("", "12345678", "' \"\\ #;='~"), Hidden: flip(), Isolate: flip(), Guest: flip(),
			Security: wpa.Security(pick("wpa2", "wpa2-wpa3", "wpa3")), MaxStations: pickInt(r, 0, 1, 2007),
		}
		if flip() {
			n.Radios = []string{"wlan1", "other"}[:1+r.IntN(2)]
		}
		c.Networks = append(c.Networks, n)
	}
	for i := range r.IntN(257) {
		c.Blocks = append(c.Blocks, Block{MAC: net.HardwareAddr{2, 1, byte(r.Uint32()), 0, byte(i >> 8), byte(i)}})
	}
	if len(c.Radios) == 1 { // then there is one for any interface, and none else is needed
		c.Radios[0].Interface = ""
	}
	return c
}

func pickInt(r *rand.Rand, n ...int) int { return n[r.IntN(len(n))] }

func FuzzParse(f *testing.F) {
	f.Add([]byte(fullText))
	f.Add(Default().UCI())
	f.Add([]byte("config apn 'a'\n\toption apn \"x\\\n\ty\" # z\nconfig\nlist fallback"))
	f.Add([]byte("config host\noption mac 02:00:5e:10:00:01\noption ip 10.0.0.2\nconfig lan\noption address 10.0.0.1/8\n"))
	f.Add([]byte("config host\noption mac 02:00:5e:10:00:01\noption name tv\n"))
	f.Add([]byte("config target\noption url http://a\noption body 'x\r\n\r\ny'\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse("f", text)
		if err != nil {
			if c != nil || err.Error() == "" || len(err.(Errors)) > maxFaults+1 {
				t.Fatalf("%v with %v", err, c)
			}
			return
		}
		written := c.UCI()
		again, err := Parse("f", written)
		if err != nil {
			t.Fatalf("%v in\n%s", err, written)
		}
		if d := diff(c, again); d != "" {
			t.Fatalf("%s in\n%s", d, written)
		}
		if !bytes.Equal(written, again.UCI()) {
			t.Fatal("written differently the second time")
		}
	})
}

// What the writer quotes the reader reads, whatever it is.
func FuzzUCI(f *testing.F) {
	f.Add("plain", "it's")
	f.Add("'", "\\'\\")
	f.Add("a\r\nb\n", "#;\"$ \t")
	f.Add("'\\''", "\xff\x80")
	f.Fuzz(func(t *testing.T, one, two string) {
		if strings.ContainsRune(one+two, 0) || len(one+two) > maxLine/8 {
			return
		}
		want := []section{{kind: "a", name: "b", line: 2, end: 2, entries: []entry{
			{name: "x", value: "1" + one, line: 3, end: 3 + strings.Count(one, "\n")},
			{list: true, name: "y", value: two, line: 4 + strings.Count(one, "\n"), end: 4 + strings.Count(one+two, "\n")},
		}}}
		got, faults := readUCI(writeUCI(want))
		if d := cmp.Diff(want, got, cmp.AllowUnexported(section{}, entry{})); d != "" || len(faults) > 0 {
			t.Fatal(d, faults)
		}
	})
}
