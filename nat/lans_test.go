package nat

import (
	"testing"
	"time"

	"github.com/tetherd/tetherd/lab/nstest"
)

// guestWorld is a gateway with a guest on a second LAN, who has the status, SSH and
// other programs of the gateway before its eyes at both of its addresses.
func guestWorld(t *testing.T) (w world, guest *nstest.Space) {
	t.Helper()
	w = newWorld(t)
	guest = nstest.New(t)
	nstest.Run(t,
		"ip link add guest0 type veth peer name eth0 netns "+guest.Path(),
		"ip addr add 192.168.9.1/24 dev guest0", "ip link set guest0 up",
		"sysctl -q -w net.ipv4.conf.guest0.forwarding=1 net.ipv4.conf.guest0.rp_filter=0 net.ipv4.conf.all.rp_filter=0")
	guest.Run(t, "ip addr add 192.168.9.5/24 dev eth0", "ip link set eth0 up", "ip route add default via 192.168.9.1")
	s := withGuests()
	s.LANs[0].Open = []uint16{22}
	apply(t, New(Options{}), s)
	return w, guest
}

// TestClientsOfTwoLANs: both reach the world, and neither the other one, whichever way
// round.
func TestClientsOfTwoLANs(t *testing.T) {
	w, guest := guestWorld(t)
	echo(t, w.operator, server+":80")
	echo(t, w.client, "192.168.8.5:80")
	echo(t, guest, "192.168.9.5:80")
	say(t, mustDial(t, w.client, server+":80"), 1000)
	say(t, mustDial(t, guest, server+":80"), 1000)
	if c, err := dial(t, guest, "192.168.8.5:80", 2*time.Second); err == nil || silence(err) {
		t.Errorf("a guest reaches the LAN, or is not told: %v %v", c, err)
	}
	if c, err := dial(t, w.client, "192.168.9.5:80", 2*time.Second); err == nil || silence(err) {
		t.Errorf("the LAN reaches a guest, or is not told: %v %v", c, err)
	}
	st := New(Options{}).Observe()
	if up := st.Clients[adr("192.168.9.5")].Up; up < 1000 {
		t.Errorf("the guest's bytes: %d", up)
	}
}

// TestGuestsAndTheGateway: they see that it lives and get names, at their own address
// alone; its status and what its owner opened are for the LAN.
func TestGuestsAndTheGateway(t *testing.T) {
	w, guest := guestWorld(t)
	own := nstest.Here(t)
	for _, addr := range []string{"192.168.8.1", "192.168.9.1"} {
		for _, port := range []string{":22", ":53", ":8080"} {
			echo(t, own, addr+port)
		}
	}
	for addr, reached := range map[string]bool{
		"192.168.9.1:53": true, "192.168.9.1:22": false, "192.168.9.1:8080": false,
		"192.168.8.1:53": false, "192.168.8.1:22": false, "192.168.8.1:8080": false, "10.64.0.2:22": false,
	} {
		if _, err := dial(t, guest, addr, 2*time.Second); (err == nil) != reached || silence(err) {
			t.Errorf("a guest at %s: %v", addr, err)
		}
	}
	for addr, reached := range map[string]bool{"192.168.8.1:53": true, "192.168.8.1:22": true, "192.168.8.1:8080": true, "192.168.9.1:53": false} {
		if _, err := dial(t, w.client, addr, 2*time.Second); (err == nil) != reached {
			t.Errorf("a client at %s: %v", addr, err)
		}
	}
	guest.Run(t, "ping -q -c1 -w10 192.168.9.1")
}

// TestGuestsDoNotMeetByTheGateway: a guest that sends to another one by way of the
// gateway is not forwarded, as a client of a LAN that is not kept apart is.
func TestGuestsDoNotMeetByTheGateway(t *testing.T) {
	_, guest := guestWorld(t)
	other := nstest.New(t)
	nstest.Run(t, "sysctl -q -w net.ipv4.conf.guest0.send_redirects=0 net.ipv4.conf.all.send_redirects=0")
	guest.Run(t, "ip link add link eth0 name mv0 type macvlan mode bridge", "ip link set mv0 netns "+other.Path(), "ip route add 192.168.9.6 via 192.168.9.1")
	other.Run(t, "ip addr add 192.168.9.6/24 dev mv0", "ip link set mv0 up", "ip route add 192.168.9.5 via 192.168.9.1")
	echo(t, other, "192.168.9.6:80")
	if _, err := dial(t, guest, "192.168.9.6:80", 500*time.Millisecond); err == nil {
		t.Error("they meet")
	}
	s := withGuests()
	s.LANs[1].Apart = false
	apply(t, New(Options{}), s)
	if _, err := dial(t, guest, "192.168.9.6:80", 5*time.Second); err != nil {
		t.Errorf("those who are not kept apart: %v", err)
	}
}

// TestForgedAddressOfAnotherLAN: nothing leaves that claims to come from there.
func TestForgedAddressOfAnotherLAN(t *testing.T) {
	w, guest := guestWorld(t)
	who := echo(t, w.operator, server+":80")
	guest.Run(t, "ip addr add 192.168.8.5/32 dev eth0", "ip route replace default via 192.168.9.1 src 192.168.8.5")
	if _, err := dial(t, guest, server+":80", 300*time.Millisecond); err == nil {
		t.Error("it was answered")
	}
	select {
	case c := <-who:
		t.Errorf("it left as %v", c.RemoteAddr())
	default:
	}
}
