package netns

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func newNS(t *testing.T) *NS {
	t.Helper()
	ns, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

// names are the interfaces in a namespace.
func names(t *testing.T, ns *NS) string {
	t.Helper()
	var list []string
	err := ns.Do(func() error {
		interfaces, err := net.Interfaces()
		for _, i := range interfaces {
			list = append(list, i.Name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, " ")
}

func TestVethJoinsTwoNamespaces(t *testing.T) {
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	a, b := newNS(t), newNS(t)
	if err := Veth(a, "left", b, "right"); err != nil {
		t.Fatal(err)
	}
	if got := names(t, a) + "," + names(t, b); got != "lo left,lo right" {
		t.Errorf("interfaces %q", got)
	}
	if err := a.Run("ip", "address", "add", "192.0.2.1/24", "dev", "left"); err != nil {
		t.Fatal(err)
	}
	if err := b.Run("ip", "address", "add", "192.0.2.2/24", "dev", "right"); err != nil {
		t.Fatal(err)
	}
	if err := a.Run("ping", "-n", "-c", "1", "-w", "10", "192.0.2.2"); err != nil {
		t.Error(err)
	}
	if now, err := os.Readlink("/proc/self/ns/net"); err != nil || now != own {
		t.Errorf("the process moved from %s to %s, %v", own, now, err)
	}
}

func TestNamespacesAreReachedByPath(t *testing.T) {
	a := newNS(t)
	if err := a.Run("ip", "link", "add", "mark0", "type", "veth", "peer", "name", "mark1"); err != nil {
		t.Fatal(err)
	}
	again, err := Open(a.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got := names(t, again); !strings.Contains(got, "mark0") {
		t.Errorf("interfaces %q", got)
	}
	cmd := exec.Command("cat", "/proc/net/dev")
	var out strings.Builder
	cmd.Stdout = &out
	if err := a.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "mark0") {
		t.Errorf("a started command sees %s, %v", out.String(), err)
	}
}

func TestErrorsSayWhatWasRun(t *testing.T) {
	a := newNS(t)
	err := a.Run("ip", "link", "set", "nothing0", "up")
	if err == nil || !strings.Contains(err.Error(), "ip link set nothing0 up") || !strings.Contains(err.Error(), "Cannot find device") {
		t.Errorf("error %v", err)
	}
	if _, err := Open("/nonexistent"); err == nil {
		t.Error("opened a namespace that is not there")
	}
	if err := Do(-1, func() error { return nil }); err == nil {
		t.Error("entered descriptor -1")
	}
}
