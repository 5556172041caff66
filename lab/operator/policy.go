package operator

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/tetherd/tetherd/lab/simmodem"
)

// APN is the policy of one access point name. The zero value grants IPv4 to anybody.
type APN struct {
	NoIPv4, IPv6 bool // families: IPv4 unless NoIPv4, IPv6 when asked for here
	// NoPartial refuses a request for both families where only one is there
	// (cause 28), instead of granting the one.
	NoPartial bool

	User, Password string        // demanded when User is not empty, else cause 29
	Auth           simmodem.Auth // protocol demanded with them; AuthNone takes any

	Refuse simmodem.Cause // refuses everything

	Pool4   netip.Prefix // invalid: 100.64.0.0/10
	Pool6   netip.Prefix // a /64 a bearer; invalid: 2001:db8:100::/48
	DNS     []netip.Addr // of both families; nil: 198.51.100.53, 203.0.113.53, 2001:db8:ffff::53
	NoDNS   bool         // tells no DNS servers
	MTU     int          // bytes; 0 is 1500
	NoMTU   bool         // tells no MTU
	Gateway bool         // tells the gateway, as modems with an Ethernet-like link do

	Garden bool   // web requests end at the login page, all else but DNS is dropped
	Login  bool   // the page wants a login rather than money
	Passes string // host whose web requests the garden lets pass; "" none
	Mute   bool   // accepts bearers and drops all their packets
	Hole   int    // bytes; drops longer packets without a word; 0 none
}

// validate finds what cannot be.
func (a APN) validate() error {
	switch {
	case a.NoIPv4 && !a.IPv6:
		return errors.New("no family is left")
	case a.Pool4.IsValid() && (!a.Pool4.Addr().Is4() || a.Pool4.Bits() > 29):
		return fmt.Errorf("pool %v: want IPv4 of at most 29 bits", a.Pool4)
	case a.Pool6.IsValid() && (!a.Pool6.Addr().Is6() || a.Pool6.Bits() > 60):
		return fmt.Errorf("pool %v: want IPv6 of at most 60 bits", a.Pool6)
	case a.MTU < 0 || a.MTU > 9000:
		return fmt.Errorf("MTU %d", a.MTU)
	}
	return nil
}

// withDefaults fills what was left out.
func (a APN) withDefaults() APN {
	if !a.Pool4.IsValid() {
		a.Pool4 = netip.MustParsePrefix("100.64.0.0/10")
	}
	if !a.Pool6.IsValid() {
		a.Pool6 = netip.MustParsePrefix("2001:db8:100::/48")
	}
	a.Pool4, a.Pool6 = a.Pool4.Masked(), a.Pool6.Masked()
	if a.DNS == nil {
		a.DNS = []netip.Addr{
			netip.MustParseAddr("198.51.100.53"), netip.MustParseAddr("203.0.113.53"),
			netip.MustParseAddr("2001:db8:ffff::53"),
		}
	}
	if a.MTU == 0 {
		a.MTU = 1500
	}
	return a
}

// decide says which families a request is granted, and the cause: of the refusal when
// both are false, else of what is missing (TS 24.008 6.1.3.1, TS 24.301 6.2.2).
func (a APN) decide(r simmodem.Request) (ipv4, ipv6 bool, cause simmodem.Cause) {
	switch {
	case a.Refuse != simmodem.CauseNone:
		return false, false, a.Refuse
	case !a.knows(r):
		return false, false, simmodem.CauseAuthentication
	}
	has4, has6 := !a.NoIPv4, a.IPv6
	var want4, want6 bool
	switch r.IPType {
	case simmodem.IPDefault:
		return has4, has6, simmodem.CauseNone
	case simmodem.IPv4:
		want4 = true
	case simmodem.IPv6:
		want6 = true
	default:
		want4, want6 = true, true
	}
	missing := want4 && !has4 || want6 && !has6
	switch {
	case !missing:
		return want4, want6, simmodem.CauseNone
	case want4 && want6 && a.NoPartial:
		return false, false, simmodem.CauseUnknownPDPType
	case has4:
		return want4, false, simmodem.CauseIPv4Only
	}
	return false, want6, simmodem.CauseIPv6Only
}

// knows checks the credentials.
func (a APN) knows(r simmodem.Request) bool {
	if a.User == "" {
		return true
	}
	return r.User == a.User && r.Password == a.Password && r.Auth != simmodem.AuthNone &&
		(a.Auth == simmodem.AuthNone || a.Auth == r.Auth)
}

// serversOf picks the servers of one family.
func (a APN) serversOf(ipv4 bool) []netip.Addr {
	var list []netip.Addr
	for _, server := range a.DNS {
		if !a.NoDNS && server.Is4() == ipv4 {
			list = append(list, server)
		}
	}
	return list
}

// config is what a bearer is told of one family.
func (a APN) config(address netip.Prefix, gateway netip.Addr) *simmodem.Config {
	c := &simmodem.Config{Address: address, DNS: a.serversOf(address.Addr().Is4())}
	if a.Gateway {
		c.Gateway = gateway
	}
	if !a.NoMTU {
		c.MTU = a.MTU
	}
	return c
}
