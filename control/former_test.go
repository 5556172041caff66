package control

import (
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/provision"
)

// settledOn is a ladder that stands on the only access point there is, for one SIM.
func settledOn(apn string) provision.Ladder {
	rungs := provision.Rungs([]provision.Candidate{{APN: apn, Families: []modem.Family{modem.IPv4}}})
	seen := provision.Seen{Now: time.Unix(1000, 0), Ready: true}
	var l provision.Ladder
	for _, state := range []modem.BearerState{modem.BearerUnasked, modem.BearerUp} {
		l, _ = l.Climb("sim", func() []provision.Rung { return rungs }, seen)
		seen.Bearer.InForce, _ = l.Bearer()
		seen.Bearer.State, seen.Bearer.IPv4 = state, &modem.IPConfig{}
	}
	l, _ = l.Climb("sim", func() []provision.Rung { return rungs }, seen)
	return l
}

// TestNoteTellsHowABearerIsReached: the next process makes, or leaves, the same VLAN.
func TestNoteTellsHowABearerIsReached(t *testing.T) {
	dir, quiet := t.TempDir(), slog.New(slog.DiscardHandler)
	up := modem.BearerStatus{State: modem.BearerUp, Interface: "wwp0s20f0u2i1.1", Parent: "wwp0s20f0u2i12", Session: 1, Since: time.Unix(1e9, 0).UTC()}
	f := openFormer(dir, quiet)
	f.note(map[modem.Purpose]modem.BearerStatus{modem.Own: up, modem.Shared: {State: modem.BearerDown}}, note{}, quiet)
	if got := openFormer(dir, quiet).read.Bearers; len(got) != 1 || !reflect.DeepEqual(got[modem.Own], up) {
		t.Errorf("%+v", got)
	}
}

// TestFormerBearersOfAnotherWishAreNotHeld: what a former process left up is routed to only
// as long as the same is wished for its purpose.
func TestFormerBearersOfAnotherWishAreNotHeld(t *testing.T) {
	clients, own, other := settledOn("clients"), settledOn("own"), settledOn("other")
	if clients.Trace() == "" || clients.Trace() == own.Trace() {
		t.Fatalf("traces are %q and %q", clients.Trace(), own.Trace())
	}
	left := note{Trace: clients.Trace(), Own: own.Trace()}
	up := map[modem.Purpose]modem.BearerStatus{modem.Shared: {Session: 1}, modem.Own: {}}
	for name, c := range map[string]struct {
		in    plan.Inputs
		still []modem.Purpose
	}{
		"nothing is wished yet":  {plan.Inputs{Split: provision.Two}, []modem.Purpose{modem.Own, modem.Shared}},
		"the same":               {plan.Inputs{Split: provision.Two, Ladder: clients, OwnLadder: own}, []modem.Purpose{modem.Own, modem.Shared}},
		"another for clients":    {plan.Inputs{Split: provision.Two, Ladder: other, OwnLadder: own}, []modem.Purpose{modem.Own}},
		"another for itself":     {plan.Inputs{Split: provision.Two, Ladder: clients, OwnLadder: other}, []modem.Purpose{modem.Shared}},
		"the two exchanged":      {plan.Inputs{Split: provision.Two, Ladder: own, OwnLadder: clients}, nil},
		"one for all":            {plan.Inputs{Ladder: clients}, []modem.Purpose{modem.Own, modem.Shared}},
		"another one for all":    {plan.Inputs{Ladder: own}, nil},
		"the SIM is not in":      {plan.Inputs{Split: provision.Two, Ladder: absent(other), OwnLadder: absent(other)}, []modem.Purpose{modem.Own, modem.Shared}},
		"nothing was left there": {plan.Inputs{Split: provision.Two, Ladder: other}, []modem.Purpose{modem.Own}},
	} {
		t.Run(name, func(t *testing.T) {
			c.in.Former = up
			if got := slices.Sorted(maps.Keys(stillOf(c.in, left))); !slices.Equal(got, c.still) {
				t.Errorf("held are %v, wanted %v", got, c.still)
			}
		})
	}
}

// absent is a ladder whose SIM was taken out.
func absent(l provision.Ladder) provision.Ladder {
	l, _ = l.Climb("", nil, provision.Seen{})
	return l
}
