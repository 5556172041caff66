package provision

import (
	"slices"
	"time"

	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/probe"
)

// answered reports whether the modem's word is about the wish.
func (l Ladder) answered(seen Seen, state modem.BearerState) bool {
	return seen.Bearer.State == state && seen.Bearer.InForce == l.wish()
}

// patience starts the clock of a stage when progress is possible and stops it when
// it is not, and reports whether time is up.
func (l Ladder) patience(seen Seen) (Ladder, bool) {
	switch {
	case !seen.Ready:
		l.entered = time.Time{}
	case l.entered.IsZero():
		l.entered = seen.Now
	}
	return l, !l.entered.IsZero() && !seen.Now.Before(l.entered.Add(dialLimit))
}

// pausing reports whether a pause is still on; when it is over the rung is dialled
// again. The session redials by itself too: what it has under way or up is left alone.
func (l Ladder) pausing(seen Seen) (Ladder, bool) {
	switch {
	case l.until.IsZero():
		return l, false
	case l.answered(seen, modem.BearerUp):
		l.until = time.Time{}
		return l.tell("tried again", seen.Now), false
	case seen.Now.Before(l.until):
		return l, true
	}
	l.until, l.entered = time.Time{}, seen.Now
	if !l.answered(seen, modem.BearerConnecting) {
		l.attempt++
	}
	return l.tell("tried again", seen.Now), false
}

func (l Ladder) dial(seen Seen) (Ladder, bool) {
	l, pausing := l.pausing(seen)
	if pausing {
		return l, false
	}
	l, late := l.patience(seen)
	switch {
	case l.answered(seen, modem.BearerUp) && seen.Bearer.Adopted && l.anew != "":
		l.attempt++
		l.entered = seen.Now
		l, l.anew = l.tell(l.anew, seen.Now), ""
		return l, true
	case l.answered(seen, modem.BearerUp):
		l.stage, l.entered, l.anew = proving, seen.Now, ""
		return l, true
	case seen.Ready && l.answered(seen, modem.BearerFailed):
		return l.refused(seen, seen.Bearer.Error), true
	case late:
		return l.mark(Refused, 0, "the modem gave no answer").goOn(toSingle, seen), true
	}
	return l, false
}

// refused tries the same again or goes on, as the cause asks for.
func (l Ladder) refused(seen Seen, note string) Ladder {
	l = l.mark(Refused, seen.Bearer.Cause, note)
	retries, then := reaction(seen.Bearer.Cause)
	if l.retries < retries {
		l.until = seen.Now.Add(pause(retryPause, l.retries))
		l.retries++
		l.stage = dialling
		return l
	}
	return l.goOn(then, seen)
}

// goOn leaves a rung that did not carry.
func (l Ladder) goOn(how move, seen Seen) Ladder {
	to := next(l.rungs, l.at, how)
	if l.resumed {
		l.resumed, to = false, 0
		l.attempt++
	}
	switch {
	case !l.final && to < len(l.rungs):
		return l.begin(to, "", seen)
	case !l.final && l.second == Walled:
		l.final = true
		l.attempt++
		return l.begin(l.best, "nothing better was found", seen)
	case l.final:
		l.second = ""
	}
	return l.rest(seen)
}

// rest ends a round that found nothing to settle for.
func (l Ladder) rest(seen Seen) Ladder {
	l.stage = waiting
	l.entered, l.rested = seen.Now, seen.Now
	l.until = seen.Now.Add(pause(roundPause, l.rounds))
	l.rounds++
	if l.second != "" {
		l.at = l.best
		l.attempt++
		l = l.tell("kept until the next round: nothing better was found", seen.Now).mark(l.second, 0, "")
	}
	return l
}

// back ends the rest when the SIM, the modem or the network has come back: what the last
// round found was before, and a person may have helped. One that comes and goes has a round
// each backPause at most.
func (l Ladder) back(seen Seen) Ladder {
	switch {
	case !seen.Ready:
		l.entered = time.Time{}
	case l.entered.IsZero():
		l.entered = seen.Now
		if soon := l.rested.Add(backPause); soon.Before(l.until) {
			l.until = soon
		}
	}
	return l
}

func (l Ladder) wait(list func() []Rung, seen Seen) (Ladder, bool) {
	l = l.back(seen)
	switch {
	case l.second != "" && l.answered(seen, modem.BearerUp) && seen.Bearer.IPv4 != nil && seen.Verdict == probe.Online:
		return l.settle(Carries, "", seen), true
	case l.second != "" && l.answered(seen, modem.BearerUp) && seen.nameless():
		return l.settle(Held, nameless, seen), true
	case seen.Ready && !seen.Now.Before(l.until):
		return l.round(list, seen), true
	}
	return l, false
}

func (l Ladder) prove(seen Seen) (Ladder, bool) {
	elapsed := seen.Now.Sub(l.entered)
	b := seen.Bearer
	switch {
	case !l.answered(seen, modem.BearerUp) && !seen.Ready:
		l.stage, l.entered = dialling, time.Time{} // the network went, not the bearer
		return l, true
	case !l.answered(seen, modem.BearerUp):
		return l.refused(seen, "lost before it carried anything"), true
	case b.IPv4 == nil && b.IPv6 != nil:
		l = l.fallBack(V6Only)
		return l.mark(V6Only, b.Cause, "IPv6 alone cannot be shared yet").goOn(toIPv4, seen), true
	case !seen.Probing:
		return l.settle(Held, "no probe is configured to prove it", seen), true
	}
	switch seen.Verdict {
	case probe.Online:
		return l.settle(Carries, "", seen), true
	case probe.Portal:
		return l.walled(seen), true
	case probe.Dead, probe.NoDNS:
		if elapsed >= proveLimit || elapsed >= muteGrace && seen.Failed >= muteProbes {
			return l.mute(seen), true
		}
	case probe.Unproven:
		return l.settle(Held, "no probe can be made here to prove it", seen), true
	default:
		if elapsed >= proveLimit {
			return l.settle(Held, "no probe came back to prove it", seen), true
		}
	}
	return l, false
}

// walled keeps a portal as the second best; when all else has failed it is it.
func (l Ladder) walled(seen Seen) Ladder {
	if l.final {
		return l.settle(Walled, "nothing better was found", seen)
	}
	l = l.fallBack(Walled)
	return l.mark(Walled, 0, "somebody answers in the Internet's place").goOn(toName, seen)
}

// nameless is said of a bearer that carries while the servers of names, or of pages, are
// at fault.
const nameless = "no page to look at was found, though addresses can be reached"

func (s Seen) nameless() bool {
	return (s.Verdict == probe.NoDNS || s.Verdict == probe.Dead) && s.Alive
}

func (l Ladder) mute(seen Seen) Ladder {
	note := "nothing came back"
	switch {
	case seen.nameless(): // another access point may do better; this one is kept, else
		return l.fallBack(Mute).mark(Mute, 0, nameless).goOn(toName, seen)
	case seen.RxGrew:
		note = "packets came back, but no probe succeeded"
		l = l.fallBack(Mute)
	}
	return l.mark(Mute, 0, note).goOn(toSingle, seen)
}

// merit orders what is better than nothing (""), which is 0.
func merit(outcome Outcome) int {
	return 1 + slices.Index([]Outcome{V6Only, Mute, Walled}, outcome)
}

// fallBack remembers the rung unless as good a one was before it.
func (l Ladder) fallBack(outcome Outcome) Ladder {
	if merit(outcome) > merit(l.second) {
		l.best, l.second = l.at, outcome
	}
	return l
}

func (l Ladder) settle(outcome Outcome, note string, seen Seen) Ladder {
	l.after = l.failures()
	l.stage, l.carried = settled, seen.Now
	l.entered, l.until, l.dead = time.Time{}, time.Time{}, time.Time{}
	l.resumed, l.rounds, l.redials = false, 0, 0
	return l.mark(outcome, 0, note)
}
