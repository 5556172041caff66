package document

import (
	"slices"
	"time"
)

// Quota is how far a plan is used up. The zero value says nothing.
type Quota struct {
	Over      bool // the limit is passed
	Near      bool // a tenth of it is left, or less
	Congested bool // the network is
}

// Plan returns the plan that pays for clients' traffic with a SIM: the one that the
// context for clients names, else that of the gateway's own, else the only one there is.
func (d *Document) Plan(s SIM) (Plan, bool) {
	for _, use := range []Use{ForTethering, ForInternet} {
		for _, c := range s.Contexts {
			if c.Plan == "" || !slices.Contains(c.Uses, use) {
				continue
			}
			if i := slices.IndexFunc(d.Plans, func(p Plan) bool { return p.Name == c.Plan }); i >= 0 {
				return d.Plans[i], true
			}
		}
	}
	if len(d.Plans) == 1 {
		return d.Plans[0], true
	}
	return Plan{}, false
}

// Quota tells how far the plan is used up. What was used in a billing cycle that is over
// counts no more; nor does anything of a plan without a limit, but that it is congested.
func (p Plan) Quota(now time.Time) Quota {
	u := p.Usage
	if u == nil {
		return Quota{}
	}
	if at, err := momentOf(u.At); err == nil && p.Cycle != nil && p.Cycle.Resets {
		if end := p.Cycle.end(at); !end.IsZero() && !now.Before(end) {
			return Quota{}
		}
	}
	q := Quota{Over: u.OverLimit, Congested: u.Congested}
	if p.LimitMB > 0 {
		q.Over = q.Over || u.UsedMB >= p.LimitMB
		q.Near = !q.Over && u.UsedMB >= p.LimitMB-p.LimitMB/10
	}
	return q
}

// What a billing cycle may be, so that counting cycles soon ends and nothing overflows.
const (
	shortestCycle = 3600 // seconds
	longestPast   = 100 * 365 * 24 * time.Hour
)

// end returns when the cycle ends in which a moment lies, or the start when it lies before
// that; zero when it cannot be told.
func (c *Cycle) end(at time.Time) time.Time {
	start, err := momentOf(c.Start)
	length, err2 := lengthOf(c.Duration)
	if past := at.Sub(start); err != nil || err2 != nil || length.seconds() < shortestCycle || past > longestPast {
		return time.Time{}
	}
	n := max(0, int64(at.Sub(start)/time.Second)/length.seconds()-3) // months are of unequal length
	for ; !length.after(start, n).After(at); n++ {
	}
	return length.after(start, n)
}
