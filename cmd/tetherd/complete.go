package main

import (
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
	for _, v := range verbs() {
		add(v.Name)
	}
	if v, _, ok := verbOf(words); ok {
		next = append(next, flagsOf(v)...)
	}
	return next
}

func flagsOf(v api.Verb) []string {
	out := []string{"-json", "-socket"}
	if v.Kind == api.Trial {
		out = append(out, "-wait")
	}
	for _, a := range v.Args {
		switch {
		case !a.Needed:
			out = append(out, "-"+a.Name)
		case a.Type == api.Boolean:
			out = append(out, "on", "off")
		default:
			out = append(out, a.OneOf...)
		}
	}
	return out
}
