package nat

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Bits of a packet's mark, from the bridge on until the packet is forwarded.
const (
	markBound    = 0x1000_0000 // came by the port, with the MAC and the address of a lease
	markExempt   = 0x2000_0000 // came by the synthetic client's port
	markAdmitted = 0x4000_0000 // its sender has a place among those with Internet
)

// The sets of the limit. Bindings and places hold what leases say; a place among those
// with Internet is an element of slots, which the kernel makes for whoever sends first
// while there is room, and forgets when its client was silent for the absence.
const (
	setBindings = "bindings"
	setPlaces   = "places" // in the bridge table
	setSlots    = "slots"
)

// maxBindings bounds the leases that are known here: as many as two networks of clients,
// the LAN and guests, can have.
const maxBindings = 2 * 4096

// counted says that there are places. While nothing is shared nobody takes one, but who has
// one has it for the absence.
func counted(s Spec) bool { return len(s.LANs) > 0 && s.Limit > 0 }

// limited says that not everybody may have Internet.
func limited(s Spec) bool { return s.Sharing && counted(s) }

// strict says that a client is told by its port too.
func strict(s Spec) bool { return counted(s) && !s.NoPorts }

// concat is the type of a set's key that has several parts.
func concat(types ...nftables.SetDatatype) nftables.SetDatatype {
	t, err := nftables.ConcatSetType(types...)
	if err != nil { // more parts than the kernel knows: of those below none has
		return nftables.SetDatatype{}
	}
	return t
}

// limitSets are the sets that the limit needs.
func limitSets(s Spec) []set {
	if !counted(s) {
		return nil
	}
	key := concat(nftables.TypeEtherAddr, nftables.TypeIPAddr)
	return []set{
		{name: setBindings, key: key, size: maxBindings, fixed: true},
		{name: setSlots, key: key, size: uint32(s.Limit), timeout: max(s.Absence, time.Second)},
	}
}

// The chains of the limit. Who is admitted is decided before the destination is
// translated, so that a refused client's request for a page can be led to its reason.
const (
	chainAdmission        = "admission"
	priorityAdmit         = nftables.ChainPriority(-110) // behind the counters, before dstnat
	explained      uint16 = 80
)

func limitChains(s Spec) []chain {
	if len(s.LANs) == 0 || s.Explain == 0 && !limited(s) {
		return nil
	}
	before := priorityAdmit
	out := []chain{{base("explain", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest), explain(s)}}
	if limited(s) {
		out = append(out,
			chain{base("admit", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, &before), admit(s)},
			chain{hook{name: chainAdmission}, admission(s)})
	}
	return out
}

// admit picks the packets of clients that are for the Internet.
func admit(s Spec) (r []rule) {
	r = ifBlocked(s, "a blocked client takes no place", accept())
	for _, l := range s.LANs {
		for _, p := range subnets(s) {
			r = append(r, why("among clients, or for the gateway", iif(l.Bridge), daddr(p), accept()))
		}
		if s.Explain != 0 && s.Page.Is4() {
			r = append(r, why("the page that says why there is no Internet", iif(l.Bridge), daddr(netip.PrefixFrom(s.Page, 32)), accept()))
		}
		r = append(r, why("for everybody near by", iif(l.Bridge), daddr(netip.PrefixFrom(netip.AddrFrom4([4]byte{224}), 3)), accept()))
		for _, p := range l.subnets() {
			r = append(r, why("clients' packets to the Internet", iif(l.Bridge), saddr(p), goTo(chainAdmission)))
		}
	}
	return r
}

func admission(s Spec) []rule {
	var r []rule
	var bound []term
	if strict(s) { // without ports anybody could take the synthetic client's MAC
		r = []rule{why("the synthetic client takes nobody's place", marked(markExempt), mark(markAdmitted), accept())}
		bound = []term{marked(markBound)}
	}
	return append(r, why("who has a place, or takes a free one: only as the lease says",
		append(bound, inSet(setBindings), takeSlot(setSlots), mark(markAdmitted), accept())...))
}

// explain leads clients' requests for the page that says why there is no Internet to
// the gateway, and a refused client's for any.
func explain(s Spec) (r []rule) {
	if s.Explain == 0 {
		return nil
	}
	for _, l := range s.LANs {
		for _, p := range l.subnets() {
			if s.Page.Is4() {
				r = append(r, why("the page that says why there is no Internet", iif(l.Bridge), saddr(p), daddr(netip.PrefixFrom(s.Page, 32)), tcp(explained), redirect(s.Explain)))
			}
			which := []term{iif(l.Bridge), saddr(p)}
			for _, near := range subnets(s) {
				which = append(which, notTo(near))
			}
			which = append(which, tcp(explained))
			if !s.Sharing || limited(s) { // a blocked client has no place either
				r = append(r, why("a refused client is told why", append(which, unmarked(markAdmitted), redirect(s.Explain))...))
			} else {
				r = append(r, ifBlocked(s, "a blocked client is told why", append(which, redirect(s.Explain))...)...)
			}
		}
	}
	return r
}

// unadmitted refuses clients without a place; where everybody may go, nobody is asked.
func unadmitted(s Spec) []rule {
	if !limited(s) {
		return nil
	}
	return []rule{why("no place among those with Internet; clients are told at once", unmarked(markAdmitted), refuse())}
}

func loadMark() *expr.Meta { return &expr.Meta{Key: expr.MetaKeyMARK, Register: reg} }

func masked(bits uint32, op expr.CmpOp, value uint32) []expr.Any {
	return []expr.Any{loadMark(),
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(bits), Xor: make([]byte, 4)},
		&expr.Cmp{Op: op, Register: reg, Data: binaryutil.NativeEndian.PutUint32(value)}}
}

func marked(bit uint32) term {
	return term{fmt.Sprintf("meta mark & %#08x == %#08x", bit, bit), masked(bit, expr.CmpOpEq, bit)}
}

func unmarked(bit uint32) term {
	return term{fmt.Sprintf("meta mark & %#08x == 0", bit), masked(bit, expr.CmpOpEq, 0)}
}

// mark sets a bit and leaves the others.
func mark(bit uint32) term {
	return term{fmt.Sprintf("meta mark set meta mark | %#08x", bit), []expr.Any{loadMark(),
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(^bit), Xor: binaryutil.NativeEndian.PutUint32(bit)},
		&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: reg}}}
}

// Offsets in the Ethernet header.
const (
	offsetEtherSource = 6
	offsetEtherType   = 12
)

// registers that follow reg in steps of 4 bytes: a MAC takes two of them.
const regBehindMAC = unix.NFT_REG32_02

// ethernet makes sure that there is an Ethernet header before IPv4, as nft does.
func ethernet() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFTYPE, Register: reg}, equal(binaryutil.NativeEndian.PutUint16(unix.ARPHRD_ETHER)...),
		load(expr.PayloadBaseLLHeader, offsetEtherType, 2), equal(0x08, 0x00),
	}
}

// sender loads MAC and address of whoever sent a packet, the key of the sets.
func sender() []expr.Any {
	return []expr.Any{load(expr.PayloadBaseLLHeader, offsetEtherSource, 6),
		&expr.Payload{DestRegister: regBehindMAC, Base: expr.PayloadBaseNetworkHeader, Offset: offsetSource, Len: 4}}
}

func inSet(name string) term {
	return term{"ether saddr . ip saddr @" + name, append(append(ethernet(), sender()...),
		&expr.Lookup{SourceRegister: reg, SetName: name})}
}

// takeSlot renews the sender's element, or makes one; when the set is full the rule
// ends there.
func takeSlot(name string) term {
	return term{fmt.Sprintf("update @%s { ether saddr . ip saddr }", name), append(sender(),
		&expr.Dynset{SrcRegKey: reg, SetName: name, Operation: unix.NFT_DYNSET_OP_UPDATE})}
}

func notTo(p netip.Prefix) term {
	t := inPrefix("ip daddr !=", offsetDestination, p)
	last := *t.exprs[len(t.exprs)-1].(*expr.Cmp)
	last.Op = expr.CmpOpNeq
	t.exprs[len(t.exprs)-1] = &last
	return t
}

// redirect leads a packet to a port of the gateway itself.
func redirect(port uint16) term {
	const protoSpecified = 2 // NF_NAT_RANGE_PROTO_SPECIFIED
	return term{fmt.Sprintf("redirect to :%d", port), []expr.Any{
		&expr.Immediate{Register: reg, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.Redir{RegisterProtoMin: reg, Flags: protoSpecified},
	}}
}
