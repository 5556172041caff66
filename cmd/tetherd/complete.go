package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tetherd/tetherd/api"
)

// completion is for bash, and zsh with bashcompinit. The ash of busybox completes file
// names alone.
const completion = `_tetherd() {
	COMPREPLY=($(compgen -W "$(tetherd completion -- "${COMP_WORDS[@]:1:COMP_CWORD-1}")" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _tetherd tetherd
`

// completionCommand prints the script, or the words that may follow those given.
func completionCommand(args []string, out io.Writer) error {
	if len(args) > 0 && args[0] == "--" {
		_, err := fmt.Fprintln(out, strings.Join(following(args[1:]), "\n"))
		return err
	}
	if err := parse(flag.NewFlagSet("completion", flag.ContinueOnError), args, out); err != nil {
		return err
	}
	_, err := io.WriteString(out, completion)
	return err
}

// following are the words that may come next.
func following(words []string) []string {
	var next []string
	add := func(name string) {
		names := strings.Fields(name)
		if len(names) > len(words) && slices.Equal(names[:len(words)], words) && !slices.Contains(next, names[len(words)]) {
			next = append(next, names[len(words)])
		}
	}
	for _, c := range commands() {
		add(c.name)
	}
	for _, v := range api.Verbs() {
		if v.Kind != api.Stream {
			add(v.Name)
		}
	}
	if v, _, ok := verbOf(words); ok {
		return append(append(next, valuesOf(v)...), flagsIn(func(out io.Writer) error { return useCommand(v, []string{"-h"}, nil, out) })...)
	}
	if v, ok := api.Find(strings.Join(words, " ")); ok { // which a command carries out
		next = append(next, valuesOf(v)...)
	}
	for _, c := range commands() {
		if len(words) > 0 && c.name == words[0] {
			next = append(next, flagsIn(func(out io.Writer) error { return c.run([]string{"-h"}, out) })...)
		}
	}
	return next
}

// valuesOf are the values of the arguments that a verb needs, where these are words.
func valuesOf(v api.Verb) (out []string) {
	for _, a := range v.Args {
		switch {
		case !a.Needed:
		case a.Type == api.Boolean:
			out = append(out, "on", "off")
		default:
			out = append(out, a.OneOf...)
		}
	}
	return out
}

// flagsIn are the flags that a command's own help lists.
func flagsIn(help func(out io.Writer) error) (out []string) {
	var b strings.Builder
	if err := help(&b); !errors.Is(err, flag.ErrHelp) {
		return nil
	}
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "  -") {
			out = append(out, strings.Fields(line)[0])
		}
	}
	return out
}
