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

// TestActivatingIsAskedAfter: the notice of a dial's end gets lost, or overtakes the answer
// "activating", and the bearer is known to be up, or refused, all the same.
func TestActivatingIsAskedAfter(t *testing.T) {
	for name, c := range map[string]struct {
		early bool        // the notice comes before the answer
		then  bearerState // what is there when the modem is asked
		takes time.Duration
		want  BearerState
	}{
		"a notice that is lost":            {false, bearerState{state: contextActivated, family: IPv4v6}, askIP, BearerUp},
		"a notice that is too early":       {true, bearerState{state: contextActivated, family: IPv4v6}, askIP, BearerUp},
		"a refusal whose notice is lost":   {false, bearerState{state: contextDeactivated, cause: 33}, enoughTold * askIP, BearerFailed},
		"nothing, and no cause":            {false, bearerState{state: contextDeactivated}, enoughUntold * askIP, BearerFailed},
		"one that takes all the time":      {false, bearerState{state: contextActivating}, timeoutDial, BearerFailed},
		"one that cannot be asked of":      {false, bearerState{state: contextUnknown}, timeoutDial, BearerFailed},
		"a modem that begins after a look": {false, bearerState{}, 3 * askIP, BearerUp},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mute[opDial] = true
			w.begin(wish(internet))
			if c.early {
				w.event(bearerState{state: contextActivated, family: IPv4v6})
			}
			looks := 0
			w.answer[opReadBearer] = func(Command) (fact, *failure) {
				if looks++; c.takes == 3*askIP {
					return []fact{bearerState{state: contextDeactivated}, bearerState{state: contextActivating}, bearerState{state: contextActivated}}[looks-1], nil
				}
				return c.then, nil
			}
			w.release(opDial, bearerState{state: contextActivating}, nil)
			w.pass(c.takes - time.Second)
			w.bearer(Shared, BearerConnecting)
			w.never(opHangUp)
			w.pass(time.Second)
			if b := w.bearer(Shared, c.want); b.Cause != c.then.cause {
				t.Errorf("bearer %+v", b)
			}
			if hung := w.count(opHangUp) == 1; hung != (c.takes == timeoutDial) {
				t.Errorf("hung up %d times", w.count(opHangUp))
			}
		})
	}
}

// TestDialWhoseAnswerTellsNothingIsAskedAfter: the modem agreed, and whether the bearer is up is
// known by asking.
func TestDialWhoseAnswerTellsNothingIsAskedAfter(t *testing.T) {
	for name, answer := range map[string]func() (fact, *failure){
		"an empty answer": func() (fact, *failure) { return nil, nil },
		"an odd state":    func() (fact, *failure) { return bearerState{state: contextUnknown}, nil },
		"a broken answer": func() (fact, *failure) { return nil, &failure{reason: reasonUnread, text: "short"} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.answer[opDial] = func(c Command) (fact, *failure) {
				w.up[c.session] = c.bearer
				return answer()
			}
			w.begin(wish(internet))
			w.bearer(Shared, BearerConnecting)
			w.pass(askIP)
			w.bearer(Shared, BearerUp)
			w.times(opDial, 1)
			w.never(opHangUp)
		})
	}
}

// TestSessionThatIsUpUnseenIsEnded: one that we believe down and that is up lets the modem refuse
// each dial, until somebody hangs up.
func TestSessionThatIsUpUnseenIsEnded(t *testing.T) {
	for name, c := range map[string]struct {
		refusal     failure
		looks, ends int // the modem refuses so many of them first
	}{
		"too many contexts":                        {failure{cause: causeTooMany, text: "max contexts"}, 1, 0},
		"too many contexts and no way to look":     {failure{cause: causeTooMany, text: "max contexts"}, 1000, 0},
		"too many contexts after refused hang-ups": {failure{cause: causeTooMany, text: "max contexts"}, 1, maxHangs + 1},
		"a refusal without a cause":                {failure{text: "failure"}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.up[0] = tether
			w.answer[opReadBearer] = func(cmd Command) (fact, *failure) {
				if c.looks--; c.looks >= 0 {
					return nil, &failure{text: "failure"}
				}
				if _, up := w.up[0]; up {
					return bearerState{state: contextActivated}, nil
				}
				return bearerState{state: contextDeactivated}, nil
			}
			w.answer[opHangUp] = func(Command) (fact, *failure) {
				if c.ends--; c.ends >= 0 {
					return nil, &failure{text: "failure"}
				}
				delete(w.up, 0)
				return nil, nil
			}
			w.answer[opDial] = func(cmd Command) (fact, *failure) {
				if _, up := w.up[0]; up {
					return nil, &c.refusal
				}
				w.up[0] = cmd.bearer
				return bearerState{state: contextActivated, family: IPv4v6}, nil
			}
			w.begin(wish(internet))
			if b := w.bearer(Shared, BearerFailed); b.Cause != c.refusal.cause || b.Error == "" {
				t.Errorf("bearer %+v", b)
			}
			w.pass(3 * time.Minute)
			if b := w.bearer(Shared, BearerUp); b.InForce != internet || b.Adopted {
				t.Errorf("bearer %+v", b)
			}
			if n := w.count(opDial); n > 3 {
				t.Errorf("dialled %d times", n)
			}
		})
	}
}

// TestModemThatIsBusyWithADialIsNotTakenForDead: it answers nothing about the bearer before
// the dial's end, and is hung up after that time, or at once when something else is wished.
func TestModemThatIsBusyWithADialIsNotTakenForDead(t *testing.T) {
	for _, changes := range []bool{false, true} {
		w := newWorld(t)
		w.refuse["internet"] = bearerState{state: contextActivating}
		w.begin(wish(internet))
		w.mute[opReadBearer] = true
		w.pass(timeoutDial - time.Second)
		w.bearer(Shared, BearerConnecting)
		w.never(opHangUp)
		if changes {
			w.event(specChanged{wish(tether)})
			w.bearer(Shared, BearerUp)
		} else {
			w.pass(time.Second)
			w.bearer(Shared, BearerFailed)
		}
		w.times(opHangUp, 1)
		w.times(opClose, 0)
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
	if shared.Session != 0 || shared.Interface != "wwan0" || own.Session != 1 || own.Interface != "wwan0.1" || own.Parent != "wwan0" || shared.Parent != "" {
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

// TestNameOfASessionFits: whatever the modem's interface is called, the kernel takes the name,
// and no two sessions have the same.
func TestNameOfASessionFits(t *testing.T) {
	for parent, want := range map[string]string{"wwan0": "wwan0.1", "wwp0s20f0u2i1": "wwp0s20f0u2i1.1",
		"wwp0s20f0u2i12": "wwp0s20f0u2i1.1", "wwx028037ec0200": "wwx028037ec02.1"} {
		if got := sessionName(parent, 1); got != want || len(got) > 15 {
			t.Errorf("%s: %s", parent, got)
		}
		if got := sessionName(parent, maxSlots-1); len(got) > 15 || got == want {
			t.Errorf("%s: %s", parent, got)
		}
	}
	w := newWorld(t)
	long := testNode("0")
	long.Interface = "wwx028037ec0200"
	w.event(specChanged{Spec{Enabled: true, Bearers: map[Purpose]Bearer{Own: internet, Shared: tether}}})
	w.event(devicesSeen{[]node{long}})
	if own := w.bearer(Own, BearerUp); own.Interface != "wwx028037ec02.1" || own.Parent != long.Interface {
		t.Errorf("own %+v", own)
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

// TestHangUpThatGoesOnIsWaitedFor: a hang-up that is answered "deactivating" is not done, and
// the next dial waits for its end, which the modem tells or is asked for.
func TestHangUpThatGoesOnIsWaitedFor(t *testing.T) {
	down, ending := bearerState{state: contextDeactivated}, bearerState{state: contextDeactivating}
	for name, c := range map[string]struct {
		end   func(*world)
		looks int
	}{
		"its end is told":     {func(w *world) { w.pass(time.Second); w.event(down) }, 0},
		"its end is asked":    {func(w *world) { w.pass(redialFirst) }, 1},
		"it takes two looks":  {func(w *world) { w.pass(3 * redialFirst) }, 2},
		"it never tells that": {func(w *world) { w.pass((1<<maxHangs - 1) * redialFirst) }, maxHangs},
	} {
		t.Run(name, func(t *testing.T) {
			w := ready(t)
			w.answer[opHangUp] = func(c Command) (fact, *failure) {
				delete(w.up, c.session)
				return ending, nil
			}
			looks := 0
			w.answer[opReadBearer] = func(Command) (fact, *failure) {
				if looks++; looks < c.looks || c.looks == maxHangs {
					return ending, nil
				}
				return down, nil
			}
			w.forget()
			w.event(specChanged{wish(tether)})
			w.event(bearerState{state: contextDeactivating})
			w.never(opDial)
			if w.state.slots[0].idle() {
				t.Error("nothing is to be waited for")
			}
			c.end(w)
			w.times(opReadBearer, c.looks)
			w.times(opHangUp, 1)
			w.times(opDial, 1)
			if b := w.bearer(Shared, BearerUp); b.InForce != tether {
				t.Errorf("bearer %+v", b)
			}
		})
	}
}

// TestEndOfTheFormerBearerIsNotTheNextOnes: told after the next dial was answered "activating",
// it blames nobody; a dial that ended so is known by looking.
func TestEndOfTheFormerBearerIsNotTheNextOnes(t *testing.T) {
	for _, cause := range []uint32{0, causeRegular} {
		for _, state := range []contextState{contextActivated, contextDeactivated} {
			w := ready(t)
			w.refuse["tether"] = bearerState{state: contextActivating}
			w.answer[opReadBearer] = func(Command) (fact, *failure) { return bearerState{state: state}, nil }
			w.event(specChanged{wish(tether)})
			w.event(bearerState{state: contextDeactivated, cause: cause})
			w.bearer(Shared, BearerConnecting)
			w.pass((enoughUntold - 1) * askIP)
			want := map[contextState]BearerState{contextActivated: BearerUp, contextDeactivated: BearerFailed}[state]
			if b := w.bearer(Shared, want); b.InForce != tether {
				t.Errorf("bearer %+v", b)
			}
		}
	}
}

// A back-off that a failed bearer earned is not cut short by the end of what was half of it.
func TestHangUpThatGoesOnKeepsTheBackOff(t *testing.T) {
	w := newWorld(t)
	w.ip = ipConfiguration{}
	w.answer[opHangUp] = func(c Command) (fact, *failure) {
		delete(w.up, c.session)
		return bearerState{state: contextDeactivating}, nil
	}
	w.begin(wish(internet))
	w.pass(time.Hour)
	if n := w.count(opDial); n < 10 || n > 20 {
		t.Fatalf("dialled %d times in an hour", n)
	}
}

// A modem that is too busy to dial, for half a minute, has not refused the access point.
func TestBusyModemRefusesNoAccessPoint(t *testing.T) {
	w := newWorld(t)
	w.answer[opDial] = func(Command) (fact, *failure) { return nil, &failure{reason: reasonEarly, text: "busy"} }
	w.begin(wish(internet))
	for range 15 {
		if b := w.bearer(Shared, BearerDown); b.Error != "busy" || b.Cause != 0 {
			t.Fatalf("bearer %+v", b)
		}
		w.pass(redialFirst)
	}
	w.times(opDial, 5) // after 2, 6, 14 and 30 seconds again
	w.times(opReadRegistration, 1)
	w.answer[opDial] = nil
	w.pass(16 * redialFirst)
	w.bearer(Shared, BearerUp)
}

// One that is busy for longer is dialled often enough that the last half of four minutes tells.
func TestModemThatStaysBusyIsDialledWithinHalfAMinute(t *testing.T) {
	w := newWorld(t)
	w.answer[opDial] = func(Command) (fact, *failure) { return nil, &failure{reason: reasonEarly, text: "busy"} }
	w.begin(wish(internet))
	w.pass(130 * time.Second)
	w.bearer(Shared, BearerDown)
	w.answer[opDial] = nil
	w.pass(redialBusy)
	w.bearer(Shared, BearerUp)

	w = newWorld(t)
	w.answer[opDial] = func(Command) (fact, *failure) { return nil, &failure{reason: reasonEarly, text: "busy"} }
	w.begin(wish(internet))
	w.forget()
	w.pass(time.Hour)
	if n := w.count(opDial); n < 110 || n > 125 {
		t.Errorf("dialled %d times in an hour", n)
	}
}

// A dial that is refused for the SIM's sake says nothing of the access point either.
func TestDialRefusedForTheSIMRefusesNoAccessPoint(t *testing.T) {
	for _, state := range []simReadiness{simBad, simLocked} {
		w := newWorld(t)
		w.answer[opDial] = func(Command) (fact, *failure) {
			w.sim.state, w.pin.lock = state, SIMPIN
			return nil, &failure{card: true, tries: -1, text: "SIM"}
		}
		w.mute[opReadSIM] = true
		w.begin(wish(internet))
		w.release(opReadSIM, w.sim, nil)
		w.phase(PhaseReady)
		if b := w.bearer(Shared, BearerDown); b.Error != "SIM" || b.Cause != 0 {
			t.Errorf("bearer %+v", b)
		}
		w.mute[opReadSIM] = false
		w.release(opReadSIM, w.sim, nil)
		if w.phaseIs(PhaseReady) {
			t.Error("still in service")
		}
		clear(w.answer)
		w.sim.state = simReady
		w.event(w.sim)
		w.pass(redialFirst)
		w.bearer(Shared, BearerUp)
	}

	w := newWorld(t) // the network's own word weighs more
	w.answer[opDial] = func(Command) (fact, *failure) { return nil, &failure{card: true, cause: 33, tries: -1, text: "SIM"} }
	w.begin(wish(internet))
	if b := w.bearer(Shared, BearerFailed); b.Cause != 33 {
		t.Errorf("bearer %+v", b)
	}
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
