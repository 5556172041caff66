package provision

import (
	"cmp"
	"fmt"
	"time"

	"github.com/tetherd/tetherd/provision/document"
)

// ActivityEnd is how an Activity ended; "" while it goes on.
type ActivityEnd string

// The ends.
const (
	Activated ActivityEnd = "done"     // a try was followed by traffic on a bearer dialled since
	GaveUp    ActivityEnd = "given up" // no try was
)

// Activity is how far the activation of what a subscriber bought has got (CarrierControl,
// Activation). It is a value: Pursue returns the next one. The zero value has nothing to do.
type Activity struct {
	Edition string      // of the document, whose activation it is; "" none
	SIM     string      `json:",omitempty"` // names for whom something was bought; "" whoever is in first
	Tries   int         // that were begun
	Next    time.Time   // when the next one begins, or the last one has failed
	End     ActivityEnd `json:",omitempty"`
	Tried   time.Time   `json:"-"` // when the last one began; zero: none in this process
}

// Effect is what an Activity looks at.
type Effect struct {
	Now    time.Time
	Ready  bool // the modem can be told to try
	Proved bool // traffic was seen to flow on a bearer that was dialled since Activity.Tried
}

// longestActivity bounds every wait of an Activity: no delay and no interval is longer.
const longestActivity = time.Hour

// BeginActivity returns an Activity whose first try waits for the document's delay.
func BeginActivity(edition string, what document.Activation, now time.Time) Activity {
	return Activity{Edition: edition, Next: now.Add(time.Duration(what.Delay) * time.Second)}
}

// Resumed is an Activity as the next process goes on with it: a try of which the end was
// not seen is made again, for nobody knows whether it was made.
func (a Activity) Resumed() Activity {
	if a.End == "" && a.Tries > 0 {
		a.Tries, a.Next = a.Tries-1, time.Time{}
	}
	return a
}

// Passed is an Activity that goes on under the next edition of its document.
func (a Activity) Passed(from, to string) Activity {
	if a.Edition != from {
		return Activity{}
	}
	a.Edition = to
	return a
}

// Pursue returns the next Activity, whether a try is to be made now, and the earliest time
// at which that changes by itself; the zero time when there is none. One try is made, and
// as many more as the document has retries, each an interval after the former one; between
// them nothing but traffic ends it. A try that is due waits for the modem. It is pure.
func (a Activity) Pursue(what document.Activation, seen Effect) (next Activity, try bool, wake time.Time) {
	if latest := seen.Now.Add(longestActivity); a.Next.After(latest) { // the clock was set
		a.Next = latest
	}
	switch {
	case a.Edition == "" || a.End != "":
		return a, false, time.Time{}
	case seen.Proved && !a.Tried.IsZero():
		a.End = Activated
		return a, false, time.Time{}
	case seen.Now.Before(a.Next):
		return a, false, a.Next
	case a.Tries > what.Retries:
		a.End = GaveUp
		return a, false, time.Time{}
	case !seen.Ready:
		return a, false, time.Time{}
	}
	a.Tries++
	a.Tried, a.Next = seen.Now, seen.Now.Add(time.Duration(cmp.Or(what.Interval, 60))*time.Second)
	return a, true, a.Next
}

// Text says in one clause how far it has got.
func (a Activity) Text(what document.Activation) string {
	at := a.Next.UTC().Format(time.TimeOnly)
	switch {
	case a.Edition == "":
		return what.Method
	case a.End != "":
		return fmt.Sprintf("%s: %s, tries: %d", what.Method, a.End, a.Tries)
	case a.Tries == 0:
		return fmt.Sprintf("%s: waits until %s", what.Method, at)
	}
	return fmt.Sprintf("%s: try %d of %d, which has time until %s", what.Method, a.Tries, what.Retries+1, at)
}
