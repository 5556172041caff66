package provision

import (
	"fmt"

	"github.com/tetherd/tetherd/modem"
)

// move says where the ladder goes after a rung has failed.
type move uint8

const (
	toName   move = iota // the next candidate: nothing about this one will help
	toAuth               // other authentication, else the next candidate
	toFamily             // other family, else the next candidate
	toSingle             // another family after dual stack, else the next candidate
	toIPv4               // IPv4 of this candidate, else the next
	toIPv6               // IPv6 of this candidate, else the next
)

// maxRetries bounds how often a rung is tried again after a passing failure.
const maxRetries = 2

// reaction maps a session cause (3GPP TS 24.008, 10.5.6.6; TS 24.301, 9.9.4.4) to
// what helps: how often to try the same again, and where to go then.
func reaction(cause uint32) (retries int, then move) {
	switch cause {
	case 22, 26, 31, 34, 35, 36, 37, 38, 39, 54, 65, 113: // passes, or the network says so
		return maxRetries, toName
	case 8, 27, 66, 67, 69, 91, 112: // about the name or the subscription
		return 0, toName
	case 29, 30: // a gateway that rejects often means the credentials
		return 0, toAuth
	case 28:
		return 0, toFamily
	case 50, 52:
		return 0, toIPv4
	case 51:
		return 0, toIPv6
	case 32, 33: // the name is not subscribed, or dual stack is not
		return 0, toSingle
	case 0: // the modem did not say: some fail so on dual stack
		return 1, toSingle
	}
	return 0, toSingle // protocol errors, and what is not known
}

// next returns the rung to go to from rung at; len(rungs) when there is none.
func next(rungs []Rung, at int, how move) int {
	from := rungs[at].Bearer
	first := len(rungs) // of the next candidate
	for i := at + 1; i < len(rungs); i++ {
		b := rungs[i].Bearer
		if !sameProfile(rungs[at], rungs[i]) {
			first = i
			break
		}
		if fits(how, from, b) {
			return i
		}
	}
	return first
}

// sameProfile reports whether two rungs are of one candidate.
func sameProfile(a, b Rung) bool {
	return a.Candidate.Source == b.Candidate.Source && sameDial(a.Candidate, b.Candidate) &&
		a.Candidate.Auth == b.Candidate.Auth
}

// fits reports whether a move leads from one bearer to another of the same candidate.
func fits(how move, from, to modem.Bearer) bool {
	switch how {
	case toAuth:
		return to.Family == from.Family && to.Auth != from.Auth
	case toFamily:
		return to.Family != from.Family && to.Auth == from.Auth
	case toSingle:
		return from.Family == modem.IPv4v6 && to.Family != from.Family && to.Auth == from.Auth
	case toIPv4:
		return from.Family != modem.IPv4 && to.Family == modem.IPv4 && to.Auth == from.Auth
	case toIPv6:
		return from.Family != modem.IPv6 && to.Family == modem.IPv6 && to.Auth == from.Auth
	}
	return false
}

// SessionCause puts a session cause, given when a bearer is refused or taken down, into
// words (3GPP TS 24.008, 10.5.6.6; TS 24.301, 9.9.4.4; TS 24.501, 9.11.4.2). The
// same number means something else in registration: see MobilityCause.
func SessionCause(cause uint32) string {
	switch cause {
	case 8:
		return "barred by the operator"
	case 26:
		return "insufficient resources"
	case 27:
		return "missing or unknown APN"
	case 28:
		return "unknown PDP type"
	case 29:
		return "user authentication failed"
	case 30:
		return "rejected by the gateway"
	case 31:
		return "rejected, unspecified"
	case 32:
		return "service option not supported"
	case 33:
		return "service option not subscribed"
	case 34:
		return "service option temporarily out of order"
	case 36:
		return "regular deactivation"
	case 38:
		return "network failure"
	case 39:
		return "reactivation requested"
	case 50:
		return "only IPv4 is allowed"
	case 51:
		return "only IPv6 is allowed"
	case 52:
		return "only single-address bearers are allowed"
	case 54:
		return "the connection does not exist"
	case 65:
		return "maximum number of bearers reached"
	case 66:
		return "APN not supported in this network or radio technology"
	case 67, 69:
		return "insufficient resources for the slice"
	case 91:
		return "APN not supported in the slice"
	case 95, 96, 97, 98, 99, 100, 101, 111:
		return "protocol error"
	case 112:
		return "APN restriction conflicts with another bearer"
	case 113:
		return "multiple accesses not allowed"
	}
	return fmt.Sprintf("unknown cause %d", cause)
}

// MobilityCause puts a mobility cause, given when registration is rejected, into words
// (3GPP TS 24.008, 10.5.5.14; TS 24.301, 9.9.3.9; TS 24.501, 9.11.3.2).
func MobilityCause(cause uint32) string {
	switch cause {
	case 2:
		return "the home network does not know this SIM"
	case 3:
		return "this device is not allowed"
	case 5:
		return "the IMEI is not accepted"
	case 6:
		return "this equipment is barred"
	case 7:
		return "data services are not allowed for this SIM"
	case 8:
		return "neither data nor calls are allowed for this SIM"
	case 9:
		return "the network cannot derive the identity"
	case 10:
		return "detached by the network"
	case 11:
		return "this network is not allowed for this SIM"
	case 12:
		return "this area is not allowed for this SIM"
	case 13:
		return "roaming is not allowed in this area"
	case 14:
		return "data services are not allowed in this network"
	case 15:
		return "no suitable cell in this area"
	case 17:
		return "network failure"
	case 19:
		return "the connection that comes with registering is refused"
	case 22:
		return "the network is congested"
	}
	if AttachCause(cause) { // modems tell it in the place of 19
		return SessionCause(cause)
	}
	return fmt.Sprintf("unknown cause %d", cause)
}
