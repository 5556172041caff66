package dhcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// session is what is open on one bridge. Requests are read from a packet socket: it
// hears clients whatever the firewall and reverse-path filters say, before the bridge
// has an address, and when they still renew at an address that it has no more. The
// kernel's receive queue is the queue of requests, and its bound theirs.
type session struct {
	index int
	mac   hwaddr
	port  net.PacketConn // holds the UDP port: no other server takes it, no ICMP error goes out
	dhcp  *packet.Conn
	arp   *packet.Conn
}

// open opens the sockets on an interface, which need be neither up nor addressed.
func open(ifi *net.Interface) (s *session, err error) {
	mac, ok := hwaddrOf(ifi.HardwareAddr)
	if !ok {
		return nil, errors.New("not an Ethernet interface")
	}
	s = &session{index: ifi.Index, mac: mac}
	if s.port, err = holdPort(ifi.Name); err != nil {
		return nil, fmt.Errorf("take UDP port %d: %w", serverPort, err)
	}
	s.dhcp, err = listen(ifi, unix.ETH_P_IP, requestFilter())
	if err == nil {
		s.arp, err = listen(ifi, unix.ETH_P_ARP, arpFilter())
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	return s, nil
}

// close ends the readers too.
func (s *session) close() {
	s.port.Close()
	for _, c := range []*packet.Conn{s.dhcp, s.arp} {
		if c != nil {
			c.Close()
		}
	}
}

// drops returns how many requests the full queue lost since the last call.
func (s *session) drops() uint64 {
	stats, err := s.dhcp.Stats()
	if err != nil {
		return 0
	}
	return uint64(stats.Drops)
}

// send puts a reply on the wire, to the hardware address in a frame of our own
// unless it is a broadcast. A queue that does not drain costs us only this reply.
func (s *session) send(server, to netip.Addr, mac hwaddr, reply []byte) error {
	if to == limitedBroadcast() {
		mac = broadcastMAC()
	}
	return write(s.dhcp, mac, appendPacket(nil, server, to, reply))
}

// probe asks on the wire who uses addr.
func (s *session) probe(addr netip.Addr) error {
	return write(s.arp, broadcastMAC(), arpProbe(s.mac, addr))
}

func write(c *packet.Conn, mac hwaddr, b []byte) error {
	const patience = 100 * time.Millisecond
	if err := c.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := c.WriteTo(b, &packet.Addr{HardwareAddr: mac.hardware()})
	return err
}

func broadcastMAC() hwaddr { return hwaddr{255, 255, 255, 255, 255, 255} }

func listen(ifi *net.Interface, protocol int, filter []bpf.Instruction) (*packet.Conn, error) {
	raw, err := bpf.Assemble(filter)
	if err != nil {
		return nil, err
	}
	return packet.Listen(ifi, packet.Datagram, protocol, &packet.Config{Filter: raw})
}

// holdPort binds the server port on an interface and lets nothing arrive there.
func holdPort(name string) (net.PacketConn, error) {
	nothing, err := bpf.Assemble([]bpf.Instruction{bpf.RetConstant{Val: 0}})
	if err != nil {
		return nil, err
	}
	program := unix.SockFprog{Len: uint16(len(nothing))}
	filter := make([]unix.SockFilter, len(nothing))
	for i, in := range nothing {
		filter[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	program.Filter = &filter[0]
	var failed error
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		err := c.Control(func(fd uintptr) {
			failed = errors.Join(
				unix.BindToDevice(int(fd), name),
				unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program))
		})
		return errors.Join(err, failed)
	}}
	return config.ListenPacket(context.Background(), "udp4", fmt.Sprintf(":%d", serverPort))
}

// requestFilter passes unfragmented UDP to the server port that is meant for this
// machine by its hardware address, whatever its IP address.
func requestFilter() []bpf.Instruction {
	const otherHost = 3 // PACKET_OTHERHOST of linux/if_packet.h: a bridge in promiscuous mode
	return []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: otherHost, SkipTrue: 8},
		bpf.LoadAbsolute{Off: 9, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: protoUDP, SkipTrue: 6},
		bpf.LoadAbsolute{Off: 6, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x3fff, SkipTrue: 4},
		bpf.LoadMemShift{Off: 0},
		bpf.LoadIndirect{Off: 2, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: serverPort, SkipTrue: 1},
		bpf.RetConstant{Val: maxFrame},
		bpf.RetConstant{Val: 0},
	}
}

// arpFilter passes answers to probes (their target address is the probe's sender
// address, 0.0.0.0) and announcements (sender and target address are the same), so
// that the LAN's everyday ARP wakes nobody.
func arpFilter() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: 24, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipFalse: 2},
		bpf.LoadAbsolute{Off: 6, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: arpReply, SkipTrue: 3, SkipFalse: 4},
		bpf.TAX{},
		bpf.LoadAbsolute{Off: 14, Size: 4},
		bpf.JumpIfX{Cond: bpf.JumpNotEqual, SkipTrue: 1},
		bpf.RetConstant{Val: arpSize},
		bpf.RetConstant{Val: 0},
	}
}
