package dhcp

import (
	"bufio"
	"context"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tetherd/tetherd/lab/netns"
	"github.com/tetherd/tetherd/lab/nstest"
)

// The tests of this file run in namespaces of their own: the bridge in one for the
// test binary, which executes itself again there, each client in a further one.

const patience = 20 * time.Second

// TestMain lets the tests in namespaces run side by side: they mostly wait.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	m.Run()
}

// alone reports whether the test runs in namespaces of its own, see nstest.Alone.
// There it hides every place where a DHCP client's script would leave something.
func alone(t *testing.T) bool {
	t.Helper()
	if !nstest.Alone(t) {
		return false
	}
	etc := filepath.Join(t.TempDir(), "etc")
	if err := os.Mkdir(etc, 0o755); err != nil {
		t.Fatal(err)
	}
	sh(t, `for f in passwd group hosts nsswitch.conf dhcp dhcpcd.conf udhcpc services protocols alternatives iproute2; do
	if test -e /etc/$f; then cp -a /etc/$f `+etc+`; fi
done
: >`+etc+`/resolv.conf; : >`+etc+`/fstab
mount --bind `+etc+` /etc
mount -t tmpfs tmpfs /run
for d in /var/lib/dhcp /var/lib/dhcpcd; do if test -d $d; then mount -t tmpfs tmpfs $d; fi; done`)
	return true
}

// sh runs a script that must succeed.
func sh(t *testing.T, script string) {
	t.Helper()
	if out, err := exec.Command("sh", "-euc", script).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

const bridgeUp = `ip link add br-test address 02:00:00:00:ff:01 type bridge
ip addr add 192.168.8.1/24 dev br-test
ip link set br-test up
`

// plug makes a client's namespace with eth0 in the bridge, and waits until the bridge
// has noticed the carrier and forwards.
func plug(t *testing.T, name, mac string) {
	t.Helper()
	sh(t, `ip netns list | grep -q "^`+name+`" || ip netns add `+name+`
ip link add v-`+name+` type veth peer name eth0 address `+mac+` netns `+name+`
ip link set v-`+name+` master br-test up
ip -n `+name+` link set eth0 up
timeout 10 sh -c 'until bridge link show dev v-`+name+` | grep -q "state forwarding"; do sleep 0.01; done'`)
}

// within runs f on a thread in a client's namespace.
func within(t *testing.T, name string, f func()) {
	t.Helper()
	ns, err := netns.Open("/run/netns/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	if err := ns.Do(func() error { f(); return nil }); err != nil {
		t.Fatal(err)
	}
}

type binding struct {
	mac  string // "" has ended
	addr netip.Addr
}

// bench is a running server, and the Binder that it tells.
type bench struct {
	*server
	t        *testing.T
	bindings chan binding
	changes  chan struct{}
	stop     func()
}

func (*bench) Welcome(net.HardwareAddr) bool            { return true }
func (*bench) Silent(net.HardwareAddr, netip.Addr) bool { return false }

func (s *bench) Bind(mac net.HardwareAddr, addr netip.Addr, _ bool) {
	s.bindings <- binding{mac.String(), addr}
}

func (s *bench) Names() *Names { return &s.names }

func (s *bench) changed() {
	select {
	case s.changes <- struct{}{}:
	default:
	}
}

func serve(t *testing.T, spec Network, path string) *bench {
	t.Helper()
	s := &bench{t: t, bindings: make(chan binding, 10000), changes: make(chan struct{}, 1)}
	s.server = newServer(Options{
		Path:   path,
		Binder: s,
		Log:    slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	s.apply(spec)
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() {
		if err := s.Run(ctx, s.changed); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	s.stop = func() { cancel(); run.Wait() }
	t.Cleanup(s.stop)
	return s
}

func (s *bench) apply(spec Network) {
	s.t.Helper()
	if err := s.Apply(spec); err != nil {
		s.t.Fatal(err)
	}
}

// until waits for a status that satisfies ok.
func (s *bench) until(what string, ok func(networkStatus) bool) networkStatus {
	s.t.Helper()
	limit := time.After(patience)
	for {
		st := s.Observe()
		if ok(st) {
			return st
		}
		select {
		case <-s.changes:
		case <-limit:
			s.t.Fatalf("waited for %s in vain: %+v", what, st)
		}
	}
}

func (s *bench) serving(want bool) networkStatus {
	s.t.Helper()
	return s.until("serving", func(st networkStatus) bool { return st.Serving == want })
}

// bound waits until a client is bound, or with mac "" a binding has ended.
func (s *bench) bound(mac string) netip.Addr {
	s.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case b := <-s.bindings:
			if b.mac == mac {
				return b.addr
			}
		case <-limit:
			s.t.Fatalf("waited in vain for the binding of %q", mac)
		}
	}
}

// program is a client's program that runs in its namespace.
type program struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string
	said  []string
}

func start(t *testing.T, netns string, args ...string) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command("ip", append([]string{"netns", "exec", netns}, args...)...)}
	r, w := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = w, w
	p.cmd.WaitDelay = time.Second
	p.lines = make(chan string, 1000)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		for lines := bufio.NewScanner(r); lines.Scan(); {
			p.lines <- lines.Text()
		}
	}()
	exited := make(chan struct{})
	go func() { p.cmd.Wait(); w.Close(); close(exited) }()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-exited
		if t.Failed() {
			for line := range p.lines {
				p.said = append(p.said, line)
			}
			t.Logf("%v said:\n%s", args, strings.Join(p.said, "\n"))
		}
	})
	return p
}

// udhcpc starts BusyBox's client, which does not give up before five seconds.
func udhcpc(t *testing.T, netns string, args ...string) *program {
	t.Helper()
	return start(t, netns, append([]string{"udhcpc", "-i", "eth0", "-t", "5", "-T", "1"}, args...)...)
}

func (p *program) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// says waits for a line with the given text.
func (p *program) says(text string) string {
	p.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case line, ok := <-p.lines:
			p.said = append(p.said, line)
			if strings.Contains(line, text) {
				return line
			}
			if !ok {
				p.t.Fatalf("%v ended without saying %q", p.cmd.Args, text)
			}
		case <-limit:
			p.t.Fatalf("waited in vain for %v to say %q", p.cmd.Args, text)
		}
	}
}

// ends waits until the program has ended.
func (p *program) ends() {
	p.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				return
			}
			p.said = append(p.said, line)
		case <-limit:
			p.t.Fatalf("waited in vain for the end of %v", p.cmd.Args)
		}
	}
}
