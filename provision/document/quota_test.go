package document

import (
	"testing"
	"time"
)

func parse(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := momentOf(s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestQuota(t *testing.T) {
	monthly := &Cycle{Start: "2026-01-31T00:00:00Z", Duration: "P1M", Resets: true}
	used := func(mb, limit uint64) Plan {
		return Plan{LimitMB: limit, Usage: &PlanUsage{UsedMB: mb, At: "2026-11-20T12:00:00Z"}}
	}
	with := func(p Plan, change func(*Plan)) Plan {
		change(&p)
		return p
	}
	for name, test := range map[string]struct {
		plan Plan
		now  string
		want Quota
	}{
		"nothing is told":          {Plan{LimitMB: 500}, "2026-11-21T00:00:00Z", Quota{}},
		"plenty is left":           {used(449, 500), "2026-11-21T00:00:00Z", Quota{}},
		"a tenth is left":          {used(450, 500), "2026-11-21T00:00:00Z", Quota{Near: true}},
		"all is used":              {used(500, 500), "2026-11-21T00:00:00Z", Quota{Over: true}},
		"the smallest limit":       {used(0, 1), "2026-11-21T00:00:00Z", Quota{}},
		"no limit":                 {used(1<<53, 0), "2026-11-21T00:00:00Z", Quota{}},
		"the operator says over":   {with(used(1, 0), func(p *Plan) { p.Usage.OverLimit = true }), "2026-11-21T00:00:00Z", Quota{Over: true}},
		"the network is congested": {with(used(1, 0), func(p *Plan) { p.Usage.Congested = true }), "2026-11-21T00:00:00Z", Quota{Congested: true}},
		"last second of the cycle": {with(used(500, 500), func(p *Plan) { p.Cycle = monthly }), "2026-11-30T23:59:59Z", Quota{Over: true}},
		"the next cycle":           {with(used(500, 500), func(p *Plan) { p.Cycle = monthly }), "2026-12-01T00:00:00Z", Quota{}},
		"a cycle without a reset": {with(used(500, 500), func(p *Plan) { p.Cycle = &Cycle{Start: monthly.Start, Duration: "P1D"} }),
			"2027-11-30T00:00:00Z", Quota{Over: true}},
		"a clock before all that": {with(used(500, 500), func(p *Plan) { p.Cycle = monthly }), "1970-01-01T00:00:00Z", Quota{Over: true}},
		"a cycle of no use": {with(used(500, 500), func(p *Plan) { p.Cycle = &Cycle{Start: "2026-01-01T00:00:00Z", Duration: "PT0.5S", Resets: true} }),
			"2027-01-01T00:00:00Z", Quota{Over: true}},
		"a cycle since ever": {with(used(500, 500), func(p *Plan) { p.Cycle = &Cycle{Start: "0001-01-01T00:00:00Z", Duration: "PT1H", Resets: true} }),
			"2027-01-01T00:00:00Z", Quota{Over: true}},
	} {
		if got := test.plan.Quota(parse(t, test.now)); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// Whatever the cycle and the moment, the end lies behind the moment and not more than a
// cycle behind it.
func TestCyclesFollowEachOther(t *testing.T) {
	moments := []string{"1969-12-31T23:59:59Z", "1990-02-28T23:00:00Z", "2026-01-31T00:00:00Z", "2026-03-01T00:00:00Z", "2028-02-29T12:00:00Z", "2069-07-01T00:00:00+14:00"}
	for _, duration := range []string{"P1M", "P28D", "P1W", "PT1H", "P1Y", "P1Y2M3DT4H5M6S", "P1000000Y", "PT1000000H1000000M1000000S", "P1000000M", "P1000000D"} {
		for _, start := range moments {
			c := Cycle{Start: start, Duration: duration, Resets: true}
			length, err := lengthOf(duration)
			if err != nil {
				t.Fatal(duration, err)
			}
			for _, m := range moments {
				at := parse(t, m)
				end := c.end(at)
				longest := length.seconds() + 4*86400 // a short month may be followed by a long one
				switch {
				case at.Before(parse(t, start)) && !end.Equal(parse(t, start)):
					t.Errorf("%s before %s: the end is %v", m, start, end)
				case !end.After(at), !at.Before(parse(t, start)) && end.Unix()-at.Unix() > longest:
					t.Errorf("%s in cycles of %s from %s: the end is %v", m, duration, start, end)
				}
			}
		}
	}
}

func TestPlanOfClients(t *testing.T) {
	month, day := Plan{Name: "Month"}, Plan{Name: "Day"}
	context := func(plan string, uses ...Use) Context { return Context{Plan: plan, Uses: uses} }
	for name, test := range map[string]struct {
		plans    []Plan
		contexts []Context
		want     string
	}{
		"no plan":                 {nil, []Context{context("", ForInternet)}, ""},
		"the only one":            {[]Plan{month}, nil, "Month"},
		"two, and none is named":  {[]Plan{month, day}, []Context{context("", ForInternet)}, ""},
		"the gateway's own":       {[]Plan{month, day}, []Context{context("Day", ForInternet)}, "Day"},
		"the clients' goes first": {[]Plan{month, day}, []Context{context("Day", ForInternet), context("Month", ForTethering)}, "Month"},
		"that of a purchase":      {[]Plan{month, day}, []Context{context("Day", ForPurchase)}, ""},
	} {
		d := Document{Plans: test.plans}
		got, ok := d.Plan(SIM{Contexts: test.contexts})
		if got.Name != test.want || ok != (test.want != "") {
			t.Errorf("%s: %q %v, want %q", name, got.Name, ok, test.want)
		}
	}
}
