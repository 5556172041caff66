package doctor

import (
	"slices"
	"strings"

	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/provision"
)

// bearerSigns: the network refuses sessions, as the ladder's story tells. That a guess
// is wrong is no fault while there are others.
func (e *exam) bearerSigns() {
	t, ok := e.lastFailure()
	if !ok || e.settled() {
		return
	}
	if s, ok := signOf(t); ok {
		e.sign(s)
		e.m.Told = t.At
	}
}

// settled says that the ladder keeps a rung that is good.
func (e *exam) settled() bool {
	return slices.Contains([]provision.Outcome{provision.Carries, provision.Held, provision.Walled}, e.Path.Outcome)
}

// chosen says that the access point was right once, or that a person says so.
func chosen(t provision.Try) bool {
	return t.Source == provision.FromOwner || t.Source == provision.FromMemory
}

// lastFailure is the last try that failed since one was good; while others are tried,
// the last that counts.
func (e *exam) lastFailure() (provision.Try, bool) {
	for _, t := range slices.Backward(e.Path.Story) {
		switch t.Outcome {
		case provision.Carries, provision.Held:
			return provision.Try{}, false
		case provision.Refused, provision.V6Only, provision.Mute:
			if t.Note == "stalled" { // a bearer that had carried is another matter
				return provision.Try{}, false
			}
			if chosen(t) || e.Path.Outcome != provision.Trying {
				return t, true
			}
		}
	}
	return provision.Try{}, false
}

// signOf says what a failed try shows.
func signOf(t provision.Try) (sign, bool) {
	s := sign{
		confidence: 90,
		args:       []Value{{"apn", t.APN}, {"family", string(t.Family)}, {"cause", number(t.Cause)}, {"meaning", provision.SessionCause(t.Cause)}},
		evidence:   []Value{{"apn", t.APN}, {"family", string(t.Family)}, {"outcome", string(t.Outcome)}, {"cause", number(t.Cause)}},
	}
	if t.APN == "" {
		s.args[0].Value = "-"
	}
	switch t.Outcome {
	case provision.Mute:
		s.code, s.confidence = "RC13", 80
		return s, true
	case provision.V6Only:
		s.code = "RC22"
		return s, true
	case provision.Refused:
		s.code, s.variant = refusal(t.Cause)
		if t.Cause == 0 {
			s.confidence = 50
		}
		return s, true
	}
	return s, false
}

// refusal sorts session causes (3GPP TS 24.008, 10.5.6.6).
func refusal(cause uint32) (code Code, variant string) {
	switch cause {
	case 28, 50, 51, 52:
		return "RC10", ""
	case 29, 30:
		return "RC12", ""
	case 27, 66, 67, 69, 91:
		return "RC11", ""
	case 32, 33:
		return "RC11", "unsubscribed"
	case 0:
		return "RC11", "silent"
	}
	return "RC08", "session"
}

// brief gives the episodes of tries that failed and were made good within one turn.
func (e *exam) brief() []Episode {
	var out []Episode
	if !e.settled() {
		return nil
	}
	for _, t := range e.Path.Story {
		s, ok := signOf(t)
		if !ok || !chosen(t) || t.Note == "stalled" || !t.At.After(e.m.Told) {
			continue
		}
		c, _ := causeOf(s.code)
		out = append(out, Episode{Code: s.code, Variant: s.variant, Args: s.args, From: t.At, To: e.Observed.Now, Remedy: string(c.self), Helped: "yes"})
		e.m.Told = t.At
	}
	return out
}

// addressSigns: the network changed the addresses of a live bearer.
func (e *exam) addressSigns() {
	b := e.Observed.Modem.Bearers[modem.Shared]
	if b.State != modem.BearerUp {
		return
	}
	now := addresses(b)
	if e.m.Bearer.Equal(b.Since) && e.m.Addresses != "" && e.m.Addresses != now {
		e.sign(sign{code: "RC15", confidence: 95, args: []Value{{"before", e.m.Addresses}, {"now", now}},
			evidence: []Value{{"before", e.m.Addresses}, {"now", now}}})
	}
	e.m.Bearer, e.m.Addresses = b.Since, now
	if dropped := e.Observed.NAT.Dropped; dropped > e.m.Dropped {
		n := number(dropped - e.m.Dropped)
		e.m.Dropped = dropped
		e.sign(sign{code: "RC29", confidence: 90, args: []Value{{"count", n}}, evidence: []Value{{"connections of a former address", n}}})
	}
}

func addresses(b modem.BearerStatus) string {
	var out []string
	for _, c := range []*modem.IPConfig{b.IPv4, b.IPv6} {
		if c == nil {
			continue
		}
		for _, a := range c.Addresses {
			out = append(out, a.String())
		}
	}
	return strings.Join(out, " ")
}
