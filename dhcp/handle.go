package dhcp

import (
	"cmp"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

const (
	saveSoon = 5 * time.Second  // a new lease is worth a write
	saveLate = 10 * time.Minute // what a restart can do without for a while

	// saveRenewed is how much later than on file a lease must end to be worth a write:
	// short leases, as before the uplink was proved, would else wear the flash.
	saveRenewed = time.Hour

	// shortLease bounds the lease of a client without a place among those with Internet: it
	// is told why, and when it goes its address is soon another's.
	shortLease = 2 * time.Minute
)

// Answer is what a message leads to. The zero value is silence.
type Answer struct {
	Reply  *dhcpv4.DHCPv4
	To     netip.Addr    // IPv4 destination of Reply, as RFC 2131 section 4.1 chooses it
	Bind   netip.Addr    // address of the binding that Reply acknowledges; invalid none
	Ended  []netip.Addr  // bindings that ended by the message
	Probe  netip.Addr    // address to look for on the wire, as it was just offered; invalid none
	Why    string        // reason of a NAK, or of silence towards a client in need
	Change bool          // leases, names or conflicts differ
	Save   time.Duration // the lease file is to be written within this time; 0 need not
}

// Handle takes one message of a client at the time now. Placed says that the client has a
// place among those with Internet, or finds one; else its lease is short.
func (t *Table) Handle(p *dhcpv4.DHCPv4, now time.Time, placed bool) Answer {
	m, ok := parseMessage(p)
	if !ok || t.size == 0 {
		return Answer{}
	}
	if m.lease = t.spec.LeaseTime; !placed {
		m.lease = min(m.lease, shortLease)
	}
	a := t.answer(&m, now)
	if t.transient(m.client.mac) {
		a.Change, a.Save = false, 0
	}
	return a
}

func (t *Table) answer(m *message, now time.Time) Answer {
	switch m.kind {
	case dhcpv4.MessageTypeDiscover:
		return t.discover(m, now)
	case dhcpv4.MessageTypeRequest:
		return t.request(m, now)
	case dhcpv4.MessageTypeDecline:
		return t.decline(m, now)
	case dhcpv4.MessageTypeRelease:
		return t.release(m, now)
	case dhcpv4.MessageTypeInform:
		return t.inform(m)
	}
	return Answer{}
}

// discover offers an address. One that this client holds, or that was just offered
// to it, is not probed.
func (t *Table) discover(m *message, now time.Time) Answer {
	addr, probe := t.choose(m, now)
	if !addr.IsValid() {
		return Answer{Why: "no address is free"}
	}
	e, ended := t.take(m, addr, now)
	probe = probe && !e.active(now) && !e.held(now)
	e.offered = now.Add(offerTime)
	a := Answer{
		Reply: t.reply(m, dhcpv4.MessageTypeOffer, addr),
		To:    destination(m, addr),
		Ended: ended, Change: len(ended) > 0,
	}
	if probe {
		a.Probe = addr
	}
	return a
}

// request acknowledges or refuses, in the four states of RFC 2131 section 4.3.2.
// With a server identifier the client is SELECTING; with its own address it is
// RENEWING or REBINDING, which need no telling apart; else it is in INIT-REBOOT.
func (t *Table) request(m *message, now time.Time) Answer {
	selecting := m.server.IsValid()
	if selecting && m.server != t.spec.Server.Addr() {
		t.dropOffer(m.client)
		return Answer{}
	}
	addr := m.requested
	if !selecting && m.ciaddr.IsValid() || !addr.IsValid() {
		addr = m.ciaddr
	}
	if !addr.IsValid() {
		return Answer{}
	}
	if why := t.objection(m, addr, now, selecting); why != "" {
		return t.nak(m, why)
	}
	return t.grant(m, addr, now)
}

// objection says why a request for addr is refused; "" means that it is granted.
func (t *Table) objection(m *message, addr netip.Addr, now time.Time, selecting bool) string {
	if why := t.refusal(addr, m.client, now, selecting); why != "" {
		return why
	}
	if r, ok := t.reserved(m.client, now); ok && r != addr {
		return "another address is reserved for this client"
	}
	own := t.find(m, now)
	switch {
	case own == nil && t.leasesOf(m.client.mac, addr, now) >= maxPerMAC:
		return "too many addresses for one client"
	case own == nil || own.addr == addr || !own.active(now):
		return ""
	case t.refusal(own.addr, m.client, now, true) == "":
		return "another address is leased to this client"
	}
	return ""
}

// leasesOf counts the addresses other than addr that a hardware address leases.
func (t *Table) leasesOf(mac hwaddr, addr netip.Addr, now time.Time) (n int) {
	for _, e := range t.byAddr {
		if e.client.mac == mac && e.addr != addr && e.active(now) {
			n++
		}
	}
	return n
}

func (t *Table) dropOffer(c client) {
	e := t.byClient[c]
	switch {
	case e == nil:
	case e.expires.IsZero():
		t.remove(e)
	default:
		e.offered = time.Time{}
	}
}

// grant acknowledges. A renewal needs no write until half a lease time, and an hour, is
// not on file: what the file promises is counted from the moment of reading, so that after
// a crash the client renews before it ends. A client that comes back to the address which
// the file has for it needs none soon.
func (t *Table) grant(m *message, addr netip.Addr, now time.Time) Answer {
	e, ended := t.take(m, addr, now)
	delete(t.blocked, addr) // who leases it is who was seen there
	a := Answer{Bind: addr, Ended: ended}
	fresh := !e.active(now)
	if fresh {
		e.since, e.wish = now, ""
	}
	renamed := t.name(e, m.name, now)
	before := e.kind
	e.kind = cmp.Or(kindOf(m.packet.Options, e.hostname), before)
	e.expires, e.offered, e.bound = now.Add(m.lease), time.Time{}, true
	switch {
	case fresh && e.saved.IsZero():
		a.Save = saveSoon
	case fresh || renamed || e.stale(now) || e.expires.Sub(e.saved) >= max(t.spec.LeaseTime/2, saveRenewed):
		a.Save = saveLate
	}
	e.sure = time.Time{}
	a.Change = fresh || renamed || e.kind != before || len(ended) > 0
	a.Reply, a.To = t.reply(m, dhcpv4.MessageTypeAck, addr), destination(m, addr)
	return a
}

// nak is always broadcast, for the client may be unreachable at the address it
// believes to have (RFC 2131 section 4.3.2).
func (t *Table) nak(m *message, why string) Answer {
	r := t.reply(m, dhcpv4.MessageTypeNak, netip.Addr{})
	r.UpdateOption(dhcpv4.OptMessage(why))
	return Answer{Reply: r, To: limitedBroadcast(), Why: why}
}

// decline quarantines an address that the client found in use. Only who was given
// an address can decline it.
func (t *Table) decline(m *message, now time.Time) Answer {
	e := t.byClient[m.client]
	if !t.meant(m) || e == nil || e.addr != m.requested || !e.active(now) && !e.held(now) {
		return Answer{}
	}
	t.remove(e)
	t.blocked[e.addr] = block{until: now.Add(quarantine)}
	a := Answer{Why: "declined", Change: true, Save: saveLate}
	if e.bound {
		a.Ended = []netip.Addr{e.addr}
	}
	return a
}

// release ends a lease; the entry stays, so that the client finds its address again.
func (t *Table) release(m *message, now time.Time) Answer {
	e := t.byClient[m.client]
	if !t.meant(m) || e == nil || e.addr != m.ciaddr || !e.active(now) {
		return Answer{}
	}
	e.expires, e.sure, e.bound = now, time.Time{}, false
	return Answer{Ended: []netip.Addr{e.addr}, Change: true, Save: saveLate}
}

// meant reports whether a message that names a server names this one.
func (t *Table) meant(m *message) bool {
	return !m.server.IsValid() || m.server == t.spec.Server.Addr()
}

// inform gives options to a host that has an address of this subnet by other means.
func (t *Table) inform(m *message) Answer {
	if !m.ciaddr.IsValid() || !t.usable(m.ciaddr) || !t.meant(m) {
		return Answer{}
	}
	return Answer{Reply: t.reply(m, dhcpv4.MessageTypeAck, netip.Addr{}), To: m.ciaddr}
}
