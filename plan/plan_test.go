package plan

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
)

// synthetic is the hardware address of the client that looks whether clients have Internet.
var synthetic = [6]byte{2, 't', 'e', 't', 'h', 'p'}

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
		d := Compile(Inputs{Config: config.Default(), Synthetic: synthetic}, Observed{Modem: modem.Status{Phase: phase}})
		if !d.LAN().Address.IsValid() || len(d.DHCP.Networks) == 0 || len(d.DNS.Listen) == 0 || !d.NAT.Enabled {
			t.Errorf("phase %q: %+v", phase, d)
		}
	}
}

// TestTheOperatorsPageMayBePrivate: while it is all there is, its hosts' private addresses
// reach clients.
func TestTheOperatorsPageMayBePrivate(t *testing.T) {
	for _, garden := range []bool{false, true} {
		d := Compile(Inputs{Config: config.Default(), Synthetic: synthetic, Repairs: Repairs{Garden: garden}}, Observed{})
		if d.DNS.Rebind == garden {
			t.Errorf("garden %v: rebind protection %v", garden, d.DNS.Rebind)
		}
	}
}

// TestClientsAreToldServersThatDHCPCanTell: a server by IPv6, the owner's or the operator's,
// does not make the whole wish one that cannot be served.
func TestClientsAreToldServersThatDHCPCanTell(t *testing.T) {
	for _, c := range []struct{ servers, fallback, want string }{
		{"198.51.100.53,198.51.100.54", "list fallback '2606:4700:4700::1111'", "[198.51.100.53 198.51.100.54]"},
		{"2001:db8::53,198.51.100.53", "list fallback '2606:4700:4700::1111'\nlist fallback '9.9.9.9'", "[198.51.100.53 9.9.9.9]"},
		{"198.51.100.53,198.51.100.54,198.51.100.55,198.51.100.56", "", "[198.51.100.53 198.51.100.54 198.51.100.55]"},
		{"2001:db8::53", "list fallback '2606:4700:4700::1111'", "[192.168.97.1]"},
	} {
		cfg, err := config.Parse("test", []byte("config dns\n"+c.fallback+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		var obs Observed
		in := Inputs{Config: cfg, Repairs: Repairs{DirectDNS: true}}
		readObserved(t, "bearer wwan0 100.64.7.2/30 via 100.64.7.1 dns "+strings.ReplaceAll(c.servers, ",", " dns "), &in, &obs)
		d := Compile(in, obs)
		if got := fmt.Sprint(d.DHCP.Networks[0].DNS); got != c.want {
			t.Errorf("%v: clients are told %v", c, got)
		}
	}
}

// TestLANStaysAfterTheUplinkGoes: a LAN that had to move does not move back when
// the bearer drops, or clients would lose their address with each redial.
func TestLANStaysAfterTheUplinkGoes(t *testing.T) {
	var obs Observed
	in := Inputs{Config: config.Default(), Synthetic: synthetic}
	readObserved(t, "bearer wwan0 192.168.97.77/24 via 192.168.97.1", &in, &obs)
	in.Avoid = Avoid(nil, obs.Modem.Bearers, obs.Link, config.Default())
	moved := Compile(in, obs).LAN().Address
	if moved.Overlaps(netip.MustParsePrefix("192.168.97.0/24")) {
		t.Fatalf("the LAN stays at %v, on the uplink's network", moved)
	}
	in.Avoid = Avoid(in.Avoid, nil, link.Status{}, config.Default())
	if got := Compile(in, Observed{}).LAN().Address; got != moved {
		t.Errorf("the LAN moved back to %v when the bearer dropped", got)
	}
}

// TestAvoidIsBounded: a network that changes its address for ever fills no memory.
func TestAvoidIsBounded(t *testing.T) {
	var avoid []netip.Prefix
	for i := range 100 {
		l := link.Status{Foreign: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 0}), 16)}}
		avoid = Avoid(avoid, nil, l, config.Default())
	}
	if len(avoid) != maxAvoid+1 || !avoid[len(avoid)-1].Contains(netip.MustParseAddr("10.99.0.1")) {
		t.Errorf("%d networks, the newest is %v", len(avoid), avoid[len(avoid)-1])
	}
}

// TestAvoidRests: however many networks there are, looking again changes nothing, so
// the LAN does not move back and forth.
func TestAvoidRests(t *testing.T) {
	for _, n := range []int{0, 1, maxAvoid, maxAvoid + 1, 300} {
		var l link.Status
		for i := range n {
			l.Foreign = append(l.Foreign, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24))
		}
		once := Avoid([]netip.Prefix{netip.MustParsePrefix("192.168.97.0/24")}, nil, l, config.Default())
		if twice := Avoid(once, nil, l, config.Default()); !slices.Equal(once, twice) || len(once) < n {
			t.Errorf("%d networks: %d, then %d", n, len(once), len(twice))
		}
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
	d := Compile(Inputs{Config: config.Default(), Synthetic: synthetic}, Observed{})
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
