package mbim

import (
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The kinds of file that stand in for a control node, as the kernel makes them.

// packetPair is a pair of packet sockets: one read is one frame.
func packetPair(t *testing.T) (host, end *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fds[0]), "host"), os.NewFile(uintptr(fds[1]), "end")
}

// ptyPair is a pseudo terminal in raw mode: a stream.
func ptyPair(t *testing.T) (host, end *os.File) {
	t.Helper()
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := unix.Open(fmt.Sprintf("/dev/pts/%d", number), unix.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	mode, err := unix.IoctlGetTermios(slave, unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	mode.Iflag, mode.Oflag, mode.Lflag = 0, 0, 0
	if err := unix.IoctlSetTermios(slave, unix.TCSETS, mode); err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(slave), "host"), os.NewFile(uintptr(master), "end")
}

// answerAll plays a modem that opens and answers every command with device caps in
// small fragments.
func answerAll(end *os.File, caps []byte) error {
	var split Splitter
	var asm Assembler
	buf := make([]byte, DefaultControl)
	for {
		n, err := end.Read(buf)
		if err != nil {
			return err
		}
		split.Write(buf[:n], time.Time{})
		for frame, ok := split.Next(); ok; frame, ok = split.Next() {
			m, whole, err := asm.Add(frame, time.Time{})
			if err != nil || !whole {
				return fmt.Errorf("the host's frame: whole %t, %w", whole, err)
			}
			reply := Message{Type: m.Type | 1<<31, Transaction: m.Transaction, Service: m.Service, CID: m.CID, Info: caps}
			for _, frame := range reply.Frames(MinControl) {
				if _, err := end.Write(frame); err != nil {
					return err
				}
			}
		}
	}
}

func TestRealFiles(t *testing.T) {
	for name, pair := range map[string]func(*testing.T) (host, end *os.File){"packet socket": packetPair, "pty": ptyPair} {
		host, end := pair(t)
		modem := make(chan error, 1)
		go func() { modem <- answerAll(end, info(t, "spec/device-caps")) }()
		c := NewConn(host, Options{MaxControl: MaxControl(host, nil)})
		if err := c.Open(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for range 20 {
			m, err := c.Do(t.Context(), QueryDeviceCaps())
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if caps, err := ParseDeviceCaps(m.Info); err != nil || caps.Hardware != "MF100" {
				t.Errorf("%s: %+v, %v", name, caps, err)
			}
		}
		// A blocked read ends by Close, and the other end notices.
		if err := c.Close(t.Context(), true); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := <-modem; !errors.Is(err, io.EOF) && !errors.Is(err, unix.EIO) && !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("%s: modem ended with %v", name, err)
		}
		end.Close()
	}
}

func TestVanishedPeerIsRecognised(t *testing.T) {
	for name, pair := range map[string]func(*testing.T) (host, end *os.File){"packet socket": packetPair, "pty": ptyPair} {
		host, end := pair(t)
		c := NewConn(host, Options{})
		end.Close()
		<-c.Done()
		if err := c.Err(); !errors.Is(err, io.EOF) && !errors.Is(err, unix.EIO) {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.Close(t.Context(), false); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
