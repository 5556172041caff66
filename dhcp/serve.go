package dhcp

import (
	"cmp"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"
)

const (
	maxFrame     = 2048
	probeSpacing = 50 * time.Millisecond // under a flood probes are thinned, for a broadcast is dear on radio
	nakSpacing   = time.Second           // of log lines
)

// read hands what arrives on c to handle until the session is closed.
func (d *server) read(s *session, c *packet.Conn, handle func(*session, []byte, hwaddr) bool, changed func()) {
	buf := make([]byte, maxFrame)
	for {
		n, from, err := c.ReadFrom(buf)
		switch {
		case errors.Is(err, unix.ENETDOWN):
			d.nudge() // down or gone; if it is only down, the socket lives on
			continue
		case errors.Is(err, os.ErrClosed) || errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			d.broken(s, err)
			return
		}
		mac, ok := sender(from)
		if ok && handle(s, buf[:n], mac) {
			changed()
			d.nudge()
		}
	}
}

func sender(from net.Addr) (hwaddr, bool) {
	a, ok := from.(*packet.Addr)
	if !ok {
		return hwaddr{}, false
	}
	return hwaddrOf(a.HardwareAddr)
}

// broken gives up a session whose socket failed; it is opened again after a while.
func (d *server) broken(s *session, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session != s {
		return
	}
	d.shut()
	d.fault = d.spec.Interface + ": " + err.Error()
	d.pause = time.Now().Add(retryOpen)
	d.opt.Log.Warn("dhcp: not serving", "error", d.fault)
	d.nudge()
}

// serve answers one packet and reports whether leases or names changed. The binding
// is made before the answer leaves.
func (d *server) serve(s *session, frame []byte, from hwaddr) bool {
	payload, ok := payloadOf(frame)
	if !ok {
		return false
	}
	p, err := dhcpv4.FromBytes(payload)
	if err != nil {
		return false
	}
	a, server := d.handle(s, p, from, time.Now())
	if a.Probe.IsValid() { // first, for the client's request may follow its offer at once
		if err := s.probe(a.Probe); err != nil {
			d.opt.Log.Debug("dhcp: probe not sent", "error", err)
		}
	}
	if a.Reply == nil {
		return a.Change
	}
	mac, _ := hwaddrOf(p.ClientHWAddr)
	if !p.ClientIPAddr.IsUnspecified() {
		mac = from // it has an address, so it is reached as the packet came, such as through a repeater
	}
	if err := s.send(server, a.To, mac, a.Reply.ToBytes()); err != nil {
		d.opt.Log.Debug("dhcp: reply not sent", "error", err)
	}
	return a.Change
}

// handle asks the table and makes what it says known. What somebody else says in a
// client's name has no effect, so that nobody ends, or takes, the lease of another.
func (d *server) handle(s *session, p *dhcpv4.DHCPv4, from hwaddr, now time.Time) (a Answer, server netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session != s {
		return a, server
	}
	if d.table.forged(p, from, now, d.silent) || d.opt.Binder != nil && !d.opt.Binder.Welcome(from.hardware()) {
		return a, server
	}
	a = d.table.Handle(p, now, d.opt.Places == nil || d.opt.Places.Placed(from.hardware()))
	d.settle(a.Ended, now)
	if a.Bind.IsValid() && d.bind(a.Bind, from, now) {
		a.Save = cmp.Or(a.Save, saveLate)
	}
	if a.Change {
		d.publish(now)
	}
	if due := d.saver.due; a.Save > 0 {
		d.saver.want(a.Save, now)
		if d.saver.due != due {
			d.nudge()
		}
	}
	if a.Probe.IsValid() && now.Before(d.probeAt) {
		a.Probe = netip.Addr{}
	} else if a.Probe.IsValid() {
		d.probeAt = now.Add(probeSpacing)
	}
	a.Change = d.note(p, a, now) || a.Change
	return a, d.spec.Server.Addr()
}

// bind tells the Binder of an acknowledged lease, and whether its holder comes another
// way. Who got it is its holder until it ends, or is silent.
func (d *server) bind(addr netip.Addr, from hwaddr, now time.Time) (moved bool) {
	e := d.table.byAddr[addr]
	fresh := e.since.Equal(now)
	moved = !fresh && e.source != from && d.silent(e)
	if fresh {
		e.first = from
	}
	if fresh || moved {
		e.source = from
	}
	if d.opt.Binder != nil {
		d.opt.Binder.Bind(slices.Clone(e.source.hardware()), addr, e.source == e.client.mac)
	}
	return moved
}

// silent asks the Binder whether a lease's holder may come another way.
func (d *server) silent(e *entry) bool {
	return d.opt.Binder == nil || d.opt.Binder.Silent(e.source.hardware(), e.addr)
}

// note logs decisions, at a bounded rate, and says that a client was turned away who is
// the first since one was not.
func (d *server) note(p *dhcpv4.DHCPv4, a Answer, now time.Time) (turned bool) {
	offered := p.MessageType() == dhcpv4.MessageTypeDiscover
	needy := offered && a.Reply == nil && a.Why != ""
	turned = needy && !d.needy
	switch {
	case turned:
		d.opt.Log.Warn("dhcp: client not served", "why", a.Why)
	case a.Bind.IsValid() && a.Change:
		d.opt.Log.Info("dhcp: leased", "addr", a.Bind, "mac", p.ClientHWAddr.String())
	case a.Why != "" && !needy && !now.Before(d.nakAt):
		d.opt.Log.Info("dhcp: refused", "why", a.Why, "message", p.MessageType())
		d.nakAt = now.Add(nakSpacing)
	}
	if offered {
		d.needy = needy
	}
	if needy {
		d.turned++
	}
	return turned
}

// observeARP learns who uses an address without a lease.
func (d *server) observeARP(s *session, frame []byte, _ hwaddr) bool {
	addr, mac, ok := arpUser(frame)
	if !ok {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session != s || mac == s.mac || !d.table.conflict(addr, mac, time.Now()) {
		return false
	}
	d.opt.Log.Info("dhcp: address is in use without a lease", "addr", addr, "mac", mac.hardware().String())
	return true
}
