// Package netns makes the lab's network namespaces and runs code and commands
// inside them. Nothing in it touches the namespace it was started in.
package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// NS is a network namespace held open by a file. It vanishes, with all its
// interfaces, once it is closed and no process or socket is left in it.
type NS struct {
	file *os.File
}

// New makes an anonymous namespace, with loopback up.
func New() (*NS, error) {
	var ns *NS
	err := onOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("netns: unshare: %w", err)
		}
		var err error
		ns, err = Open("/proc/thread-self/ns/net")
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := ns.Run("ip", "link", "set", "lo", "up"); err != nil {
		return nil, errors.Join(err, ns.Close())
	}
	return ns, nil
}

// Open takes a reference to the namespace that a path names, such as
// /run/netns/gw or /proc/123/ns/net.
func Open(path string) (*NS, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("netns: %w", err)
	}
	return &NS{file: file}, nil
}

// FD is the namespace's descriptor, valid until Close.
func (n *NS) FD() int { return int(n.file.Fd()) }

// Path names the namespace for other programs (nsenter --net=, ip netns attach)
// as long as this process lives and n is open.
func (n *NS) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.FD()) }

// Close gives up the reference.
func (n *NS) Close() error { return n.file.Close() }

// Do runs fn inside the namespace, see Do.
func (n *NS) Do(fn func() error) error { return Do(n.FD(), fn) }

// Run runs a command inside the namespace; the error holds what it printed.
func (n *NS) Run(name string, args ...string) error { return RunIn(n.FD(), name, args...) }

// Output runs a command inside the namespace and returns what it printed to
// standard output and standard error.
func (n *NS) Output(name string, args ...string) (string, error) {
	return outputIn(n.FD(), name, args...)
}

// Start starts a command inside the namespace.
func (n *NS) Start(cmd *exec.Cmd) error { return n.Do(cmd.Start) }

// Do runs fn on a thread of its own inside the namespace fd and returns fn's
// error. Sockets that fn opens and processes it starts belong to the namespace for
// good; goroutines it starts do not.
func Do(fd int, fn func() error) error {
	return onOwnThread(func() error {
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("netns: setns: %w", err)
		}
		return fn()
	})
}

// onOwnThread runs fn on a thread that ends with it: a thread that has changed its
// namespace must never go back to the pool. The main thread cannot end, and is what
// /proc/self shows, so it is passed over.
func onOwnThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			done <- onOwnThread(fn) // on another thread, as this one is locked
			runtime.UnlockOSThread()
			return
		}
		done <- fn()
	}()
	return <-done
}

// Veth joins two namespaces by a veth pair, both ends up.
func Veth(a *NS, nameA string, b *NS, nameB string) error {
	peer := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), b.FD())
	if err := a.Run("ip", "link", "add", nameA, "type", "veth", "peer", "name", nameB, "netns", peer); err != nil {
		return err
	}
	return errors.Join(a.Run("ip", "link", "set", nameA, "up"), b.Run("ip", "link", "set", nameB, "up"))
}

// RunIn runs a command inside the namespace fd; the error holds what it printed.
func RunIn(fd int, name string, args ...string) error {
	_, err := outputIn(fd, name, args...)
	return err
}

// outputIn runs a command inside the namespace fd and returns what it printed.
func outputIn(fd int, name string, args ...string) (string, error) {
	var out []byte
	err := Do(fd, func() error {
		var err error
		out, err = exec.Command(name, args...).CombinedOutput()
		return err
	})
	if err != nil {
		line := strings.Join(append([]string{name}, args...), " ")
		return string(out), fmt.Errorf("netns: %s: %w: %s", line, err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}
