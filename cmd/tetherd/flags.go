package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/tetherd/tetherd/api"
)

// parse reads flags and arguments in any order. When help is asked for, it prints it
// and returns flag.ErrHelp.
func parse(fs *flag.FlagSet, args []string, out io.Writer, positional ...*string) error {
	fs.SetOutput(io.Discard)
	for {
		switch err := fs.Parse(args); {
		case errors.Is(err, flag.ErrHelp):
			help(fs, out)
			return err
		case err != nil:
			return exit{exitUsage, err}
		case fs.NArg() == 0:
			return nil
		case len(positional) == 0:
			return exit{exitUsage, fmt.Errorf("%q is one argument too many", fs.Arg(0))}
		}
		*positional[0], positional = fs.Arg(0), positional[1:]
		args = fs.Args()[1:]
	}
}

// help prints what a command does and its flags.
func help(fs *flag.FlagSet, out io.Writer) {
	for _, c := range commands() {
		if c.name == fs.Name() {
			fmt.Fprintf(out, "usage: tetherd %s [flags]: %s\n", strings.TrimSpace(c.name+" "+c.args), c.help)
		}
	}
	if v, ok := api.Find(fs.Name()); ok && !isCommand(v.Name) {
		fmt.Fprintf(out, "usage: tetherd %s [flags]: %s\n", synopsis(v), v.Help)
		for _, a := range v.Args {
			if a.Needed {
				fmt.Fprintf(out, "  %s\n    \t%s\n", strings.ToUpper(a.Name), a.Help)
			}
		}
	}
	fs.SetOutput(out)
	fs.PrintDefaults()
}

// synopsis is a verb with the arguments that it needs.
func synopsis(v api.Verb) string {
	text := v.Name
	for _, a := range v.Args {
		name := strings.ToUpper(a.Name)
		switch {
		case !a.Needed:
		case a.Type == api.Boolean:
			text += " on|off"
		case a.Type == api.List:
			text += " " + name + "..."
		case a.Secret || a.File:
			text += " [" + name + "]"
		default:
			text += " " + name
		}
	}
	return text
}
