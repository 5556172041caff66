package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// killWhileStep carries out another step and kills tetherd meanwhile, when so many events
// of a kind were seen: files (something happens to a file of its state or run folder),
// rules (a ruleset is in force), modem (a command was carried out). What becomes of the
// other step does not matter.
func killWhileStep(ctx context.Context, w *World, args []string) (string, error) {
	n, err := number(args[1:2], 1000)
	if err != nil {
		return "", err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	events, err := w.events(watching, args[0])
	if err != nil {
		return "", fmt.Errorf("watch %s: %w", args[0], err)
	}
	done := make(chan struct{})
	go func() {
		_, _ = w.carryOut(ctx, args[2:])
		close(done)
	}()
	limit := time.NewTimer(expectLimit)
	defer limit.Stop()
	last := ""
	for i := range n {
		select {
		case last = <-events:
		case <-limit.C:
			return "", fmt.Errorf("only %d such events were seen; the last one was %s", i, last)
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	err = w.daemon.end(unix.SIGKILL)
	<-done
	return last, err
}

// checkKill finds what could only fail when kill-while is played.
func (s *Scenario) checkKill(args []string) error {
	if !slices.Contains([]string{"files", "rules", "modem"}, args[0]) {
		return fmt.Errorf("kill-while: there is no %q", args[0])
	}
	if args[2] == "kill-while" {
		return errors.New("kill-while: not twice")
	}
	return s.check(Step{Words: args[2:]})
}

// events tells of every event of a kind until ctx ends.
func (w *World) events(ctx context.Context, kind string) (<-chan string, error) {
	seen := make(chan string, maxEvents)
	switch kind {
	case "files":
		return seen, w.watchFiles(ctx, seen)
	case "rules":
		return seen, w.watchRules(ctx, seen)
	}
	w.commands.reset()
	go func() {
		for last := 0; ctx.Err() == nil; {
			n, more := w.commands.since()
			for ; last < n; last++ {
				tell(ctx, seen, fmt.Sprint("command ", last+1))
			}
			select {
			case <-more:
			case <-ctx.Done():
			}
		}
	}()
	return seen, nil
}

func tell(ctx context.Context, seen chan<- string, what string) {
	select {
	case seen <- what:
	case <-ctx.Done():
	}
}

// watchFiles tells what happens to tetherd's files, of which it replaces each in several
// steps.
func (w *World) watchFiles(ctx context.Context, seen chan<- string) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), "inotify")
	context.AfterFunc(ctx, func() { _ = f.Close() })
	const mask = unix.IN_CREATE | unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_DELETE
	for _, name := range []string{"state", "run"} {
		if _, err := unix.InotifyAddWatch(fd, filepath.Join(w.daemon.dir, name), mask); err != nil {
			return err
		}
	}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := f.Read(buf)
			if err != nil {
				return
			}
			for b := buf[:n]; len(b) >= unix.SizeofInotifyEvent; {
				size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(b[12:]))
				tell(ctx, seen, fmt.Sprintf("%#x of %s", binary.NativeEndian.Uint32(b[4:]), cString(b[unix.SizeofInotifyEvent:size])))
				b = b[size:]
			}
		}
	}()
	return nil
}

// cString is text up to its first zero byte.
func cString(b []byte) string {
	if i := slices.Index(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// watchRules tells of each transaction of the firewall's.
func (w *World) watchRules(ctx context.Context, seen chan<- string) error {
	var conn *netlink.Conn
	err := w.spaces["gateway"].Do(func() (err error) {
		conn, err = netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{Groups: 1 << (unix.NFNLGRP_NFTABLES - 1)})
		return err
	})
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	go func() {
		for {
			msgs, err := conn.Receive()
			if err != nil && !errors.Is(err, unix.ENOBUFS) {
				return
			}
			for _, m := range msgs {
				if m.Header.Type == unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWGEN {
					tell(ctx, seen, "a transaction")
				}
			}
		}
	}()
	return nil
}
