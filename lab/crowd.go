package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
)

// crowdStep makes a client lease addresses in the names of N more devices, which it made
// up, with frames that come from its own MAC. It has them all, and sends marks from each,
// as CLIENT.1 and so on, for the rest of the story.
func crowdStep(ctx context.Context, w *World, args []string) (string, error) {
	c, args, err := w.client(args)
	if err != nil {
		return "", err
	}
	n, err := number(args, 99)
	if err != nil {
		return "", err
	}
	for i := 1; i <= n; i++ {
		who := fmt.Sprintf("%s.%d", c.name, i)
		lease, err := c.leaseAs(ctx, net.HardwareAddr{2, 0xc0, 0, 0, byte(len(w.quiet)), byte(i)})
		if err != nil {
			return "", fmt.Errorf("lease for %s: %w", who, err)
		}
		if err := c.ns.Run("ip", "addr", "add", lease.String(), "dev", "eth0"); err != nil {
			return "", err
		}
		marking, quiet := context.WithCancel(context.Background())
		w.quiet[who] = quiet
		if err := w.mark(marking, who, c.ns, lease.Addr().String()); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d leases", n), nil
}

// leaseAs leases an address in the name of a device that does not exist.
func (c *client) leaseAs(ctx context.Context, hw net.HardwareAddr) (lease netip.Prefix, err error) {
	const limit, resend = 10 * time.Second, time.Second
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
	var dhcp *nclient4.Client
	err = c.ns.Do(func() error {
		dhcp, err = nclient4.New("eth0", nclient4.WithHWAddr(hw), nclient4.WithTimeout(resend), nclient4.WithRetry(-1))
		return err
	})
	if err != nil {
		return lease, err
	}
	defer dhcp.Close()
	got, err := dhcp.Request(ctx, dhcpv4.WithBroadcast(true))
	if err != nil {
		return lease, err
	}
	a, _ := netip.AddrFromSlice(got.ACK.YourIPAddr.To4())
	bits, _ := got.ACK.SubnetMask().Size()
	return netip.PrefixFrom(a, bits), nil
}
