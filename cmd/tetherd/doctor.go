package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/doctor"
)

// doctorCommand prints what the running gateway's doctor says, the verdict first. Its
// exit code tells the severity.
func doctorCommand(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	socket := flags.String("socket", config.Default().API.Socket, "local `socket` of the running gateway")
	asJSON := flags.Bool("json", false, "print for programs")
	watch := flags.Bool("watch", false, "go on printing whenever the verdict changes")
	record := flags.Bool("record", false, "print what the diagnosis is made from, without anybody's numbers or secrets")
	if err := parse(flags, args, out); err != nil {
		return err
	}
	if *record {
		text, err := api.AskRecord(context.Background(), *socket)
		if err != nil {
			return noAnswer(*socket, err)
		}
		_, err = out.Write(text)
		return err
	}
	var last api.Document
	err := api.Follow(context.Background(), *socket, !*watch, func(d api.Document) bool {
		if last.Seq != 0 && d.Sentence == last.Sentence {
			return true
		}
		last = d
		return show(out, d, *asJSON) == nil
	})
	if err != nil {
		return noAnswer(*socket, err)
	}
	return severity(last)
}

func show(out io.Writer, d api.Document, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(d.Doctor)
	}
	_, err := io.WriteString(out, d.Doctor.Text(d.Sentence))
	return err
}

// severity turns a verdict into an exit code; the sentence was printed already.
func severity(d api.Document) error {
	switch doctor.Severity(d.Doctor.Severity) {
	case doctor.Fault:
		return exit{exitFault, errors.New(d.Doctor.Verdict)}
	case doctor.Degraded:
		return exit{exitPoor, errors.New(d.Doctor.Verdict)}
	}
	return nil
}
