package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/config"
)

// TestBandsOfRadios: radios that nobody gives a band are spread over both, and who sets
// that of one radio keeps the other on the air and out of its way.
func TestBandsOfRadios(t *testing.T) {
	const all = "config radio\n"
	named := func(name, more string) string { return "config radio\n\toption interface '" + name + "'\n" + more }
	for name, c := range map[string]struct{ radios, config, want string }{
		"none named":               {"wlan0 wlan1 wlan2 wlan3", "", "wlan0: wlan1:5 wlan2: wlan3:5"},
		"the first is on 2.4":      {"wlan0 wlan1", named("wlan0", "\toption band '2.4'\n") + all, "wlan0:2.4 wlan1:5"},
		"the first is automatic":   {"wlan0 wlan1", named("wlan0", "") + all, "wlan0: wlan1:5"},
		"the first is on 5":        {"wlan0 wlan1", named("wlan0", "\toption channel '36'\n") + all, "wlan0: wlan1:"},
		"the second is on 5":       {"wlan0 wlan1", named("wlan1", "\toption band '5'\n") + all, "wlan0: wlan1:5"},
		"the second is on 2.4":     {"wlan0 wlan1", named("wlan1", "\toption band '2.4'\n") + all, "wlan0:5 wlan1:2.4"},
		"the named is away":        {"wlan1", named("wlan0", "") + all, "wlan0: wlan1:"},
		"the named is off":         {"wlan0 wlan1", named("wlan0", "\toption enabled '0'\n") + all, "wlan1:"},
		"the first has 5 alone":    {"wlan0:5 wlan1", "", "wlan0:5 wlan1:"},
		"the second has 5 alone":   {"wlan0 wlan1:5", "", "wlan0: wlan1:5"},
		"the second has 2.4 alone": {"wlan0 wlan1:2.4", "", "wlan0:5 wlan1:"},
		"the first has 2.4 alone":  {"wlan0:2.4 wlan1", "", "wlan0: wlan1:5"},
		"both have 5 alone":        {"wlan0:5 wlan1:5", "", "wlan0:5 wlan1:5"},
		"both have 2.4 alone":      {"wlan0:2.4 wlan1:2.4", "", "wlan0: wlan1:"},
		"one of three has 5 alone": {"wlan0 wlan1 wlan2:5", "", "wlan0: wlan1: wlan2:5"},
		"the named has 5 alone":    {"wlan0:5 wlan1", named("wlan0", "") + all, "wlan0: wlan1:"},
		"the named 5 on 2.4":       {"wlan0:5 wlan1", named("wlan0", "\toption band '2.4'\n") + all, "wlan0:2.4 wlan1:"},
		"the named 2.4 on 5":       {"wlan0 wlan1:2.4", named("wlan1", "\toption band '5'\n") + all, "wlan0:5 wlan1:5"},
		"no others are wished":     {"wlan0 wlan1", named("wlan0", ""), "wlan0:"},
	} {
		cfg, err := config.Parse("test", []byte(c.config))
		if err != nil {
			t.Fatal(name, err)
		}
		var obs Observed
		for _, radio := range strings.Fields(c.radios) {
			name, only, one := strings.Cut(radio, ":")
			bands := []string{"2.4", "5"}
			if one {
				bands = []string{only}
			}
			obs.Hostapd.Devices = append(obs.Hostapd.Devices, device(name, bands...))
		}
		var got []string
		for _, r := range radios(cfg, obs, &Desired{}) {
			got = append(got, fmt.Sprintf("%s:%s", r.Interface, r.Band))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}
