package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/config"
)

func wifiCommand(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("wifi", flag.ContinueOnError)
	socket := flags.String("socket", config.Default().API.Socket, "local `socket` of the running gateway")
	asJSON := flags.Bool("json", false, "print for programs")
	if err := parse(flags, args, out); err != nil {
		return err
	}
	a, err := api.AskAccess(context.Background(), *socket)
	if err != nil {
		return noAnswer(*socket, err)
	}
	if *asJSON {
		return json.NewEncoder(out).Encode(a)
	}
	_, err = io.WriteString(out, a.Text())
	return err
}
