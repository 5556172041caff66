package main

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/dhcp"
	"github.com/tetherd/tetherd/dns"
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

// behind is a loop that does not run yet and to which no more Intents can be sent.
func behind(t *testing.T) *control.Loop {
	t.Helper()
	cfg := config.Default()
	cfg.Main.StateDir, cfg.Main.RunDir = t.TempDir(), t.TempDir()
	loop := control.New(control.Options{
		Config: cfg, Log: slog.New(slog.DiscardHandler), Leave: func() bool { return true },
		Parts: control.Parts{
			NAT: still[nat.Spec, nat.Status]{}, Link: still[link.Spec, link.Status]{}, DHCP: still[dhcp.Spec, dhcp.Status]{},
			DNS: still[dns.Spec, dns.Status]{}, Modem: still[modem.Spec, modem.Status]{}, Probe: still[probe.Spec, probe.Status]{},
		},
	})
	for loop.Send(control.BadConfig{Text: "an older fault"}) == nil {
	}
	return loop
}

// TestLoopThatIsBehind: a changed file is not lost when the loop takes no more; it
// gets what the file holds once it does.
func TestLoopThatIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, loop := file(t, "config", "config lan\n\toption mtu '1400'\n"), behind(t)
		ctx, stop := context.WithCancel(t.Context())
		handed := make(chan bool, 1)
		go func() { handed <- hand(ctx, path, loop, new(slog.LevelVar)) }()
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
		path, loop := file(t, "config", ""), behind(t)
		go func() { handed <- hand(ctx, path, loop, new(slog.LevelVar)) }()
		synctest.Wait()
		stop()
		if <-handed {
			t.Error("it says that the loop took it")
		}
	})
}
