package nat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Run calls changed whenever anybody changes our table, and once at its start, until
// ctx ends. A kernel that tells nothing is not an error: the next turn reads the table
// anyway.
func (d *Driver) Run(ctx context.Context, changed func()) error {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{Groups: 1 << (unix.NFNLGRP_NFTABLES - 1)})
	if err != nil {
		d.log.Warn("changes of the ruleset by others are seen late", "err", err)
		<-ctx.Done()
		return nil
	}
	defer conn.Close()
	d.setWatch(conn)
	defer d.setWatch(nil)
	// A read that is blocked ends when its deadline passes.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
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
