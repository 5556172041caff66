package simmodem

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Listen makes a control node of a SOCK_SEQPACKET socket at path; each packet is one
// frame. One host at a time: a new connection throws the former out. Close takes the
// node away, with the host that uses it.
func (m *Modem) Listen(path string) (io.Closer, error) {
	listener, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		return nil, fmt.Errorf("simmodem: control node: %w", err)
	}
	n := &node{closers: []io.Closer{listener}}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if n.adopt(conn) {
				go m.Serve(conn)
			}
		}
	}()
	return n, nil
}

// OpenPTY makes a control node of a pseudo-terminal in raw mode and returns the path
// of the host's side. Frames are a byte stream there. Close takes the node away.
func (m *Modem) OpenPTY() (path string, closer io.Closer, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", nil, fmt.Errorf("simmodem: control node: %w", err)
	}
	path, held, err := unlockPTY(fd)
	if err != nil {
		unix.Close(fd)
		return "", nil, fmt.Errorf("simmodem: control node: %w", err)
	}
	master := os.NewFile(uintptr(fd), "ptmx")
	go m.serve(m.admit(master)) // admitted before anybody can come after it
	return path, &node{closers: []io.Closer{master, held}}, nil
}

// unlockPTY prepares the host's side and holds it open, so that the terminal lives
// on when a host leaves.
func unlockPTY(master int) (path string, held *os.File, err error) {
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return "", nil, fmt.Errorf("unlock: %w", err)
	}
	number, err := unix.IoctlGetUint32(master, unix.TIOCGPTN)
	if err != nil {
		return "", nil, fmt.Errorf("number: %w", err)
	}
	path = fmt.Sprintf("/dev/pts/%d", number)
	held, err = os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return "", nil, err
	}
	if err := makeRaw(int(held.Fd())); err != nil {
		return "", nil, errors.Join(err, held.Close())
	}
	return path, held, nil
}

// makeRaw switches off all that a terminal does to bytes.
func makeRaw(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return fmt.Errorf("terminal settings: %w", err)
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cflag = unix.CS8 | unix.CREAD | t.Cflag&unix.CBAUD
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
		return fmt.Errorf("terminal settings: %w", err)
	}
	return nil
}

// node is a control node.
type node struct {
	mu      sync.Mutex
	closed  bool
	host    io.Closer // the last connection; Serve closes the ones before
	closers []io.Closer
}

// adopt takes a connection, or closes it when the node has gone meanwhile.
func (n *node) adopt(host io.Closer) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		host.Close()
		return false
	}
	n.host = host
	return true
}

// Close takes the node away, and the host with it.
func (n *node) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	if n.host != nil {
		n.host.Close()
	}
	var errs []error
	for _, c := range n.closers {
		if err := c.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
