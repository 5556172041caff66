package nat

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// term is one part of a rule in both of its forms: nft's words for people and
// the kernel's expressions. They are built side by side, so that a reader of one
// may trust the other; a test has nft compare them.
type term struct {
	text  string
	exprs []expr.Any
}

// reg is the register that every load goes to; no term needs two.
const reg = 1

func device(key expr.MetaKey, word, name string) term {
	padded := make([]byte, unix.IFNAMSIZ) // the kernel compares whole registers
	copy(padded, name)
	return term{fmt.Sprintf("%s %q", word, name), []expr.Any{
		&expr.Meta{Key: key, Register: reg}, equal(padded...),
	}}
}

func iif(dev string) term { return device(expr.MetaKeyIIFNAME, "iifname", dev) }
func oif(dev string) term { return device(expr.MetaKeyOIFNAME, "oifname", dev) }

func equal(b ...byte) *expr.Cmp { return &expr.Cmp{Op: expr.CmpOpEq, Register: reg, Data: b} }

func family(f byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: reg}, equal(f)}
}

func protocol(p byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg}, equal(p)}
}

func load(base expr.PayloadBase, offset, length uint32) *expr.Payload {
	return &expr.Payload{DestRegister: reg, Base: base, Offset: offset, Len: length}
}

func ipv6() term {
	return term{"meta nfproto ipv6", family(unix.NFPROTO_IPV6)}
}

// Offsets in the IPv4 header (RFC 791, section 3.1).
const (
	offsetSource      = 12
	offsetDestination = 16
)

func inPrefix(word string, offset uint32, p netip.Prefix) term {
	e := append(family(unix.NFPROTO_IPV4), load(expr.PayloadBaseNetworkHeader, offset, 4))
	text := p.String()
	if p.Bits() < 32 {
		e = append(e, &expr.Bitwise{
			SourceRegister: reg, DestRegister: reg, Len: 4,
			Mask: net.CIDRMask(p.Bits(), 32), Xor: make([]byte, 4),
		})
	} else {
		text = p.Addr().String()
	}
	return term{word + " " + text, append(e, equal(p.Addr().AsSlice()...))}
}

func saddr(p netip.Prefix) term { return inPrefix("ip saddr", offsetSource, p) }
func daddr(p netip.Prefix) term { return inPrefix("ip daddr", offsetDestination, p) }

// port matches a destination port; TCP and UDP keep it in the same place.
func port(word string, proto byte, n uint16) term {
	return term{fmt.Sprintf("%s dport %d", word, n), append(protocol(proto),
		load(expr.PayloadBaseTransportHeader, 2, 2), equal(byte(n>>8), byte(n)))}
}

func udp(n uint16) term { return port("udp", unix.IPPROTO_UDP, n) }
func tcp(n uint16) term { return port("tcp", unix.IPPROTO_TCP, n) }

func ping4() term {
	const echoRequest = 8 // RFC 792
	return term{"icmp type echo-request", append(protocol(unix.IPPROTO_ICMP),
		load(expr.PayloadBaseTransportHeader, 0, 1), equal(echoRequest))}
}

func ping6() term {
	const echoRequest = 128 // RFC 4443
	return term{"icmpv6 type echo-request", append(protocol(unix.IPPROTO_ICMPV6),
		load(expr.PayloadBaseTransportHeader, 0, 1), equal(echoRequest))}
}

// discovery matches router and neighbour solicitations and advertisements.
func discovery() term {
	const first, last = 133, 136 // RFC 4861, section 4
	return term{"icmpv6 type 133-136", append(protocol(unix.IPPROTO_ICMPV6),
		load(expr.PayloadBaseTransportHeader, 0, 1),
		&expr.Cmp{Op: expr.CmpOpGte, Register: reg, Data: []byte{first}},
		&expr.Cmp{Op: expr.CmpOpLte, Register: reg, Data: []byte{last}})}
}

func state(text string, bits uint32) term {
	return term{"ct state " + text, []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: reg},
		&expr.Bitwise{
			SourceRegister: reg, DestRegister: reg, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(bits), Xor: make([]byte, 4),
		},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: reg, Data: make([]byte, 4)},
	}}
}

func known() term {
	return state("established,related", expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED)
}

func invalid() term { return state("invalid", expr.CtStateBitINVALID) }

// clamp lowers the segment size announced in a SYN to what fits the routes of both
// directions, as far as the main table knows them. The kernel never raises it.
func clamp() term {
	return setMSS("rt mtu",
		&expr.Rt{Register: reg, Key: expr.RtTCPMSS},
		&expr.Byteorder{SourceRegister: reg, DestRegister: reg, Op: expr.ByteorderHton, Len: 2, Size: 2})
}

// clampTo lowers it to what fits an MTU: less the IPv4 and TCP headers (RFC 6691).
func clampTo(mtu int) term {
	mss := uint16(min(max(mtu-40, 0), 1<<16-1))
	return setMSS(fmt.Sprint(mss), &expr.Immediate{Register: reg, Data: binaryutil.BigEndian.PutUint16(mss)})
}

// Flags of a TCP segment (RFC 9293, section 3.1).
const (
	flagSYN, flagRST, flagACK = 2, 4, 16
	offsetFlags               = 13
)

// flags matches TCP segments of which those of some flags that are set are these.
func flags(of, are byte) []expr.Any {
	return append(protocol(unix.IPPROTO_TCP),
		load(expr.PayloadBaseTransportHeader, offsetFlags, 1),
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 1, Mask: []byte{of}, Xor: []byte{0}},
		equal(are))
}

// asks is a segment that asks for a connection, answers the one that accepts it.
func asks() term { return term{"tcp flags & (syn | ack) == syn", flags(flagSYN|flagACK, flagSYN)} }
func answers() term {
	return term{"tcp flags & (syn | ack) == (syn | ack)", flags(flagSYN|flagACK, flagSYN|flagACK)}
}

func setMSS(text string, size ...expr.Any) term {
	const kindMSS = 2 // option: kind, length, two bytes of size
	e := append(flags(flagSYN|flagRST, flagSYN), size...)
	e = append(e, &expr.Exthdr{SourceRegister: reg, Type: kindMSS, Offset: 2, Len: 2, Op: expr.ExthdrOpTcpopt})
	return term{"tcp flags & (syn | rst) == syn tcp option maxseg size set " + text, e}
}

// tally adds a packet to its client's element of a set; a full set counts nobody
// new, and the rule ends there, which is why it must not carry a verdict.
func tally(set, word string, offset uint32) term {
	return term{fmt.Sprintf("update @%s { %s counter }", set, word), append(family(unix.NFPROTO_IPV4),
		load(expr.PayloadBaseNetworkHeader, offset, 4),
		&expr.Dynset{SrcRegKey: reg, SetName: set, Operation: unix.NFT_DYNSET_OP_UPDATE, Exprs: []expr.Any{&expr.Counter{}}})}
}

func count(name string) term {
	return term{fmt.Sprintf("counter name %q", name), []expr.Any{
		&expr.Objref{Type: unix.NFT_OBJECT_COUNTER, Name: name},
	}}
}

// translated matches connections of clients: their source address is translated.
func translated() term {
	const srcNAT = 1 << 4 // IPS_SRC_NAT (linux/netfilter/nf_conntrack_common.h)
	return term{"ct status snat", []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATUS, Register: reg},
		&expr.Bitwise{
			SourceRegister: reg, DestRegister: reg, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(srcNAT), Xor: make([]byte, 4),
		},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: reg, Data: make([]byte, 4)},
	}}
}

func established() term { return state("established", expr.CtStateBitESTABLISHED) }

func transport(name string, proto byte) term { return term{"meta l4proto " + name, protocol(proto)} }

// shortcut puts a packet's connection into the flow table.
func shortcut() term {
	return term{"flow add @" + flowTable, []expr.Any{&expr.FlowOffload{Name: flowTable}}}
}

func verdict(text string, kind expr.VerdictKind) term {
	return term{text, []expr.Any{&expr.Verdict{Kind: kind}}}
}

func accept() term { return verdict("accept", expr.VerdictAccept) }
func drop() term   { return verdict("drop", expr.VerdictDrop) }

func goTo(chain string) term {
	return term{"goto " + chain, []expr.Any{&expr.Verdict{Kind: expr.VerdictGoto, Chain: chain}}}
}

// refuse tells the sender at once that a person decided so.
func refuse() term {
	return term{"reject with icmpx admin-prohibited", []expr.Any{
		&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED},
	}}
}

func masquerade() term {
	return term{"masquerade", []expr.Any{&expr.Masq{}}}
}
