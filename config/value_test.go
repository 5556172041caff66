package config

import (
	"strings"
	"testing"
)

// Each option with values at its borders: those that are accepted and those that
// are refused.
func TestValues(t *testing.T) {
	n := strings.Repeat
	for option, c := range map[string]struct{ good, bad []string }{
		"tetherd.log_level": {
			[]string{"debug", "info", "warn", "error"},
			[]string{"warning", "Info", "1"}},
		"tetherd.run_dir": {
			[]string{"/r", "/var/run/x", "/" + n("a", 99)},
			[]string{"/", "run", "./run", "/a/../b", "/a//b", "/a/", "/" + n("a", 100), "/a\nb"}},
		"modem.enabled": {
			[]string{"0", "1", "on", "off", "true", "false", "yes", "no", "enabled", "disabled"},
			[]string{"2", "TRUE", "y"}},
		"modem.pin": {
			[]string{"0000", "12345678"},
			[]string{"123", "123456789", "12a4", "-123", "１２３４"}},
		"modem.mtu": {
			[]string{"0", "576", "9000"},
			[]string{"1", "575", "9001", "-1", "+600", "1e3", "0x300", "99999999999999999999"}},
		"modem.device": {
			[]string{"1-1.2", "/sys/devices/a b", n("d", 255)},
			[]string{n("d", 256), "a\tb", "a\x7fb", "\xc2\x85"}},
		"apn.apn": {
			[]string{"internet", "Internet.T-Mobile", "a_b#c", n("a", 63) + "." + n("b", 36)},
			[]string{
				".", "a.", ".a", "a..b", "a b", "a\tb", "Brücke", n("a", 64),
				n("a", 63) + "." + n("b", 37),
			}},
		"apn.user":     {[]string{"Ä b'c\"", n("u", 255)}, []string{n("u", 256), "a\nb"}},
		"apn.password": {[]string{" ", n("p", 255)}, []string{n("p", 256), "a\x00b", "\xff"}},
		"apn.auth":     {[]string{"auto", "none", "pap", "chap"}, []string{"both", "PAP"}},
		"apn.family":   {[]string{"auto", "ipv4v6", "ipv4", "ipv6"}, []string{"ip", "ipv4,ipv6"}},
		"lan.bridge": {
			[]string{"b", "br-tether", "abcdefghijklmno", "br.5@x"},
			[]string{".", "..", "abcdefghijklmnop", "a/b", "a b", "a:1", "br%d", "brü"}},
		"lan.address": {
			[]string{
				"auto", "192.168.7.1/24", "10.0.0.1/8", "10.255.255.254/8", "172.31.255.1/12",
				"100.64.0.1/10", "192.168.0.1/16", "192.168.7.2/24",
			},
			[]string{"192.168.7.1", "192.168.7.0/24", "192.168.7.255/24", "192.168.7.1/31", "192.168.7.1/15", "11.0.0.1/24",
				"10.0.0.1/7", "127.0.0.1/24", "0.0.0.0/8", "224.0.0.1/24", "fd00::1/64", "::ffff:10.0.0.1/120", "192.168.7.1/024", "Auto"}},
		"dhcp.limit": {[]string{"1", "150"}, []string{"0", "4097", "x"}},
		"dhcp.start": {[]string{"1", "105"}, []string{"0", "16777215"}},
		"dhcp.leasetime": {
			[]string{"10", "10s", "1m", "12h", "30d", "720h", "2592000"},
			[]string{
				"9", "9s", "0", "31d", "2592001", "1.5h", "1h30m", "h", "h1", "-1h", "4294967295d",
				"12H", "12 h",
			}},
		"dhcp.domain": {[]string{"lan", "A-1.example", n("a", 63)}, []string{"a.", ".", "-a", "a-", "a_b", "a b", n("a", 64), n("a.", 127) + "a"}},
		"host.name":   {[]string{"printer", "A-1"}, []string{"a.b", "-a", "a_b", n("a", 64)}},
		"host.mac": {
			[]string{"02:00:5e:10:00:01", "02-00-5E-10-00-01", "0200.5e10.0001"},
			[]string{
				"02:00:5e:10:00", "03:00:5e:10:00:01", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff",
				"02:00:5e:10:00:01:02:03", "x",
			}},
		"host.ip": {[]string{"192.168.7.9"},
			[]string{
				"127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "169.254.0.1", "fd00::1",
				"192.168.7.9/24", "printer",
			}},
		"dns.fallback": {[]string{"9.9.9.9", "2620:fe::fe", "10.0.0.1"},
			[]string{
				"127.0.0.1", "::1", "::", "0.0.0.0", "ff02::1", "fe80::1", "fe80::1%eth0",
				"2620:fe::fe%a", "::ffff:9.9.9.9", "dns.example", "9.9.9.9:53",
			}},
		"dns.cache_size": {[]string{"0", "16384"}, []string{"16385", "-1", "1K"}},
		"dns.rebind_ok":  {[]string{"corp.example"}, []string{"*.corp.example", ".example"}},
		"probe.interval": {[]string{"10s", "1d"}, []string{"9s", "86401"}},
		"target.url": {[]string{
			"http://a", "http://a/", "http://a:65535/b?c=d", "HTTP://a", "http://[2001:db8::1]/",
			"http://192.0.2.1/",
		}, []string{
			"https://a", "a", "//a", "http:///b", "http://", "http://:80/", "http://u@a/",
			"http://u:p@a/", "http://a/#b", "http://a/#", "http://a:65536/", "http://a:x/",
			"http://a b/", "http://a/ b", "http://a/" + n("b", 512), "http://ä/",
		}},
		"target.status":     {[]string{"100", "599"}, []string{"99", "600"}},
		"target.body":       {[]string{"a\r\n\tb", n("b", 512)}, []string{n("b", 513), "a\x1bb", "\x80"}},
		"api.port":          {[]string{"0", "65535"}, []string{"65536", "-1", "http"}},
		"api.ubus":          {[]string{"auto", "off"}, []string{"on", "1"}},
		"api.socket":        {[]string{"/a", "/" + n("a", 106)}, []string{"a", "/" + n("a", 107)}},
		"sharing.enabled":   {[]string{"0"}, []string{"maybe"}},
		"lan.port":          {[]string{"eth0"}, []string{"eth0 eth1", "br-tether"}},
		"lan.mtu":           {[]string{"1500"}, []string{"68"}},
		"probe.client":      {[]string{"0"}, []string{"-"}},
		"tetherd.state_dir": {[]string{"/s"}, []string{"s"}},
	} {
		t.Run(option, func(t *testing.T) {
			for _, value := range c.good {
				if faults := parseOption(option, value); len(faults) > 0 {
					t.Errorf("%q is refused: %v", value, faults)
				}
			}
			for _, value := range c.bad {
				kind, name, _ := strings.Cut(option, ".")
				faults := parseOption(option, value)
				// A fault of syntax has no option: a zero byte, say.
				if len(faults) != 1 || faults[0].Option != name && faults[0].Option != "" || strings.TrimSuffix(faults[0].Section, "[0]") != "@"+kind && faults[0].Section != "" {
					t.Errorf("%q: %v", value, faults)
				}
			}
		})
	}
}

// parseOption returns the faults of a file in which one option has a value, among
// what its section needs besides.
func parseOption(option, value string) Errors {
	kind, name, _ := strings.Cut(option, ".")
	s := section{kind: kind}
	for _, e := range map[string][]entry{
		"apn":    {{name: "apn", value: "a"}},
		"host":   {{name: "mac", value: "02:00:5e:10:00:01"}, {name: "ip", value: "192.168.7.2"}},
		"target": {{name: "url", value: "http://a/"}},
	}[kind] {
		if e.name != name {
			s.entries = append(s.entries, e)
		}
	}
	s.entries = append(s.entries, entry{name: name, value: value})
	sections := []section{s}
	if kind == "host" {
		sections = append(sections, section{kind: "lan", entries: []entry{{name: "address", value: "192.168.7.1/24"}}})
	}
	_, err := Parse("f", writeUCI(sections))
	if err == nil {
		return nil
	}
	return err.(Errors)
}

func TestChoicesShowTheirWords(t *testing.T) {
	faults := parseOption("apn.family", "dual")
	if want := "unknown value; known are auto, ipv4v6, ipv4, ipv6"; len(faults) != 1 || faults[0].Message != want {
		t.Errorf("%v", faults)
	}
}

func TestFormatSpan(t *testing.T) {
	for text, want := range map[string]string{"3600": "1h", "90": "90s", "86400": "1d", "1440m": "1d", "60s": "1m", "25h": "25h"} {
		d, err := span(0, 30*day).parse(text)
		if got := formatSpan(d); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
}
