package link

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Links and rules are decoded here because the library refuses a whole dump over
// one attribute or one structure size that it does not know yet.

// netdev is one link as the kernel tells it.
type netdev struct {
	index  int
	name   string
	flags  uint32
	mtu    int
	mac    net.HardwareAddr
	alias  string
	group  uint32
	master int
	apart  bool   // a bridge's port that is isolated
	lower  int    // the interface that it stands on, such as a VLAN's
	vlan   uint16 // id of a VLAN
	kind   string
	port   bool // of a bridge
	stp    uint32
	delay  uint32 // forward delay of a bridge, hundredths of a second
	rx, tx uint64
	radio  bool // the message is a wireless event, not the link's state
}

// decodeLink reads an RTM_NEWLINK or RTM_DELLINK message (struct ifinfomsg and
// attributes); false when it is malformed.
func decodeLink(b []byte) (netdev, bool) {
	if len(b) < unix.SizeofIfInfomsg {
		return netdev{}, false
	}
	d := netdev{
		index: int(int32(binary.NativeEndian.Uint32(b[4:]))),
		flags: binary.NativeEndian.Uint32(b[8:]),
	}
	ad, err := netlink.NewAttributeDecoder(b[unix.SizeofIfInfomsg:])
	if err != nil {
		return netdev{}, false
	}
	for ad.Next() {
		switch ad.Type() {
		case unix.IFLA_IFNAME:
			d.name = ad.String()
		case unix.IFLA_MTU:
			d.mtu = int(ad.Uint32())
		case unix.IFLA_ADDRESS:
			d.mac = bytes.Clone(ad.Bytes())
		case unix.IFLA_IFALIAS:
			d.alias = ad.String()
		case unix.IFLA_GROUP:
			d.group = ad.Uint32()
		case unix.IFLA_MASTER:
			d.master = int(int32(ad.Uint32()))
		case unix.IFLA_LINK:
			d.lower = int(int32(ad.Uint32()))
		case unix.IFLA_WIRELESS:
			d.radio = true
		case unix.IFLA_LINKINFO:
			ad.Nested(d.decodeInfo)
		case unix.IFLA_STATS64: // struct rtnl_link_stats64 grows at its end
			if s := ad.Bytes(); len(s) >= 32 {
				d.rx, d.tx = binary.NativeEndian.Uint64(s[16:]), binary.NativeEndian.Uint64(s[24:])
			}
		}
	}
	return d, ad.Err() == nil && d.index > 0 && d.name != ""
}

func (d *netdev) decodeInfo(ad *netlink.AttributeDecoder) error {
	for ad.Next() {
		switch ad.Type() {
		case unix.IFLA_INFO_KIND:
			d.kind = ad.String()
		case unix.IFLA_INFO_SLAVE_KIND:
			d.port = ad.String() == "bridge"
		case unix.IFLA_INFO_SLAVE_DATA:
			if d.port { // likewise
				ad.Nested(d.decodePort)
			}
		case unix.IFLA_INFO_DATA:
			switch d.kind { // the kernel puts the kind first
			case "bridge":
				ad.Nested(d.decodeBridge)
			case "vlan":
				ad.Nested(d.decodeVLAN)
			}
		}
	}
	return nil
}

func (d *netdev) decodePort(ad *netlink.AttributeDecoder) error {
	for ad.Next() {
		if ad.Type() == unix.IFLA_BRPORT_ISOLATED {
			d.apart = ad.Uint8() != 0
		}
	}
	return nil
}

func (d *netdev) decodeVLAN(ad *netlink.AttributeDecoder) error {
	for ad.Next() {
		if ad.Type() == unix.IFLA_VLAN_ID {
			d.vlan = ad.Uint16()
		}
	}
	return nil
}

func (d *netdev) decodeBridge(ad *netlink.AttributeDecoder) error {
	for ad.Next() {
		switch ad.Type() {
		case unix.IFLA_BR_STP_STATE:
			d.stp = ad.Uint32()
		case unix.IFLA_BR_FORWARD_DELAY:
			d.delay = ad.Uint32()
		}
	}
	return nil
}

// sizeofRuleHeader is the size of struct fib_rule_hdr (linux/fib_rules.h).
const sizeofRuleHeader = 12

// decodeRule reads an RTM_NEWRULE message; false when it is malformed or not ours.
func decodeRule(b []byte) (rule, bool) {
	if len(b) < sizeofRuleHeader {
		return rule{}, false
	}
	ad, err := netlink.NewAttributeDecoder(b[sizeofRuleHeader:])
	if err != nil {
		return rule{}, false
	}
	r := rule{table: uint32(b[4]), unreachable: b[7] == unix.FR_ACT_UNREACHABLE}
	protocol, told := uint8(0), false
	for ad.Next() {
		switch ad.Type() {
		case unix.FRA_PRIORITY:
			r.priority = ad.Uint32()
		case unix.FRA_FWMARK:
			r.mark = ad.Uint32()
		case unix.FRA_SRC:
			if a, ok := netip.AddrFromSlice(ad.Bytes()); ok {
				r.from = netip.PrefixFrom(a, int(b[2]))
			}
		case unix.FRA_IIFNAME:
			r.iif = ad.String()
		case unix.FRA_TABLE:
			r.table = ad.Uint32()
		case unix.FRA_SUPPRESS_PREFIXLEN:
			r.suppress = ad.Uint32() == 0
		case unix.FRA_PROTOCOL:
			protocol, told = ad.Uint8(), true
		}
	}
	if r.unreachable {
		r.table = 0
	}
	ours := protocol == Protocol || !told && r.priority >= ruleMark && r.priority <= ruleLast
	return r, ours && ad.Err() == nil
}

// encodeRule is the inverse of decodeRule, and makes the request to add or delete.
func encodeRule(r rule) ([]byte, error) {
	b := make([]byte, sizeofRuleHeader)
	b[0] = unix.AF_INET
	b[7] = unix.FR_ACT_TO_TBL
	if r.unreachable {
		b[7] = unix.FR_ACT_UNREACHABLE
	}
	ae := netlink.NewAttributeEncoder()
	ae.Uint32(unix.FRA_PRIORITY, r.priority)
	ae.Uint8(unix.FRA_PROTOCOL, Protocol)
	if r.table != 0 {
		ae.Uint32(unix.FRA_TABLE, r.table)
	}
	if r.mark != 0 {
		ae.Uint32(unix.FRA_FWMARK, r.mark)
	}
	if r.from.IsValid() {
		b[2] = byte(r.from.Bits())
		ae.Bytes(unix.FRA_SRC, r.from.Addr().AsSlice())
	}
	if r.iif != "" {
		ae.String(unix.FRA_IIFNAME, r.iif)
	}
	if r.suppress {
		ae.Uint32(unix.FRA_SUPPRESS_PREFIXLEN, 0)
	}
	attrs, err := ae.Encode()
	return append(b, attrs...), err
}
