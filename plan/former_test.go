package plan

import (
	"net/netip"
	"testing"
	"time"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/modem"
)

func bearer(state modem.BearerState, name, address string) modem.BearerStatus {
	b := modem.BearerStatus{State: state, Interface: name, Since: time.Unix(1000, 0)}
	if address != "" {
		b.IPv4 = &modem.IPConfig{Addresses: []netip.Prefix{netip.MustParsePrefix(address)}}
	}
	return b
}

// TestFormerBearersAreHeld: after a restart nothing is taken away until the modem has
// said what became of the bearer, and then its word alone counts.
func TestFormerBearersAreHeld(t *testing.T) {
	former := map[modem.Purpose]modem.BearerStatus{modem.Shared: bearer(modem.BearerUp, "wwan0", "100.64.7.2/30")}
	status := func(phase modem.Phase, b modem.BearerStatus) modem.Status {
		return modem.Status{Phase: phase, Bearers: map[modem.Purpose]modem.BearerStatus{modem.Shared: b}}
	}
	adopting := bearer(modem.BearerConnecting, "wwan0", "")
	adopting.Adopted = true
	for _, c := range []struct {
		story string
		modem modem.Status
		after time.Duration
		held  bool
	}{
		{"the modem part has just begun", modem.Status{Phase: modem.PhaseOff}, 0, true},
		{"no modem is found yet", modem.Status{Phase: modem.PhaseNoModem}, time.Second, true},
		{"the modem is being opened", modem.Status{Phase: modem.PhaseOpening}, time.Second, true},
		{"it searches", modem.Status{Phase: modem.PhaseRegister}, 20 * time.Second, true},
		{"it is ready and has not looked", modem.Status{Phase: modem.PhaseReady}, time.Second, true},
		{"the bearer is down because nobody has looked", status(modem.PhaseRegister, bearer(modem.BearerDown, "", "")), time.Second, true},
		{"the bearer is being adopted", status(modem.PhaseReady, adopting), time.Second, true},
		{"it is adopted", status(modem.PhaseReady, bearer(modem.BearerUp, "wwan0", "100.64.7.2/30")), time.Second, false},
		{"a new one is dialled", status(modem.PhaseReady, bearer(modem.BearerConnecting, "wwan0", "")), time.Second, false},
		{"it is gone", status(modem.PhaseReady, bearer(modem.BearerDown, "wwan0", "")), time.Second, false},
		{"the network refuses", status(modem.PhaseReady, bearer(modem.BearerFailed, "wwan0", "")), time.Second, false},
		{"the SIM was taken out", modem.Status{Phase: modem.PhaseNoSIM}, time.Second, false},
		{"the SIM wants its PIN", modem.Status{Phase: modem.PhasePIN}, time.Second, false},
		{"roaming is not allowed", modem.Status{Phase: modem.PhaseRoaming}, time.Second, false},
		{"a modem that says nothing for a minute", modem.Status{Phase: modem.PhaseOpening}, time.Minute, false},
	} {
		t.Run(c.story, func(t *testing.T) {
			started := time.Unix(5000, 0)
			obs := Observed{Started: started, Now: started.Add(c.after), Modem: c.modem}
			held, until := StillFormer(former, obs)
			if got := held != nil; got != c.held {
				t.Fatalf("held is %v, wanted %v", got, c.held)
			}
			if c.held && !until.Equal(started.Add(time.Minute)) || !c.held && !until.IsZero() {
				t.Errorf("asks for a turn at %v", until)
			}
			in := Inputs{Config: config.Default(), Former: held}
			if s := Compile(in, obs).Modem.Sessions; c.held != (len(s) > 0) || s[modem.Shared] != former[modem.Shared].Session {
				t.Errorf("sessions to keep are %v", s)
			}
			if ups := Compile(in, obs).Link.Uplinks; c.held && (len(ups) != 1 || ups[0].Interface != "wwan0") {
				t.Errorf("uplinks are %+v", ups)
			}
		})
	}
}

// TestNothingWasLeft: an empty note is no note.
func TestNothingWasLeft(t *testing.T) {
	held, until := StillFormer(map[modem.Purpose]modem.BearerStatus{}, Observed{})
	if held != nil || !until.IsZero() {
		t.Errorf("holds %v until %v", held, until)
	}
}
