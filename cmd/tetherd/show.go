package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/plan"
)

func statusCommand(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("status", flag.ContinueOnError)
	socket := flags.String("socket", config.Default().API.Socket, "local `socket` of the running gateway")
	asJSON := flags.Bool("json", false, "print the whole document as JSON")
	follow := flags.Bool("follow", false, "go on printing with every change")
	if err := parse(flags, args, out); err != nil {
		return err
	}
	print := api.Document.Text
	if *asJSON {
		print = documentJSON
	}
	err := api.Follow(context.Background(), *socket, !*follow, func(d api.Document) bool {
		_, err := io.WriteString(out, print(d))
		return err == nil
	})
	switch {
	case errors.Is(err, fs.ErrPermission):
		return exit{exitDown, fmt.Errorf("only root may ask on %s: %w", *socket, err)}
	case err != nil:
		return exit{exitDown, fmt.Errorf("no tetherd answers on %s ('tetherd run' starts one, --socket names another place): %w", *socket, err)}
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
	flags := flag.NewFlagSet("plan", flag.ContinueOnError)
	path := flags.String("config", defaultConfig, "configuration `file`")
	root := flags.String("root", "/", "root `folder` of sysfs and device nodes, for labs")
	asJSON := flags.Bool("json", false, "print for programs")
	if err := parse(flags, args, out); err != nil {
		return err
	}
	cfg, err := config.Load(*path)
	if err != nil {
		return exit{exitConfig, err}
	}
	want, steps := control.Preview(parts(cfg, *root, slog.New(slog.DiscardHandler)), cfg, time.Now())
	if *asJSON {
		return json.NewEncoder(out).Encode(planDoc(want, steps))
	}
	if len(steps) > 0 {
		fmt.Fprintln(out, "A gateway that is started now would do first:")
	} else {
		fmt.Fprintln(out, "Nothing to do: everything is as wanted.")
	}
	for _, s := range steps {
		fmt.Fprintf(out, "%s\n  %s\n", s.Part, strings.Join(s.Why, "\n  "))
	}
	for _, r := range want.Why {
		fmt.Fprintf(out, "%s %s: %s\n", r.What, r.Value, r.Why)
	}
	return nil
}

// planned is a plan for programs.
type planned struct {
	Steps   []step       `json:"steps"`   // parts that differ from their wish, in order
	Why     []api.Reason `json:"why"`     // why values are as they are
	Ruleset string       `json:"ruleset"` // as nft reads it
}

// step is one part that differs from its wish.
type step struct {
	Part plan.Part `json:"part"` // such as "nat"
	Why  []string  `json:"why"`  // one line a difference
}

func planDoc(want plan.Desired, steps []plan.Step) planned {
	d := planned{Steps: []step{}, Why: []api.Reason{}, Ruleset: nat.Render(want.NAT).String()}
	for _, s := range steps {
		d.Steps = append(d.Steps, step(s))
	}
	for _, r := range want.Why {
		d.Why = append(d.Why, api.Reason(r))
	}
	return d
}

func checkCommand(args []string, out io.Writer) error {
	path := defaultConfig
	if err := parse(flag.NewFlagSet("check", flag.ContinueOnError), args, out, &path); err != nil {
		return err
	}
	if _, err := config.Load(path); err != nil {
		return exit{exitConfig, err}
	}
	_, err := fmt.Fprintf(out, "%s: no faults\n", path)
	return err
}
