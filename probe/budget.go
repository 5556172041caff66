package probe

import "time"

// saved is how many hours' worth of the budget may be spent at once, as when the Internet
// has just gone and somebody waits for it.
const saved = 12

// account is what looks have cost lately: it is forgotten at the pace of the budget.
type account struct {
	spent uint64    // bytes that are not forgotten yet
	at    time.Time // when that was so
}

// spend notes bytes. What had to be spent beyond the budget is no debt that later looks pay
// for, but for that of the last one.
func (a *account) spend(bytes, budget uint64, now time.Time) {
	a.spent, a.at = min(a.left(budget, now), saved*budget)+bytes, now
}

// left is what is not forgotten yet.
func (a *account) left(budget uint64, now time.Time) uint64 {
	passed := min(max(now.Sub(a.at), 0), 24*time.Hour)
	return a.spent - min(a.spent, budget*uint64(passed/time.Millisecond)/3_600_000)
}

// free is when another look may be paid for; the zero time is now.
func (a *account) free(budget uint64) time.Time {
	if budget == 0 || a.spent < saved*budget {
		return time.Time{}
	}
	over := min(a.spent-saved*budget, 24*budget) + 1
	return a.at.Add(time.Duration(over*3600/budget+1) * time.Second)
}
