package provision

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/modem"
)

// Split says how own and clients' traffic are spread over bearers.
type Split uint8

// The splits.
const (
	OneForAll Split = iota // one bearer carries both
	Two                    // one each
	OwnOnly                // the modem holds one bearer, and it is not for clients
)

// Search is what one ladder climbs for: which access points may be tried. The zero
// value may try all that are known for a SIM.
type Search struct {
	wish  []config.APN // of the owner, first
	named []Candidate  // of the operator's document, behind them
	only  bool         // nothing but these
}

// Searches tells how traffic is spread, and what the bearer for clients and that for
// the gateway's own traffic are looked for among; with OneForAll the first is for both.
// Clients have a bearer of their own when the document or the owner names one for them that
// is not all that the gateway's own traffic is to take too. Sessions is how many bearers the
// modem holds; 0 or 1 is one.
func Searches(wish []config.APN, p Policy, sessions uint32) (split Split, shared, own Search) {
	own = Search{wish: having(wish, "any", "own"), named: p.Contexts[modem.Own]}
	purpose := modem.Shared
	if p.Buying && (len(p.Contexts[modem.Purchase]) > 0 || len(having(wish, "purchase")) > 0) {
		purpose = modem.Purchase
	}
	shared = Search{named: p.Contexts[purpose], only: true}
	if len(shared.named) == 0 { // the operator's word goes before the owner's
		shared.wish = having(wish, string(purpose))
	}
	both := p.forBoth()
	switch {
	case len(shared.named) == 0 && len(shared.wish) == 0:
		return OneForAll, own, Search{}
	case purpose == modem.Shared && len(both) > 0 && len(both) == len(own.named) && len(both) == len(shared.named) && among(own.wish, both):
		return OneForAll, shared, Search{}
	case sessions > 1:
		return Two, shared, own
	case p.OwnFirst && purpose == modem.Shared:
		if shared.named = both; len(both) == 0 {
			return OwnOnly, Search{only: true}, own
		}
	}
	return OneForAll, shared, Search{}
}

// forBoth are the document's access points that are for clients and for the gateway's own
// traffic as well: with these a modem needs no second bearer.
func (p Policy) forBoth() (both []Candidate) {
	for _, c := range p.Contexts[modem.Shared] {
		if slices.ContainsFunc(p.Contexts[modem.Own], func(o Candidate) bool { return sameDial(o, c) }) {
			both = append(both, c)
		}
	}
	return both
}

// among says that the owner names no other access points than a list's: a network seldom
// grants two bearers of one.
func among(wish []config.APN, list []Candidate) bool {
	for _, a := range wish {
		if !slices.ContainsFunc(list, func(c Candidate) bool { return strings.EqualFold(c.APN, a.APN) }) {
			return false
		}
	}
	return true
}

// having picks the owner's access points for some purposes.
func having(wish []config.APN, purposes ...string) (out []config.APN) {
	for _, a := range wish {
		purpose := a.Purpose
		if purpose == "" {
			purpose = "any"
		}
		if slices.Contains(purposes, purpose) {
			out = append(out, a)
		}
	}
	return out
}

// Open says that more than what somebody named may be found.
func (s Search) Open() bool { return !s.only }

// Key names what a ladder climbs for, as the function Key does, with what the document
// names.
func (s Search) Key(sim Identity) string {
	key := Key(s.wish, sim)
	if key == "" || len(s.named) == 0 && !s.only {
		return key
	}
	hash := sha256.New()
	add := func(text string) {
		_ = binary.Write(hash, binary.BigEndian, uint32(len(text))) // a hash takes all
		hash.Write([]byte(text))
	}
	add(key)
	add(fmt.Sprint(s.only))
	for _, c := range s.named {
		for _, field := range []string{c.APN, c.User, string(c.Password), string(c.Auth), fmt.Sprint(c.Families)} {
			add(field)
		}
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// Digest is a key of what is searched whatever the SIM, for comparing with what a
// former process searched.
func (s Search) Digest() string { return s.Key(Identity{ICCID: "any"}) }

// Candidates returns the access points that may be right, in the order to try, as the
// function Candidates does: the owner's, the document's, then the others.
func (s Search) Candidates(sim Identity, memory *Memory, roaming bool) []Candidate {
	if !s.only {
		return candidates(s.wish, s.named, sim, memory, roaming)
	}
	var list []Candidate
	for i, a := range s.wish[:min(len(s.wish), maxOwned)] {
		list = add(list, owned(i, a))
	}
	return addNamed(list, s.named)
}

// addNamed appends the document's access points.
func addNamed(list, named []Candidate) []Candidate {
	for _, c := range named[:min(len(named), maxOwned)] {
		if len(c.Families) == 0 {
			c.Families = families("")
		}
		list = add(list, c)
	}
	return list
}
