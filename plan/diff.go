package plan

import (
	"slices"

	"github.com/tetherd/tetherd/clock"
	"github.com/tetherd/tetherd/dhcp"
	"github.com/tetherd/tetherd/dns"
	"github.com/tetherd/tetherd/fetch"
	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/probe"
)

// Part names one part in a Step.
type Part string

// The parts that take a wish.
const (
	NAT     Part = "nat"
	Link    Part = "link"
	Hostapd Part = "hostapd"
	DHCP    Part = "dhcp"
	DNS     Part = "dns"
	Modem   Part = "modem"
	Probe   Part = "probe"
	Fetch   Part = "fetch"
	Clock   Part = "clock"
)

// Step is one part whose reality differs from its wish.
type Step struct {
	Part Part
	Why  []string // one line a difference
}

// Diff tells which parts to apply, in order. The ruleset comes first and the link,
// which switches forwarding on, after it, then what lives on its bridge; on the way down it is the other way
// round, so that nothing is ever forwarded without rules.
func Diff(d Desired, obs Observed, off bool) []Step {
	drift := []Step{
		{NAT, nat.Drift(d.NAT, obs.NAT)},
		{Link, link.Drift(d.Link, obs.Link)},
		{Hostapd, hostapd.Drift(d.Hostapd, obs.Hostapd)},
		{DHCP, dhcp.Drift(d.DHCP, obs.DHCP)},
		{DNS, dns.Drift(d.DNS, obs.DNS)},
		{Clock, clock.Drift(d.Clock, obs.Clock)},
		{Modem, modem.Drift(d.Modem, obs.Modem)},
		{Probe, probe.Drift(d.Probe, obs.Probe)},
		{Fetch, fetch.Drift(d.Fetch, obs.Fetch)},
	}
	if off {
		slices.Reverse(drift)
	}
	return slices.DeleteFunc(drift, func(s Step) bool { return len(s.Why) == 0 })
}
