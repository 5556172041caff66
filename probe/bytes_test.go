package probe

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestBytesAreWhatTheKernelCounts compares a look's own account with the interface's.
func TestBytesAreWhatTheKernelCounts(t *testing.T) {
	l := newLAN(t)
	for _, c := range []struct {
		name   string
		target Target
		want   Verdict
	}{
		{"a page", targets()[0], Online},
		{"a page with a body", targets()[1], Online},
		{"nobody listens", Target{URL: "http://203.0.113.204:81/"}, Dead},
	} {
		before := loopbackBytes(t)
		f := fromGateway(t.Context(), usualLimits(), c.target)
		if c.want == Online {
			<-l.closed // the server has said its last word
		}
		// Who ends a connection first, and with what, differs.
		if spent := loopbackBytes(t) - before; f.verdict != c.want || f.bytes+farewell < spent || f.bytes > spent+farewell {
			t.Errorf("%s: %+v, the interface counts %d", c.name, f, spent)
		}
	}
}

// TestLeaseIsNotCounted: a client's look costs what the gateway's costs; DHCP stays on
// the LAN.
func TestLeaseIsNotCounted(t *testing.T) {
	l := newLAN(t)
	gateway, client := fromGateway(t.Context(), usualLimits(), targets()...), fromClient(t.Context(), usualLimits(), targets()...)
	if client.bytes+farewell < gateway.bytes || client.bytes > gateway.bytes+farewell || client.bytes == 0 {
		t.Errorf("the gateway spends %d, the client %d", gateway.bytes, client.bytes)
	}
	l.noLease.Store(true)
	short := usualLimits()
	short.lease = 50 * time.Millisecond
	if f := fromClient(t.Context(), short, targets()...); f.verdict != NoLease || f.bytes != 0 {
		t.Errorf("without a lease: %+v", f)
	}
}

// TestUnansweredConnections cost what was sent in the time waited.
func TestUnansweredConnections(t *testing.T) {
	for _, c := range []struct {
		err    error
		waited time.Duration
		want   uint64
	}{
		{unix.ENODEV, time.Minute, 0},
		{unix.ENETUNREACH, 0, 0},
		{unix.ECONNREFUSED, time.Millisecond, 100},
		{unix.EHOSTUNREACH, time.Millisecond, 60},
		{context.DeadlineExceeded, 999 * time.Millisecond, 60},
		{context.DeadlineExceeded, time.Second, 120},
		{context.Canceled, 2999 * time.Millisecond, 120},
		{context.DeadlineExceeded, 3 * time.Second, 180},
		{os.ErrDeadlineExceeded, 8 * time.Second, 240},
	} {
		err := error(&net.OpError{Op: "dial", Err: errors.Join(nil, c.err)})
		if got := failedTCPBytes(err, c.waited); got != c.want {
			t.Errorf("%v after %v: %d, want %d", c.err, c.waited, got, c.want)
		}
	}
}

// loopbackBytes is what the loopback interface has carried; its frames have no header.
func loopbackBytes(t *testing.T) uint64 {
	t.Helper()
	table, err := os.ReadFile("/proc/self/net/dev")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		if w := strings.Fields(line); w[0] == "lo:" {
			n, err := strconv.ParseUint(w[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("no loopback interface")
	return 0
}
