// Package nstest gives tests network namespaces of their own: a test moves into one
// (Enter), makes further ones for its peers (New), runs commands and functions in
// them; or the whole test binary moves, once (Main) or for each test (Alone). It
// needs root and iproute2. Each namespace goes with its test.
package nstest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/lab/netns"
	"golang.org/x/sys/unix"
)

// Space is a network namespace that lasts as long as its test.
type Space struct{ ns *netns.NS }

// New makes a namespace, with loopback up, for a peer of the test.
func New(t testing.TB) *Space {
	t.Helper()
	return keep(t)(netns.New())
}

// Here is the namespace that the calling goroutine is in.
func Here(t testing.TB) *Space {
	t.Helper()
	return keep(t)(netns.Open("/proc/thread-self/ns/net"))
}

// keep holds a namespace until the test ends.
func keep(t testing.TB) func(*netns.NS, error) *Space {
	return func(ns *netns.NS, err error) *Space {
		t.Helper()
		if err != nil {
			t.Fatalf("tests in network namespaces need root and iproute2: %v", err)
		}
		t.Cleanup(func() { ns.Close() })
		return &Space{ns}
	}
}

// Enter moves the calling goroutine, and the commands it executes, into a new
// namespace for good: its thread ends with it. Goroutines that it starts, subtests
// among them, are not inside; see Start.
func Enter(t testing.TB) *Space {
	t.Helper()
	s := New(t)
	runtime.LockOSThread()
	if err := unix.Setns(s.ns.FD(), unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	return s
}

// Path names the namespace to other programs, such as ip link … netns PATH.
func (s *Space) Path() string { return s.ns.Path() }

// Start runs f on a thread inside the namespace and tells what it returned. f must
// not end the test.
func (s *Space) Start(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- s.ns.Do(f) }()
	return done
}

// Do runs f inside the namespace and waits for it. f must not end the test.
func (s *Space) Do(t testing.TB, f func()) {
	t.Helper()
	if err := s.ns.Do(func() error { f(); return nil }); err != nil {
		t.Fatal(err)
	}
}

// Run is the function Run inside the namespace.
func (s *Space) Run(t testing.TB, lines ...string) (out string) {
	t.Helper()
	s.Do(t, func() { out = Run(t, lines...) })
	return out
}

// Run executes commands, each a line split at spaces, where the calling goroutine
// is, and returns what they print. One that fails is an error of the test.
func Run(t testing.TB, lines ...string) string {
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

// Holding starts another program that has a file open, which is closed here. It returns
// what the program is called, and how to end it.
func Holding(t testing.TB, file *os.File) (name string, end func()) {
	t.Helper()
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{file}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	file.Close()
	return fmt.Sprintf("cat (process %d)", cmd.Process.Pid), func() {
		t.Helper()
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}
