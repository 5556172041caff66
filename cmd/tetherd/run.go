package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/clock"
	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/dhcp"
	"github.com/tetherd/tetherd/dns"
	"github.com/tetherd/tetherd/fetch"
	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/probe"
	"github.com/tetherd/tetherd/save"
	"github.com/tetherd/tetherd/ubus"
	"github.com/tetherd/tetherd/web"
)

// defaultConfig is where the configuration lives when no flag names another file.
const defaultConfig = "/etc/config/tetherd"

// gcPercent trades a little CPU for a smaller heap: the machines are small and the
// hot paths do not allocate.
const gcPercent = 50

// handOverPatience is how long a new process waits for the former one to end.
const handOverPatience = 3 * time.Second

func runCommand(args []string, out io.Writer) error {
	fs := flag.NewFlagSet("run", flag.ContinueOnError)
	path := fs.String("config", defaultConfig, "configuration `file`")
	root := fs.String("root", "/", "root `folder` of sysfs and device nodes, for labs")
	handOver := fs.Bool("hand-over", false, "leave bearer, rules and addresses in force when told to end, for the next process")
	if err := parse(fs, args, out); err != nil {
		return err
	}
	debug.SetGCPercent(gcPercent)
	var leave atomic.Bool
	leave.Store(*handOver)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	again := &again{config: *path, handOver: *handOver, leave: &leave, stop: stop}
	endOnSignal(again.signalled)
	sole, err := api.Sole(ctx, handOverPatience)
	if err != nil {
		return err
	}
	// A gateway that ran keeps its place until the process is gone, and with it every
	// socket that the next one binds.
	ran := false
	defer func() {
		if !ran {
			sole.Close()
		}
	}()
	cfg, text, file, fault := begin(*path)
	if cfg == nil {
		return exit{exitConfig, fault}
	}
	level := new(slog.LevelVar)
	level.Set(cfg.Main.LogLevel)
	tail := new(api.Tail)
	log := slog.New(slog.NewTextHandler(io.MultiWriter(os.Stderr, tail), &slog.HandlerOptions{Level: level}))

	sweep(*path, cfg, log)
	remember(cfg, text, log)
	told := new(untold)
	loop := control.New(control.Options{Parts: parts(cfg, *root, told, leave.Load, log), Config: cfg, Path: *path, Text: text, Log: log, Leave: leave.Load})
	tell(loop, file, fault, log)
	again.state = cfg.Main.StateDir
	server := newServer(cfg, loop, tail, again, log)
	told.server.Store(server)
	bus := &ubus.Server{API: server, Root: *root, Log: log.With("part", "ubus")}
	local, err := api.ListenLocal(cfg.API.Socket)
	if err != nil {
		return err
	}
	log.Info("tetherd starts", "version", version, "config", *path, "status", cfg.API.Socket)
	ran = true
	err = serve(ctx, loop, server, func(ctx context.Context, group *errgroup.Group) {
		group.Go(func() error { return api.Serve(ctx, local, server.Local()) })
		group.Go(func() error { return server.ServeLAN(ctx) })
		group.Go(func() error { return server.ServePage(ctx) })
		group.Go(func() error { return bus.Run(ctx) })
		group.Go(func() error { return watchConfig(ctx, *path, loop, level, log) })
	})
	return errors.Join(err, again.start())
}

// sweep clears away what writes that were cut short have left. Nobody else writes while
// this process has the one place.
func sweep(path string, cfg *config.Config, log *slog.Logger) {
	err := errors.Join(save.Sweep(cfg.Main.StateDir), save.Sweep(cfg.Main.RunDir), save.Sweep(filepath.Dir(path), filepath.Base(path)))
	if err != nil {
		log.Warn("what former writes left cannot be removed", "err", err)
	}
}

// newServer gives the verbs what they need of the machine.
func newServer(cfg *config.Config, loop *control.Loop, tail *api.Tail, again *again, log *slog.Logger) *api.Server {
	keys, err := api.OpenKeyring(cfg.Main.StateDir)
	if err != nil {
		log.Error("nobody can log in until a password is chosen on this machine", "err", err)
	}
	return &api.Server{
		Loop: loop, Version: version, Log: log, Keys: keys, Journal: api.OpenJournal(cfg.Main.StateDir),
		Tail: tail, End: again.end, Page: web.Handler(),
	}
}

// serve runs the loop with its faces. The faces go on while the loop takes things
// down and end after it.
func serve(ctx context.Context, loop *control.Loop, server *api.Server, faces func(context.Context, *errgroup.Group)) error {
	facesCtx, stopFaces := context.WithCancel(context.Background())
	defer stopFaces()
	group, facesCtx := errgroup.WithContext(facesCtx)
	faces(facesCtx, group)
	loopCtx, stopLoop := context.WithCancel(ctx)
	defer stopLoop()
	context.AfterFunc(facesCtx, stopLoop) // a face that fails ends the program in order
	err := loop.Run(loopCtx)
	stopFaces()
	return errors.Join(err, group.Wait())
}

// parts builds the drivers. It is the only place that knows which part needs
// another's facts.
func parts(cfg *config.Config, root string, told dns.Untold, leave func() bool, log *slog.Logger) control.Parts {
	part := func(name string) *slog.Logger { return log.With("part", name) }
	firewall := nat.New(nat.Options{Log: part("nat")})
	leases := dhcp.New(dhcp.Options{Path: filepath.Join(cfg.Main.StateDir, "leases"), Log: part("dhcp"), Binder: firewall, Places: firewall})
	times := clock.New(clock.Options{Path: filepath.Join(cfg.Main.StateDir, "clock"), Log: part("clock")})
	return control.Parts{
		NAT:   firewall,
		Link:  link.New(link.Options{Log: part("link")}),
		DHCP:  leases,
		DNS:   dns.New(dns.Options{Leases: leases.Names(), Untold: told, Log: part("dns")}),
		Modem: modem.New(modem.Options{Root: root, StateDir: cfg.Main.StateDir, RunDir: cfg.Main.RunDir, Log: part("modem")}),
		Probe: probe.New(probe.Options{Log: part("probe")}),

		Hostapd: hostapd.New(hostapd.Options{RunDir: cfg.Main.RunDir, Leave: leave, Log: part("hostapd")}),
		Fetch:   fetch.New(fetch.Options{Now: times.Now, Log: part("fetch")}),
		Clock:   times,
	}
}

// untold asks the server, which is made after the parts, who is to be told why it has no
// Internet.
type untold struct{ server atomic.Pointer[api.Server] }

// Untold implements dns.Untold.
func (u *untold) Untold(client netip.Addr) bool {
	s := u.server.Load()
	return s != nil && s.Untold(client)
}

// endOnSignal passes on SIGTERM, SIGINT and SIGUSR2, as often as they come.
func endOnSignal(told func(os.Signal)) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGUSR2)
	go func() {
		for s := range signals {
			told(s)
		}
	}()
}

// watchConfig reloads the configuration on SIGHUP and when its file is replaced
// or written.
func watchConfig(ctx context.Context, path string, loop *control.Loop, level *slog.LevelVar, log *slog.Logger) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, unix.SIGHUP)
	defer signal.Stop(hup)
	written, err := config.Watch(ctx, path)
	if err != nil { // a convenience must not end a gateway
		log.Warn("changes of the configuration are seen on SIGHUP only", "err", err)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
		case <-written:
		}
		if !hand(ctx, path, loop, level, log) {
			return nil
		}
	}
}

// hand gives the loop the file as it is now. A loop that is too far behind gets what
// the file holds after its next turn; false when ctx ended meanwhile.
func hand(ctx context.Context, path string, loop *control.Loop, level *slog.LevelVar, log *slog.Logger) bool {
	for {
		snap := loop.Snapshot()
		if loop.Send(reload(path, level, log)) == nil {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-snap.Superseded():
		}
	}
}

func reload(path string, level *slog.LevelVar, log *slog.Logger) control.Intent {
	cfg, text, err := config.Read(path)
	if err != nil {
		return control.BadConfig{Text: err.Error(), File: text}
	}
	level.Set(cfg.Main.LogLevel)
	remember(cfg, text, log)
	return control.Reload{Config: cfg, Text: text}
}
