package nat

import (
	"encoding/binary"
	"fmt"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// maxRivals bounds Status.Rivals.
const maxRivals = 16

// rivals finds others' base chains that drop forwarded IPv4 packets, by their policy or
// by a rule in the chain itself. Whether a client's packet is meant is not judged: who
// reads it looks here when packets get lost. d.mu is held.
func (d *Driver) rivals() ([]Rival, error) {
	chains, err := d.conn.ListChains()
	if err != nil {
		return nil, fmt.Errorf("read others' chains: %w", err)
	}
	var out []Rival
	for _, c := range chains {
		family, ok := map[nftables.TableFamily]string{nftables.TableFamilyINet: "inet", nftables.TableFamilyIPv4: "ip"}[c.Table.Family]
		if !ok || c.Table.Name == Table || c.Hooknum == nil || *c.Hooknum != *nftables.ChainHookForward || len(out) == maxRivals {
			continue
		}
		why := ""
		if c.Policy != nil && *c.Policy == nftables.ChainPolicyDrop {
			why = "policy"
		} else if drops, err := d.dropsByRule(c); err != nil {
			return out, err
		} else if drops {
			why = "rule"
		}
		if why != "" {
			out = append(out, Rival{Table: family + " " + c.Table.Name, Chain: c.Name, Why: why})
		}
	}
	return out, nil
}

// dropsByRule says that a rule of the chain drops or rejects. It asks by itself, as
// readRules does: other programs' expressions are none of the library's.
func (d *Driver) dropsByRule(c *nftables.Chain) (bool, error) {
	names, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: unix.NFTA_RULE_TABLE, Data: []byte(c.Table.Name + "\x00")},
		{Type: unix.NFTA_RULE_CHAIN, Data: []byte(c.Name + "\x00")},
	})
	if err != nil {
		return false, fmt.Errorf("read others' rules: %w", err)
	}
	msgs, err := d.sock.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETRULE, Flags: netlink.Request | netlink.Dump},
		Data:   append([]byte{byte(c.Table.Family), unix.NFNETLINK_V0, 0, 0}, names...),
	})
	if err != nil {
		return false, fmt.Errorf("read others' rules: %w", err)
	}
	for _, m := range msgs {
		if l := decodeRule(m.Data); l.table == c.Table.Name && l.chain == c.Name && refuses(l.exprs) {
			return true, nil
		}
	}
	return false, nil
}

// refuses says that a rule's expressions end in drop or reject: an expression
// "reject", or an "immediate" of the verdict NF_DROP (linux/netfilter/nf_tables.h).
func refuses(exprs []byte) (found bool) {
	each(exprs, func(_ uint16, element []byte) {
		name, data := "", []byte(nil)
		each(element, func(typ uint16, v []byte) {
			switch typ {
			case unix.NFTA_EXPR_NAME:
				name = text(v)
			case unix.NFTA_EXPR_DATA:
				data = v
			}
		})
		found = found || name == "reject" || name == "immediate" && drops(data)
	})
	return found
}

// drops reads the verdict of an immediate: 0 is NF_DROP. One without a verdict loads a
// value and drops nothing.
func drops(immediate []byte) (found bool) {
	each(immediate, func(typ uint16, v []byte) {
		if typ != unix.NFTA_IMMEDIATE_DATA {
			return
		}
		each(v, func(typ uint16, v []byte) {
			if typ != unix.NFTA_DATA_VERDICT {
				return
			}
			each(v, func(typ uint16, v []byte) {
				found = found || typ == unix.NFTA_VERDICT_CODE && len(v) == 4 && binary.BigEndian.Uint32(v) == 0
			})
		})
	})
	return found
}
