package nat

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// maxSightings bounds the clients seen at another port that wait to be looked at; when there
// are more, all who have a lease are.
const maxSightings = 64

// Run calls changed whenever anybody changes our table, once at its start, and when
// clients get or lose their place, until ctx ends. It follows clients from port to port
// and ends what goes on without a place. A kernel that tells nothing is not an error: the
// next turn reads the table anyway.
func (d *Driver) Run(ctx context.Context, changed func()) error {
	var work sync.WaitGroup
	defer work.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 2)
	listen := func(protocol int, group uint32, hear func(*netlink.Conn) error) {
		conn, err := netlink.Dial(protocol, &netlink.Config{Groups: 1 << (group - 1)})
		if err != nil {
			d.log.Warn("changes by others are seen late", "err", err)
			return
		}
		// A read that is blocked ends when its deadline passes.
		context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
		work.Go(func() {
			defer conn.Close()
			if err := hear(conn); err != nil {
				failed <- err
			}
		})
	}
	seen, lost := make(chan sighting, maxSightings), make(chan struct{}, 1)
	listen(unix.NETLINK_ROUTE, unix.RTNLGRP_NEIGH, func(c *netlink.Conn) error { return watchPorts(ctx, c, seen, lost) })
	listen(unix.NETLINK_NETFILTER, unix.NFNLGRP_NFTABLES, func(c *netlink.Conn) error { return d.watchTable(ctx, c, changed) })
	return d.keepPlaces(ctx, seen, lost, failed, changed)
}

// keepPlaces follows clients from port to port and ends what goes on without a place.
func (d *Driver) keepPlaces(ctx context.Context, seen <-chan sighting, lost <-chan struct{}, failed <-chan error, changed func()) error {
	const soon, late = time.Second, time.Minute
	timer := time.NewTimer(soon)
	defer timer.Stop()
	var all <-chan time.Time // when all are looked at, because sightings were lost
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case s := <-seen:
			if !d.registry.sighted(s.mac, portName(s.index)) {
				continue
			}
		case <-lost:
			if all == nil {
				all = time.After(soon)
			}
			continue
		case <-all:
			all = nil
			d.registry.lookAround()
		case <-d.registry.wake:
		case <-timer.C:
		}
		next, differs := d.registry.sweep()
		if d.registry.again(time.Now()) {
			next = soon
		}
		if differs {
			changed()
		}
		timer.Reset(min(max(next, soon), late))
		if next == 0 && !d.registry.limits() {
			timer.Stop() // a limit wakes it
		}
	}
}

// watchTable calls changed for changes by others.
func (d *Driver) watchTable(ctx context.Context, conn *netlink.Conn, changed func()) error {
	d.setWatch(conn)
	defer d.setWatch(nil)
	changed() // for what was missed before
	for {
		msgs, err := conn.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS): // messages were lost: look
			changed()
		case err != nil:
			return fmt.Errorf("nat: watch: %w", err)
		default:
			d.connectionsEnded(msgs)
			if concern(msgs) {
				changed()
			}
		}
	}
}

// concern says whether one of some notifications is about rules, chains or the table
// of ours. Elements come and go with packets and are no concern.
func concern(msgs []netlink.Message) bool {
	for _, m := range msgs {
		if m.Header.Type>>8 != unix.NFNL_SUBSYS_NFTABLES {
			continue
		}
		switch m.Header.Type & 0xff {
		case unix.NFT_MSG_NEWTABLE, unix.NFT_MSG_DELTABLE, unix.NFT_MSG_NEWCHAIN, unix.NFT_MSG_DELCHAIN,
			unix.NFT_MSG_NEWRULE, unix.NFT_MSG_DELRULE, unix.NFT_MSG_DELSET:
			if tableOf(m.Data) == Table {
				return true
			}
		}
	}
	return false
}

// tableOf reads the table's name, which is attribute 1 of each of these messages,
// behind the 4 bytes of struct nfgenmsg; "" for another family than ours.
func tableOf(data []byte) (name string) {
	if len(data) < sizeofNfgenmsg || data[0] != unix.NFPROTO_INET {
		return ""
	}
	each(data[sizeofNfgenmsg:], func(typ uint16, v []byte) {
		if typ == unix.NFTA_TABLE_NAME {
			name = text(v)
		}
	})
	return name
}
