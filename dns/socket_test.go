package dns

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bell is a UDP socket of ours with a client connected to it.
func bell(t *testing.T, listen, dial string) (socket int, client *net.UDPConn) {
	t.Helper()
	addr := netip.MustParseAddrPort(listen)
	socket, err := listenUDP(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(socket) })
	conn, err := net.Dial("udp", dial)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return socket, conn.(*net.UDPConn)
}

func TestBatchTakesManyAndSendsThemBack(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:5301", "[::1]:5301"} {
		socket, client := bell(t, addr, addr)
		for i := range batchLen + 3 {
			fmt.Fprintf(client, "packet %d", i)
		}
		in, out := newBatch(), newBatch()
		if n := in.receive(socket); n != batchLen {
			t.Fatalf("%d packets", n)
		}
		for i := range batchLen {
			if got := string(in.packet(i)); got != fmt.Sprintf("packet %d", i) {
				t.Errorf("%q", got)
			}
			if want := client.LocalAddr().(*net.UDPAddr).AddrPort().Addr(); in.paths[i].client != want {
				t.Errorf("client %v, want %v", in.paths[i].client, want)
			}
			out.queue(i, copy(out.bufs[i][:], fmt.Sprintf("reply %d", i)), &in.paths[i])
		}
		if lost := out.send(socket, batchLen); lost != 0 {
			t.Errorf("%d lost", lost)
		}
		buf := make([]byte, 64)
		for i := range batchLen {
			n, err := client.Read(buf)
			if got := string(buf[:n]); err != nil || got != fmt.Sprintf("reply %d", i) {
				t.Errorf("%q %v", got, err)
			}
		}
		if n := in.receive(socket); n != 3 {
			t.Errorf("%d packets left", n)
		}
		if n := in.receive(socket); n != 0 {
			t.Errorf("%d packets out of nothing", n)
		}
	}
}

func TestPacketLongerThanAQuestionIsNone(t *testing.T) {
	socket, client := bell(t, "127.0.0.1:5302", "127.0.0.1:5302")
	client.Write(bytes.Repeat([]byte("x"), maxQuery))
	client.Write(bytes.Repeat([]byte("x"), maxQuery+1))
	in := newBatch()
	if n := in.receive(socket); n != 2 || len(in.packet(0)) != maxQuery || in.packet(1) != nil {
		t.Errorf("%d packets of %d and %d", n, len(in.packet(0)), len(in.packet(1)))
	}
}

func TestOneUndeliverableReplyDoesNotStopTheOthers(t *testing.T) {
	socket, client := bell(t, "127.0.0.1:5303", "127.0.0.1:5303")
	client.Write([]byte("x"))
	in, out := newBatch(), newBatch()
	if n := in.receive(socket); n != 1 {
		t.Fatal(n)
	}
	for i := range 3 {
		out.queue(i, copy(out.bufs[i][:], fmt.Sprint(i)), &in.paths[0])
	}
	raw := (*unix.RawSockaddrInet4)(unsafe.Pointer(&out.paths[1].addr))
	raw.Addr = [4]byte{203, 0, 113, 1} // there is no route
	if lost := out.send(socket, 3); lost != 1 {
		t.Errorf("%d lost", lost)
	}
	buf := make([]byte, 8)
	for _, want := range []string{"0", "2"} {
		if n, err := client.Read(buf); err != nil || string(buf[:n]) != want {
			t.Errorf("%q %v, want %q", buf[:n], err, want)
		}
	}
}

func TestSamePathComparesEqualAndAnothersDoesNot(t *testing.T) {
	socket, client := bell(t, "127.0.0.1:5304", "127.0.0.1:5304")
	other, err := net.Dial("udp", "127.0.0.1:5304")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	in := newBatch()
	for i := range in.paths { // what an earlier packet by IPv6 may have left
		in.paths[i].addr.Scope_id = uint32(i)
		in.paths[i].control[controlLen-1] = byte(i)
	}
	client.Write([]byte("a"))
	client.Write([]byte("b"))
	other.Write([]byte("c"))
	if n := in.receive(socket); n != 3 || in.paths[0] != in.paths[1] || in.paths[0] == in.paths[2] {
		t.Errorf("%d packets by\n%+v\n%+v\n%+v", n, in.paths[0], in.paths[1], in.paths[2])
	}
}

func TestUpstreamSocketIsBoundMarkedAndConnected(t *testing.T) {
	operator, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.53:53")))
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	socket, err := openUpstream(Upstream{Interface: "lo", Mark: 0x80000001}, netip.MustParseAddr("127.0.0.53"), []byte("question"))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(socket)
	if mark, err := unix.GetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_MARK); err != nil || uint32(mark) != 0x80000001 {
		t.Errorf("mark %x %v", mark, err)
	}
	if device, err := unix.GetsockoptString(socket, unix.SOL_SOCKET, unix.SO_BINDTODEVICE); err != nil || device != "lo" {
		t.Errorf("device %q %v", device, err)
	}
	buf := make([]byte, 64)
	n, from, err := operator.ReadFromUDPAddrPort(buf)
	if err != nil || string(buf[:n]) != "question" {
		t.Fatalf("%q %v", buf[:n], err)
	}
	stranger, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(from))
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	stranger.Write([]byte("forged")) // refused by the kernel: another address
	if _, err := operator.WriteToUDPAddrPort([]byte("answer"), from); err != nil {
		t.Fatal(err)
	}
	if n, err := unix.Read(socket, buf); err != nil || string(buf[:n]) != "answer" {
		t.Errorf("%q %v", buf[:n], err)
	}
}

func TestUpstreamSocketThatCannotBeBoundAsksNobody(t *testing.T) {
	operator, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.53:53")))
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	if _, err := openUpstream(Upstream{Interface: "wwan9"}, netip.MustParseAddr("127.0.0.53"), []byte("leak")); err == nil {
		t.Error("bound to an interface that is not there")
	}
	socket, err := openUpstream(Upstream{Interface: "lo"}, netip.MustParseAddr("127.0.0.53"), []byte("question"))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(socket)
	buf := make([]byte, 64)
	if n, err := operator.Read(buf); err != nil || string(buf[:n]) != "question" { // the first packet there is
		t.Errorf("%q %v", buf[:n], err)
	}
}

func TestLinkLocalServerIsMeantOnTheBearersInterface(t *testing.T) {
	if got := serverAddr(Upstream{Interface: "lo"}, netip.MustParseAddr("fe80::1")); got.String() != "[fe80::1%lo]:53" {
		t.Error(got)
	}
	sa, ok := sockaddr(serverAddr(Upstream{Interface: "lo"}, netip.MustParseAddr("fe80::1"))).(*unix.SockaddrInet6)
	if !ok || sa.ZoneId != 1 { // loopback is the first interface everywhere
		t.Errorf("%+v", sa)
	}
	if got := zoneID("12"); got != 12 {
		t.Error(got)
	}
}
