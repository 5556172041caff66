// Command tetherd-lab is a lab for tetherd on one machine: a simulated operator and
// modem, a gateway and clients in network namespaces. doc/scenarios.md describes it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab"
)

// Exit codes.
const (
	exitFailed = 1 // an expectation did not hold, or a stage was not reached
	exitUsage  = 2 // wrong words, or a scenario file with faults
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	err := dispatch(ctx, os.Args[1:])
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "tetherd-lab:", err)
	if job := jobStatus(0); errors.As(err, &job) {
		os.Exit(int(job))
	}
	if errors.Is(err, errUsage) {
		os.Exit(exitUsage)
	}
	os.Exit(exitFailed)
}

var errUsage = errors.New("usage: tetherd-lab run [-tetherd FILE] [-once] | play [-tetherd FILE] [-record DIR] [-v] FILE… | faults [-tetherd FILE] [-record DIR] [-parallel N] FILE… | modem [FILE] | vm …")

func dispatch(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	switch args[0] {
	case "vm":
		return vmCommand(ctx, args[1:])
	case "board":
		return boardCommand(ctx)
	}
	fs := flag.NewFlagSet(args[0], flag.ContinueOnError)
	program := fs.String("tetherd", beside("tetherd"), "the tetherd `program` to run")
	once := fs.Bool("once", false, "end after the client's first page (run)")
	verbose := fs.Bool("v", false, "show tetherd's log (play)")
	parallel := fs.Int("parallel", 3, "`rows` at a time (faults)")
	records := fs.String("record", "", "a `folder` for what the doctor's verdicts were made from (play, faults)")
	if err := fs.Parse(args[1:]); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	switch args[0] {
	case "run":
		return lab.Run(ctx, *program, *once, os.Stdout)
	case "play":
		return play(ctx, *program, *records, *verbose, fs.Args())
	case "faults":
		return faults(ctx, *program, *records, *parallel, fs.Args())
	case "modem":
		return modem(ctx, fs.Args())
	}
	return errUsage
}

// beside names a program in the folder of this one.
func beside(name string) string {
	self, err := os.Executable()
	if err != nil {
		return name
	}
	return filepath.Join(filepath.Dir(self), name)
}

// play plays every file and fails when one of them did.
func play(ctx context.Context, program, records string, verbose bool, paths []string) error {
	if len(paths) == 0 {
		return errUsage
	}
	failed := 0
	for _, path := range paths {
		s, err := lab.ReadScenario(path)
		if err != nil {
			return fmt.Errorf("%w: %w", errUsage, err)
		}
		s.Records = records
		fmt.Printf("%s: %s\n", s.Name, s.Title)
		if err := lab.Play(ctx, s, program, verbose, os.Stdout); err != nil {
			fmt.Println(err)
			failed++
		}
	}
	fmt.Printf("%d passed, %d failed\n", len(paths)-failed, failed)
	if failed > 0 {
		return fmt.Errorf("%d of %d scenarios failed", failed, len(paths))
	}
	return nil
}

// faults plays the fault gallery and prints its table.
func faults(ctx context.Context, program, records string, parallel int, paths []string) error {
	var list []*lab.Scenario
	for _, path := range paths {
		s, err := lab.ReadScenario(path)
		if err != nil {
			return fmt.Errorf("%w: %w", errUsage, err)
		}
		s.Records = records
		list = append(list, s)
	}
	if len(list) == 0 || parallel < 1 {
		return errUsage
	}
	return lab.Faults(ctx, list, program, parallel, os.Stdout)
}

// modem serves a simulated modem on a pseudo-terminal, for other programs to try.
func modem(ctx context.Context, paths []string) error {
	if len(paths) > 1 {
		return errUsage
	}
	path := ""
	if len(paths) == 1 {
		path = paths[0]
	}
	return lab.Modem(ctx, path, os.Stdout)
}
