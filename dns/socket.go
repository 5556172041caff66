package dns

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"unsafe"

	"github.com/tetherd/tetherd/egress"
	"golang.org/x/sys/unix"
)

// Sizes of the packet exchange with the kernel.
const (
	batchLen   = 16
	controlLen = 64 // room for one IPV6_PKTINFO message and more
)

// path is the way back to whoever sent a packet. It is comparable: equal paths are
// the same client's same socket.
type path struct {
	client  netip.Addr
	socket  int // of ours that the packet came to
	addr    unix.RawSockaddrInet6
	addrLen uint32
	control [controlLen]byte // which address of ours was asked, as the kernel told it
	ctrlLen int
	tcp     chan []byte // for a TCP client instead of all but the first
}

// limit is how long a reply to q may be on this path.
func (p *path) limit(q *query) int {
	if p.tcp != nil {
		return maxTCP
	}
	return q.size
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// batch is a run of packets that one system call moves. Its parts point to each
// other, so it must not be copied.
type batch struct {
	hdrs  [batchLen]mmsghdr
	iovs  [batchLen]unix.Iovec
	paths [batchLen]path
	bufs  [batchLen][maxQuery]byte
}

func newBatch() *batch {
	b := new(batch)
	for i := range b.hdrs {
		hdr := &b.hdrs[i].hdr
		b.iovs[i].Base = &b.bufs[i][0]
		hdr.Iov = &b.iovs[i]
		hdr.SetIovlen(1)
		hdr.Name = (*byte)(unsafe.Pointer(&b.paths[i].addr))
	}
	return b
}

// receive fills b from a socket and returns how many packets came, 0 for none.
func (b *batch) receive(socket int) int {
	for i := range b.hdrs {
		hdr := &b.hdrs[i].hdr
		b.iovs[i].SetLen(maxQuery)
		b.paths[i].addr = unix.RawSockaddrInet6{} // an IPv4 address fills only half
		hdr.Namelen = unix.SizeofSockaddrInet6
		hdr.Control = &b.paths[i].control[0]
		hdr.SetControllen(controlLen)
	}
	n, ok := b.move(unix.SYS_RECVMMSG, socket, 0, batchLen)
	if !ok {
		return 0
	}
	for i := range n {
		b.paths[i].received(socket, &b.hdrs[i].hdr)
	}
	return n
}

// received completes the path of a packet that hdr describes.
func (p *path) received(socket int, hdr *unix.Msghdr) {
	p.socket, p.addrLen, p.ctrlLen = socket, hdr.Namelen, int(hdr.Controllen)
	clear(p.control[p.ctrlLen:])
	if p.addr.Family == unix.AF_INET {
		raw := (*unix.RawSockaddrInet4)(unsafe.Pointer(&p.addr))
		p.client = netip.AddrFrom4(raw.Addr)
	} else {
		p.client = netip.AddrFrom16(p.addr.Addr).Unmap()
	}
}

// packet returns packet i, nil when it was longer than a question may be.
func (b *batch) packet(i int) []byte {
	if b.hdrs[i].hdr.Flags&unix.MSG_TRUNC != 0 {
		return nil
	}
	return b.bufs[i][:b.hdrs[i].n]
}

// queue makes n bytes of buffer i the packet that goes back on p.
func (b *batch) queue(i, n int, p *path) {
	hdr := &b.hdrs[i].hdr
	b.paths[i] = *p
	b.iovs[i].SetLen(n)
	hdr.Namelen = p.addrLen
	hdr.Control = nil
	if p.ctrlLen > 0 {
		hdr.Control = &b.paths[i].control[0]
	}
	hdr.SetControllen(p.ctrlLen)
}

// send sends the first n packets and returns how many the kernel did not take.
func (b *batch) send(socket, n int) (lost int) {
	for sent := 0; sent < n; {
		m, ok := b.move(unix.SYS_SENDMMSG, socket, sent, n-sent)
		if !ok { // the first one is at fault; the others may still go
			lost, m = lost+1, 1
		}
		sent += m
	}
	return lost
}

// move calls recvmmsg or sendmmsg. The socket never blocks, so the scheduler need
// not know of the call.
func (b *batch) move(call uintptr, socket, first, n int) (int, bool) {
	for {
		r, _, errno := unix.RawSyscall6(call, uintptr(socket),
			uintptr(unsafe.Pointer(&b.hdrs[first])), uintptr(n), unix.MSG_DONTWAIT, 0, 0)
		runtime.KeepAlive(b)
		if errno != unix.EINTR {
			return int(r), errno == 0
		}
	}
}

// listenUDP opens a socket for clients. The address need not be there yet.
func listenUDP(addr netip.AddrPort) (int, error) {
	socket, err := newSocket(addr, unix.SOCK_DGRAM)
	if err != nil {
		return -1, err
	}
	if addr.Addr().IsUnspecified() { // else the socket's own address is the source
		if addr.Addr().Is4() {
			err = unix.SetsockoptInt(socket, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		} else {
			err = unix.SetsockoptInt(socket, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
		}
	}
	return bound(socket, addr, err)
}

// listenTCP is listenUDP for streams.
func listenTCP(addr netip.AddrPort) (int, error) {
	socket, err := newSocket(addr, unix.SOCK_STREAM)
	if err != nil {
		return -1, err
	}
	err = unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if socket, err = bound(socket, addr, err); err != nil {
		return -1, err
	}
	if err := unix.Listen(socket, maxConns); err != nil {
		unix.Close(socket)
		return -1, os.NewSyscallError("listen", err)
	}
	return socket, nil
}

// bound binds a socket after its options were set with the result err.
func bound(socket int, addr netip.AddrPort, err error) (int, error) {
	if err == nil {
		err = unix.Bind(socket, sockaddr(addr))
	}
	if err != nil {
		unix.Close(socket)
		return -1, os.NewSyscallError("bind", err)
	}
	return socket, nil
}

func newSocket(addr netip.AddrPort, kind int) (int, error) {
	family, level, freebind := unix.AF_INET, unix.IPPROTO_IP, unix.IP_FREEBIND
	if addr.Addr().Is6() {
		family, level, freebind = unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_FREEBIND
	}
	socket, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if family == unix.AF_INET6 {
		err = unix.SetsockoptInt(socket, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	if err == nil {
		err = unix.SetsockoptInt(socket, level, freebind, 1)
	}
	if err != nil {
		unix.Close(socket)
		return -1, os.NewSyscallError("setsockopt", err)
	}
	return socket, nil
}

func sockaddr(addr netip.AddrPort) unix.Sockaddr {
	if addr.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	}
	sa := &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
	if zone := addr.Addr().Zone(); zone != "" {
		sa.ZoneId = zoneID(zone)
	}
	return sa
}

func zoneID(zone string) uint32 {
	if ifi, err := net.InterfaceByName(zone); err == nil {
		return uint32(ifi.Index)
	}
	id, _ := strconv.ParseUint(zone, 10, 32)
	return uint32(id)
}

// serverPort is where servers listen.
const serverPort = 53

// openUpstream sends packet to a server from a socket, and so a random port, of its own
// that hears that server only and leaves by the bearer only.
func openUpstream(up Upstream, server netip.Addr, packet []byte) (int, error) {
	family := unix.AF_INET
	if server.Is6() {
		family = unix.AF_INET6
	}
	socket, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err = egress.Bind(socket, up.Interface, up.Mark); err == nil {
		err = unix.Connect(socket, sockaddr(serverAddr(up, server)))
	}
	if err == nil {
		_, err = unix.Write(socket, packet)
	}
	if err != nil {
		unix.Close(socket)
		return -1, fmt.Errorf("ask %s: %w", server, err)
	}
	return socket, nil
}

// serverAddr gives a link-local server the bearer's interface as its zone.
func serverAddr(up Upstream, server netip.Addr) netip.AddrPort {
	if server.Is6() && server.IsLinkLocalUnicast() {
		server = server.WithZone(up.Interface)
	}
	return netip.AddrPortFrom(server, serverPort)
}
