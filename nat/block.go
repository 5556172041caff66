package nat

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// blockedSet holds who is blocked. Its name says who that is, so that another list is
// another set, which comes and goes with the rules.
func blockedSet(s Spec) set {
	sum, b := sha256.New(), set{key: nftables.TypeEtherAddr, size: uint32(len(s.Blocked)), fixed: true}
	for _, m := range s.Blocked {
		sum.Write(m) // never fails
		b.elements = append(b.elements, nftables.SetElement{Key: m})
	}
	b.name = "blocked_" + hex.EncodeToString(sum.Sum(nil)[:6])
	return b
}

// fromBlocked matches what is sent under a blocked MAC.
func fromBlocked(s Spec) term {
	name := blockedSet(s).name
	return term{"ether saddr @" + name, []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFTYPE, Register: reg}, equal(binary.NativeEndian.AppendUint16(nil, unix.ARPHRD_ETHER)...),
		load(expr.PayloadBaseLLHeader, offsetEtherSource, 6), &expr.Lookup{SourceRegister: reg, SetName: name}}}
}

// ifBlocked gives a rule, made when somebody is blocked.
func ifBlocked(s Spec, comment string, t ...term) []rule {
	if len(s.Blocked) == 0 {
		return nil
	}
	return []rule{why(comment, append([]term{fromBlocked(s)}, t...)...)}
}

// Blocks says that nothing goes to the Internet from a MAC.
func (s Spec) Blocks(hw net.HardwareAddr) bool { return contains(s.Blocked, hw) }

func contains(list []net.HardwareAddr, hw net.HardwareAddr) bool {
	return slices.ContainsFunc(list, func(m net.HardwareAddr) bool { return bytes.Equal(m, hw) })
}

// bar ends what goes on of clients that are blocked since the last call, and takes their
// places away; r.mu is held. It is done anew when it fails.
func (r *registry) bar() error {
	if !slices.ContainsFunc(r.spec.Blocked, func(m net.HardwareAddr) bool { return !contains(r.barred, m) }) {
		r.barred = r.spec.Blocked
		return nil
	}
	gone, err := blockedAddrs(r.spec)
	if err != nil {
		return fmt.Errorf("find blocked clients: %w", err)
	}
	for addr, b := range r.bindings {
		if r.spec.Blocks(b.mac[:]) {
			gone = append(gone, addr)
		}
	}
	if counted(r.spec) {
		all, _ := r.slots() // one that is not taken away lasts until its absence, and is nobody's
		for _, s := range all {
			if r.spec.Blocks(s.MAC) {
				r.elements(false, element{&nftables.Set{Table: table(), Name: setSlots}, slotKey(mac(s.MAC), s.Addr)})
			}
		}
	}
	n, err := dropConnections(r.log, of(ofClient, gone))
	if err != nil {
		return fmt.Errorf("end connections of blocked clients: %w", err)
	}
	r.log.Info("clients are blocked", "clients", len(r.spec.Blocked), "dropped", n)
	r.barred = r.spec.Blocked
	return nil
}

// blockedAddrs are the addresses that the kernel knows of blocked clients, leased or not.
func blockedAddrs(s Spec) (addrs []netip.Addr, err error) {
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	head := make([]byte, sizeofNdmsg)
	head[0] = unix.AF_INET
	msgs, err := conn.Execute(netlink.Message{Header: netlink.Header{Type: unix.RTM_GETNEIGH, Flags: netlink.Request | netlink.Dump}, Data: head})
	for _, m := range msgs {
		if addr, hw := readNeighbour(m.Data); s.Blocks(hw) && addr.IsValid() {
			addrs = append(addrs, addr)
		}
	}
	return addrs, err
}

// readNeighbour reads who has an address near by.
func readNeighbour(data []byte) (addr netip.Addr, hw net.HardwareAddr) {
	if len(data) < sizeofNdmsg {
		return addr, nil
	}
	each(data[sizeofNdmsg:], func(typ uint16, v []byte) {
		switch typ {
		case unix.NDA_DST:
			addr, _ = netip.AddrFromSlice(v)
		case unix.NDA_LLADDR:
			hw = v
		}
	})
	return addr, hw
}
