package probe

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"
)

func fromGateway(ctx context.Context, l limits, targets ...Target) finding {
	return lookFromGateway(ctx, Spec{Targets: targets, Gateway: Gateway{Interface: "lo", Servers: []netip.Addr{netip.MustParseAddr(gateway)}}}, manner{}, l)
}

// synthetic is the hardware address of the clients here.
var synthetic = NewMAC()

// TestNewMAC: an address of one machine, chosen locally, and no process has that of another.
func TestNewMAC(t *testing.T) {
	seen := map[[6]byte]bool{}
	for range 200 {
		mac := NewMAC()
		if mac[0]&3 != 2 || seen[mac] {
			t.Fatalf("%v is no such address, or not a new one", net.HardwareAddr(mac[:]))
		}
		seen[mac] = true
	}
}

func fromClient(ctx context.Context, l limits, targets ...Target) finding {
	return lookFromClient(ctx, Spec{Targets: targets, Client: Client{Bridge: "br0", MAC: synthetic}}, manner{}, l)
}

// TestVerdicts breaks one thing after the other: each vantage point names it. What
// never comes is not waited for long.
func TestVerdicts(t *testing.T) {
	l := newLAN(t)
	const soon = 25 * time.Millisecond
	for _, c := range []struct {
		name            string
		broken          *atomic.Bool
		short           func(*limits)
		gateway, client Verdict
		detail          string // of the client's
	}{
		{"nothing is broken", new(atomic.Bool), func(*limits) {}, Online, Online, "as it must"},
		{"the LAN leases nothing", &l.noLease, func(l *limits) { l.lease = soon }, Online, NoLease, "no lease: no answer"},
		{"the LAN refuses", &l.nak, func(*limits) {}, Online, NoLease, "no lease: refused (DHCPNAK)"},
		{"a lease leads nowhere", &l.noRouter, func(*limits) {}, Online, NoLease, "no router"},
		{"names do not resolve", &l.noDNS, func(l *limits) { l.answer = soon }, NoDNS, NoDNS, "does not resolve: " + gateway},
		{"the web server hangs up", &l.noWeb, func(*limits) {}, Dead, Dead, "gives no page: the connection ended"},
		{"it takes requests only", &l.hang, func(l *limits) { l.page = soon }, Dead, Dead, "203.0.113.204:80"},
		{"a portal redirects", &l.portal, func(*limits) {}, Portal, Portal, "is redirected elsewhere (status 302)"},
		{"names resolve to private addresses", &l.private, func(*limits) {}, Portal, Portal, "192.168.1.1, which is no public address"},
	} {
		c.broken.Store(true)
		short := usualLimits()
		c.short(&short)
		f := fromGateway(t.Context(), short, targets()...)
		if f.verdict != c.gateway || f.detail == "" || f.cannot != "" {
			t.Errorf("%s: the gateway says %+v, want %q", c.name, f, c.gateway)
		}
		f = fromClient(t.Context(), short, targets()...)
		if f.verdict != c.client || !strings.Contains(f.detail, c.detail) || f.cannot != cannotProve {
			t.Errorf("%s: the client says %+v, want %q and %q", c.name, f, c.client, c.detail)
		}
		c.broken.Store(false)
	}
	nothingLeft(t)
}

func nothingLeft(t *testing.T) {
	t.Helper()
	if out := ip(t, "link show"); strings.Contains(out, bridgeEnd) {
		t.Errorf("the synthetic client stays:\n%s", out)
	}
}

// TestGatewayStaysOnItsInterface: a look by one interface takes no other way, even
// when the target is reached by it.
func TestGatewayStaysOnItsInterface(t *testing.T) {
	l := newLAN(t)
	f := lookFromGateway(t.Context(), Spec{Targets: targets(), Gateway: Gateway{Interface: "absent0", Servers: []netip.Addr{netip.MustParseAddr(gateway)}}}, manner{}, usualLimits())
	if f.verdict != NoDNS || f.bytes != 0 || l.fetched.Load() != 0 {
		t.Errorf("%+v, %d pages were fetched", f, l.fetched.Load())
	}
	f = lookFromGateway(t.Context(), Spec{Targets: []Target{{URL: "http://203.0.113.204/204", Status: 204}}, Gateway: Gateway{Interface: "absent0"}}, manner{}, usualLimits())
	if f.verdict != Dead || f.bytes != 0 || l.fetched.Load() != 0 {
		t.Errorf("%+v, %d pages were fetched", f, l.fetched.Load())
	}
}

// TestClientWithoutBridge: a LAN that is not there is said to be the cause, and so is
// one that is no bridge.
func TestClientWithoutBridge(t *testing.T) {
	for _, name := range []string{"br9", "lo"} {
		f := lookFromClient(t.Context(), Spec{Targets: targets(), Client: Client{Bridge: name, MAC: synthetic}}, manner{}, usualLimits())
		if f.verdict != NoLease || !strings.Contains(f.detail, "bridge "+name) || f.cannot == "" {
			t.Errorf("%s: %+v", name, f)
		}
		nothingLeft(t)
	}
}

// TestClientFindsALeftover: what a former process left under our name goes.
func TestClientFindsALeftover(t *testing.T) {
	newLAN(t)
	ip(t, "link add "+bridgeEnd+" type veth peer name other0")
	if f := fromClient(t.Context(), usualLimits(), targets()...); f.verdict != Online {
		t.Errorf("%+v", f)
	}
	nothingLeft(t)
}

// TestClientGivesTheLeaseBack: the pool is the clients'.
func TestClientGivesTheLeaseBack(t *testing.T) {
	newLAN(t)
	bridge, err := net.InterfaceByName("br0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := packet.Listen(bridge, packet.Datagram, unix.ETH_P_IP, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if f := fromClient(t.Context(), usualLimits(), targets()...); f.verdict != Online {
		t.Fatalf("%+v", f)
	}
	for buf := make([]byte, 1500); ; {
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			t.Fatalf("no release: %v", err)
		}
		m, err := dhcpv4.FromBytes(buf[min(n, 28):n]) // behind the headers of IPv4 and UDP
		if err != nil || m.MessageType() != dhcpv4.MessageTypeRelease {
			continue
		}
		if m.ClientHWAddr.String() != net.HardwareAddr(synthetic[:]).String() || m.ClientIPAddr.String() != "10.55.0.77" {
			t.Errorf("%v", m.Summary())
		}
		return
	}
}

// TestCancelledClientLookEnds promptly in every stage, though each may take seconds.
func TestCancelledClientLookEnds(t *testing.T) {
	l := newLAN(t)
	stage := func(name string, broken *atomic.Bool, reached <-chan struct{}, urls ...Target) finding {
		broken.Store(true)
		defer broken.Store(false)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		select {
		case <-reached: // by an earlier look
		default:
		}
		at := make(chan time.Time, 1)
		go func() {
			select {
			case <-reached:
			case <-time.After(10 * time.Second):
				t.Errorf("%s is not reached", name)
			}
			at <- time.Now()
			cancel()
		}()
		f := fromClient(ctx, limits{look: time.Minute, lease: time.Minute, answer: time.Minute, page: time.Minute}, urls...)
		if took := time.Since(<-at); took > 5*time.Second || f.verdict == Online {
			t.Errorf("%s: ended %v after the cancellation: %+v", name, took, f)
		}
		nothingLeft(t)
		return f
	}
	stage("lease", &l.noLease, l.discover, targets()...)
	stage("DNS", &l.noDNS, l.question, targets()...)
	stage("HTTP", &l.hang, l.request, targets()...)
	syn := make(chan struct{})
	time.AfterFunc(100*time.Millisecond, func() { close(syn) })
	f := stage("TCP", new(atomic.Bool), syn, Target{URL: "http://10.55.0.99/"}) // nobody has that address
	if !strings.Contains(f.detail, "cannot be reached: operation was canceled") {
		t.Errorf("TCP: %+v", f)
	}
}

// TestLeaseIsPartOfTheLook: waiting for it ends with the time of the whole look.
func TestLeaseIsPartOfTheLook(t *testing.T) {
	l := newLAN(t)
	l.noLease.Store(true)
	begun := time.Now()
	f := fromClient(t.Context(), limits{look: 50 * time.Millisecond, lease: time.Minute}, targets()...)
	if took := time.Since(begun); f.verdict != NoLease || took > 10*time.Second {
		t.Errorf("%+v after %v", f, took)
	}
}

// TestLooksLeaveNothingBehind: no goroutine, thread or descriptor.
func TestLooksLeaveNothingBehind(t *testing.T) {
	newLAN(t)
	count := func() [3]int {
		return [3]int{runtime.NumGoroutine(), entries(t, "/proc/self/task"), entries(t, "/proc/self/fd")}
	}
	look := func() {
		if f := fromClient(t.Context(), usualLimits(), targets()...); f.verdict != Online {
			t.Fatalf("%+v", f)
		}
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which would close what we forgot
	look()                                           // the runtime starts what it needs
	before := count()
	for range 50 {
		look()
	}
	// The servers end their connections in their own time, and the runtime keeps threads
	// for itself, the more the busier the machine is: fewer than one for every other look.
	deadline := time.Now().Add(10 * time.Second)
	for {
		now := count()
		if now[0] <= before[0] && now[1] <= before[1]+25 && now[2] <= before[2] {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("goroutines, threads, descriptors: %v before, %v after 50 looks", before, now)
		}
		runtime.Gosched()
	}
	nothingLeft(t)
}

func entries(t *testing.T, dir string) int {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestDriverOnALAN: both vantage points by a driver as it is in use.
func TestDriverOnALAN(t *testing.T) {
	newLAN(t)
	d := New(Options{Log: slog.New(slog.DiscardHandler)})
	s := Spec{
		Targets: targets(), Interval: time.Hour,
		Gateway: Gateway{Key: "a", Interface: "lo", Servers: []netip.Addr{netip.MustParseAddr(gateway)}},
		Client:  Client{Key: "c", Bridge: "br0", MAC: synthetic},
	}
	if len(Drift(s, d.Observe())) == 0 {
		t.Error("no drift before Apply")
	}
	d.Apply(s)
	st := observed(t, d, func(st Status) bool { return st.Gateway.Key == "a" && st.Client.Key == "c" })
	if st.Gateway.Verdict != Online || st.Client.Verdict != Online || st.Client.Cannot == "" || st.Gateway.Bytes == 0 {
		t.Errorf("%+v", st)
	}
	s.Gateway.Key = "b"
	d.Apply(s)
	observed(t, d, func(st Status) bool { return st.Gateway.Key == "b" && st.Gateway.Verdict == Online })
}

// observed runs a driver until ok holds for its Status.
func observed(t *testing.T, d *Driver, ok func(Status) bool) Status {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	news, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() { ended <- d.Run(ctx, func() { note(news) }) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	for {
		if st := d.Observe(); ok(st) {
			return st
		}
		select {
		case <-news:
		case <-ctx.Done():
			t.Fatalf("not reached: %+v", d.Observe())
		}
	}
}
