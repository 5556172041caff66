package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
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

// leaseLimit is how long the LAN may take to give the synthetic client a lease.
const leaseLimit = 4 * time.Second

// cannotProve is what even a perfect synthetic client leaves open.
const cannotProve = "proves neither radio nor hardware offload"

// ClientMAC is the synthetic client's address, locally administered (IEEE 802
// section 8): whoever counts clients leaves it out.
func ClientMAC() net.HardwareAddr { return net.HardwareAddr{0x02, 't', 'e', 't', 'h', 'p'} }

// errNoClient says that this kernel cannot hold a synthetic client.
var errNoClient = errors.New("the kernel has no network namespaces or no veth")

// lookFromClient looks from a synthetic client on the LAN bridge.
func lookFromClient(ctx context.Context, c Client, targets []Target) (finding, uint64) {
	var f finding
	var bytes uint64
	err := inNamespace(func(ns *os.File, onThread func(func() error) error) error {
		host, err := rtnetlink.Dial(nil)
		if err != nil {
			return err
		}
		defer host.Close()
		defer unplug(host)
		if err := plug(host, ns, c.Bridge); err != nil {
			return err
		}
		inside, err := rtnetlink.Dial(&netlink.Config{NetNS: int(ns.Fd())})
		if err != nil {
			return err
		}
		defer inside.Close()
		return onThread(func() error {
			f, bytes, err = liveThrough(ctx, inside, targets)
			return err
		})
	})
	switch {
	case errors.Is(err, errNoClient):
		f = finding{verdict: Unproven, detail: err.Error()}
	case err != nil:
		f = finding{verdict: NoLease, detail: "a client cannot join the LAN: " + err.Error()}
	}
	return f, bytes
}

// inNamespace makes an anonymous network namespace for the time of f. onThread runs
// a function on the one thread that is inside; its sockets belong to the namespace.
// The thread is never given back, so it ends, and the namespace with it. The main
// thread cannot end and is what /proc/self shows, so it is passed over.
func inNamespace(f func(ns *os.File, onThread func(func() error) error) error) error {
	work, done, begun, entered := make(chan func() error), make(chan error), make(chan struct{}), make(chan error, 1)
	var ns *os.File
	var live func()
	live = func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			go live() // on another thread, as this one is locked until it has begun
			<-begun
			runtime.UnlockOSThread()
			return
		}
		close(begun)
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			ns, err = os.Open("/proc/thread-self/ns/net")
		}
		entered <- err
		for w := range work {
			done <- w()
		}
	}
	go live()
	defer close(work)
	if err := <-entered; err != nil {
		return fmt.Errorf("%w: %w", errNoClient, err)
	}
	defer ns.Close()
	return f(ns, func(w func() error) error {
		work <- w
		return <-done
	})
}

// plug joins the namespace to the bridge by a veth pair.
func plug(host *rtnetlink.Conn, ns *os.File, bridge string) error {
	unplug(host) // nothing should be there; if there is, it is ours
	lan, err := net.InterfaceByName(bridge)
	if err != nil {
		return fmt.Errorf("bridge %s: %w", bridge, err)
	}
	master := uint32(lan.Index)
	peer := &rtnetlink.LinkMessage{Attributes: &rtnetlink.LinkAttributes{
		Name: clientEnd, Address: ClientMAC(), NetNS: rtnetlink.NetNSForFD(uint32(ns.Fd())),
	}}
	err = host.Link.New(&rtnetlink.LinkMessage{
		Flags: unix.IFF_UP, Change: unix.IFF_UP,
		Attributes: &rtnetlink.LinkAttributes{
			Name: bridgeEnd, Master: &master,
			Info: &rtnetlink.LinkInfo{Kind: "veth", Data: &driver.Veth{PeerInfo: peer}},
		},
	})
	if errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("%w: %w", errNoClient, err)
	}
	return err
}

// unplug removes the pair, if it is there.
func unplug(host *rtnetlink.Conn) {
	if link, err := net.InterfaceByName(bridgeEnd); err == nil {
		_ = host.Link.Delete(uint32(link.Index)) // it may vanish by itself
	}
}

// liveThrough is a client's life: link up, a lease, a page, release. It runs inside
// the namespace.
func liveThrough(ctx context.Context, inside *rtnetlink.Conn, targets []Target) (finding, uint64, error) {
	link, err := net.InterfaceByName(clientEnd)
	if err == nil {
		err = inside.Link.Set(&rtnetlink.LinkMessage{Index: uint32(link.Index), Flags: unix.IFF_UP, Change: unix.IFF_UP})
	}
	if err != nil {
		return finding{}, 0, fmt.Errorf("interface: %w", err)
	}
	client, err := nclient4.New(clientEnd, nclient4.WithTimeout(time.Second), nclient4.WithRetry(4))
	if err != nil {
		return finding{}, 0, fmt.Errorf("DHCP client: %w", err)
	}
	defer client.Close()
	leasing, stop := context.WithTimeout(ctx, leaseLimit)
	defer stop()
	lease, err := client.Request(leasing)
	if err != nil {
		return finding{verdict: NoLease, detail: fmt.Sprintf("the LAN gives a client no lease: %v", plain(err))}, 0, nil
	}
	defer func() { _ = client.Release(lease) }() // the lease would expire by itself
	if err := configure(inside, link.Index, lease.ACK); err != nil {
		return finding{verdict: NoLease, detail: "the lease cannot be used: " + err.Error()}, 0, nil
	}
	v := vantage{dial: new(net.Dialer).DialContext, servers: leaseServers(lease.ACK)}
	f := v.look(ctx, targets)
	return f, v.bytes, nil
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

func leaseServers(ack *dhcpv4.DHCPv4) []netip.Addr {
	var out []netip.Addr
	for _, ip := range ack.DNS() {
		if a, ok := netip.AddrFromSlice(ip.To4()); ok {
			out = append(out, a)
		}
	}
	return out
}
