package probe

import (
	"context"
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// lookFromGateway looks from the machine itself, by one interface only.
func lookFromGateway(ctx context.Context, g Gateway, targets []Target) (finding, uint64) {
	dialer := net.Dialer{Control: bind(g.Interface, g.Mark)}
	v := vantage{dial: dialer.DialContext, servers: g.Servers}
	f := v.look(ctx, targets)
	return f, v.bytes
}

// bind ties a socket to an interface and a mark, so that it cannot leave elsewhere.
func bind(name string, mark uint32) func(string, string, syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var device, fwmark error
		err := c.Control(func(fd uintptr) {
			device = unix.BindToDevice(int(fd), name)
			if mark != 0 {
				fwmark = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(mark))
			}
		})
		return errors.Join(err, device, fwmark)
	}
}
