package api

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
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
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
	"github.com/tetherd/tetherd/provision"
)

// TestMain runs the tests in a network namespace of their own.
func TestMain(m *testing.M) {
	const inside = "TETHERD_TEST_NAMESPACE"
	if os.Getenv(inside) != "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	if err := cmd.Run(); cmd.ProcessState == nil {
		os.Stderr.WriteString("these tests need root and network namespaces: " + err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}

// part is one that is at once what it is wished to be, and else never changes.
type part[Spec, Status any] struct {
	become func(Spec) Status
	mu     sync.Mutex
	status Status
	poke   chan struct{}
}

func obeying[Spec, Status any](become func(Spec) Status) *part[Spec, Status] {
	return &part[Spec, Status]{become: become, poke: make(chan struct{}, 1)}
}

func (p *part[Spec, Status]) Apply(s Spec) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = p.become(s)
	select {
	case p.poke <- struct{}{}:
	default:
	}
	return nil
}

func (p *part[Spec, Status]) Observe() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

func (p *part[Spec, Status]) Run(ctx context.Context, changed func()) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.poke:
			changed()
		}
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// parse reads a config and gives it folders of its own.
func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Main.StateDir, cfg.Main.RunDir = t.TempDir(), t.TempDir()
	return cfg
}

// folders is the section that names the test's folders.
func folders(cfg *config.Config) string {
	return fmt.Sprintf("\nconfig tetherd 'main'\n\toption state_dir '%s'\n\toption run_dir '%s'\n", cfg.Main.StateDir, cfg.Main.RunDir)
}

// turning starts a loop over parts that obey, and waits until they have.
func turning(t *testing.T, text string) *Server {
	t.Helper()
	cfg := parse(t, text)
	text += folders(cfg)
	own := filepath.Join(cfg.Main.StateDir, "tetherd.conf")
	if err := os.WriteFile(own, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	loop := control.New(control.Options{Config: cfg, Path: own, Text: []byte(text), Log: quiet(), Parts: control.Parts{
		NAT: obeying(func(s nat.Spec) nat.Status {
			return nat.Status{Loaded: s.Enabled, InForce: nat.Render(s).Fingerprint(), Ports: nat.Ports(s), Freed: s.Free, Offload: s.Offload}
		}),
		Link: obeying(func(s link.Spec) (st link.Status) {
			for _, l := range s.LANs {
				st.Interfaces = append(st.Interfaces, link.Interface{Name: l.Bridge, MTU: 1500, Ours: true})
			}
			st.InForce = link.Render(s, st.Interfaces)
			return st
		}),
		Hostapd: obeying(func(s hostapd.Spec) hostapd.Status { return hostapd.Status{InForce: s} }),
		DHCP:    obeying(func(s dhcp.Spec) dhcp.Status { return dhcp.Status{Serving: len(s.Networks) > 0, InForce: s} }),
		DNS:     obeying(func(s dns.Spec) dns.Status { return dns.Status{Serving: len(s.Listen) > 0, InForce: s} }),
		Modem:   obeying(func(s modem.Spec) modem.Status { return modem.Status{InForce: s} }),
		Probe:   obeying(func(s probe.Spec) probe.Status { return probe.Status{InForce: s} }),
		Fetch:   obeying(func(s fetch.Spec) fetch.Status { return fetch.Status{InForce: s} }),
		Clock:   obeying(func(s clock.Spec) clock.Status { return clock.Status{InForce: s} }),
	}, Leave: func() bool { return true }})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- loop.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	for s := loop.Snapshot(); s.Seq == 0 || len(s.Steps) > 0; s = loop.Snapshot() {
		select {
		case <-s.Superseded():
		case <-time.After(10 * time.Second):
			t.Fatalf("the parts do not obey: %+v", s.Steps)
		}
	}
	keys, err := OpenKeyring(cfg.Main.StateDir)
	if err != nil {
		t.Fatal(err)
	}
	return &Server{Loop: loop, Version: "v9.9.9", Log: quiet(), Keys: keys, Journal: OpenJournal(cfg.Main.StateDir), Tail: new(Tail)}
}

// socket serves a server on a local socket and returns its path.
func socket(t *testing.T, s *Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run", "tetherd.sock")
	l, err := ListenLocal(path)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, s)
	return path
}

// serve serves until the test ends.
func serve(t *testing.T, l net.Listener, s *Server) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, s.Local()) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// begun is when the made-up processes started.
func begun() time.Time { return time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC) }

// Identifiers and secrets, of which none may ever be shown.
const (
	secretICCID    = "8949020000012345678"
	secretIMSI     = "262010000012345"
	secretIMEI     = "351234567890123"
	secretPIN      = "73914682"
	secretUser     = "webuser-4711"
	secretPassword = "sesame-4711"
	secretWiFi     = "wifi-sesame-4711"
)

func secrets() []string {
	return []string{secretICCID, secretIMSI, secretIMEI, secretPIN, secretUser, secretPassword, secretWiFi}
}

// snapshot is a gateway that has just begun: a modem is there, and nothing else.
func snapshot(t testing.TB) *control.Snapshot {
	t.Helper()
	cfg := config.Default()
	cfg.Modem.PIN = secretPIN
	cfg.APNs = []config.APN{
		{Section: "old", APN: "old.example", User: secretUser, Password: secretPassword, Auth: "chap", Family: "ipv4v6", Purpose: "any"},
		{Section: "new", APN: "internet.example", User: secretUser, Password: secretPassword, Auth: "chap", Family: "ipv4v6", Purpose: "any"},
	}
	lan := netip.MustParsePrefix("192.168.97.1/24")
	s := &control.Snapshot{Seq: 7, Config: cfg, Marks: control.Marks{Started: begun(), Ruleset: begun().Add(41 * time.Millisecond)}}
	s.Desired.Link.LANs = []link.LAN{{Bridge: "br-tether", Address: lan}}
	s.Desired.Modem = modem.Spec{Enabled: true, PIN: secretPIN}
	s.Desired.Why = []plan.Reason{{What: "lan address", Value: lan.String(), Why: "the first choice that is clear of every other network"}}
	s.Observed = plan.Observed{
		Now: begun().Add(3 * time.Second), Started: begun(),
		NAT:  nat.Status{Loaded: true},
		DHCP: dhcp.Status{Serving: true, Free: 149},
		DNS:  dns.Status{Serving: true, Counts: dns.Counts{Queries: 12, Hits: 5, Upstream: 9, Failed: 1, Rebind: 2}},
		Modem: modem.Status{
			Phase:  modem.PhaseRegister,
			Device: modem.Device{Control: "/dev/cdc-wdm0", Interface: "wwan0", Driver: "cdc_mbim", Model: "LAB 4G", IMEI: secretIMEI},
			SIM:    modem.SIM{State: modem.SIMReady, ICCID: secretICCID, IMSI: secretIMSI, MCC: "262", MNC: "01", HomeName: "Lab Mobile", GID1: "0AFF", TriesLeft: 3},
			Log:    []modem.Transition{{At: begun(), From: modem.PhaseOff, To: modem.PhaseOpening, Why: "a modem was found"}},
		},
	}
	return s
}

// climb moves the snapshot's ladder on with what the modem says of each wish.
func climb(s *control.Snapshot, answers ...provision.Seen) {
	sim := provision.IdentityOf(s.Observed.Modem.SIM)
	rungs := func() []provision.Rung {
		return provision.Rungs(provision.Candidates(s.Config.APNs, sim, nil, false))[:len(s.Config.APNs)]
	}
	key := provision.Key(s.Config.APNs, sim)
	s.APN, _ = s.APN.Climb(key, rungs, provision.Seen{Now: begun(), Ready: true})
	for _, a := range answers {
		a.Now, a.Ready, a.Probing = begun().Add(2*time.Second), true, s.Config.Probe.Enabled
		a.Bearer.InForce, _ = s.APN.Bearer()
		s.APN, _ = s.APN.Climb(key, rungs, a)
		s.Observed.Modem.Bearers = map[modem.Purpose]modem.BearerStatus{modem.Own: a.Bearer, modem.Shared: a.Bearer}
	}
	if b, ok := s.APN.Bearer(); ok {
		s.Desired.Modem.Bearers = map[modem.Purpose]modem.Bearer{modem.Own: b, modem.Shared: b}
	}
}

// registered puts the modem on its home network.
func registered(s *control.Snapshot) {
	m := &s.Observed.Modem
	m.Phase = modem.PhaseReady
	m.Registration = modem.Registration{State: "home", PLMN: "26201", Name: "Lab Mobile", Technology: "lte", Attached: true}
	m.Signal = modem.Signal{RSSI: -71}
}

// up is a bearer that is up.
func up() provision.Seen {
	return provision.Seen{Bearer: modem.BearerStatus{
		State: modem.BearerUp, Interface: "wwan0", Since: begun().Add(time.Second),
		IPv4: &modem.IPConfig{
			Addresses: []netip.Prefix{netip.MustParsePrefix("100.64.7.2/30")}, Gateway: netip.MustParseAddr("100.64.7.1"),
			DNS: []netip.Addr{netip.MustParseAddr("198.51.100.53")}, MTU: 1430,
		},
	}}
}

// refused is a bearer that the network refuses.
func refused(cause uint32) provision.Seen {
	return provision.Seen{Bearer: modem.BearerStatus{State: modem.BearerFailed, Cause: cause}}
}

// proved sets what both probes found, and the uplink that they used.
func proved(s *control.Snapshot, v probe.Verdict, detail string) {
	s.Desired.Link.Uplinks = []link.Uplink{{Interface: "wwan0", Addresses: []netip.Prefix{netip.MustParsePrefix("100.64.7.2/30")}, Gateway: netip.MustParseAddr("100.64.7.1"), MTU: 1430, Own: true, Shared: true}}
	s.Observed.NAT.Offload = []string{"br-tether", "wwan0"}
	s.Observed.NAT.Uplinks = map[string]nat.Counters{"wwan0": {Up: 2048, Down: 5 << 20}}
	s.Observed.Probe = probe.Status{
		InForce: probe.Spec{Gateway: probe.Gateway{Key: "now"}, Client: probe.Client{Key: "now"}},
		Gateway: probe.Result{Key: "now", Verdict: v, Detail: detail, Took: 61 * time.Millisecond, Bytes: 900},
		Client:  probe.Result{Key: "now", Verdict: v, Detail: detail, Cannot: "it proves neither radio nor offload", Took: 83 * time.Millisecond, Bytes: 1400},
	}
}
