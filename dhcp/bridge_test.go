package dhcp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"
)

// The bridge is absent at first, appears, goes, and comes again as another.
func TestBridgeComesAndGoes(t *testing.T) {
	if !alone(t) {
		return
	}
	s := serve(t, testSpec(), "")
	if st := s.serving(false); st.Error != "dhcp: br-test: the interface is absent" || len(drift(testSpec(), st)) != 1 {
		t.Errorf("%+v", st)
	}
	for range 2 {
		sh(t, bridgeUp)
		if st := s.serving(true); st.Error != "" || len(drift(testSpec(), st)) != 0 {
			t.Errorf("%+v", st)
		}
		plug(t, "c1", mac1)
		udhcpc(t, "c1", "-q").says("obtained")
		sh(t, "ip link del br-test; ip -n c1 link del eth0")
		s.serving(false)
	}
	sh(t, bridgeUp+"ip link set br-test down")
	s.serving(true)
	sh(t, "ip link set br-test up")
	plug(t, "c1", mac1)
	udhcpc(t, "c1", "-q").says("obtained")
}

func TestBridgeReplacedBehindOurBack(t *testing.T) {
	if !alone(t) {
		return
	}
	sh(t, bridgeUp)
	s := serve(t, testSpec(), "")
	s.serving(true)
	sh(t, `ip -batch - <<END
link del br-test
link add br-test type bridge
link set br-test up
END`)
	plug(t, "c1", mac1)
	udhcpc(t, "c1", "-q").says("obtained")
}

func TestPortIsTaken(t *testing.T) {
	if !alone(t) {
		return
	}
	sh(t, bridgeUp)
	other, err := net.ListenPacket("udp4", ":67")
	if err != nil {
		t.Fatal(err)
	}
	d := newServer(Options{})
	if err := d.Apply(testSpec()); err == nil || !strings.HasPrefix(err.Error(), "dhcp: serve on br-test: take UDP port 67: ") {
		t.Errorf("Apply: %v", err)
	}
	if st := d.Observe(); st.Serving || !strings.HasPrefix(st.Error, "dhcp: br-test: take UDP port 67: ") || st.InForce.Interface != "" {
		t.Errorf("%+v", st)
	}
	other.Close()
	for range 2 { // the second time changes nothing
		if err := d.Apply(testSpec()); err != nil {
			t.Error(err)
		}
		if got := drift(testSpec(), d.Observe()); len(got) != 0 {
			t.Error(got)
		}
	}
	if err := d.Apply(Network{}); err != nil || len(drift(Network{}, d.Observe())) != 0 {
		t.Errorf("off: %v", err)
	}
	other, err = net.ListenPacket("udp4", ":67")
	if err != nil {
		t.Fatalf("the port is still held: %v", err)
	}
	other.Close()
}

// A host with an address of its own choice sits where the server wants to lease.
func TestStaticDeviceIsFoundBeforeTheRequest(t *testing.T) {
	if !alone(t) {
		return
	}
	sh(t, bridgeUp)
	plug(t, "c1", mac1)
	plug(t, "c2", mac2)
	used := addr("192.168.8.150")
	sh(t, "ip -n c2 addr add 192.168.8.150/24 dev eth0")
	s := serve(t, testSpec(), "")
	within(t, "c1", func() {
		c, err := nclient4.New("eth0")
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		offer, err := c.DiscoverOffer(ctx, dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(used.AsSlice())))
		if err != nil || addrOf(offer.YourIPAddr) != used {
			t.Errorf("offer: %v, %v", offer, err)
			return
		}
		s.until("the conflict", func(st networkStatus) bool { return st.Free == 99 })
		if _, err := c.RequestFromOffer(ctx, offer); err == nil || !strings.Contains(err.Error(), "NAK") && !strings.Contains(fmt.Sprintf("%T", err), "Nak") {
			t.Errorf("request: %v", err)
			return
		}
		lease, err := c.Request(ctx)
		if err != nil || addrOf(lease.ACK.YourIPAddr) == used {
			t.Errorf("second try: %v, %v", lease, err)
		}
	})
}

// Requests of made-up clients are poured out: memory stays, and a known and a new
// client are served in between.
func TestFloodOnTheWire(t *testing.T) {
	if !alone(t) {
		return
	}
	sh(t, bridgeUp)
	plug(t, "c1", mac1)
	plug(t, "c2", mac2)
	s := serve(t, testSpec(), "")
	udhcpc(t, "c1", "-q").says("obtained")
	a := s.bound(mac1)
	before, goroutines := heap(), runtime.NumGoroutine()
	flood := func() {
		within(t, "c2", func() { pour(t, 3000) })
	}
	flood()
	s.mu.Lock() // whatever holds the server up, the queue is bounded and says so
	flood()
	s.mu.Unlock()
	s.until("drops", func(st networkStatus) bool { s.changed(); return st.Dropped > 0 })
	flood()
	if grown := int(heap()) - int(before); grown > 1<<20 {
		t.Errorf("heap grew by %d octets", grown)
	}
	if n := runtime.NumGoroutine(); n > goroutines+2 {
		t.Errorf("%d goroutines, before %d", n, goroutines)
	}
	udhcpc(t, "c1", "-q", "-t", "9").says("lease of " + a.String() + " obtained")
	udhcpc(t, "c2", "-q", "-t", "9").says("obtained")
	if n := len(s.table.byAddr); n > 2+s.table.maxOffers() {
		t.Errorf("%d entries", n)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// pour sends n DISCOVERs of n clients.
func pour(t *testing.T, n int) {
	ifi, err := net.InterfaceByName("eth0")
	if err != nil {
		t.Error(err)
		return
	}
	c, err := packet.Listen(ifi, packet.Datagram, unix.ETH_P_IP, nil)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	b := appendPacket(nil, addr("0.0.0.0"), limitedBroadcast(), dev(0).say(dhcpv4.MessageTypeDiscover).ToBytes())
	const ports, chaddr = 20, 28 + 28
	copy(b[ports:], []byte{0, clientPort, 0, serverPort, b[24], b[25], 0, 0})
	for i := range n {
		binary.BigEndian.PutUint32(b[chaddr+2:], 1<<24+uint32(i))
		if err := write(c, broadcastMAC(), b); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) { // on a busy machine
			t.Error(err)
			return
		}
	}
}

func TestRunSavesOnTheWayOut(t *testing.T) {
	if !alone(t) {
		return
	}
	sh(t, bridgeUp)
	plug(t, "c1", mac1)
	path := t.TempDir() + "/leases"
	s := serve(t, testSpec(), path)
	udhcpc(t, "c1", "-q").says("obtained")
	s.stop()
	list, err := readFile(path)
	if err != nil || len(list) != 1 || list[0].addr != s.bound(mac1) {
		t.Errorf("on file: %+v, %v", list, err)
	}
}

// Options change under a client that keeps its lease; then the server is switched
// off and on again, and remembers.
func TestApplyWhileServing(t *testing.T) {
	if !alone(t) {
		return
	}
	sh(t, bridgeUp)
	plug(t, "c1", mac1)
	spec := testSpec()
	s := serve(t, spec, "")
	c := udhcpc(t, "c1", "-f", "-x", "hostname:box")
	a := s.bound(mac1)
	c.says("lease of " + a.String())
	spec.LeaseTime, spec.MTU = time.Hour, 1280
	s.apply(spec)
	if st := s.Observe(); len(drift(spec, st)) != 0 || len(st.Leases) != 1 {
		t.Errorf("%q %+v", drift(spec, st), st)
	}
	c.signal(syscall.SIGUSR1)
	c.says("lease time 3600")
	s.apply(Network{})
	if st := s.Observe(); st.Serving || st.Error != "" || st.Free != 0 || len(drift(Network{}, st)) != 0 {
		t.Errorf("off: %+v", st)
	}
	if _, ok := s.Names().LookupName("box"); ok {
		t.Error("names are still told")
	}
	s.apply(spec)
	s.leaseOf(mac1, a, "box")
	s.bound(mac1)
	c.signal(syscall.SIGUSR1)
	if got := s.bound(mac1); got != a {
		t.Errorf("renewed %v", got)
	}
}
