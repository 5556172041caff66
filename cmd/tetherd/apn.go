package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/tetherd/tetherd/api"
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
		return json.NewEncoder(out).Encode(api.Candidates(list))
	}
	return printCandidates(out, sim, api.Candidates(list))
}

func printCandidates(out io.Writer, sim provision.Identity, list []api.Candidate) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "#\tAPN\tFAMILIES\tUSER\tNAME\tWHY")
	listed := false
	for i, c := range list {
		listed = listed || c.Source == string(provision.FromTable)
		apn := c.APN
		if apn == "" {
			apn = "(empty)"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", i+1, apn, c.FamilyText(), c.User, c.Name, c.Why)
	}
	if !listed {
		fmt.Fprintf(w, "The table knows no access point of the network %s%s.\n", sim.MCC, sim.MNC)
	}
	return w.Flush()
}
