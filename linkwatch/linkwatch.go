// Package linkwatch hears from the kernel that network interfaces change.
package linkwatch

import (
	"context"
	"errors"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Watch calls touched whenever the kernel tells of a change of an interface, until ctx
// ends; then it returns nil. Lost notices count as a change. touched must not block.
func Watch(ctx context.Context, touched func()) error {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{Groups: unix.RTMGRP_LINK})
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer c.Close()
	defer stop()
	for {
		_, err := c.Receive()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			return err
		}
		touched()
	}
}
