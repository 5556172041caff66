// Package document reads an operator's provisioning document, in either of two forms,
// into one Document: Microsoft's CarrierControl XML (v1, with the extensions of v2)
// and tetherd's own JSON, which says more. It judges what was read: what is wrong is
// refused with the path of the element, what a router cannot do is told, nothing is
// dropped in silence. It says who may have a document applied and for which SIM each
// entry is. All of it is pure.
//
// read.go tells the forms apart. schema.json is the published JSON Schema, and schema.go
// runs that very file, so that the two cannot disagree; json.go reads JSON. xml.go reads
// XML into a bounded tree, grammar.go and carriercontrol.go check the tree by Microsoft's
// grammar, extract.go takes the values out of it. check.go holds what depends on more
// than one element, value.go the types of single ones, pattern.go translates regular
// expressions. report.go is the answer, trust.go the signature and whom a document is
// bound to, match.go the choice of the entry for a SIM.
package document

import "github.com/tetherd/tetherd/modem"

// Form is how a document is written.
type Form string

// The forms.
const (
	CarrierControl Form = "carriercontrol" // Microsoft's XML
	JSON           Form = "json"           // tetherd's own, see schema.json
)

// Document is what an operator's document says, whatever its form. Treat it as
// immutable. It holds credentials: it is never logged nor shown as it is.
type Document struct {
	Form       Form        `json:"-"`
	Signed     bool        `json:"-"`      // it carries an XML signature, which is not verified
	Format     string      `json:"format"` // "tetherd-document/1"
	Serial     uint64      `json:"serial"` // grows with every edition; 0 none
	Operator   Operator    `json:"operator"`
	Bound      Bound       `json:"bound"`
	SIMs       []SIM       `json:"sims"` // never empty
	Activation *Activation `json:"activation"`
	Plans      []Plan      `json:"plans"`
	Messages   []Message   `json:"messages"`
	// WLAN are Wi-Fi networks of the operator. A list replaces the former one, an empty
	// one removes it; nil leaves it alone.
	WLAN    *[]WLAN  `json:"wlan"`
	Refresh *Refresh `json:"refresh"`
	Probes  []Probe  `json:"probes"`
}

// Operator is who made the document.
type Operator struct {
	ID           string            `json:"id"` // GUID in braces, lower case
	Name         string            `json:"name"`
	Logo         []byte            `json:"logo"` // BMP or PNG of 32 by 32 pixels, as anybody may have written it
	SupportPhone string            `json:"support_phone"`
	AccountURL   string            `json:"account_url"`  // page where the subscriber sees plan and usage
	Technologies map[string]string `json:"technologies"` // display names, such as "lte": "4G+"
}

// Bound says whom alone the document is for. Empty is anybody.
type Bound struct {
	// Subscriber is an IMSI or ICCID, whole or its first digits, or a word by which the
	// operator knows the account and which no SIM tells.
	Subscriber modem.Secret `json:"subscriber"`
	Device     modem.Secret `json:"device"` // IMEI of 15 or 16 digits, or a MAC address
}

// SIM is what the document says for the SIM cards that match.
type SIM struct {
	Match    Match     `json:"match"`
	Contexts []Context `json:"contexts"`
	Sharing  Sharing   `json:"sharing"`
	Roaming  Roaming   `json:"roaming"`
	Network  Network   `json:"network"`
}

// Match are the keys of a SIM; what is empty matches every SIM.
type Match struct {
	MCC   string  `json:"mcc"`
	MNC   string  `json:"mnc"`
	IMSI  []Range `json:"imsi"`
	ICCID []Range `json:"iccid"`
	SPN   string  `json:"spn"`  // service provider name, without regard to case
	PNN   string  `json:"pnn"`  // name of the home network, without regard to case
	GID1  string  `json:"gid1"` // first digits in hex, upper case
}

// Range is an inclusive range of numbers with the same count of digits.
type Range struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Use is what a context is for (COSA's purpose groups).
type Use string

// The uses that a router has; others are stored.
const (
	ForInternet  Use = "internet"  // the gateway's own traffic
	ForTethering Use = "tethering" // clients' traffic
	ForPurchase  Use = "purchase"  // buying a plan
	ForAttach    Use = "attach"    // what the modem registers with
)

// Context is one access point.
type Context struct {
	Name     string       `json:"name"`
	Uses     []Use        `json:"uses"`
	APN      string       `json:"apn"` // "" lets the network assign one
	User     string       `json:"user"`
	Password modem.Secret `json:"password"`
	Auth     string       `json:"auth"`   // "none", "pap" or "chap"; "" not told
	Family   string       `json:"family"` // "ipv4", "ipv6" or "ipv4v6"; "" not told
	Plan     string       `json:"plan"`   // name of one of Plans; "" not told
	Priority *int         `json:"priority"`
}

// Sharing is what the operator lays down about clients.
type Sharing struct {
	Rule       string       `json:"rule"`        // "always", "never" or "check"; "" is always
	MaxDevices int          `json:"max_devices"` // 0 none
	Absence    int          `json:"absence_seconds"`
	OneContext string       `json:"one_context"` // "share" or "refuse" with a modem that holds one context
	Check      *Entitlement `json:"check"`       // with rule "check"
}

// Entitlement is the server that is asked whether sharing is allowed.
type Entitlement struct {
	URL     string `json:"url"`
	Cache   int    `json:"cache_seconds"`   // how long an answer counts; 0 is a day
	Timeout int    `json:"timeout_seconds"` // within which the server answers, or is silent; 0 is 45
	Silent  string `json:"silent"`          // "allow" or "deny" while the server does not answer; "" is deny
}

// Roaming is where data may be used.
type Roaming struct {
	Level    string    `json:"level"` // such as "home"; "" not told
	Partners []Partner `json:"partners"`
}

// Partner is a network on which data may be used abroad.
type Partner struct {
	PLMN string `json:"plmn"` // MCC and MNC, or their first digits
	Name string `json:"name"`
}

// Network are settings of the operator's network.
type Network struct {
	MTU4     int `json:"mtu4"` // bytes; 0 not told
	MTU6     int `json:"mtu6"`
	DNSRetry int `json:"dns_retry_seconds"` // 0 not told
	DNSTries int `json:"dns_tries"`
}

// Activation is what to do after a plan was bought.
type Activation struct {
	Method   string `json:"method"` // "reconnect", "reregister" or "service"
	Delay    int    `json:"delay_seconds"`
	Retries  int    `json:"retries"`
	Interval int    `json:"retry_seconds"` // 0 is a minute
	Data     []byte `json:"data"`          // for "service"
}

// Plan is what the subscriber bought.
type Plan struct {
	Name         string     `json:"name"`
	Type         string     `json:"type"` // "unrestricted", "fixed" or "variable"; "" with usage alone
	LimitMB      uint64     `json:"limit_mb"`
	InboundKbps  uint64     `json:"inbound_kbps"`
	OutboundKbps uint64     `json:"outbound_kbps"`
	MaxMB        uint64     `json:"max_transfer_mb"`
	Cycle        *Cycle     `json:"cycle"`
	Usage        *PlanUsage `json:"usage"`
}

// Cycle is a plan's billing cycle.
type Cycle struct {
	Start    string `json:"start"`    // RFC 3339
	Duration string `json:"duration"` // ISO 8601
	Resets   bool   `json:"resets"`
}

// PlanUsage is what was used of a plan.
type PlanUsage struct {
	UsedMB    uint64 `json:"used_mb"`
	At        string `json:"at"` // RFC 3339
	OverLimit bool   `json:"over_limit"`
	Congested bool   `json:"congested"`
}

// Message is a rule that recognises an operator's message.
type Message struct {
	ID       string             `json:"id"`
	Silent   bool               `json:"silent"`
	Senders  []Sender           `json:"senders"`
	USSD     bool               `json:"ussd"`
	Pattern  string             `json:"pattern"` // as in the document, ECMAScript
	Compiled string             `json:"-"`       // the same for package regexp
	Locale   string             `json:"locale"`
	Units    map[string]string  `json:"units"` // words by unit, such as "M": "MB Mo"
	Fields   map[string]MsgPart `json:"fields"`
}

// Sender is who may send a message by SMS.
type Sender struct {
	Number        string `json:"number"`
	ClassZeroOnly bool   `json:"class_zero_only"`
}

// MsgPart says where in a message one field is. Zero groups are absent.
type MsgPart struct {
	Group     int               `json:"group"`
	UnitGroup int               `json:"unit_group"`
	Unit      string            `json:"unit"`
	Format    string            `json:"format"`
	Default   string            `json:"default"`
	Tokens    map[string]string `json:"tokens"`
}

// WLAN is a Wi-Fi network of the operator.
type WLAN struct {
	Name  string   `json:"name"`
	SSIDs []string `json:"ssids"`
	// Hotspot is a WISPr login.
	User     string       `json:"user"`
	Password modem.Secret `json:"password"`
	Domains  []string     `json:"trusted_domains"`
	XML      string       `json:"-"` // Microsoft's profile as it came; it may hold keys
}

// Refresh is where the next edition is.
type Refresh struct {
	Days     int          `json:"days"` // 1 to 730; 0 on demand only
	URL      string       `json:"url"`
	User     string       `json:"user"`
	Password modem.Secret `json:"password"`
}

// Probe is a page of the operator's that tells whether the Internet is reached.
type Probe struct {
	URL    string `json:"url"`
	Status int    `json:"status"`
	Body   string `json:"body"`
}
