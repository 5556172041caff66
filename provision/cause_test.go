package provision

import (
	"strings"
	"testing"

	"github.com/tetherd/tetherd/modem"
)

// From each rung of a candidate with all families and both authentications, and
// another candidate behind it, to where each move leads.
func TestMoves(t *testing.T) {
	rungs := Rungs([]Candidate{login, internet})
	at := func(family modem.Family, auth modem.Auth) int {
		for i, r := range rungs {
			if r.Bearer.APN == "login" && r.Bearer.Family == family && r.Bearer.Auth == auth {
				return i
			}
		}
		t.Fatalf("no rung %s/%s", family, auth)
		return 0
	}
	for _, test := range []struct {
		from int
		how  move
		want string
	}{
		{at(modem.IPv4v6, modem.AuthCHAP), toName, "internet/ipv4v6/none"},
		{at(modem.IPv4v6, modem.AuthCHAP), toAuth, "login/ipv4v6/pap"},
		{at(modem.IPv4v6, modem.AuthPAP), toAuth, "internet/ipv4v6/none"},
		{at(modem.IPv4v6, modem.AuthCHAP), toFamily, "login/ipv4/chap"},
		{at(modem.IPv4v6, modem.AuthPAP), toFamily, "login/ipv4/pap"},
		{at(modem.IPv4, modem.AuthPAP), toFamily, "login/ipv6/pap"},
		{at(modem.IPv6, modem.AuthPAP), toFamily, "internet/ipv4v6/none"},
		{at(modem.IPv4v6, modem.AuthPAP), toSingle, "login/ipv4/pap"},
		{at(modem.IPv4, modem.AuthPAP), toSingle, "internet/ipv4v6/none"},
		{at(modem.IPv4v6, modem.AuthCHAP), toIPv4, "login/ipv4/chap"},
		{at(modem.IPv4, modem.AuthCHAP), toIPv4, "internet/ipv4v6/none"},
		{at(modem.IPv6, modem.AuthCHAP), toIPv4, "internet/ipv4v6/none"},
		{at(modem.IPv4v6, modem.AuthCHAP), toIPv6, "login/ipv6/chap"},
		{at(modem.IPv4, modem.AuthCHAP), toIPv6, "login/ipv6/chap"},
		{at(modem.IPv6, modem.AuthCHAP), toIPv6, "internet/ipv4v6/none"},
	} {
		to := next(rungs, test.from, test.how)
		if got := steps(rungs[to : to+1]); got != test.want {
			t.Errorf("move %d from %s: %s, want %s", test.how, steps(rungs[test.from:test.from+1]), got, test.want)
		}
	}
	if to := next(rungs, len(rungs)-1, toName); to != len(rungs) {
		t.Errorf("behind the last: %d", to)
	}
}

// No move may stay or go back: that is what ends a round.
func TestMovesOnlyGoOn(t *testing.T) {
	rungs := Rungs([]Candidate{wrong, login, assigned, internet})
	for at := range rungs {
		for how := toName; how <= toIPv6; how++ {
			if to := next(rungs, at, how); to <= at || to > len(rungs) {
				t.Errorf("move %d leads from %d to %d", how, at, to)
			}
		}
	}
}

func TestReactions(t *testing.T) {
	type reacted struct {
		retries int
		then    move
	}
	for cause, want := range map[uint32]reacted{
		8: {0, toName}, 27: {0, toName}, 66: {0, toName}, 112: {0, toName},
		29: {0, toAuth}, 30: {0, toAuth},
		28: {0, toFamily}, 50: {0, toIPv4}, 52: {0, toIPv4}, 51: {0, toIPv6},
		32: {0, toSingle}, 33: {0, toSingle}, 111: {0, toSingle}, 4000000000: {0, toSingle},
		22: {2, toName}, 26: {2, toName}, 31: {2, toName}, 34: {2, toName}, 36: {2, toName}, 38: {2, toName}, 39: {2, toName}, 54: {2, toName},
		0: {1, toSingle},
	} {
		retries, then := reaction(cause)
		if got := (reacted{retries, then}); got != want {
			t.Errorf("cause %d: %v, want %v", cause, got, want)
		}
	}
}

func TestCausesInWords(t *testing.T) {
	for _, cause := range []uint32{8, 26, 27, 28, 29, 30, 31, 32, 33, 34, 36, 38, 39, 50, 51, 52, 54, 65, 66, 67, 69, 91, 95, 96, 97, 98, 99, 100, 101, 111, 112, 113} {
		if text := SessionCause(cause); text == "" || strings.HasPrefix(text, "unknown cause") {
			t.Errorf("session cause %d: %q", cause, text)
		}
	}
	for _, cause := range []uint32{2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 22} {
		if text := MobilityCause(cause); text == "" || strings.HasPrefix(text, "unknown cause") {
			t.Errorf("mobility cause %d: %q", cause, text)
		}
	}
	if SessionCause(8) == MobilityCause(8) {
		t.Error("8 means the same in both")
	}
	if SessionCause(4242) != "unknown cause 4242" || MobilityCause(4242) != "unknown cause 4242" {
		t.Error("an unknown cause loses its number")
	}
}
