package lab

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/netns"
)

// spawner starts processes in namespaces from one thread that lives as long as the
// lab: the kernel ends a process with the thread that started it, so that a killed
// lab leaves no process behind, and an early end of the thread would end it too soon.
type spawner chan func()

func newSpawner() spawner {
	s := make(spawner)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for work := range s {
			work()
		}
	}()
	return s
}

// start starts a command in a namespace; it dies with the lab.
func (s spawner) start(ns *netns.NS, cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = unix.SIGKILL
	done := make(chan error, 1)
	s <- func() {
		if err := unix.Setns(ns.FD(), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter the namespace: %w", err)
			return
		}
		done <- cmd.Start()
	}
	return <-done
}
