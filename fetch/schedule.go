package fetch

import "time"

// The pause after a failure doubles from the first to the last, or to the usual one where
// that is shorter.
const (
	firstPause   = 15 * time.Second
	lastPause    = 6 * time.Hour
	leastRefresh = time.Minute
)

// spread is the part of a pause, in hundredths, that chance adds.
const spread = 20

// next says when to ask again after a result; the zero time is never. Chance is from 0
// to 99.
func next(r Request, result Result, chance int) time.Time {
	pause := max(r.Interval, leastRefresh)
	switch {
	case result.Failed > 0:
		most := lastPause
		if r.Interval > 0 {
			most = min(most, pause)
		}
		pause = min(firstPause<<min(result.Failed-1, 20), most)
	case r.Interval == 0:
		return time.Time{}
	}
	return result.At.Add(pause + pause/(100*100)*time.Duration(spread*chance))
}

// due says when a request is to be made, given its last result under the same wish;
// false for never.
func due(r Request, last Result) (time.Time, bool) {
	switch {
	case last.At.IsZero():
		return r.First, true
	case last.Next.IsZero():
		return time.Time{}, false
	}
	return last.Next, true
}
