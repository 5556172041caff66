package nat

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// reality is what the kernel holds in our table.
type reality struct {
	loaded      bool
	fingerprint string
	addresses   map[netip.Addr]string // that uplinks had at the last load, with their interfaces
	short       []*nftables.Flowtable
	chains      []*nftables.Chain
	sets        []*nftables.Set
	counters    []*nftables.CounterObj
	others      []nftables.Obj // objects that are no counters, and not ours
}

func table() *nftables.Table {
	return &nftables.Table{Name: Table, Family: nftables.TableFamilyINet}
}

// read reads the table without its sets' elements; d.mu is held.
func (d *Driver) read() (r reality, err error) {
	t, err := d.conn.ListTableOfFamily(Table, nftables.TableFamilyINet)
	switch {
	case errors.Is(err, unix.ENOENT):
		return r, nil
	case err != nil:
		return r, fmt.Errorf("read table: %w", err)
	}
	r.loaded, r.addresses = true, map[netip.Addr]string{}
	var f fingerprint
	if t.Flags != 0 {
		f.add("flags %#x", t.Flags) // dormant: the table is there and does nothing
	}
	err = errors.Join(d.readChains(&r, &f), d.readSets(&r, &f), d.readObjects(&r, &f), d.readFlowtables(&r, &f), d.readRules(&r, &f))
	if err == nil {
		r.fingerprint = f.String()
	}
	return r, err
}

func (d *Driver) readChains(r *reality, f *fingerprint) error {
	chains, err := d.conn.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return fmt.Errorf("read chains: %w", err)
	}
	for _, c := range chains {
		if c.Table.Name == Table {
			r.chains = append(r.chains, c)
			f.chain(c)
		}
	}
	return nil
}

func (d *Driver) readSets(r *reality, f *fingerprint) error {
	sets, err := d.conn.GetSets(table())
	if err != nil {
		return fmt.Errorf("read sets: %w", err)
	}
	for _, s := range sets {
		if !s.Anonymous { // part of a rule
			r.sets = append(r.sets, s)
			f.set(s)
		}
	}
	return nil
}

// readObjects fails over an object that is neither counter nor quota.
func (d *Driver) readObjects(r *reality, f *fingerprint) error {
	objects, err := d.conn.GetObjects(table())
	if err != nil {
		return fmt.Errorf("read counters: %w", err)
	}
	for _, o := range objects {
		if c, ok := o.(*nftables.CounterObj); ok {
			r.counters = append(r.counters, c)
			f.counter(c.Name)
		} else {
			r.others = append(r.others, o)
			f.add("object")
		}
	}
	return nil
}

// readRules asks by itself: the library does not know every expression, its own
// among them, and refuses a whole chain over one that it misreads.
func (d *Driver) readRules(r *reality, f *fingerprint) error {
	rules, err := d.listRules(unix.NFPROTO_INET)
	for _, l := range rules {
		f.rule(l.chain, l.comment, l.exprs)
		dev, addrs := addressesIn(l.comment)
		for _, a := range addrs {
			r.addresses[a] = dev
		}
	}
	return err
}

// listRules lists the rules of our table of a family.
func (d *Driver) listRules(family byte) (list []listed, err error) {
	name, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: unix.NFTA_RULE_TABLE, Data: []byte(Table + "\x00")}})
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	msgs, err := d.sock.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETRULE, Flags: netlink.Request | netlink.Dump},
		Data:   append([]byte{family, unix.NFNETLINK_V0, 0, 0}, name...),
	})
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	for _, m := range msgs {
		if l := decodeRule(m.Data); l.table == Table {
			list = append(list, l)
		}
	}
	return list, nil
}

// sizeofNfgenmsg is the size of struct nfgenmsg (linux/netfilter/nfnetlink.h).
const sizeofNfgenmsg = 4

// listed is a rule as the kernel lists it.
type listed struct {
	table, chain, comment string
	exprs                 []byte
}

// decodeRule reads an NFT_MSG_NEWRULE message: struct nfgenmsg and attributes.
func decodeRule(data []byte) (l listed) {
	if len(data) < sizeofNfgenmsg {
		return l
	}
	each(data[sizeofNfgenmsg:], func(typ uint16, v []byte) {
		switch typ {
		case unix.NFTA_RULE_TABLE:
			l.table = text(v)
		case unix.NFTA_RULE_CHAIN:
			l.chain = text(v)
		case unix.NFTA_RULE_EXPRESSIONS:
			l.exprs = v
		case unix.NFTA_RULE_USERDATA:
			l.comment = comment(v)
		}
	})
	return l
}
