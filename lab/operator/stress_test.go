package operator

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/tetherd/tetherd/lab/simmodem"
	"github.com/tetherd/tetherd/modem/mbim"
)

// connects makes a modem's host dial and hang up again and again.
func connects(t *testing.T, m *simmodem.Modem, rounds int) {
	here, there := net.Pipe()
	defer here.Close()
	go m.Serve(there)
	go func() {
		buf := make([]byte, 65536)
		for {
			if _, err := here.Read(buf); err != nil {
				return
			}
		}
	}()
	send := func(message mbim.Message) {
		for _, frame := range message.Frames(4096) {
			if _, err := here.Write(frame); err != nil {
				t.Error(err)
			}
		}
	}
	send(mbim.Message{Type: mbim.TypeOpen, MaxControl: 4096})
	for i := range rounds {
		for _, command := range []uint32{1, 0} {
			w := new(mbim.Writer).U32(uint32(i%3), command).Text("internet").Text("").Text("").U32(0, 0, 3).UUID(mbim.ContextInternet)
			send(mbim.Message{Type: mbim.TypeCommand, Transaction: uint32(i), Service: mbim.ServiceBasicConnect, CID: mbim.CIDConnect, Set: true, Info: w.Encode()})
		}
	}
}

// TestEverythingAtOnce is for the race detector, and ends only when nobody waits for
// anybody else's lock.
func TestEverythingAtOnce(t *testing.T) {
	w := newWorld(t, map[string]APN{"internet": {IPv6: true}})
	second := simmodem.New(simmodem.Options{
		SIM:     simmodem.SIM{ICCID: "2", IMSI: "262010000000002", HomePLMN: "26201"},
		Network: simmodem.Network{State: simmodem.Home, PLMN: "26201"}, Core: w.operator,
	})
	defer second.Close()
	here, there := net.Pipe()
	defer here.Close()
	second.Attach(there)
	const rounds = 200
	every := []func(int){
		func(int) {
			for _, b := range w.operator.Bearers() {
				w.operator.Renumber(b.ID)
			}
		},
		func(i int) {
			if b := w.operator.Bearers(); len(b) > 0 && i%4 == 0 {
				w.operator.Drop(b[0].ID, 36)
			}
		},
		func(i int) {
			if err := w.operator.SetAPN("internet", APN{IPv6: true, Mute: i%2 == 0}); err != nil {
				t.Error(err)
			}
		},
		func(i int) { w.modem.DropBearer(uint32(i%3), 38) },
		func(i int) { w.modem.ChangeBearer(uint32(i%3), func(g *simmodem.Grant) { g.IPv4.MTU = 1300 + i }) },
		func(int) { w.modem.Status(); w.operator.Events(); w.operator.Counts() },
		func(i int) {
			packet := make([]byte, 28)
			packet[0], packet[3] = 0x45, 28
			copy(packet[12:], []byte{100, 64, 0, byte(i)})
			here.Write(packet)
		},
	}
	var all sync.WaitGroup
	for _, f := range every {
		all.Go(func() {
			for i := range rounds {
				f(i)
			}
		})
	}
	all.Go(func() { connects(t, w.modem, rounds) })
	all.Go(func() { connects(t, second, rounds) })
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for {
			select {
			case <-w.events:
			case <-done:
				return
			}
		}
	}()
	select {
	case <-done:
		<-drained
	case <-time.After(30 * time.Second):
		t.Fatal("somebody waits for ever")
	}
	w.modem.Close()
	second.Close()
	for len(w.events) > 0 {
		<-w.events
	}
	if left := w.operator.Bearers(); len(left) != 0 {
		t.Errorf("bearers of modems without power: %+v", left)
	}
	w.operator.byAddress.Range(func(address, _ any) bool {
		t.Errorf("%v still leads to a bearer", address)
		return true
	})
}

func TestOverlappingPoolsDoNotShareAddresses(t *testing.T) {
	w := newWorld(t, map[string]APN{
		"wide": {Pool4: netip.MustParsePrefix("10.0.0.0/8")}, "narrow": {Pool4: netip.MustParsePrefix("10.0.0.0/28")},
	})
	seen := make(map[netip.Addr]bool)
	for range 10 {
		for _, name := range []string{"wide", "narrow"} {
			b, cause := w.operator.Connect(simmodem.Subscriber{}, simmodem.Request{APN: name, IPType: simmodem.IPv4}, nobody{})
			if b == nil {
				continue // the narrow one may run dry
			}
			address := b.Grant().IPv4.Address.Addr()
			if seen[address] {
				t.Errorf("%v was given twice, cause %d", address, cause)
			}
			seen[address] = true
		}
	}
	if len(seen) < 13 {
		t.Errorf("only %d bearers", len(seen))
	}
}

func TestRejectedModemComesBack(t *testing.T) {
	w := newWorld(t, map[string]APN{"internet": {}})
	w.operator.Reject(15)
	w.modem.Reattach()
	if s := w.modem.Status(); s.Registered != simmodem.Denied || s.Cause != 15 || s.Attached {
		t.Errorf("rejected: %+v", s)
	}
	w.operator.Reject(simmodem.CauseNone)
	w.modem.Reattach()
	if s := w.modem.Status(); s.Registered != simmodem.Home || !s.Attached {
		t.Errorf("admitted again: %+v", s)
	}
}

func TestTwoSessionsOfOneModem(t *testing.T) {
	w := newWorld(t, map[string]APN{"internet": {}, "purchase": {Garden: true, Pool4: netip.MustParsePrefix("10.99.0.0/16")}})
	w.up("apn=internet,ip-type=ipv4")
	out := w.dial("session-id=1,apn=purchase,ip-type=ipv4")
	second := w.modem.Status().Sessions[1].Grant.IPv4.Address
	if second.Addr().String() != "10.99.0.2" {
		t.Fatalf("second session: %v\n%s", second, out)
	}
	if err := w.gateway.Run("ip", "address", "add", second.String(), "dev", "wwan0"); err != nil {
		t.Fatal(err)
	}
	w.prints("204", curl+"-o /dev/null -w %{http_code} http://203.0.113.204/generate_204")
	w.prints("302", curl+"--interface 10.99.0.2 -o /dev/null -w %{http_code} http://203.0.113.204/generate_204")
	w.operator.Drop(w.operator.Bearers()[1].ID, 36)
	w.prints("204", curl+"-o /dev/null -w %{http_code} http://203.0.113.204/generate_204")
}

func FuzzPackets(f *testing.F) {
	f.Add([]byte{0x45, 0, 0, 20})
	f.Add([]byte("A00000\x0050\x060000000000")) // a header that claims to be 4 bytes long
	f.Add(append([]byte{0x60}, make([]byte, 43)...))
	f.Add(append([]byte{0x4f, 0, 0, 63}, make([]byte, 59)...))
	f.Fuzz(func(t *testing.T, packet []byte) {
		if address, ok := destinationOf(packet); ok && !address.IsValid() {
			t.Error("an invalid address")
		}
		if gardenAllows(packet) && len(packet) < 24 {
			t.Error("a packet without ports leaves the garden")
		}
	})
}
