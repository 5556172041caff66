package probe

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestBudgetBoundsHours: a client that has no Internet for a day costs no more than the budget,
// whatever doubts there are, and what was saved.
func TestBudgetBoundsHours(t *testing.T) {
	const look = 2000
	for _, budget := range []uint64{64 << 10, 16 << 10} {
		drive(t, func(t *testing.T, d *driven) {
			d.see("client", finding{verdict: Dead, bytes: look - 100}, 0)
			s := gatewaySpec(time.Hour)
			s.Gateway, s.Client, s.Budget = Gateway{}, Client{Key: "c"}, budget
			for second := 0; second < 24*3600; second += 60 {
				s.Again++
				d.Apply(s)
				d.until(second)
				d.looked()
			}
			if spent, most := d.Observe().Client.Bytes, (24+saved)*budget+look; spent > most || spent < most/2 {
				t.Errorf("a budget of %d: %d bytes in a day, at most %d", budget, spent, most)
			}
			s.Anew++ // a trial is proved all the same
			d.Apply(s)
			synctest.Wait()
			if looks := len(d.looked()); looks != 1 {
				t.Errorf("a budget of %d: %d looks for a trial", budget, looks)
			}
			d.see("client", finding{verdict: Online, bytes: look - 100}, 0)
			s.Client.Key = "d" // so is another dial
			d.Apply(s)
			synctest.Wait()
			if r := d.Observe().Client; r.Key != "d" || r.Verdict != Online {
				t.Errorf("a budget of %d: another dial is %+v", budget, r)
			}
		})
	}
}

// TestAccount: what was spent is forgotten at the pace of the budget, and no sum overflows.
func TestAccount(t *testing.T) {
	now := time.Unix(1000, 0)
	var a account
	if !a.free(0).IsZero() || !a.free(3600).IsZero() {
		t.Error("an empty account bars a look")
	}
	a.spend(saved*3600+100, 3600, now)
	if wait := a.free(3600).Sub(now); wait < 100*time.Second || wait > 103*time.Second {
		t.Errorf("a hundred bytes too many wait for %v", wait)
	}
	if left := a.left(3600, now.Add(time.Hour)); left != 3*3600+100 {
		t.Errorf("after an hour %d are left", left)
	}
	if left := a.left(3600, now.Add(-time.Hour)); left != saved*3600+100 {
		t.Errorf("after a step back %d are left", left)
	}
	a.spend(1<<40, 3600, now)
	if wait := a.free(3600).Sub(now); wait < 0 || wait > 25*time.Hour {
		t.Errorf("a flood waits for %v", wait)
	}
	if !a.free(0).IsZero() {
		t.Error("no budget bars a look")
	}
}
