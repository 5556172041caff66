package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

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
)

// still is a part that takes every wish and never changes.
type still[Spec, Status any] struct{}

func (still[Spec, Status]) Apply(Spec) error    { return nil }
func (still[Spec, Status]) Observe() (s Status) { return s }
func (still[Spec, Status]) Run(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return nil
}

// resting is a loop over such parts, which does not run yet.
func resting(t *testing.T) *control.Loop {
	t.Helper()
	cfg := config.Default()
	cfg.Main.StateDir, cfg.Main.RunDir = t.TempDir(), t.TempDir()
	return control.New(control.Options{
		Config: cfg, Log: slog.New(slog.DiscardHandler), Leave: func() bool { return true },
		Parts: stillParts(),
	})
}

func stillParts() control.Parts {
	return control.Parts{
		NAT: still[nat.Spec, nat.Status]{}, Link: still[link.Spec, link.Status]{}, DHCP: still[dhcp.Spec, dhcp.Status]{},
		DNS: still[dns.Spec, dns.Status]{}, Modem: still[modem.Spec, modem.Status]{}, Probe: still[probe.Spec, probe.Status]{},
		Hostapd: still[hostapd.Spec, hostapd.Status]{},
		Fetch:   still[fetch.Spec, fetch.Status]{},
		Clock:   still[clock.Spec, clock.Status]{},
	}
}

// behind is a loop that does not run yet and to which no more Intents can be sent.
func behind(t *testing.T) *control.Loop {
	t.Helper()
	loop := resting(t)
	for loop.Send(control.BadConfig{Text: "an older fault"}) == nil {
	}
	return loop
}

// TestLoopThatIsBehind: a changed file is not lost when the loop takes no more; it
// gets what the file holds once it does.
func TestLoopThatIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, loop := file(t, "config", "config tetherd\n\toption state_dir '"+t.TempDir()+"'\nconfig lan\n\toption mtu '1400'\n"), behind(t)
		ctx, stop := context.WithCancel(t.Context())
		handed := make(chan bool, 1)
		go func() { handed <- hand(ctx, path, loop, new(slog.LevelVar), slog.New(slog.DiscardHandler)) }()
		synctest.Wait()
		select {
		case <-handed:
			t.Fatal("it did not wait for the loop")
		default:
		}
		ended := make(chan error, 1)
		go func() { ended <- loop.Run(ctx) }()
		synctest.Wait()
		if !<-handed {
			t.Error("the file was given up")
		}
		synctest.Wait()
		if s := loop.Snapshot(); s.Config.LAN.MTU != 1400 || s.BadConfig != "" {
			t.Errorf("in force is %+v, faults %q", s.Config.LAN, s.BadConfig)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestEndWhileBehind: the end does not wait for a loop that takes no more.
func TestEndWhileBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		handed := make(chan bool, 1)
		path, loop := file(t, "config", "config tetherd\n\toption state_dir '"+t.TempDir()+"'\n"), behind(t)
		go func() { handed <- hand(ctx, path, loop, new(slog.LevelVar), slog.New(slog.DiscardHandler)) }()
		synctest.Wait()
		stop()
		if <-handed {
			t.Error("it says that the loop took it")
		}
	})
}

// TestWithoutWatch: where files cannot be watched the gateway says so and goes on; a
// signal still makes it read the file.
func TestWithoutWatch(t *testing.T) {
	guard := make(chan os.Signal, 1) // the signal must not end this test
	signal.Notify(guard, syscall.SIGHUP)
	defer signal.Stop(guard)
	loop := resting(t)
	warned := make(chan string, 1)
	log := slog.New(slog.NewTextHandler(writer(func(b []byte) { warned <- string(b) }), nil))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- loop.Run(ctx) }()
	path := filepath.Join(t.TempDir(), "gone", "config")
	go func() { ended <- watchConfig(ctx, path, loop, new(slog.LevelVar), log) }()
	if line := <-warned; !strings.Contains(line, "level=WARN") || !strings.Contains(line, "on SIGHUP only") {
		t.Errorf("it says %s", line)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	limit := time.After(5 * time.Second)
	for s := loop.Snapshot(); !strings.Contains(s.BadConfig, "no such file"); s = loop.Snapshot() {
		select {
		case <-s.Superseded():
		case <-limit:
			t.Fatal("the signal had no effect")
		}
	}
	stop()
	if err := errors.Join(<-ended, <-ended); err != nil {
		t.Error(err)
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) {
	w(b)
	return len(b), nil
}
