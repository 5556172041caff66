package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/provision/document"
)

// trialPatience is how long apply waits for the end of a trial.
const trialPatience = 4 * time.Minute

// provisioner is one call of 'tetherd provision'.
type provisioner struct {
	socket, signature string
	json, wait        bool
	verb, file        string
	in                input
	out               io.Writer
}

func provisionCommand(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("provision", flag.ContinueOnError)
	p := provisioner{in: inputOf(os.Stdin), out: out}
	flags.StringVar(&p.socket, "socket", config.Default().API.Socket, "local `socket` of the running gateway")
	flags.StringVar(&p.signature, "signature", "", "`file` of the document's detached signature")
	flags.BoolVar(&p.json, "json", false, "print for programs")
	flags.BoolVar(&p.wait, "wait", true, "with apply and revert, wait until the change has proved good or is undone")
	if err := parse(flags, args, out, &p.verb, &p.file); err != nil {
		return err
	}
	ctx := context.Background()
	switch p.verb {
	case "check", "apply":
		o, err := p.read()
		if err != nil {
			return err
		}
		if p.verb == "apply" {
			return p.apply(ctx, o)
		}
		return p.report(p.offer(ctx, "check", o))
	case "show", "confirm", "revert", "refresh":
		return p.act(ctx, nil)
	case "buy":
		return p.act(ctx, map[string]any{"on": p.file != "off"})
	}
	return exit{exitUsage, errors.New("what about a document? Say check FILE, apply FILE, show, confirm, revert, refresh, buy or buy off")}
}

// apply puts a document into force; a person at a terminal sees before what becomes of it,
// and is asked.
func (p provisioner) apply(ctx context.Context, o document.Offer) error {
	asks := p.in.terminal != nil && !p.json
	if asks {
		if err := p.report(p.offer(ctx, "check", o)); err != nil {
			return err
		}
		if agreed, err := p.in.agree("Put it into force?"); !agreed || err != nil {
			return errors.Join(err, p.say("Nothing was changed."))
		}
	}
	v, err := p.offer(ctx, "apply", o)
	if err != nil || v.Refused || !asks {
		if err := p.report(v, err); err != nil {
			return err
		}
	}
	switch {
	case v.Trial == "":
		return p.say("This document is in force already.")
	case !p.wait:
		return nil
	}
	return p.await(ctx, v.Trial)
}

// offer hands a document to one of these verbs.
func (p provisioner) offer(ctx context.Context, verb string, o document.Offer) (api.Verdict, error) {
	v, err := api.OfferDocument(ctx, p.socket, verb, o)
	switch {
	case nobody(err) && p.verb == "check":
		return judgeAlone(o), nil
	case err != nil:
		return v, p.down(err)
	}
	return v, nil
}

// report prints what becomes of a document; one that is refused is an error.
func (p provisioner) report(v api.Verdict, err error) error {
	if err != nil {
		return err
	}
	if err := p.print(v, v.Text()); err != nil || !v.Refused {
		return err
	}
	return exit{exitConfig, errors.New("the document is refused")}
}

// judgeAlone judges a document without a gateway, which would know the SIM, the former
// documents and the pinned keys.
func judgeAlone(o document.Offer) api.Verdict {
	v := api.JudgedBy(&control.Snapshot{Config: config.Default()}, o)
	v.Items = append(v.Items, api.Item{Path: "/", State: string(document.NotEnforceable), Why: "no gateway runs here: SIM, signature and former documents were not looked at"})
	return v
}

// act shows documents or does something about them.
func (p provisioner) act(ctx context.Context, args map[string]any) error {
	s, err := api.AskProvisioning(ctx, p.socket, p.verb, args)
	if err != nil {
		return p.down(err)
	}
	if err := p.print(s, s.Text()); err != nil || p.verb != "revert" || s.Trial == nil || !p.wait {
		return err
	}
	return p.await(ctx, s.Trial.ID)
}

// await waits for the end of a trial; one that is not kept is an error.
func (p provisioner) await(ctx context.Context, id string) error {
	if err := p.say("On trial: it is kept when clients have Internet with it, and undone otherwise."); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, trialPatience)
	defer stop()
	o, err := api.AwaitTrial(ctx, p.socket, id)
	switch {
	case err != nil:
		return p.down(err)
	case !o.Kept:
		return errors.New(o.Text())
	}
	return p.say("It is " + o.Text() + ".")
}

// read reads the document and its signature.
func (p provisioner) read() (o document.Offer, err error) {
	o.Origin = document.ByOwner
	if p.file == "" {
		return o, exit{exitUsage, errors.New("which file?")}
	}
	if o.Raw, err = readUpTo(p.file, document.MaxBytes); err != nil || p.signature == "" {
		return o, err
	}
	file, err := readUpTo(p.signature, 256)
	if err == nil {
		o.Signature, err = document.ParseSignature(file)
	}
	return o, err
}

// readUpTo reads a file and one byte more than it may have, so that the judge sees it.
func readUpTo(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most+1))
}

// print prints for programs or for people.
func (p provisioner) print(v any, text string) error {
	if p.json {
		return json.NewEncoder(p.out).Encode(v)
	}
	_, err := io.WriteString(p.out, text)
	return err
}

// say tells people alone.
func (p provisioner) say(text string) error {
	if p.json {
		return nil
	}
	_, err := fmt.Fprintln(p.out, text)
	return err
}

func nobody(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED)
}

// down is the error of a gateway that gives no answer.
func (p provisioner) down(err error) error {
	if nobody(err) || errors.Is(err, fs.ErrPermission) || errors.Is(err, os.ErrDeadlineExceeded) {
		return noAnswer(p.socket, err)
	}
	return err
}
