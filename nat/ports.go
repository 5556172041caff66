package nat

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// portReader tells where hardware addresses are.
type portReader interface {
	// at is the bridge's port at which a MAC was seen last; "" when it was not.
	at(bridge string, m mac) string
	// alive says that a port is there and has a carrier.
	alive(port string) bool
	// radio says that a port is one of Wi-Fi.
	radio(port string) bool
}

// kernelPorts reads the bridge's forwarding table, in the network namespace of the
// thread that asks.
type kernelPorts struct{}

func (kernelPorts) alive(port string) bool {
	f, err := net.InterfaceByName(port)
	return err == nil && f.Flags&net.FlagRunning != 0
}

func (kernelPorts) radio(port string) bool {
	_, err := os.Stat(filepath.Join("/sys/class/net", port, "phy80211"))
	return err == nil
}

// sizeofNdmsg is the size of struct ndmsg (linux/neighbour.h).
const sizeofNdmsg = 12

func (kernelPorts) at(bridge string, m mac) string {
	b, err := net.InterfaceByName(bridge)
	if err != nil {
		return ""
	}
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return ""
	}
	defer conn.Close()
	attrs, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: unix.NDA_LLADDR, Data: m[:]},
		{Type: unix.NDA_MASTER, Data: binary.NativeEndian.AppendUint32(nil, uint32(b.Index))},
	})
	if err != nil {
		return ""
	}
	head := make([]byte, sizeofNdmsg)
	head[0] = unix.AF_BRIDGE
	msgs, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETNEIGH, Flags: netlink.Request}, Data: append(head, attrs...),
	})
	if err != nil || len(msgs) == 0 {
		return ""
	}
	return portName(indexOf(msgs[0].Data))
}

// indexOf is the index of the interface that a neighbour message is about; 0 none.
func indexOf(data []byte) int {
	if len(data) < sizeofNdmsg {
		return 0
	}
	return int(binary.NativeEndian.Uint32(data[4:]))
}

// portName is the name of an interface; "" when it has gone.
func portName(index int) string {
	f, err := net.InterfaceByIndex(index)
	if err != nil {
		return ""
	}
	return f.Name
}

// sighting is a MAC that was seen at a port of a bridge for the first time, or at another
// one.
type sighting struct {
	mac   mac
	index int
}

// watchPorts tells of every sighting until ctx ends, or that some were lost: the kernel tells
// of each once, and somebody may send from more addresses than there is room for.
func watchPorts(ctx context.Context, conn *netlink.Conn, seen chan<- sighting, lost chan<- struct{}) error {
	for {
		msgs, err := conn.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS):
			poke(lost)
		case err != nil:
			return fmt.Errorf("nat: watch ports: %w", err)
		}
		for _, m := range msgs {
			s, ok := readSighting(m)
			if !ok {
				continue
			}
			select {
			case seen <- s:
			default:
				poke(lost)
			}
		}
	}
}

// poke leaves word, unless there is some already.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// readSighting reads a notification of a bridge's forwarding table.
func readSighting(m netlink.Message) (s sighting, ok bool) {
	if m.Header.Type != unix.RTM_NEWNEIGH || len(m.Data) < sizeofNdmsg || m.Data[0] != unix.AF_BRIDGE {
		return s, false
	}
	each(m.Data[sizeofNdmsg:], func(typ uint16, v []byte) {
		if typ == unix.NDA_LLADDR && len(v) == len(s.mac) {
			s.mac, ok = mac(v), true
		}
	})
	s.index = indexOf(m.Data)
	return s, ok
}

// The bridge table sees packets before they lose their port. It marks those that come
// from where, and as who, a lease says; one that is not there marks nobody, so that
// nobody who is limited gets through.
const chainSeen = "seen"

func bridgeTable() *nftables.Table {
	return &nftables.Table{Name: Table, Family: nftables.TableFamilyBridge}
}

func placesSet() set {
	return set{name: setPlaces, size: maxBindings, fixed: true,
		key: concat(nftables.TypeIFName, nftables.TypeEtherAddr, nftables.TypeIPAddr)}
}

// marking are the rules of the bridge table.
func marking(s Spec) []rule {
	const regMAC, regAddr = unix.NFT_REG_2, unix.NFT_REG32_06 // behind a name of 16 bytes, and a MAC in 8
	prefix := term{fmt.Sprintf("iifname %q", s.ExemptPort+"*"), []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: reg}, equal([]byte(s.ExemptPort)...)}}
	who := term{fmt.Sprintf("ether saddr %s", s.Exempt), []expr.Any{
		load(expr.PayloadBaseLLHeader, offsetEtherSource, 6), equal(s.Exempt...)}}
	r := []rule{why("by the lease's port, with its MAC and address", term{"iifname . ether saddr . ip saddr @" + setPlaces, []expr.Any{
		&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: reg}, equal(0x08, 0x00),
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: reg},
		&expr.Payload{DestRegister: regMAC, Base: expr.PayloadBaseLLHeader, Offset: offsetEtherSource, Len: 6},
		&expr.Payload{DestRegister: regAddr, Base: expr.PayloadBaseNetworkHeader, Offset: offsetSource, Len: 4},
		&expr.Lookup{SourceRegister: reg, SetName: setPlaces},
	}}, mark(markBound))}
	if s.ExemptPort != "" && len(s.Exempt) == 6 {
		r = append(r, why("the synthetic client", prefix, who, mark(markExempt)))
	}
	return r
}

// seen is the chain of the bridge table.
func seen() *nftables.Chain {
	first := nftables.ChainPriority(-300)
	c := chain{hook: base(chainSeen, nftables.ChainTypeFilter, nftables.ChainHookPrerouting, &first)}.kernelChain(bridgeTable())
	return c
}

// Ports identifies the bridge table of a wish as Fingerprint does the ruleset; "" none.
func Ports(s Spec) string {
	if !strict(s) {
		return ""
	}
	var f fingerprint
	f.chain(seen())
	for _, r := range marking(s) {
		f.rule(chainSeen, r.comment, marshal(r))
	}
	f.set(placesSet().kernelSet(bridgeTable()))
	return f.String()
}

// loadPorts makes the bridge table what it is to be, while its set keeps its elements.
func (d *Driver) loadPorts(s Spec) error {
	have, err := d.readPorts()
	if err != nil || have == Ports(s) {
		return err
	}
	var former []*nftables.Set // of another definition, which cannot be changed
	if have != "" {
		if former, err = d.conn.GetSets(bridgeTable()); err != nil {
			return fmt.Errorf("read sets: %w", err)
		}
	}
	t := d.conn.AddTable(bridgeTable())
	if !strict(s) {
		d.conn.DelTable(t)
		return d.conn.Flush()
	}
	d.conn.FlushTable(t)
	for _, f := range former {
		if !same(f, placesSet().kernelSet(t), (*fingerprint).set) {
			d.conn.DelSet(f)
		}
	}
	if err := d.conn.AddSet(placesSet().kernelSet(t), nil); err != nil {
		return err
	}
	c := seen()
	d.conn.AddChain(c)
	for _, r := range marking(s) {
		d.conn.AddRule(&nftables.Rule{Table: t, Chain: c, Exprs: r.exprs(),
			UserData: userdata.AppendString(nil, userdata.TypeComment, r.comment)})
	}
	return d.conn.Flush()
}

// readPorts identifies the kernel's bridge table; "" none.
func (d *Driver) readPorts() (string, error) {
	_, err := d.conn.ListTableOfFamily(Table, nftables.TableFamilyBridge)
	switch {
	case errors.Is(err, unix.ENOENT), cannot(err):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("read bridge table: %w", err)
	}
	var f fingerprint
	chains, err := d.conn.ListChainsOfTableFamily(nftables.TableFamilyBridge)
	if err != nil {
		return "", fmt.Errorf("read chains: %w", err)
	}
	for _, c := range chains {
		if c.Table.Name == Table {
			f.chain(c)
		}
	}
	sets, err := d.conn.GetSets(bridgeTable())
	if err != nil {
		return "", fmt.Errorf("read sets: %w", err)
	}
	for _, s := range sets {
		f.set(s)
	}
	rules, err := d.listRules(unix.NFPROTO_BRIDGE)
	for _, l := range rules {
		f.rule(l.chain, l.comment, l.exprs)
	}
	return f.String(), err
}

// cannot says that the kernel knows no firewall for bridges.
func cannot(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPROTONOSUPPORT)
}
