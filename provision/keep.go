package provision

import (
	"time"

	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/probe"
)

// keep redials a settled rung that fails and repairs one that stalls.
func (l Ladder) keep(list func() []Rung, seen Seen) (Ladder, bool) {
	l, pausing := l.pausing(seen)
	if pausing {
		return l, false
	}
	if l.answered(seen, modem.BearerUp) {
		l.entered, l.redials = time.Time{}, 0
		return l.watch(list, seen)
	}
	l.dead = time.Time{}
	l, late := l.patience(seen)
	if !late && !(seen.Ready && l.answered(seen, modem.BearerFailed)) {
		return l, false
	}
	l = l.mark(Refused, seen.Bearer.Cause, seen.Bearer.Error)
	l.redials++
	if l.redials >= maxRedials {
		return l.round(list, seen), true
	}
	l.until = seen.Now.Add(pause(retryPause, l.redials-1))
	return l, true
}

// Redial asks for the settled rung to be dialled again, for a reason that the story
// tells. A ladder that rests begins its next round at once; one that is looking goes on as
// it does.
func (l Ladder) Redial(why string, now time.Time) Ladder {
	if l.stage == waiting {
		l.until = now
	}
	if l.absent || l.stage != settled {
		return l
	}
	l.attempt++
	l.dead, l.carried = time.Time{}, time.Time{}
	return l.tell(why, now)
}

// Reconnect asks for a dial now: of the rung that is up, or, after a round that found
// nothing, of the first one. A ladder that is dialling dials anyway, unless the modem takes
// over what a former process dialled: then that is dialled again.
func (l Ladder) Reconnect(why string, now time.Time) Ladder {
	switch l.stage {
	case empty, dialling:
		l.anew = why
		return l
	case waiting:
		return l.Again()
	case proving: // it was dialled before
		l.attempt++
		l.stage, l.entered = dialling, now
		return l.tell(why, now)
	}
	return l.Redial(why, now)
}

// watch looks after a settled bearer that is up.
func (l Ladder) watch(list func() []Rung, seen Seen) (Ladder, bool) {
	if seen.Verdict != probe.Dead && seen.Verdict != probe.NoDNS || seen.nameless() || seen.Served {
		l.dead = time.Time{}
		return l.confirm(seen), false
	}
	l.carried = time.Time{}
	if l.dead.IsZero() {
		l.dead = seen.Now
	}
	if seen.Failed < stallProbes || seen.Now.Before(l.dead.Add(l.dwell())) {
		return l, false
	}
	l.repairs++
	l.dead = time.Time{}
	l = l.mark(Mute, 0, "stalled")
	if l.repairs%2 == 0 {
		return l.round(list, seen), true
	}
	l.attempt++
	return l.tell("dialled again after a stall", seen.Now), true
}

// confirm takes note of traffic: a held or walled bearer that carries now has been
// proven, and one that has carried for as long as a repair waits needs no patience
// from former repairs.
func (l Ladder) confirm(seen Seen) Ladder {
	unproven := !seen.Probing || seen.Verdict == probe.Unproven
	switch {
	case seen.Verdict == probe.Online && l.outcome != Carries:
		l = l.mark(Carries, 0, "")
	case seen.Verdict == probe.Online:
	case unproven && l.outcome == Trying:
		return l.mark(Held, 0, "no probe to prove it")
	case seen.Verdict == probe.Portal && l.outcome == Trying:
		return l.mark(Walled, 0, "")
	default:
		return l
	}
	if l.carried.IsZero() {
		l.carried = seen.Now
	}
	if seen.Now.Sub(l.carried) >= l.dwell() {
		l.repairs = 0
	}
	return l
}

// dwell is how long a settled bearer may be dead before the next repair.
func (l Ladder) dwell() time.Duration { return pause(stallLimit, l.repairs) }

// pause doubles with each time before, up to a quarter of an hour.
func pause(first time.Duration, before int) time.Duration {
	return min(first<<min(before, 10), maxPause)
}
