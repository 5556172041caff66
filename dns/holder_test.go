package dns

import (
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/lab/nstest"
)

// TestHolderIsNamed has another process hold a port, and asks who does.
func TestHolderIsNamed(t *testing.T) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(conn.LocalAddr().(*net.UDPAddr).Port)
	file, err := conn.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if got := holder("/proc", port); got != "" {
		t.Errorf("our own socket is said to be held by %q", got)
	}
	want, end := nstest.Holding(t, file)
	if got := holder("/proc", port); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	end()
	if got := holder("/proc", port); got != "" {
		t.Errorf("when it is gone: %q", got)
	}
}

// TestHolderOfAMadeUpProc: names are made printable, tables and folders that cannot be
// read are passed over.
func TestHolderOfAMadeUpProc(t *testing.T) {
	proc := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(proc, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("net/tcp", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"+
		"   0: 0161A8C0:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1\n"+
		"   1: 0161A8C0:0035 0261A8C0:1234 01 00000000:00000000 00:00000000 00000000     0        0 4243 1\n"+
		"short line\n")
	write("12/comm", "no folder of files\n")
	write("731/comm", "dns\x1b[2Jmasq\n")
	if err := os.MkdirAll(filepath.Join(proc, "731/fd"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("socket:[4242]", filepath.Join(proc, "731/fd/3")); err != nil {
		t.Fatal(err)
	}
	if got, want := holder(proc, 53), "dns[2Jmasq (process 731)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := holder(proc, 54); got != "" {
		t.Errorf("another port: %q", got)
	}
	if got := unconnected(strings.Repeat("x ", 30)+"\n", 53); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// TestStatusNamesTheHolder: the driver tells who has its port, and forgets it when it
// is free.
func TestStatusNamesTheHolder(t *testing.T) {
	d := New(Options{Log: slog.New(slog.DiscardHandler)})
	taken, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	spec := Spec{Listen: []netip.AddrPort{netip.MustParseAddrPort(taken.LocalAddr().String())}}
	if err := d.Apply(spec); err == nil || !strings.Contains(d.Observe().Error, "address already in use") {
		t.Fatalf("%v, %+v", err, d.Observe())
	}
	taken.Close()
	if err := d.Apply(spec); err != nil {
		t.Fatal(err)
	}
	if st := d.Observe(); st.Error != "" || st.Holder != "" {
		t.Errorf("afterwards: %+v", st)
	}
	if err := d.Apply(Spec{}); err != nil {
		t.Fatal(err)
	}
}
