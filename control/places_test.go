package control

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/dhcp"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/plan"
)

func at(n byte) netip.Addr { return netip.AddrFrom4([4]byte{192, 168, 97, n}) }

// TestRefused: every client without Internet has a reason that fits, those with it none.
func TestRefused(t *testing.T) {
	lease := func(n byte) dhcp.Lease { return dhcp.Lease{MAC: net.HardwareAddr{2, 0, 0, 0, 0, n}, Addr: at(n)} }
	s := &Snapshot{}
	s.Observed.DHCP.Leases = []dhcp.Lease{lease(5), lease(6), lease(8)}
	for _, c := range []struct {
		story string
		limit int
		slots []byte
		all   string
		who   byte
		says  string
	}{
		{"no limit", 0, nil, "", 5, ""},
		{"nobody may", 2, []byte{5}, "sharing is switched off", 5, "sharing is switched off"},
		{"it has a place", 1, []byte{5}, "", 5, ""},
		{"a place is free", 2, []byte{5}, "", 6, ""},
		{"none is free", 1, []byte{5}, "", 6, "1 of 1 devices have Internet already; a place is free when one of them was away for 90 s"},
		{"it is blocked", 0, nil, "", 8, "the owner has blocked it"},
		{"it is blocked, and a place is free", 2, []byte{5}, "", 8, "the owner has blocked it"},
		{"it is blocked, and nobody may", 0, nil, "sharing is switched off", 8, "sharing is switched off"},
		{"it has no lease", 2, []byte{5}, "", 7, "did not give to it"},
	} {
		s.Desired.NAT = nat.Spec{Limit: c.limit, Absence: 90 * time.Second, Blocked: []net.HardwareAddr{lease(8).MAC}}
		s.Desired.Refusal, s.Observed.NAT.Slots = c.all, nil
		for _, n := range c.slots {
			s.Observed.NAT.Slots = append(s.Observed.NAT.Slots, nat.Slot{Addr: at(n)})
		}
		if why := s.Refused(at(c.who)); !strings.Contains(why, c.says) || c.says == "" && why != "" {
			t.Errorf("%s: %q", c.story, why)
		}
	}
}

// TestFreePlace: an act reaches the firewall, once an ID, and their number is bounded.
func TestFreePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "config sharing\n\toption max_clients '2'\n")
		r.settle()
		mac := net.HardwareAddr{2, 0, 0, 0, 0, 5}
		for _, id := range []string{"a", "b", "a"} {
			if err := r.Send(FreePlace{ID: id, MAC: mac}); err != nil {
				t.Fatal(err)
			}
		}
		if got := r.settle().Desired.NAT.Free; len(got) != 2 || got[0].ID != "a" || got[1].ID != "b" || got[0].MAC.String() != mac.String() {
			t.Errorf("acts are %+v", got)
		}
		var acts []nat.Free
		for i := range 3 * maxFrees {
			acts = freed(acts, FreePlace{ID: fmt.Sprint(i), MAC: mac})
		}
		if len(acts) != maxFrees || acts[maxFrees-1].ID != fmt.Sprint(3*maxFrees-1) {
			t.Errorf("%d acts, the last %+v", len(acts), acts[len(acts)-1])
		}
	})
}

// TestPolicyStands: what the operator demands holds from the first moment of the next
// process on, and no secret of it is on disk.
func TestPolicyStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.leaves = true
		r := w.start(t, "")
		r.pass(time.Second)
		r.provide(paper("1", 1, `"sims": [{"contexts": [{"name": "a", "uses": ["internet"], "apn": "own.example", "password": "hush"}],
			"sharing": {"rule": "never", "max_devices": 3, "absence_seconds": 60}}]`))
		if s := r.pass(10 * time.Second); s.Documents.Outcome == nil || !s.Documents.Outcome.Kept {
			t.Fatal(story(s))
		}
		r.end()
		text, err := os.ReadFile(filepath.Join(w.run, "bearers.json"))
		if err != nil || strings.Contains(string(text), "hush") || strings.Contains(string(text), "own.example") {
			t.Errorf("the note is %s, %v", text, err)
		}
		w.phase = modem.PhaseOpening
		if n := w.start(t, "").settle().Desired.NAT; n.Limit != 3 || n.Absence != time.Minute || n.Sharing {
			t.Errorf("the next process begins with %d places, sharing %v", n.Limit, n.Sharing)
		}
	})
}

// TestOtherPurposesHoldNothing: a configuration that was changed while no process ran
// holds none of the former one's bearers: they may be for others now.
func TestOtherPurposesHoldNothing(t *testing.T) {
	for text, held := range map[string]bool{
		"": true, "config lan\n\toption mtu '1400'\n": true,
		"config apn\n\toption apn 'x'\n":                            false,
		"config apn\n\toption apn 'x'\n\toption purpose 'shared'\n": false,
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			crashed(t, w, "")
			w.phase = modem.PhaseOpening
			if up := w.start(t, text).settle().uplink(); (up != "") != held {
				t.Errorf("%q: uplink %q", text, up)
			}
		})
	}
}

// TestModemWaitsForTheRuleset: while it cannot be loaded, no other bearer is asked for
// before forwarding has ended.
func TestModemWaitsForTheRuleset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.settle()
		w.applied()
		w.change(plan.NAT, func() { w.nat.refusal, w.nat.refuses = os.ErrPermission, 2 })
		if err := r.Send(Reload{Config: w.config(t, twoAPNs)}); err != nil {
			t.Fatal(err)
		}
		r.pass(10 * time.Second)
		done := w.applied()
		if link, modem := strings.Index(done, "link"), strings.Index(done, "modem"); link < 0 || modem < link {
			t.Errorf("applied %s", done)
		}
	})
}
