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

// reached says that a check can be looked at now.
func (e *exam) reached(check string) bool {
	switch check {
	case CheckPath, CheckNames, CheckValid:
		return e.gateway().Verdict != probe.Unknown
	case CheckForward, CheckClient:
		return e.client().Verdict != probe.Unknown || e.client().Verdict == probe.Unproven
	case CheckBearer:
		return e.settled() || e.Path.Outcome != ""
	case CheckAddress:
		return e.up()
	}
	return true
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
		e.sign(sign{code: "RC18", confidence: 85, args: []Value{{"detail", g.Detail}}, evidence: evidence})
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
// is slow or crowded; many in a row are a failure all the same.
func (e *exam) trickles(g probe.Result) bool {
	until := e.m.Sample.Heard.Add(deaf)
	if g.Failed >= 4 || !e.Observed.Now.Before(until) {
		return false
	}
	e.at(until)
	return true
}

// traffic adds what the counters say.
func (e *exam) traffic(evidence []Value) []Value {
	return append(evidence, Value{"modem says", string(e.Observed.Modem.Bearers[modem.Shared].State)},
		Value{"sent without an answer", yesNo(e.m.Stall.Uplink)})
}

// large: what fills a packet does not pass.
func (e *exam) large(g probe.Result) {
	if g.Large != probe.LargeLost && e.Wish.Repairs.MTU == 0 {
		return
	}
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
