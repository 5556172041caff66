package dhcp

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// rulings is a Binder that remembers.
type rulings []string

func (*rulings) Welcome(net.HardwareAddr) bool            { return true }
func (*rulings) Silent(net.HardwareAddr, netip.Addr) bool { return false }

func (r *rulings) Bind(mac net.HardwareAddr, addr netip.Addr, own bool) {
	line := strings.TrimSpace(mac.String() + " " + addr.String())
	if mac != nil && !own {
		line += " for another"
	}
	*r = append(*r, line)
}

// withProbe reserves an address outside of the pool for device 9.
func withProbe(s *Network) {
	s.Hosts = []Host{{MAC: dev(9).mac.hardware(), Addr: addr("192.168.8.254"), Name: "prober", Transient: true}}
}

// TestTransientClientAtTheDriver: a client that leases and leaves again every ten
// minutes makes neither writes nor lines in the log; the firewall is told all the same.
func TestTransientClientAtTheDriver(t *testing.T) {
	var log bytes.Buffer
	var told rulings
	d := newServer(Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Binder: &told, Path: t.TempDir() + "/leases"})
	d.spec = testSpec()
	withProbe(&d.spec)
	d.table.setSpec(d.spec)
	s := &session{}
	d.session = s
	kept := addr("192.168.8.254")
	now := time.Unix(1000, 0)
	for range 3 {
		for _, p := range []*dhcpv4.DHCPv4{
			dev(9).say(dhcpv4.MessageTypeDiscover),
			dev(9).say(dhcpv4.MessageTypeRequest, asks(kept), chooses("192.168.8.1")),
			dev(9).say(dhcpv4.MessageTypeRelease, has(kept), chooses("192.168.8.1")),
		} {
			if a, _ := d.handle(s, p, dev(9).mac, now); a.Change || a.Save != 0 {
				t.Errorf("%v: %+v", p.MessageType(), a)
			}
		}
		now = now.Add(10 * time.Minute)
	}
	d.handle(s, dev(9).say(dhcpv4.MessageTypeRequest, asks(kept)), dev(9).mac, now) // killed, it does not release
	ended, _ := d.table.expire(now.Add(13 * hour))
	d.settle(ended, now.Add(13*hour))
	if !d.saver.due.IsZero() {
		t.Errorf("a write is due at %v", d.saver.due)
	}
	if log.Len() > 0 {
		t.Errorf("log: %s", log.String())
	}
	if len(told) != 8 || told[0] != "02:00:00:00:00:09 192.168.8.254" || told[7] != "192.168.8.254" {
		t.Errorf("the Binder was told %q", told)
	}
	d.handle(s, dev(1).say(dhcpv4.MessageTypeRequest, asks(addr("192.168.8.150"))), dev(1).mac, now)
	if want := now.Add(saveSoon); !d.saver.due.Equal(want) {
		t.Errorf("another client's lease is written at %v, want %v", d.saver.due, want)
	}
}

func TestTransientClientHasNoName(t *testing.T) {
	l := newLAN(t, withProbe)
	l.join(named(9, "phone"))
	if got := l.nameOf(named(1, "phone")); got != "phone" {
		t.Errorf("a client is named %q", got)
	}
	if got := l.nameOf(named(2, "prober")); got != "prober" {
		t.Errorf("a client is named %q", got)
	}
	n := l.table.names(l.now)
	if len(n.addrs) != 2 || len(n.names) != 2 {
		t.Errorf("names: %v, %v", n.addrs, n.names)
	}
}

func TestTransientClientIsNotCounted(t *testing.T) {
	l := newLAN(t, withProbe)
	l.join(dev(9))
	if got := l.table.free(l.now); got != 100 {
		t.Errorf("free: %d", got)
	}
}

// TestIdentifierUnderAnotherAddressIsNew: what is on file is not true of the machine
// that comes with the same identifier in another shell.
func TestIdentifierUnderAnotherAddressIsNew(t *testing.T) {
	l := newLAN(t)
	a := l.join(device{mac: dev(1).mac, id: "\xffdisk"})
	l.table.records(l.now)
	l.wait(13 * hour)
	clone := device{mac: dev(2).mac, id: "\xffdisk"}
	l.is(l.discover(clone), dhcpv4.MessageTypeOffer)
	ack := l.selecting(clone, a)
	if l.is(ack, dhcpv4.MessageTypeAck); ack.Save != saveSoon {
		t.Errorf("a write is wanted in %v, want %v", ack.Save, saveSoon)
	}
}

// TestTurnedAway: who finds no address is counted, and told of once until one was
// served again.
func TestTurnedAway(t *testing.T) {
	d := newServer(Options{Log: slog.New(slog.DiscardHandler)})
	d.spec = testSpec()
	poolOf(1)(&d.spec)
	d.table.setSpec(d.spec)
	s := &session{}
	d.session = s
	now := time.Unix(1000, 0)
	discover := func(n int) bool {
		a, _ := d.handle(s, dev(n).say(dhcpv4.MessageTypeDiscover), dev(n).mac, now)
		return a.Change
	}
	discover(1)
	d.handle(s, dev(1).say(dhcpv4.MessageTypeRequest, asks(d.spec.First)), dev(1).mac, now)
	if first, again := discover(2), discover(3); !first || again || d.turned != 2 {
		t.Errorf("told %v and %v, counted %d", first, again, d.turned)
	}
	if discover(1) || !discover(2) || d.turned != 3 {
		t.Errorf("after somebody was served: counted %d", d.turned)
	}
}
