package hostapd

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// netif is a network interface as the kernel has it; the zero value is none.
type netif struct {
	index  int
	up     bool
	master int // index of the bridge that it is a port of; 0 none
}

// interfaceOf reads an interface by its name.
func interfaceOf(name string) (netif, error) {
	msgs, err := askLink(unix.RTM_GETLINK, 0, 0, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.IFLA_IFNAME, name)
	})
	switch {
	case errors.Is(err, unix.ENODEV):
		return netif{}, nil
	case err != nil:
		return netif{}, fmt.Errorf("read interface %s: %w", name, err)
	case len(msgs) != 1 || len(msgs[0].Data) < unix.SizeofIfInfomsg:
		return netif{}, fmt.Errorf("read interface %s: a malformed answer", name)
	}
	b := msgs[0].Data
	f := netif{index: int(int32(binary.NativeEndian.Uint32(b[4:]))), up: binary.NativeEndian.Uint32(b[8:])&unix.IFF_UP != 0}
	ad, err := netlink.NewAttributeDecoder(b[unix.SizeofIfInfomsg:])
	if err != nil {
		return netif{}, fmt.Errorf("read interface %s: %w", name, err)
	}
	for ad.Next() {
		if ad.Type() == unix.IFLA_MASTER {
			f.master = int(int32(ad.Uint32()))
		}
	}
	return f, ad.Err()
}

// releaseInterface sets an interface down, by which its network leaves the air, and takes it
// out of its bridge. That there is none is no error.
func releaseInterface(name string) error {
	_, err := askLink(unix.RTM_NEWLINK, netlink.Acknowledge, unix.IFF_UP, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.IFLA_IFNAME, name)
		ae.Uint32(unix.IFLA_MASTER, 0)
	})
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// askLink sends a request about one interface: struct ifinfomsg, with the flags that it
// changes, all to 0, and attributes.
func askLink(typ netlink.HeaderType, flags netlink.HeaderFlags, change uint32, attrs func(*netlink.AttributeEncoder)) ([]netlink.Message, error) {
	ae := netlink.NewAttributeEncoder()
	attrs(ae)
	a, err := ae.Encode()
	if err != nil {
		return nil, err
	}
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	b := make([]byte, unix.SizeofIfInfomsg, unix.SizeofIfInfomsg+len(a))
	binary.NativeEndian.PutUint32(b[12:], change)
	return c.Execute(netlink.Message{
		Header: netlink.Header{Type: typ, Flags: netlink.Request | flags},
		Data:   append(b, a...),
	})
}
