package dns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// poller waits for all sockets at once. Its epoll descriptor is itself watched by the
// runtime's poller, so that one parked goroutine, and no thread, waits for everything,
// and a deadline of that descriptor is the only timer.
type poller struct {
	file   *os.File
	fd     int
	raw    syscall.RawConn
	events [64]unix.EpollEvent
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // or os does not watch it
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	file := os.NewFile(uintptr(fd), "epoll")
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, err
	}
	return &poller{file: file, fd: fd, raw: raw}, nil
}

// add watches a socket for packets until it is closed.
func (p *poller) add(socket int) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(socket)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, socket, &event))
}

// ready returns the sockets that have something, none when all are drained. It does
// not wait.
func (p *poller) ready() []unix.EpollEvent {
	n, err := unix.EpollWait(p.fd, p.events[:], 0)
	if err != nil {
		return nil
	}
	return p.events[:n]
}

// run calls round until it says false whenever something is ready or the deadline
// has passed, and returns when ctx ends.
func (p *poller) run(ctx context.Context, round func() bool) error {
	for ctx.Err() == nil {
		err := p.raw.Read(func(uintptr) bool {
			for ctx.Err() == nil && round() {
			}
			return ctx.Err() != nil
		})
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			round() // moves the deadline
		case err != nil:
			return fmt.Errorf("wait for packets: %w", err)
		}
	}
	return nil
}

// wake sets the deadline; the zero time is none.
func (p *poller) wake(at time.Time) { p.file.SetReadDeadline(at) }
