package doctor

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tetherd/tetherd/clock"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/provision"
)

// Kind names a remedy.
type Kind string

// The remedies.
const (
	Redial     Kind = "redial"      // hang up and dial again
	Reattach   Kind = "reattach"    // that, and leave the network's packet service between
	RadioCycle Kind = "radio-cycle" // that, and switch the radio off and on between
	ModemReset Kind = "modem-reset" // that, and reset the modem between
	LowerMTU   Kind = "lower-mtu"   // packets and segments as large as the path carries
	DirectDNS  Kind = "direct-dns"  // clients ask the network's servers themselves
	NextAPN    Kind = "next-access-point"
	NextAttach Kind = "next-attach" // the modem registers with another access point
	NextFamily Kind = "next-family"
	NextAuth   Kind = "next-authentication"
	Followed   Kind = "followed"      // the host took the new addresses
	DropFlows  Kind = "drop-flows"    // connections of a former address were ended
	Fallback   Kind = "fallback-dns"  // other servers are asked
	Renumber   Kind = "renumber-lan"  // the LAN moved
	Reassert   Kind = "reassert"      // what was taken away is put back
	SetClock   Kind = "set-the-clock" // by network time
)

// Remedy is what is done about a finding.
type Remedy struct {
	Kind   Kind      `json:"kind"`
	Outage int       `json:"outage_s"`           // seconds without Internet that it costs
	Bytes  int       `json:"bytes"`              // of the plan that it costs
	Left   int       `json:"tries_left"`         // further remedies before a person is asked
	State  string    `json:"state"`              // "running", "in force" or "exhausted"
	Tried  []Kind    `json:"tried,omitempty"`    // those before it, which did not help
	Began  time.Time `json:"began,omitzero"`     // the present one
	Until  time.Time `json:"judged_at,omitzero"` // when it will be judged
}

// price is what a remedy costs and how long it may take to help.
type price struct {
	outage, bytes int
	dwell         time.Duration
}

func (k Kind) price() price {
	switch k {
	case Redial:
		return price{5, 2000, 20 * time.Second}
	case Reattach:
		return price{10, 2000, 30 * time.Second}
	case RadioCycle:
		return price{20, 2000, 45 * time.Second}
	case ModemReset:
		return price{45, 2000, 2 * time.Minute}
	case LowerMTU:
		return price{1, 3000, 20 * time.Second}
	case DirectDNS:
		return price{0, 0, 30 * time.Second}
	case NextAttach: // the radio is switched off and on, and the network may be slow to say no
		return price{0, 0, 40 * time.Second}
	}
	return price{}
}

// Course is the ladder of remedies for one cause, as far as it was climbed.
type Course struct {
	Code   Code      `json:"code"`
	Step   int       `json:"step"`             // of the cause's ladder; its length: exhausted
	Rounds int       `json:"rounds,omitempty"` // how often it was exhausted
	Began  time.Time `json:"began"`            // the step; zero: not begun
	Ended  time.Time `json:"ended"`            // the cause was gone; zero: it is there
}

const (
	forget    = 15 * time.Minute // after the cause was gone, the ladder begins at its bottom
	restart   = 30 * time.Minute // an exhausted ladder begins again, doubling with each time
	doublings = 4
	relapse   = 2 * time.Minute  // a cause that is back sooner was never gone
	settling  = 10 * time.Second // a new bearer may be slow for so long before it counts as dead
)

// rest is how long an exhausted ladder is left alone.
func (k Course) rest() time.Duration { return restart << min(max(k.Rounds, 0), doublings) }

// treat climbs the ladder of the verdict, and tells of each finding what is done.
// Others are left alone: what is wrong deeper down must be right first.
func (e *exam) treat(found []Finding, worst *Finding) []Finding {
	code := Code("")
	if worst != nil {
		code = worst.Code
	}
	e.tidy(found)
	for i := range found {
		c, _ := causeOf(found[i].Code)
		if c.once {
			c.ladder = c.ladder[:min(len(c.ladder), len(e.Path.Attach))]
		}
		switch {
		case c.self == SetClock && !e.Facts.SetClock: // another program's matter
			found[i].Remedy = nil
		case e.remediable(c, found[i]):
			found[i].Remedy = e.climb(c, found[i], found[i].Code == code)
			if c.once {
				found[i] = e.attempts(found[i], found[i].Remedy)
			}
		case c.self != "":
			found[i].Remedy = &Remedy{Kind: c.self, State: "in force", Began: found[i].Since}
		case found[i].Code == "RC34", c.once && !provision.Admitted(e.Observed.Modem):
			found[i].Remedy = nil // of a former form of it; what has helped stays
		}
		found[i].Advice = c.advice && e.stuck(c, found[i].Remedy)
	}
	return found
}

// remediable says that the cause's ladder is for this form of it: other servers help when
// ours cannot listen, and not when none of the network's answers; the modem is left alone
// while there is another access point to try.
func (e *exam) remediable(c cause, f Finding) bool {
	switch {
	case c.self != "" && e.Path.Outcome == provision.Trying, c.check == CheckPath && e.Path.Looking,
		f.Code == "RC34" && f.Variant != "port", f.Code == "RC08" && f.Variant != "attach":
		return false
	}
	return len(c.ladder) > 0
}

// stuck says that nothing is being done any more that could help.
func (e *exam) stuck(c cause, r *Remedy) bool {
	switch {
	case r == nil:
		return true
	case r.Kind == SetClock: // by two servers that agree, once they answer; by the modem's time it was set
		c := e.Observed.Clock
		return c.Error != "" || c.Trust == clock.TrustOne || c.Trust == clock.TrustModem
	case r.Kind == c.self: // the ladder's, which waits when it has tried everything
		return e.Path.Outcome != provision.Trying
	}
	return r.State == "exhausted"
}

// tidy notes which courses have lost their cause, and takes back what was for another
// access point.
func (e *exam) tidy(found []Finding) {
	now := e.Observed.Now
	for i := range e.m.Courses {
		c := &e.m.Courses[i]
		there := slices.ContainsFunc(found, func(f Finding) bool { return f.Code == c.Code })
		switch {
		case there:
			if !c.Ended.IsZero() && now.Sub(c.Ended) >= relapse {
				c.again()
			}
			c.Ended = time.Time{}
		case c.Ended.IsZero() && !e.unknown(c.Code):
			c.Ended = now
		}
	}
	e.m.Courses = slices.DeleteFunc(e.m.Courses, func(c Course) bool { return !c.Ended.IsZero() && now.Sub(c.Ended) >= forget })
	if e.m.Repairs.MTU != 0 && e.m.MTUOf != "apn "+e.Path.APN {
		e.m.Repairs.MTU = 0
	}
	m := e.Observed.Modem
	list := strings.Join(e.Path.Attach, "\n")
	gone := m.SIM.State == modem.SIMAbsent || m.Phase == modem.PhaseNoModem || len(e.Path.Attach) > 0 && list != e.m.Attach
	if gone { // the next SIM has an access point of its own, or its owner has named another one
		e.m.Attach = list
		e.m.Courses = slices.DeleteFunc(e.m.Courses, func(c Course) bool { k, _ := causeOf(c.Code); return k.once })
	}
	if gone || provision.Admitted(m) { // what has helped is remembered elsewhere
		e.m.Repairs.Attach = 0
	}
	if e.m.Repairs.DirectDNS && e.Observed.DNS.Error == "" && e.Observed.DNS.Serving {
		e.m.Repairs.DirectDNS = false
	}
	e.m.Repairs.Garden = slices.ContainsFunc(found, func(f Finding) bool { return f.Code == "RC18" })
}

// again begins a course whose cause was gone for a while and is back: with what helped, but
// never at once with a reset of the modem; what has tried everything begins at its bottom.
func (k *Course) again() {
	c, _ := causeOf(k.Code)
	k.Began = time.Time{}
	switch {
	case c.once:
		k.Step = 0
	case k.Step >= len(c.ladder):
		k.Step, k.Rounds = 0, k.Rounds+1
	case k.Step > 0 && c.ladder[k.Step] == ModemReset:
		k.Step--
	}
}

// unknown says that a cause's check cannot be looked at now.
func (e *exam) unknown(code Code) bool {
	c, _ := causeOf(code)
	return !e.reached(c.check)
}

// climb goes on with one ladder when act allows it, and tells where it stands.
func (e *exam) climb(c cause, f Finding, act bool) *Remedy {
	now := e.Observed.Now
	i := slices.IndexFunc(e.m.Courses, func(k Course) bool { return k.Code == c.code })
	if i < 0 {
		e.m.Courses = append(e.m.Courses, Course{Code: c.code})
		i = len(e.m.Courses) - 1
	}
	k := &e.m.Courses[i]
	k.Step = min(max(k.Step, 0), len(c.ladder)) // a record may be made by hand
	if act {
		e.step(k, c, f)
	}
	r := &Remedy{State: "exhausted", Left: max(len(c.ladder)-k.Step-1, 0), Began: k.Began}
	if k.Step < len(c.ladder) {
		kind := c.ladder[k.Step]
		p := kind.price()
		r.Kind, r.Outage, r.Bytes, r.State = kind, p.outage, p.bytes, "running"
		r.Until = e.judged(k, c)
		if k.Began.IsZero() {
			r.State, r.Until = "waiting", time.Time{}
		}
	} else {
		r.Kind = c.ladder[len(c.ladder)-1]
		if !c.once {
			r.Until = k.Began.Add(k.rest())
		}
	}
	r.Tried = c.ladder[:k.Step:k.Step]
	if r.Until.After(now) {
		e.at(r.Until)
	}
	return r
}

// patience is how long a path may be dead by one look alone, as in a lift or between two
// cells, before anything is done that ends connections.
const patience = 10 * time.Second

// early says that it is not yet, or not now, the time to begin what costs connections:
// the path has failed once only, or clients are answered whatever looks show.
func (e *exam) early(c cause, f Finding) bool {
	if c.check != CheckPath || e.valid() {
		return false
	}
	until := f.Since.Add(patience)
	if e.lively() {
		return true
	}
	if e.gateway().Failed != 1 || !e.Observed.Now.Before(until) {
		return false
	}
	e.at(until)
	return true
}

// step begins the first remedy, or the next one when the present one had its time.
func (e *exam) step(k *Course, c cause, f Finding) {
	now := e.Observed.Now
	switch {
	case k.Began.IsZero() && e.early(c, f):
		return
	case k.Began.IsZero():
	case k.Step >= len(c.ladder):
		if c.once || now.Before(k.Began.Add(k.rest())) {
			return
		}
		k.Step, k.Rounds = 0, k.Rounds+1
	case now.Before(e.judged(k, c)) && !e.failedAgain(k, c):
		return
	default:
		k.Step++
	}
	k.Began = now
	switch {
	case k.Step < len(c.ladder):
		e.apply(c.ladder[k.Step], k.Step, f)
	case c.once: // nothing has helped
		e.m.Repairs.Attach = 0
	}
}

// judged is when a step has had its time. A modem that was told another access point is
// waited for until its network has answered, which takes longer where it looks through many
// bands.
func (e *exam) judged(k *Course, c cause) time.Time {
	dwell, phase := c.ladder[k.Step].price().dwell, e.Observed.Modem.Phase
	if c.once && phase != modem.PhaseDenied && phase != modem.PhaseAttach {
		dwell *= 3
	}
	return k.Began.Add(dwell)
}

// failedAgain says before its time that a step did not help: it has brought a new bearer,
// which is as dead as the one before, or has changed nothing.
func (e *exam) failedAgain(k *Course, c cause) bool {
	since := e.Observed.Modem.Bearers[modem.Shared].Since
	if c.once {
		return e.Path.AttachSame
	}
	if c.check != CheckPath || !since.After(k.Began) || !slices.ContainsFunc(e.signs, func(s sign) bool { return s.code == c.code }) {
		return false
	}
	e.at(since.Add(settling))
	return !e.Observed.Now.Before(since.Add(settling))
}

// away says that the modem or its network is away because of one of these remedies.
func (e *exam) away(kinds ...Kind) bool {
	return slices.ContainsFunc(e.m.Courses, func(k Course) bool {
		c, _ := causeOf(k.Code)
		if k.Step < 0 || k.Step >= len(c.ladder) || !slices.Contains(kinds, c.ladder[k.Step]) || !k.Ended.IsZero() {
			return false
		}
		until := e.judged(&k, c)
		e.at(until)
		return e.Observed.Now.Before(until)
	})
}

// apply puts a remedy, which is that step of its ladder, into the repairs that are wished.
func (e *exam) apply(kind Kind, step int, f Finding) {
	r := &e.m.Repairs
	switch kind {
	case Redial:
		r.Redial++
	case Reattach:
		r.Reattach++
	case RadioCycle:
		r.Radio++
	case ModemReset:
		r.Reset++
	case LowerMTU:
		mtu, err := strconv.Atoi(f.word("mtu"))
		if err != nil || mtu < leastMTU {
			mtu = safeMTU
		}
		r.MTU, e.m.MTUOf = mtu, "apn "+e.Path.APN
	case DirectDNS:
		r.DirectDNS = true
	case NextAttach:
		r.Attach = step + 1
	}
}

// MTUs that are wished when the largest that passes is not known: the least of IPv6
// (RFC 8200), and the least of IPv4 hosts (RFC 791).
const (
	safeMTU  = 1280
	leastMTU = 576
)

// outcome says what the last remedy of a finding that is over was, and that it helped.
func (e *exam) outcome(f Finding) (kind Kind, helped string) {
	if f.Remedy == nil {
		return "", ""
	}
	c, _ := causeOf(f.Code)
	switch {
	case f.Remedy.Began.IsZero() || f.Remedy.State == "exhausted":
		return f.Remedy.Kind, "no"
	case c.check == CheckBearer && !e.settled(): // another failure took its place
		return f.Remedy.Kind, "no"
	}
	return f.Remedy.Kind, "yes"
}

// word is one of a finding's args; "" when it has none of that name.
func (f Finding) word(name string) string {
	for _, v := range f.Args {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}
