package probe

import (
	"fmt"
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

// TestBudgetHidesNoRecovery: when it is spent, one place still looks each interval, and when
// the Internet is back there the other one looks at once.
func TestBudgetHidesNoRecovery(t *testing.T) {
	drive(t, func(t *testing.T, d *driven) {
		for _, p := range []string{"gateway", "client"} {
			d.see(p, finding{verdict: Dead, bytes: 2000}, 0)
		}
		s := gatewaySpec(10 * time.Minute)
		s.Client, s.Budget = Client{Key: "c"}, 1000
		d.Apply(s)
		d.until(3600)
		d.looked()
		for _, p := range []string{"gateway", "client"} {
			d.see(p, finding{verdict: Online, bytes: 2000}, 0)
		}
		for second := 3600; len(d.Observe().Gateway.Key) > 0 && d.Observe().Gateway.Failed > 0; second++ {
			if second > 3600+600 {
				t.Fatal("nobody looks for more than the interval")
			}
			d.until(second)
		}
		if r := d.Observe().Client; r.Verdict != Online {
			t.Errorf("the gateway is online, and the client still %+v", r)
		}
	})
}

// TestDialsAreNoDebt: looks that had to be made leave a doubt its look.
func TestDialsAreNoDebt(t *testing.T) {
	drive(t, func(t *testing.T, d *driven) {
		d.see("gateway", finding{verdict: Online, bytes: 5000}, 0)
		s := gatewaySpec(24 * time.Hour)
		s.Budget = 10_000
		for n := range 100 {
			s.Gateway.Key = fmt.Sprint("dial ", n)
			d.Apply(s)
			d.until(n + 1)
		}
		d.looked()
		s.Again++
		d.Apply(s)
		d.until(100 + 3600)
		if looks := d.looked(); len(looks) == 0 {
			t.Error("a doubt waits for more than an hour")
		}
	})
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
	if left := a.left(3600, now.Add(time.Hour)); left != (saved-1)*3600+100 {
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
