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
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/control"
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
	if err == nil {
		return nil
	}
	return noAnswer(*socket, err)
}

// noAnswer is the error when the running gateway could not be asked.
func noAnswer(socket string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("only root may ask on %s: %w", socket, err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = hung(socket, err)
	default:
		err = fmt.Errorf("no tetherd answers on %s ('tetherd run' starts one, --socket names another place): %w", socket, err)
	}
	return exit{exitDown, err}
}

// hung is the error when somebody is there and gives no right answer.
func hung(socket string, err error) error {
	return fmt.Errorf("what listens on %s gives no right answer: %w", socket, err)
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
	p, err := planFor(cfg, *root)
	if err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(out).Encode(p)
	}
	_, err = io.WriteString(out, p.Text())
	return err
}

// planFor is the plan of the gateway that runs here, which knows its modem, or else
// that of one which is started now.
func planFor(cfg *config.Config, root string) (api.Plan, error) {
	p, err := api.AskPlan(context.Background(), cfg.API.Socket, cfg.UCI())
	down := errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED)
	switch denied := errors.Is(err, fs.ErrPermission); {
	case err == nil:
		return p, nil
	case !down && !denied:
		return p, exit{exitDown, hung(cfg.API.Socket, err)}
	}
	p = api.RenderPlan(control.Preview(parts(cfg, root, nil, nil, slog.New(slog.DiscardHandler)), cfg, time.Now()))
	sole, taken := api.Sole(context.Background(), 0)
	switch {
	case taken == nil:
		sole.Close()
		return p, nil
	case errors.Is(taken, fs.ErrPermission): // only the superuser can find out
		return p, nil
	}
	p.Problems = append(p.Problems, fmt.Sprintf("another tetherd runs here, and this is not what that one would do: it cannot be asked on %s: %v", cfg.API.Socket, err))
	return p, nil
}

func checkCommand(args []string, out io.Writer) error {
	path := defaultConfig
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print for programs")
	if err := parse(flags, args, out, &path); err != nil {
		return err
	}
	cfg, err := config.Load(path)
	switch {
	case err != nil && *asJSON:
		return errors.Join(exit{exitConfig, err}, json.NewEncoder(out).Encode(map[string]*api.Fault{"error": api.FaultOf(err)}))
	case err != nil:
		return exit{exitConfig, err}
	case *asJSON:
		return json.NewEncoder(out).Encode(api.Checked{Revision: cfg.Revision()})
	}
	_, err = fmt.Fprintf(out, "%s: no faults\n", path)
	return err
}
