package nat

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// term is one piece of a rule: its nft text, and the same as the kernel takes it.
type term struct {
	text  string
	exprs []expr.Any
}

// reg is the one register that terms load, compare and forget.
const reg = 1

// ifname is a name as the kernel compares it: padded to 16 bytes.
func ifname(name string) []byte {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, name)
	return b
}

func iif(name string) term {
	return term{fmt.Sprintf("iifname %q", name), metaIs(expr.MetaKeyIIFNAME, ifname(name))}
}

func oif(name string) term {
	return term{fmt.Sprintf("oifname %q", name), metaIs(expr.MetaKeyOIFNAME, ifname(name))}
}

func metaIs(key expr.MetaKey, value []byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: key, Register: reg},
		&expr.Cmp{Op: expr.CmpOpEq, Register: reg, Data: value},
	}
}

func protocol(name string, number byte) term {
	return term{"meta l4proto " + name, metaIs(expr.MetaKeyL4PROTO, []byte{number})}
}

// dport matches a destination port of tcp or udp.
func dport(name string, number byte, port uint16) term {
	return term{fmt.Sprintf("%s dport %d", name, port), append(metaIs(expr.MetaKeyL4PROTO, []byte{number}),
		&expr.Payload{DestRegister: reg, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: reg, Data: binaryutil.BigEndian.PutUint16(port)},
	)}
}

func udp(port uint16) term { return dport("udp", unix.IPPROTO_UDP, port) }
func tcp(port uint16) term { return dport("tcp", unix.IPPROTO_TCP, port) }

// Offsets of the addresses in an IPv4 header (RFC 791 section 3.1).
const (
	offsetSource      = 12
	offsetDestination = 16
)

func saddr(p netip.Prefix) term { return ipv4("ip saddr", offsetSource, p) }
func daddr(p netip.Prefix) term { return ipv4("ip daddr", offsetDestination, p) }

// ipv4 matches an address against a prefix.
func ipv4(text string, offset uint32, p netip.Prefix) term {
	p = p.Masked()
	address := p.Addr().As4()
	return term{fmt.Sprintf("%s %v", text, p), append(metaIs(expr.MetaKeyNFPROTO, []byte{unix.NFPROTO_IPV4}),
		&expr.Payload{DestRegister: reg, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 4},
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 4, Mask: mask(p.Bits()), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: reg, Data: address[:]},
	)}
}

func mask(bits int) []byte {
	return binaryutil.BigEndian.PutUint32(^uint32(0) << (32 - bits))
}

// state matches any of some connection tracking states.
func state(text string, bits uint32) term {
	return term{"ct state " + text, []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: reg},
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(bits), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: reg, Data: make([]byte, 4)},
	}}
}

func known() term {
	return state("established,related", expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED)
}

func invalid() term { return state("invalid", expr.CtStateBitINVALID) }

// clamp writes the maximum segment size that the route allows into a SYN (RFC 4459
// section 3.2): the way out and the way in are both bounded by the smaller MTU.
func clamp() term {
	return term{"tcp flags syn tcp option maxseg size set rt mtu", append(metaIs(expr.MetaKeyL4PROTO, []byte{unix.IPPROTO_TCP}),
		&expr.Payload{DestRegister: reg, Base: expr.PayloadBaseTransportHeader, Offset: 13, Len: 1},
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 1, Mask: []byte{0x02}, Xor: []byte{0}},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: reg, Data: []byte{0}},
		&expr.Rt{Register: reg, Key: expr.RtTCPMSS},
		&expr.Byteorder{SourceRegister: reg, DestRegister: reg, Op: expr.ByteorderHton, Len: 2, Size: 2},
		&expr.Exthdr{SourceRegister: reg, Type: 2, Offset: 2, Len: 2, Op: expr.ExthdrOpTcpopt},
	)}
}

// count adds the packet to the element of a set, which is made when it is missing.
func count(set, key string, load expr.Any) term {
	return term{fmt.Sprintf("update @%s { %s counter }", set, key), []expr.Any{
		load,
		&expr.Dynset{SrcRegKey: reg, SetName: set, Operation: unix.NFT_DYNSET_OP_UPDATE, Exprs: []expr.Any{&expr.Counter{}}},
	}}
}

func countAddress(set, key string, offset uint32) term {
	return count(set, key, &expr.Payload{DestRegister: reg, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 4})
}

func countInterface(set, key string, meta expr.MetaKey) term {
	return count(set, key, &expr.Meta{Key: meta, Register: reg})
}

func accept() term { return term{"accept", []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}} }
func drop() term   { return term{"drop", []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}} }

// reject tells the sender at once, so that an application does not wait.
func reject() term {
	return term{"reject", []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_PORT_UNREACH}}}
}

func masquerade() term { return term{"masquerade", []expr.Any{&expr.Masq{}}} }

// rule is some terms with the reason why they are there.
type rule struct {
	terms   []term
	comment string
}

func (r rule) String() string {
	var b strings.Builder
	for _, t := range r.terms {
		b.WriteString(t.text + " ")
	}
	fmt.Fprintf(&b, "comment %q", r.comment)
	return b.String()
}

func (r rule) exprs() []expr.Any {
	var out []expr.Any
	for _, t := range r.terms {
		out = append(out, t.exprs...)
	}
	return out
}
