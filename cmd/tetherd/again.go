package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/save"
)

// again ends the program, and starts it again in its own place when a verb asked for it.
type again struct {
	config   string       // the owner's file
	state    string       // state folder
	handOver bool         // the next process takes over whatever ends this one
	leave    *atomic.Bool // leave everything in force at the end
	stop     func()       // ends the program

	mu   sync.Mutex
	why  api.End
	over bool // a signal ended it, for good
}

// signalled ends the program and does not start it again: who sends a signal waits for its
// end, also of one that a verb is just starting again. SIGUSR2 leaves everything in force
// for the next process.
func (a *again) signalled(s os.Signal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	a.leave.Store(a.why != api.EndReset && (a.handOver || s == unix.SIGUSR2))
	a.stop()
}

// end ends the program. A reset is not overtaken by a restart.
func (a *again) end(why api.End) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.why != api.EndReset {
		a.why = why
	}
	if !a.over || a.why == api.EndReset {
		a.leave.Store(a.why == api.EndRestart)
	}
	a.stop()
}

// start is called last: it replaces the process, or returns when nobody asked for it.
func (a *again) start() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch a.why {
	case "":
		return nil
	case api.EndReset:
		if err := a.forget(); err != nil {
			return fmt.Errorf("factory reset: %w", err)
		}
	}
	if a.over {
		return nil
	}
	self, err := os.Executable()
	if err == nil {
		err = unix.Exec(self, os.Args, os.Environ())
	}
	return fmt.Errorf("start again: %w", err)
}

// learned are the files of the state folder, by pattern. What else lies there may be
// somebody's who named the wrong folder. The keys go last: who comes first chooses a
// password as soon as they are gone.
func learned() []string {
	return []string{"audit", "audit.old", "leases", "leases-*", "apn-memory", "apn-memory.damaged", "pin-*",
		"wifi.json", "wifi.json.damaged", "documents", "documents.damaged", "entitlement", "clock", "diagnoses", lastSettings, control.FaultySettings, "keys"}
}

// factory is the file of the state folder with the settings that a reset goes back to:
// on a router, where the state lies and which ports are the LAN's. Without it a reset
// leaves an empty file, which is a working gateway too.
const factory = "factory"

// forget puts the first settings into the owner's file and removes what was learned. A reset
// that a power cut ends leaves the former owner's password or nothing of theirs; the
// change on trial goes before, which would be taken up again.
func (a *again) forget() error {
	first, err := os.ReadFile(filepath.Join(a.state, factory))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Remove(filepath.Join(a.state, "trial")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := save.Durably(a.config, first); err != nil {
		return err
	}
	for _, pattern := range learned() {
		paths, err := filepath.Glob(filepath.Join(a.state, pattern))
		if err != nil {
			return err
		}
		for _, p := range paths {
			if err := os.Remove(p); err != nil {
				return err
			}
		}
	}
	if err := save.Settle(a.state); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
