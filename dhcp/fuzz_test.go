package dhcp

import (
	"encoding/binary"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// FuzzHandle plays a stream of packets, each after a length and a pause, to a small
// LAN and checks after each what must always hold.
func FuzzHandle(f *testing.F) {
	files, _ := filepath.Glob("testdata/*/*.hex")
	var all []byte
	for _, file := range files {
		b := unhex(f, file)
		stream := append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), 1)
		stream = append(stream, b...)
		f.Add(stream)
		all = append(all, stream...)
	}
	f.Add(all)
	f.Fuzz(func(t *testing.T, b []byte) {
		spec := testSpec()
		spec.Last = addr("192.168.8.123")
		spec.Hosts = []Host{{MAC: dev(1).mac.hardware(), Addr: addr("192.168.8.9"), Name: "nas"}}
		l := &lan{T: t, table: NewTable(spec), now: time.Unix(1000, 0)}
		for len(b) > 3 {
			n := min(int(binary.BigEndian.Uint16(b)), len(b)-3)
			l.now = l.now.Add(time.Duration(b[2]) * time.Minute)
			frame := b[3 : 3+n]
			b = b[3+n:]
			if payload, ok := payloadOf(frame); ok {
				frame = payload
			}
			p, err := dhcpv4.FromBytes(frame)
			if err != nil {
				continue
			}
			l.holds(p, l.table.Handle(p, l.now, true))
			if a, mac, ok := arpUser(frame); ok {
				l.table.conflict(a, mac, l.now)
			}
			l.table.expire(l.now)
		}
	})
}

// holds checks the invariants of an answer and of the table.
func (l *lan) holds(p *dhcpv4.DHCPv4, a Answer) {
	l.Helper()
	if a.Reply != nil {
		b := a.Reply.ToBytes()
		back, err := dhcpv4.FromBytes(b)
		if err != nil || len(b) > maxMaxSize-28 {
			l.Fatalf("reply of %d octets: %v", len(b), err)
		}
		if back.TransactionID != p.TransactionID || !a.To.IsValid() {
			l.Fatalf("reply to %v: %v", a.To, back)
		}
	}
	if len(l.table.byAddr) > l.table.size+len(l.table.hosts) || len(l.table.byClient) != len(l.table.byAddr) {
		l.Fatalf("%d addresses, %d clients", len(l.table.byAddr), len(l.table.byClient))
	}
	if len(l.table.blocked) > l.table.size+len(l.table.hosts) {
		l.Fatalf("%d addresses in quarantine", len(l.table.blocked))
	}
	names := map[string]netip.Addr{}
	for at, e := range l.table.byAddr {
		if e.addr != at || l.table.byClient[e.client] != e || !l.table.usable(at) {
			l.Fatalf("entry %+v at %v", e, at)
		}
		if owner, ok := l.table.owners[at]; ok && owner != e.client.mac || !ok && !l.table.inPool(at) {
			l.Fatalf("%v was not for %v", at, e.client.mac)
		}
		if _, blocked := l.table.blocked[at]; blocked && e.active(l.now) {
			l.Fatalf("%v is leased and in quarantine", at)
		}
		if !e.active(l.now) || e.hostname == "" {
			continue
		}
		if other, twice := names[e.hostname]; twice {
			l.Fatalf("%v and %v are both named %s", at, other, e.hostname)
		}
		names[e.hostname] = at
	}
	if a.Bind.IsValid() && !l.table.byAddr[a.Bind].active(l.now) {
		l.Fatalf("bound %v without a lease", a.Bind)
	}
}

func FuzzLeaseFile(f *testing.F) {
	f.Add([]byte(goodFile))
	f.Add([]byte(fileHeader + "\nend 0\n"))
	f.Add([]byte(fileHeader + "\n\nend 1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := parseLeases(text)
		if err != nil {
			return
		}
		again := appendLeases(nil, list)
		if back, err := parseLeases(again); err != nil || !slices.Equal(back, list) || len(again) > len(text) {
			t.Fatalf("%q is written again as %q: %v", text, again, err)
		}
		for _, r := range list {
			if label(r.hostname) != r.hostname {
				t.Fatalf("%q is no label", r.hostname)
			}
		}
		table := NewTable(testSpec())
		now := time.Unix(1000, 0)
		table.restore(list, now)
		if len(table.byAddr) > table.size {
			t.Fatalf("%d entries", len(table.byAddr))
		}
		appendLeases(nil, table.records(now))
	})
}

func FuzzFrame(f *testing.F) {
	files, _ := filepath.Glob("testdata/exchange/packet-*.hex")
	for _, file := range files {
		f.Add(unhex(f, file))
	}
	f.Add(arpProbe(dev(1).mac, addr("192.168.8.120")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, ok := payloadOf(b); ok && len(p) > len(b)-ipHeader-udpHeader {
			t.Fatalf("payload of %d octets in %d", len(p), len(b))
		}
		if a, mac, ok := arpUser(b); ok && (!a.Is4() || mac == hwaddr{}) {
			t.Fatalf("%v %v", a, mac)
		}
	})
}

func FuzzLabel(f *testing.F) {
	f.Add("Anna's iPhone", []byte("\x04\x00\x00\x06laptop\x03lan\x00"))
	f.Fuzz(func(t *testing.T, s string, fqdn []byte) {
		for _, name := range []string{label(s), clientName(dhcpv4.Options{12: []byte(s), 81: fqdn})} {
			if len(name) > maxLabel || label(name) != name {
				t.Fatalf("%q is no label", name)
			}
		}
	})
}

// The cost of a whole exchange and of a renewal, packets decoded beforehand.
func BenchmarkHandle(b *testing.B) {
	table, now := NewTable(testSpec()), time.Unix(1000, 0)
	for n := range 60 {
		d := table.Handle(dev(n).say(dhcpv4.MessageTypeDiscover), now, true)
		table.Handle(dev(n).say(dhcpv4.MessageTypeRequest, asks(addrOf(d.Reply.YourIPAddr))), now, true)
	}
	discover := dev(7).say(dhcpv4.MessageTypeDiscover, parameterList(1, 3, 6, 15, 26, 28))
	a := addrOf(table.Handle(discover, now, true).Reply.YourIPAddr)
	renewal := dev(7).say(dhcpv4.MessageTypeRequest, has(a), parameterList(1, 3, 6, 15, 26, 28))
	b.Run("discover", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			table.Handle(discover, now, true)
		}
	})
	b.Run("renew", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			table.Handle(renewal, now, true)
		}
	})
	b.Run("flood", func(b *testing.B) {
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			table.Handle(dev(1<<20+n).say(dhcpv4.MessageTypeDiscover), now, true)
		}
	})
}
