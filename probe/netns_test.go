package probe

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// childEnv tells a process that a test started what to do in place of the tests.
const childEnv = "TETHERD_PROBE_CHILD"

// TestMain runs the tests in a network namespace of their own.
func TestMain(m *testing.M) {
	const mark = "TETHERD_PROBE_INSIDE"
	if role := os.Getenv(childEnv); role != "" {
		childMain(role)
		return
	}
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
	noLease, nak, noRouter, noDNS, noWeb, hang, portal, private atomic.Bool

	fetched atomic.Int32
	// What came to pass, one token at most.
	discover, question, request, closed chan struct{}
}

func note(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

const gateway = "10.55.0.1"

// ip runs commands of ip(8) and gives what they print.
func ip(t *testing.T, lines ...string) string {
	t.Helper()
	cmd := exec.Command("ip", "-oneline", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("ip: %q: %v: %s", lines, err, out)
	}
	return string(out)
}

func newLAN(t *testing.T) *lan {
	t.Helper()
	token := func() chan struct{} { return make(chan struct{}, 1) }
	l := &lan{discover: token(), question: token(), request: token(), closed: token()}
	ip(t, "link set lo up", "addr add 203.0.113.204/32 dev lo",
		"link add br0 type bridge", "addr add 10.55.0.1/24 dev br0", "link set br0 up")
	t.Cleanup(func() { ip(t, "link del br0", "addr flush dev lo") })
	l.serveDHCP(t)
	l.serveDNS(t)
	l.serveWeb(t)
	return l
}

func (l *lan) serveDHCP(t *testing.T) {
	s, err := server4.NewServer("br0", &net.UDPAddr{Port: 67}, func(conn net.PacketConn, _ net.Addr, m *dhcpv4.DHCPv4) {
		note(l.discover)
		if l.noLease.Load() {
			return
		}
		kind := map[dhcpv4.MessageType]dhcpv4.MessageType{dhcpv4.MessageTypeDiscover: dhcpv4.MessageTypeOffer, dhcpv4.MessageTypeRequest: dhcpv4.MessageTypeAck}[m.MessageType()]
		if kind == dhcpv4.MessageTypeNone {
			return
		}
		if l.nak.Load() && kind == dhcpv4.MessageTypeAck {
			kind = dhcpv4.MessageTypeNak
		}
		server := net.ParseIP(gateway)
		answer, err := dhcpv4.NewReplyFromRequest(m,
			dhcpv4.WithMessageType(kind), dhcpv4.WithYourIP(net.IPv4(10, 55, 0, 77)), dhcpv4.WithServerIP(server), dhcpv4.WithLeaseTime(60),
			dhcpv4.WithRouter(server), dhcpv4.WithDNS(server), dhcpv4.WithNetmask(net.CIDRMask(24, 32)), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(server)))
		if err == nil && l.noRouter.Load() {
			answer.Options.Del(dhcpv4.OptionRouter)
		}
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
		note(l.question)
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
		note(l.request)
		switch {
		case l.hang.Load():
			<-r.Context().Done()
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
	s.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			note(l.closed)
		}
	}
	go s.Serve(listener)
	t.Cleanup(func() { s.Close() })
}

func targets() []Target {
	return []Target{{URL: "http://one.example.com/204", Status: 204}, {URL: "http://two.example.org/success.txt", Status: 200, Body: "success\n"}}
}
