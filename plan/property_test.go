package plan

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/tetherd/tetherd/clock"
	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/dhcp"
	"github.com/tetherd/tetherd/dns"
	"github.com/tetherd/tetherd/fetch"
	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/probe"
)

// perfect is what parts show that have done all they were asked for.
func perfect(d Desired) Observed {
	obs := Observed{
		NAT:   nat.Status{Loaded: d.NAT.Enabled, InForce: nat.Render(d.NAT).Fingerprint(), Ports: nat.Ports(d.NAT), Freed: d.NAT.Free, Offload: d.NAT.Offload},
		DHCP:  dhcp.Status{Serving: len(d.DHCP.Networks) > 0, InForce: d.DHCP},
		DNS:   dns.Status{Serving: len(d.DNS.Listen) > 0, InForce: d.DNS},
		Modem: modem.Status{InForce: d.Modem},
		Probe: probe.Status{InForce: d.Probe},

		Hostapd: hostapd.Status{InForce: d.Hostapd},
		Fetch:   fetch.Status{InForce: d.Fetch},
		Clock:   clock.Status{InForce: d.Clock},
	}
	for _, l := range d.Link.LANs {
		addLAN(&obs.Link, l)
	}
	for _, u := range d.Link.Uplinks {
		obs.Link.Interfaces = append(obs.Link.Interfaces, link.Interface{Name: u.Interface, MTU: 1500})
	}
	obs.Link.InForce = link.Render(d.Link, obs.Link.Interfaces)
	return obs
}

// addLAN puts a network's interfaces there.
func addLAN(st *link.Status, l link.LAN) {
	for _, name := range append([]string{l.Bridge}, l.Ports...) {
		st.Interfaces = append(st.Interfaces, link.Interface{Name: name, MTU: 1500, Ours: true})
	}
	for _, name := range l.Joined {
		st.Interfaces = append(st.Interfaces, link.Interface{Name: name, MTU: 1500, Master: l.Bridge, Up: true, Apart: l.Apart})
	}
}

// TestNothingToDoAfterPerfectApply: in every story, what was applied is not applied
// again, and taking it down again is.
func TestNothingToDoAfterPerfectApply(t *testing.T) {
	paths, _ := filepath.Glob("testdata/scenario/*.txtar")
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		in, obs := readStory(t, path, archive)
		d := Compile(in, obs)
		if steps := Diff(d, perfect(d), in.Off); len(steps) > 0 {
			t.Errorf("%s: still %+v", path, steps)
		}
		if in.Off {
			continue
		}
		down := parts(Diff(Desired{}, perfect(d), true))
		for _, p := range []Part{NAT, Link, Modem} {
			if !strings.Contains(down, string(p)) {
				t.Errorf("%s: on the way down %s is left as it is (%s)", path, p, down)
			}
		}
	}
}

// observations are worlds that any config must be compiled for.
func observations(t *testing.T) []string {
	t.Helper()
	return []string{
		"",
		"bearer wwan0 100.64.7.2/30 via 100.64.7.1 dns 198.51.100.53 mtu 1430",
		"bearer wwan0 192.168.1.77/24 via 192.168.1.1 dns 192.168.1.1",
		"bearer wwan0 10.0.0.2/8\nforeign 172.16.0.0/12\nforeign 192.168.0.0/16",
		"own wwan1 10.1.1.1/32\nshared wwan0 10.1.1.2/32 mtu 9000",
		"former bearer wwan0 100.64.7.2/30\nforeign 100.64.0.0/10",
		"device\nradio wlan0 2.4 5\nradio wlan1 5\nradio phy2-ap0 2.4\nroaming\ncountry FR",
	}
}

// soundness checks what the parts' contracts ask of every wish.
func soundness(in Inputs, d Desired) error {
	for i, l := range d.Link.LANs {
		if err := soundNetwork(in, d, i, l.Address); err != nil {
			return err
		}
	}
	if n := len(d.Link.LANs); n != len(d.NAT.LANs) || n > 1 && d.LAN().Address.Overlaps(d.Guests().Address) {
		return fmt.Errorf("networks are %+v, rules for %+v", d.Link.LANs, d.NAT.LANs)
	}
	if d.Probe.Client.Key != "" && (len(d.DHCP.Networks) == 0 || len(d.DNS.Listen) == 0 || !d.NAT.Sharing) {
		return fmt.Errorf("a client is probed for whom nothing is there")
	}
	if err := hostapd.Check(d.Hostapd); err != nil {
		return err
	}
	return soundUplinks(d)
}

func soundNetwork(in Inputs, d Desired, i int, lan netip.Prefix) error {
	outside := func(a netip.Addr) bool {
		return !lan.Contains(a) || a == lan.Masked().Addr() || !lan.Contains(a.Next())
	}
	collides := collision(lan, in.Avoid).IsValid()
	why := fmt.Sprint(d.Why)
	switch {
	case !lan.IsValid() || outside(lan.Addr()):
		return fmt.Errorf("network %d is %v", i, lan)
	case collides && !strings.Contains(why, "every choice collides"):
		return fmt.Errorf("network %d is %v, which collides in %v", i, lan, in.Avoid)
	case len(d.DNS.Listen) > 0 && d.DNS.Listen[i].Addr() != lan.Addr():
		return fmt.Errorf("names are answered at %v on %v", d.DNS.Listen, lan)
	}
	if len(d.DHCP.Networks) == 0 {
		return nil
	}
	switch n := d.DHCP.Networks[i]; {
	case outside(n.First) || outside(n.Last) || n.Last.Less(n.First):
		return fmt.Errorf("the pool is %v to %v in %v", n.First, n.Last, lan)
	case n.Server != lan:
		return fmt.Errorf("the server is %v on %v", n.Server, lan)
	}
	return nil
}

func soundUplinks(d Desired) error {
	if len(d.Link.Uplinks) != len(d.NAT.Uplinks) {
		return fmt.Errorf("%d uplinks and rules for %d", len(d.Link.Uplinks), len(d.NAT.Uplinks))
	}
	tables := map[uint32]bool{}
	for i, u := range d.Link.Uplinks {
		if i > 0 && d.Link.Uplinks[i-1].Interface >= u.Interface {
			return fmt.Errorf("uplinks are not sorted: %+v", d.Link.Uplinks)
		}
		if u.Table == 0 || tables[u.Table] {
			return fmt.Errorf("table %d of %s is not its own", u.Table, u.Interface)
		}
		tables[u.Table] = true
		asked := d.DNS.Upstream.Interface
		if d.Refusal != "" && len(d.DNS.Listen) > 0 && (asked != "" || !d.DNS.Closed) {
			return fmt.Errorf("clients may not have Internet, and their questions leave by %q", asked)
		}
		if u.Shared && d.Refusal == "" && asked != u.Interface && len(d.DNS.Listen) > 0 {
			return fmt.Errorf("clients leave by %s and their questions by %q", u.Interface, d.DNS.Upstream.Interface)
		}
	}
	return nil
}

// compileAll compiles a config for every world.
func compileAll(t *testing.T, cfg *config.Config) {
	t.Helper()
	for _, lines := range observations(t) {
		in, obs := Inputs{Config: cfg, Synthetic: synthetic}, Observed{}
		readObserved(t, lines, &in, &obs)
		in.Avoid = Avoid(nil, Bearers(in, obs), obs.Link, cfg)
		d := Compile(in, obs)
		if err := soundness(in, d); err != nil {
			t.Errorf("%v\nconfig:\n%s\nobserved:\n%s", err, cfg.UCI(), lines)
		}
		if steps := Diff(d, perfect(d), false); len(steps) > 0 {
			t.Errorf("never at rest: %+v\nconfig:\n%s", steps, cfg.UCI())
		}
	}
}

// choices are values for options, borders and nonsense among them.
func choices() map[string][]string {
	return map[string][]string{
		"lan.address":       {"", "auto", "192.168.1.1/24", "10.0.0.1/8", "10.9.8.1/30", "10.9.8.2/30", "172.16.5.254/16", "192.168.97.129/25", "192.168.97.0/24"},
		"lan.mtu":           {"", "0", "576", "1400", "9000"},
		"lan.bridge":        {"", "br-lan", "123456789012345"},
		"dhcp.enabled":      {"", "0", "1"},
		"dhcp.start":        {"", "1", "2", "1000", "16777214"},
		"dhcp.limit":        {"", "1", "2", "150", "4096"},
		"dhcp.leasetime":    {"", "10s", "30d"},
		"dns.enabled":       {"", "0"},
		"dns.cache_size":    {"", "0", "16384"},
		"modem.enabled":     {"", "0"},
		"modem.mtu":         {"", "576", "9000"},
		"sharing.enabled":   {"", "0"},
		"probe.enabled":     {"", "0"},
		"probe.client":      {"", "0"},
		"api.port":          {"", "0", "65535"},
		"tetherd.log_level": {"", "debug"},
		"wifi.enabled":      {"", "0"},
		"wifi.metered":      {"", "off", "unrestricted"},
		"wifi.country":      {"", "de"},
		"radio.interface":   {"", "wlan0", "wl#9"},
		"radio.band":        {"", "5"},
		"radio.channel":     {"", "36", "177"},
		"network.guest":     {"", "1"},
		"guest.address":     {"", "192.168.97.77/24", "10.0.0.1/8", "10.9.8.1/30"},
		"guest.port":        {"", "eth9"},
		"network.ssid":      {"", "a", "12345678901234567890123456789012"},
		"network.security":  {"", "wpa2", "wpa3"},
		"network.radio":     {"", "wlan0", "wlan7"},
	}
}

// TestEveryAcceptedConfigCompiles draws configs at random; the ones that are accepted
// must give sound wishes in every world.
func TestEveryAcceptedConfigCompiles(t *testing.T) {
	random := rand.New(rand.NewPCG(97, 1))
	accepted := 0
	for range 600 {
		sections := map[string]string{}
		for key, values := range choices() {
			kind, option, _ := strings.Cut(key, ".")
			if v := values[random.IntN(len(values))]; v != "" && random.IntN(2) == 0 {
				sections[kind] += fmt.Sprintf("\toption %s '%s'\n", option, v)
			}
		}
		var b strings.Builder
		for kind, options := range sections {
			fmt.Fprintf(&b, "config %s\n%s", kind, options)
		}
		cfg, err := config.Parse("random", []byte(b.String()))
		if err != nil {
			continue
		}
		accepted++
		compileAll(t, cfg)
	}
	if accepted < 100 {
		t.Fatalf("only %d configs were accepted: the draw is too wild to prove anything", accepted)
	}
}

// FuzzCompile: whatever text is a config gives sound wishes.
func FuzzCompile(f *testing.F) {
	paths, _ := filepath.Glob("testdata/scenario/*.txtar")
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if cfg, err := config.Parse("fuzz", text); err == nil {
			compileAll(t, cfg)
		}
	})
}
