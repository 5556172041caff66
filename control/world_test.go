package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/clock"
	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/dhcp"
	"github.com/tetherd/tetherd/dns"
	"github.com/tetherd/tetherd/fetch"
	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
)

// fake is a part that is at once what it is wished to be.
type fake[Spec, Status any] struct {
	world  *world
	name   plan.Part
	status func(Spec) Status // called with the world's lock held

	spec    Spec
	refusal error // Apply refuses with it
	refuses int   // so many times; -1 always
	stuck   bool  // Apply succeeds and changes nothing
	end     error // Run ends with it at the next change
	changed func()
}

func (f *fake[Spec, Status]) Apply(s Spec) error {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	f.world.journal = append(f.world.journal, f.name)
	if f.refusal != nil && f.refuses != 0 {
		f.refuses--
		return f.refusal
	}
	if !f.stuck {
		f.spec = s
		f.world.poke(f.name)
	}
	return nil
}

func (f *fake[Spec, Status]) Observe() Status {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	return f.status(f.spec)
}

func (f *fake[Spec, Status]) Run(ctx context.Context, changed func()) error {
	for {
		select {
		case <-ctx.Done():
			f.world.mu.Lock()
			defer f.world.mu.Unlock()
			f.world.ended = append(f.world.ended, f.name)
			return nil
		case <-f.world.pokes[f.name]:
		}
		f.world.mu.Lock()
		end := f.end
		f.world.mu.Unlock()
		if end != nil {
			return end
		}
		changed()
	}
}

// world is a made-up machine, modem and network.
type world struct {
	mu      sync.Mutex
	pokes   map[plan.Part]chan struct{}
	journal []plan.Part // what was applied, in order
	ended   []plan.Part // whose Run has ended

	nat   *fake[nat.Spec, nat.Status]
	link  *fake[link.Spec, link.Status]
	dhcp  *fake[dhcp.Spec, dhcp.Status]
	dns   *fake[dns.Spec, dns.Status]
	modem *fake[modem.Spec, modem.Status]
	probe *fake[probe.Spec, probe.Status]
	wifi  *fake[hostapd.Spec, hostapd.Status]
	fetch *fake[fetch.Spec, fetch.Status]
	clock *fake[clock.Spec, clock.Status]

	asker    *fetch.Driver           // the real part in place of the made-up one; nil none
	answers  map[string]fetch.Result // of the operator's servers, by request
	answered []fetch.Request         // what was asked when they came

	phase        modem.Phase // of an enabled modem
	sim          modem.SIM
	device       modem.Device
	registration modem.Registration
	attach       string                     // access point without which nobody registers; "" any
	causes       map[string]uint32          // APNs that the network refuses; anyAPN stands for the others
	since        map[modem.Bearer]time.Time // when a bearer came up
	bearers      map[modem.Purpose]modem.BearerStatus
	left         modem.Bearer  // up since a former process: the first wish that is the same takes it over
	taken        modem.Bearer  // that was, as it is wished
	hangUp       time.Duration // until the modem is off
	offSince     time.Time
	leases       []dhcp.Lease
	radios       []hostapd.Capabilities
	air          hostapd.RadioStatus // of wlan0, while it is wished; zero value none
	verdict      probe.Verdict       // of both vantage points
	client       probe.Verdict       // of the client's, when it differs
	rx, tx       uint64
	probed       map[string]time.Time // when each key was probed, and anew
	blind        bool                 // nothing is probed anew
	stale        probe.Result         // told while nothing is looked at: of what was

	refused uint32 // operator's data that the modem does not take: those of acts up to this one

	log    *slog.Logger
	lines  *lockedBuffer
	state  string // folders
	run    string
	leaves bool
}

// lockedBuffer is a log that can be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// newWorld is a world in which everything works.
func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{
		pokes: map[plan.Part]chan struct{}{},
		phase: modem.PhaseReady,
		sim:   modem.SIM{State: modem.SIMReady, ICCID: "8949020000012345678", IMSI: "262010000012345", MCC: "262", MNC: "01"},
		since: map[modem.Bearer]time.Time{}, probed: map[string]time.Time{}, causes: map[string]uint32{},
		registration: modem.Registration{State: "home"},
		verdict:      probe.Online, lines: &lockedBuffer{},
		state: filepath.Join(dir, "state"), run: filepath.Join(dir, "run"),
	}
	w.log = slog.New(slog.NewTextHandler(w.lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, p := range []plan.Part{plan.NAT, plan.Link, plan.DHCP, plan.DNS, plan.Modem, plan.Probe, plan.Hostapd, plan.Fetch, plan.Clock} {
		w.pokes[p] = make(chan struct{}, 1)
	}
	w.nat = newFake(w, plan.NAT, func(s nat.Spec) nat.Status {
		return nat.Status{Loaded: s.Enabled, InForce: nat.Render(s).Fingerprint(), Ports: nat.Ports(s), Freed: s.Free, Offload: s.Offload}
	})
	w.link = newFake(w, plan.Link, w.linkStatus)
	w.dhcp = newFake(w, plan.DHCP, func(s dhcp.Spec) dhcp.Status {
		return dhcp.Status{Serving: len(s.Networks) > 0, InForce: s, Leases: slices.Clone(w.leases)}
	})
	w.dns = newFake(w, plan.DNS, func(s dns.Spec) dns.Status {
		return dns.Status{Serving: len(s.Listen) > 0, InForce: s}
	})
	w.modem = newFake(w, plan.Modem, w.modemStatus)
	w.probe = newFake(w, plan.Probe, w.probeStatus)
	w.wifi = newFake(w, plan.Hostapd, func(s hostapd.Spec) hostapd.Status {
		st := hostapd.Status{Devices: slices.Clone(w.radios), InForce: s}
		if w.air.Interface != "" && len(s.Radios) > 0 {
			st.Radios = []hostapd.RadioStatus{w.air}
		}
		return st
	})
	w.clock = newFake(w, plan.Clock, func(s clock.Spec) clock.Status { return clock.Status{InForce: s} })
	w.fetch = newFake(w, plan.Fetch, func(s fetch.Spec) fetch.Status {
		return fetch.Status{InForce: s, Results: w.answersTo(s.Requests)}
	})
	return w
}

// answersTo are the answers to what is asked: like the real part, another question loses
// the former answer.
func (w *world) answersTo(asked []fetch.Request) map[string]fetch.Result {
	results := map[string]fetch.Result{}
	for _, r := range asked {
		if result, ok := w.answers[r.ID]; ok && slices.Contains(w.answered, r) {
			results[r.ID] = result
		}
	}
	return results
}

func newFake[Spec, Status any](w *world, name plan.Part, status func(Spec) Status) *fake[Spec, Status] {
	return &fake[Spec, Status]{world: w, name: name, status: status}
}

// poke makes a part report a change.
func (w *world) poke(p plan.Part) {
	select {
	case w.pokes[p] <- struct{}{}:
	default:
	}
}

// change changes the world, of which the part p reports.
func (w *world) change(p plan.Part, f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	w.poke(p)
}

func (w *world) linkStatus(s link.Spec) link.Status {
	have := []link.Interface{{Name: "wwan0", MTU: 1500, RxBytes: w.rx, TxBytes: w.tx}}
	for _, l := range s.LANs {
		have = append(have, link.Interface{Name: l.Bridge, MTU: 1500, Ours: true})
	}
	return link.Status{Interfaces: have, InForce: link.Render(s, have)}
}

func (w *world) modemStatus(s modem.Spec) modem.Status {
	if !s.Enabled {
		if w.offSince.IsZero() {
			w.offSince = time.Now()
		}
		if time.Since(w.offSince) < w.hangUp {
			time.AfterFunc(w.hangUp-time.Since(w.offSince), func() { w.change(plan.Modem, func() {}) })
			return modem.Status{Phase: modem.PhaseReady, InForce: s}
		}
		return modem.Status{Phase: modem.PhaseOff, InForce: s}
	}
	st := modem.Status{Phase: w.phase, SIM: w.sim, Device: w.device, Registration: w.registration, InForce: s, Bearers: w.bearers}
	if st.Attach = (modem.AttachStatus{Can: true, Done: &s.Attach}); w.attach != "" && s.Attach.Profile.APN != w.attach {
		st.Phase, st.Registration = modem.PhaseDenied, modem.Registration{State: "denied", Cause: 33}
		return st
	}
	if s.Service.ID != 0 {
		st.Served.ID = s.Service.ID
		if s.Service.ID <= w.refused {
			st.Served.Error = "the network refused the activation (33)"
		}
	}
	if w.phase == modem.PhaseReady && w.bearers == nil {
		st.Bearers = map[modem.Purpose]modem.BearerStatus{}
		for p, b := range s.Bearers {
			st.Bearers[p] = w.dial(b)
		}
		maps.DeleteFunc(w.since, func(b modem.Bearer, _ time.Time) bool { // what is hung up is dialled anew
			return b != s.Bearers[modem.Shared] && b != s.Bearers[modem.Own]
		})
	}
	return st
}

const anyAPN = "*"

func (w *world) dial(b modem.Bearer) modem.BearerStatus {
	if _, known := w.since[b]; !known {
		w.since[b] = time.Now()
		anyhow := b
		anyhow.Attempt = w.left.Attempt
		if w.taken = (modem.Bearer{}); anyhow == w.left {
			w.taken = b
		}
		w.left = modem.Bearer{}
	}
	cause, refused := w.causes[b.APN]
	if !refused {
		cause, refused = w.causes[anyAPN]
	}
	if refused {
		return modem.BearerStatus{State: modem.BearerFailed, InForce: b, Cause: cause, Since: w.since[b]}
	}
	return modem.BearerStatus{
		State: modem.BearerUp, InForce: b, Interface: "wwan0", Since: w.since[b], Adopted: b == w.taken,
		IPv4: &modem.IPConfig{Addresses: []netip.Prefix{netip.MustParsePrefix("100.64.7.2/30")}, DNS: []netip.Addr{netip.MustParseAddr("198.51.100.53")}},
	}
}

func (w *world) probeStatus(s probe.Spec) probe.Status {
	st := probe.Status{InForce: s, Gateway: w.stale}
	look := func(key string, v probe.Verdict) probe.Result {
		this := fmt.Sprint(key, s.Anew)
		if w.probed[this].IsZero() && !w.blind {
			w.probed[this] = time.Now()
		}
		r := probe.Result{Key: key, Verdict: v, At: w.probed[this]}
		if v != probe.Online && v != probe.Unproven {
			r.Failed = 5
		}
		return r
	}
	if s.Gateway.Key != "" && w.verdict != probe.Unknown {
		st.Gateway = look(s.Gateway.Key, w.verdict)
	}
	if v := w.client; s.Client.Key != "" && w.verdict != probe.Unknown {
		if v == "" {
			v = w.verdict
		}
		st.Client = look(s.Client.Key, v)
	}
	return st
}

func (w *world) parts() Parts {
	p := Parts{NAT: w.nat, Link: w.link, DHCP: w.dhcp, DNS: w.dns, Modem: w.modem, Probe: w.probe, Hostapd: w.wifi, Fetch: w.fetch, Clock: w.clock}
	if w.asker != nil {
		p.Fetch = w.asker
	}
	return p
}

// config is the default one with further text, and the world's folders.
func (w *world) config(t *testing.T, text string) *config.Config {
	t.Helper()
	text += fmt.Sprintf("config tetherd\n\toption state_dir '%s'\n\toption run_dir '%s'\n", w.state, w.run)
	cfg, err := config.Parse("test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// running is a loop under way.
type running struct {
	*Loop
	t    *testing.T
	w    *world
	stop context.CancelFunc
	done chan struct{} // closed when Run has returned err
	err  error
}

// start runs a loop in the world until the test ends.
func (w *world) start(t *testing.T, text string) *running {
	t.Helper()
	cfg := w.config(t, text)
	path := filepath.Join(filepath.Dir(w.state), "tetherd.conf")
	if err := os.WriteFile(path, cfg.UCI(), 0o600); err != nil {
		t.Fatal(err)
	}
	l := New(Options{Parts: w.parts(), Config: cfg, Path: path, Text: cfg.UCI(), Log: w.log, Leave: func() bool { return w.leaves }})
	ctx, stop := context.WithCancel(t.Context())
	r := &running{Loop: l, t: t, w: w, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = l.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-r.done
	})
	return r
}

// settle waits until nothing happens without time passing, and returns the snapshot.
func (r *running) settle() *Snapshot {
	r.t.Helper()
	synctest.Wait()
	return r.Snapshot()
}

// pass lets time pass.
func (r *running) pass(d time.Duration) *Snapshot {
	r.t.Helper()
	<-time.After(d)
	return r.settle()
}

// end ends the loop and returns how long that took.
func (r *running) end() time.Duration {
	r.t.Helper()
	begun := time.Now()
	r.stop()
	<-r.done
	if r.err != nil {
		r.t.Errorf("Run: %v", r.err)
	}
	return time.Since(begun)
}

// applied returns what was applied since the last call.
func (w *world) applied() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, p := range w.journal {
		fmt.Fprintf(&b, "%s ", p)
	}
	w.journal = nil
	return strings.TrimSpace(b.String())
}

// read reads something of the world.
func read[T any](w *world, f func() T) T {
	w.mu.Lock()
	defer w.mu.Unlock()
	return f()
}

var errRefused = errors.New("the kernel says no")
