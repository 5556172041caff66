package mbim

import (
	"bytes"
	"os"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// usbDescriptors is a device with one MBIM function, by USB 2.0 9.6, CDC 1.2 5.2.3
// and MBIM 1.0 6.3 to 6.5.
func usbDescriptors() []byte {
	return bytes.Join([][]byte{
		{18, 0x01, 0x00, 0x02, 0xEF, 0x02, 0x01, 64, 0x34, 0x12, 0x78, 0x56, 0x00, 0x01, 1, 2, 3, 1}, // device
		{9, 0x02, 95, 0, 2, 1, 0, 0xA0, 250},                                // configuration
		{8, 0x0B, 0, 2, 0x02, 0x0E, 0x00, 0},                                // interface association
		{9, 0x04, 0, 0, 1, 0x02, 0x0E, 0x00, 0},                             // communications interface
		{5, 0x24, 0x00, 0x10, 0x01},                                         // header
		{5, 0x24, 0x06, 0, 1},                                               // union
		{12, 0x24, 0x1B, 0x00, 0x01, 0x00, 0x08, 16, 192, 0x00, 0x08, 0x20}, // MBIM, 2048 bytes
		{8, 0x24, 0x1C, 0x00, 0x02, 64, 0xDC, 0x05},                         // MBIM extended
		{7, 0x05, 0x81, 0x03, 64, 0, 5},                                     // interrupt endpoint
		{9, 0x04, 1, 0, 0, 0x0A, 0x00, 0x02, 0},                             // data interface
		{9, 0x04, 1, 1, 2, 0x0A, 0x00, 0x02, 0},                             // with endpoints
		{7, 0x05, 0x82, 0x02, 0, 2, 0}, {7, 0x05, 0x01, 0x02, 0, 2, 0},      // bulk endpoints
	}, nil)
}

func TestParseDescriptors(t *testing.T) {
	whole := usbDescriptors()
	edit := func(old, with []byte) []byte { return bytes.Replace(whole, old, with, 1) }
	for name, c := range map[string]struct {
		blob []byte
		want int
		ok   bool
	}{
		"one function":          {whole, 2048, true},
		"nothing":               {nil, 0, false},
		"cut in the descriptor": {whole[:bytes.Index(whole, []byte{12, 0x24})+8], 0, false},
		"zero length":           {append([]byte{0, 0}, whole...), 0, false},
		"length 1":              {append([]byte{1}, whole...), 0, false},
		"below the minimum":     {edit([]byte{0x00, 0x08, 16}, []byte{63, 0, 16}), 63, false},
		"the minimum":           {edit([]byte{0x00, 0x08, 16}, []byte{64, 0, 16}), 64, true},
		"of an audio function":  {edit([]byte{1, 0x02, 0x0E}, []byte{1, 0x01, 0x0E}), 0, false},
		"beside NCM":            {edit([]byte{1, 0x02, 0x0E}, []byte{1, 0x02, 0x0D}), 2048, true},
	} {
		if got, ok := ParseDescriptors(c.blob); got != c.want || ok != c.ok {
			t.Errorf("%s: %d, %t, want %d, %t", name, got, ok, c.want, c.ok)
		}
	}
}

// The request numbers as the kernel's headers give them: asm-generic/ioctl.h, and
// the MIPS form with the direction one bit lower.
func TestWDMMaxCommand(t *testing.T) {
	want := uintptr(0x800248A0)
	switch runtime.GOARCH {
	case "mips", "mipsle", "mips64", "mips64le", "ppc64", "ppc64le":
		want = 0x400248A0
	}
	if got := wdmMaxCommand(); got != want {
		t.Errorf("%#x, want %#x", got, want)
	}
}

func TestMaxControlFallsBack(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, c := range map[string]struct {
		control     syscall.Conn
		descriptors []byte
		want        int
	}{
		"not a modem":         {file, nil, DefaultControl},
		"descriptors":         {file, usbDescriptors(), 2048},
		"no node":             {nil, usbDescriptors(), 2048},
		"nothing":             {nil, nil, DefaultControl},
		"without MBIM inside": {nil, usbDescriptors()[:44], DefaultControl},
	} {
		if got := MaxControl(c.control, c.descriptors); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	file.Close()
	if got := MaxControl(file, nil); got != DefaultControl {
		t.Errorf("closed node: %d", got)
	}
}

// closedConn has no descriptor to offer.
type closedConn struct{}

func (closedConn) SyscallConn() (syscall.RawConn, error) { return nil, unix.EBADF }

func TestMaxControlWithoutDescriptor(t *testing.T) {
	if got := MaxControl(closedConn{}, nil); got != DefaultControl {
		t.Errorf("%d", got)
	}
}
