//go:build vm

package vmtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/board"
)

// limit bounds every wait. It is generous: an emulated machine, on a busy host as well, may be
// fifty times slower than a real one.
const limit = 4 * time.Minute

// eventually waits until ok says nil.
func eventually(t *testing.T, what string, ok func() error) {
	t.Helper()
	const look = 200 * time.Millisecond
	begun := time.Now()
	for {
		err := ok()
		if err == nil {
			t.Logf("%s after %v", what, time.Since(begun).Round(10*time.Millisecond))
			return
		}
		if time.Since(begun) > limit {
			t.Fatalf("%s: not within %v: %v", what, limit, err)
		}
		<-time.After(look) // neither sysfs nor the kernel's tables can be waited on
	}
}

// exists asks for a file.
func exists(path string) func() error {
	return func() error {
		_, err := os.Stat(path)
		return err
	}
}

// gone asks for a file to be away.
func gone(path string) func() error {
	return func() error {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s is there", path)
		}
		return nil
	}
}

// run runs a command in the machine's own namespace and returns what it printed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := command(name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func command(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return string(out), err
}

// quietKernel fails the test when the kernel complains during it.
func quietKernel(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile("/dev/kmsg", os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Seek(0, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer log.Close()
		var all []string
		record := make([]byte, 8192)
		for {
			n, err := unix.Read(int(log.Fd()), record)
			if errors.Is(err, unix.EAGAIN) {
				break // the end of the log
			}
			if err != nil {
				t.Errorf("the kernel's log: %v", err) // EPIPE: more than it holds
				break
			}
			all = append(all, string(record[:n]))
		}
		for _, c := range complaints(all) {
			t.Errorf("the kernel says %s", c)
		}
	})
}

// ofRadios are complaints of mac80211 that an overloaded machine brings about, and that say
// nothing about the gateway: a channel switch is counted down by a simulated radio that is
// woken too late; a simulated radio is taken away with frames of which it has not said yet
// whether they arrived.
func ofRadios() []string {
	return []string{"ieee80211_beacon_update_cntdwn", "ieee80211_free_ack_frame"}
}

// complaints picks from a kernel's log what must not be there. A complaint goes on to
// the end of its trace.
func complaints(log []string) (out []string) {
	excused := false
	for _, record := range log {
		switch {
		case strings.Contains(record, "WARNING:"):
			excused = slices.ContainsFunc(ofRadios(), func(where string) bool { return strings.Contains(record, where) })
		case strings.Contains(record, "end trace"):
			excused = false
		}
		for _, sign := range []string{"WARNING:", "BUG:", "Call Trace", "Oops", "refcount"} {
			if !excused && strings.Contains(record, sign) {
				out = append(out, record)
			}
		}
	}
	return out
}

// world is the operator and the modem; gateway is the machine itself.
type world struct {
	t *testing.T
	*board.Board
}

// newWorld makes an operator in a namespace of its own and loads the drivers.
func newWorld(t *testing.T) *world {
	t.Helper()
	quietKernel(t)
	b, err := board.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{t, b}
}

// plug plugs a modem in that was just powered on.
func (w *world) plug() {
	w.t.Helper()
	if err := w.Plug(); err != nil {
		w.t.Fatal(err)
	}
}

// unplug pulls the modem out, if it is in.
func (w *world) unplug() {
	w.t.Helper()
	if err := w.Unplug(); err != nil {
		w.t.Error(err)
	}
}

// appear waits for what the driver makes of the modem.
func (w *world) appear() {
	w.t.Helper()
	eventually(w.t, "control node", exists("/dev/cdc-wdm0"))
	eventually(w.t, "network interface", exists("/sys/class/net/wwan0"))
}
