// Package doctor says why clients have no Internet, in one sentence, and what is done
// about it. Examine is pure: what is observed and what was found before go in, what is
// found now and the next time at which that can change come out.
//
// codes.go is the table of causes, tree.go the order in which one check depends on
// another, the rules_*.go files hold one small question a cause, examine.go folds their
// answers over time, remedy.go chooses repairs, text.go speaks to people from the
// files in text/, record.go writes down what an examination was made from.
package doctor

import (
	"time"

	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/provision"
)

// Code names a cause. Codes are stable: documents, tests and people refer to them.
type Code string

// Severity is how much a finding takes from clients.
type Severity string

// The severities, the worst first.
const (
	Fault    Severity = "fault"    // clients have no Internet
	Degraded Severity = "degraded" // some clients or services lack something
	Note     Severity = "note"     // worth knowing; nobody lacks anything
)

// Value is one named fact: evidence, or a word of a sentence.
type Value struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Finding is one cause that is at work.
type Finding struct {
	Code       Code      `json:"code"`                // such as "RC14"
	Check      string    `json:"check"`               // what it breaks, see Checks
	Severity   Severity  `json:"severity"`            // what it takes from clients
	Variant    string    `json:"variant,omitempty"`   // which sentence of the code's applies
	Args       []Value   `json:"args,omitempty"`      // words of the sentence
	Evidence   []Value   `json:"evidence"`            // never empty
	Confidence int       `json:"confidence"`          // percent
	Since      time.Time `json:"since"`               // when it was true first
	Hides      []Code    `json:"hides,omitempty"`     // symptoms that it explains
	Remedy     *Remedy   `json:"remedy,omitempty"`    // what is done about it; absent: nothing can be
	Advice     bool      `json:"needs_you,omitempty"` // a person has to do something
}

// State is how one check stands.
type State string

// The states of a check.
const (
	OK           State = "ok"
	Failed       State = "failed"
	Impaired     State = "impaired" // works for most
	NotEvaluated State = "not evaluated"
)

// Check is one node of the tree from power to the client's screen.
type Check struct {
	Name  string   `json:"name"`
	Needs []string `json:"needs,omitempty"` // checks that come before it
	State State    `json:"state"`
	Code  Code     `json:"code,omitempty"` // what is wrong with it
}

// Episode is a finding that is over.
type Episode struct {
	Code    Code      `json:"code"`
	Variant string    `json:"variant,omitempty"`
	Args    []Value   `json:"args,omitempty"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Remedy  string    `json:"remedy,omitempty"` // kind of the last remedy
	Helped  string    `json:"helped,omitempty"` // "yes" or "no"; absent without a remedy
}

// Facts are what the owner wants, as far as an examination depends on it.
type Facts struct {
	Modem     bool // a modem is wanted
	DHCP, DNS bool // ours are wanted
	SetClock  bool // the clock may be set
	Limit     int  // addresses in the pool
}

// Path is the access point ladder, as far as an examination depends on it.
type Path struct {
	APN     string            // wished now
	SIM     int               // counts up with each other SIM or its settings
	Looking bool              // there may be other access points to try
	Outcome provision.Outcome // of the rung that is wished
	Story   []provision.Try   // of this SIM and these settings, oldest first
	// Attach names the access points that may be tried for registering, "" for the network's
	// own choice; AttachSame says that the one that is tried is what the modem had.
	Attach     []string
	AttachSame bool
}

// Case is everything that one examination is made from.
type Case struct {
	Facts    Facts
	Path     Path
	Observed plan.Observed
	Wish     Wish
	// Tampered are parts that differ from a wish which was in force and has not changed:
	// somebody else did that. The next step of the turn repairs it.
	Tampered []plan.Step
	// Refused are parts that could not do what is wished, one line each.
	Refused []string
	// Online says that a client has Internet, by the best proof that can be had.
	Online bool
}

// Wish is what the present plan says.
type Wish struct {
	LAN       string       // the gateway's address with its prefix length
	LANWhy    string       // why it is that one; "" the owner's choice
	Gateway   string       // key of the probe from the gateway; "" none is wished
	Client    string       // key of the probe from a client's place; "" none is wished
	Uplink    string       // interface that carries clients' traffic; "" none is up
	UplinkMTU int          // bytes
	Barred    string       // why no data may be used where the SIM is, in one clause; "" they may
	Repairs   plan.Repairs // in force
	Country   string       // whose rules hold for the radios; "" the kernel's
}

// Report is the outcome of one examination.
type Report struct {
	Verdict  *Finding     `json:"verdict,omitempty"` // the first broken link; absent: none
	Findings []Finding    `json:"findings"`          // all that are at work, the deepest first
	Checks   []Check      `json:"checks"`            // the tree, from power to the client's screen
	History  []Episode    `json:"history,omitempty"` // what is over, oldest first, at most maxHistory
	Repairs  plan.Repairs `json:"-"`                 // to be in the next Inputs
	Memory   Memory       `json:"-"`                 // for the next examination
}

// maxHistory bounds Report.History.
const maxHistory = 64
