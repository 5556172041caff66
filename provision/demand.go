package provision

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/probe"
	"github.com/tetherd/tetherd/provision/document"
)

// InForce is the document that is for the SIM at hand.
type InForce struct {
	Document *document.Document
	Entry    document.SIM // what it says for the SIM
	At       time.Time    // when it was applied or fetched last
	Tag      string       // validator under which its server knows it; "" none
}

// CardOf returns what a document's entries are compared with. The name of the home
// network is the one that the modem tells.
func CardOf(sim modem.SIM, device modem.Device) document.Card {
	id := IdentityOf(sim)
	return document.Card{
		IMSI: sim.IMSI, ICCID: sim.ICCID, MCC: id.MCC, MNC: id.MNC,
		SPN: sim.SPN, PNN: sim.HomeName, GID1: sim.GID1, Device: device.IMEI,
	}
}

// Demand turns what a document says for a SIM into the policy that is enforced. Nobody
// was asked yet about the entitlement.
func Demand(d *document.Document, e document.SIM) Policy {
	return Policy{
		Name:       cmp.Or(d.Operator.Name, "the operator"),
		Contexts:   contexts(e.Contexts),
		Attach:     attachOf(e.Contexts),
		OwnFirst:   e.Sharing.OneContext == "refuse",
		MaxClients: e.Sharing.MaxDevices,
		Absence:    time.Duration(e.Sharing.Absence) * time.Second,
		Sharing:    Entitlement{Rule: rules()[e.Sharing.Rule]},
		Roaming:    Roaming(e.Roaming.Level),
		Partners:   partners(e.Roaming.Partners),
		MTU4:       e.Network.MTU4,
		DNSRetry:   time.Duration(e.Network.DNSRetry) * time.Second,
		DNSTries:   e.Network.DNSTries,
		Probes:     probes(d.Probes),
	}
}

func rules() map[string]SharingRule {
	return map[string]SharingRule{"": ShareAlways, "always": ShareAlways, "never": ShareNever, "check": ShareCheck}
}

func probes(list []document.Probe) (targets []probe.Target) {
	for _, p := range list {
		targets = append(targets, probe.Target{URL: p.URL, Status: p.Status, Body: p.Body})
	}
	return targets
}

func partners(list []document.Partner) []string {
	var plmns []string
	for _, p := range list {
		plmns = append(plmns, p.PLMN)
	}
	return plmns
}

// usualPriority is that of a context which names none (CarrierControl's default).
const usualPriority = 5

func priority(c document.Context) int {
	if c.Priority == nil {
		return usualPriority
	}
	return *c.Priority
}

// attachOf is the context for registering, of several the one of greatest priority.
func attachOf(list []document.Context) (named *Candidate) {
	best := -1
	for _, c := range list {
		if slices.Contains(c.Uses, document.ForAttach) && priority(c) > best {
			out := candidateOf(c)
			named, best = &out, priority(c)
		}
	}
	return named
}

// contexts sorts access points by purpose, those of greater priority first.
func contexts(list []document.Context) map[modem.Purpose][]Candidate {
	all := map[modem.Purpose][]Candidate{}
	list = slices.Clone(list)
	sort.SliceStable(list, func(i, j int) bool { return priority(list[i]) > priority(list[j]) })
	for _, c := range list {
		named := candidateOf(c)
		for u, p := range map[document.Use]modem.Purpose{document.ForInternet: modem.Own, document.ForTethering: modem.Shared, document.ForPurchase: modem.Purchase} {
			if slices.Contains(c.Uses, u) {
				all[p] = append(all[p], named)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

func candidateOf(c document.Context) Candidate {
	out := Candidate{
		Source: FromDocument, Name: c.Name, APN: c.APN, User: c.User, Password: c.Password, Auth: modem.Auth(c.Auth),
		Families: families(""), Why: fmt.Sprintf("named in the operator's document (context '%s')", c.Name),
	}
	if c.Family != "" {
		out.Families = []modem.Family{modem.Family(c.Family)}
	}
	return out
}

// Consent is what is known of the operator's word on sharing.
type Consent struct {
	Asked    bool // the server has answered, or failed, since it was asked at first
	Unheard  bool // it cannot even be asked: the gateway has no connection for that
	Answered bool
	Entitled bool
	Reason   string    // of a refusal, for people; "" none was given
	Until    time.Time // the answer counts
}

// Again is when to ask anew after an answer that came at a time, early enough for the next
// one to be there before this one is too old. The microsecond at which it came keeps a fleet
// apart.
func (c Consent) Again(at time.Time) time.Time {
	return at.Add(c.Until.Sub(at) / 100 * time.Duration(65+at.Nanosecond()/1000%20))
}

// Answered returns the policy with what is known of the operator's word. An answer that
// is too old counts as none; without one the document's choice counts.
func (p Policy) Answered(c Consent, silent string, now time.Time) Policy {
	if p.Sharing.Rule != ShareCheck {
		return p
	}
	fresh := c.Answered && now.Before(c.Until)
	silence := "is silent"
	if c.Unheard {
		silence = "cannot be asked"
	}
	switch {
	case fresh && c.Entitled:
		p.Sharing.Answer, p.Sharing.Why = Entitled, "the operator's server allows it"
	case fresh:
		p.Sharing.Answer, p.Sharing.Why = Denied, "the operator does not allow sharing on this plan"
		if c.Reason != "" {
			p.Sharing.Why += ": " + c.Reason
		}
	case !c.Asked:
		p.Sharing.Answer = Unanswered
	case silent == "allow":
		p.Sharing.Answer, p.Sharing.Why = Entitled, "the operator's server "+silence+", and the document allows sharing then"
	default:
		p.Sharing.Answer, p.Sharing.Why = Denied, "the operator's server that decides about sharing "+silence+", and the document does not allow it then"
	}
	return p
}
