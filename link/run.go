package link

import (
	"context"
	"errors"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// groups are the kernel's announcements that can change what Observe returns.
const groups = unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV4_ROUTE |
	1<<(unix.RTNLGRP_IPV4_RULE-1)

// Run calls changed whenever links, addresses, routes or rules change, also by our
// own Apply, and once at its start for what was missed before. It returns nil when
// ctx ends. A kernel that tells nothing is not an error: whoever observes now and then
// sees changes late.
func (d *Driver) Run(ctx context.Context, changed func()) error {
	if err := watch(ctx, changed); err != nil {
		d.log.Warn("changes of links, addresses and routes are seen late", "err", err)
		changed() // for what went by until now
		<-ctx.Done()
	}
	return nil
}

func watch(ctx context.Context, changed func()) error {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{Groups: groups})
	if err != nil {
		return err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	changed()
	known := links{}
	for {
		msgs, err := c.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS):
			changed() // announcements were lost: look at everything
		case err != nil:
			return err
		case known.tell(msgs):
			changed()
		}
	}
}

// links remembers of each link what makes an announcement news: the kernel also
// announces statistics, wireless events and a bridge port's state.
type links map[int]news

type news struct {
	name, alias, mac string
	flags            uint32
	mtu, master      int
	group            uint32
}

// tell says whether there is news in a batch of announcements.
func (l links) tell(msgs []netlink.Message) bool {
	fresh := false
	for _, m := range msgs {
		fresh = l.one(m) || fresh
	}
	return fresh
}

func (l links) one(m netlink.Message) bool {
	if m.Header.Type != unix.RTM_NEWLINK && m.Header.Type != unix.RTM_DELLINK {
		return true
	}
	d, ok := decodeLink(m.Data)
	if !ok || d.radio || m.Data[0] != unix.AF_UNSPEC {
		return false
	}
	if m.Header.Type == unix.RTM_DELLINK {
		delete(l, d.index)
		return true
	}
	n := news{d.name, d.alias, string(d.mac), d.flags, d.mtu, d.master, d.group}
	old, seen := l[d.index]
	l[d.index] = n
	return !seen || old != n
}
