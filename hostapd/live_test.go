package hostapd

import (
	"net"
	"slices"
	"testing"

	"github.com/tetherd/tetherd/wpa"
)

// setting is a guest network beside WPA2 at home, on 5 GHz.
func setting(t *testing.T) Setting {
	t.Helper()
	n, g := home(), home()
	n.Security, g.SSID, g.Guest = wpa.WPA2, "Guests", true
	return fitted(t, "ax", Radio{Interface: "wlan0", Channel: 36, Networks: []Network{n, g}})
}

func fitted(t *testing.T, radio string, r Radio) Setting {
	t.Helper()
	caps := made(t, radio)
	r, tune, err := Fit(r, caps, Trouble{})
	if err != nil {
		t.Fatal(err)
	}
	return Setting{Dir: "/d", Country: "DE", Radio: r, Tune: tune, Capabilities: caps}
}

func TestLive(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Setting)
		want   []command
	}{
		"nothing": {func(*Setting) {}, nil},
		"station limit of the guests": {
			func(s *Setting) { s.Radio.Networks[1].MaxStations = 5 },
			[]command{{"wlan0_1", "SET max_num_sta 5"}},
		},
		"no station limit that is named": {func(s *Setting) { s.Radio.Networks[1].MaxStations = 2007 }, nil},
		"WPA2 passphrase": {
			func(s *Setting) { s.Radio.Networks[0].Passphrase = "another one" },
			[]command{{"wlan0", "RELOAD_WPA_PSK"}},
		},
		"blocked and unblocked": {
			func(s *Setting) { s.Denied = []net.HardwareAddr{mac(2), mac(3)} },
			[]command{
				{"wlan0", "DENY_ACL DEL_MAC 02:00:00:00:00:01"}, {"wlan0", "DENY_ACL ADD_MAC 02:00:00:00:00:03"},
				{"wlan0_1", "DENY_ACL DEL_MAC 02:00:00:00:00:01"}, {"wlan0_1", "DENY_ACL ADD_MAC 02:00:00:00:00:03"},
			},
		},
		"roaming": {
			func(s *Setting) { s.Cost = Cost{Level: CostVariable, Roaming: true} },
			[]command{
				{"wlan0", "SET vendor_elements dd080050f21104000400"}, {"wlan0", "UPDATE_BEACON"},
				{"wlan0_1", "SET vendor_elements dd080050f21104000400"}, {"wlan0_1", "UPDATE_BEACON"},
			},
		},
		"another channel": {
			func(s *Setting) { s.Tune = fitted(t, "ax", Radio{Channel: 157, Networks: []Network{home()}}).Tune },
			[]command{{"wlan0", "CHAN_SWITCH 5 5785 sec_channel_offset=1 bandwidth=80 center_freq1=5775 ht vht he"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := setting(t), setting(t)
			from.Denied = []net.HardwareAddr{mac(1), mac(2)}
			to.Denied = from.Denied
			c.change(&to)
			got, ok := live(from, to)
			if !ok || !slices.Equal(got, c.want) {
				t.Errorf("%v %q, wanted %q", ok, got, c.want)
			}
		})
	}
}

func TestLiveChannelOn24GHz(t *testing.T) {
	from := fitted(t, "n", Radio{Interface: "wlan0", Channel: 1, Networks: []Network{home()}})
	to := fitted(t, "n", Radio{Interface: "wlan0", Channel: 11, Networks: []Network{home()}})
	got, ok := live(from, to)
	want := []command{{"wlan0", "CHAN_SWITCH 5 2462 sec_channel_offset=0 bandwidth=20 center_freq1=2462 ht"}}
	if !ok || !slices.Equal(got, want) {
		t.Errorf("%v %q", ok, got)
	}
	from = fitted(t, "ac", Radio{Interface: "wlan0", Channel: 1, Width: 40, Networks: []Network{home()}})
	to = fitted(t, "ac", Radio{Interface: "wlan0", Channel: 11, Width: 40, Networks: []Network{home()}})
	got, ok = live(from, to)
	want = []command{{"wlan0", "CHAN_SWITCH 5 2462 sec_channel_offset=-1 bandwidth=40 center_freq1=2452 ht"}}
	if !ok || !slices.Equal(got, want) {
		t.Errorf("%v %q", ok, got)
	}
}

func TestNotLive(t *testing.T) {
	for name, change := range map[string]func(*Setting){
		"name":              func(s *Setting) { s.Radio.Networks[0].SSID = "x" },
		"security":          func(s *Setting) { s.Radio.Networks[0].Security = wpa.WPA3 },
		"SAE passphrase":    func(s *Setting) { s.Radio.Networks[1].Passphrase = "another one" },
		"hidden":            func(s *Setting) { s.Radio.Networks[0].Hidden = true },
		"bridge":            func(s *Setting) { s.Radio.Networks[0].Bridge = "br-x" },
		"isolation":         func(s *Setting) { s.Radio.Networks[0].Isolate = true },
		"one network fewer": func(s *Setting) { s.Radio.Networks = s.Radio.Networks[:1] },
		"country":           func(s *Setting) { s.Country = "FR" },
		"width": func(s *Setting) {
			s.Tune = fitted(t, "ax", Radio{Channel: 36, Width: 40, Networks: []Network{home()}}).Tune
		},
		"band":                  func(s *Setting) { s.Tune = fitted(t, "ax", Radio{Channel: 1, Networks: []Network{home()}}).Tune },
		"a channel with radar":  func(s *Setting) { s.Tune = fitted(t, "ax", Radio{Channel: 52, Networks: []Network{home()}}).Tune },
		"an automatic channel":  func(s *Setting) { s.Tune = fitted(t, "ax", Radio{Band: Band5, Networks: []Network{home()}}).Tune },
		"another radio's rates": func(s *Setting) { s.Capabilities = made(t, "ac") },
	} {
		from, to := setting(t), setting(t)
		change(&to)
		if commands, ok := live(from, to); ok {
			t.Errorf("%s: %q", name, commands)
		}
		if commands, ok := live(to, from); ok {
			t.Errorf("%s, the other way round: %q", name, commands)
		}
	}
}

// After the commands of live, a restart must not change anything: the files are those
// of a fresh start.
func TestLiveLeavesTheFilesOfAFreshStart(t *testing.T) {
	from, to := setting(t), setting(t)
	to.Radio.Networks[0].Passphrase, to.Radio.Networks[1].MaxStations, to.Denied = "another one", 3, []net.HardwareAddr{mac(1)}
	before := Render(from)
	if _, ok := live(from, to); !ok {
		t.Fatal("not live")
	}
	if !before.equal(Render(from)) {
		t.Error("live changed the setting that it was given")
	}
	if Render(to).equal(before) || Render(to)["/d/wlan0.psk"] != "00:00:00:00:00:00 another one\n" {
		t.Error("the files are those of before")
	}
}
