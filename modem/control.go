package modem

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// openControl opens a control node so that reads are woken by the poller: a
// character device, a terminal (set raw) or a packet socket in its place.
func openControl(path string) (io.ReadWriteCloser, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("modem: open control node: %w", err)
	}
	if info.Mode()&fs.ModeSocket != 0 {
		conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
		if err != nil {
			return nil, fmt.Errorf("modem: open control node: %w", err)
		}
		return conn, nil
	}
	return openDevice(path)
}

func openDevice(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("modem: open control node: %w", &fs.PathError{Op: "open", Path: path, Err: err})
	}
	if err := makeRaw(fd); err != nil {
		return nil, fmt.Errorf("modem: set control terminal raw: %w", errors.Join(err, unix.Close(fd)))
	}
	return os.NewFile(uintptr(fd), path), nil
}

// makeRaw sets a terminal to pass bytes unchanged; other devices are left alone.
func makeRaw(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil // not a terminal
	}
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}
