// Package dns is the part that answers names for clients: a forwarder with a
// bounded cache a bearer, local names from leases, and rebind protection. It never
// resolves by itself: questions go to the bearer's servers, leaving by the
// bearer's interface only.
package dns

import (
	"net/netip"
	"time"
)

// Upstream is where one view's questions go.
type Upstream struct {
	Key       string       // names the bearer's life: after another dial nothing that was asked or learnt before counts
	Servers   []netip.Addr // the bearer's; empty uses Fallback
	Fallback  []netip.Addr // asked when Servers is empty or silent
	Interface string       // sockets are bound to it; "" asks nobody (no bearer is up)
	Mark      uint32       // fwmark of the sockets; 0 none
}

// Spec is the complete wish. The zero value means that nothing listens.
type Spec struct {
	Listen   []netip.AddrPort // UDP and TCP
	Upstream Upstream         // of the bearer that carries the askers' traffic
	Domain   string           // local domain, such as "lan"; "" none
	Names    []Name           // names of our own, such as the gateway's
	Views    []View           // askers who are told other local names; the first that fits counts
	Rebind   bool             // refuse private addresses in public answers
	RebindOK []string         // domains whose answers may be private
	// Retry is the time between two tries of one question, Tries how many packets it may
	// cost, at most 4; 0 is 400 ms that double, and 4.
	Retry      time.Duration
	Tries      int
	CacheBytes int // bound of the cache, its index included; 0 keeps nothing
	// Page is the address that connectivity-check names have for clients that are to be
	// told by a page why they have no Internet (see Untold); invalid: nobody is.
	Page netip.Addr
	// Closed asks nobody for clients, who may not have Internet: not by questions either.
	// They are refused with an extended error (RFC 8914), names are not forged.
	Closed bool
}

// patience is how long a try is waited for before the next server is asked in parallel.
func (s Spec) patience(try int) time.Duration {
	if s.Retry > 0 {
		return s.Retry
	}
	return patience(try)
}

// most is how many packets a question may cost.
func (s Spec) most() int {
	if s.Tries > 0 && s.Tries < maxTries {
		return s.Tries
	}
	return maxTries
}

// limit is when a question is answered with a failure: not before its last try had its
// time.
func (s Spec) limit() time.Duration {
	return max(giveUp, s.Retry*time.Duration(s.most()))
}

// View is what askers from one network are told of local names: these, and no names of
// clients.
type View struct {
	Askers netip.Prefix
	Names  []Name
}

// Name is one fixed local name, without the domain.
type Name struct {
	Name string
	Addr netip.Addr
}

// Counts are totals since the process started.
type Counts struct {
	Queries  uint64 // packets of clients
	Hits     uint64 // answered from the cache
	Upstream uint64 // packets to servers, repeated ones included
	Failed   uint64 // questions nobody could answer
	Rebind   uint64 // answers refused for a private address
	Dropped  uint64 // packets and connections without an answer: malformed, or beyond a bound
}

// Status is what is.
type Status struct {
	Serving    bool
	InForce    Spec // Listen holds the addresses that are bound
	CacheBytes int
	Counts     Counts
	// Answering lists the servers that answered lately, Silent those that did not.
	Answering, Silent []netip.Addr
	// Denied lists those of CheckHosts that clients asked for and servers deny, or give an
	// address that leads nowhere.
	Denied []string
	Error  string // why it does not serve; "" none
	// Holder is the program that has the port that cannot be bound, such as
	// "dnsmasq (process 731)"; "" when nobody does or it cannot be found.
	Holder string
}

// Leases gives names of LAN clients. Both methods are called for every query and
// must not block or allocate. A nil Leases is allowed.
type Leases interface {
	// LookupName returns the address of a client's hostname (lower case, no domain).
	LookupName(name string) (netip.Addr, bool)
	// LookupAddr returns the hostname of a client's address.
	LookupAddr(addr netip.Addr) (string, bool)
}

// Untold says which clients have no Internet and are to be told so by a page.
type Untold interface {
	// Untold is asked for questions for connectivity-check names alone. It must not block.
	Untold(client netip.Addr) bool
}
