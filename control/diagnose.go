package control

import (
	"reflect"
	"slices"
	"time"

	"github.com/tetherd/tetherd/doctor"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
)

// diagnose asks what is wrong and puts the answer into the next inputs. It returns when
// the answer can change by itself.
func (l *Loop) diagnose(obs plan.Observed, want plan.Desired, steps []plan.Step) time.Time {
	s := &l.state
	if s.inputs.Off {
		return time.Time{}
	}
	before := s.doctor
	s.found = before
	s.examined = s.caseOf(obs, want, steps)
	next := time.Time{}
	s.doctor, next = doctor.Examine(s.examined, before)
	s.wished, s.stepped = want, nil
	for _, st := range steps {
		s.stepped = append(s.stepped, st.Part)
	}
	l.announce(before, s.doctor)
	if s.repair(obs.Now) {
		return obs.Now
	}
	return earliest(next, s.diary.note(s.doctor.History, obs.Now, l.log))
}

// repair takes what the doctor asks for into the inputs, and says that something
// differs.
func (s *state) repair(now time.Time) bool {
	wish, doubt := s.doctor.Repairs, s.doctor.Memory.Doubt.Count
	if s.inputs.Repairs == wish && s.inputs.Doubt == doubt {
		return false
	}
	if wish.Dials() != s.inputs.Repairs.Dials() {
		s.inputs.Ladder = s.inputs.Ladder.Redial("dialled again: the connection was dead", now)
	}
	s.inputs.Repairs, s.inputs.Doubt = wish, doubt
	return true
}

// announce logs what was found and what is over.
func (l *Loop) announce(before, after doctor.Report) {
	has := func(r doctor.Report, f doctor.Finding) bool {
		return slices.ContainsFunc(r.Findings, func(g doctor.Finding) bool { return g.Code == f.Code && g.Variant == f.Variant })
	}
	for _, f := range after.Findings {
		if !has(before, f) {
			l.log.Warn("found", "code", f.Code, "what", doctor.What("en", f), "confidence", f.Confidence)
		}
	}
	for _, f := range before.Findings {
		if !has(after, f) {
			l.log.Info("over", "code", f.Code)
		}
	}
}

// caseOf collects what an examination is made from.
func (s *state) caseOf(obs plan.Observed, want plan.Desired, steps []plan.Step) doctor.Case {
	cfg := s.inputs.Config
	if key := s.inputs.Ladder.Key(); key != s.pathKey {
		s.pathKey, s.paths = key, s.paths+1
	}
	b, _ := s.inputs.Ladder.Bearer()
	outcome, story := s.inputs.Ladder.Known()
	return doctor.Case{
		Facts: doctor.Facts{
			Modem: cfg.Modem.Enabled, DHCP: cfg.DHCP.Enabled, DNS: cfg.DNS.Enabled, Limit: cfg.DHCP.Limit, SetClock: cfg.Clock.Set,
		},
		Path: doctor.Path{
			APN: b.APN, SIM: s.paths, Looking: s.inputs.Ladder.Looking(), Outcome: outcome, Story: story,
			Attach: namesOf(s.inputs.Attach.Tries), AttachSame: attachSame(obs.Modem, want.Modem),
		},
		Observed: obs,
		Wish:     wishOf(s.inputs, obs, want),
		Tampered: s.tampered(want, steps),
		Refused:  s.failures,
		Online:   s.proved(obs, want),
	}
}

// namesOf are the names of access points.
func namesOf(list []modem.Bearer) (names []string) {
	for _, b := range list {
		names = append(names, b.APN)
	}
	return names
}

// attachSame says that the modem had what it is to register with, so that nothing was changed.
func attachSame(is modem.Status, want modem.Spec) bool {
	return is.Attach.Same && is.Attach.Done != nil && *is.Attach.Done == want.Attach && want.Attach.Set
}

func wishOf(in plan.Inputs, obs plan.Observed, want plan.Desired) doctor.Wish {
	w := doctor.Wish{
		Gateway: want.Probe.Gateway.Key, Client: want.Probe.Client.Key,
		Uplink: plan.Bearers(in, obs)[modem.Shared].Interface, Repairs: in.Repairs, Barred: want.Barred,
		Country: want.Hostapd.Country,
	}
	if lans := want.Link.LANs; len(lans) > 0 && lans[0].Address.IsValid() {
		w.LAN = lans[0].Address.String()
	}
	for _, r := range want.Why {
		if r.What == "lan address" {
			w.LANWhy = r.Why
		}
	}
	for _, u := range want.Link.Uplinks {
		if u.Shared {
			w.UplinkMTU = u.MTU
		}
	}
	return w
}

// tampered lists the parts that were as wished, whose wish is the same, and that differ
// now: somebody else did it.
func (s *state) tampered(want plan.Desired, steps []plan.Step) []plan.Step {
	var out []plan.Step
	for _, st := range steps {
		if slices.Contains(s.refused, st.Part) || slices.Contains(s.stepped, st.Part) {
			continue
		}
		same := st.Part == plan.NAT && reflect.DeepEqual(want.NAT, s.wished.NAT) ||
			st.Part == plan.Link && reflect.DeepEqual(want.Link, s.wished.Link)
		if same {
			out = append(out, st)
		}
	}
	return out
}
