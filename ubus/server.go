// Package ubus puts the object tetherd on the bus of OpenWrt: a transport of api. What
// it answers is the public document and the verbs of api, with JSON turned into the
// values of the bus and back; nothing is decided here.
//
// session.go is one connection to the bus daemon, server.go keeps one, methods.go is
// what the object can do, signals.go what it tells by itself.
package ubus

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/control"
)

// object is our name on the bus.
const object = "tetherd"

// sockets are where a bus daemon listens: today, and in older systems.
func sockets() []string { return []string{"/var/run/ubus/ubus.sock", "/var/run/ubus.sock"} }

// How long to wait before the bus is tried again: at first, when it may just be
// restarting, and at most, when there is none.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 30 * time.Second
	lasting    = 5 * time.Second // a connection that held so long was a good one
)

// Server keeps the object on the bus.
type Server struct {
	API  *api.Server
	Root string // folder under which the bus daemon's sockets are; "" is /
	Log  *slog.Logger

	told string // last complaint, so that it is made once
}

// Run keeps the object on the bus while there is one and the configuration wants it,
// until ctx ends. A bus daemon that goes is waited for.
func (s *Server) Run(ctx context.Context) error {
	pause := firstPause
	for ctx.Err() == nil {
		snap := s.API.Loop.Snapshot()
		if !wanted(snap) {
			pause = firstPause
			wait(ctx, snap.Superseded(), nil)
			continue
		}
		began := time.Now()
		s.complain(s.attend(ctx))
		if time.Since(began) > lasting {
			pause = firstPause
		}
		again := time.NewTimer(pause)
		wait(ctx, nil, again.C)
		again.Stop()
		pause = min(2*pause, lastPause)
	}
	return nil
}

func wanted(s *control.Snapshot) bool { return s.Config.API.Ubus != "off" }

// wait waits for either, or the end of ctx.
func wait(ctx context.Context, done <-chan struct{}, timer <-chan time.Time) {
	select {
	case <-ctx.Done():
	case <-done:
	case <-timer:
	}
}

// attend is one connection, from its beginning to its end. It returns why there was
// none or why it ended.
func (s *Server) attend(ctx context.Context) error {
	bus, err := s.open(ctx)
	if err != nil {
		return err
	}
	s.told = ""
	s.Log.Info("object is on the bus", "object", object)
	ctx, stop := context.WithCancel(ctx)
	signals := make(chan struct{})
	go func() {
		defer close(signals)
		defer stop() // not wanted any more
		s.signal(ctx, bus)
	}()
	err = bus.serve(ctx)
	ended := ctx.Err()
	stop()
	<-signals
	if ended != nil {
		return nil
	}
	return fmt.Errorf("ubus: the bus is gone: %w", err)
}

// open connects to the first socket at which a bus daemon is.
func (s *Server) open(ctx context.Context) (*session, error) {
	var all error
	for _, path := range sockets() {
		bus, err := open(ctx, filepath.Join("/", s.Root, path), object, methods(s.API))
		if err == nil {
			return bus, nil
		}
		all = errors.Join(all, err)
	}
	return nil, all
}

// complain logs what stands in the way, once. That there is no bus is no complaint.
func (s *Server) complain(err error) {
	if err == nil || err.Error() == s.told {
		return
	}
	s.told = err.Error()
	level := slog.LevelWarn
	if absent(err) {
		level = slog.LevelDebug
	}
	s.Log.Log(context.Background(), level, "not on the bus", "err", err)
}

// absent says that an error is about sockets that are not there, and nothing else.
func absent(err error) bool {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range all.Unwrap() {
			if !absent(e) {
				return false
			}
		}
		return true
	}
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED)
}
