package nat

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Fingerprint identifies the content of the table: chains, rules in their order with
// what they match and do, comments, and the definitions of sets and counters, but
// not what was counted. It is "" for no table. The same is computed from what the
// kernel tells, so that a rule which somebody adds, deletes, moves or edits shows.
func (rs Ruleset) Fingerprint() string {
	if len(rs.chains) == 0 {
		return ""
	}
	t := table()
	var f fingerprint
	for _, c := range rs.chains {
		f.chain(c.kernelChain(t))
		for _, r := range c.rules {
			f.rule(c.name, r.comment, marshal(r))
		}
	}
	for _, s := range rs.sets {
		f.set(s.kernelSet(t))
	}
	for _, c := range rs.counters {
		f.counter(c)
	}
	if len(rs.short) > 0 {
		f.flowtable(rs.kernelFlowtable(t))
	}
	return f.String()
}

// fingerprint collects lines; their order does not matter, because the kernel lists
// things in the order of their creation. Rules carry their place in their chain.
type fingerprint struct {
	lines []string
	next  map[string]int
}

func (f *fingerprint) add(format string, a ...any) {
	f.lines = append(f.lines, fmt.Sprintf(format, a...))
}

func (f *fingerprint) chain(c *nftables.Chain) {
	if c.Hooknum == nil || c.Priority == nil || c.Policy == nil {
		f.add("chain %s", c.Name)
		return
	}
	f.add("chain %s %s %d %d %d", c.Name, c.Type, *c.Hooknum, *c.Priority, *c.Policy)
}

func (f *fingerprint) rule(chain, comment string, exprs []byte) {
	if f.next == nil {
		f.next = map[string]int{}
	}
	f.next[chain]++
	f.add("rule %s %d %q%s", chain, f.next[chain], comment, meaning(exprs))
}

func (f *fingerprint) set(s *nftables.Set) {
	f.add("set %s %s %d %v %t %d", s.Name, s.KeyType.Name, s.Size, s.Timeout, s.Dynamic, s.DataType.Bytes)
}

func (f *fingerprint) counter(name string) { f.add("counter %s", name) }

func (f *fingerprint) flowtable(t *nftables.Flowtable) {
	f.add("flowtable %s %d %d %d %q", t.Name, *t.Hooknum, *t.Priority, t.Flags, slices.Sorted(slices.Values(t.Devices)))
}

func (f *fingerprint) String() string {
	slices.Sort(f.lines)
	sum := sha256.Sum256([]byte(strings.Join(f.lines, "\n")))
	return hex.EncodeToString(sum[:8])
}

// marshal gives a rule's expressions as they go to the kernel, nil when the library
// cannot: such a rule fails to load too.
func marshal(r rule) []byte {
	var list []netlink.Attribute
	for _, e := range r.exprs() {
		b, err := expr.Marshal(unix.NFPROTO_INET, e)
		if err != nil {
			return nil
		}
		list = append(list, netlink.Attribute{Type: unix.NLA_F_NESTED | unix.NFTA_LIST_ELEM, Data: b})
	}
	b, err := netlink.MarshalAttributes(list)
	if err != nil {
		return nil
	}
	return b
}

// meaning prints what a list of expressions does. It looks only at attributes that
// every kernel tells as it was told them: registers, flags that are zero and what
// was counted differ between kernels and versions.
func meaning(exprs []byte) string {
	var b strings.Builder
	each(exprs, func(_ uint16, elem []byte) {
		name, data := "", []byte(nil)
		each(elem, func(typ uint16, v []byte) {
			switch typ {
			case unix.NFTA_EXPR_NAME:
				name = text(v)
			case unix.NFTA_EXPR_DATA:
				data = v
			}
		})
		b.WriteString(" " + name)
		types, depth := telling(name)
		each(data, func(typ uint16, v []byte) {
			if slices.Contains(types, typ) {
				fmt.Fprintf(&b, " %d:%s", typ, leaves(v, depth))
			}
		})
	})
	return b.String()
}

// telling lists an expression's attributes that tell what it does, and how deep
// values lie in them.
func telling(name string) (types []uint16, depth int) {
	switch name {
	case "meta":
		return []uint16{unix.NFTA_META_KEY}, 0
	case "ct":
		return []uint16{unix.NFTA_CT_KEY}, 0
	case "rt":
		return []uint16{unix.NFTA_RT_KEY}, 0
	case "payload":
		return []uint16{unix.NFTA_PAYLOAD_BASE, unix.NFTA_PAYLOAD_OFFSET, unix.NFTA_PAYLOAD_LEN}, 0
	case "limit":
		return []uint16{unix.NFTA_LIMIT_RATE, unix.NFTA_LIMIT_UNIT, unix.NFTA_LIMIT_BURST}, 0
	case "reject":
		return []uint16{unix.NFTA_REJECT_TYPE, unix.NFTA_REJECT_ICMP_CODE}, 0
	case "exthdr":
		return []uint16{unix.NFTA_EXTHDR_TYPE, unix.NFTA_EXTHDR_OFFSET, unix.NFTA_EXTHDR_LEN}, 0
	case "objref":
		return []uint16{unix.NFTA_OBJREF_IMM_NAME}, 0
	case "lookup":
		return []uint16{unix.NFTA_LOOKUP_SET}, 0
	case "flow_offload":
		return []uint16{unix.NFTA_TABLE_NAME}, 0 // attribute 1 is the flow table's name
	case "dynset":
		return []uint16{unix.NFTA_DYNSET_SET_NAME, unix.NFTA_DYNSET_OP}, 0
	case "bitwise":
		return []uint16{unix.NFTA_BITWISE_MASK, unix.NFTA_BITWISE_XOR}, 1
	case "cmp":
		return []uint16{unix.NFTA_CMP_OP, unix.NFTA_CMP_DATA}, 1
	case "immediate":
		return []uint16{unix.NFTA_IMMEDIATE_DATA}, 2
	}
	return nil, 0 // an expression of somebody else, or one that says all by its name
}

// leaves prints the values that lie up to depth levels deep, without the zeros at
// their end: strings are told with and without one. A value that is no list of
// attributes, such as the operator of a comparison, is printed as it is.
func leaves(b []byte, depth int) string {
	if depth == 0 || len(b) <= 4 {
		return hex.EncodeToString(bytes.TrimRight(b, "\x00"))
	}
	var out []string
	each(b, func(_ uint16, v []byte) { out = append(out, leaves(v, depth-1)) })
	return strings.Join(out, ",")
}

// each walks over attributes; it stops at the first malformed one.
func each(b []byte, f func(typ uint16, value []byte)) {
	ad, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return
	}
	ad.ByteOrder = binary.BigEndian
	for ad.Next() {
		f(ad.Type(), ad.Bytes())
	}
}

// text is a string that the kernel may end with a zero.
func text(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }

// comment finds the comment in a rule's user data: a list of type, length and value
// (libnftnl's udata.h), which anybody may have written.
func comment(udata []byte) string {
	const typeComment = 0
	for len(udata) >= 2 {
		n := 2 + int(udata[1])
		if n > len(udata) {
			break
		}
		if udata[0] == typeComment {
			return text(udata[2:n])
		}
		udata = udata[n:]
	}
	return ""
}
