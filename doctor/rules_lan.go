package doctor

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
)

// probeAddr is the synthetic client's reserved address.
func (e *exam) probeAddr() netip.Addr {
	for _, n := range e.Observed.DHCP.InForce.Networks {
		for _, h := range n.Hosts {
			if h.Transient {
				return h.Addr
			}
		}
	}
	return netip.Addr{}
}

// firewallSigns: our rules are not in force, or somebody took them away.
func (e *exam) firewallSigns() {
	for _, line := range e.Refused {
		if strings.HasPrefix(line, string(plan.NAT)+":") {
			e.sign(sign{code: "RC40", variant: "refused", confidence: 95, args: []Value{{"detail", clause(line, "-")}}, evidence: []Value{{"error", clause(line, "-")}}})
			return
		}
	}
	for _, step := range e.Tampered {
		if why := harm(step); len(why) > 0 {
			what := strings.Join(why[:min(len(why), 3)], "; ")
			e.sign(sign{code: "RC40", variant: "tampered", confidence: 95, args: []Value{{"detail", what}}, evidence: []Value{{"differs", what}}})
			return
		}
	}
}

// harm is what of a difference keeps clients' packets from passing: links come and go
// by themselves, rules and the leave to forward do not.
func harm(step plan.Step) []string {
	switch step.Part {
	case plan.NAT:
		return slices.DeleteFunc(slices.Clone(step.Why), func(why string) bool {
			return !strings.Contains(why, "table inet ") // a device that went leaves the short way by itself
		})
	case plan.Link:
		return slices.DeleteFunc(slices.Clone(step.Why), func(why string) bool {
			return !strings.Contains(why, "forwarding") || !strings.HasPrefix(why, "missing: ")
		})
	}
	return nil
}

// Ages of evidence.
const turnedFor = 5 * time.Minute // a device was turned away so lately

// lanSigns: clients get no addresses, or the LAN had to move.
func (e *exam) lanSigns() {
	d, now := e.Observed.DHCP, e.Observed.Now
	if d.TurnedAway > e.m.Turned {
		e.m.Turned, e.m.TurnedAt = d.TurnedAway, now
	}
	if e.Facts.DHCP && d.Error != "" {
		e.sign(sign{code: "RC47", variant: "server", severity: Fault, confidence: 95, args: []Value{{"detail", clause(d.Error, "-")}}, evidence: []Value{{"error", clause(d.Error, "-")}}})
	} else if until := e.m.TurnedAt.Add(turnedFor); !e.m.TurnedAt.IsZero() && now.Before(until) && d.Free == 0 {
		limit := count(e.Facts.Limit)
		e.sign(sign{code: "RC47", variant: "full", confidence: 95, args: []Value{{"limit", limit}},
			evidence: []Value{{"addresses", limit}, {"free", count(d.Free)}, {"turned away", number(d.TurnedAway)}}})
		e.at(until)
	}
	if strings.Contains(e.Wish.LANWhy, "collides") {
		variant := "moved"
		if strings.HasPrefix(e.Wish.LANWhy, "every") {
			variant = "stuck"
		}
		e.sign(sign{code: "RC27", variant: variant, confidence: 95, args: []Value{{"lan", e.Wish.LAN}, {"why", e.Wish.LANWhy}},
			evidence: []Value{{"lan", e.Wish.LAN}, {"why", e.Wish.LANWhy}}})
	}
}

// clientSigns: the gateway has Internet and a client has not. A client's failure from
// before the gateway's own was over says nothing.
func (e *exam) clientSigns() {
	c := e.client()
	switch g := e.gateway(); {
	case g.Failed > 0:
		e.m.Lost = g.At
	case c.Verdict == probe.Online:
		e.m.Borne = nil
		for _, r := range e.Observed.NAT.Rivals {
			e.m.Borne = append(e.m.Borne, r.Table+" "+r.Chain)
		}
	}
	old := !c.At.Add(-c.Took).After(e.m.Lost)
	evidence := []Value{{"client", string(c.Verdict)}, {"detail", c.Detail}, {"gateway", string(e.gateway().Verdict)}}
	switch {
	case c.Verdict == probe.NoLease && c.Alike >= 3 && e.Observed.DHCP.Error == "":
		e.sign(sign{code: "RC47", variant: "none", severity: Fault, confidence: 85, evidence: evidence})
	case e.gateway().Verdict != probe.Online || old || c.Failed < 2 && (c.Failed == 0 || !e.rival().fresh):
	case c.Verdict == probe.Portal:
		e.sign(sign{code: "RC17", variant: "page", confidence: 80, evidence: evidence})
	case c.Verdict == probe.NoDNS && e.Observed.DNS.Error == "":
		e.sign(sign{code: "RC34", variant: "lan", confidence: 80, evidence: evidence})
	case c.Verdict == probe.Dead:
		e.barred(evidence)
	}
}

// zoned is the table of OpenWrt's firewall, which drops what passes between devices that
// are in none of its zones.
const zoned = "inet fw4"

// rival is somebody else's chain that drops; fresh when no client had Internet beside it
// so far.
type rival struct {
	nat.Rival
	fresh bool
}

// rival is the one to suspect, a fresh one if there is any; the zero value is none.
func (e *exam) rival() (out rival) {
	for _, r := range e.Observed.NAT.Rivals {
		fresh := !slices.Contains(e.m.Borne, r.Table+" "+r.Chain)
		if out.Table == "" || fresh && !out.fresh {
			out = rival{r, fresh}
		}
	}
	return out
}

// barred: forwarded packets get lost. Somebody else's chain that drops is the likely
// reason, unless clients have had Internet beside a rule of it; without one, the operator.
func (e *exam) barred(evidence []Value) {
	r := e.rival()
	if r.Table == "" {
		e.sign(sign{code: "RC17", confidence: 50, evidence: append(evidence, Value{"other firewalls", "none"})})
		return
	}
	evidence = append(evidence, Value{"table", r.Table}, Value{"chain", r.Chain}, Value{"drops by", r.Why}, Value{"since clients had Internet", yesNo(r.fresh)})
	sure := 85
	if !r.fresh || r.Why == "rule" {
		sure = 50
	}
	switch {
	case !r.fresh && r.Why == "rule":
		e.sign(sign{code: "RC17", confidence: sure, evidence: evidence})
	case r.Table == zoned:
		e.sign(sign{code: "RC42", confidence: sure, args: []Value{{"uplink", e.Wish.Uplink}}, evidence: append(evidence, Value{"uplink", e.Wish.Uplink})})
	default:
		e.sign(sign{code: "RC41", confidence: sure, args: []Value{{"table", r.Table}, {"chain", r.Chain}}, evidence: evidence})
	}
}

// slowStart is how long a radio may take to look at its surroundings and to start.
const slowStart = time.Minute

// starting says that a radio is in one of the states by which it comes on the air, and
// not for too long.
func (e *exam) starting(r hostapd.RadioStatus) bool {
	if !slices.Contains([]hostapd.State{hostapd.StateStarting, hostapd.StateCountry, hostapd.StateACS, hostapd.StateHTScan}, r.State) {
		return false
	}
	until := r.Since.Add(slowStart)
	e.at(until)
	return e.Observed.Now.Before(until)
}

// wifiSigns: a radio that is wished is not on the air. All of them are told of by the
// first; one that chooses its channel is given time.
func (e *exam) wifiSigns() {
	h := e.Observed.Hostapd
	for _, r := range h.Radios {
		evidence := []Value{{"radio", r.Interface}, {"state", string(r.State)}, {"country", firstOf(e.Wish.Country, "not set")}}
		s := sign{code: "RC44", confidence: 90, evidence: evidence, args: []Value{{"radio", r.Interface}, {"detail", clause(r.Error, "-")}}}
		switch {
		case r.State == hostapd.StateEnabled && r.Refused != "":
			s.variant, s.args[1].Value = "refused", clause(r.Refused, "-")
		case r.State == hostapd.StateEnabled, r.State == "":
			continue
		case r.State == hostapd.StateDFS:
			s.variant, s.severity = "radar", Note
			s.args[1] = Value{"left", number(max(int(r.CACLeft/time.Second), 0))}
		case r.State == hostapd.StateNoIR:
			s.variant = "no-ir"
		case r.Error == "" && e.starting(r):
			continue
		case r.Error == "":
			s.variant, s.args[1].Value = "silent", string(r.State)
		}
		e.sign(s)
		return
	}
}
