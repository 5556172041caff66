package nat

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// shuts is a gateway with a page that blocks some of the yard's clients.
func shuts(who ...int) Spec {
	s := explaining()
	s.LANs[0].Bridge = "br0"
	for _, i := range who {
		s.Blocked = append(s.Blocked, hwOf(i))
	}
	return s
}

// TestBlockedByAnyWay: a blocked client at a wired port has no Internet, with any address and
// without a lease too; it is told so, others are not concerned, and it is let in again.
func TestBlockedByAnyWay(t *testing.T) {
	y := newYard(t, 2)
	d := New(Options{})
	apply(t, d, shuts())
	through := func(when string, want ...bool) {
		t.Helper()
		for i, w := range want {
			if got := y.reachesWithin(t, i, patienceFor(w)); got != w {
				t.Errorf("%s: client %d gets through: %v", when, i, got)
			}
		}
	}
	through("nobody is blocked", true, true)
	apply(t, d, shuts(0))
	through("one is", false, true)
	if d.Placed(hwOf(0)) || !d.Placed(hwOf(1)) {
		t.Error("its lease is not short, or another one's is")
	}
	y.clients[0].Run(t, "ip addr flush dev eth0", "ip addr add 192.168.8.77/24 dev eth0", "ip route add default via 192.168.8.1")
	through("it takes another address", false, true)
	mine := echoHere(t, "192.168.8.1:9797")
	echo(t, y.operator, server+":80")
	mustDial(t, y.clients[1], server+":80")
	if len(mine) != 0 {
		t.Error("another client is told that it is blocked")
	}
	mustDial(t, y.clients[0], server+":80")
	select {
	case <-mine:
	case <-time.After(5 * time.Second):
		t.Error("it is not told")
	}
	next := New(Options{})
	if drift := Drift(shuts(0), next.Observe()); len(drift) > 0 {
		t.Errorf("the next process finds %q", drift)
	}
	if len(Drift(shuts(1), next.Observe())) == 0 {
		t.Error("who is blocked instead makes no difference")
	}
	apply(t, next, shuts(1))
	through("the other one is", true, false)
}

// TestABlockEndsWhatGoesOn: what the world sends to a client comes to it no more from the
// moment that it is blocked, though it holds no lease and says nothing.
func TestABlockEndsWhatGoesOn(t *testing.T) {
	y := newYard(t, 2)
	d := New(Options{})
	apply(t, d, shuts())
	type talk struct {
		client net.Conn
		from   net.Addr
	}
	var talks []talk
	for i := range y.clients {
		c := udpTo(t, y, i)
		_, err := c.Write([]byte("hello"))
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		_ = y.heard.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, from, err := y.heard.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		talks = append(talks, talk{c, from})
	}
	gets := func(i int, patience time.Duration) bool {
		if _, err := y.heard.WriteTo([]byte("news"), talks[i].from); err != nil {
			t.Fatal(err)
		}
		_ = talks[i].client.SetReadDeadline(time.Now().Add(patience))
		_, err := talks[i].client.Read(make([]byte, 100))
		return err == nil
	}
	if !gets(0, patient) || !gets(1, patient) {
		t.Fatal("they get no answers")
	}
	apply(t, d, shuts(0))
	if gets(0, soon) || !gets(1, patient) {
		t.Error("the blocked one gets answers, or the other one none")
	}
}

// udpTo opens a way from a client to the operator's listener.
func udpTo(t *testing.T, y yard, i int) (c net.Conn) {
	t.Helper()
	y.clients[i].Do(t, func() {
		var err error
		if c, err = net.Dial("udp4", server+":7"); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { c.Close() })
	return c
}

// TestABlockedClientTakesNoPlace: it neither takes a free one nor keeps the one that it has.
func TestABlockedClientTakesNoPlace(t *testing.T) {
	y, d := twoOfThree(t)
	s := limitTo(2)
	s.Blocked = []net.HardwareAddr{hwOf(1)}
	apply(t, d, s)
	if y.reachesSoon(t, 1) || !y.reaches(t, 0) || !y.reaches(t, 2) || y.reachesSoon(t, 1) {
		t.Errorf("the place of a blocked client is not free for another: %+v", d.Observe().Slots)
	}
	apply(t, d, limitTo(3))
	if !y.reaches(t, 1) {
		t.Error("it is not let in again")
	}
}

// TestBlockedSetIsNamedByItsContent: another list is another set, and 512 are one.
func TestBlockedSetIsNamedByItsContent(t *testing.T) {
	many := shuts()
	for i := range 512 {
		many.Blocked = append(many.Blocked, net.HardwareAddr{2, 0, 0, 0, byte(i >> 8), byte(i)})
	}
	a, b := blockedSet(shuts(0)), blockedSet(shuts(1))
	if a.name == b.name || a.name != blockedSet(shuts(0)).name || !strings.Contains(Render(shuts(0)).String(), "elements = { 02:00:00:00:08:00 }") {
		t.Errorf("%s and %s in\n%s", a.name, b.name, Render(shuts(0)))
	}
	if m := blockedSet(many); m.size != 512 || len(m.elements) != 512 {
		t.Errorf("%d of %d", len(m.elements), m.size)
	}
}

// FuzzNeighbour: whatever the kernel says of who is near by is read or left.
func FuzzNeighbour(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, sizeofNdmsg))
	f.Add(append(make([]byte, sizeofNdmsg), 8, 0, 1, 0, 192, 168, 8, 100, 10, 0, 2, 0, 2, 0, 0, 0, 8, 0, 0, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		addr, hw := readNeighbour(data)
		if len(data) <= sizeofNdmsg && (addr != netip.Addr{} || hw != nil) {
			t.Errorf("%v %v", addr, hw)
		}
	})
}
