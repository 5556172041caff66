package modem

import (
	"strings"
	"testing"
	"time"
)

func TestEveryCommandHasAName(t *testing.T) {
	seen := map[string]op{}
	for o := opArm; o <= opForgetRun; o++ {
		name := o.String()
		if name == "" || name == "unknown" {
			t.Errorf("command %d has no name", o)
		}
		if other, ok := seen[name]; ok {
			t.Errorf("commands %d and %d are both %q", o, other, name)
		}
		seen[name] = o
	}
	if got := (opForgetRun + 1).String(); got != "unknown" {
		t.Errorf("a command that is none is %q", got)
	}
}

func TestReasonsTellNoIdentifiers(t *testing.T) {
	const secret = "8949000000000000001"
	for _, f := range []fact{
		specChanged{Spec{PIN: secret}},
		devicesSeen{[]node{testNode("0")}},
		capabilities{imei: secret, model: secret},
		simState{state: simReady, iccid: secret, imsi: secret},
		simState{state: 200},
		identity{spn: secret, gid1: secret, mnc: secret},
		pinState{lock: SIMPIN}, pinState{lock: SIMPUK}, pinState{lock: SIMLocked}, pinState{lock: SIMReady},
		registration{state: "home", plmn: secret, name: secret},
		packetService{state: 200}, bearerState{state: 200}, ipConfiguration{}, signal{},
		radioState{}, radioState{hardware: true}, radioState{hardware: true, software: true},
		pinRecord{}, runRecord{}, channelLost{"EOF"},
		answered{}, answered{result: simState{iccid: secret}}, answered{err: &failure{text: "busy"}},
	} {
		why := f.why()
		if why == "" || strings.Contains(why, secret) || strings.Contains(why, "\n") {
			t.Errorf("%T: %q", f, why)
		}
	}
}

func TestEventsBeforeAnythingIsKnownDoNothing(t *testing.T) {
	for _, f := range []fact{nil, channelLost{"EOF"}, answered{}, answered{id: 7}, simState{state: simReady},
		bearerState{state: contextActivated}, ipConfiguration{ipv4: v4("10.0.0.2/30")}, devicesSeen{}, specChanged{}} {
		s, commands := Next(State{}, Event{At: start, fact: f})
		if status := s.snapshot(); len(commands) != 0 || status.Phase != PhaseOff || status.Since != start {
			t.Errorf("%T: %d commands, status %+v", f, len(commands), status)
		}
	}
}

func TestTimeThatStandsStillOrGoesBackIsNoTrouble(t *testing.T) {
	w := ready(t)
	for _, back := range []time.Duration{0, time.Second, 24 * time.Hour} {
		w.now = w.now.Add(-back)
		for range 3 {
			w.deliver(Event{})
			w.settle()
		}
		w.bearer(Shared, BearerUp)
	}
}
