package link

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/lab/nstest"
	"golang.org/x/sys/unix"
)

// told is a log's writer that passes lines on.
type told chan string

func (c told) Write(b []byte) (int, error) { c <- string(b); return len(b), nil }

// TestRunGoesOnWithoutAnnouncements: no descriptor is left for the subscription.
func TestRunGoesOnWithoutAnnouncements(t *testing.T) {
	nstest.Enter(t)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	log := make(told, 10)
	d := New(Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	calls := make(chan struct{}, 10)
	self := nstest.Here(t)
	none := limit
	none.Cur = 0
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	done := self.Start(func() error { return d.Run(ctx, func() { calls <- struct{}{} }) })
	wait := func(what string, c <-chan struct{}) {
		t.Helper()
		select {
		case <-c:
		case <-time.After(5 * time.Second):
			t.Error("waited in vain for", what)
		}
	}
	wait("the call for what went by", calls)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if line := <-log; !strings.Contains(line, "level=WARN") || !strings.Contains(line, "seen late") {
		t.Errorf("log: %s", line)
	}
	select {
	case err := <-done:
		t.Fatalf("Run ended: %v", err)
	default:
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Run does not end")
	}
}
