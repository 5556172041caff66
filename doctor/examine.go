package doctor

import (
	"slices"
	"sort"
	"time"
)

// exam is one examination under way.
type exam struct {
	Case
	m     Memory
	signs []sign
	next  time.Time // earliest time at which the answer can change by itself
}

// sign says that a cause is at work now.
type sign struct {
	code       Code
	variant    string
	severity   Severity // "" is the code's usual one
	confidence int      // percent
	args       []Value
	evidence   []Value
}

// Examine finds what keeps clients from the Internet. before is what it returned last;
// the zero value begins anew. The time is when the answer can change without a change
// in what is observed; zero for never.
func Examine(c Case, before Report) (Report, time.Time) {
	e := &exam{Case: c, m: before.Memory.clone()}
	e.m.follow(c.Path.SIM)
	e.sample()
	e.look()
	r := Report{History: before.History}
	over := e.hold(before.Findings)
	found := e.show(before.Findings)
	found = fold(found)
	r.Verdict = verdict(found)
	r.Checks = grow(found, e.proven)
	found = e.treat(found, r.Verdict)
	r.Findings, r.Verdict = found, verdict(found)
	r.Repairs = e.m.Repairs
	for _, f := range over {
		r.History = e.remember(r.History, f)
	}
	for _, ep := range e.brief() {
		r.History = add(r.History, ep)
	}
	e.suspect()
	r.Memory = e.m
	return r, e.next
}

// at moves the next look to a time, unless one is due before.
func (e *exam) at(t time.Time) {
	if t.After(e.Observed.Now) && (e.next.IsZero() || t.Before(e.next)) {
		e.next = t
	}
}

// look asks every rule.
func (e *exam) look() {
	for _, rule := range []func(*exam){
		(*exam).modemSigns, (*exam).simSigns, (*exam).networkSigns, (*exam).bearerSigns,
		(*exam).addressSigns, (*exam).pathSigns, (*exam).nameSigns, (*exam).firewallSigns,
		(*exam).lanSigns, (*exam).wifiSigns, (*exam).clockSigns, (*exam).clientSigns,
	} {
		rule(e)
	}
}

func (e *exam) sign(s sign) { e.signs = append(e.signs, s) }

// Held is a cause that is at work, from the first time that it was seen.
type Held struct {
	Code    Code      `json:"code"`
	Variant string    `json:"variant,omitempty"`
	Since   time.Time `json:"since"`
	Seen    time.Time `json:"seen"` // last
}

// hold notes since when each sign is there, and gives what was shown and is over.
func (e *exam) hold(before []Finding) (over []Finding) {
	now := e.Observed.Now
	for _, s := range e.signs {
		i := slices.IndexFunc(e.m.Held, func(h Held) bool { return h.Code == s.code })
		if i < 0 {
			e.m.Held = append(e.m.Held, Held{Code: s.code, Since: now})
			i = len(e.m.Held) - 1
		}
		e.m.Held[i].Variant, e.m.Held[i].Seen = s.variant, now
	}
	e.m.Held = slices.DeleteFunc(e.m.Held, func(h Held) bool {
		if !e.ended(h) {
			return false
		}
		if i := slices.IndexFunc(before, func(f Finding) bool { return f.Code == h.Code }); i >= 0 {
			over = append(over, before[i])
		} else if f, ok := e.mended(h); ok {
			over = append(over, f)
		}
		return true
	})
	return over
}

// mended gives a fault that the parts made good before any client missed something.
func (e *exam) mended(h Held) (Finding, bool) {
	c, _ := causeOf(h.Code)
	if c.self == "" || !h.Seen.Equal(e.Observed.Now) {
		return Finding{}, false
	}
	f, ok := e.finding(c, h)
	f.Remedy = &Remedy{Kind: c.self, State: "in force", Began: h.Since}
	return f, ok
}

// ended says that a cause is at work no more. What cannot be looked at now stays as it
// was, and what was shown is shown for its dwell, unless a client's proof contradicts.
func (e *exam) ended(h Held) bool {
	c, known := causeOf(h.Code)
	switch {
	case !known:
		return true
	case h.Seen.Equal(e.Observed.Now):
		return e.disproved(h.Code)
	case e.disproved(h.Code):
		return true
	case !e.reached(c.check):
		return false
	}
	until := h.Since.Add(c.appear + c.dwell)
	if e.Observed.Now.Before(until) && !e.Observed.Now.Before(h.Since.Add(c.appear)) {
		e.at(until)
		return false
	}
	return true
}

// disproved says that a client has Internet in spite of a cause that takes it away.
func (e *exam) disproved(code Code) bool {
	if !e.Online {
		return false
	}
	i := slices.IndexFunc(e.signs, func(s sign) bool { return s.code == code })
	if i >= 0 && e.signs[i].severity != "" {
		return e.signs[i].severity == Fault
	}
	c, _ := causeOf(code)
	return c.severity == Fault
}

// show gives the findings that people are told of: those that were true for long
// enough, with what was known last of those that cannot be looked at now.
func (e *exam) show(before []Finding) []Finding {
	var out []Finding
	for _, h := range e.m.Held {
		c, _ := causeOf(h.Code)
		if visible := h.Since.Add(c.appear); e.Observed.Now.Before(visible) {
			e.at(visible)
			continue
		}
		f, known := e.finding(c, h)
		if i := slices.IndexFunc(before, func(f Finding) bool { return f.Code == h.Code }); i >= 0 {
			if !known {
				f, known = before[i], true
			}
			f.Since, f.Remedy = before[i].Since, before[i].Remedy
		}
		if known {
			f.Hides = nil
			out = append(out, f)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return depth(out[i].Check) < depth(out[j].Check) })
	return out
}

// finding makes one of the sign that is there now.
func (e *exam) finding(c cause, h Held) (Finding, bool) {
	i := slices.IndexFunc(e.signs, func(s sign) bool { return s.code == h.Code })
	if i < 0 {
		return Finding{}, false
	}
	s := e.signs[i]
	f := Finding{
		Code: c.code, Check: c.check, Severity: c.severity, Variant: s.variant, Args: s.args,
		Evidence: s.evidence, Confidence: s.confidence, Since: h.Since, Advice: c.advice,
	}
	if s.severity != "" {
		f.Severity = s.severity
	}
	return f, true
}

// fold puts symptoms under their cause: those that the table names, and everything of
// a check that was not evaluated because a deeper one failed.
func fold(found []Finding) []Finding {
	var out []Finding
	for _, f := range found {
		if i := slices.IndexFunc(out, func(deep Finding) bool { return explains(deep, f) }); i >= 0 {
			out[i].Hides = append(slices.Clone(out[i].Hides), f.Code)
			continue
		}
		out = append(out, f)
	}
	return out
}

func explains(deep, f Finding) bool {
	c, _ := causeOf(deep.Code)
	return slices.Contains(c.hides, f.Code) || deep.Severity == Fault && f.Severity != Note && below(f.Check, deep.Check)
}

// below says that a check needs another one, at whatever distance.
func below(check, other string) bool {
	for _, n := range tree() {
		if n.name == check {
			return slices.ContainsFunc(n.needs, func(need string) bool { return need == other || below(need, other) })
		}
	}
	return false
}

// verdict is the first broken link: the deepest fault, else what impairs.
func verdict(found []Finding) *Finding {
	for _, severity := range []Severity{Fault, Degraded} {
		for i := range found {
			if found[i].Severity == severity {
				return &found[i]
			}
		}
	}
	return nil
}
