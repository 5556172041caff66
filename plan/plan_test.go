package plan

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
)

var update = flag.Bool("update", false, "write the golden sections anew")

// TestScenarios compiles every story in testdata/scenario: config and observations
// in, the whole plan out, as text.
func TestScenarios(t *testing.T) {
	paths, err := filepath.Glob("testdata/scenario/*.txtar")
	if err != nil || len(paths) < 6 {
		t.Fatalf("%d scenarios, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { playScenario(t, path) })
	}
}

func playScenario(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var in Inputs
	var obs Observed
	for _, f := range archive.Files {
		switch f.Name {
		case "config":
			if in.Config, err = config.Parse(path, f.Data); err != nil {
				t.Fatal(err)
			}
		case "observed":
			readObserved(t, string(f.Data), &in, &obs)
		}
	}
	in.Avoid = Avoid(in.Avoid, obs.Modem.Bearers, obs.Link)
	got := goldens(Compile(in, obs))
	if *update {
		archive.Files = append(archive.Files[:2:2], got...)
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(text(archive.Files[2:]), text(got)); diff != "" {
		t.Errorf("the plan differs (-want +got):\n%s", diff)
	}
}

// readObserved reads lines such as "bearer wwan0 100.64.0.5/30 via 100.64.0.6 dns
// 198.51.100.1 mtu 1430", "foreign 10.0.0.0/8", "was-online".
func readObserved(t *testing.T, lines string, in *Inputs, obs *Observed) {
	for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		w := strings.Fields(line)
		switch {
		case len(w) == 0:
		case w[0] == "bearer":
			b := modem.BearerStatus{State: modem.BearerUp, Interface: w[1], Since: time.Unix(0, 0).UTC(), IPv4: &modem.IPConfig{Addresses: []netip.Prefix{netip.MustParsePrefix(w[2])}}}
			for i := 3; i+1 < len(w); i += 2 {
				readBearer(t, b.IPv4, w[i], w[i+1])
			}
			obs.Modem.Bearers = map[modem.Purpose]modem.BearerStatus{modem.Own: b, modem.Shared: b}
		case w[0] == "foreign":
			obs.Link.Foreign = append(obs.Link.Foreign, netip.MustParsePrefix(w[1]))
		case w[0] == "avoid":
			in.Avoid = append(in.Avoid, netip.MustParsePrefix(w[1]))
		case w[0] == "was-online":
			in.WasOnline = true
		case w[0] == "off":
			in.Off = true
		default:
			t.Fatalf("observed: %q", line)
		}
	}
}

func readBearer(t *testing.T, c *modem.IPConfig, key, value string) {
	switch key {
	case "via":
		c.Gateway = netip.MustParseAddr(value)
	case "dns":
		c.DNS = append(c.DNS, netip.MustParseAddr(value))
	case "mtu":
		fmt.Sscan(value, &c.MTU)
	default:
		t.Fatalf("bearer: %q", key)
	}
}

// goldens renders a plan as sections of text.
func goldens(d Desired) []txtar.File {
	var why strings.Builder
	for _, r := range d.Why {
		fmt.Fprintf(&why, "%s %s: %s\n", r.What, r.Value, r.Why)
	}
	file := func(name, text string) txtar.File { return txtar.File{Name: name, Data: []byte(text)} }
	return []txtar.File{
		file("link", fmt.Sprintf("%+v\n", d.Link.LAN)+uplinkText(d.Link.Uplinks)),
		file("nat", natText(d.NAT)),
		file("dhcp", fmt.Sprintf("%+v\n", d.DHCP)),
		file("dns", fmt.Sprintf("%+v\n", d.DNS)),
		file("modem", fmt.Sprintf("%+v\n", d.Modem)),
		file("probe", fmt.Sprintf("gateway %+v\nclient %+v\n", d.Probe.Gateway, d.Probe.Client)),
		file("why", why.String()),
	}
}

func uplinkText(ups []link.Uplink) string {
	var b strings.Builder
	for _, u := range ups {
		fmt.Fprintf(&b, "%+v\n", u)
	}
	return b.String()
}

func natText(s nat.Spec) string {
	if !s.Enabled {
		return "no table\n"
	}
	return nat.Render(s).String()
}

func text(files []txtar.File) string { return string(txtar.Format(&txtar.Archive{Files: files})) }

// TestOffWishesNothing: the off wish is the zero value of every part's Spec.
func TestOffWishesNothing(t *testing.T) {
	d := Compile(Inputs{Config: config.Default(), Off: true}, Observed{})
	if !reflect.DeepEqual(d, Desired{}) {
		t.Errorf("off wishes %+v", d)
	}
}

// TestLANIsAlwaysUp: whatever the modem does, clients keep their network, leases,
// names and a ruleset.
func TestLANIsAlwaysUp(t *testing.T) {
	phases := []modem.Phase{
		"", modem.PhaseOff, modem.PhaseNoModem, modem.PhaseOpening, modem.PhaseReading, modem.PhaseRadio, modem.PhaseRadioOff,
		modem.PhaseSIM, modem.PhaseNoSIM, modem.PhasePIN, modem.PhaseRegister, modem.PhaseDenied, modem.PhaseRoaming,
		modem.PhaseAttach, modem.PhaseReady, modem.PhaseUnanswered,
	}
	for _, phase := range phases {
		d := Compile(Inputs{Config: config.Default()}, Observed{Modem: modem.Status{Phase: phase}})
		if !d.Link.LAN.Address.IsValid() || d.DHCP.Interface == "" || len(d.DNS.Listen) == 0 || !d.NAT.Enabled {
			t.Errorf("phase %q: %+v", phase, d)
		}
	}
}

// TestLANStaysAfterTheUplinkGoes: a LAN that had to move does not move back when
// the bearer drops, or clients would lose their address with each redial.
func TestLANStaysAfterTheUplinkGoes(t *testing.T) {
	var obs Observed
	in := Inputs{Config: config.Default()}
	readObserved(t, "bearer wwan0 192.168.97.77/24 via 192.168.97.1", &in, &obs)
	in.Avoid = Avoid(nil, obs.Modem.Bearers, obs.Link)
	moved := Compile(in, obs).Link.LAN.Address
	if moved.Overlaps(netip.MustParsePrefix("192.168.97.0/24")) {
		t.Fatalf("the LAN stays at %v, on the uplink's network", moved)
	}
	in.Avoid = Avoid(in.Avoid, nil, link.Status{})
	if got := Compile(in, Observed{}).Link.LAN.Address; got != moved {
		t.Errorf("the LAN moved back to %v when the bearer dropped", got)
	}
}

// TestAvoidIsBounded: a network that changes its address for ever fills no memory.
func TestAvoidIsBounded(t *testing.T) {
	var avoid []netip.Prefix
	for i := range 100 {
		l := link.Status{Foreign: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 0}), 16)}}
		avoid = Avoid(avoid, nil, l)
	}
	if len(avoid) != maxAvoid || !avoid[len(avoid)-1].Contains(netip.MustParseAddr("10.99.0.1")) {
		t.Errorf("%d networks, the newest is %v", len(avoid), avoid[len(avoid)-1])
	}
}

// TestPoolStaysInside: every combination of settings gives a pool inside the
// subnet, without its network and broadcast addresses.
func TestPoolStaysInside(t *testing.T) {
	for bits := 8; bits <= 30; bits++ {
		lan := netip.PrefixFrom(netip.MustParseAddr("10.1.2.1"), bits)
		for _, start := range []int{0, 1, 2, 100, 254, 70000} {
			for _, limit := range []int{0, 1, 2, 150, 100000} {
				first, last := pool(lan, start, limit)
				bad := !lan.Contains(first) || !lan.Contains(last) || last.Less(first) || first == lan.Masked().Addr() || lan.Contains(last) && !lan.Contains(last.Next())
				if bad {
					t.Errorf("/%d start %d limit %d: %v to %v", bits, start, limit, first, last)
				}
			}
		}
	}
}

// TestDiffOrder: rules before the link on the way up, after it on the way down.
func TestDiffOrder(t *testing.T) {
	d := Compile(Inputs{Config: config.Default()}, Observed{})
	up := parts(Diff(d, Observed{}, false))
	if nat, link := strings.Index(up, "nat"), strings.Index(up, "link"); nat < 0 || link < nat {
		t.Errorf("on the way up: %s", up)
	}
	down := parts(Diff(Desired{}, Observed{NAT: nat.Status{Loaded: true}, Link: link.Status{InForce: []string{"link br-tether"}}}, true))
	if nat, link := strings.Index(down, "nat"), strings.Index(down, "link"); link < 0 || nat < link {
		t.Errorf("on the way down: %s", down)
	}
}

func parts(steps []Step) string {
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&b, "%s ", s.Part)
	}
	return b.String()
}
