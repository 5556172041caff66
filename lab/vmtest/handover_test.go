//go:build vm

package vmtest

import (
	"fmt"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/api"
)

// again ends tetherd by a signal and starts it anew.
func (g *gateway) again(s unix.Signal) {
	g.t.Helper()
	if err := g.cmd.Process.Signal(s); err != nil {
		g.t.Fatal(err)
	}
	if err := g.cmd.Wait(); (err != nil) != (s == unix.SIGKILL) {
		g.t.Errorf("after %v tetherd ended with %v", s, err)
	}
	next := exec.Command(g.cmd.Args[0], g.cmd.Args[1:]...)
	next.Stderr = &g.log
	if g.cmd = next; next.Start() != nil {
		g.t.Fatal("tetherd does not start again")
	}
}

// A station stays associated and let in while tetherd is killed, and while it is
// replaced by its next version.
func TestNetworkOutlivesTheGateway(t *testing.T) {
	_, g, s := atHome(t, byWPA3)
	g.online()
	s.fetch()
	before := s.lost()
	for _, sig := range []unix.Signal{unix.SIGKILL, unix.SIGUSR2} {
		g.again(sig)
		g.onAir(home())
		g.await("online with the station", func(d api.Document) error {
			c := clientOf(d, s.mac())
			if !d.Online || c.WiFi == nil || !c.WiFi.Authorised || radio(d).Restarts != 0 {
				return fmt.Errorf("%s %+v %+v", d.Sentence, c, radio(d))
			}
			return nil
		})
		s.fetch()
	}
	if s.lost() != before {
		t.Errorf("the station was thrown off:\n%s", s.log())
	}
}
