package plan

import (
	"net/netip"

	"github.com/tetherd/tetherd/clock"
	"github.com/tetherd/tetherd/modem"
)

// ntpPort is NTP's (RFC 5905).
const ntpPort = 123

// clockSpec has the time asked by the bearer of the gateway's own traffic, and passes on
// what the modem told of it.
func clockSpec(in Inputs, obs Observed, d Desired, bearers map[modem.Purpose]modem.BearerStatus) clock.Spec {
	var s clock.Spec
	if in.Config.Clock.Enabled {
		s.Set, s.Modem = in.Config.Clock.Set, clock.Told(obs.Modem.Time)
	}
	for _, u := range d.Link.Uplinks {
		if u.Own && in.Config.Clock.Enabled {
			s.Key, s.Interface, s.Mark = ProbeKey(bearers[modem.Own], in.Repairs), u.Interface, u.Mark
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
