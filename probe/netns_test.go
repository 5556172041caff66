package probe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// TestMain runs the tests in a network namespace of their own.
func TestMain(m *testing.M) {
	const mark = "TETHERD_PROBE_INSIDE"
	if os.Getenv(mark) != "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), mark+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: unix.SIGKILL}
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// lan is a gateway's LAN whose services can be broken.
type lan struct {
	noLease, noDNS, noWeb, portal, private atomic.Bool
	fetched                                atomic.Int32
}

const gateway = "10.55.0.1"

func run(t *testing.T, line string) string {
	t.Helper()
	w := strings.Fields(line)
	out, err := exec.Command(w[0], w[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", line, err, out)
	}
	return string(out)
}

func newLAN(t *testing.T) *lan {
	l := new(lan)
	run(t, "ip link set lo up")
	run(t, "ip addr add 203.0.113.204/32 dev lo")
	run(t, "ip link add br0 type bridge")
	run(t, "ip addr add 10.55.0.1/24 dev br0")
	run(t, "ip link set br0 up")
	t.Cleanup(func() { run(t, "ip link del br0"); run(t, "ip addr flush dev lo") })
	l.serveDHCP(t)
	l.serveDNS(t)
	l.serveWeb(t)
	return l
}

func (l *lan) serveDHCP(t *testing.T) {
	s, err := server4.NewServer("br0", &net.UDPAddr{Port: 67}, func(conn net.PacketConn, _ net.Addr, m *dhcpv4.DHCPv4) {
		if l.noLease.Load() {
			return
		}
		kind := map[dhcpv4.MessageType]dhcpv4.MessageType{dhcpv4.MessageTypeDiscover: dhcpv4.MessageTypeOffer, dhcpv4.MessageTypeRequest: dhcpv4.MessageTypeAck}[m.MessageType()]
		if kind == dhcpv4.MessageTypeNone {
			return
		}
		ip := net.ParseIP(gateway)
		answer, err := dhcpv4.NewReplyFromRequest(m,
			dhcpv4.WithMessageType(kind), dhcpv4.WithYourIP(net.IPv4(10, 55, 0, 77)), dhcpv4.WithServerIP(ip), dhcpv4.WithLeaseTime(60),
			dhcpv4.WithRouter(ip), dhcpv4.WithDNS(ip), dhcpv4.WithNetmask(net.CIDRMask(24, 32)), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(ip)))
		if err == nil {
			_, err = conn.WriteTo(answer.ToBytes(), &net.UDPAddr{IP: net.IPv4bcast, Port: 68})
		}
		if err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve()
	t.Cleanup(func() { s.Close() })
}

func (l *lan) serveDNS(t *testing.T) {
	conn, err := net.ListenPacket("udp4", gateway+":53")
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if l.noDNS.Load() {
			return
		}
		address := "203.0.113.204"
		if l.private.Load() {
			address = "192.168.1.1"
		}
		rr, _ := dns.NewRR(q.Question[0].Name + " 60 IN A " + address)
		m := new(dns.Msg).SetReply(q)
		m.Answer = append(m.Answer, rr)
		w.WriteMsg(m)
	})}
	started, ended := make(chan struct{}), make(chan struct{})
	s.NotifyStartedFunc = func() { close(started) }
	go func() {
		defer close(ended)
		s.ActivateAndServe()
	}()
	<-started // before that it cannot be shut down
	t.Cleanup(func() {
		s.Shutdown()
		<-ended // only then is the port free
	})
}

func (l *lan) serveWeb(t *testing.T) {
	listener, err := net.Listen("tcp4", "203.0.113.204:80")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.fetched.Add(1)
		switch {
		case l.noWeb.Load():
			panic(http.ErrAbortHandler)
		case l.portal.Load():
			http.Redirect(w, r, "http://login.example.net/", http.StatusFound)
		case r.URL.Path == "/204":
			w.WriteHeader(http.StatusNoContent)
		default:
			fmt.Fprint(w, "success\n")
		}
	})}
	go s.Serve(listener)
	t.Cleanup(func() { s.Close() })
}

func targets() []Target {
	return []Target{{URL: "http://one.example.com/204", Status: 204}, {URL: "http://two.example.org/success.txt", Status: 200, Body: "success\n"}}
}

func fromGateway(ctx context.Context) finding {
	f, _ := lookFromGateway(ctx, Gateway{Interface: "lo", Servers: []netip.Addr{netip.MustParseAddr(gateway)}}, targets())
	return f
}

func fromClient(ctx context.Context) finding {
	f, _ := lookFromClient(ctx, Client{Bridge: "br0"}, targets())
	return f
}

// TestVerdicts breaks one thing after the other: each vantage point names it.
func TestVerdicts(t *testing.T) {
	l := newLAN(t)
	for _, c := range []struct {
		name            string
		broken          *atomic.Bool
		gateway, client Verdict
	}{
		{"nothing is broken", new(atomic.Bool), Online, Online},
		{"the LAN leases nothing", &l.noLease, Online, NoLease},
		{"names do not resolve", &l.noDNS, NoDNS, NoDNS},
		{"the web server hangs up", &l.noWeb, Dead, Dead},
		{"a portal redirects", &l.portal, Portal, Portal},
		{"names resolve to private addresses", &l.private, Portal, Portal},
	} {
		c.broken.Store(true)
		if f := fromGateway(t.Context()); f.verdict != c.gateway || f.detail == "" {
			t.Errorf("%s: the gateway says %q (%s), want %q", c.name, f.verdict, f.detail, c.gateway)
		}
		if f := fromClient(t.Context()); f.verdict != c.client || f.detail == "" {
			t.Errorf("%s: the client says %q (%s), want %q", c.name, f.verdict, f.detail, c.client)
		}
		c.broken.Store(false)
	}
	if out := run(t, "ip -o link"); strings.Contains(out, bridgeEnd) {
		t.Errorf("the synthetic client stays:\n%s", out)
	}
}

// TestGatewayStaysOnItsInterface: a look by one interface takes no other way, even
// when the target is reached by it.
func TestGatewayStaysOnItsInterface(t *testing.T) {
	l := newLAN(t)
	f, _ := lookFromGateway(t.Context(), Gateway{Interface: "absent0", Servers: []netip.Addr{netip.MustParseAddr(gateway)}}, targets())
	if f.verdict != NoDNS || l.fetched.Load() != 0 {
		t.Errorf("%+v, %d pages were fetched", f, l.fetched.Load())
	}
}

// TestClientWithoutBridge: a LAN that is not there is said to be the cause.
func TestClientWithoutBridge(t *testing.T) {
	f, _ := lookFromClient(t.Context(), Client{Bridge: "br9"}, targets())
	if f.verdict != NoLease || !strings.Contains(f.detail, "br9") {
		t.Errorf("%+v", f)
	}
}

// observed runs a driver until ok holds for its Status.
func observed(t *testing.T, d *Driver, ok func(Status) bool) Status {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	news, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		ended <- d.Run(ctx, func() {
			select {
			case news <- struct{}{}:
			default:
			}
		})
	}()
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

// TestDriverFollowsTheKey: a changed key is probed at once, whatever the interval, and
// a result tells which key it is of.
func TestDriverFollowsTheKey(t *testing.T) {
	newLAN(t)
	d := New(Options{Log: slog.New(slog.DiscardHandler)})
	s := Spec{Targets: targets(), Interval: time.Hour, Gateway: Gateway{Key: "a", Interface: "lo", Servers: []netip.Addr{netip.MustParseAddr(gateway)}}, Client: Client{Key: "c", Bridge: "br0"}}
	if got := Drift(s, d.Observe()); len(got) == 0 {
		t.Error("no drift before Apply")
	}
	d.Apply(s)
	if got := Drift(s, d.Observe()); len(got) != 0 {
		t.Errorf("drift after Apply: %v", got)
	}
	st := observed(t, d, func(st Status) bool { return st.Gateway.Key == "a" && st.Client.Key == "c" })
	if st.Gateway.Verdict != Online || st.Client.Verdict != Online || st.Client.Cannot == "" || st.Gateway.Bytes == 0 {
		t.Errorf("%+v", st)
	}
	s.Gateway.Key = "b"
	d.Apply(s)
	observed(t, d, func(st Status) bool { return st.Gateway.Key == "b" && st.Gateway.Verdict == Online })
}

// TestDriverComesBackSoonAfterAFailure and sees the repair without being asked.
func TestDriverComesBackSoonAfterAFailure(t *testing.T) {
	l := newLAN(t)
	l.noWeb.Store(true)
	d := New(Options{Log: slog.New(slog.DiscardHandler)})
	d.Apply(Spec{Targets: targets(), Interval: time.Hour, Gateway: Gateway{Key: "a", Interface: "lo", Servers: []netip.Addr{netip.MustParseAddr(gateway)}}})
	observed(t, d, func(st Status) bool { return st.Gateway.Verdict == Dead && st.Gateway.Failed == 1 })
	l.noWeb.Store(false)
	st := observed(t, d, func(st Status) bool { return st.Gateway.Verdict == Online })
	if st.Gateway.Failed != 0 {
		t.Errorf("%d failures after success", st.Gateway.Failed)
	}
}
