package egress

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/nstest"
)

func TestMain(m *testing.M) { nstest.Main(m) }

// TestControl: routing and firewall see whose packets they are, of any mark.
func TestControl(t *testing.T) {
	nstest.Enter(t)
	nstest.Run(t, "ip link set lo up")
	for _, mark := range []uint32{0, 0x77, 0x80000001} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		for _, network := range []string{"udp", "tcp"} {
			dialer := net.Dialer{Control: Control("lo", mark)}
			conn, err := dialer.DialContext(t.Context(), network, listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			device, got := optionsOf(t, conn)
			if device != "lo" || got != mark {
				t.Errorf("%s, mark %#x: device %q, mark %#x", network, mark, device, got)
			}
		}
	}
}

func optionsOf(t *testing.T, conn net.Conn) (device string, mark uint32) {
	t.Helper()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		n, err1 := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK)
		name, err2 := unix.GetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE)
		if err := errors.Join(err1, err2); err != nil {
			t.Error(err)
		}
		device, mark = name, uint32(n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return device, mark
}

// TestNoWayOut: without the interface nothing is asked at all.
func TestNoWayOut(t *testing.T) {
	nstest.Enter(t)
	dialer := net.Dialer{Control: Control("absent0", 0)}
	if conn, err := dialer.Dial("udp", "127.0.0.1:53"); !errors.Is(err, unix.ENODEV) {
		t.Errorf("%v, %v", conn, err)
	}
}
