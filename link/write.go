package link

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The requests. Each makes one item true or takes one away.

func request(c *netlink.Conn, typ netlink.HeaderType, flags netlink.HeaderFlags, data []byte, err error) error {
	if err != nil {
		return err
	}
	_, err = c.Execute(netlink.Message{
		Header: netlink.Header{Type: typ, Flags: netlink.Request | netlink.Acknowledge | flags},
		Data:   data,
	})
	return err
}

// vanished tells that what a request was about has gone, which is no failure: an
// unplugged modem takes everything of its interface along.
func vanished(err error) bool {
	return errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO)
}

// absent tells that what was to be deleted is not there any more.
func absent(err error) bool {
	return vanished(err) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENOENT) ||
		errors.Is(err, unix.EADDRNOTAVAIL)
}

// linkMessage is struct ifinfomsg with attributes.
func linkMessage(index int, up bool, attrs func(*netlink.AttributeEncoder)) ([]byte, error) {
	b := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(b[4:], uint32(index))
	if up {
		binary.NativeEndian.PutUint32(b[8:], unix.IFF_UP)
		binary.NativeEndian.PutUint32(b[12:], unix.IFF_UP)
	}
	ae := netlink.NewAttributeEncoder()
	attrs(ae)
	a, err := ae.Encode()
	return append(b, a...), err
}

// bridgeData sets settings of a bridge to 0. Ours have no spanning tree, and ports
// that forward at once, because there is nothing behind a LAN port that could loop.
func bridgeData(ae *netlink.AttributeEncoder, settings ...uint16) {
	ae.Nested(unix.IFLA_LINKINFO, func(ae *netlink.AttributeEncoder) error {
		ae.String(unix.IFLA_INFO_KIND, "bridge")
		ae.Nested(unix.IFLA_INFO_DATA, func(ae *netlink.AttributeEncoder) error {
			for _, s := range settings {
				ae.Uint32(s, 0)
			}
			return nil
		})
		return nil
	})
}

// addBridge creates a bridge marked by its group; fixBridge gives it the alias.
func addBridge(c *netlink.Conn, name string, mac net.HardwareAddr) error {
	b, err := linkMessage(0, false, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.IFLA_IFNAME, name)
		ae.Bytes(unix.IFLA_ADDRESS, mac)
		ae.Uint32(unix.IFLA_GROUP, Protocol)
		bridgeData(ae, unix.IFLA_BR_STP_STATE, unix.IFLA_BR_FORWARD_DELAY)
	})
	return request(c, unix.RTM_NEWLINK, netlink.Create|netlink.Excl, b, err)
}

// The delay has a request of its own: the kernel refuses 0 while the protocol is on,
// and looks at the delay first.
func fixBridge(c *netlink.Conn, index int) error {
	stp, err := linkMessage(index, false, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.IFLA_IFALIAS, Alias)
		bridgeData(ae, unix.IFLA_BR_STP_STATE)
	})
	if err := request(c, unix.RTM_NEWLINK, 0, stp, err); err != nil {
		return err
	}
	delay, err := linkMessage(index, false, func(ae *netlink.AttributeEncoder) {
		bridgeData(ae, unix.IFLA_BR_FORWARD_DELAY)
	})
	return request(c, unix.RTM_NEWLINK, 0, delay, err)
}

// addVLAN creates a VLAN and marks it by the alias, which the kernel does not take in the
// request that creates a link.
func addVLAN(c *netlink.Conn, v vlan, parent int) error {
	b, err := vlanMessage(v, parent)
	if err := request(c, unix.RTM_NEWLINK, netlink.Create|netlink.Excl, b, err); err != nil {
		return err
	}
	b, err = linkMessage(0, false, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.IFLA_IFNAME, v.name)
		ae.String(unix.IFLA_IFALIAS, Alias)
	})
	return request(c, unix.RTM_NEWLINK, 0, b, err)
}

func vlanMessage(v vlan, parent int) ([]byte, error) {
	return linkMessage(0, false, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.IFLA_IFNAME, v.name)
		ae.Uint32(unix.IFLA_LINK, uint32(parent))
		ae.Nested(unix.IFLA_LINKINFO, func(ae *netlink.AttributeEncoder) error {
			ae.String(unix.IFLA_INFO_KIND, "vlan")
			ae.Nested(unix.IFLA_INFO_DATA, func(ae *netlink.AttributeEncoder) error {
				ae.Uint16(unix.IFLA_VLAN_ID, v.id)
				return nil
			})
			return nil
		})
	})
}

func delLink(c *netlink.Conn, index int) error {
	b, err := linkMessage(index, false, func(*netlink.AttributeEncoder) {})
	return request(c, unix.RTM_DELLINK, 0, b, err)
}

// setMTU has a request of its own: what the network or the owner says may be more
// than the device can, and must not keep it down.
func setMTU(c *netlink.Conn, index, mtu int) error {
	b, err := linkMessage(index, false, func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.IFLA_MTU, uint32(mtu))
	})
	return request(c, unix.RTM_NEWLINK, 0, b, err)
}

// setUp has no counterpart: an interface is never set down here.
func setUp(c *netlink.Conn, index int) error {
	b, err := linkMessage(index, true, func(*netlink.AttributeEncoder) {})
	return request(c, unix.RTM_NEWLINK, 0, b, err)
}

// addPort puts d into a bridge, with our mark unless the bridge itself is ours.
func addPort(c *netlink.Conn, d, bridge netdev) error {
	group := uint32(Protocol)
	if bridge.made() {
		group = 0
	}
	b, err := portMessage(d, bridge.index, group)
	return request(c, unix.RTM_NEWLINK, 0, b, err)
}

// removePort takes our mark from d, and d out of its master if that is a bridge: in
// anything else somebody else has put it.
func removePort(c *netlink.Conn, d, master netdev) error {
	index := d.master
	if master.kind == "bridge" {
		index = 0
	}
	b, err := portMessage(d, index, 0)
	return request(c, unix.RTM_NEWLINK, 0, b, err)
}

// setApart isolates a bridge's port from other isolated ones.
func setApart(c *netlink.Conn, index int) error {
	b, err := linkMessage(index, false, func(ae *netlink.AttributeEncoder) {
		ae.Nested(unix.IFLA_LINKINFO, func(info *netlink.AttributeEncoder) error {
			info.String(unix.IFLA_INFO_SLAVE_KIND, "bridge")
			info.Nested(unix.IFLA_INFO_SLAVE_DATA, func(port *netlink.AttributeEncoder) error {
				port.Uint8(unix.IFLA_BRPORT_ISOLATED, 1)
				return nil
			})
			return nil
		})
	})
	return request(c, unix.RTM_NEWLINK, 0, b, err)
}

// portMessage makes an interface a port; master 0 takes it out. The group stays when
// it is somebody else's.
func portMessage(d netdev, master int, group uint32) ([]byte, error) {
	return linkMessage(d.index, false, func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.IFLA_MASTER, uint32(master))
		if d.group == 0 || d.group == Protocol {
			ae.Uint32(unix.IFLA_GROUP, group)
		}
	})
}

func addressMessage(index int, a address) ([]byte, error) {
	ip := net.IP(a.prefix.Addr().AsSlice())
	m := rtnetlink.AddressMessage{
		Family:       unix.AF_INET,
		PrefixLength: uint8(a.prefix.Bits()),
		Index:        uint32(index),
		Attributes:   &rtnetlink.AddressAttributes{Address: ip, Local: ip, Label: label(a.dev)},
	}
	return m.MarshalBinary()
}

// label is the interface's name with our suffix, cut to the kernel's IFNAMSIZ - 1.
func label(dev string) string {
	return dev[:min(len(dev), unix.IFNAMSIZ-1-len(LabelSuffix))] + LabelSuffix
}

func addAddress(c *netlink.Conn, index int, a address) error {
	b, err := addressMessage(index, a)
	return request(c, unix.RTM_NEWADDR, netlink.Create|netlink.Excl, b, err)
}

func delAddress(c *netlink.Conn, index int, a address) error {
	b, err := addressMessage(index, a)
	return request(c, unix.RTM_DELADDR, 0, b, err)
}

func routeMessage(index int, r route) ([]byte, error) {
	m := rtnetlink.RouteMessage{
		Family:    unix.AF_INET,
		DstLength: uint8(r.dst.Bits()),
		Protocol:  Protocol,
		Scope:     unix.RT_SCOPE_LINK,
		Type:      unix.RTN_UNICAST,
		Attributes: rtnetlink.RouteAttributes{
			OutIface: uint32(index), Priority: r.metric, Table: r.table,
		},
	}
	if r.dst.Bits() > 0 {
		m.Attributes.Dst = r.dst.Addr().AsSlice()
	}
	if r.via.IsValid() {
		// A bearer's gateway need not lie in the address' prefix, which may be a /32.
		m.Flags, m.Scope = unix.RTNH_F_ONLINK, unix.RT_SCOPE_UNIVERSE
		m.Attributes.Gateway = r.via.AsSlice()
	}
	return m.MarshalBinary()
}

// addRoute adds a route. With replace it takes the place of the one with the same
// destination, table and metric in one step, so that there is always a way.
func addRoute(c *netlink.Conn, index int, r route, replace bool) error {
	flags := netlink.Create | netlink.Excl
	if replace {
		flags = netlink.Create | netlink.Replace
	}
	b, err := routeMessage(index, r)
	return request(c, unix.RTM_NEWROUTE, flags, b, err)
}

func delRoute(c *netlink.Conn, index int, r route) error {
	b, err := routeMessage(index, r)
	return request(c, unix.RTM_DELROUTE, 0, b, err)
}

func addRule(c *netlink.Conn, r rule) error {
	b, err := encodeRule(r)
	return request(c, unix.RTM_NEWRULE, netlink.Create|netlink.Excl, b, err)
}

func delRule(c *netlink.Conn, r rule) error {
	b, err := encodeRule(r)
	return request(c, unix.RTM_DELRULE, 0, b, err)
}

func (k *kernel) setSysctl(s sysctl) error {
	err := os.WriteFile(k.path(s.dev, s.key), []byte(s.value), 0o644)
	if _, here := k.dev(s.dev); !here && errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// bridgeMAC derives a locally administered address (IEEE 802c) for our bridge, the
// same at every start and whichever ports come and go. The seed is the machine's
// first hardware address, so that two boards on one wire differ.
func bridgeMAC(name string, devs []netdev) net.HardwareAddr {
	seed := []byte(name)
	for _, d := range devs {
		hardware := len(d.mac) == 6 && d.kind == "" && d.flags&unix.IFF_LOOPBACK == 0
		if hardware && !strings.HasPrefix(d.name, ProbePrefix) {
			seed = fmt.Append(seed, " ", d.mac)
			break
		}
	}
	sum := sha256.Sum256(seed)
	mac := net.HardwareAddr(sum[:6])
	mac[0] = mac[0]&^1 | 2
	return mac
}
