package plan

import (
	"net/netip"

	"github.com/tetherd/tetherd/clock"
	"github.com/tetherd/tetherd/modem"
)

// ntpPort is NTP's (RFC 5905).
const ntpPort = 123

// clockSpec has the time asked by the bearer of the gateway's own traffic.
func clockSpec(in Inputs, d Desired, bearers map[modem.Purpose]modem.BearerStatus) clock.Spec {
	var s clock.Spec
	for _, u := range d.Link.Uplinks {
		if u.Own && in.Config.Clock.Enabled {
			s = clock.Spec{Key: ProbeKey(bearers[modem.Own], in.Repairs), Interface: u.Interface, Mark: u.Mark, Set: in.Config.Clock.Set}
		}
	}
	if s.Interface == "" {
		return s
	}
	for _, a := range in.Config.Clock.Servers {
		s.Servers = append(s.Servers, netip.AddrPortFrom(a, ntpPort))
	}
	return s
}
