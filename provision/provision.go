// Package provision chooses the access point: the owner's names, what worked
// before for this SIM, the network's own choice and the embedded table become an
// ordered list of candidates, and a bounded ladder over candidate and IP family is
// settled by a session that really carries traffic. All of it is pure; every
// choice carries its why.
//
// candidate.go orders candidates and makes rungs of them, table.go reads the embedded
// APN table (made by tools/apngen from the rows in apn/), ladder.go is the ladder,
// climb.go finds the rung that carries, keep.go keeps it, cause.go says what a refusal
// means and asks for, story.go tells it, memory.go keeps what worked as bytes that
// the caller stores, attach.go with which access point the modem registers, policy.go is
// what an operator's document demands, search.go what each ladder looks among,
// activation.go how often and when a bought plan is activated.
package provision

import (
	"time"

	"github.com/tetherd/tetherd/modem"
)

// Identity is what a SIM tells about itself, the key of every choice.
type Identity struct {
	ICCID    modem.Secret
	IMSI     modem.Secret
	MCC, MNC string
	SPN      string
	GID1     string // upper-case hex
}

// Source says where a candidate comes from.
type Source string

// The sources in the order in which they are tried.
const (
	FromOwner    Source = "config"   // named in the owner's config
	FromDocument Source = "document" // named in the operator's document
	FromMemory   Source = "memory"   // worked before for this ICCID
	FromNetwork  Source = "network"  // empty APN: the network assigns one
	FromTable    Source = "table"    // embedded APN table
)

// Candidate is one access point that may be right.
type Candidate struct {
	Source   Source
	Name     string // of the access point or plan, for people; "" unknown
	APN      string
	User     string
	Password modem.Secret
	Auth     modem.Auth     // "" not told: none without user, else CHAP then PAP
	Families []modem.Family // in the order to try; never empty
	MTU      int            // 0 not told
	DUN      bool           // marked for tethering
	Plan     string         // "prepaid", "postpaid" or ""
	Balance  string         // USSD or SMS code that tells the balance; "" none
	Why      string         // one clause: why it is in the list at this place
}

// Rung is one thing to try: a candidate with one family and one authentication.
type Rung struct {
	Candidate Candidate
	Bearer    modem.Bearer
}

// Outcome is how the try of one rung ended.
type Outcome string

// The outcomes of a try.
const (
	Trying  Outcome = "trying"
	Refused Outcome = "refused"   // the network refused the bearer; Cause says why
	Mute    Outcome = "mute"      // the bearer came up and carries nothing
	Walled  Outcome = "walled"    // somebody answers in the Internet's place: kept as second best
	V6Only  Outcome = "ipv6-only" // cannot be shared yet
	Carries Outcome = "carries"   // traffic was seen to flow: settled
	Held    Outcome = "held"      // up, but nothing is configured to prove it
)

// Try is one line of the ladder's story.
type Try struct {
	APN     string
	Family  modem.Family
	Auth    modem.Auth
	Source  Source
	Outcome Outcome
	Cause   uint32 // 3GPP session cause; 0 none
	Note    string // one clause
	At      time.Time
}
