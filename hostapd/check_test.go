package hostapd

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/secret"
	"github.com/tetherd/tetherd/wpa"
)

func good() Spec {
	return Spec{
		Country: "DE",
		Radios: []Radio{
			{Interface: "wlan0", Band: Band2, Channel: 6, Networks: []Network{home()}},
			{Interface: "wlan1", Band: Band5, Width: 80, Networks: []Network{home(), home()}},
		},
		Blocked: []net.HardwareAddr{mac(1)},
		Kicks:   []Kick{{ID: "a-1", MAC: mac(2), Ban: time.Minute}},
		Cost:    Cost{Level: CostFixed},
	}
}

func TestCheckTakesWhatIsRight(t *testing.T) {
	for name, change := range map[string]func(*Spec){
		"as it is":             func(*Spec) {},
		"off":                  func(s *Spec) { *s = Spec{} },
		"without a country":    func(s *Spec) { s.Country = "" },
		"8 characters":         func(s *Spec) { s.Radios[0].Networks[0].Passphrase = "12345678" },
		"63 characters":        func(s *Spec) { s.Radios[0].Networks[0].Passphrase = secret.Text(strings.Repeat("a", 63)) },
		"spaces and tildes":    func(s *Spec) { s.Radios[0].Networks[0].Passphrase = "  ~~  \"'" },
		"32 octets of name":    func(s *Spec) { s.Radios[0].Networks[0].SSID = strings.Repeat("é", 16) },
		"a raw key with WPA2":  func(s *Spec) { rawKey(s, wpa.WPA2) },
		"the highest channel":  func(s *Spec) { s.Radios[1].Channel = 177 },
		"any name of a bridge": func(s *Spec) { s.Radios[0].Networks[0].Bridge = "br'#=@" },
		"a VLAN as bridge":     func(s *Spec) { s.Radios[0].Networks[0].Bridge = "br-lan.10" },
		"most stations":        func(s *Spec) { s.Radios[0].Networks[0].MaxStations = 2007 },
		"an act without a ban": func(s *Spec) { s.Kicks[0].Ban = 0 },
		"two sticks of one batch, each with two networks": func(s *Spec) {
			guests := s.Radios[0].Networks[0]
			guests.SSID, guests.Guest = "Guests", true
			s.Radios[0].Networks = append(s.Radios[0].Networks[:1:1], guests)
			s.Radios = append(s.Radios[:1:1], s.Radios[0])
			s.Radios[0].Interface, s.Radios[1].Interface = "wlx00c0ca98a1b2", "wlx00c0ca98a1b7"
		},
	} {
		s := good()
		change(&s)
		if err := Check(s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func rawKey(s *Spec, sec wpa.Security) {
	s.Radios[0].Networks[0].Passphrase = secret.Text(strings.Repeat("0aF9", 16))
	s.Radios[0].Networks[0].Security = sec
}

func TestCheckRefusesWhatIsWrong(t *testing.T) {
	for want, change := range map[string]func(*Spec){
		`country "de" is not two upper-case letters`: func(s *Spec) { s.Country = "de" },
		`country "DEU"`: func(s *Spec) { s.Country = "DEU" },
		"radio wlan0: interface wlan0 is used twice":      func(s *Spec) { s.Radios[1].Interface = "wlan0" },
		"radio wlan1_1: interface wlan1_1 is used twice":  func(s *Spec) { s.Radios = append(s.Radios, s.Radios[0]); s.Radios[2].Interface = "wlan1_1" },
		"more than 8 radios":                              func(s *Spec) { s.Radios = make([]Radio, 9) },
		`interface name "../etc" is not usable`:           func(s *Spec) { s.Radios[0].Interface = "../etc" },
		`interface name "wlan%d" is not usable`:           func(s *Spec) { s.Radios[0].Interface = "wlan%d" },
		`interface name ".." is not usable`:               func(s *Spec) { s.Radios[0].Interface = ".." },
		`interface name "" is not usable`:                 func(s *Spec) { s.Radios[0].Interface = "" },
		`interface name "sixteen-letters-" is not usable`: func(s *Spec) { s.Radios[0].Interface = "sixteen-letters-" },
		`bridge: interface name "br lan" is not usable`:   func(s *Spec) { s.Radios[0].Networks[0].Bridge = "br lan" },
		`band "6" is unknown`:                             func(s *Spec) { s.Radios[0].Band = "6" },
		"channel 36 is not in the 2.4 GHz band":           func(s *Spec) { s.Radios[0].Channel = 36 },
		"channel 15 is not in the 5 GHz band":             func(s *Spec) { s.Radios[0].Band, s.Radios[0].Channel = "", 15 },
		"channel -1 is not in":                            func(s *Spec) { s.Radios[0].Channel = -1 },
		"width of 60 MHz":                                 func(s *Spec) { s.Radios[0].Width = 60 },
		"has 0 networks":                                  func(s *Spec) { s.Radios[0].Networks = nil },
		"has 9 networks":                                  func(s *Spec) { s.Radios[0].Networks = make([]Network, 9) },
		"the name is empty":                               func(s *Spec) { s.Radios[0].Networks[0].SSID = "" },
		"the name has 33 octets":                          func(s *Spec) { s.Radios[0].Networks[0].SSID = strings.Repeat("a", 33) },
		"the name is not UTF-8":                           func(s *Spec) { s.Radios[0].Networks[0].SSID = "caf\xe9" },
		"the name has a control character":                func(s *Spec) { s.Radios[0].Networks[0].SSID = "a\nb" },
		"the passphrase has 7 characters":                 func(s *Spec) { s.Radios[0].Networks[0].Passphrase = "1234567" },
		"the passphrase has 0 characters":                 func(s *Spec) { s.Radios[0].Networks[0].Passphrase = "" },
		"the passphrase has 64 characters":                func(s *Spec) { s.Radios[0].Networks[0].Passphrase = secret.Text(strings.Repeat("g", 64)) },
		"the passphrase has a character that is not":      func(s *Spec) { s.Radios[0].Networks[0].Passphrase = "12345678é" },
		"64 hex digits are a key, which WPA3 cannot use":  func(s *Spec) { rawKey(s, "") },
		`security "wep" is unknown`:                       func(s *Spec) { s.Radios[0].Networks[0].Security = "wep" },
		"station limit 2008":                              func(s *Spec) { s.Radios[0].Networks[0].MaxStations = 2008 },
		"station limit -1":                                func(s *Spec) { s.Radios[0].Networks[0].MaxStations = -1 },
		"is not a 48-bit address":                         func(s *Spec) { s.Blocked[0] = net.HardwareAddr{1} },
		"more than 512 blocked stations":                  func(s *Spec) { s.Blocked = make([]net.HardwareAddr, 513) },
		`act "" is malformed`:                             func(s *Spec) { s.Kicks[0].ID = "" },
		`act "a b" is malformed`:                          func(s *Spec) { s.Kicks[0].ID = "a b" },
		`act "a-1" is malformed`:                          func(s *Spec) { s.Kicks[0].Ban = -1 },
		`cost level "free" is unknown`:                    func(s *Spec) { s.Cost.Level = "free" },
	} {
		s := good()
		change(&s)
		err := Check(s)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, wanted %q", err, want)
		}
	}
}

func TestCheckTellsEveryFaultAndNoSecret(t *testing.T) {
	s := good()
	s.Country = "x"
	s.Radios[0].Networks[0].Passphrase = "geheim\x01geheim"
	s.Radios[1].Width = 1
	text := Check(s).Error()
	for _, want := range []string{"country", "passphrase", "width"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q lacks %s", text, want)
		}
	}
	if strings.Contains(text, "geheim") {
		t.Error(text)
	}
}
