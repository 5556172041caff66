package bus

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Bus is a bus that a test may end and start again.
type Bus struct {
	// Path is the socket for root.
	Path string

	start func(t testing.TB) (stop func())
	stop  func()
}

// Start starts the bus, again after Stop.
func (b *Bus) Start(t testing.TB) { t.Helper(); b.stop = b.start(t) }

// Stop ends the bus, if it runs.
func (b *Bus) Stop() {
	if b.stop != nil {
		b.stop()
	}
	b.stop = nil
}

// Both runs a test on the daemon of this package, and on the real one when it is on
// PATH: it is part of OpenWrt and in no distribution for servers. The bus is in
// /var/run/ubus below root, and does not run at first.
func Both(t *testing.T, f func(t *testing.T, root string, b *Bus)) {
	run := func(name string, start func(t testing.TB, path string) func()) {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			path := filepath.Join(root, "var/run/ubus/ubus.sock")
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			b := &Bus{Path: path, start: func(t testing.TB) func() { t.Helper(); return start(t, path) }}
			t.Cleanup(b.Stop)
			f(t, root, b)
		})
	}
	run("lab", startDaemon)
	if ubusd, err := exec.LookPath("ubusd"); err == nil {
		run("ubusd", func(t testing.TB, path string) func() { return startReal(t, ubusd, path) })
	}
}

func startDaemon(t testing.TB, path string) func() {
	t.Helper()
	d := New()
	if err := d.Listen(path, "root", "root"); err != nil {
		t.Fatal(err)
	}
	return d.Close
}

// startReal starts a ubusd and waits until it takes callers.
func startReal(t testing.TB, ubusd, path string) func() {
	t.Helper()
	cmd := exec.Command(ubusd, "-s", path)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for limit := time.Now().Add(patience); ; {
		c, err := Dial(path)
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(limit) {
			t.Fatal(err)
		}
	}
	return func() {
		_ = cmd.Process.Kill() // it is gone already
		_ = cmd.Wait()         // it was killed
		_ = os.Remove(path)    // a killed one leaves it
	}
}
