package document

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// compile translates the pattern and checks that fields point into it.
func (m *Message) compile() error {
	re, err := translate(m.Pattern)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(m.Fields)) {
		f := m.Fields[name]
		if f.Group > re.NumSubexp() || f.UnitGroup > re.NumSubexp() {
			return fmt.Errorf("the field %s points at a group that the pattern has not: it has %d", name, re.NumSubexp())
		}
		if f.Format != "" && timeFormat(f.Format) != nil {
			return fmt.Errorf("the field %s %w", name, timeFormat(f.Format))
		}
	}
	m.Compiled = re.String()
	return nil
}

// check refuses what is wrong in more than one element together, and corrects items of
// the report that depend on others. Paths are those of the form.
func (d *Document) check(report *Report) {
	d.Operator.ID = strings.ToLower(d.Operator.ID)
	for i := range d.SIMs {
		d.checkSIM(report, i)
	}
	d.checkPlans(report)
	if d.Form != JSON {
		return
	}
	if a := d.Activation; a != nil && (a.Method == "service") != (len(a.Data) > 0) {
		report.refuse("/activation/data", "belongs to the method service, and to no other")
	}
	for i, m := range d.Messages {
		if len(m.Senders) == 0 && !m.USSD {
			report.refuse(fmt.Sprintf("/messages/%d", i), "needs senders or ussd")
		}
	}
	if d.WLAN != nil {
		for i, w := range *d.WLAN {
			if w.User+string(w.Password) != "" && len(w.Domains) == 0 {
				report.refuse(fmt.Sprintf("/wlan/%d/trusted_domains", i), "is missing: a login goes to named domains alone")
			}
		}
	}
}

func (d *Document) checkPlans(report *Report) {
	names := map[string]bool{}
	for i, p := range d.Plans {
		path := fmt.Sprintf("/plans/%d", i)
		if d.Form == CarrierControl {
			path = "/CarrierProvisioning/Plans"
		}
		switch {
		case names[p.Name]:
			report.refuse(path, "has the name of another plan")
		case d.Form == JSON && p.Type == "" && p.Usage == nil:
			report.refuse(path, "needs type or usage")
		case d.Form == JSON && p.Cycle != nil && (moment(p.Cycle.Start) != nil || period(p.Cycle.Duration) != nil):
			report.refuse(path+"/cycle", "needs a start such as 2026-11-02T08:00:00Z and a duration such as P1M")
		case d.Form == JSON && p.Usage != nil && moment(p.Usage.At) != nil:
			report.refuse(path+"/usage/at", "must be a time such as 2026-11-02T08:00:00Z")
		}
		names[p.Name] = true
	}
}

// checkSIM checks one entry.
func (d *Document) checkSIM(report *Report, i int) {
	s, path := &d.SIMs[i], fmt.Sprintf("/sims/%d", i)
	if d.Form == CarrierControl {
		path = "/CarrierProvisioning"
	}
	s.Match.check(report, path+"/match")
	if s.Match.MNC != "" && s.Match.MCC == "" {
		report.refuse(path+"/match/mnc", "says nothing without an MCC")
	}
	if (s.Sharing.Rule == "check") != (s.Sharing.Check != nil) {
		report.refuse(path+"/sharing/check", "belongs to the rule check, and to no other")
	}
	if (s.Network.DNSRetry == 0) != (s.Network.DNSTries == 0) {
		report.refuse(path+"/network", "dns_retry_seconds and dns_tries belong together")
	}
	report.amend(path+"/network/mtu6", NotEnforceable, noIPv6)
	d.checkContexts(report, path, s)
}

// noIPv6 is why an MTU for IPv6 is of no use.
const noIPv6 = "IPv6 is not shared yet, and none leaves"

func (d *Document) checkContexts(report *Report, path string, s *SIM) {
	names := map[string]bool{}
	for n, c := range s.Contexts {
		at := fmt.Sprintf("%s/contexts/%d", path, n)
		if d.Form == CarrierControl {
			at = fmt.Sprintf("%s (context %s)", path, clean(c.Name))
		}
		known := slices.ContainsFunc(d.Plans, func(p Plan) bool { return p.Name == c.Plan })
		switch {
		case d.Form == JSON && names[c.Name]:
			report.refuse(at+"/name", "is the name of another context")
		case c.Plan != "" && !known:
			report.refuse(at, "names a plan that the document does not define")
		case strings.ContainsFunc(c.APN, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
			report.refuse(at, "the access point's name has a character that none may have")
		}
		if d.Form == JSON && !slices.ContainsFunc(c.Uses, enforced) {
			report.amend(at, NotEnforceable, "a router has no such use")
		}
		names[c.Name] = true
	}
}

func enforced(u Use) bool {
	return slices.Contains([]Use{ForInternet, ForTethering, ForPurchase, ForAttach}, u)
}

// check refuses ranges that are none.
func (m Match) check(report *Report, path string) {
	for _, list := range []struct {
		name        string
		ranges      []Range
		least, most int
	}{{"imsi", m.IMSI, 6, 15}, {"iccid", m.ICCID, 18, 20}} {
		for i, r := range list.ranges {
			if len(r.From) != len(r.To) || len(r.From) < list.least || len(r.From) > list.most || r.From > r.To {
				report.refuse(fmt.Sprintf("%s/%s/%d", path, list.name, i),
					fmt.Sprintf("must be two numbers of the same %d to %d digits, the smaller one first", list.least, list.most))
			}
		}
	}
}
