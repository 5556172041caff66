package modem

import (
	"testing"
	"time"
)

func TestFromNothingToABearerThatIsUp(t *testing.T) {
	w := ready(t)
	b := w.bearer(Own, BearerUp)
	if b.InForce != internet || b.Session != 0 || b.Interface != "wwan0" || b.IPv4 == nil || b.IPv6 == nil || b.Adopted {
		t.Fatalf("bearer %+v", b)
	}
	w.times(opDial, 1) // own and shared have the same Bearer
	if w.run[0] != internet {
		t.Fatal("no record for the next process")
	}
}

func TestActivatedWithCause50IsSingleStackSuccess(t *testing.T) {
	w := newWorld(t)
	w.refuse["internet"] = bearerState{state: contextActivated, family: IPv4, cause: 50}
	w.ip.ipv6 = nil
	w.begin(wish(internet))
	b := w.bearer(Shared, BearerUp)
	if b.IPv4 == nil || b.IPv6 != nil || b.Cause != 0 {
		t.Fatalf("bearer %+v", b)
	}
	if w.pass(2 * time.Second); w.count(opReadIP) != 1 {
		t.Fatal("waits for a family that was not granted")
	}
}

func TestRefusedBearerIsNotRedialledBeforeItsTimeButAnotherWishIsAtOnce(t *testing.T) {
	for _, c := range []struct {
		name  string
		cause uint32
		waits []time.Duration
	}{
		{"temporary", 26, []time.Duration{2, 4, 8, 16, 32, 64, 128, 256, 300, 300}},
		{"permanent", 27, []time.Duration{60, 120, 240, 300, 300}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.refuse["internet"] = bearerState{state: contextDeactivated, cause: c.cause}
			w.begin(wish(internet))
			for i, wait := range c.waits {
				b := w.bearer(Shared, BearerFailed)
				if b.Cause != c.cause || b.InForce != internet {
					t.Fatalf("bearer %+v", b)
				}
				w.pass(wait*time.Second - time.Millisecond)
				w.times(opDial, i+1)
				w.pass(time.Millisecond)
				w.times(opDial, i+2)
			}
			w.event(specChanged{wish(tether)})
			if b := w.bearer(Shared, BearerUp); b.InForce != tether || b.Cause != 0 {
				t.Fatalf("bearer %+v", b)
			}
			w.never(opHangUp) // nothing was up
		})
	}
}

func TestPermanentCausesAreThoseOfTheSpecification(t *testing.T) {
	for cause := range uint32(256) {
		want := cause == 8 || cause == 11 || cause == 13 || cause == 27 || cause == 29 || cause == 33
		if permanent(cause) != want {
			t.Errorf("cause %d: permanent %t", cause, !want)
		}
	}
}

func TestChangedBearerIsHungUpAndTheNewOneDialledAtOnce(t *testing.T) {
	w := ready(t)
	w.forget()
	next := internet
	next.Attempt++ // a repair is a change like any other
	w.event(specChanged{wish(next)})
	w.times(opHangUp, 1)
	w.times(opDial, 1)
	if b := w.bearer(Shared, BearerUp); b.InForce != next {
		t.Fatalf("bearer %+v", b)
	}
}

func TestWishThatChangesWhileDiallingDoesNotWaitForTheDial(t *testing.T) {
	w := newWorld(t)
	w.mute[opDial] = true
	w.begin(wish(internet))
	w.bearer(Shared, BearerConnecting)
	stale := w.open[0]
	w.event(specChanged{wish(tether)})
	w.times(opHangUp, 1)
	if b := w.bearer(Shared, BearerConnecting); b.InForce != tether {
		t.Fatalf("bearer %+v", b)
	}
	w.deliver(Event{gen: stale.gen, fact: answered{id: stale.id, result: bearerState{state: contextActivated}}})
	w.bearer(Shared, BearerConnecting) // the answer to the former dial is nobody's
}

func TestDroppedBearerIsRedialledAtOnceThenWithBackOff(t *testing.T) {
	w := ready(t)
	drop := func() {
		delete(w.up, 0)
		w.event(bearerState{session: 0, state: contextDeactivated, cause: 36})
	}
	w.forget()
	drop()
	w.times(opDial, 1)
	if b := w.bearer(Shared, BearerUp); b.Drops != 1 {
		t.Fatalf("drops %d", b.Drops)
	}
	drop()
	b := w.bearer(Shared, BearerDown)
	if b.Cause != 36 || b.Drops != 2 || b.IPv4 != nil || b.IPv6 != nil {
		t.Fatalf("bearer %+v", b)
	}
	w.times(opDial, 1)
	w.pass(2 * time.Second)
	w.times(opDial, 2)
	drop()
	w.pass(3 * time.Second)
	w.times(opDial, 2)
	w.pass(time.Second)
	w.times(opDial, 3)
	w.pass(steady) // a long life forgets the past
	drop()
	w.times(opDial, 4)
}

func TestDropWithoutIndicationIsFoundByAsking(t *testing.T) {
	w := ready(t)
	delete(w.up, 0)
	w.forget()
	w.pass(pollReady + time.Second)
	w.times(opReadBearer, 1)
	w.times(opDial, 1)
	w.bearer(Shared, BearerUp)
}

func TestDialWithoutAnswerIsCleanedUpAfterThreeMinutes(t *testing.T) {
	w := newWorld(t)
	w.mute[opDial] = true
	w.begin(wish(internet))
	w.pass(timeoutDial - time.Second)
	w.bearer(Shared, BearerConnecting)
	w.never(opHangUp)
	w.pass(time.Second)
	w.times(opHangUp, 1)
	if b := w.bearer(Shared, BearerFailed); b.Error == "" || b.InForce != internet {
		t.Fatalf("bearer %+v", b)
	}
	w.mute[opDial] = false
	w.pass(redialFirst)
	w.bearer(Shared, BearerUp)
}

func TestHangUpWithoutAnswerDoesNotHoldTheNewWishForLong(t *testing.T) {
	w := ready(t)
	w.mute[opHangUp] = true
	w.event(specChanged{wish(tether)})
	w.pass(timeoutHangUp - time.Second)
	w.times(opDial, 1)
	w.mute[opHangUp] = false // it was lost; the next one works
	w.pass(time.Second)
	if b := w.bearer(Shared, BearerUp); b.InForce != tether {
		t.Fatalf("bearer %+v", b)
	}
}

func TestActivatingIsAnsweredLaterByANotice(t *testing.T) {
	for _, c := range []struct {
		end  bearerState
		want BearerState
	}{
		{bearerState{state: contextActivated, family: IPv4v6}, BearerUp},
		{bearerState{state: contextDeactivated, cause: 33}, BearerFailed},
	} {
		w := newWorld(t)
		w.refuse["internet"] = bearerState{state: contextActivating}
		w.begin(wish(internet))
		w.bearer(Shared, BearerConnecting)
		w.event(c.end)
		if b := w.bearer(Shared, c.want); b.Cause != c.end.cause {
			t.Fatalf("bearer %+v", b)
		}
	}
}

func TestAddressesThatComeLateAreWaitedFor(t *testing.T) {
	w := newWorld(t)
	full := w.ip
	w.ip = ipConfiguration{ipv6: full.ipv6}
	w.begin(wish(internet))
	w.bearer(Shared, BearerConnecting) // IPv6 alone is not all that was granted
	w.pass(2 * time.Second)
	w.event(full)
	if b := w.bearer(Shared, BearerUp); b.IPv4 == nil || b.IPv6 == nil {
		t.Fatalf("bearer %+v", b)
	}
}

func TestMissingFamilyIsGivenUpAfterTwentySeconds(t *testing.T) {
	w := newWorld(t)
	w.ip.ipv4 = nil
	w.begin(wish(internet))
	w.pass(waitIP - time.Second)
	w.bearer(Shared, BearerConnecting)
	w.pass(time.Second)
	if b := w.bearer(Shared, BearerUp); b.IPv4 != nil || b.IPv6 == nil {
		t.Fatalf("bearer %+v", b)
	}
}

func TestIPv4AloneIsUpAtOnceAndIPv6FollowsInPlace(t *testing.T) {
	w := newWorld(t)
	full := w.ip
	w.ip.ipv6 = nil
	w.begin(wish(internet))
	since := w.bearer(Shared, BearerUp).Since
	w.pass(time.Second)
	w.event(full)
	if b := w.bearer(Shared, BearerUp); b.IPv6 == nil || b.Since != since {
		t.Fatalf("bearer %+v", b)
	}
	w.times(opDial, 1)
}

func TestBearerWithoutAnyAddressIsGivenUp(t *testing.T) {
	w := newWorld(t)
	w.ip = ipConfiguration{}
	w.begin(wish(internet))
	w.pass(waitIP)
	if b := w.bearer(Shared, BearerFailed); b.Error == "" {
		t.Fatalf("bearer %+v", b)
	}
	w.times(opHangUp, 1)
}

func TestAddressChangedByTheNetworkIsFollowedInPlace(t *testing.T) {
	for name, tell := range map[string]func(*world){
		"by the configuration itself": func(w *world) { w.event(w.ip) },
		"by a connect notice":         func(w *world) { w.event(bearerState{state: contextActivated}) },
		"unseen, found by asking":     func(w *world) { w.pass(pollReady + time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			w := ready(t)
			w.forget()
			w.ip.ipv4 = v4("10.9.9.9/30")
			tell(w)
			b := w.bearer(Shared, BearerUp)
			if got := b.IPv4.Addresses[0].String(); got != "10.9.9.9/30" {
				t.Fatalf("address %s", got)
			}
			w.never(opDial)
			w.never(opHangUp)
		})
	}
}

func TestLiveBearerIsAdoptedAfterRestart(t *testing.T) {
	w := newWorld(t)
	w.up[0], w.run[0] = internet, internet
	w.begin(wish(internet))
	if b := w.bearer(Shared, BearerUp); !b.Adopted || b.InForce != internet || b.IPv4 == nil {
		t.Fatalf("bearer %+v", b)
	}
	w.never(opDial)
	w.never(opHangUp)
}

func TestLiveBearerThatIsNotTheWishIsReplaced(t *testing.T) {
	for name, record := range map[string]map[uint32]Bearer{"another bearer": {0: tether}, "no record": {}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.up[0], w.run = tether, record
			w.begin(wish(internet))
			w.times(opHangUp, 1)
			w.times(opDial, 1)
			if b := w.bearer(Shared, BearerUp); b.Adopted {
				t.Fatal("adopted")
			}
		})
	}
}

func TestWishThatChangesDuringAdoptionIsComparedAnew(t *testing.T) {
	w := newWorld(t)
	w.up[0], w.run[0] = internet, internet
	w.mute[opRecallRun] = true
	w.begin(wish(internet))
	w.event(specChanged{wish(tether)})
	w.mute[opRecallRun] = false
	w.release(opRecallRun, runRecord{true}, nil)
	if b := w.bearer(Shared, BearerUp); b.InForce != tether || b.Adopted {
		t.Fatalf("bearer %+v", b)
	}
	w.times(opHangUp, 1)
}

func TestDistinctBearersGetSessionsOfTheirOwn(t *testing.T) {
	w := newWorld(t)
	w.begin(Spec{Enabled: true, Bearers: map[Purpose]Bearer{Own: internet, Shared: tether}})
	own, shared := w.bearer(Own, BearerUp), w.bearer(Shared, BearerUp)
	if shared.Session != 0 || shared.Interface != "wwan0" || own.Session != 1 || own.Interface != "wwan0.1" {
		t.Fatalf("own %+v, shared %+v", own, shared)
	}
	w.forget()
	w.event(specChanged{wish(tether)}) // both share what is up
	w.never(opDial)
	w.times(opHangUp, 1)
	if own := w.bearer(Own, BearerUp); own.Session != 0 {
		t.Fatalf("own %+v", own)
	}
}

// TestSessionsOfAFormerProcess: each purpose gets the session again in which a former
// process left its bearer, so that none is dialled, nor used for the other purpose.
func TestSessionsOfAFormerProcess(t *testing.T) {
	for name, c := range map[string]struct {
		left        map[Purpose]uint32
		own, shared uint32
	}{
		"the other way round":   {map[Purpose]uint32{Own: 0, Shared: 1}, 0, 1},
		"as they would be now":  {map[Purpose]uint32{Own: 1, Shared: 0}, 1, 0},
		"one of them":           {map[Purpose]uint32{Shared: 1}, 0, 1},
		"one session for both":  {map[Purpose]uint32{Own: 1, Shared: 1}, 0, 1},
		"more than there are":   {map[Purpose]uint32{Own: 0, Shared: 99}, 0, 1},
		"of another purpose":    {map[Purpose]uint32{Purchase: 0}, 1, 0},
		"the other's first one": {map[Purpose]uint32{Own: 0}, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.begin(Spec{Enabled: true, Bearers: map[Purpose]Bearer{Own: internet, Shared: tether}, Sessions: c.left})
			own, shared := w.bearer(Own, BearerUp), w.bearer(Shared, BearerUp)
			if own.Session != c.own || shared.Session != c.shared {
				t.Errorf("own has %d, shared %d", own.Session, shared.Session)
			}
			w.forget()
			w.event(specChanged{Spec{Enabled: true, Bearers: map[Purpose]Bearer{Own: internet, Shared: tether}}})
			w.never(opDial) // when nobody holds anything of the former process any more
			w.never(opHangUp)
		})
	}
}

func TestMoreBearersThanSessionsFailWithAReason(t *testing.T) {
	w := newWorld(t)
	w.answer[opReadCapabilities] = func(Command) (fact, *failure) { return capabilities{sessions: 1}, nil }
	w.begin(Spec{Enabled: true, Bearers: map[Purpose]Bearer{Own: internet, Shared: tether}})
	w.bearer(Shared, BearerUp)
	if b := w.bearer(Own, BearerFailed); b.InForce != internet || b.Error == "" {
		t.Fatalf("bearer %+v", b)
	}
	w.times(opDial, 1)
}

func TestBearerOutsideTheWishIsHungUp(t *testing.T) {
	w := ready(t)
	w.event(specChanged{Spec{Enabled: true}})
	w.times(opHangUp, 1)
	w.phase(PhaseReady)
	if n := len(w.state.snapshot().Bearers); n != 0 || len(w.up) != 0 || len(w.run) != 0 {
		t.Fatalf("%d bearers, up %v, records %v", n, w.up, w.run)
	}
}

func TestBearerThatComesUpUnaskedIsHungUp(t *testing.T) {
	w := newWorld(t)
	w.refuse["internet"] = bearerState{state: contextDeactivated, cause: 26}
	w.begin(wish(internet))
	w.event(bearerState{state: contextActivated})
	w.times(opHangUp, 1)
}

func TestBearerThatIsNotWishedAnyMoreIsNotWaitedFor(t *testing.T) {
	for name, end := range map[string]func(*world){
		"wish gone":     func(w *world) { w.event(specChanged{Spec{Enabled: true}}) },
		"switched off":  func(w *world) { w.event(specChanged{Spec{}}) },
		"now abroad":    func(w *world) { w.event(registration{state: "roaming"}) },
		"now elsewhere": func(w *world) { w.event(registration{state: "partner"}) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mute[opDial] = true
			w.begin(wish(internet))
			end(w)
			w.times(opHangUp, 1)
			if b, ok := w.state.snapshot().Bearers[Shared]; ok && b.State != BearerDown {
				t.Errorf("bearer %+v", b)
			}
		})
	}
}

func TestQuestionsAboutABearerThatAreNotAnsweredDoNotEndIt(t *testing.T) {
	w := ready(t)
	w.answer[opReadBearer] = func(Command) (fact, *failure) { return nil, &failure{text: "busy"} }
	w.answer[opReadIP] = w.answer[opReadBearer]
	w.forget()
	w.pass(10 * time.Minute)
	if w.count(opReadBearer) == 0 {
		t.Fatal("not asked")
	}
	w.bearer(Shared, BearerUp)
	w.never(opHangUp)
}

func TestSessionThatIsInBetweenIsHungUpFirst(t *testing.T) {
	for _, state := range []contextState{contextActivating, contextDeactivating} {
		w := newWorld(t)
		w.answer[opReadBearer] = func(c Command) (fact, *failure) { return bearerState{state: state}, nil }
		w.begin(wish(internet))
		w.times(opHangUp, 1)
		w.bearer(Shared, BearerUp)
	}
}

func TestModemThatCannotTellOfItsSessionsIsDialled(t *testing.T) {
	w := newWorld(t)
	w.answer[opReadBearer] = func(Command) (fact, *failure) { return nil, &failure{reason: reasonUnsupported, text: "no"} }
	w.begin(wish(internet))
	w.bearer(Shared, BearerUp)
}

func TestRefusalWithoutCauseSaysSo(t *testing.T) {
	w := newWorld(t)
	w.refuse["internet"] = bearerState{state: contextDeactivated}
	w.begin(wish(internet))
	if b := w.bearer(Shared, BearerFailed); b.Cause != 0 || b.Error == "" {
		t.Errorf("bearer %+v", b)
	}
}

func TestNoticesThatMeanNothingHereChangeNothing(t *testing.T) {
	w := ready(t)
	before := w.bearer(Shared, BearerUp)
	w.forget()
	for _, f := range []fact{
		bearerState{session: 5, state: contextDeactivated}, // not ours
		bearerState{session: 0, state: contextDeactivating},
		bearerState{session: 0, state: contextUnknown},
		ipConfiguration{session: 7, ipv4: v4("10.1.1.1/30")},
		ipConfiguration{session: 0}, // nothing told is nothing lost
	} {
		w.event(f)
	}
	if after := w.bearer(Shared, BearerUp); after.IPv4.Addresses[0] != before.IPv4.Addresses[0] || after.Drops != 0 {
		t.Errorf("before %+v, after %+v", before, after)
	}
	w.never(opDial)
	w.never(opHangUp)
}

func TestDeactivationDuringTheDialIsJudgedByTheAnswer(t *testing.T) {
	w := newWorld(t)
	w.mute[opDial] = true
	w.begin(wish(internet))
	w.event(bearerState{state: contextDeactivated}) // of the former life
	w.bearer(Shared, BearerConnecting)
	w.release(opDial, bearerState{state: contextActivated, family: IPv4v6}, nil)
	w.bearer(Shared, BearerUp)
}

func TestBearerOfOneFamilyWaitsForThatFamilyAlone(t *testing.T) {
	for family, ip := range map[Family]ipConfiguration{
		IPv4: {ipv4: v4("10.0.0.2/30")}, IPv6: {ipv6: v4("2001:db8::2/64")}, "": {ipv4: v4("10.0.0.2/30")},
	} {
		w := newWorld(t)
		w.ip = ip
		w.begin(wish(Bearer{APN: "internet", Family: family}))
		w.bearer(Shared, BearerUp)
	}
}

func TestSessionsKeepTheirPlacesWhenWishesMove(t *testing.T) {
	w := newWorld(t)
	two := func(own, shared Bearer) Spec {
		return Spec{Enabled: true, Bearers: map[Purpose]Bearer{Own: own, Shared: shared}}
	}
	w.begin(two(internet, tether))
	w.forget()
	w.event(specChanged{two(tether, internet)}) // exchanged: nothing has to be dialled
	w.never(opDial)
	if own := w.bearer(Own, BearerUp); own.Session != 0 || own.InForce != tether {
		t.Errorf("own %+v", own)
	}
	third := Bearer{APN: "third", Family: IPv4}
	w.event(specChanged{two(tether, third)}) // one changes: the other goes on
	w.times(opDial, 1)
	w.times(opHangUp, 1)
	if shared := w.bearer(Shared, BearerUp); shared.Session != 1 || shared.InForce != third {
		t.Errorf("shared %+v", shared)
	}
}

func TestBackOffDoublesUpToItsBound(t *testing.T) {
	for failures, want := range map[int]time.Duration{0: 2 * time.Second, 1: 4 * time.Second, 3: 16 * time.Second,
		7: 256 * time.Second, 8: maxBackoff, 1 << 30: maxBackoff} {
		if got := backoff(2*time.Second, failures, maxBackoff); got != want {
			t.Errorf("%d failures: %v, want %v", failures, got, want)
		}
	}
	if got := backoff(time.Hour, 0, time.Minute); got != time.Minute {
		t.Errorf("first beyond the bound: %v", got)
	}
}

func TestPurposeThatMovedIsToldWithItsNewBearerWhileTheOldOneEnds(t *testing.T) {
	w := newWorld(t)
	w.begin(Spec{Enabled: true, Bearers: map[Purpose]Bearer{Own: internet, Shared: tether}})
	w.mute[opHangUp] = true
	w.event(specChanged{wish(tether)})
	if own := w.bearer(Own, BearerUp); own.InForce != tether {
		t.Errorf("own %+v", own)
	}
}

func TestOnlyTheDriverForUSBHasFurtherSessions(t *testing.T) {
	w := newWorld(t)
	n := testNode("0")
	n.Driver = "wwan"
	w.event(specChanged{Spec{Enabled: true, Bearers: map[Purpose]Bearer{Own: internet, Shared: tether}}})
	w.event(devicesSeen{[]node{n}})
	w.bearer(Shared, BearerUp)
	w.bearer(Own, BearerFailed)
	w.times(opDial, 1)
}

// A modem that is busy has not hung up.
func TestRefusedHangUpIsRepeated(t *testing.T) {
	busy := 2
	w := ready(t)
	w.answer[opHangUp] = func(c Command) (fact, *failure) {
		if busy--; busy >= 0 {
			return nil, &failure{text: "busy"}
		}
		delete(w.up, c.session)
		return nil, nil
	}
	w.forget()
	w.event(specChanged{wish(tether)})
	w.times(opHangUp, 1)
	w.never(opDial)
	w.pass(redialFirst)
	w.times(opHangUp, 2)
	w.never(opDial)
	w.pass(2 * redialFirst)
	w.times(opHangUp, 3)
	w.times(opDial, 1)
	w.bearer(Shared, BearerUp)
	if w.up[0] != tether {
		t.Errorf("up is %v", w.up)
	}
}

func TestRefusedHangUpOfWhatIsDown(t *testing.T) {
	for name, err := range map[string]*failure{"told by the refusal": {reason: reasonOffline}, "told when asked": {text: "failure"}} {
		t.Run(name, func(t *testing.T) {
			w := ready(t)
			w.answer[opHangUp] = func(c Command) (fact, *failure) {
				delete(w.up, c.session)
				return nil, err
			}
			w.event(specChanged{Spec{Enabled: true}})
			w.pass(redialFirst)
			w.times(opHangUp, 1)
			if n := len(w.state.slots); n != 0 {
				t.Errorf("%d sessions are kept", n)
			}
		})
	}
}

func TestModemThatNeverHangsUpIsDialledInTheEnd(t *testing.T) {
	w := ready(t)
	w.answer[opHangUp] = func(Command) (fact, *failure) { return nil, &failure{text: "failure"} }
	w.forget()
	w.event(specChanged{wish(tether)})
	w.pass(10 * time.Minute)
	w.times(opHangUp, 1+maxHangs)
	w.times(opDial, 1)
}

// A dial that the modem did not even try says nothing of the access point.
func TestUntriedDialIsNoRefusal(t *testing.T) {
	w := newWorld(t)
	w.answer[opDial] = func(Command) (fact, *failure) {
		w.reg.state = "searching"
		return nil, &failure{reason: reasonOffline, text: "not registered"}
	}
	w.begin(wish(internet))
	w.phase(PhaseRegister)
	if b := w.bearer(Shared, BearerDown); b.Error == "" || b.Cause != 0 {
		t.Errorf("bearer %+v", b)
	}
	w.answer[opDial] = nil
	w.reg.state = "home"
	w.event(w.reg)
	w.pass(redialFirst)
	w.bearer(Shared, BearerUp)
	w.times(opDial, 2)
}
