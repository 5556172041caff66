package nstest

import (
	"net"
	"os"
	"strings"
	"testing"
)

// names are the interfaces where the calling goroutine is.
func names(t *testing.T) string {
	t.Helper()
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Error(err)
	}
	var list []string
	for _, i := range interfaces {
		list = append(list, i.Name)
	}
	return strings.Join(list, " ")
}

func TestATestEntersANamespaceAndHasPeers(t *testing.T) {
	before, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	self, peer := Enter(t), New(t)
	if now, err := os.Readlink("/proc/thread-self/ns/net"); err != nil || now == before {
		t.Errorf("the test stayed in %s, %v", now, err)
	}
	Run(t, "ip link add here0 type veth peer name there0 netns "+peer.Path(),
		"ip addr add 192.0.2.1/24 dev here0", "ip link set here0 up")
	peer.Run(t, "ip addr add 192.0.2.2/24 dev there0", "ip link set there0 up")
	if got := names(t); got != "lo here0" {
		t.Errorf("here are %s", got)
	}
	peer.Do(t, func() {
		if got := names(t); got != "lo there0" {
			t.Errorf("there are %s", got)
		}
	})
	for _, s := range []*Space{self, Here(t)} {
		if out := s.Run(t, "echo found", "ip -br link show here0"); !strings.HasPrefix(out, "found\nhere0@") {
			t.Errorf("a command in the test's namespace prints %q", out)
		}
	}
	Run(t, "ping -q -c1 -w10 192.0.2.2", "ping -q -c1 -w10 127.0.0.1")
	peer.Run(t, "ping -q -c1 -w10 127.0.0.1")
}

func TestAFunctionRunsBesideTheTest(t *testing.T) {
	peer := New(t)
	address := make(chan string, 1)
	done := peer.Start(func() error {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		address <- l.Addr().String()
		c, err := l.Accept()
		if err != nil {
			return err
		}
		return c.Close()
	})
	to := <-address
	peer.Do(t, func() {
		if c, err := net.Dial("tcp4", to); err != nil {
			t.Error(err)
		} else {
			c.Close()
		}
	})
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// witness notes what a test would have been told.
type witness struct {
	testing.TB
	errors int
}

func (w *witness) Helper()               {}
func (w *witness) Errorf(string, ...any) { w.errors++ }

func TestACommandThatFailsIsAnError(t *testing.T) {
	w := &witness{TB: t}
	if out := Run(w, "false", "echo and on"); w.errors != 1 || out != "and on\n" {
		t.Errorf("%d errors, printed %q", w.errors, out)
	}
	New(t).Run(w, "ip link set nothing0 up")
	if w.errors != 2 {
		t.Error("a command that failed in a namespace was not told")
	}
}
