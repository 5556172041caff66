package dns

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	codec "github.com/miekg/dns"
)

// some says that these clients are to be told.
type some map[netip.Addr]bool

func (s some) Untold(a netip.Addr) bool { return s[a] }

// TestCheckNamesLeadToThePage: for a client that is to be told, the names of connectivity
// checks have the page's address and no other, and nothing else is answered so; everybody
// else's questions go to the servers.
func TestCheckNamesLeadToThePage(t *testing.T) {
	spec := uplink()
	spec.Page = netip.MustParseAddr("192.0.2.97")
	for _, c := range []struct {
		who, name string
		qtype     uint16
		led       bool
		want      string // address
	}{
		{phone, "connectivitycheck.gstatic.com.", codec.TypeA, true, "192.0.2.97"},
		{phone, "CAPTIVE.apple.com.", codec.TypeA, true, "192.0.2.97"},
		{phone, "www.msftconnecttest.com.", codec.TypeAAAA, true, ""},
		{phone, "detectportal.firefox.com.", codec.TypeHTTPS, true, ""},
		{phone, "www.google.com.", codec.TypeA, false, ""},
		{phone, "x.captive.apple.com.", codec.TypeA, false, ""},
		{tablet, "captive.apple.com.", codec.TypeA, false, ""},
	} {
		d := newDesk(t, spec)
		d.e.untold = some{netip.MustParseAddr(phone): true}
		d.ask(c.who, 7, c.name, c.qtype)
		led := len(d.sent) == 0
		if led != c.led {
			t.Errorf("%s asks for %s %s: led %v", c.who, c.name, codec.TypeToString[c.qtype], led)
		}
		if !led {
			continue
		}
		m := d.replies[c.who][0]
		got := ""
		for _, rr := range m.Answer {
			got = rr.(*codec.A).A.String()
			if rr.Header().Ttl > leadTTL || !strings.EqualFold(rr.Header().Name, c.name) {
				t.Errorf("%v", rr)
			}
		}
		if m.Rcode != codec.RcodeSuccess || got != c.want {
			t.Errorf("%s: %v", c.name, m)
		}
	}
}

// TestThePageIsNotKept: what a client was told of the page is no other's answer, nor its
// own once it has Internet; a failure that is remembered does not hide the page.
func TestThePageIsNotKept(t *testing.T) {
	spec := uplink()
	spec.Page = netip.MustParseAddr("192.0.2.97")
	d := newDesk(t, spec)
	all := some{netip.MustParseAddr(phone): true}
	d.e.untold = all
	d.ask(phone, 1, "captive.apple.com.", codec.TypeA)
	clear(all)
	d.ask(phone, 2, "captive.apple.com.", codec.TypeA)
	if len(d.sent) != 1 {
		t.Fatalf("with Internet %d questions were asked", len(d.sent))
	}
	spec.Upstream.Interface = ""
	d = newDesk(t, spec)
	d.e.untold = some{netip.MustParseAddr(phone): true}
	d.ask(phone, 3, "captive.apple.com.", codec.TypeA)
	if m := d.replies[phone]; len(m) != 1 || len(m[0].Answer) != 1 {
		t.Errorf("without an uplink: %v", m)
	}
	spec.Page = netip.Addr{}
	d = newDesk(t, spec)
	d.e.untold = some{netip.MustParseAddr(phone): true}
	d.ask(phone, 4, "captive.apple.com.", codec.TypeA)
	if m := d.replies[phone]; len(m) != 1 || m[0].Rcode != codec.RcodeServerFailure {
		t.Errorf("without a page: %v", m)
	}
}

// TestNoFilterHidesAPortal: the answer to a check may be a portal's private address.
func TestNoFilterHidesAPortal(t *testing.T) {
	l := newLocal(uplink(), nil)
	for _, host := range CheckHosts() {
		if !l.mayBePrivate(parsed(t, packet(t, host+".", codec.TypeA, nil)).key()) {
			t.Errorf("%s may not be private", host)
		}
	}
}

// TestClosed: while clients may not have Internet nobody is asked for them, who are told so
// by an error and by no forged address, but for the names of connectivity checks of those
// that are to see the page; local names stay.
func TestClosed(t *testing.T) {
	spec := uplink()
	spec.Page, spec.Closed = netip.MustParseAddr("192.0.2.97"), true
	spec.Names = []Name{{Name: "tetherd", Addr: netip.MustParseAddr("192.168.97.1")}}
	d := newDesk(t, spec)
	d.e.untold = some{netip.MustParseAddr(phone): true}
	for i, c := range []struct {
		who, name string
		qtype     uint16
		rcode     int
		want      string
	}{
		{phone, "secret-data.tunnel.example.", codec.TypeA, codec.RcodeRefused, ""},
		{phone, "secret-data.tunnel.example.", codec.TypeTXT, codec.RcodeRefused, ""},
		{phone, "secret-data.tunnel.example.", codec.TypeNULL, codec.RcodeRefused, ""},
		{phone, "www.example.com.", codec.TypeAAAA, codec.RcodeRefused, ""},
		{phone, "captive.apple.com.", codec.TypeA, codec.RcodeSuccess, "192.0.2.97"},
		{tablet, "captive.apple.com.", codec.TypeA, codec.RcodeRefused, ""},
		{phone, "tetherd.lan.", codec.TypeA, codec.RcodeSuccess, "192.168.97.1"},
	} {
		d.ask(c.who, uint16(i), c.name, c.qtype)
		m, got := d.replies[c.who][len(d.replies[c.who])-1], ""
		for _, rr := range m.Answer {
			got = rr.(*codec.A).A.String()
		}
		if m.Rcode != c.rcode || got != c.want || c.rcode == codec.RcodeRefused && !prohibited(m) {
			t.Errorf("%s %s: %v", c.name, codec.TypeToString[c.qtype], m)
		}
	}
	if len(d.sent) > 0 {
		t.Errorf("%d packets left", len(d.sent))
	}
}

// prohibited says that an answer tells by an extended error that the asker may not ask.
func prohibited(m *codec.Msg) bool {
	for _, o := range m.IsEdns0().Option {
		if e, ok := o.(*codec.EDNS0_EDE); ok {
			return e.InfoCode == codec.ExtendedErrorCodeProhibited && e.ExtraText != ""
		}
	}
	return false
}

// TestDeniedChecksAreSeen: what a filter upstream does to the names of connectivity checks
// is known, of each until a server gives it an address again, and of no other name.
func TestDeniedChecksAreSeen(t *testing.T) {
	d := newDesk(t, uplink())
	const check = "captive.apple.com."
	sees := func(what string, want ...string) {
		t.Helper()
		if got := d.e.deniedChecks(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	d.ask(phone, 1, "www.example.com.", codec.TypeA)
	d.refuse(0, codec.RcodeNameError)
	sees("another name")
	d.ask(phone, 2, check, codec.TypeA)
	d.refuse(1, codec.RcodeNameError)
	sees("denied", "captive.apple.com")
	d.ask(phone, 3, "detectportal.firefox.com.", codec.TypeA)
	d.answer(2, "detectportal.firefox.com. 60 IN A 0.0.0.0")
	sees("sunk", "captive.apple.com", "detectportal.firefox.com")
	d.ask(tablet, 4, check, codec.TypeA)
	d.answer(3, check+" 60 IN A 203.0.113.7")
	sees("it is there again", "detectportal.firefox.com")
	d.ask(tablet, 5, "detectportal.firefox.com.", codec.TypeAAAA)
	d.answer(4, "detectportal.firefox.com. 60 IN AAAA ::")
	sees("asked by IPv6", "detectportal.firefox.com")
	d.ask(tablet, 6, "detectportal.firefox.com.", codec.TypeHTTPS)
	d.answer(5)
	sees("no more about it", "detectportal.firefox.com")
	d.ask(tablet, 7, "www.msftncsi.com.", codec.TypeAAAA)
	d.refuse(6, codec.RcodeNameError)
	sees("an address that nobody needs", "detectportal.firefox.com")
	d.e.use(uplink(), nil, d.now)
	sees("another way out")
}
