//go:build vm

package vmtest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/api"
)

// setClock sets the kernel's clock.
func setClock(t *testing.T, to time.Time) {
	t.Helper()
	v := unix.NsecToTimeval(to.UnixNano())
	if err := unix.Settimeofday(&v); err != nil {
		t.Fatal(err)
	}
}

// off is how far the kernel's clock is from the network's time.
func off(w *world) time.Duration { return time.Now().Round(0).Sub(w.Now().Round(0)).Abs() }

// asks names the network's time servers.
const asks = "config clock 'clock'\n\tlist server '203.0.113.123'\n\tlist server '198.51.100.123'\n"

// TestClockIsSet: of a machine whose clock is three days behind the doctor says so. Once it
// is wished the clock is set by the network's time, and the finding ends; nobody loses a
// lease or the Internet by it.
func TestClockIsSet(t *testing.T) {
	const behind = 72 * time.Hour
	w := newWorld(t)
	setClock(t, w.Now().Add(-behind))
	t.Cleanup(func() { setClock(t, w.Now()) })
	g := newGateway(t, asks)
	w.plug()
	g.online()
	g.wire.lease()
	isWrong := func(f api.Finding) bool { return f.Code == "RC35" }
	g.await("the doctor names it", func(d api.Document) error {
		if i := slices.IndexFunc(d.Doctor.Findings, isWrong); i < 0 || d.Doctor.Findings[i].Clause != "the clock of this gateway is 72h0m0s behind" {
			return fmt.Errorf("%+v", d.Doctor.Findings)
		}
		return nil
	})
	if off(w) < behind/2 {
		t.Errorf("the clock is off by %v, and nobody wished that it be set", off(w))
	}
	var bound api.Client
	g.await("the lease is shown", func(d api.Document) error {
		if bound = clientOf(d, g.wire.mac()); bound.Address == "" || !d.Online {
			return fmt.Errorf("%+v %s", d.Clients, d.Sentence)
		}
		return nil
	})

	g.configure(asks + "\toption set '1'\n")
	eventually(t, "the clock is right", func() error {
		if off(w) > time.Second {
			return fmt.Errorf("it is off by %v", off(w))
		}
		return nil
	})
	d := g.await("the doctor is content", func(d api.Document) error {
		if slices.ContainsFunc(d.Doctor.Findings, isWrong) || !d.Online {
			return errors.New(d.Sentence)
		}
		return nil
	})
	if now := clientOf(d, g.wire.mac()); now.Address != bound.Address || (now.Expires.Sub(bound.Expires)-behind).Abs() > time.Minute {
		t.Errorf("the lease was %+v and is %+v", bound, now)
	}
	helped := func(e api.Episode) bool {
		return e.Code == "RC35" && e.Remedy == "set-the-clock" && e.Helped == "yes" && e.To.Sub(e.From) < behind/2
	}
	if !slices.ContainsFunc(d.Doctor.History, helped) {
		t.Errorf("the history says %+v", d.Doctor.History)
	}
	g.wire.fetch()
}
