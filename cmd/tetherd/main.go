// Command tetherd turns a board with a cellular modem into a hotspot that works.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/tetherd/tetherd/config"
)

// version is set by the linker.
var version = "unreleased"

// Exit codes, the same for every command. Who ends one by a signal N gets 128 + N.
const (
	exitOK     = 0
	exitFailed = 1 // what was asked for failed; the reason is on stderr
	exitUsage  = 2 // unknown command or flag, or a word too few or too many
	exitConfig = 3 // the configuration file, a change or a document has faults
	exitDown   = 4 // no tetherd answers on the local socket
	exitFault  = 5 // doctor: clients have no Internet
	exitPoor   = 6 // doctor: something does not work for some clients
)

// exit is an error that carries an exit code.
type exit struct {
	code int
	err  error
}

func (e exit) Error() string { return e.err.Error() }
func (e exit) Unwrap() error { return e.err }

// command is one subcommand.
type command struct {
	name, args, help string
	run              func(args []string, out io.Writer) error
}

func commands() []command {
	return []command{
		{"run", "", "be the gateway until SIGTERM", runCommand},
		{"status", "", "show what the running gateway does", statusCommand},
		{"wifi", "", "show how to join the Wi-Fi networks, passphrases included", wifiCommand},
		{"doctor", "", "say why clients have no Internet, and what is done about it", doctorCommand},
		{"plan", "", "show what would be done and why, without doing it", planCommand},
		{"check", "[FILE]", "report every fault of a configuration file", checkCommand},
		{"apn", "MCCMNC|IMSI", "show the access points that would be tried, in order", apnCommand},
		{"completion", "", "print the script by which bash completes these words", completionCommand},
		{"provision", "VERB [FILE]", "check, apply, confirm, show, revert or refresh operators' documents; buy a plan", provisionCommand},
		{"version", "", "print the version", versionCommand},
	}
}

func main() { os.Exit(dispatch(os.Args[1:], os.Stdout, os.Stderr)) }

func dispatch(args []string, out, complaints io.Writer) int {
	if len(args) == 0 {
		usage(complaints)
		return exitUsage
	}
	if v, rest, ok := verbOf(args); ok {
		return code(v.Name, useCommand(v, rest, os.Stdin, out), complaints)
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return code(c.name, c.run(args[1:], out), complaints)
		}
	}
	if args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(out)
		return exitOK
	}
	fmt.Fprintf(complaints, "tetherd: there is no command %q\n", args[0])
	usage(complaints)
	return exitUsage
}

// code prints a command's error and turns it into an exit code.
func code(name string, err error, complaints io.Writer) int {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	e := exit{exitFailed, err}
	errors.As(err, &e)
	if faults := (config.Errors{}); errors.As(err, &faults) {
		fmt.Fprintln(complaints, faults) // each line begins with its file
		return e.code
	}
	fmt.Fprintln(complaints, "tetherd:", err)
	if e.code == exitUsage {
		fmt.Fprintf(complaints, "tetherd %s -h shows how to use it.\n", name)
	}
	return e.code
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "usage: tetherd COMMAND [flags]")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-9s %-12s %s\n", c.name, c.args, c.help)
	}
	fmt.Fprintln(w, "and, asking the running gateway:")
	for _, v := range verbs() {
		fmt.Fprintf(w, "  %s: %s\n", synopsis(v), v.Help)
	}
	fmt.Fprintln(w, "tetherd COMMAND -h lists the flags of a command.")
}

func versionCommand(args []string, out io.Writer) error {
	if err := parse(flag.NewFlagSet("version", flag.ContinueOnError), args, out); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "tetherd", version)
	return err
}
