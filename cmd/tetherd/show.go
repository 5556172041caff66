package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/provision"
)

func statusCommand(args []string, out io.Writer) error {
	fs := flag.NewFlagSet("status", flag.ContinueOnError)
	socket := fs.String("socket", config.Default().API.Socket, "local `socket` of the running gateway")
	asJSON := fs.Bool("json", false, "print the whole document as JSON")
	follow := fs.Bool("follow", false, "go on printing with every change")
	if err := fs.Parse(args); err != nil {
		return exit{exitUsage, err}
	}
	print := api.Document.Text
	if *asJSON {
		print = documentJSON
	}
	err := api.Follow(context.Background(), *socket, !*follow, func(d api.Document) bool {
		_, err := io.WriteString(out, print(d))
		return err == nil
	})
	if err != nil {
		return exit{exitDown, err}
	}
	return nil
}

func documentJSON(d api.Document) string {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err.Error() + "\n"
	}
	return string(text) + "\n"
}

func planCommand(args []string, out io.Writer) error {
	fs := flag.NewFlagSet("plan", flag.ContinueOnError)
	path := fs.String("config", defaultConfig, "configuration `file`")
	root := fs.String("root", "/", "root `folder` of sysfs and device nodes, for labs")
	asJSON := fs.Bool("json", false, "print for programs")
	if err := fs.Parse(args); err != nil {
		return exit{exitUsage, err}
	}
	cfg, err := config.Load(*path)
	if err != nil {
		return exit{exitConfig, err}
	}
	want, steps := control.Preview(parts(cfg, *root, slog.New(slog.DiscardHandler)), cfg, time.Now())
	if *asJSON {
		return json.NewEncoder(out).Encode(map[string]any{"steps": steps, "why": want.Why, "ruleset": nat.Render(want.NAT).String()})
	}
	for _, r := range want.Why {
		fmt.Fprintf(out, "%s %s: %s\n", r.What, r.Value, r.Why)
	}
	for _, s := range steps {
		fmt.Fprintf(out, "%s:\n  %s\n", s.Part, strings.Join(s.Why, "\n  "))
	}
	if len(steps) == 0 {
		fmt.Fprintln(out, "Nothing to do: everything is as wanted.")
	}
	return nil
}

func checkCommand(args []string, out io.Writer) error {
	path := defaultConfig
	switch {
	case len(args) == 1 && !strings.HasPrefix(args[0], "-"):
		path = args[0]
	case len(args) > 0:
		return exit{exitUsage, fmt.Errorf("usage: tetherd check [FILE]")}
	}
	if _, err := config.Load(path); err != nil {
		return exit{exitConfig, err}
	}
	_, err := fmt.Fprintf(out, "%s: no faults\n", path)
	return err
}

func apnCommand(args []string, out io.Writer) error {
	fs := flag.NewFlagSet("apn", flag.ContinueOnError)
	spn := fs.String("spn", "", "service provider `name` of the SIM")
	gid1 := fs.String("gid1", "", "group identifier 1 of the SIM in `hex`")
	roaming := fs.Bool("roaming", false, "as if the SIM were abroad")
	asJSON := fs.Bool("json", false, "print for programs")
	if len(args) == 0 {
		return exit{exitUsage, fmt.Errorf("usage: tetherd apn MCCMNC|IMSI [--spn NAME] [--gid1 HEX] [--json]")}
	}
	digits, flags := args[0], args[1:]
	if strings.HasPrefix(digits, "-") { // flags first, digits last
		digits, flags = args[len(args)-1], args[:len(args)-1]
	}
	if err := fs.Parse(flags); err != nil {
		return exit{exitUsage, err}
	}
	sim, err := provision.IdentityFromDigits(digits)
	if err != nil {
		return exit{exitUsage, err}
	}
	sim.SPN, sim.GID1 = *spn, strings.ToUpper(*gid1)
	list := provision.Candidates(nil, sim, nil, *roaming)
	if *asJSON {
		return json.NewEncoder(out).Encode(list)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "#\tAPN\tFAMILIES\tUSER\tNAME\tWHY")
	for i, c := range list {
		fmt.Fprintf(w, "%d\t%s\t%v\t%s\t%s\t%s\n", i+1, quoteEmpty(c.APN), c.Families, c.User, c.Name, c.Why)
	}
	return w.Flush()
}

func quoteEmpty(s string) string {
	if s == "" {
		return "(empty)"
	}
	return s
}
