// Package clock is the part that finds out how far the machine's clock can be trusted: it
// asks time servers by their addresses, so that no name and no certificate stands before
// the time, and keeps the last time that is known over restarts of the machine. It sets the
// clock only when that is wished.
//
// ntp.go reads and writes the packets, judge.go weighs answers, driver.go asks and keeps.
package clock

import (
	"net/netip"
	"time"
)

// Spec is the complete wish. The zero value means that nobody is asked.
type Spec struct {
	Key       string // names the way out: under a changed key what failed is asked at once
	Interface string // sockets are bound to it
	Mark      uint32 // fwmark of the sockets; 0 none
	Servers   []netip.AddrPort
	Set       bool // set the clock to the time that two servers agree on or, while none has answered, the modem tells
	Modem     Told
}

// Told is what the mobile network told by the modem: the right time, but for the width of
// time zones, at a moment by the machine's clock. The zero value is nothing.
type Told struct{ Right, At time.Time }

// Zones is how far the time that a modem tells may be off: networks and modems differ in
// whether they mean local time.
const Zones = 15 * time.Hour

// Trust is how far the machine's clock can be trusted.
type Trust string

// The levels, the least first.
const (
	TrustNone    Trust = ""        // nobody was asked yet, and no time is kept
	TrustKept    Trust = "kept"    // it is not before the last time that was known
	TrustModem   Trust = "modem"   // the mobile network has told it by the modem: right but for Zones
	TrustOne     Trust = "one"     // one server has answered
	TrustNetwork Trust = "network" // two servers agree
)

// Status is what is known.
type Status struct {
	InForce Spec
	Trust   Trust
	// Offset is what the clock lacks: the time of the network less the machine's, as it
	// was asked last; 0 with a trust below TrustModem.
	Offset time.Duration
	Source string    // the server it is from, or "modem"; "" none
	At     time.Time // when it answered, by the machine's clock
	Kept   time.Time // the last time that was known; zero none
	Behind bool      // the clock is before Kept, which is impossible
	Sets   int       // how often the clock was set
	Error  string    // why nobody has answered, or the clock could not be set; "" none
}
