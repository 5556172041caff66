package probe

import (
	"errors"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// What a packet costs beside its payload, in bytes of IPv4.
const (
	udpHeader = 28
	tcpHeader = 52                    // with timestamps (RFC 7323)
	synPacket = 60                    // the first of each side
	rstPacket = 40                    // refuses
	farewell  = 3 * tcpHeader         // FIN, FIN and the last acknowledgement
	firstWait = 1 * time.Second       // before a SYN is repeated (RFC 6298 section 2); it doubles
	greeting  = synPacket - tcpHeader // what a SYN has more than another segment
)

// tcpBytes is what a connection that is about to be closed costs, repeated and
// unread segments included, as the kernel counted them.
func tcpBytes(conn net.Conn) uint64 {
	c, ok := conn.(*net.TCPConn)
	if !ok {
		return 0
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	var n uint64
	_ = raw.Control(func(fd uintptr) { // an end of the connection costs nothing more
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			n = uint64(info.Segs_out)*tcpHeader + uint64(info.Segs_in)*tcpHeader + info.Bytes_sent + info.Bytes_received
		}
	})
	return n + 2*greeting + farewell
}

// failedTCPBytes is what a connection costs that did not come about within the time
// waited.
func failedTCPBytes(err error, waited time.Duration) uint64 {
	switch {
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENETUNREACH):
		return 0 // nothing left the machine
	case errors.Is(err, unix.ECONNREFUSED):
		return synPacket + rstPacket
	}
	n := uint64(synPacket)
	for again := firstWait; again <= waited; again = 2*again + firstWait {
		n += synPacket
	}
	return n
}
