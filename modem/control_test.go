package modem

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/tetherd/tetherd/lab/simmodem"
	"golang.org/x/sys/unix"
)

func TestControlNodeMayBeATerminalAndIsSetRaw(t *testing.T) {
	m := simmodem.New(simmodem.Options{Core: &operator{}, SIM: card("8949", "262010000000001", "26201")})
	defer m.Close()
	path, closer, err := m.OpenPTY()
	must(t, err)
	defer closer.Close()
	link := filepath.Join(t.TempDir(), "cdc-wdm0")
	must(t, os.Symlink(path, link))
	rw, err := openControl(link)
	must(t, err)
	file := rw.(*os.File)
	raw, err := file.SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) {
		mode, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		if err != nil || mode.Lflag&(unix.ICANON|unix.ECHO) != 0 || mode.Oflag&unix.OPOST != 0 {
			t.Errorf("mode %+v, %v", mode, err)
		}
		flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
		if err != nil || flags&unix.O_NONBLOCK == 0 {
			t.Errorf("flags %#x, %v", flags, err)
		}
	}))
	b, err := openMBIM(t.Context(), rw, nil, false, quiet())
	must(t, err)
	f, failed := b.do(t.Context(), Command{op: opReadSIM})
	if s, ok := f.(simState); !ok || s.state != simReady || s.iccid != "8949" || failed != nil {
		t.Errorf("SIM %+v, %+v", f, failed)
	}
	must(t, b.close(t.Context(), true))
}

func TestControlNodeThatCannotBeOpenedIsAnError(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "socket")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0)
	must(t, err)
	must(t, unix.Bind(fd, &unix.SockaddrUnix{Name: dead})) // nobody listens
	must(t, unix.Close(fd))
	for path, want := range map[string]error{
		filepath.Join(dir, "none"): fs.ErrNotExist,
		dead:                       unix.ECONNREFUSED,
		dir:                        unix.EISDIR,
	} {
		if rw, err := openControl(path); !errors.Is(err, want) {
			t.Errorf("%s: %v, %v, want %v", path, rw, err, want)
		}
	}
}

func TestDeviceThatIsNoTerminalIsOpenedAsItIs(t *testing.T) {
	rw, err := openControl("/dev/null")
	must(t, err)
	must(t, rw.Close())
}
