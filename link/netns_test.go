package link

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// space is a network namespace of a test's own.
type space struct{ file *os.File }

// unshare moves the calling goroutine, and what it executes, into a fresh
// namespace for good: its thread is never given back.
func unshare() (*os.File, error) {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("these tests need root and network namespaces: %w", err)
	}
	return os.Open("/proc/thread-self/ns/net")
}

// enter moves the test into a fresh namespace.
func enter(t testing.TB) *space {
	t.Helper()
	f, err := unshare()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	run(t, "ip link set lo up")
	return &space{f}
}

// newSpace makes a further namespace, for a peer.
func newSpace(t testing.TB) *space {
	t.Helper()
	var s space
	done := make(chan error)
	go func() {
		var err error
		s.file, err = unshare()
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.file.Close() })
	return &s
}

// start runs f on a thread inside the namespace.
func (s *space) start(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Setns(int(s.file.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return done
}

// do runs f inside the namespace and waits for it.
func (s *space) do(t testing.TB, f func()) {
	t.Helper()
	if err := <-s.start(func() error { f(); return nil }); err != nil {
		t.Fatal(err)
	}
}

func (s *space) run(t testing.TB, lines ...string) (out string) {
	t.Helper()
	s.do(t, func() { out = run(t, lines...) })
	return out
}

// path names the namespace to ip.
func (s *space) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), s.file.Fd()) }

// run executes commands, split at spaces, and returns what they print.
func run(t testing.TB, lines ...string) string {
	t.Helper()
	var all strings.Builder
	for _, l := range lines {
		f := strings.Fields(l)
		out, err := exec.Command(f[0], f[1:]...).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", l, err, out)
		}
		all.Write(out)
	}
	return all.String()
}

// here is the namespace that the test is in.
func here(t testing.TB) *space {
	t.Helper()
	f, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &space{f}
}
