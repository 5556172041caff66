package api

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/provision"
)

// Plan is what a gateway would do next, and why.
type Plan struct {
	Running  int         `json:"running,omitempty"`  // process number of the gateway; absent: one that is started now
	InForce  bool        `json:"in_force"`           // the running gateway uses this very configuration
	Steps    []Step      `json:"steps"`              // parts that differ from their wish, in order
	SIMKnown bool        `json:"sim_known"`          // the access points are for the SIM in the modem; else the owner's alone
	APNs     []Candidate `json:"access_points"`      // in the order to try
	Why      []Reason    `json:"why"`                // why values are as they are
	Ruleset  string      `json:"ruleset"`            // as nft reads it
	Problems []string    `json:"problems,omitempty"` // what could not be read or is complained of, one line each
}

// Step is one part that differs from its wish.
type Step struct {
	Part plan.Part `json:"part"` // such as "nat"
	Why  []string  `json:"why"`  // one line a difference
}

// Candidate is one access point that may be right. Credentials are told of the table's
// only, where they are public knowledge.
type Candidate struct {
	APN       string         `json:"apn"`                 // empty: the network assigns one
	User      string         `json:"user,omitempty"`      // for the operator's login
	Password  string         `json:"password,omitempty"`  // for the operator's login
	Auth      string         `json:"auth,omitempty"`      // "none", "pap" or "chap"; absent: not told
	Families  []modem.Family `json:"families"`            // in the order to try
	MTU       int            `json:"mtu,omitempty"`       // bytes
	Source    string         `json:"source"`              // "config", "document", "memory", "network" or "table"
	Name      string         `json:"name,omitempty"`      // of the access point or plan
	Tethering bool           `json:"tethering,omitempty"` // marked for it
	Plan      string         `json:"plan,omitempty"`      // "prepaid" or "postpaid"
	Balance   string         `json:"balance,omitempty"`   // code that tells the balance
	Why       string         `json:"why"`                 // why it stands at this place
}

// RenderPlan turns a Snapshot into its plan. Running is the caller's to fill in.
func RenderPlan(s *control.Snapshot) Plan {
	list, known := s.Candidates()
	p := Plan{
		Steps: []Step{}, SIMKnown: known, APNs: Candidates(list), Why: []Reason{},
		Ruleset: nat.Render(s.Desired.NAT).String(), Problems: problems(s),
	}
	for _, st := range s.Steps {
		p.Steps = append(p.Steps, Step(st))
	}
	p.Why = append(p.Why, reasonsDoc(s.Desired.Why)...)
	return p
}

// planWith is the plan of a running gateway for a configuration.
func planWith(s *control.Snapshot, cfg *config.Config) Plan {
	p := RenderPlan(s.With(cfg))
	p.InForce = bytes.Equal(cfg.UCI(), s.Config.UCI())
	return p
}

// Candidates renders access points for programs; never null.
func Candidates(list []provision.Candidate) []Candidate {
	out := []Candidate{}
	for _, c := range list {
		d := Candidate{
			APN: c.APN, Auth: string(c.Auth), Families: c.Families, MTU: c.MTU, Source: string(c.Source),
			Name: c.Name, Tethering: c.DUN, Plan: c.Plan, Balance: c.Balance, Why: c.Why,
		}
		if c.Source == provision.FromTable {
			d.User, d.Password = c.User, string(c.Password)
		}
		out = append(out, d)
	}
	return out
}

// Text renders the plan for a person at a terminal.
func (p Plan) Text() string {
	var b strings.Builder
	fmt.Fprintln(&b, p.heading())
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "%s\n  %s\n", s.Part, strings.Join(s.Why, "\n  "))
	}
	for _, r := range p.Why {
		fmt.Fprintf(&b, "%s %s: %s\n", r.What, r.Value, r.Why)
	}
	for i, c := range p.APNs {
		fmt.Fprintf(&b, "access point %d %s: %s\n", i+1, c.label(), c.Why)
	}
	if !p.SIMKnown {
		fmt.Fprintln(&b, "access points for the SIM: the SIM is not known here ('tetherd apn MCCMNC' lists them for one)")
	}
	for _, line := range p.Problems {
		fmt.Fprintf(&b, "problem: %s\n", line)
	}
	return b.String()
}

// heading says whose plan it is.
func (p Plan) heading() string {
	who, next := "No tetherd answers here. One that is started now", " would do first:"
	switch {
	case p.Running != 0 && p.InForce:
		who = fmt.Sprintf("tetherd runs here (process %d) with this configuration. It", p.Running)
		next = " would do next:"
	case p.Running != 0:
		who = fmt.Sprintf("tetherd runs here (process %d) with another configuration. With this one it", p.Running)
		next = " would do next:"
	}
	if len(p.Steps) == 0 {
		next = " would do nothing: everything is as wanted."
	}
	return who + next
}

// label is the name for people, with the families.
func (c Candidate) label() string {
	name := "the network's own choice"
	if c.APN != "" {
		name = "'" + c.APN + "'"
	}
	return name + " (" + c.FamilyText() + ")"
}

// FamilyText is the families in the order to try.
func (c Candidate) FamilyText() string {
	var names []string
	for _, f := range c.Families {
		names = append(names, string(f))
	}
	return strings.Join(names, ",")
}
