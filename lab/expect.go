package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tetherd/tetherd/api"
)

// expectLimit is how long an expectation waits unless it says otherwise.
const expectLimit = 15 * time.Second

// expectation is one thing to wait for.
type expectation struct {
	limit time.Duration
	holds func(api.Document) bool
}

// parseExpectation reads [within DURATION] [not] WHAT….
func parseExpectation(words []string) (expectation, error) {
	e := expectation{limit: expectLimit}
	if len(words) > 1 && words[0] == "within" {
		limit, err := time.ParseDuration(words[1])
		if err != nil {
			return e, fmt.Errorf("expect: %w", err)
		}
		e.limit, words = limit, words[2:]
	}
	var err error
	e.holds, err = combination(words)
	return e, err
}

// combination reads [not] WHAT…, or either … and … or … and ….
func combination(words []string) (func(api.Document) bool, error) {
	if len(words) > 0 && words[0] == "either" {
		return joined(words[1:], "or", func(holds bool) bool { return holds })
	}
	return joined(words, "and", func(holds bool) bool { return !holds })
}

// joined reads what stands between a word, of which the first that decides does.
func joined(words []string, by string, decides func(bool) bool) (func(api.Document) bool, error) {
	var parts []func(api.Document) bool
	for {
		end := slices.Index(words, by)
		if end < 0 {
			end = len(words)
		}
		read := single
		if by == "or" {
			read = combination
		}
		part, err := read(words[:end])
		if err != nil {
			return nil, err
		}
		if parts = append(parts, part); end == len(words) {
			break
		}
		words = words[end+1:]
	}
	return func(d api.Document) bool {
		for _, p := range parts {
			if holds := p(d); decides(holds) {
				return holds
			}
		}
		return !decides(true)
	}, nil
}

// single reads [not] WHAT….
func single(words []string) (func(api.Document) bool, error) {
	not := len(words) > 0 && words[0] == "not"
	if not {
		words = words[1:]
	}
	if len(words) == 0 {
		return nil, errors.New("expect what?")
	}
	holds, err := condition(words[0], words[1:])
	if err != nil {
		return nil, err
	}
	return func(d api.Document) bool { return holds(d) != not }, nil
}

// condition builds the test of one kind of expectation.
func condition(kind string, args []string) (func(api.Document) bool, error) {
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	least, most := arity(kind)
	if most < 0 {
		return nil, fmt.Errorf("expect: there is no %q in the status", kind)
	}
	if len(args) < least || len(args) > most {
		return nil, fmt.Errorf("expect %s: takes %d to %d words", kind, least, most)
	}
	if kind == "sharing" && arg(0) != "allowed" && arg(0) != "refused" {
		return nil, fmt.Errorf("expect sharing: there is no %q", arg(0))
	}
	switch kind {
	case "online":
		return func(d api.Document) bool { return d.Online }, nil
	case "healthy":
		return func(d api.Document) bool { return d.Doctor.Verdict == "" }, nil
	case "verdict":
		return func(d api.Document) bool { return d.Doctor.Verdict == arg(0) }, nil
	case "found":
		return func(d api.Document) bool { return foundHolds(d.Doctor, arg(0), arg(1)) }, nil
	case "helped":
		return func(d api.Document) bool { return helpedHolds(d.Doctor, arg(0), arg(1)) }, nil
	case "eased":
		return func(d api.Document) bool { return easedHolds(d, arg(0), arg(1)) }, nil
	case "adopted":
		return func(d api.Document) bool { return len(d.Uplinks) > 0 && d.Uplinks[0].Adopted }, nil
	case "stage":
		return func(d api.Document) bool { return stageHolds(d, arg(0), arg(1), arg(2)) }, nil
	case "apn":
		return func(d api.Document) bool { return len(d.Uplinks) > 0 && d.APN.APN == arg(0) }, nil
	case "tried":
		return func(d api.Document) bool { return triedHolds(d, arg(0), arg(1), arg(2)) }, nil
	case "phase":
		return func(d api.Document) bool { return d.Modem.Phase == arg(0) }, nil
	case "sentence":
		return func(d api.Document) bool { return strings.Contains(d.Sentence, arg(0)) }, nil
	case "problem":
		return func(d api.Document) bool { return strings.Contains(strings.Join(d.Problems, "\n"), arg(0)) }, nil
	case "document":
		return func(d api.Document) bool { return documentHolds(d, arg(0)) }, nil
	case "sharing":
		return func(d api.Document) bool { return sharingHolds(d, arg(0), arg(1)) }, nil
	case "outcome":
		return func(d api.Document) bool {
			return d.Provision != nil && d.Provision.Outcome != nil && strings.Contains(d.Provision.Outcome.Why, arg(0))
		}, nil
	case "places":
		return func(d api.Document) bool { return d.Places != nil && strconv.Itoa(d.Places.Used) == arg(0) }, nil
	case "activation":
		return func(d api.Document) bool { return activationHolds(d, arg(0)) }, nil
	case "limit":
		return func(d api.Document) bool { return d.Provision != nil && strconv.Itoa(d.Provision.Limit) == arg(0) }, nil
	case "leases":
		return func(d api.Document) bool { return strconv.Itoa(leases(d)) == arg(0) }, nil
	case "mtu":
		return func(d api.Document) bool { return len(d.Uplinks) > 0 && strconv.Itoa(d.Uplinks[0].MTU) == arg(0) }, nil
	}
	return inPrefix(kind, arg(0))
}

// inPrefix says that an address is in a prefix: the LAN's, or else the first uplink's.
func inPrefix(kind, text string) (func(api.Document) bool, error) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return nil, fmt.Errorf("expect %s: %w", kind, err)
	}
	if kind == "lan" {
		return func(d api.Document) bool { return within(d.LAN.Address, prefix) }, nil
	}
	return func(d api.Document) bool {
		return len(d.Uplinks) > 0 && len(d.Uplinks[0].Addresses) > 0 && within(d.Uplinks[0].Addresses[0].String(), prefix)
	}, nil
}

// arity is how many words an expectation takes; most is -1 when there is none of
// that name.
func arity(kind string) (least, most int) {
	switch kind {
	case "online", "adopted", "healthy":
		return 0, 0
	case "found", "helped":
		return 1, 2
	case "verdict", "apn", "phase", "sentence", "problem", "leases", "mtu", "lan", "uplink", "document", "limit", "outcome", "activation", "places":
		return 1, 1
	case "sharing":
		return 1, 2
	case "eased":
		return 2, 2
	case "stage", "tried":
		return 2, 3
	}
	return 0, -1
}

// documentHolds says whether the document in force has a serial, or "none" is.
func documentHolds(d api.Document, serial string) bool {
	if d.Provision != nil {
		for _, o := range d.Provision.Documents {
			if o.InForce {
				return strconv.FormatUint(o.Serial, 10) == serial
			}
		}
	}
	return serial == "none"
}

// activationHolds says whether what is told of the activation has a text.
func activationHolds(d api.Document, text string) bool {
	return d.Provision != nil && slices.ContainsFunc(d.Provision.Documents, func(o api.OperatorDocument) bool {
		return o.InForce && strings.Contains(o.Activate, text)
	})
}

// sharingHolds says whether sharing is "allowed" or "refused", for a reason with a text.
func sharingHolds(d api.Document, state, text string) bool {
	allowed := d.Provision == nil || d.Provision.Sharing.Allowed
	why := ""
	if d.Provision != nil {
		why = d.Provision.Sharing.Why
	}
	return allowed == (state == "allowed") && strings.Contains(why, text)
}

func stageHolds(d api.Document, name, state, text string) bool {
	for _, s := range d.Stages {
		if s.Name == name {
			return string(s.State) == state && strings.Contains(s.Text, text)
		}
	}
	return false
}

func triedHolds(d api.Document, apn, outcome, cause string) bool {
	for _, t := range d.APN.Story {
		if t.APN == apn && t.Outcome == outcome && (cause == "" || strconv.Itoa(int(t.Cause)) == cause) {
			return true
		}
	}
	return false
}

// foundHolds says that a cause is at work, or was, with a text in its sentence.
func foundHolds(d api.Doctor, code, text string) bool {
	for _, f := range d.Findings {
		if f.Code == code && strings.Contains(f.Sentence, text) {
			return true
		}
	}
	for _, e := range d.History {
		if e.Code == code && strings.Contains(e.Sentence, text) {
			return true
		}
	}
	return false
}

// helpedHolds says that a cause is over and that its remedy helped.
func helpedHolds(d api.Doctor, code, kind string) bool {
	for _, e := range d.History {
		if e.Code == code && e.Helped == "yes" && (kind == "" || e.Remedy == kind) {
			return true
		}
	}
	return false
}

// easedHolds says that a cause stays and that clients have Internet by its remedy.
func easedHolds(d api.Document, code, kind string) bool {
	return d.Online && slices.ContainsFunc(d.Doctor.Findings, func(f api.Finding) bool {
		return f.Code == code && f.Remedy != nil && f.Remedy.Kind == kind && f.Remedy.State == "in force"
	})
}

// within says whether an address with its length lies in a prefix.
func within(text string, p netip.Prefix) bool {
	a, err := netip.ParsePrefix(text)
	return err == nil && p.Contains(a.Addr())
}

// leases counts the clients that have an address.
func leases(d api.Document) (n int) {
	for _, c := range d.Clients {
		if c.Address != "" {
			n++
		}
	}
	return n
}
