package link

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// kernel is one reading of the machine: links, IPv4 addresses, routes and our rules.
type kernel struct {
	root   string // folder of the sysctls
	devs   []netdev
	addrs  []rtnetlink.AddressMessage
	routes []rtnetlink.RouteMessage
	rules  []rule
}

// read takes one reading in four dumps.
func read(c *netlink.Conn, root string) (*kernel, error) {
	k := &kernel{root: root}
	err := dump(c, unix.RTM_GETLINK, make([]byte, unix.SizeofIfInfomsg), func(b []byte) {
		if d, ok := decodeLink(b); ok {
			k.devs = append(k.devs, d)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	err = dump(c, unix.RTM_GETADDR, header(unix.SizeofIfAddrmsg), func(b []byte) {
		m := rtnetlink.AddressMessage{}
		if m.UnmarshalBinary(b) == nil && m.Family == unix.AF_INET && m.Attributes != nil {
			k.addrs = append(k.addrs, m)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	err = dump(c, unix.RTM_GETROUTE, header(unix.SizeofRtMsg), func(b []byte) {
		m := rtnetlink.RouteMessage{}
		if m.UnmarshalBinary(b) == nil && m.Family == unix.AF_INET && m.Flags&unix.RTM_F_CLONED == 0 {
			k.routes = append(k.routes, m)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	err = dump(c, unix.RTM_GETRULE, header(sizeofRuleHeader), func(b []byte) {
		if r, ours := decodeRule(b); ours {
			k.rules = append(k.rules, r)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list rules: %w", err)
	}
	return k, nil
}

// header is an empty request of the given size for family IPv4.
func header(size int) []byte {
	b := make([]byte, size)
	b[0] = unix.AF_INET
	return b
}

// dump asks for a whole list. One that was changed while the kernel told it may lack what
// was there all the while, and is asked for again.
func dump(c *netlink.Conn, request netlink.HeaderType, data []byte, each func([]byte)) error {
	for range 5 {
		msgs, err := c.Execute(netlink.Message{
			Header: netlink.Header{Type: request, Flags: netlink.Request | netlink.Dump},
			Data:   data,
		})
		if err != nil {
			return err
		}
		if slices.ContainsFunc(msgs, func(m netlink.Message) bool { return m.Header.Flags&netlink.DumpInterrupted != 0 }) {
			continue
		}
		for _, m := range msgs {
			each(m.Data)
		}
		return nil
	}
	return errors.New("it changes faster than it can be read")
}

func (k *kernel) dev(name string) (netdev, bool) {
	for _, d := range k.devs {
		if d.name == name {
			return d, true
		}
	}
	return netdev{}, false
}

// at returns a link by index, the zero one when it is not there.
func (k *kernel) at(index int) netdev {
	for _, d := range k.devs {
		if d.index == index {
			return d
		}
	}
	return netdev{}
}

func (k *kernel) path(dev, key string) string {
	return filepath.Join(k.root, "net/ipv4/conf", dev, key)
}

func (k *kernel) sysctl(dev, key string) (string, error) {
	b, err := os.ReadFile(k.path(dev, key))
	return strings.TrimSpace(string(b)), err
}

// prefixOf returns an address message's own address with its prefix length.
func prefixOf(m rtnetlink.AddressMessage) (netip.Prefix, bool) {
	ip := m.Attributes.Local
	if ip == nil {
		ip = m.Attributes.Address
	}
	a, ok := netip.AddrFromSlice(ip)
	p := netip.PrefixFrom(a.Unmap(), int(m.PrefixLength))
	return p, ok && p.IsValid()
}

// dstOf returns a route's destination; the default route has none in its message.
func dstOf(m rtnetlink.RouteMessage) netip.Prefix {
	a, ok := netip.AddrFromSlice(m.Attributes.Dst)
	if !ok {
		a = netip.IPv4Unspecified()
	}
	return netip.PrefixFrom(a.Unmap(), int(m.DstLength))
}
