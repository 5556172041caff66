package nat

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/lab/nstest"
)

// server is an address behind the operator, which no prefix of the gateway covers.
const server = "203.0.113.5"

// world is a gateway (the test's own namespace) between a client and an operator.
type world struct{ client, operator *nstest.Space }

func newWorld(t *testing.T) world {
	t.Helper()
	nstest.Enter(t)
	w := world{nstest.New(t), nstest.New(t)}
	nstest.Run(t,
		"ip link add lan0 type veth peer name eth0 netns "+w.client.Path(),
		"ip link add wan0 type veth peer name net0 netns "+w.operator.Path(),
		"ip addr add 192.168.8.1/24 dev lan0", "ip link set lan0 up",
		"ip addr add 10.64.0.2/24 dev wan0", "ip link set wan0 up mtu 1400",
		"ip route add default via 10.64.0.1",
		"sysctl -q -w net.ipv4.conf.lan0.forwarding=1 net.ipv4.conf.wan0.forwarding=1")
	w.client.Run(t, "ip addr add 192.168.8.5/24 dev eth0", "ip link set eth0 up", "ip route add default via 192.168.8.1")
	// The operator knows a way to the LAN: only the firewall keeps it from going there.
	w.operator.Run(t, "ip addr add 10.64.0.1/24 dev net0", "ip addr add "+server+"/32 dev lo",
		"ip link set net0 up", "ip route add 192.168.8.0/24 via 10.64.0.2")
	return w
}

// echo serves TCP in a namespace, and tells who connects.
func echo(t *testing.T, s *nstest.Space, addr string) <-chan net.Conn {
	t.Helper()
	var who <-chan net.Conn
	s.Do(t, func() { who = echoHere(t, addr) })
	return who
}

// echoHere does it where the caller is.
func echoHere(t *testing.T, addr string) <-chan net.Conn {
	t.Helper()
	ln, err := net.Listen("tcp4", addr)
	if err != nil {
		t.Error(err)
		return nil
	}
	t.Cleanup(func() { ln.Close() })
	who := make(chan net.Conn, 10)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			who <- c
			go func() {
				_, _ = io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	return who
}

func dial(t *testing.T, s *nstest.Space, addr string, patience time.Duration) (c net.Conn, err error) {
	t.Helper()
	s.Do(t, func() { c, err = net.DialTimeout("tcp4", addr, patience) })
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

func mustDial(t *testing.T, s *nstest.Space, addr string) net.Conn {
	t.Helper()
	c, err := dial(t, s, addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// say sends n bytes over a connection to echo and waits for all of them.
func say(t *testing.T, c net.Conn, n int) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	go func() { _, _ = c.Write(make([]byte, n)) }()
	if _, err := io.ReadFull(c, make([]byte, n)); err != nil {
		t.Fatal(err)
	}
}

// silence says that nothing answered, rather than that somebody refused.
func silence(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func TestClientReachesTheWorldAndIsCounted(t *testing.T) {
	w := newWorld(t)
	d := New(Options{})
	apply(t, d, sharing())
	who := echo(t, w.operator, server+":80")
	c := mustDial(t, w.client, server+":80")
	if from := (<-who).RemoteAddr().String(); !strings.HasPrefix(from, "10.64.0.2:") {
		t.Errorf("the world sees %s", from)
	}
	const n = 200_000
	say(t, c, n)
	st := d.Observe()
	for what, got := range map[string]uint64{
		"client up": st.Clients[adr("192.168.8.5")].Up, "client down": st.Clients[adr("192.168.8.5")].Down,
		"uplink up": st.Uplinks["wan0"].Up, "uplink down": st.Uplinks["wan0"].Down,
	} {
		if got < n || got > n*3/2 {
			t.Errorf("%s: %d bytes for %d", what, got, n)
		}
	}
	if len(st.Clients) != 1 || len(st.Uplinks) != 1 {
		t.Errorf("counted %v %v", st.Clients, st.Uplinks)
	}
	// A process that is killed and one that is started leave the connection alone.
	apply(t, New(Options{}), sharing())
	say(t, c, n)
	if st := d.Observe().Clients[adr("192.168.8.5")]; st.Up < 2*n {
		t.Errorf("the count began anew: %+v", st)
	}
}

func TestNothingPassesWithoutSharing(t *testing.T) {
	w := newWorld(t)
	d := New(Options{})
	apply(t, d, sharing())
	echo(t, w.operator, server+":80")
	c := mustDial(t, w.client, server+":80")
	say(t, c, 10)
	off := sharing()
	off.Sharing = false
	noUplink := sharing()
	noUplink.Uplinks = nil
	notThisOne := sharing()
	notThisOne.Uplinks[0].Shared = false
	for name, s := range map[string]Spec{"off": off, "no uplink": noUplink, "not this uplink": notThisOne} {
		apply(t, d, s)
		if _, err := dial(t, w.client, server+":80", 15*time.Second); err == nil || silence(err) {
			t.Errorf("%s: a client must be told at once: %v", name, err)
		}
		_ = c.SetDeadline(time.Now().Add(150 * time.Millisecond))
		if _, err := c.Write([]byte("still?")); err == nil {
			if _, err := c.Read(make([]byte, 6)); err == nil {
				t.Errorf("%s: a connection of before goes on", name)
			}
		}
		apply(t, d, sharing())
		c = mustDial(t, w.client, server+":80")
	}
}

func TestNobodyComesInByTheUplink(t *testing.T) {
	w := newWorld(t)
	apply(t, New(Options{}), sharing())
	echo(t, w.client, "192.168.8.5:80")
	for _, addr := range []string{"192.168.8.5:80", "10.64.0.2:53", "10.64.0.2:8080", "192.168.8.1:53"} {
		if _, err := dial(t, w.operator, addr, 200*time.Millisecond); !silence(err) {
			t.Errorf("%s from outside: %v", addr, err)
		}
	}
	w.operator.Do(t, func() {
		if out, err := exec.Command("ping", "-q", "-c2", "-i0.1", "-W1", "10.64.0.2").CombinedOutput(); err == nil {
			t.Errorf("a ping from outside is answered: %s", out)
		}
	})
}

func TestWhatClientsReachOnTheGateway(t *testing.T) {
	w := newWorld(t)
	s := sharing()
	s.LANs[0].Open = []uint16{2222}
	apply(t, New(Options{}), s)
	for _, p := range []int{53, 8080, 22, 2222} {
		ln, err := net.Listen("tcp4", fmt.Sprint("192.168.8.1:", p))
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
	}
	for _, addr := range []string{"192.168.8.1:53", "192.168.8.1:8080", "192.168.8.1:2222"} {
		if _, err := dial(t, w.client, addr, 3*time.Second); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if _, err := dial(t, w.client, "192.168.8.1:22", 3*time.Second); err == nil || silence(err) {
		t.Errorf("port 22 must be refused at once: %v", err)
	}
	w.client.Run(t, "ping -q -c1 -w10 192.168.8.1", "ping -q -c1 -w10 10.64.0.2")
}

// segments is the largest segment that this side may send.
func segments(t *testing.T, c net.Conn) int {
	t.Helper()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var info *unix.TCPInfo
	if cerr := raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.SOL_TCP, unix.TCP_INFO) }); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	return int(info.Snd_mss)
}

func TestSegmentsFitBothWays(t *testing.T) {
	for name, routing := range map[string][]string{
		"default in main": nil,
		"default in a table of its own": {"ip route del default", "ip route add default via 10.64.0.1 table 100",
			"ip rule add iif lan0 lookup main suppress_prefixlength 0 pref 1", "ip rule add iif lan0 lookup 100 pref 2"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			nstest.Run(t, routing...)
			s := sharing()
			if routing != nil {
				s.Uplinks[0].MTU = 1400
			}
			apply(t, New(Options{}), s)
			who := echo(t, w.operator, server+":80")
			c := mustDial(t, w.client, server+":80")
			far := <-who
			const fits = 1400 - 20 - 20 - 12 // IPv4, TCP, time stamps
			if got := segments(t, c); got != fits {
				t.Errorf("the client sends %d, want %d", got, fits)
			}
			if got := segments(t, far); got != fits {
				t.Errorf("the server sends %d, want %d", got, fits)
			}
		})
	}
}

func TestForgedSourcesAreDropped(t *testing.T) {
	w := newWorld(t)
	d := New(Options{})
	apply(t, d, sharing())
	var in net.PacketConn
	w.operator.Do(t, func() {
		var err error
		if in, err = net.ListenPacket("udp4", server+":5000"); err != nil {
			t.Error(err)
		}
	})
	defer in.Close()
	w.client.Run(t, "ip addr add 10.9.9.9/32 dev lo")
	send := func(from, what string) {
		w.client.Do(t, func() {
			c, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.ParseIP(from)}, &net.UDPAddr{IP: net.ParseIP(server), Port: 5000})
			if err == nil {
				_, err = c.Write([]byte(what))
				c.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	send("10.9.9.9", "forged")
	send("192.168.8.5", "honest")
	b := make([]byte, 100)
	_ = in.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, _, err := in.ReadFrom(b)
	if err != nil || string(b[:n]) != "honest" {
		t.Errorf("arrived: %q %v", b[:n], err)
	}
	if st := d.Observe(); len(st.Clients) != 1 {
		t.Errorf("counted: %v", st.Clients)
	}
}

// TestOthersForwardAsTheyLike sends packets of somebody else's interfaces through.
func TestOthersForwardAsTheyLike(t *testing.T) {
	newWorld(t)
	a, b := nstest.New(t), nstest.New(t)
	nstest.Run(t, "ip link add x0 type veth peer name eth0 netns "+a.Path(), "ip link add x1 type veth peer name eth0 netns "+b.Path(),
		"ip addr add 172.20.0.1/24 dev x0", "ip addr add 172.21.0.1/24 dev x1", "ip link set x0 up", "ip link set x1 up",
		"sysctl -q -w net.ipv4.conf.x0.forwarding=1 net.ipv4.conf.x1.forwarding=1")
	a.Run(t, "ip addr add 172.20.0.2/24 dev eth0", "ip link set eth0 up", "ip route add default via 172.20.0.1")
	b.Run(t, "ip addr add 172.21.0.2/24 dev eth0", "ip link set eth0 up", "ip route add default via 172.21.0.1")
	for _, s := range []Spec{closed(), sharing()} {
		apply(t, New(Options{}), s)
		a.Run(t, "ping -q -c1 -w10 172.21.0.2", "ping -q -c1 -w10 172.20.0.1")
	}
	// but not by our uplink, nor to our clients
	if _, err := dial(t, a, "192.168.8.5:80", 200*time.Millisecond); !silence(err) {
		t.Errorf("to a client: %v", err)
	}
	if _, err := dial(t, a, server+":80", 200*time.Millisecond); !silence(err) {
		t.Errorf("by the uplink: %v", err)
	}
}

// TestClientsAmongEachOther has the kernel show bridged frames to the firewall.
func TestClientsAmongEachOther(t *testing.T) {
	nstest.Enter(t)
	a, b := nstest.New(t), nstest.New(t)
	nstest.Run(t, "ip link add br-tether type bridge forward_delay 0", "ip link set br-tether up",
		"ip link add p0 type veth peer name eth0 netns "+a.Path(), "ip link add p1 type veth peer name eth0 netns "+b.Path(),
		"ip link set p0 master br-tether up", "ip link set p1 master br-tether up",
		"sysctl -q -w net.bridge.bridge-nf-call-iptables=1")
	a.Run(t, "ip addr add 192.168.8.5/24 dev eth0", "ip link set eth0 up")
	b.Run(t, "ip addr add 192.168.8.6/24 dev eth0", "ip link set eth0 up")
	apply(t, New(Options{}), closed())
	a.Run(t, "ping -q -c1 -w10 192.168.8.6")
}

func flows(t *testing.T) map[string]int {
	t.Helper()
	c, err := conntrack.Dial(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	all, err := c.Dump(nil)
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, f := range all {
		n[f.TupleReply.IP.DestinationAddress.String()]++
	}
	return n
}

func TestConnectionsOfAFormerAddressAreDropped(t *testing.T) {
	w := newWorld(t)
	nstest.Run(t, "ip addr add 10.64.0.9/24 dev wan0")
	s := sharing()
	s.Uplinks[0].Addresses = []netip.Addr{adr("10.64.0.2"), adr("10.64.0.9")}
	apply(t, New(Options{}), s)
	echo(t, w.operator, server+":80")
	say(t, mustDial(t, w.client, server+":80"), 10) // masqueraded: 10.64.0.2
	say(t, mustDial(t, nstest.Here(t), server+":80"), 10)
	w.client.Run(t, "ping -q -c1 -w10 192.168.8.1")
	nstest.Run(t, "ping -q -c1 -w10 -I 10.64.0.9 10.64.0.1")
	if f := flows(t); f["10.64.0.2"] != 2 || f["10.64.0.9"] != 1 || f["192.168.8.5"] != 1 {
		t.Fatalf("connections before: %v", f)
	}
	apply(t, New(Options{}), s)
	if f := flows(t); f["10.64.0.2"] != 2 {
		t.Fatalf("connections after the same again: %v", f)
	}
	s.Uplinks = slices.Clone(s.Uplinks)
	s.Uplinks[0].Addresses = []netip.Addr{adr("10.64.0.9")}
	fresh := New(Options{}) // a process that never saw the former wish
	apply(t, fresh, s)
	if n := fresh.Observe().Dropped; n != 2 {
		t.Errorf("%d were dropped, it says", n)
	}
	if f := flows(t); f["10.64.0.2"] != 0 || f["10.64.0.9"] != 1 || f["192.168.8.5"] != 1 {
		t.Errorf("connections after: %v", f)
	}
	apply(t, New(Options{}), Spec{})
	if f := flows(t); f["10.64.0.9"] != 1 {
		t.Errorf("switching off is no change of address: %v", f)
	}
}

// raw sends an empty IPv4 packet of a protocol.
func raw(t *testing.T, proto byte, from, to string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
	if err != nil {
		t.Error(err)
		return
	}
	defer unix.Close(fd)
	dst := adr(to).As4()
	head := append([]byte{0x45, 0, 0, 20, 0, 1, 0, 0, 64, proto, 0, 0}, append(adr(from).AsSlice(), dst[:]...)...)
	if err := unix.Sendto(fd, head, 0, &unix.SockaddrInet4{Addr: dst}); err != nil {
		t.Error(err)
	}
}

// TestAConnectionThatCannotBeNamed: the kernel's entries of protocol 0 cannot be deleted
// one by one. They keep no other from being ended, and clients make none.
func TestAConnectionThatCannotBeNamed(t *testing.T) {
	w := newWorld(t)
	apply(t, New(Options{}), sharing())
	echo(t, w.operator, server+":80")
	w.client.Do(t, func() { raw(t, 0, "192.168.8.5", server) })
	say(t, mustDial(t, w.client, server+":80"), 10)
	if f := flows(t); f["10.64.0.2"] != 1 {
		t.Errorf("a client's packet of protocol 0 went out: %v", f)
	}
	for i := range 4 { // some come before the others in the kernel's order
		raw(t, 0, "10.64.0.2", fmt.Sprint("203.0.113.", 5+i))
		say(t, mustDial(t, w.client, server+":80"), 10)
	}
	s := sharing()
	s.Uplinks[0].Addresses = []netip.Addr{adr("10.64.0.9")}
	d := New(Options{})
	apply(t, d, s)
	if f, n := flows(t), d.Observe().Dropped; f["10.64.0.2"] != 4 || n != 5 {
		t.Errorf("%d were dropped, there are %v", n, f)
	}
}

func TestAConnectionThatEndedMeanwhileIsNoFailure(t *testing.T) {
	nstest.Enter(t)
	c, err := conntrack.Dial(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f := conntrack.NewFlow(unix.IPPROTO_TCP, 0, adr("10.0.0.1"), adr("10.0.0.2"), 1, 2, 60, 0)
	if err := c.Delete(f); !errors.Is(err, unix.ENOENT) {
		t.Errorf("the kernel says %v of a connection that is not there", err)
	}
}
