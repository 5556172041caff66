package link

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetherd/tetherd/lab/nstest"
)

// foreignLAN is a LAN on a bridge of somebody else, with a port that was in it before
// us, and an Ethernet port that somebody uses a device group for.
func foreignLAN(t *testing.T) Spec {
	t.Helper()
	gateway(t)
	nstest.Run(t, "ip link add br-lan type bridge", "ip tuntap add eth7 mode tap", "ip link set eth7 master br-lan",
		"ip tuntap add lan3 mode tap", "ip link set lan3 group 7")
	return Spec{Forward: true, LANs: []LAN{{Bridge: "br-lan", Ports: []string{"lan1", "lan2", "lan3", "eth7"}, Address: pfx("192.168.8.1/24")}}}
}

// members lists the ports of a bridge, and those that bear our mark.
func members(t *testing.T, bridge string) string {
	t.Helper()
	names := func(query string) string {
		var out []string
		for l := range strings.Lines(nstest.Run(t, query)) {
			out = append(out, strings.Fields(l)[0])
		}
		return strings.Join(out, " ")
	}
	return names("ip -br link show master "+bridge) + "; ours: " + names("ip -br link show group 97")
}

func TestPortsThatWePutIntoAForeignBridgeAreTakenOutAgain(t *testing.T) {
	s := foreignLAN(t)
	d := New(Options{})
	apply(t, d, s)
	before := members(t, "br-lan")
	if before != "lan1 lan2 eth7 lan3; ours: lan1 lan2" {
		t.Fatal(before)
	}
	silent(t, func() { apply(t, New(Options{}), s) })

	s.LANs[0].Ports = []string{"lan1"}
	want := []string{"not wanted: link lan2 up mtu 1500", "not wanted: port lan2 in br-lan"}
	if d := cmp.Diff(want, Drift(s, d.Observe())); d != "" {
		t.Error(d)
	}
	apply(t, New(Options{}), s) // another process does it
	if got := members(t, "br-lan"); got != "lan1 eth7 lan3; ours: lan1" {
		t.Error(got)
	}
	apply(t, d, Spec{})
	if got := members(t, "br-lan"); got != "eth7 lan3; ours: " {
		t.Error(got)
	}
	if got := nstest.Run(t, "ip link show lan3"); lines(got, "group 7 ") != 1 {
		t.Errorf("somebody's group was changed: %s", got)
	}
	if got := d.Observe().InForce; len(got) > 0 {
		t.Errorf("left: %q", got)
	}
}

func TestMarkedPortIsOursWhereverItWent(t *testing.T) {
	for _, tc := range []struct{ name, happens string }{
		{"somebody takes it out", "ip link set lan1 nomaster"},
		{"we were killed half-way", "ip addr flush dev br-lan; ip rule del pref 9730; ip rule del pref 9750"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := foreignLAN(t)
			s.LANs[0].Ports = []string{"lan1"}
			apply(t, New(Options{}), s)
			nstest.Run(t, strings.Split(tc.happens, "; ")...)
			apply(t, New(Options{}), Spec{})
			if got := members(t, "br-lan"); got != "eth7; ours: " {
				t.Error(got)
			}
		})
	}
}

// TestPortMovesBetweenBridges: in a bridge of ours a port needs no mark, for it is free
// when that goes.
func TestPortMovesBetweenBridges(t *testing.T) {
	foreign := foreignLAN(t)
	foreign.LANs[0].Ports = []string{"lan1"}
	ours := foreign
	ours.LANs = slices.Clone(ours.LANs)
	ours.LANs[0].Bridge = "br-tether"
	d := New(Options{})
	for range 2 {
		apply(t, d, foreign)
		if got := members(t, "br-lan"); got != "lan1 eth7; ours: lan1" {
			t.Error(got)
		}
		apply(t, d, ours)
		if got := members(t, "br-tether"); got != "lan1; ours: br-tether" {
			t.Error(got)
		}
	}
	apply(t, d, Spec{})
	if got := members(t, "br-lan"); got != "eth7; ours: " {
		t.Error(got)
	}
}

func TestSomebodyTakesAWishedPortOut(t *testing.T) {
	s := foreignLAN(t)
	s.LANs[0].Ports = []string{"lan1"}
	d := New(Options{})
	apply(t, d, s)
	nstest.Run(t, "ip link set lan1 nomaster")
	drift := text(Drift(s, d.Observe()))
	if !strings.Contains(drift, "missing: port lan1 in br-lan\n") || !strings.Contains(drift, "not wanted: port lan1 in no bridge\n") {
		t.Error(drift)
	}
	apply(t, d, s)
	if got := members(t, "br-lan"); got != "lan1 eth7; ours: lan1" {
		t.Error(got)
	}
}

// TestPortsOfAnotherPartAreLeftAlone: in a bridge of ours, or of somebody else, what
// another part joins stays while it is named and is not put back.
func TestPortsOfAnotherPartAreLeftAlone(t *testing.T) {
	for _, bridge := range []string{"br-tether", "br-lan"} {
		t.Run(bridge, func(t *testing.T) {
			s := foreignLAN(t)
			s.LANs[0] = LAN{Bridge: bridge, Address: s.LANs[0].Address, Joined: []string{"absent", "lan2"}}
			d := New(Options{})
			apply(t, d, s)
			nstest.Run(t, "ip link set lan2 master "+bridge, "ip link set lan2 up")
			silent(t, func() { apply(t, New(Options{}), s) })
			if got := members(t, bridge); !strings.Contains(got, "lan2") {
				t.Errorf("the port was taken out: %s", got)
			}
			nstest.Run(t, "ip link set lan2 nomaster")
			silent(t, func() { apply(t, d, s) })
			if got := members(t, bridge); strings.Contains(got, "lan2") {
				t.Errorf("the port was put back: %s", got)
			}
		})
	}
}

// TestPortsApart: on such a bridge ours and those of another part are isolated, also when
// they come back; a bridge that is not leaves what somebody set.
func TestPortsApart(t *testing.T) {
	gateway(t)
	nstest.Run(t, "ip tuntap add wlan9 mode tap")
	s := Spec{Forward: true, LANs: []LAN{
		{Bridge: "br-tether", Ports: []string{"lan1"}, Address: pfx("192.168.8.1/24")},
		{Bridge: "br-guest", Ports: []string{"lan2"}, Joined: []string{"wlan9"}, Address: pfx("192.168.9.1/24"), Apart: true},
	}}
	d := New(Options{})
	apply(t, d, s)
	nstest.Run(t, "ip link set wlan9 master br-guest") // as hostapd does
	if got := Drift(s, d.Observe()); len(got) == 0 {
		t.Error("that the joined port is not apart is not seen")
	}
	apply(t, d, s)
	isolated := func(dev string) bool {
		return strings.Contains(nstest.Run(t, "ip -d link show dev "+dev), "isolated on")
	}
	if isolated("lan1") || !isolated("lan2") || !isolated("wlan9") {
		t.Errorf("isolated: lan1 %v, lan2 %v, wlan9 %v", isolated("lan1"), isolated("lan2"), isolated("wlan9"))
	}
	silent(t, func() { apply(t, New(Options{}), s) })
	nstest.Run(t, "ip link set lan2 nomaster", "ip link set lan1 type bridge_slave isolated on")
	apply(t, d, s)
	if !isolated("lan2") || !isolated("lan1") {
		t.Error("a port that came back is not apart, or somebody's setting was undone")
	}
	s.LANs[0].Ports, s.LANs[1].Ports = []string{"lan1", "lan2"}, nil
	apply(t, d, s)
	if isolated("lan2") {
		t.Error("a port that moved to the LAN is still apart")
	}
}
