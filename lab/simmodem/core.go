package simmodem

import (
	"net/netip"
	"slices"
)

// Cause is a 3GPP cause as it stands in an nwError field: a mobility cause
// (TS 24.301 9.9.3.9) for Attach, a session cause (TS 24.008 10.5.6.6) otherwise.
// 0 is none.
type Cause uint32

// Session causes with a meaning of their own here.
const (
	CauseNone           Cause = 0
	CauseUnknownAPN     Cause = 27 // missing or unknown APN
	CauseUnknownPDPType Cause = 28
	CauseAuthentication Cause = 29 // user authentication failed
	CauseNotSubscribed  Cause = 33 // requested service option not subscribed
	CauseRegular        Cause = 36 // regular deactivation
	CauseIPv4Only       Cause = 50 // PDP type IPv4 only allowed
	CauseIPv6Only       Cause = 51 // PDP type IPv6 only allowed
)

// IPType is the PDP type of a request, in the numbers of MBIM 10.5.12.
type IPType uint32

// The IP types.
const (
	IPDefault   IPType = 0 // the modem or network chooses
	IPv4        IPType = 1
	IPv6        IPType = 2
	IPv4v6      IPType = 3
	IPv4AndIPv6 IPType = 4 // two contexts behind one session
)

// Auth is the authentication protocol of a request, in the numbers of MBIM 10.5.12.
type Auth uint32

// The authentication protocols.
const (
	AuthNone     Auth = 0
	AuthPAP      Auth = 1
	AuthCHAP     Auth = 2
	AuthMSCHAPv2 Auth = 3
)

// Subscriber is who asks the core for something.
type Subscriber struct {
	IMSI, ICCID, IMEI string
	PLMN              string // serving network, MCC and MNC digits
	Roaming           bool
}

// Request is what a bearer is asked for with.
type Request struct {
	APN      string // "" lets the core choose
	User     string
	Password string
	Auth     Auth
	IPType   IPType
}

// Config is what one family of a bearer is given.
type Config struct {
	Address netip.Prefix
	Gateway netip.Addr   // invalid: none is told
	DNS     []netip.Addr // none are told when empty
	MTU     int          // bytes; 0: none is told, and none is enforced
}

// Grant is what a bearer is given: nil for a family that was not granted.
type Grant struct {
	IPv4, IPv6 *Config
}

// Clone is a copy that shares nothing.
func (g Grant) Clone() Grant { return Grant{IPv4: g.IPv4.clone(), IPv6: g.IPv6.clone()} }

func (c *Config) clone() *Config {
	if c == nil {
		return nil
	}
	d := *c
	d.DNS = slices.Clone(c.DNS)
	return &d
}

// ipType is the type of what was granted.
func (g Grant) ipType() IPType {
	switch {
	case g.IPv4 != nil && g.IPv6 != nil:
		return IPv4v6
	case g.IPv6 != nil:
		return IPv6
	case g.IPv4 != nil:
		return IPv4
	}
	return IPDefault
}

// owner returns the family's configuration when address belongs to the bearer.
// IPv6 hosts choose their interface identifier, so the whole prefix is theirs.
func (g Grant) owner(address netip.Addr) *Config {
	switch {
	case g.IPv4 != nil && address == g.IPv4.Address.Addr():
		return g.IPv4
	case g.IPv6 != nil && g.IPv6.Address.Contains(address):
		return g.IPv6
	}
	return nil
}

// Core is the operator's packet core as the modem sees it. Its methods may be
// called with the modem locked: they must answer promptly and must not call a
// Terminal before they have returned.
type Core interface {
	// Attach admits a subscriber that registers (CauseNone) or rejects it. The
	// request is that of the default bearer (LTE attach configuration).
	Attach(Subscriber, Request) Cause
	// Connect grants a bearer or refuses it with a cause and nil. CauseIPv4Only and
	// CauseIPv6Only may come with a bearer: a part of what was asked was granted.
	Connect(Subscriber, Request, Terminal) (Bearer, Cause)
}

// Bearer is one granted bearer on the core's side.
type Bearer interface {
	// Grant is what was given at first.
	Grant() Grant
	// Change makes the core carry another configuration.
	Change(Grant)
	// Send carries one IP packet towards the network. The packet is only valid
	// during the call.
	Send(packet []byte)
	// Close ends the bearer; a second call does nothing.
	Close()
}

// Terminal is the modem's end of one bearer. Its methods may be called at any time
// from any goroutine, and do nothing once the bearer has ended.
type Terminal interface {
	// Receive carries one IP packet towards the host. The packet is only valid
	// during the call.
	Receive(packet []byte)
	// Drop says that the network has ended the bearer.
	Drop(Cause)
	// Change says that the network has changed the configuration.
	Change(Grant)
}
