package simmodem

import (
	"io"
	"net"
	"testing"
	"time"
)

// packet4 is an IPv4 packet without payload but with padding to size.
func packet4(source, destination [4]byte, size int) []byte {
	p := make([]byte, size)
	p[0], p[2], p[3], p[8], p[9] = 0x45, byte(size>>8), byte(size), 64, 17
	copy(p[12:], source[:])
	copy(p[16:], destination[:])
	return p
}

// pipeTUN is a network interface in memory: one end for the modem, one for the test.
func pipeTUN(t *testing.T, m *Modem) net.Conn {
	t.Helper()
	here, there := net.Pipe()
	m.Attach(there)
	t.Cleanup(func() { here.Close() })
	return here
}

func TestPacketsPassOnlyForTheBearersAddress(t *testing.T) {
	m, core := testModem(t, nil)
	tun := pipeTUN(t, m)
	mine, foreign, web := [4]byte{10, 20, 30, 40}, [4]byte{192, 168, 8, 2}, [4]byte{203, 0, 113, 80}
	six := make([]byte, 40)
	six[0] = 0x60
	copy(six[8:], net.ParseIP("2001:db8:1:2:aaaa::5"))

	tun.Write(packet4(mine, web, 28)) // before any bearer
	h := newHost(t, m)
	h.open()
	h.connect(0, "internet")
	b := core.last(t)
	tun.Write(packet4(foreign, web, 28))
	tun.Write([]byte{0x45, 0})
	tun.Write(packet4(mine, web, 1431))
	tun.Write(packet4(mine, web, 1430))
	tun.Write(six)
	for _, size := range []int{1430, 40} {
		select {
		case got := <-b.packets:
			if len(got) != size {
				t.Errorf("the core got %d bytes, want %d", len(got), size)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("the packet of %d bytes did not pass", size)
		}
	}
	go b.terminal.Receive(packet4(web, mine, 60))
	buf := make([]byte, 2000)
	if n, err := tun.Read(buf); err != nil || n != 60 {
		t.Errorf("the host got %d bytes, %v", n, err)
	}
	b.terminal.Receive(packet4(web, foreign, 60))
	m.DropBearer(0, 36)
	b.terminal.Receive(packet4(web, mine, 60))
	tun.Write(packet4(mine, web, 28))
	tun.Write(packet4(mine, web, 28)) // the former one has been counted when this is read
	c := m.Counts()
	if c.Uplink != 2 || c.Downlink != 1 || c.Foreign != 3 || c.TooBig != 1 || c.Idle < 3 {
		t.Errorf("counts: %+v", c)
	}
}

func TestAnotherInterfaceReplacesTheFormer(t *testing.T) {
	m, _ := testModem(t, nil)
	first := pipeTUN(t, m)
	pipeTUN(t, m)
	if _, err := first.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the former interface: %v, want EOF", err)
	}
	m.Detach()
	m.Detach()
}
