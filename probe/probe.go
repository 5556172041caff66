// Package probe is the part that finds out whether the Internet is really there,
// from two vantage points: the gateway by a bearer's interface, and a synthetic
// LAN client that takes a lease, resolves and fetches through NAT like a phone.
//
// The synthetic client is an anonymous network namespace held by one locked
// thread and joined to the LAN bridge by a veth pair, so that a killed process
// leaves nothing. It proves neither radio nor hardware offload, and says so. Where
// it cannot be made, the gateway asks the LAN's DNS server in its place, and the
// result says what that leaves open.
//
// look.go holds what both have in common, jury.go who is asked and believed, question.go, page.go and login.go read what
// comes back; gateway.go, client.go and thread.go are the vantage points, driver.go decides
// when to look.
package probe

import (
	"net/netip"
	"time"
)

// Target is a connectivity-check page, fetched by plain HTTP.
type Target struct {
	URL    string // http:// only
	Status int    // expected status code, exactly
	Body   string // expected body, exactly
}

// Gateway is the vantage point of the machine itself. The zero value means off.
type Gateway struct {
	Key       string       // what is probed: a changed key probes at once
	Interface string       // sockets are bound to it
	Mark      uint32       // fwmark of the sockets; 0 none
	Servers   []netip.Addr // DNS servers to ask
	// Literals are asked by TCP whether anybody is there when no name resolves.
	Literals []netip.AddrPort
}

// Client is the vantage point of the synthetic LAN client. The zero value means off.
type Client struct {
	Key    string // a changed key probes at once
	Bridge string // LAN bridge to join
	// MAC is its hardware address, see NewMAC: whoever counts clients leaves it out.
	MAC [6]byte
}

// Spec is the complete wish. The zero value means that nothing is probed.
type Spec struct {
	Targets []Target
	// Operator are pages of the operator's own. They are asked first where it takes two
	// that agree, and prove nothing alone.
	Operator []Target
	Gateway  Gateway
	Client   Client
	// Budget is how many bytes an hour both vantage points may cost together, so much of
	// twelve hours at once; 0 is no bound. What a changed wish or Anew asks for is done all
	// the same, and so is a look after each Interval.
	Budget   uint64
	Interval time.Duration // between probes that succeed, at least 10 s; failures come back sooner
	// Again counts doubts: when it has grown, what is wished is probed again at once.
	Again uint32
	// Anew counts changes of what is around: when it has grown, what is wished is probed
	// again at once, and a look that began before does not count.
	Anew uint32
}

// Verdict is the outcome of one probe.
type Verdict string

// The verdicts.
const (
	Unknown  Verdict = ""         // not probed yet under this key
	Online   Verdict = "online"   // targets answered exactly as they must
	Portal   Verdict = "portal"   // somebody else answered: a login or pay page
	NoLease  Verdict = "no-lease" // the LAN gave no address (client only)
	NoDNS    Verdict = "no-dns"   // names do not resolve
	Dead     Verdict = "dead"     // names resolve (or need not) but nothing loads
	Unproven Verdict = "unproven" // this vantage point does not exist here; Cannot says what is left open
)

// Result is one vantage point's last probe.
type Result struct {
	Key     string // the Spec's key that was probed
	Verdict Verdict
	Detail  string // one line: what was tried, what came back; of Unproven, what a weaker check showed
	Cannot  string // what this probe cannot prove here; "" none
	Target  string // URL that settled the verdict
	At      time.Time
	Took    time.Duration
	// Bytes is what this vantage point has cost since the process started: all IP
	// packets of its questions and pages, also of the client's questions that the
	// gateway may answer by itself. DHCP stays on the LAN and is not counted.
	Bytes  uint64
	Failed int // failures in a row
	Alike  int // those at the end of them with this verdict
	// Alive says that something on the Internet answered by its address, though no target
	// did.
	Alive bool
	// Denied says that names do not resolve because servers say so: there are none such,
	// or they lead nowhere.
	Denied bool
	// Login says of a portal seen from the gateway that its page wants a login or consent to
	// terms, and says nothing of money.
	Login bool
	// Large is what became of packets of full size, which are tried once the page is
	// there; PathMTU is the largest in bytes that was seen to pass when they were lost, 0
	// when none was.
	Large   Large
	PathMTU int
}

// Large is what became of packets of full size.
type Large string

// The fates of large packets.
const (
	LargeUnknown Large = "" // not tried
	LargePasses  Large = "passes"
	LargeLost    Large = "lost"
)

// Status is what was found last.
type Status struct {
	InForce Spec
	Gateway Result
	Client  Result
}
