package provision

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/probe"
)

// The patience of a ladder.
const (
	dialLimit  = 4 * time.Minute  // a modem that answers neither yes nor no; graceful ends may take 3 minutes
	muteGrace  = 6 * time.Second  // a path may need that long after the addresses are there
	proveLimit = time.Minute      // for the first word of a probe
	retryPause = 5 * time.Second  // after a passing failure, doubling
	roundPause = 30 * time.Second // after a round that found nothing, doubling
	maxPause   = 15 * time.Minute
	backPause  = 2 * time.Minute // between rounds, when what can be dialled was gone and is back
	stallLimit = time.Minute     // a settled bearer may be dead for, doubling with each repair

	muteProbes  = 2  // failures in a row that make a new bearer mute
	stallProbes = 3  // failures in a row that make a settled bearer stalled
	maxRedials  = 4  // failures in a row of a settled bearer until everything is tried anew
	maxStory    = 32 // lines
)

// Seen is what a ladder looks at.
type Seen struct {
	Now    time.Time
	Ready  bool // the modem's session is ready to dial, and data may be used where it is
	Bearer modem.BearerStatus
	// Probing says that a probe of the bearer is configured.
	Probing bool
	// Verdict and Failed (failures in a row) are of a probe made since this bearer
	// came up; probe.Unknown and 0 while there is none.
	Verdict probe.Verdict
	Failed  int
	// Alive says that somebody could be reached though the probe failed: the bearer
	// carries, and servers are at fault.
	Alive bool
	// Served says that clients are answered, whatever the probe says.
	Served bool
	// RxGrew says that packets came in on this bearer since it came up.
	RxGrew bool
	// Trace is what Ladder.Trace said last in a former process, whose bearer may
	// still be up; "" when there was none. It is looked at by a new ladder only.
	Trace string
}

type stage uint8

const (
	empty    stage = iota
	dialling       // the rung is wished and not yet up
	proving        // up, evidence is awaited
	settled        // the rung is kept
	waiting        // a round found nothing; the best of it, if any, is held
)

// Ladder finds the rung that carries traffic and keeps it. It is a value: Climb
// returns the next one. The zero value has nothing to dial.
type Ladder struct {
	key     string
	absent  bool // the SIM is not there: nothing is wished
	again   bool // somebody asked to climb from the first rung
	rungs   []Rung
	stage   stage
	at      int    // rung that is wished
	attempt uint32 // counts up when a rung may be wished twice in a row
	resumed bool   // the rung is a former process's: when it fails, the climb begins at the top
	anew    string // why a dial was asked for while this one was under way; "" it was not
	final   bool   // the rung is the second best and nothing is left to try

	began   time.Time // of this round
	entered time.Time // of the stage, or since when it could make progress; zero while it cannot
	until   time.Time // pause before the next dial or round; zero none
	rested  time.Time // since when the next round is waited for

	best    int       // rung to fall back to, when there is a second best
	second  Outcome   // of that rung; "" none
	retries int       // of this rung, after passing failures
	rounds  int       // without traffic, in a row
	redials int       // of the settled rung, in a row
	repairs int       // of stalls, since traffic was last seen for long
	carried time.Time // since when probes of the settled rung succeed
	dead    time.Time // since when they fail

	outcome Outcome // of the rung at
	after   string  // what failed before it
	story   []Try
	ours    int // its last lines that are of this key
}

// Climb returns the next ladder and the earliest time at which it changes without a
// change in what is seen; the zero time when there is none. It is pure, as list must
// be, which gives the rungs and is called only at the beginning of a round.
//
// A changed key starts anew. The key "" says that the SIM is gone: nothing is wished,
// and the same SIM goes on where it was. A new ladder with a Trace of the same key
// begins with the rung that was settled then, so that the bearer can be adopted.
func (l Ladder) Climb(key string, list func() []Rung, seen Seen) (Ladder, time.Time) {
	l.absent = key == ""
	if l.absent {
		if l.stage == proving {
			l.stage = dialling
		}
		l.entered = time.Time{}
		return l, time.Time{}
	}
	if key != l.key || l.again {
		l = start(l, key, list(), seen)
	}
	for moved := true; moved; {
		l, moved = l.step(list, seen)
	}
	return l, l.deadline(seen)
}

// Bearer returns what to dial now; false when nothing is to be up.
func (l Ladder) Bearer() (modem.Bearer, bool) {
	if l.absent || len(l.rungs) == 0 || l.stage == waiting && l.second == "" {
		return modem.Bearer{}, false
	}
	return l.wish(), true
}

// Winner returns the rung that carries traffic, to be remembered for the SIM that is
// there; false while none was seen to.
func (l Ladder) Winner() (Rung, bool) {
	if l.absent || l.stage != settled || l.outcome != Carries {
		return Rung{}, false
	}
	return l.rungs[l.at], true
}

// Rung returns the rung that is wished and how it does: Trying until that is known.
// While nothing is wished it is the last one that failed.
func (l Ladder) Rung() (Rung, Outcome) {
	if len(l.rungs) == 0 {
		return Rung{}, ""
	}
	return l.rungs[l.at], l.outcome
}

// Again returns a ladder that hangs up and climbs from the first rung, as for another
// SIM. Without a SIM there is nothing to do again.
func (l Ladder) Again() Ladder {
	l.again = l.key != ""
	return l
}

func (l Ladder) wish() modem.Bearer {
	bearer := l.rungs[l.at].Bearer
	bearer.Attempt = l.attempt
	return bearer
}

func start(old Ladder, key string, rungs []Rung, seen Seen) Ladder {
	l := Ladder{key: key, rungs: rungs, story: old.story, began: seen.Now}
	if key == old.key {
		l.ours = old.ours
	}
	if key == old.key || old.key == "" {
		l.anew = old.anew
	}
	if len(rungs) == 0 {
		return l
	}
	if at, attempt, ok := l.resume(seen.Trace); ok && old.key == "" {
		l.attempt, l.resumed = attempt, true
		return l.begin(at, "settled in a former process", seen)
	}
	if seen.Bearer.InForce == rungs[0].Bearer && old.key != "" {
		l.attempt++ // what is seen of it is of another key
	}
	return l.begin(0, "", seen)
}

// Key is the key that the ladder climbs for, also while the SIM is not there; "" before the
// first one.
func (l Ladder) Key() string { return l.key }

// Looking says that the ladder may go on to another rung.
func (l Ladder) Looking() bool { return l.stage == dialling || l.stage == proving }

// Trace says what is settled, for the next process; "" while nothing is. It is one
// line without a secret, and worth nothing once the machine was off.
func (l Ladder) Trace() string {
	if l.stage != settled || l.again {
		return ""
	}
	return fmt.Sprintf("%s %s %d", l.key, l.rungs[l.at].fingerprint(l.key), l.attempt)
}

// Leaves says that the ladder stands on a rung, and not on that of a former process's
// Trace: what that process left up is of another SIM or of another wish.
func (l Ladder) Leaves(trace string) bool {
	at, _, ok := l.resume(trace)
	return len(l.rungs) > 0 && !l.absent && !(ok && at == l.at)
}

// resume finds the rung of a trace.
func (l Ladder) resume(trace string) (at int, attempt uint32, ok bool) {
	fields := strings.Fields(trace)
	if len(fields) != 3 || fields[0] != l.key {
		return 0, 0, false
	}
	count, err := strconv.ParseUint(fields[2], 10, 32)
	at = slices.IndexFunc(l.rungs, func(r Rung) bool { return r.fingerprint(l.key) == fields[1] })
	return at, uint32(count), err == nil && at >= 0
}

// fingerprint tells rungs apart without telling a password: without the SIM's
// numbers, which are in the key, it cannot be found by trial.
func (r Rung) fingerprint(key string) string {
	b := r.Bearer
	text := fmt.Sprintf("%q %q %q %q %q %q", key, b.APN, b.User, string(b.Password), b.Auth, b.Family)
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// begin wishes a rung.
func (l Ladder) begin(at int, note string, seen Seen) Ladder {
	l.at, l.stage = at, dialling
	l.entered, l.until = seen.Now, time.Time{}
	l.retries, l.redials, l.dead = 0, 0, time.Time{}
	return l.tell(note, seen.Now)
}

// round begins at the top, with the rungs as they are now.
func (l Ladder) round(list func() []Rung, seen Seen) Ladder {
	l.attempt++
	l.final, l.resumed = false, false
	l.best, l.second = 0, ""
	l.began, l.after = seen.Now, ""
	if rungs := list(); len(rungs) > 0 {
		l.rungs = rungs
	}
	return l.begin(0, "", seen)
}

// step makes one transition, and reports whether it made one.
func (l Ladder) step(list func() []Rung, seen Seen) (Ladder, bool) {
	switch l.stage {
	case dialling:
		return l.dial(seen)
	case proving:
		return l.prove(seen)
	case settled:
		return l.keep(list, seen)
	case waiting:
		return l.wait(list, seen)
	}
	return l, false
}

// deadline returns when time alone will move the ladder.
func (l Ladder) deadline(seen Seen) time.Time {
	at := l.due(seen)
	if !at.After(seen.Now) {
		return time.Time{} // it waits for more than time
	}
	return at
}

func (l Ladder) due(seen Seen) time.Time {
	switch {
	case l.stage == waiting, !l.until.IsZero():
		return l.until
	case l.stage == proving && seen.Now.Before(l.entered.Add(muteGrace)) && seen.Failed >= muteProbes:
		return l.entered.Add(muteGrace)
	case l.stage == proving:
		return l.entered.Add(proveLimit)
	case !l.dead.IsZero():
		return l.dead.Add(l.dwell())
	case !l.entered.IsZero():
		return l.entered.Add(dialLimit)
	}
	return time.Time{}
}
