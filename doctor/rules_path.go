package doctor

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/probe"
)

// gateway is the last look from the gateway under the present bearer.
func (e *exam) gateway() probe.Result { return current(e.Observed.Probe.Gateway, e.Wish.Gateway) }

// client is the last look from a client's place under the present bearer and LAN.
func (e *exam) client() probe.Result { return current(e.Observed.Probe.Client, e.Wish.Client) }

func current(r probe.Result, key string) probe.Result {
	if key == "" || r.Key != key {
		return probe.Result{}
	}
	return r
}

// up says that the bearer of clients' traffic is there.
func (e *exam) up() bool {
	b := e.Observed.Modem.Bearers[modem.Shared]
	return b.State == modem.BearerUp && b.IPv4 != nil
}

// reached says that a check can be looked at now. A look that failed leaves open whether
// it is what comes first that failed it.
func (e *exam) reached(check string) bool {
	g := e.gateway()
	switch check {
	case CheckPath:
		return e.valid() || g.Verdict == probe.Portal || g.Alive || e.lively()
	case CheckNames:
		return e.valid() || g.Verdict == probe.Portal || g.Alive
	case CheckValid:
		return e.valid() || g.Verdict == probe.Portal
	case CheckForward, CheckClient:
		return e.client().Verdict != probe.Unknown
	case CheckBearer:
		return e.settled() || e.Path.Outcome != ""
	case CheckAddress:
		return e.up()
	}
	return true
}

// valid says that the gateway's last look was good.
func (e *exam) valid() bool { return e.gateway().Verdict == probe.Online }

// proven says that something shows that a check without a finding is as it must be.
func (e *exam) proven(check string) bool {
	m := e.Observed.Modem
	switch check {
	case CheckModem:
		return !slices.Contains([]modem.Phase{"", modem.PhaseOff, modem.PhaseNoModem, modem.PhaseOpening, modem.PhaseUnanswered, modem.PhaseMending}, m.Phase)
	case CheckSIM:
		return m.SIM.State == modem.SIMReady
	case CheckNetwork:
		return m.Phase == modem.PhaseReady
	case CheckBearer:
		return m.Bearers[modem.Shared].State == modem.BearerUp
	case CheckNames, CheckValid:
		return e.valid()
	case CheckForward, CheckClient:
		return e.client().Verdict == probe.Online
	}
	return e.reached(check)
}

// failed says that a look has failed for good: again, or while nothing comes back.
func (e *exam) failed(r probe.Result) bool {
	return r.Failed >= 2 || r.Failed == 1 && (e.m.Stall.Uplink || e.silenced())
}

// pathSigns: packets do not come back, or large ones do not.
func (e *exam) pathSigns() {
	g, apn := e.gateway(), "apn "+e.Path.APN
	evidence := []Value{{"probe", string(g.Verdict)}, {"detail", g.Detail}, {"failures in a row", number(g.Failed)}}
	switch g.Verdict {
	case probe.Online:
		e.m.Carried = apn
		e.large(g)
	case probe.Portal:
		e.m.Carried = apn
		s := sign{code: "RC18", confidence: 85, args: []Value{{"detail", g.Detail}}, evidence: evidence}
		if g.Login {
			s.variant = "login"
		}
		e.sign(s)
	case probe.Dead, probe.NoDNS:
		if !e.failed(g) || g.Alive || e.trickles(g) {
			return
		}
		s := sign{code: "RC13", confidence: 70, args: []Value{{"apn", firstOf(e.Path.APN, "-")}}, evidence: e.traffic(evidence)}
		if e.m.Carried == apn {
			s.code = "RC14"
		}
		if e.m.Stall.Uplink {
			s.confidence = 90
		}
		e.sign(s)
	}
}

// deaf is how long nothing comes in before a path counts as dead.
const deaf = 5 * time.Second

// trickles says that something still comes in, so that failed looks may mean a path that
// is slow or crowded; many in a row are a failure all the same, unless it is for clients.
func (e *exam) trickles(g probe.Result) bool {
	if g.Failed >= 4 {
		return e.lively()
	}
	return e.within(e.m.Sample.Heard)
}

// lively says that clients are answered, so that the path carries whatever looks show: a
// long download on a slow path leaves them no room.
func (e *exam) lively() bool { return e.within(e.m.Sample.Lively) }

// Served says that clients were answered just before a time.
func (r Report) Served(now time.Time) bool { return now.Before(r.Memory.Sample.Lively.Add(deaf)) }

// within says that what was seen is not older than a dead path would let it be.
func (e *exam) within(seen time.Time) bool {
	until := seen.Add(deaf)
	e.at(until)
	return e.Observed.Now.Before(until)
}

// traffic adds what the counters say.
func (e *exam) traffic(evidence []Value) []Value {
	return append(evidence, Value{"modem says", string(e.Observed.Modem.Bearers[modem.Shared].State)},
		Value{"sent without an answer", yesNo(e.m.Stall.Uplink)})
}

// large: what fills a packet does not pass.
func (e *exam) large(g probe.Result) {
	if g.Large != probe.LargeLost {
		return
	}
	mtu := firstOf(count(g.PathMTU), "unknown")
	e.sign(sign{code: "RC21", confidence: 85, args: []Value{{"mtu", mtu}, {"believed", number(max(e.Wish.UplinkMTU, 0))}},
		evidence: []Value{{"small packets", "pass"}, {"large packets", "are lost"}, {"largest that passes", mtu}}})
}

// nameSigns: names do not resolve though packets come back.
func (e *exam) nameSigns() {
	b, d := e.Observed.Modem.Bearers[modem.Shared], e.Observed.DNS
	if e.Facts.DNS && d.Error != "" {
		holder := firstOf(d.Holder, "another program")
		e.sign(sign{code: "RC34", variant: "port", confidence: 95, args: []Value{{"holder", holder}}, evidence: []Value{{"error", clause(d.Error, "-")}, {"holder", holder}}})
		return
	}
	if !e.up() {
		return
	}
	if len(d.Denied) > 0 && e.Online {
		names := strings.Join(d.Denied, ", ")
		e.sign(sign{code: "RC38", confidence: 85, args: []Value{{"names", names}}, evidence: []Value{{"denied", names}, {"Internet", "works"}}})
	}
	g := e.gateway()
	if g.Alive && g.Failed >= 2 && !e.Online && (g.Verdict == probe.Dead || g.Denied) {
		e.sign(sign{code: "RC38", variant: "ours", severity: Degraded, confidence: 70, args: []Value{{"detail", g.Detail}},
			evidence: []Value{{"detail", g.Detail}, {"addresses", "can be reached"}}})
		return
	}
	if g.Verdict == probe.NoDNS && g.Alive && g.Failed >= 2 {
		severity := Fault
		if e.Online { // by a name that is remembered still
			severity = Degraded
		}
		e.sign(sign{code: "RC34", variant: "upstream", severity: severity, confidence: 85, args: []Value{{"servers", list(b.IPv4.DNS)}},
			evidence: []Value{{"detail", g.Detail}, {"addresses", "can be reached"}, {"silent", list(d.Silent)}}})
		return
	}
	switch {
	case len(b.IPv4.DNS) == 0:
		e.sign(sign{code: "RC33", variant: "none", confidence: 95, evidence: []Value{{"servers named", "0"}}})
	case len(d.Answering) > 0 && !slices.ContainsFunc(b.IPv4.DNS, func(a netip.Addr) bool { return !slices.Contains(d.Silent, a) }):
		e.sign(sign{code: "RC33", variant: "silent", confidence: 85, args: []Value{{"servers", list(b.IPv4.DNS)}},
			evidence: []Value{{"silent", list(d.Silent)}, {"answering", list(d.Answering)}}})
	}
}

func list(addrs []netip.Addr) string {
	var out []string
	for _, a := range addrs {
		out = append(out, a.String())
	}
	return firstOf(strings.Join(out, ", "), "-")
}
