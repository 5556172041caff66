package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/provision"
)

func apnCommand(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("apn", flag.ContinueOnError)
	spn := flags.String("spn", "", "service provider `name` of the SIM")
	gid1 := flags.String("gid1", "", "group identifier 1 of the SIM in `hex`")
	roaming := flags.Bool("roaming", false, "as if the SIM were abroad")
	asJSON := flags.Bool("json", false, "print for programs")
	digits := ""
	if err := parse(flags, args, out, &digits); err != nil {
		return err
	}
	if digits == "" {
		return exit{exitUsage, errors.New("of which SIM? Give MCC and MNC, such as 26201, or an IMSI")}
	}
	sim, err := provision.IdentityFromDigits(digits)
	if err != nil {
		return exit{exitUsage, err}
	}
	sim.SPN, sim.GID1 = *spn, strings.ToUpper(*gid1)
	list := provision.Candidates(nil, sim, nil, *roaming)
	if *asJSON {
		return json.NewEncoder(out).Encode(candidatesDoc(list))
	}
	return printCandidates(out, sim, list)
}

// candidate is one access point for programs.
type candidate struct {
	APN       string         `json:"apn"`                 // empty: the network assigns one
	User      string         `json:"user,omitempty"`      // for the operator's login
	Password  string         `json:"password,omitempty"`  // for the operator's login; public knowledge
	Auth      string         `json:"auth,omitempty"`      // "none", "pap" or "chap"; absent: not told
	Families  []modem.Family `json:"families"`            // in the order to try
	MTU       int            `json:"mtu,omitempty"`       // bytes
	Source    string         `json:"source"`              // "network" or "table"
	Name      string         `json:"name,omitempty"`      // of the access point or plan
	Tethering bool           `json:"tethering,omitempty"` // marked for it
	Plan      string         `json:"plan,omitempty"`      // "prepaid" or "postpaid"
	Balance   string         `json:"balance,omitempty"`   // code that tells the balance
	Why       string         `json:"why"`                 // why it stands at this place
}

func candidatesDoc(list []provision.Candidate) []candidate {
	out := []candidate{}
	for _, c := range list {
		out = append(out, candidate{
			APN: c.APN, User: c.User, Password: string(c.Password), Auth: string(c.Auth), Families: c.Families, MTU: c.MTU,
			Source: string(c.Source), Name: c.Name, Tethering: c.DUN, Plan: c.Plan, Balance: c.Balance, Why: c.Why,
		})
	}
	return out
}

func printCandidates(out io.Writer, sim provision.Identity, list []provision.Candidate) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "#\tAPN\tFAMILIES\tUSER\tNAME\tWHY")
	listed := false
	for i, c := range list {
		listed = listed || c.Source == provision.FromTable
		apn := c.APN
		if apn == "" {
			apn = "(empty)"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", i+1, apn, families(c), c.User, c.Name, c.Why)
	}
	if !listed {
		fmt.Fprintf(w, "The table knows no access point of the network %s%s.\n", sim.MCC, sim.MNC)
	}
	return w.Flush()
}

func families(c provision.Candidate) string {
	var names []string
	for _, f := range c.Families {
		names = append(names, string(f))
	}
	return strings.Join(names, ",")
}
