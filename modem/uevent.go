package modem

import (
	"bytes"
	"context"
	"fmt"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// maxUevent bounds a message in bytes: the kernel's own buffer is 2 KiB.
const maxUevent = 4 << 10

// uevent is a message of the kernel about a device (lib/kobject_uevent.c): a header
// "action@path" and KEY=value pairs, each ended by a zero byte.
type uevent struct {
	action    string // add, remove, bind, change, ...
	path      string // below /sys
	subsystem string
}

// parseUevent reads a message. What other programs broadcast has another form and
// is refused.
func parseUevent(b []byte) (uevent, bool) {
	header, rest, ok := bytes.Cut(b, []byte{0})
	if !ok || len(b) > maxUevent {
		return uevent{}, false
	}
	action, path, ok := bytes.Cut(header, []byte("@"))
	if !ok || len(action) == 0 || len(path) == 0 || path[0] != '/' {
		return uevent{}, false
	}
	e := uevent{action: string(action), path: string(path)}
	for len(rest) > 0 {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, []byte{0})
		if value, ok := bytes.CutPrefix(pair, []byte("SUBSYSTEM=")); ok {
			e.subsystem = string(value)
		}
	}
	return e, true
}

// matters reports whether a modem may have come, gone or changed.
func (e uevent) matters() bool {
	switch e.subsystem {
	case "usbmisc", "wwan", "net":
		return e.action == "add" || e.action == "remove" || e.action == "move"
	case "usb":
		return e.action == "bind" || e.action == "unbind" || e.action == "remove"
	}
	return false
}

// uevents is a socket that hears the kernel's messages about devices.
type uevents struct{ conn *netlink.Conn }

func listenUevents() (*uevents, error) {
	const kernelGroup = 1
	conn, err := netlink.Dial(unix.NETLINK_KOBJECT_UEVENT, &netlink.Config{Groups: kernelGroup})
	if err != nil {
		return nil, fmt.Errorf("modem: listen to device events: %w", err)
	}
	return &uevents{conn: conn}, nil
}

// run calls poke for each message of the kernel that matters, until ctx ends. The
// messages are not framed as netlink's are, so they are read from the socket.
func (u *uevents) run(ctx context.Context, poke func()) error {
	stop := context.AfterFunc(ctx, func() { _ = u.conn.Close() })
	defer stop()
	defer u.conn.Close()
	raw, err := u.conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("modem: device events: %w", err)
	}
	buf := make([]byte, maxUevent)
	for {
		lost, err := receiveUevent(raw, buf, poke)
		switch {
		case ctx.Err() != nil:
			return nil
		case lost:
			poke() // messages were dropped: look afresh
		case err != nil:
			return fmt.Errorf("modem: device events: %w", err)
		}
	}
}

// receiveUevent waits for one message; lost says that the kernel dropped some.
func receiveUevent(raw syscall.RawConn, buf []byte, poke func()) (lost bool, err error) {
	var n int
	var from unix.Sockaddr
	var failure error
	err = raw.Read(func(fd uintptr) bool {
		n, from, failure = unix.Recvfrom(int(fd), buf, 0)
		return failure != unix.EAGAIN && failure != unix.EINTR
	})
	switch {
	case err != nil:
		return false, err
	case failure == unix.ENOBUFS:
		return true, nil
	case failure != nil:
		return false, failure
	}
	sender, ok := from.(*unix.SockaddrNetlink)
	if !ok || sender.Pid != 0 { // not the kernel
		return false, nil
	}
	if e, ok := parseUevent(buf[:n]); ok && e.matters() {
		poke()
	}
	return false, nil
}
