package simmodem

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/netns"
)

// OpenTUN makes a network interface without link layer in the network namespace ns
// and returns its other end: each read gives one IP packet, each write takes one.
// The interface is down at first and vanishes with Close.
func OpenTUN(ns int, name string) (*os.File, error) {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return nil, fmt.Errorf("simmodem: interface %q: %w", name, err)
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	fd := -1
	err = netns.Do(ns, func() error {
		fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		return unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	})
	if err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return nil, fmt.Errorf("simmodem: interface %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), "tun "+name), nil
}
