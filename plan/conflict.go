package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/provision"
)

// Conflicts tells where the operator's document and the owner want different things, and
// who prevails: the document in what the operator may decide (number of clients, sharing,
// absence, clients' access point, roaming), the owner elsewhere.
func Conflicts(cfg *config.Config, p provision.Policy) []Reason {
	var out []Reason
	add := func(conflict bool, what, value, why string) {
		if conflict {
			out = append(out, Reason{What: what, Value: value, Why: why})
		}
	}
	own := cfg.Sharing
	add(p.MaxClients > 0 && own.MaxClients > p.MaxClients, "client limit", fmt.Sprint(p.MaxClients),
		fmt.Sprintf("%s allows fewer than the %d of the configuration", p.Name, own.MaxClients))
	add(p.MaxClients > 0 && own.MaxClients > 0 && own.MaxClients < p.MaxClients, "client limit", fmt.Sprint(own.MaxClients),
		fmt.Sprintf("the configuration allows fewer than the %d of %s", p.MaxClients, p.Name))
	add(own.Enabled && p.Sharing.Rule == provision.ShareNever, "sharing", "never", p.Name+" does not allow what the configuration switches on")
	add(own.Absence != config.Default().Sharing.Absence && p.Absence != 0 && p.Absence != own.Absence, "absence", fmt.Sprint(p.Absence), p.Name+" prevails over the configuration")
	add(cfg.Modem.Roaming && limitsRoaming(p) != "", "roaming", limitsRoaming(p), p.Name+" does not allow what the configuration does")
	add(!cfg.Modem.Roaming && p.Roaming != provision.RoamUnset && p.Roaming != provision.RoamHome,
		"roaming", "off", "the configuration does not allow what "+p.Name+" does")
	add(cfg.Modem.MTU != 0 && p.MTU4 != 0 && cfg.Modem.MTU != p.MTU4, "MTU", fmt.Sprint(cfg.Modem.MTU),
		fmt.Sprintf("the configuration prevails over the %d of %s", p.MTU4, p.Name))
	add(len(p.Probes) > 0 && ownTargets(cfg), "pages to look at", cfg.Probe.Targets[0].URL, "the configuration prevails over "+p.Name)
	if names, named := apart(cfg, p); named {
		add(len(p.Contexts[modem.Shared]) > 0, "clients' access point", names, p.Name+" prevails over the configuration")
	}
	return out
}

// limitsRoaming is the document's word for where data may be used, when that is not
// everywhere.
func limitsRoaming(p provision.Policy) string {
	switch {
	case p.Roaming != provision.RoamUnset && p.Roaming != provision.RoamAll:
		return string(p.Roaming)
	case len(p.Partners) > 0:
		return "partners"
	}
	return ""
}

// ownTargets says that the owner has named pages to look at.
func ownTargets(cfg *config.Config) bool {
	return !slices.Equal(cfg.Probe.Targets, config.Default().Probe.Targets)
}

// apart names the document's access points for clients, when the owner has named other
// ones for them.
func apart(cfg *config.Config, p provision.Policy) (names string, named bool) {
	var list []string
	for _, c := range p.Contexts[modem.Shared] {
		list = append(list, c.APN)
	}
	for _, a := range cfg.APNs {
		named = named || (a.Purpose == "shared" || a.Purpose == "any") && !slices.Contains(list, a.APN)
	}
	return strings.Join(list, ", "), named
}
