package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/netns"
)

// roamStep moves a client to another port of the gateway: it keeps its MAC and address,
// and the port that it was at loses its carrier.
func roamStep(ctx context.Context, w *World, args []string) (string, error) {
	c, args, err := w.client(args)
	if err != nil {
		return "", err
	}
	link, err := c.run(ctx, "ip", "-o", "link", "show", "eth0")
	if err != nil {
		return "", err
	}
	addr, err := c.run(ctx, "ip", "-4", "-o", "addr", "show", "eth0")
	if err != nil {
		return "", err
	}
	hw, prefix := after(link, "link/ether"), after(addr, "inet")
	gateway, _, _ := strings.Cut(w.publicStatus(), ":")
	if hw == "" || prefix == "" || gateway == "" {
		return "", errors.New("it has no address to keep")
	}
	if err := c.ns.Run("ip", "link", "del", "eth0"); err != nil {
		return "", err
	}
	if err := netns.Veth(w.spaces["gateway"], args[0], c.ns, "eth0"); err != nil {
		return "", err
	}
	return prefix, errors.Join(
		c.ns.Run("ip", "link", "set", "eth0", "address", hw),
		c.ns.Run("ip", "addr", "add", prefix, "dev", "eth0"),
		c.ns.Run("ip", "route", "replace", "default", "via", gateway, "dev", "eth0"))
}

// impersonateStep gives a client the MAC of another one, its address, or both, and a way
// out by the gateway.
func impersonateStep(ctx context.Context, w *World, args []string) (string, error) {
	rogue, args, err := w.client(args)
	if err != nil {
		return "", err
	}
	victim, args, err := w.client(args)
	if err != nil {
		return "", err
	}
	link, err := victim.run(ctx, "ip", "-o", "link", "show", "eth0")
	if err != nil {
		return "", err
	}
	addr, err := victim.run(ctx, "ip", "-4", "-o", "addr", "show", "eth0")
	if err != nil {
		return "", err
	}
	gateway, _, _ := strings.Cut(w.publicStatus(), ":")
	if args[0] != "address" {
		err = rogue.ns.Run("ip", "link", "set", "eth0", "address", after(link, "link/ether"))
	}
	if args[0] != "mac" && err == nil {
		err = errors.Join(rogue.ns.Run("ip", "addr", "add", after(addr, "inet"), "dev", "eth0"),
			rogue.ns.Run("ip", "route", "replace", "default", "via", gateway, "dev", "eth0"))
	}
	return after(link, "link/ether") + " " + after(addr, "inet"), err
}

// after is the word behind another one.
func after(text, word string) string {
	f := strings.Fields(text)
	for i := range f[:max(0, len(f)-1)] {
		if f[i] == word {
			return f[i+1]
		}
	}
	return ""
}

// floodStep makes a client send a thousand marked datagrams a second, for two seconds,
// each from another made-up MAC and an address of the LAN, and some from the MAC and
// address of every other client.
func floodStep(ctx context.Context, w *World, args []string) (string, error) {
	c, _, err := w.client(args)
	if err != nil {
		return "", err
	}
	var conn *packet.Conn
	err = c.ns.Do(func() error {
		ifi, err := net.InterfaceByName("eth0")
		if err == nil {
			conn, err = packet.Listen(ifi, packet.Raw, unix.ETH_P_IP, nil)
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("flood: %w", err)
	}
	defer conn.Close()
	gateway, err := w.spaces["gateway"].Output("ip", "-o", "link", "show", "br-tether")
	if err != nil {
		return "", err
	}
	to, err := net.ParseMAC(after(gateway, "link/ether"))
	if err != nil {
		return "", fmt.Errorf("flood: %w", err)
	}
	doc, _ := w.daemon.current()
	random, tick := rand.New(rand.NewPCG(5, 20)), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for n := range 2000 {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-tick.C:
		}
		hw := net.HardwareAddr{2, 0xf1, byte(random.Uint32()), byte(random.Uint32()), byte(n >> 8), byte(n)}
		from := [4]byte{192, 168, 97, byte(2 + random.IntN(252))}
		if i := n % (2*len(doc.Clients) + 1); i < len(doc.Clients) {
			hw, _ = net.ParseMAC(doc.Clients[i].MAC)
			from = [4]byte(net.ParseIP(doc.Clients[i].Address).To4())
		}
		if _, err := conn.WriteTo(datagram(to, hw, from, markPrefix+args[0]+string(markEnd)), &packet.Addr{HardwareAddr: to}); err != nil {
			return "", fmt.Errorf("flood: %w", err)
		}
	}
	return "2000 frames", nil
}

// datagram is an Ethernet frame with UDP in IPv4 to where marks go.
func datagram(to, hw net.HardwareAddr, from [4]byte, payload string) []byte {
	f := append(append(append([]byte{}, to...), hw...), 0x08, 0x00)
	ip := make([]byte, 20, 28+len(payload))
	ip[0], ip[8], ip[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(ip[2:], uint16(28+len(payload)))
	copy(ip[12:], from[:])
	copy(ip[16:], []byte{203, 0, 113, 9})
	sum := uint32(0)
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(ip[i:]))
	}
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum+sum>>16))
	udp := make([]byte, 8)
	binary.BigEndian.PutUint16(udp, 4000)
	binary.BigEndian.PutUint16(udp[2:], 9)
	binary.BigEndian.PutUint16(udp[4:], uint16(8+len(payload)))
	return append(append(append(f, ip...), udp...), payload...)
}
