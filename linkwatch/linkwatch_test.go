package linkwatch

import (
	"context"
	"testing"
	"time"

	"github.com/tetherd/tetherd/lab/nstest"
)

func TestMain(m *testing.M) { nstest.Main(m) }

// TestWatch: what comes, goes and changes is told, and the end of the context is the end.
func TestWatch(t *testing.T) {
	nstest.Enter(t)
	ctx, stop := context.WithCancel(t.Context())
	told, ended := make(chan struct{}, 1), make(chan error, 1)
	space := nstest.Here(t)
	done := space.Start(func() error {
		ended <- Watch(ctx, func() {
			select {
			case told <- struct{}{}:
			default:
			}
		})
		return nil
	})
	limit := time.After(10 * time.Second)
	hear := func(commands ...string) {
		t.Helper()
		for heard := false; !heard; { // the first may come before anybody listens
			nstest.Run(t, commands...)
			select {
			case <-told:
				heard = true
			case <-limit:
				t.Fatalf("%s was not told", commands)
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	nstest.Run(t, "ip link add x0 type bridge")
	hear("ip link set x0 mtu 1400", "ip link set x0 mtu 1300")
	hear("ip link set x0 up", "ip link set x0 down")
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	<-done
}
