package api

import (
	"bufio"
	"net"
	"net/netip"
	"testing"
)

// TestCrowd: an address has its share, all have theirs, and what is given back is there
// again.
func TestCrowd(t *testing.T) {
	var c crowd
	a, b := netip.MustParseAddr("192.168.97.2"), netip.MustParseAddr("192.168.97.3")
	for i, step := range []struct {
		who  netip.Addr
		want bool
	}{{a, true}, {a, true}, {a, false}, {b, true}, {b, false}} {
		if got := c.enter(step.who, 2, 3); got != step.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
	c.leave(a)
	if !c.enter(b, 2, 3) || c.enter(a, 2, 3) {
		t.Error("a place that was given back is not one")
	}
	for _, x := range []netip.Addr{a, b, b} {
		c.leave(x)
	}
	if c.all != 0 || len(c.held) != 0 {
		t.Errorf("%d are left, %v", c.all, c.held)
	}
}

// TestOnePeerTakesNotAll: connections beyond an address's share are closed, and others
// are served meanwhile.
func TestOnePeerTakesNotAll(t *testing.T) {
	ip(t, "link set lo up")
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fair := &fairListener{Listener: l, one: peerConns}
	go func() {
		for {
			c, err := fair.Accept()
			if err != nil {
				return
			}
			c.Write([]byte("x\n"))
		}
	}()
	dial := func(from string) (net.Conn, bool) {
		t.Helper()
		c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).DialContext(patient(t), "tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_, err = bufio.NewReader(c).ReadString('\n')
		return c, err == nil
	}
	for i := range peerConns + 3 {
		if _, served := dial("127.0.0.2"); served != (i < peerConns) {
			t.Errorf("connection %d: served %v", i, served)
		}
	}
	if _, served := dial("127.0.0.3"); !served {
		t.Error("another address is not served")
	}
}
