// Package egress ties sockets to the way that they must take: what asks in the name of one
// bearer leaves by that bearer or not at all, whatever the routes say.
package egress

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Bind ties a socket to an interface ("" to none) and gives its packets a mark (0 for
// none). It must be called before the socket sends anything. Needs CAP_NET_RAW for the
// interface and CAP_NET_ADMIN for the mark (socket(7)).
func Bind(socket int, name string, mark uint32) error {
	if mark != 0 {
		// As the kernel takes it, also above 1<<31 where an int has 32 bits.
		if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_MARK, int(int32(mark))); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return os.NewSyscallError("setsockopt", unix.BindToDevice(socket, name))
}

// Control is Bind as net.Dialer and net.ListenConfig want it.
func Control(name string, mark uint32) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var bound error
		err := c.Control(func(fd uintptr) { bound = Bind(int(fd), name, mark) })
		return errors.Join(err, bound)
	}
}
