// Package fetch is the part that asks servers of the operator by HTTPS: for the next
// edition of a document, and whether sharing is allowed. Certificates are checked; size,
// time and redirects are bounded; sockets are bound to the bearer for the gateway's own
// traffic, and names are asked of its servers. What failed is asked again later, later
// each time, and never by a whole fleet at the same moment.
//
// schedule.go says when, request.go makes one request, driver.go brings both together.
package fetch

import (
	"net/netip"
	"time"

	"github.com/tetherd/tetherd/secret"
)

// Secret masks itself when printed or logged: credentials, and what names a subscriber.
type Secret = secret.Text

// Request is one thing to ask for, again and again. Requests are the same when all
// fields are.
type Request struct {
	ID       string // unique in a Spec
	URL      string // https://
	User     string // for HTTP's basic authentication; "" none
	Password Secret
	Body     Secret // JSON to send with POST; "" is GET
	// Beside is a suffix of the URL's path under which a detached signature lies, such
	// as ".sig"; "" none. It is fetched after each new answer.
	Beside   string
	Tag      string        // validator (RFC 9110, ETag) of what is there already; "" none
	Interval time.Duration // between answers, at least a minute; 0 asks once
	First    time.Time     // not before; the zero time is at once
	Attempt  uint32        // counting up asks now
	Max      int           // bytes of an answer, at most
	Limit    time.Duration // for an answer, with all redirects and the signature; 0 is 45 s
}

// Spec is the complete wish. The zero value means that nothing is asked.
type Spec struct {
	Key       string       // names the way out: a changed key asks again what failed
	Interface string       // sockets are bound to it
	Mark      uint32       // fwmark of the sockets; 0 none
	Servers   []netip.Addr // DNS servers to ask
	CAFile    string       // PEM file of the authorities that are trusted; "" the system's
	Requests  []Request
}

// Result is the last answer to one request.
type Result struct {
	At     time.Time // when it came, or failed; zero not yet
	Status int       // of HTTP; 0 when there was no answer
	Body   []byte    // with status 200
	Beside []byte    // of the signature, when one is wished and there; nil none
	Tag    string    // validator of Body
	Error  string    // why there is none; "" there is. It names no subscriber
	Failed int       // failures in a row
	Next   time.Time // when it is asked again; zero never
}

// Status is what was answered last.
type Status struct {
	InForce Spec
	Results map[string]Result // by request
}
