package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/config"
)

// verbs are the verbs that the gateway on the local socket can be asked. Those that have
// a command of their own are not among them.
func verbs() []api.Verb {
	var out []api.Verb
	for _, v := range api.Verbs() {
		if !isCommand(v.Name) && v.Kind != api.Stream {
			out = append(out, v)
		}
	}
	return out
}

func isCommand(name string) bool {
	for _, c := range commands() {
		if c.name == name || c.name == "provision" && strings.HasPrefix(name, c.name+" ") { // it waits, and reads two files
			return true
		}
	}
	return false
}

// verbOf finds the verb whose words the arguments begin with, and the rest of them. The
// longest name wins.
func verbOf(args []string) (v api.Verb, rest []string, ok bool) {
	line := strings.Join(args, " ") + " "
	for _, candidate := range verbs() {
		if strings.HasPrefix(line, candidate.Name+" ") && len(candidate.Name) > len(v.Name) {
			v, ok = candidate, true
		}
	}
	return v, args[min(len(args), len(strings.Fields(v.Name))):], ok
}

// use is one use of a verb from a command line.
type use struct {
	verb   api.Verb
	socket string
	json   bool
	wait   bool
	args   map[string]any
	in     input // where secrets and files named "-" come from
}

// useCommand uses a verb.
func useCommand(v api.Verb, args []string, in io.Reader, out io.Writer) error {
	u := use{verb: v, args: map[string]any{}, in: inputOf(in)}
	if err := u.parse(args, out); err != nil {
		return err
	}
	answer, err := api.Use(context.Background(), u.socket, v.Name, u.args)
	if err != nil {
		return u.refused(err)
	}
	if err := u.print(out, answer); err != nil || v.Kind != api.Trial || !u.wait {
		return err
	}
	return u.await(answer, out)
}

// parse reads flags and arguments in any order: what is needed stands without its name,
// in the order of the table, and a list takes all that is left.
func (u *use) parse(args []string, out io.Writer) error {
	fs := flag.NewFlagSet(u.verb.Name, flag.ContinueOnError)
	fs.StringVar(&u.socket, "socket", config.Default().API.Socket, "local `socket` of the running gateway")
	fs.BoolVar(&u.json, "json", false, "print for programs")
	if u.verb.Kind == api.Trial {
		fs.BoolVar(&u.wait, "wait", true, "wait until the change is kept or undone")
	}
	var bare []api.Arg
	for _, a := range u.verb.Args {
		switch {
		case a.Needed:
			bare = append(bare, a)
		case a.Type == api.Boolean:
			fs.BoolFunc(a.Name, a.Help, func(s string) error { u.args[a.Name] = s; return nil })
		case a.Type == api.Integer:
			fs.Func(a.Name, a.Help, func(s string) error {
				n, err := strconv.Atoi(s)
				u.args[a.Name] = n
				return err
			})
		default:
			fs.Func(a.Name, a.Help, func(s string) error { u.args[a.Name] = s; return nil })
		}
	}
	rest := make([]string, maxBare)
	places := make([]*string, maxBare)
	for i := range rest {
		rest[i], places[i] = unset, &rest[i]
	}
	if err := parse(fs, args, out, places...); err != nil {
		return err
	}
	n := 0
	for n < len(rest) && rest[n] != unset {
		n++
	}
	return u.fill(bare, rest[:n])
}

// maxBare bounds the arguments without a name; unset is none of them.
const (
	maxBare = 256
	unset   = "\x00"
)

// fill gives arguments that stand without their names.
func (u *use) fill(bare []api.Arg, given []string) error {
	for _, a := range bare {
		value, err := u.value(a, &given)
		if err != nil {
			return exit{exitUsage, err}
		}
		u.args[a.Name] = value
	}
	if len(given) > 0 {
		return exit{exitUsage, fmt.Errorf("%q is one argument too many", given[0])}
	}
	return nil
}

func (u *use) value(a api.Arg, given *[]string) (any, error) {
	if a.Type == api.List {
		all := *given
		*given = nil
		if len(all) == 0 {
			return nil, fmt.Errorf("%s is missing: %s", a.Name, a.Help)
		}
		return all, nil
	}
	var word string
	switch {
	case len(*given) > 0:
		word, *given = (*given)[0], (*given)[1:]
	case a.Secret || a.File:
		word = "-"
	default:
		return nil, fmt.Errorf("%s is missing: %s", a.Name, a.Help)
	}
	switch {
	case a.File:
		return u.file(word)
	case a.Secret && word == "-":
		line, err := u.in.ask(u.verb.Name+": "+a.Help, a.Name == "new")
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s is missing: it is read from standard input", a.Name)
		}
		return line, err
	}
	return word, nil
}

// file is the text of a file, "-" being standard input.
func (u *use) file(path string) (string, error) {
	const most = 1 << 20
	if path == "-" {
		text, err := io.ReadAll(io.LimitReader(u.in, most))
		return string(text), err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most))
	return string(text), err
}

// refused says why the gateway did not do it.
func (u *use) refused(err error) error {
	fault := new(api.Fault)
	if !errors.As(err, &fault) {
		return noAnswer(u.socket, err)
	}
	code := exitFailed
	text := fault.Error()
	for _, f := range fault.Faults {
		code = exitConfig
		text += "\n  " + strings.TrimSpace(strings.Trim(f.Section+"."+f.Option, ".")+": "+f.Message)
	}
	return exit{code, errors.New(text)}
}

func (u *use) print(out io.Writer, answer json.RawMessage) error {
	if u.json {
		_, err := fmt.Fprintf(out, "%s", answer)
		return err
	}
	var file struct{ Text *string }
	if err := json.Unmarshal(answer, &file); err == nil && file.Text != nil {
		_, err := io.WriteString(out, *file.Text) // as it is, to be kept
		return err
	}
	text, err := readable(answer)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, text)
	return err
}

// await tells how a trial ends.
func (u *use) await(answer json.RawMessage, out io.Writer) error {
	var c api.Change
	if err := json.Unmarshal(answer, &c); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if c.Trial == nil {
		return nil
	}
	var last *api.OutcomeDoc
	err := api.Follow(context.Background(), u.socket, false, func(d api.Document) bool {
		if d.LastChange != nil && d.LastChange.ID == c.Trial.ID {
			last = d.LastChange
		}
		return last == nil && d.Trial != nil && d.Trial.ID == c.Trial.ID
	})
	switch {
	case err != nil:
		return noAnswer(u.socket, err)
	case last == nil:
		return exit{exitFailed, errors.New("the gateway ended before the change was kept: it is undone")}
	case !last.Kept:
		return exit{exitFailed, errors.New("undone: " + last.Why)}
	case u.json:
		return nil
	}
	_, err = fmt.Fprintln(out, "kept: "+last.Why)
	return err
}
