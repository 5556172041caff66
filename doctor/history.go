package doctor

import (
	"slices"
	"time"
)

// again is how soon the same cause is the same episode.
const again = time.Minute

// remember makes an episode of a finding that is over.
func (e *exam) remember(history []Episode, f Finding) []Episode {
	now := e.Observed.Now
	since := now.Add(f.Since.Sub(now)) // by the clock as it is now: it may have been set meanwhile
	ep := Episode{Code: f.Code, Variant: f.Variant, Args: f.Args, From: since, To: now}
	if kind, helped := e.outcome(f); kind != "" {
		ep.Remedy, ep.Helped = string(kind), helped
	}
	return add(history, ep)
}

// add appends an episode, or lengthens the last one of the same cause that it touches: after
// a start with an older clock it is before those of yesterday.
func add(history []Episode, ep Episode) []Episode {
	out := slices.Clone(history)
	for i := len(out) - 1; i >= 0; i-- {
		if old := out[i]; old.Code == ep.Code && ep.From.Sub(old.To) < again && old.From.Sub(ep.To) < again {
			ep.From = earlier(old.From, ep.From)
			if ep.To.Before(old.To) {
				ep.To = old.To
			}
			out = slices.Delete(out, i, i+1)
			break
		}
	}
	out = append(out, ep)
	return out[max(0, len(out)-maxHistory):]
}

// Sound is a history that somebody may have written by hand, without what no examination
// makes, and bounded.
func Sound(history []Episode) []Episode {
	out := slices.DeleteFunc(slices.Clone(history), func(ep Episode) bool {
		_, known := causeOf(ep.Code)
		return !known || ep.To.Before(ep.From)
	})
	return out[max(0, len(out)-maxHistory):]
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
