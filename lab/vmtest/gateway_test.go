//go:build vm

package vmtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/lab/netns"
)

// gateway is a running tetherd with one client on a wire.
type gateway struct {
	t    *testing.T
	wire *client
	dir  string
	cmd  *exec.Cmd
	log  bytes.Buffer
}

// newGateway starts tetherd in the machine's own namespace, where the drivers are,
// with some more sections of configuration.
func newGateway(t *testing.T, more string) *gateway {
	t.Helper()
	g := &gateway{t: t, wire: newClient(t, "eth0"), dir: t.TempDir()}
	own, err := netns.Open("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if err := netns.Veth(own, "lan1", g.wire.ns, "eth0"); err != nil {
		t.Fatal(err)
	}
	g.configure(more)
	g.cmd = exec.Command("tetherd", "run", "-config", g.dir+"/tetherd.conf")
	g.cmd.Stderr = &g.log
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.stop)
	return g
}

// configure writes the configuration, which a running tetherd takes at once.
func (g *gateway) configure(more string) {
	g.t.Helper()
	text := fmt.Sprintf("config tetherd 'main'\n\toption log_level 'debug'\n\toption state_dir '%s/state'\n\toption run_dir '%s/run'\n"+
		"config api 'api'\n\toption socket '%s'\nconfig lan 'lan'\n\tlist port 'lan1'\n", g.dir, g.dir, g.socket())
	err := os.WriteFile(g.dir+"/new.conf", []byte(text+more), 0o600)
	if err := errors.Join(err, os.Rename(g.dir+"/new.conf", g.dir+"/tetherd.conf")); err != nil {
		g.t.Fatal(err)
	}
}

func (g *gateway) socket() string { return filepath.Join(g.dir, "tetherd.sock") }

// stop ends tetherd in order, and shows its log when the test failed.
func (g *gateway) stop() {
	if err := g.cmd.Process.Signal(unix.SIGTERM); err != nil {
		g.t.Error(err)
	}
	if err := g.cmd.Wait(); err != nil {
		g.t.Errorf("tetherd: %v", err)
	}
	if g.t.Failed() {
		g.t.Logf("tetherd's last words:\n%s", g.log.Bytes()[max(0, g.log.Len()-8000):])
	}
	_, _ = command("ip", "link", "del", "lan1")
}

// descriptors counts what tetherd has open.
func (g *gateway) descriptors() int {
	g.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.cmd.Process.Pid))
	if err != nil {
		g.t.Fatal(err)
	}
	return len(entries)
}

// goroutines is how many tetherd runs.
func (g *gateway) goroutines() int {
	g.t.Helper()
	return g.await("a look", func(api.Document) error { return nil }).Process.Goroutines
}

// resident is tetherd's memory, as the kernel counts it.
func (g *gateway) resident() string {
	g.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	if err != nil {
		g.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "unknown"
}

// await waits for a document of which ok says nil.
func (g *gateway) await(what string, ok func(api.Document) error) api.Document {
	g.t.Helper()
	var last api.Document
	eventually(g.t, what, func() error {
		err := api.Follow(g.t.Context(), g.socket(), true, func(d api.Document) bool { last = d; return false })
		if err != nil {
			return err
		}
		return ok(last)
	})
	return last
}

// online waits until tetherd has proved that clients have Internet.
func (g *gateway) online() api.Document {
	g.t.Helper()
	return g.await("online", func(d api.Document) error {
		if !d.Online {
			return errors.New(d.Sentence)
		}
		return nil
	})
}

// offline waits until tetherd has noticed that they have not.
func (g *gateway) offline() {
	g.t.Helper()
	g.await("offline", func(d api.Document) error {
		if d.Online {
			return errors.New(d.Sentence)
		}
		return nil
	})
}

// offloading waits until connections take the short way between LAN and modem.
func (g *gateway) offloading() {
	g.t.Helper()
	g.await("offload", func(d api.Document) error {
		if !slices.Equal(d.Offload.Devices, []string{"br-tether", "wwan0"}) {
			return fmt.Errorf("devices %q %s", d.Offload.Devices, d.Offload.WhyNot)
		}
		return nil
	})
}
