package provision

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/probe"
)

// Policy is what an operator's document demands for the SIM at hand. The zero value
// demands nothing. It is immutable: a changed document gives another one.
type Policy struct {
	Name string // of the document, for people; "" none
	// Contexts are the access points by purpose, in the order to try. Clients leave by
	// nothing but those for Shared; those for Own come behind the owner's.
	Contexts map[modem.Purpose][]Candidate
	// Attach is what the modem registers with; nil leaves that to the modem.
	Attach *Candidate
	// Buying sends clients by the contexts for Purchase until a plan is bought.
	Buying bool
	// OwnFirst says what to do with a modem that holds one context only while own and
	// shared traffic need two: true keeps the own one and refuses sharing, false makes
	// the shared one carry everything.
	OwnFirst   bool
	MaxClients int           // clients with Internet at a time; 0 as many as come
	Absence    time.Duration // a client's place is free after; 0 is DefaultAbsence
	Sharing    Entitlement
	Roaming    Roaming
	Partners   []string      // PLMNs, or their first digits, where data may be used abroad; none: all
	MTU4       int           // bytes; 0 takes what the network tells
	DNSRetry   time.Duration // of a question that is not answered; 0 is the forwarder's own
	DNSTries   int           // in all; 0 is the forwarder's own
	// Probes are pages of the operator that tell whether the Internet is reached, looked at
	// before those that tetherd knows, unless the owner has named some.
	Probes []probe.Target
}

// Standing is the part of a policy that holds before the SIM of the former process is
// known again: all but the access points, which hold secrets.
func (p Policy) Standing() Policy {
	p.Contexts, p.Attach = nil, nil
	return p
}

// DefaultAbsence is after how long a silent client's place is free when nobody says
// otherwise.
const DefaultAbsence = 10 * time.Minute

// Entitlement says whether the connection may be shared over cellular. The zero value
// allows it.
type Entitlement struct {
	Rule   SharingRule
	Answer Answer // present answer of who is asked; it counts with ShareCheck alone
	Why    string // one clause for people; "" has one made
}

// SharingRule is how sharing is allowed.
type SharingRule string

// The rules (COSA's Hotspot settings).
const (
	ShareAlways SharingRule = ""
	ShareNever  SharingRule = "never"
	ShareCheck  SharingRule = "check" // the operator's server decides
)

// Answer is an entitlement server's answer, or what the document has in its stead.
type Answer string

// The answers. What is not known yet is no permission.
const (
	Unanswered Answer = ""
	Entitled   Answer = "entitled"
	Denied     Answer = "denied"
)

// Allowed says whether clients may use cellular data now.
func (e Entitlement) Allowed() bool {
	return e.Rule == ShareAlways || e.Rule == ShareCheck && e.Answer == Entitled
}

// Reason says in one clause why sharing is not allowed; "" when it is.
func (e Entitlement) Reason() string {
	switch {
	case e.Allowed():
		return ""
	case e.Rule == ShareNever:
		return cmp.Or(e.Why, "the operator does not allow sharing with this SIM")
	case e.Answer == Denied:
		return cmp.Or(e.Why, "the operator does not allow sharing on this plan")
	}
	return cmp.Or(e.Why, "the operator was asked whether sharing is allowed and has not answered yet")
}

// Roaming says where data may be used (COSA's levels 0 to 5), in a document's words.
// Domestic is another network in the SIM's own country.
type Roaming string

// The levels.
const (
	RoamUnset       Roaming = ""                  // the policy says nothing
	RoamHome        Roaming = "home"              // 0: the home network only
	RoamAll         Roaming = "all"               // 1: everywhere
	RoamDomestic    Roaming = "home-and-domestic" // 2: home and domestic
	RoamOnlyInland  Roaming = "domestic-only"     // 3: domestic only
	RoamOnlyForeign Roaming = "foreign-only"      // 4: abroad only
	RoamOnly        Roaming = "roaming-only"      // 5: domestic and abroad
)

// place is where a network lies as seen by a SIM.
type place uint8

const (
	atHome place = iota
	inland
	abroad
)

// whereIs tells where the serving network lies. While it or the SIM's home is not
// known, the modem's own word counts.
func whereIs(sim Identity, r modem.Registration) place {
	switch {
	case !r.Roams():
		return atHome
	case sim.MCC != "" && len(r.PLMN) >= 5 && country(r.PLMN[:3]) == country(sim.MCC):
		return inland
	}
	return abroad
}

// country is the first code of the country that a mobile country code is of: some have
// several (ITU-T E.212, list of mobile country codes).
func country(mcc string) string {
	for _, group := range [...]struct{ from, to, first string }{
		{"234", "235", "234"}, // United Kingdom
		{"310", "316", "310"}, // United States
		{"404", "406", "404"}, // India
		{"430", "431", "424"}, // United Arab Emirates
		{"440", "441", "440"}, // Japan
		{"460", "461", "460"}, // China
	} {
		if group.from <= mcc && mcc <= group.to {
			return group.first
		}
	}
	return mcc
}

// Barred says in one clause why data may not be used where the SIM is; "" when it may.
// Nothing is barred where the modem is not registered.
func (p Policy) Barred(sim Identity, r modem.Registration) string {
	at := whereIs(sim, r)
	allowed := map[Roaming][]place{
		RoamHome: {atHome}, RoamDomestic: {atHome, inland}, RoamOnlyInland: {inland},
		RoamOnlyForeign: {abroad}, RoamOnly: {inland, abroad},
	}
	places, limited := allowed[p.Roaming]
	switch {
	case !r.Registered():
		return ""
	case limited && !slices.Contains(places, at):
		return "the operator does not allow data " + [...]string{"in the home network", "on other networks of the SIM's country", "abroad"}[at]
	case at != atHome && len(p.Partners) > 0 && !p.partner(r.PLMN):
		return "the operator does not allow data on the network " + cmp.Or(r.PLMN, "that serves here")
	}
	return ""
}

// partner says that a network is in the list.
func (p Policy) partner(plmn string) bool {
	return slices.ContainsFunc(p.Partners, func(digits string) bool {
		return digits != "" && strings.HasPrefix(plmn, digits)
	})
}

// Limit returns how many clients may have Internet at a time, 0 for as many as come,
// and after what absence a place is free: the smaller of the owner's number and the
// operator's, and the operator's absence.
func (p Policy) Limit(own config.Sharing) (most int, absence time.Duration) {
	most = own.MaxClients
	if p.MaxClients > 0 && (most == 0 || p.MaxClients < most) {
		most = p.MaxClients
	}
	return most, cmp.Or(p.Absence, own.Absence, DefaultAbsence)
}
