package ubus

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/clock"
	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/dhcp"
	"github.com/tetherd/tetherd/dns"
	"github.com/tetherd/tetherd/fetch"
	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/lab/bus"
	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/probe"
	"github.com/tetherd/tetherd/ubus/wire"
)

// soon bounds what must happen at once, so that a test never hangs.
const soon = 20 * time.Second

// still is a part that takes every wish and never changes.
type still[Spec, Status any] struct{}

func (still[Spec, Status]) Apply(Spec) error    { return nil }
func (still[Spec, Status]) Observe() (s Status) { return s }
func (still[Spec, Status]) Run(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return nil
}

// internet is a probe that says what the test wants.
type internet struct {
	online atomic.Bool
	again  chan struct{}
}

func (p *internet) Apply(probe.Spec) error { return nil }
func (p *internet) Observe() (s probe.Status) {
	if p.online.Load() {
		s.Gateway.Verdict = probe.Online
	}
	return s
}
func (p *internet) Run(ctx context.Context, changed func()) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.again:
			changed()
		}
	}
}

// become gives or takes the Internet.
func (p *internet) become(online bool) {
	p.online.Store(online)
	p.again <- struct{}{}
}

// lines is a log that can be read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// world is a gateway whose parts never change, and its place on a bus.
type world struct {
	loop *control.Loop
	net  *internet
	log  lines
}

// begin starts a gateway with its object on the bus below root, until the test ends.
func begin(t *testing.T, root string) *world {
	t.Helper()
	cfg := config.Default()
	cfg.Main.StateDir, cfg.Main.RunDir = t.TempDir(), t.TempDir()
	w := &world{net: &internet{again: make(chan struct{})}}
	log := slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.loop = control.New(control.Options{Config: cfg, Log: slog.New(slog.DiscardHandler), Parts: control.Parts{
		NAT: still[nat.Spec, nat.Status]{}, Link: still[link.Spec, link.Status]{}, DHCP: still[dhcp.Spec, dhcp.Status]{},
		DNS: still[dns.Spec, dns.Status]{}, Modem: still[modem.Spec, modem.Status]{}, Probe: w.net,
		Hostapd: still[hostapd.Spec, hostapd.Status]{},
		Fetch:   still[fetch.Spec, fetch.Status]{},
		Clock:   still[clock.Spec, clock.Status]{},
	}, Leave: func() bool { return true }})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- w.loop.Run(ctx) }()
	server := &Server{API: &api.Server{Loop: w.loop, Version: "v9.9.9", Log: log}, Root: root, Log: log}
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, <-ended); err != nil {
			t.Error(err)
		}
	})
	return w
}

// reload changes the configuration.
func (w *world) reload(t *testing.T, change func(*config.Config)) {
	t.Helper()
	cfg := *w.loop.Snapshot().Config
	change(&cfg)
	if err := w.loop.Send(control.Reload{Config: &cfg}); err != nil {
		t.Fatal(err)
	}
}

// dial connects to the bus as the ubus program does.
func dial(t *testing.T, b *bus.Bus) *bus.Caller {
	t.Helper()
	c, err := bus.Dial(b.Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// await waits until the object is on the bus.
func await(t *testing.T, c *bus.Caller) {
	t.Helper()
	if err := c.Listen("ubus.object.add"); err != nil {
		t.Fatal(err)
	}
	for {
		if _, _, err := c.Find(object); err == nil {
			return
		} else if err != wire.NotFound {
			t.Fatal(err)
		}
		name, says, err := c.Next()
		if err != nil {
			t.Fatal(err)
		}
		if name == "ubus.object.add" && strings.Contains(says, `"path":"tetherd"`) {
			return
		}
	}
}
