package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/jsimonetti/rtnetlink/v2/driver"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The synthetic client's interfaces: one end in the bridge, the other in its
// namespace.
const (
	bridgeEnd = "tprobe0"
	clientEnd = "eth0"
)

// firstResend is when DHCP repeats a message; it doubles. It is short because a
// bridge drops what comes before it has noticed the new port.
const firstResend = 50 * time.Millisecond

// cannotProve is what even a perfect synthetic client leaves open.
const cannotProve = "proves neither radio nor hardware offload"

// errNoClient tells nothing about the LAN.
var errNoClient = errors.New("no synthetic LAN client can be made here")

// NewMAC makes a hardware address for the synthetic client, locally administered (IEEE 802
// section 8). Each process has another one, for nobody who sets it in advance is to be
// taken for that client.
func NewMAC() (mac [6]byte) {
	const local, group = 2, 1
	_, _ = rand.Read(mac[:]) // never fails (crypto/rand)
	mac[0] = mac[0]&^group | local
	return mac
}

// lookFromClient looks from a synthetic client on the LAN bridge.
func lookFromClient(ctx context.Context, s Spec, m manner, l limits) finding {
	ctx, stop := context.WithTimeout(ctx, l.look)
	defer stop()
	lan, err := net.InterfaceByName(s.Client.Bridge)
	if err != nil {
		return noLease("a client cannot join bridge %s: %v", s.Client.Bridge, plain(err))
	}
	var f finding
	onLostThread(func() { f, err = live(ctx, lan, s, m, l) })
	switch {
	case errors.Is(err, errNoClient):
		return lookInstead(ctx, lan, s, m, l, err)
	case err != nil:
		return noLease("%v", err)
	}
	f.cannot = cannotProve
	return f
}

func noLease(format string, args ...any) finding {
	return finding{verdict: NoLease, detail: fmt.Sprintf(format, args...), cannot: cannotProve}
}

// live is a client's life, from its first network namespace to the last packet. It
// leaves the calling thread in that namespace.
func live(ctx context.Context, lan *net.Interface, s Spec, m manner, l limits) (finding, error) {
	host, err := rtnetlink.Dial(nil) // a socket stays where it was opened
	if err != nil {
		return finding{}, fmt.Errorf("%w: netlink: %w", errNoClient, err)
	}
	defer host.Close()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return finding{}, fmt.Errorf("%w: network namespace: %w", errNoClient, err)
	}
	inside, err := rtnetlink.Dial(nil)
	if err != nil {
		return finding{}, fmt.Errorf("%w: netlink: %w", errNoClient, err)
	}
	defer inside.Close()
	defer unplug(host)
	if err := plug(host, lan, s.Client.MAC); err != nil {
		return finding{}, err
	}
	return visit(ctx, inside, s, m, l)
}

// plug joins the calling thread's namespace to the bridge by a veth pair.
func plug(host *rtnetlink.Conn, lan *net.Interface, mac [6]byte) error {
	unplug(host) // nothing should be there; if there is, it is ours
	peer := &rtnetlink.LinkMessage{Attributes: &rtnetlink.LinkAttributes{
		Name: clientEnd, Address: mac[:], NetNS: rtnetlink.NetNSForPID(uint32(unix.Gettid())),
	}}
	err := host.Link.New(&rtnetlink.LinkMessage{Attributes: &rtnetlink.LinkAttributes{
		Name: bridgeEnd, Info: &rtnetlink.LinkInfo{Kind: "veth", Data: &driver.Veth{PeerInfo: peer}},
	}})
	if err != nil {
		return fmt.Errorf("%w: veth: %w", errNoClient, err)
	}
	master := uint32(lan.Index)
	err = host.Link.Set(&rtnetlink.LinkMessage{
		Flags: unix.IFF_UP, Change: unix.IFF_UP,
		Attributes: &rtnetlink.LinkAttributes{Name: bridgeEnd, Master: &master},
	})
	if err != nil {
		return fmt.Errorf("a client cannot join bridge %s: %w", lan.Name, err)
	}
	return nil
}

// unplug removes the pair, if it is there. By the name, because the calling thread
// may no longer see what index it has.
func unplug(host *rtnetlink.Conn) {
	m := &rtnetlink.LinkMessage{Attributes: &rtnetlink.LinkAttributes{Name: bridgeEnd}}
	_, _ = host.Execute(m, unix.RTM_DELLINK, netlink.Request|netlink.Acknowledge) // it vanishes with the namespace at the latest
}

// visit takes a lease, looks and gives the lease back. The calling thread is inside.
func visit(ctx context.Context, inside *rtnetlink.Conn, s Spec, m manner, l limits) (finding, error) {
	link, err := net.InterfaceByName(clientEnd)
	if err == nil {
		err = inside.Link.Set(&rtnetlink.LinkMessage{Index: uint32(link.Index), Flags: unix.IFF_UP, Change: unix.IFF_UP})
	}
	if err != nil {
		return finding{}, fmt.Errorf("%w: its interface: %w", errNoClient, err)
	}
	client, err := nclient4.New(clientEnd, nclient4.WithTimeout(firstResend), nclient4.WithRetry(-1))
	if err != nil {
		return finding{}, fmt.Errorf("%w: DHCP socket: %w", errNoClient, err)
	}
	defer client.Close()
	leasing, stop := context.WithTimeout(ctx, l.lease)
	defer stop()
	lease, err := client.Request(leasing)
	if err != nil {
		return noLease("the LAN gives a client no lease: %v", refusal(err)), nil
	}
	defer func() { _ = client.Release(lease) }() // the lease would expire by itself
	if err := configure(inside, link.Index, lease.ACK); err != nil {
		return noLease("the lease cannot be used: %v", err), nil
	}
	v := vantage{dial: new(net.Dialer).DialContext, servers: serversOf(lease.ACK), limits: l, sure: m.sure}
	return v.look(ctx, s.witnesses(m)), nil
}

// refusal is why there is no lease, without what the server wrote.
func refusal(err error) string {
	var nak *nclient4.ErrNak
	switch {
	case errors.As(err, &nak):
		return "refused (DHCPNAK)"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nclient4.ErrNoResponse):
		return "no answer"
	}
	return plain(err).Error()
}

// configure takes the lease's address and default route.
func configure(inside *rtnetlink.Conn, index int, ack *dhcpv4.DHCPv4) error {
	bits, _ := ack.SubnetMask().Size()
	routers := ack.Router()
	if bits == 0 || len(routers) == 0 {
		return errors.New("it names no subnet mask or no router")
	}
	ip := ack.YourIPAddr.To4()
	err := inside.Address.New(&rtnetlink.AddressMessage{
		Family: unix.AF_INET, PrefixLength: uint8(bits), Index: uint32(index),
		Attributes: &rtnetlink.AddressAttributes{Address: ip, Local: ip},
	})
	if err != nil {
		return fmt.Errorf("address %v/%d: %w", ip, bits, err)
	}
	err = inside.Route.Add(&rtnetlink.RouteMessage{
		Family: unix.AF_INET, Table: unix.RT_TABLE_MAIN, Protocol: unix.RTPROT_BOOT,
		Scope: unix.RT_SCOPE_UNIVERSE, Type: unix.RTN_UNICAST,
		Attributes: rtnetlink.RouteAttributes{Gateway: routers[0].To4(), OutIface: uint32(index)},
	})
	if err != nil {
		return fmt.Errorf("route by %v: %w", routers[0], err)
	}
	return nil
}

// serversOf lists a lease's DNS servers.
func serversOf(ack *dhcpv4.DHCPv4) []netip.Addr {
	var out []netip.Addr
	for _, ip := range ack.DNS() {
		if a, ok := netip.AddrFromSlice(ip.To4()); ok {
			out = append(out, a)
		}
	}
	return out
}
