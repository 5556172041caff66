package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/link"
)

// killWhileStep carries out another step and kills tetherd meanwhile, when so many events
// of a kind were seen. What becomes of the other step does not matter.
func killWhileStep(ctx context.Context, w *World, args []string) (string, error) {
	n, err := number(args[1:2], 1000)
	if err != nil {
		return "", err
	}
	last, _, err := w.killAt(ctx, args[0], n, args[2:], false)
	return last, err
}

// maxKills bounds how often kill-every kills.
const maxKills = 60

// killEveryStep carries out another step again and again and kills tetherd at its first
// event, then at its second, until it ends before. In between tetherd is started again and
// must be online.
func killEveryStep(ctx context.Context, w *World, args []string) (string, error) {
	var seen []string
	for n := 1; n <= maxKills; n++ {
		what, killed, err := w.killAt(ctx, args[0], n, args[1:], true)
		if err != nil || !killed {
			return fmt.Sprintf("%d times: %s", len(seen), strings.Join(seen, ", ")), err
		}
		seen = append(seen, what)
		for _, words := range [][]string{{"start"}, {"expect", "online"}} {
			_, err := w.carryOut(ctx, words)
			if err = errors.Join(err, w.broken.fault()); err != nil {
				return "", fmt.Errorf("killed at %s, the %d. event: %w", what, n, err)
			}
		}
	}
	return "", fmt.Errorf("there are more than %d events: %s", maxKills, strings.Join(seen, ", "))
}

// killAt carries out a step and kills tetherd when so many events were seen, of which it
// tells the last. With whole it does not kill when the step ends before, which must succeed
// then.
func (w *World) killAt(ctx context.Context, kind string, n int, step []string, whole bool) (last string, killed bool, err error) {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	events, err := w.events(watching, kind)
	if err != nil {
		return "", false, fmt.Errorf("watch %s: %w", kind, err)
	}
	if whole {
		hush(ctx, events)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := w.carryOut(ctx, step)
		ended <- err
	}()
	over := ended
	if !whole {
		over = nil
	}
	limit := time.NewTimer(expectLimit)
	defer limit.Stop()
	for i := range n {
		select {
		case last = <-events:
		case err := <-over:
			if err == nil && i == 0 && len(events) == 0 {
				err = fmt.Errorf("%s ended, and nothing was seen at which to kill", strings.Join(step, " "))
			}
			return last, false, err
		case <-limit.C:
			return "", false, fmt.Errorf("only %d such events were seen; the last one was %s", i, last)
		case <-ctx.Done():
			return "", false, ctx.Err()
		}
	}
	err = w.daemon.end(unix.SIGKILL)
	<-ended
	return last, true, err
}

// hush waits until nothing happens any more, so that what is seen next is of the step.
func hush(ctx context.Context, events <-chan string) {
	const still = 100 * time.Millisecond
	for {
		select {
		case <-events:
		case <-time.After(still):
			return
		case <-ctx.Done():
			return
		}
	}
}

// checkKill finds what could only fail when kill-while or kill-every is played.
func (s *Scenario) checkKill(kind string, step Step) error {
	if !slices.Contains([]string{"files", "rules", "links", "modem", "steps"}, kind) {
		return fmt.Errorf("there is nothing like %q to kill at", kind)
	}
	if strings.HasPrefix(step.Words[0], "kill-") {
		return errors.New("a kill is no step to kill at")
	}
	return s.check(step)
}

// events tells of every event of a kind until ctx ends: files (something happens to a file
// of its state or run folder), rules (a ruleset is in force), links (an address, route or
// rule came or went), modem (a command was carried out), or steps, which is all of them.
func (w *World) events(ctx context.Context, kind string) (<-chan string, error) {
	seen := make(chan string, maxEvents)
	var errs []error
	for name, watch := range map[string]func(context.Context, chan<- string) error{
		"files": w.watchFiles, "rules": w.watchRules, "links": w.watchLinks, "modem": w.watchModem,
	} {
		if kind == name || kind == "steps" {
			errs = append(errs, watch(ctx, seen))
		}
	}
	return seen, errors.Join(errs...)
}

// watchModem tells of each command that the modem has carried out.
func (w *World) watchModem(ctx context.Context, seen chan<- string) error {
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
	return nil
}

func tell(ctx context.Context, seen chan<- string, what string) {
	select {
	case seen <- what:
	case <-ctx.Done():
	}
}

// watchFiles tells what happens to tetherd's files under their own names. Of the documents
// it tells also of the file that is written beside them; others of those are as good as
// not there.
func (w *World) watchFiles(ctx context.Context, seen chan<- string) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), "inotify")
	context.AfterFunc(ctx, func() { _ = f.Close() })
	what := map[uint32]string{unix.IN_CREATE: "made", unix.IN_MODIFY: "written", unix.IN_CLOSE_WRITE: "closed", unix.IN_MOVED_TO: "in place", unix.IN_DELETE: "removed"}
	const mask = unix.IN_CREATE | unix.IN_MODIFY | unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_DELETE
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
				name, event := cString(b[unix.SizeofInotifyEvent:size]), binary.NativeEndian.Uint32(b[4:])
				aside := strings.HasPrefix(name, ".documents")
				if aside || name != "" && name[0] != '.' && event != unix.IN_CLOSE_WRITE {
					tell(ctx, seen, strings.TrimRight(name, "0123456789")+" "+what[event])
				}
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
	return w.watchNetlink(ctx, unix.NETLINK_NETFILTER, 1<<(unix.NFNLGRP_NFTABLES-1), func(m netlink.Message) {
		if m.Header.Type == unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWGEN {
			tell(ctx, seen, "a transaction")
		}
	})
}

// watchLinks tells of each address, route of tetherd's and rule that comes or goes.
func (w *World) watchLinks(ctx context.Context, seen chan<- string) error {
	what := map[netlink.HeaderType]string{
		unix.RTM_NEWADDR: "address", unix.RTM_DELADDR: "no address", unix.RTM_NEWROUTE: "route",
		unix.RTM_DELROUTE: "no route", unix.RTM_NEWRULE: "rule", unix.RTM_DELRULE: "no rule",
	}
	const groups = unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV4_ROUTE | 1<<(unix.RTNLGRP_IPV4_RULE-1)
	return w.watchNetlink(ctx, unix.NETLINK_ROUTE, groups, func(m netlink.Message) {
		const protocol = 5 // offset in rtmsg
		route := m.Header.Type == unix.RTM_NEWROUTE || m.Header.Type == unix.RTM_DELROUTE
		if what[m.Header.Type] != "" && (!route || len(m.Data) > protocol && m.Data[protocol] == link.Protocol) {
			tell(ctx, seen, what[m.Header.Type])
		}
	})
}

// watchNetlink hands on what the kernel tells in the gateway's namespace until ctx ends.
func (w *World) watchNetlink(ctx context.Context, family int, groups uint32, take func(netlink.Message)) error {
	var conn *netlink.Conn
	err := w.spaces["gateway"].Do(func() (err error) {
		conn, err = netlink.Dial(family, &netlink.Config{Groups: groups})
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
				take(m)
			}
		}
	}()
	return nil
}
