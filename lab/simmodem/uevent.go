package simmodem

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/netns"
)

// uevent is one message as the kernel sends it to its listeners.
type uevent struct {
	action    string // "add", "remove", "bind", "unbind"
	path      string // below /sys, beginning with /devices
	subsystem string
	vars      []string // KEY=value
}

// encode is the text of the message: a title and variables, each ended by NUL. The
// kernel adds SEQNUM by itself.
func (u uevent) encode() []byte {
	fields := append([]string{
		u.action + "@" + u.path, "ACTION=" + u.action, "DEVPATH=" + u.path, "SUBSYSTEM=" + u.subsystem,
	}, u.vars...)
	return []byte(strings.Join(fields, "\x00") + "\x00")
}

// sendUevents makes the kernel send messages to the listeners in the network
// namespace ns, where they arrive as from the kernel itself (port 0, group 1). It
// accepts that from a privileged sender since Linux 4.18.
func sendUevents(ns int, events []uevent) error {
	return netns.Do(ns, func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
		if err != nil {
			return fmt.Errorf("simmodem: uevent: %w", err)
		}
		for _, e := range events {
			err = errors.Join(err, unix.Sendto(fd, netlinkMessage(e.encode()), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}))
		}
		if err = errors.Join(err, unix.Close(fd)); err != nil {
			return fmt.Errorf("simmodem: uevent: %w", err)
		}
		return nil
	})
}

// netlinkMessage puts a header before text: the kernel takes requests only, and no
// control types.
func netlinkMessage(text []byte) []byte {
	message := make([]byte, unix.NLMSG_HDRLEN, unix.NLMSG_HDRLEN+len(text))
	binary.NativeEndian.PutUint32(message, uint32(unix.NLMSG_HDRLEN+len(text)))
	binary.NativeEndian.PutUint16(message[4:], unix.NLMSG_MIN_TYPE)
	binary.NativeEndian.PutUint16(message[6:], unix.NLM_F_REQUEST)
	return append(message, text...)
}
