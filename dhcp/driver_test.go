package dhcp

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const guestUp = `ip link add br-guest address 02:00:00:00:ff:02 type bridge
ip addr add 192.168.9.1/24 dev br-guest
ip link set br-guest up
`

// twoNetworks is the wish for a LAN and for guests on another bridge.
func twoNetworks() Spec {
	guests := testSpec()
	guests.Name, guests.Interface, guests.Server = "guest", "br-guest", netip.MustParsePrefix("192.168.9.1/24")
	guests.First, guests.Last = addr("192.168.9.100"), addr("192.168.9.109")
	return Spec{[]Network{testSpec(), guests}}
}

// TestTwoNetworks: clients of both bridges are served from their own pools; one network
// goes and comes back without the other one noticing, and finds its leases again.
func TestTwoNetworks(t *testing.T) {
	if !alone(t) {
		return
	}
	sh(t, bridgeUp+guestUp)
	plug(t, "c1", mac1)
	plug(t, "c2", mac2)
	sh(t, "ip link set v-c2 master br-guest")
	path := filepath.Join(t.TempDir(), "leases")
	bound := make(chan netip.Addr, 100)
	d := New(Options{Path: path, Binder: bindFunc(func(mac net.HardwareAddr, a netip.Addr) {
		if mac != nil {
			bound <- a
		}
	})})
	ctx, stop := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() {
		if err := d.Run(ctx, func() {}); err != nil {
			t.Error(err)
		}
	})
	both := twoNetworks()
	if err := d.Apply(both); err != nil {
		t.Fatal(err)
	}
	udhcpc(t, "c1", "-f", "-x", "hostname:box")
	udhcpc(t, "c2", "-f", "-x", "hostname:guest")
	for range 2 {
		select {
		case <-bound:
		case <-time.After(patience):
			t.Fatal("not both were served")
		}
	}
	st := d.Observe()
	if !st.Serving || len(Drift(both, st)) > 0 || len(st.Leases) != 2 || st.Leases[0].MAC.String() != mac1 || !both.Networks[1].Server.Contains(st.Leases[1].Addr) {
		t.Fatalf("%+v, drift %q", st, Drift(both, st))
	}
	if _, ok := d.Names().LookupName("guest"); ok {
		t.Error("the LAN is told a guest's name")
	}
	if _, ok := d.Names().LookupName("box"); !ok {
		t.Error("the LAN is not told its own client's name")
	}
	lan := Spec{both.Networks[:1]}
	if got := Drift(lan, st); len(got) != 1 || !strings.Contains(got[0], "serves on br-guest and should not") {
		t.Errorf("drift: %q", got)
	}
	if err := d.Apply(lan); err != nil {
		t.Fatal(err)
	}
	if st := d.Observe(); !st.Serving || len(Drift(lan, st)) > 0 || len(Drift(both, st)) != 1 {
		t.Errorf("%+v", st)
	}
	if err := d.Apply(both); err != nil {
		t.Fatal(err)
	}
	stop()
	run.Wait()
	for _, name := range []string{path, path + "-guest"} {
		if text, err := os.ReadFile(name); err != nil || !strings.Contains(string(text), "\nend 1\n") {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	next := New(Options{Path: path})
	if err := next.Apply(both); err != nil || len(next.Observe().Leases) != 2 {
		t.Errorf("the next process knows %+v, %v", next.Observe().Leases, err)
	}
}

type bindFunc func(net.HardwareAddr, netip.Addr)

func (bindFunc) Welcome(net.HardwareAddr) bool            { return true }
func (bindFunc) Silent(net.HardwareAddr, netip.Addr) bool { return false }

func (f bindFunc) Bind(mac net.HardwareAddr, a netip.Addr, _ bool) { f(mac, a) }

// TestAbsentNetwork: one that cannot be served yet is told by its interface, and the
// other one is served.
func TestAbsentNetwork(t *testing.T) {
	if !alone(t) {
		return
	}
	sh(t, bridgeUp)
	d, both := New(Options{}), twoNetworks()
	if err := d.Apply(both); err != nil {
		t.Fatal(err)
	}
	st := d.Observe()
	if got := Drift(both, st); st.Serving || len(st.InForce.Networks) != 1 || len(got) != 1 || !strings.Contains(got[0], "br-guest: the interface is absent") {
		t.Errorf("%+v, drift %q", st, got)
	}
	if err := d.Apply(Spec{}); err != nil || d.Observe().Serving || len(Drift(Spec{}, d.Observe())) > 0 {
		t.Errorf("off: %+v, %v", d.Observe(), err)
	}
}

// TestSpecsThatAreRefusedWhole: a fault in one network leaves the other as it was.
func TestSpecsThatAreRefusedWhole(t *testing.T) {
	many := Spec{}
	for _, c := range "abcdefgh" {
		n := testSpec()
		n.Name, n.Interface = string(c), "br-"+string(c)
		many.Networks = append(many.Networks, n)
	}
	for want, change := range map[string]func(*Spec){
		"pool":                 func(s *Spec) { s.Networks[1].Last = addr("10.0.0.1") },
		"there twice":          func(s *Spec) { s.Networks[1].Name = "" },
		"br-test is there":     func(s *Spec) { s.Networks[1].Interface = "br-test" },
		"name has a slash":     func(s *Spec) { s.Networks[1].Name = "../x" },
		"more than 8 networks": func(s *Spec) { *s = many },
	} {
		d, s := New(Options{}), twoNetworks()
		change(&s)
		if err := d.Apply(s); err == nil || !strings.HasPrefix(err.Error(), "dhcp: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if st := d.Observe(); st.Error != "" || len(st.InForce.Networks) > 0 {
			t.Errorf("%s: half of it was applied: %+v", want, st)
		}
	}
}
