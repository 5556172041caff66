package provision

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Story returns the last tries, oldest first, at most 32. The caller owns it.
func (l Ladder) Story() []Try { return slices.Clone(l.story) }

// Known returns what is known of the SIM that is there, by the present settings: how the
// rung that is wished does, and the tries, oldest first. Without a SIM it is Trying, and
// nothing: the next one may be another. The caller owns the tries.
func (l Ladder) Known() (Outcome, []Try) {
	if l.absent {
		return Trying, nil
	}
	return l.outcome, slices.Clone(l.story[len(l.story)-l.ours:])
}

// tell adds a line for the rung that is wished now. Ladders share older lines, so
// none is ever written to.
func (l Ladder) tell(note string, now time.Time) Ladder {
	rung := l.rungs[l.at]
	keep := l.story[max(0, len(l.story)-maxStory+1):]
	l.story = append(slices.Clone(keep), Try{
		APN: rung.Bearer.APN, Family: rung.Bearer.Family, Auth: rung.Bearer.Auth,
		Source: rung.Candidate.Source, Outcome: Trying, Note: note, At: now,
	})
	l.outcome, l.ours = Trying, min(l.ours+1, maxStory)
	return l
}

// mark writes down how the last try ended.
func (l Ladder) mark(outcome Outcome, cause uint32, note string) Ladder {
	l.story = slices.Clone(l.story)
	last := &l.story[len(l.story)-1]
	last.Outcome, last.Cause = outcome, cause
	if note != "" {
		last.Note = note
	}
	l.outcome = outcome
	return l
}

// Why says in one sentence which access point it is and why, for people.
func (l Ladder) Why() string {
	switch {
	case l.absent || len(l.rungs) == 0:
		return "no SIM to choose an access point for"
	case l.stage == waiting && l.second == "":
		return fmt.Sprintf("nothing carried traffic; %s; everything is tried again at %s",
			l.failures(), l.until.UTC().Format(time.TimeOnly))
	}
	rung := l.rungs[l.at]
	why := label(rung.Bearer.APN) + ": " + rung.Candidate.Why + "; "
	if l.stage != settled && l.stage != waiting {
		return why + "being tried"
	}
	return why + l.result()
}

func (l Ladder) result() string {
	last := &l.story[len(l.story)-1]
	after := ""
	if l.after != "" {
		after = " after " + l.after
	}
	switch {
	case l.outcome == Carries:
		return "carried traffic" + after
	case l.stage == waiting && l.outcome == V6Only:
		return "IPv6 alone, which cannot be shared yet, and nothing better was found"
	case l.stage == waiting:
		return "packets come back but no probe succeeds, and nothing better was found"
	case l.outcome == Held:
		return "up" + after + "; " + last.Note
	case l.outcome == Walled:
		return "a page of somebody else answers in the Internet's place, and nothing better was found"
	case l.outcome == Trying:
		return "being dialled again"
	}
	return "dialled again soon, because " + last.ending()
}

// failures tells what this round has tried in vain before the rung at hand.
func (l Ladder) failures() string {
	var names []string
	var last *Try
	for i := range l.story {
		try := &l.story[i]
		if try.At.Before(l.began) || try.Outcome == Trying || try.Outcome == Carries || try.Outcome == Held {
			continue
		}
		last = try
		if name := label(try.APN); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if last == nil {
		return ""
	}
	if len(names) < 2 {
		return last.ending()
	}
	return fmt.Sprintf("%d access points failed, at last %s", len(names), last.ending())
}

// ending puts a failed try into words.
func (t *Try) ending() string {
	what := fmt.Sprintf("%s (%s)", quoted(t.APN), t.Family)
	switch {
	case t.Outcome == Mute:
		return what + " carried nothing"
	case t.Outcome == Walled:
		return what + " led to a page of somebody else"
	case t.Outcome == V6Only:
		return what + " gave IPv6 alone, which cannot be shared yet"
	case t.Cause != 0:
		return fmt.Sprintf("%s was refused (cause %d: %s)", what, t.Cause, SessionCause(t.Cause))
	}
	return strings.TrimSuffix(fmt.Sprintf("%s was refused (%s)", what, t.Note), " ()")
}

func label(apn string) string {
	if apn == "" {
		return "the network's own choice"
	}
	return apn
}

func quoted(apn string) string {
	if apn == "" {
		return label(apn)
	}
	return "'" + apn + "'"
}
