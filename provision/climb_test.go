package provision

import (
	"testing"
	"time"

	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/probe"
)

func TestClimbFirstRungCarries(t *testing.T) {
	w := newWorld(t, network{"internet": carries}, internet, login)
	w.run(time.Hour)
	w.tells(`
    0s table internet/ipv4v6/none: carries
`)
	w.says("internet: listed for 26201; carried traffic")
	if rung, ok := w.ladder.Winner(); !ok || rung.Bearer.APN != "internet" || rung.Bearer.Attempt != 0 {
		t.Errorf("winner %+v, %t", rung, ok)
	}
}

func TestClimbWrongNameFallsToTheRightOne(t *testing.T) {
	w := newWorld(t, network{"internet": carries}, wrong, assigned, internet)
	w.net[""] = refusal(33)
	w.run(time.Minute)
	w.tells(`
    0s config wrong.apn/ipv4v6/none: refused 27
    0s network /ipv4v6/none: refused 33
    0s network /ipv4/none: refused 33
    0s table internet/ipv4v6/none: carries
`)
	w.says("internet: listed for 26201; carried traffic after 2 access points failed, at last the network's own choice (ipv4) was refused (cause 33: service option not subscribed)")
}

func TestClimbWhyNamesTheOneThatFailed(t *testing.T) {
	w := newWorld(t, network{"internet": carries}, wrong, internet)
	w.run(time.Minute)
	w.says("internet: listed for 26201; carried traffic after 'wrong.apn' (ipv4v6) was refused (cause 27: missing or unknown APN)")
}

func TestClimbEmptyNameWhereEveryNamedOneIsRefused(t *testing.T) {
	w := newWorld(t, network{"": carries}, wrong, internet, assigned)
	w.run(time.Minute)
	w.dialled("wrong.apn/ipv4v6/none internet/ipv4v6/none /ipv4v6/none")
	w.says("the network's own choice: the network may assign one; carried traffic after 2 access points failed, at last 'internet' (ipv4v6) was refused (cause 27: missing or unknown APN)")
}

func TestClimbCredentials(t *testing.T) {
	w := newWorld(t, network{"login": refusal(29), "login/ipv4v6/pap": carries}, login)
	w.run(time.Minute)
	w.dialled("login/ipv4v6/chap login/ipv4v6/pap")
}

// The authentication that got through to a cause about families is kept.
func TestClimbKeepsAuthenticationAcrossFamilies(t *testing.T) {
	w := newWorld(t, network{"login": refusal(29), "login/ipv4v6/pap": refusal(50), "login/ipv4/pap": carries}, login)
	w.run(time.Minute)
	w.dialled("login/ipv4v6/chap login/ipv4v6/pap login/ipv4/pap")
}

func TestClimbWrongCredentialsLeaveTheCandidate(t *testing.T) {
	w := newWorld(t, network{"login": refusal(29), "internet": carries}, login, internet)
	w.run(time.Minute)
	w.dialled("login/ipv4v6/chap login/ipv4v6/pap internet/ipv4v6/none")
}

func TestClimbFamilies(t *testing.T) {
	for _, test := range []struct {
		what string
		net  network
		want string
	}{
		{"IPv4 only allowed", network{"internet": refusal(50), "internet/ipv4": carries},
			"internet/ipv4v6/none internet/ipv4/none"},
		{"IPv6 only allowed", network{"internet": refusal(51), "login": carries},
			"internet/ipv4v6/none internet/ipv6/none login/ipv4v6/chap"},
		{"one address at a time", network{"internet": refusal(52), "internet/ipv4": carries},
			"internet/ipv4v6/none internet/ipv4/none"},
		{"PDP type unknown", network{"internet": refusal(28), "login": carries},
			"internet/ipv4v6/none internet/ipv4/none internet/ipv6/none login/ipv4v6/chap"},
		{"not subscribed as dual stack", network{"internet/ipv4v6": refusal(33), "internet/ipv4": carries},
			"internet/ipv4v6/none internet/ipv4/none"},
		{"no word of a cause", network{"internet": refusal(0), "login": carries},
			"internet/ipv4v6/none internet/ipv4v6/none internet/ipv4/none internet/ipv4/none login/ipv4v6/chap"},
		{"mute as dual stack", network{"internet": mute, "internet/ipv4": carries},
			"internet/ipv4v6/none internet/ipv4/none"},
		{"mute in both", network{"internet": mute, "login": carries},
			"internet/ipv4v6/none internet/ipv4/none login/ipv4v6/chap"},
		{"dual stack gives IPv6 alone", network{"internet": v6, "internet/ipv4": carries},
			"internet/ipv4v6/none internet/ipv4/none"},
		{"protocol error", network{"internet": refusal(111), "login": carries},
			"internet/ipv4v6/none internet/ipv4/none login/ipv4v6/chap"},
		{"cause of tomorrow", network{"internet": refusal(250), "login": carries},
			"internet/ipv4v6/none internet/ipv4/none login/ipv4v6/chap"},
	} {
		t.Run(test.what, func(t *testing.T) {
			w := newWorld(t, test.net, internet, login)
			w.run(5 * time.Minute)
			w.dialled(test.want)
		})
	}
}

// Dual stack was asked and IPv4 came: that is success, whatever cause is told along.
func TestClimbPartialGrantIsTaken(t *testing.T) {
	w := newWorld(t, network{"internet": carries}, internet)
	w.turn()
	w.status.Cause = 50
	w.run(time.Minute)
	w.tells(`
    0s table internet/ipv4v6/none: carries
`)
}

// A family that is not among the candidate's is no way out.
func TestClimbExplicitFamily(t *testing.T) {
	only := internet
	only.Families = []modem.Family{modem.IPv4}
	w := newWorld(t, network{"internet": refusal(51), "login": carries}, only, login)
	w.run(time.Minute)
	w.dialled("internet/ipv4/none login/ipv4v6/chap")
}

func TestClimbPassingFailuresAreRetriedTwice(t *testing.T) {
	w := newWorld(t, network{"internet": refusal(26), "login": carries}, internet, login)
	w.run(time.Minute)
	w.tells(`
    0s table internet/ipv4v6/none: refused 26
    5s table internet/ipv4v6/none: refused 26, tried again
   15s table internet/ipv4v6/none: refused 26, tried again
   15s table login/ipv4v6/chap: carries
`)
}

func TestClimbPassingFailurePasses(t *testing.T) {
	w := newWorld(t, network{"internet": refusal(38)}, internet)
	w.run(time.Second)
	w.net["internet"] = carries
	w.run(time.Minute)
	w.dialled("internet/ipv4v6/none internet/ipv4v6/none")
	if rung, outcome := w.ladder.Rung(); outcome != Carries || rung.Bearer.Attempt != 0 {
		t.Errorf("%v %+v", outcome, rung.Bearer)
	}
	if bearer, _ := w.ladder.Bearer(); bearer.Attempt != 1 {
		t.Errorf("a retry is attempt %d", bearer.Attempt)
	}
}

// The session redials by itself too; what it brings up in a pause is taken.
func TestClimbTakesWhatTheSessionRedialled(t *testing.T) {
	w := newWorld(t, network{"internet": refusal(26)}, internet)
	w.run(time.Second)
	w.net["internet"] = carries
	w.dial(w.status.InForce)
	w.run(time.Minute)
	w.tells(`
    0s table internet/ipv4v6/none: refused 26
    1s table internet/ipv4v6/none: carries, tried again
`)
	w = newWorld(t, network{"internet": refusal(26)}, internet)
	w.run(time.Second)
	w.status.State = modem.BearerConnecting
	w.run(10 * time.Second)
	if bearer, _ := w.ladder.Bearer(); bearer.Attempt != 0 {
		t.Error("a dial under way was cut short")
	}
}

func TestClimbModemThatNeverAnswers(t *testing.T) {
	w := newWorld(t, network{"internet": {silent: true}, "login": carries}, internet, login)
	w.run(time.Hour)
	w.dialled("internet/ipv4v6/none internet/ipv4/none login/ipv4v6/chap")
}

func TestClimbWaitsForTheSession(t *testing.T) {
	w := newWorld(t, network{"internet": carries}, internet)
	w.ready = false
	w.run(24 * time.Hour)
	if len(w.ladder.Story()) != 1 || len(w.dials) != 0 {
		t.Errorf("without a session:\n%s", w.story())
	}
	if bearer, ok := w.ladder.Bearer(); !ok || bearer.APN != "internet" {
		t.Error("nothing is wished, so that the session would lose a turn")
	}
	w.ready = true
	w.run(time.Minute)
	w.dialled("internet/ipv4v6/none")
}

func TestClimbMuteNeedsGraceAndTwoProbes(t *testing.T) {
	w := newWorld(t, network{"internet/ipv4v6": mute, "internet/ipv4": carries}, internet)
	w.turn()
	w.turn()
	w.result, w.failed = probe.Dead, 5
	w.run(5 * time.Second)
	if rung, _ := w.ladder.Rung(); rung.Bearer.Family != modem.IPv4v6 {
		t.Error("given up within the grace")
	}
	w.failed, w.probeAt = 1, time.Time{}
	w.run(20 * time.Second)
	if rung, _ := w.ladder.Rung(); rung.Bearer.Family != modem.IPv4v6 {
		t.Error("given up after one probe")
	}
	w.failed = 2
	w.run(time.Second)
	if rung, _ := w.ladder.Rung(); rung.Bearer.Family != modem.IPv4 {
		t.Errorf("not given up:\n%s", w.story())
	}
}

// A portal is the second best: everything else is tried, then it is it.
func TestClimbPortalIsSecondBest(t *testing.T) {
	w := newWorld(t, network{"internet": portal, "login": mute}, internet, login, wrong)
	w.run(time.Hour)
	w.tells(`
    0s table internet/ipv4v6/none: walled, somebody answers in the Internet's place
    1s table login/ipv4v6/chap: mute, nothing came back
    7s table login/ipv4/chap: mute, nothing came back
   13s config wrong.apn/ipv4v6/none: refused 27
   13s table internet/ipv4v6/none: walled, nothing better was found
`)
	w.says("internet: listed for 26201; a page of somebody else answers in the Internet's place, and nothing better was found")
	if _, ok := w.ladder.Winner(); ok {
		t.Error("a portal is remembered as a winner")
	}
	w.net["internet"] = carries // somebody paid
	w.run(5 * time.Minute)
	w.says("internet: listed for 26201; carried traffic after 3 access points failed, at last 'wrong.apn' (ipv4v6) was refused (cause 27: missing or unknown APN)")
	w.dialled("internet/ipv4v6/none login/ipv4v6/chap login/ipv4/chap wrong.apn/ipv4v6/none internet/ipv4v6/none")
}

func TestClimbBetterThanAPortal(t *testing.T) {
	w := newWorld(t, network{"internet": portal, "login": carries}, internet, login)
	w.run(time.Minute)
	w.says("login: listed for 26201; carried traffic after 'internet' (ipv4v6) led to a page of somebody else")
}

// The second best is not taken twice in a round when it fails the second time.
func TestClimbSecondBestThatFails(t *testing.T) {
	w := newWorld(t, network{"internet": portal}, internet, wrong)
	for w.turn(); len(w.ladder.Story()) < 3; w.now = w.now.Add(time.Second) {
		if w.status.State == modem.BearerUp {
			w.probe()
		}
		w.turn()
	}
	w.net["internet"] = refusal(27)
	w.dial(w.status.InForce)
	w.run(10 * time.Second)
	if _, ok := w.ladder.Bearer(); ok {
		t.Errorf("still wished:\n%s", w.story())
	}
}

func TestClimbIPv6AloneIsHeldAndSaid(t *testing.T) {
	w := newWorld(t, network{"internet": v6, "internet/ipv4": refusal(51)}, internet, wrong)
	w.run(20 * time.Second)
	w.tells(`
    0s table internet/ipv4v6/none: ipv6-only, IPv6 alone cannot be shared yet
    0s table internet/ipv4/none: refused 51
    0s table internet/ipv6/none: ipv6-only, IPv6 alone cannot be shared yet
    0s config wrong.apn/ipv4v6/none: refused 27
    0s table internet/ipv4v6/none: ipv6-only, kept until the next round: nothing better was found
`)
	w.says("internet: listed for 26201; IPv6 alone, which cannot be shared yet, and nothing better was found")
	if bearer, ok := w.ladder.Bearer(); !ok || bearer.APN != "internet" {
		t.Error("IPv6 is not kept for the gateway")
	}
}

// What answers although probes fail is better than nothing, and worse than a portal.
func TestClimbAnsweringButUnproven(t *testing.T) {
	w := newWorld(t, network{"login": {verdict: probe.Dead, rx: true}, "internet": mute}, internet, login, wrong)
	w.run(50 * time.Second)
	if bearer, ok := w.ladder.Bearer(); !ok || bearer.APN != "login" {
		t.Errorf("%v %t\n%s", bearer, ok, w.story())
	}
	w.net["login"] = carries
	w.run(4 * time.Second)
	if rung, ok := w.ladder.Winner(); !ok || rung.Bearer.APN != "login" {
		t.Errorf("not taken when it carried:\n%s", w.story())
	}
}

func TestClimbWithoutProbe(t *testing.T) {
	w := newWorld(t, network{"internet": answer{}}, wrong, internet)
	w.probing = false
	w.run(time.Hour)
	w.tells(`
    0s config wrong.apn/ipv4v6/none: refused 27
    0s table internet/ipv4v6/none: held, no probe is configured to prove it
`)
	w.says("internet: listed for 26201; up after 'wrong.apn' (ipv4v6) was refused (cause 27: missing or unknown APN); no probe is configured to prove it")
}

func TestClimbProbeThatCannotOrDoesNotProve(t *testing.T) {
	w := newWorld(t, network{"internet": {verdict: probe.Unproven}}, internet)
	w.run(10 * time.Second)
	w.says("internet: listed for 26201; up; no probe can be made here to prove it")
	w = newWorld(t, network{"internet": answer{}}, internet)
	w.run(59 * time.Second)
	if _, outcome := w.ladder.Rung(); outcome != Trying {
		t.Errorf("%s before a minute is over", outcome)
	}
	w.run(time.Minute)
	w.says("internet: listed for 26201; up; no probe came back to prove it")
}

// A network that takes the bearer down as soon as it is up ends the rung, not the ladder.
func TestClimbLostBeforeItCarried(t *testing.T) {
	w := newWorld(t, network{"internet": answer{}, "login": carries}, internet, login)
	for range 40 {
		w.run(time.Second)
		if w.status.State == modem.BearerUp && w.status.InForce.APN == "internet" {
			w.status = modem.BearerStatus{State: modem.BearerFailed, InForce: w.status.InForce, Cause: 36}
		}
	}
	w.dialled("internet/ipv4v6/none internet/ipv4v6/none internet/ipv4v6/none login/ipv4v6/chap")
}

// Coverage that goes while a bearer is proved is not the bearer's fault.
func TestClimbSessionLostWhileProving(t *testing.T) {
	w := newWorld(t, network{"internet": answer{}}, internet, login)
	w.run(time.Second)
	w.ready, w.status.State = false, modem.BearerDown
	w.run(time.Hour)
	w.net["internet"] = carries
	w.ready = true
	w.run(time.Minute)
	w.dialled("internet/ipv4v6/none internet/ipv4v6/none")
	w.tells(`
    0s table internet/ipv4v6/none: carries
`)
}

func TestClimbRoundsBackOff(t *testing.T) {
	w := newWorld(t, network{}, internet)
	w.run(2 * time.Hour)
	var pauses []time.Duration
	story := w.ladder.Story()
	for i := 1; i < len(story); i++ {
		pauses = append(pauses, story[i].At.Sub(story[i-1].At))
	}
	want := []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute}
	for i, pause := range want {
		if pauses[i] != pause {
			t.Fatalf("pauses %v", pauses)
		}
	}
	if _, ok := w.ladder.Bearer(); ok {
		t.Error("a refused bearer is wished while nothing is tried")
	}
	w.says("nothing carried traffic; 'internet' (ipv4v6) was refused (cause 27: missing or unknown APN); everything is tried again at 14:00:30")
	w.net["internet"] = carries
	w.run(time.Hour)
	w.says("internet: listed for 26201; carried traffic")
}

// A new round asks for the rungs again: roaming or memory may have changed them.
func TestClimbNextRoundHasNewRungs(t *testing.T) {
	w := newWorld(t, network{"login": carries}, internet)
	w.run(time.Second)
	w.rungs = Rungs([]Candidate{login})
	w.run(time.Minute)
	w.dialled("internet/ipv4v6/none login/ipv4v6/chap")
	if w.rounds != 2 {
		t.Errorf("rungs were made %d times", w.rounds)
	}
}

func TestClimbNothingToTry(t *testing.T) {
	w := newWorld(t, network{})
	w.run(time.Hour)
	if _, ok := w.ladder.Bearer(); ok || w.story() != "" {
		t.Error("something is wished")
	}
	if rung, outcome := w.ladder.Rung(); outcome != "" || rung.Bearer.APN != "" {
		t.Error("there is a rung")
	}
	w.says("no SIM to choose an access point for")
}

// A bearer on which no name resolves is left for a better one, but when there is none it
// is kept as it is: dialling again mends no server.
func TestClimbKeepsWhatCarriesWithoutNames(t *testing.T) {
	w := newWorld(t, network{"internet": noNames}, internet, login)
	w.run(5 * time.Hour)
	w.tells(`
    0s table internet/ipv4v6/none: mute, no page to look at was found, though addresses can be reached
    6s table login/ipv4v6/chap: refused 27
    6s table internet/ipv4v6/none: held, no page to look at was found, though addresses can be reached
`)
	w.dialled("internet/ipv4v6/none login/ipv4v6/chap internet/ipv4v6/none")
	w = newWorld(t, network{"internet": noNames, "login": carries}, internet, login)
	w.run(time.Hour)
	w.dialled("internet/ipv4v6/none login/ipv4v6/chap")
	w = newWorld(t, network{"internet": carries}, internet, login)
	w.run(time.Minute)
	w.net["internet"] = noNames
	w.run(5 * time.Hour)
	w.dialled("internet/ipv4v6/none")
}
