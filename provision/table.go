package provision

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"sort"
	"strconv"
	"strings"

	"github.com/tetherd/tetherd/modem"
)

//go:generate go run ../tools/apngen -rows apn -out apn/table.gz

//go:embed apn/table.gz
var embedded []byte // never written to

// maxListed bounds what a lookup gives: the longest list for one SIM that is worth
// a person's patience.
const maxListed = 12

// table is an APN table in packed form. It stays packed: a lookup inflates it as a
// stream, up to the home network, and keeps nothing else.
//
// The text inside the gzip frame is sorted by PLMN. A line that begins with a digit
// is a PLMN; each line below it is one access point, best first, with the fields
// key, flags, APN, user, password, MTU, balance code and name between tabs, empty
// ones at the end left out. A key is a letter and what must match: i IMSI pattern,
// c ICCID prefix, g GID1 prefix, s service provider name. Flags are letters:
// authentication n none, p PAP, c CHAP; family at home 4, 6, d both, abroad f, s, D;
// plan r prepaid, o postpaid; t also for tethering, T only for tethering.
type table []byte

// lookup returns what the table lists for a SIM's home network, in the order to
// try: rows whose MVNO key matches, the most specific first (IMSI, ICCID, GID1,
// SPN), then rows for everybody, then those for tethering only. Rows of the network
// whose key does not match are left out. At most 12.
func (t table) lookup(sim Identity, roaming bool) []Candidate {
	var found []listing
	plmn := sim.MCC + sim.MNC
	t.scan(func(line []byte) bool {
		return string(line) <= plmn
	}, func(at, line []byte) {
		if string(at) != plmn {
			return
		}
		entry := parseListing(string(line))
		if entry.match(sim) {
			found = append(found, entry)
		}
	})
	sort.SliceStable(found, func(i, j int) bool { return found[i].before(&found[j]) })
	var candidates []Candidate
	for _, entry := range found {
		if c := entry.candidate(plmn, roaming); len(candidates) < maxListed {
			candidates = add(candidates, c)
		}
	}
	return candidates
}

// home splits the home network off the digits of an IMSI, of which there are at
// least 6. Both MNC lengths exist; the table decides, and where it knows both or
// neither, the Americas (MCC 3xx and 7xx) have three digits.
func (t table) home(digits string) (mcc, mnc string) {
	short, long := false, false
	t.scan(func(plmn []byte) bool {
		short = short || string(plmn) == digits[:5]
		long = long || string(plmn) == digits[:6]
		return string(plmn) <= digits[:6]
	}, func([]byte, []byte) {})
	if short == long {
		long = digits[0] == '3' || digits[0] == '7'
	}
	if long {
		return digits[:3], digits[3:6]
	}
	return digits[:3], digits[3:5]
}

// scan calls network with each PLMN until it says false, and row with each row. A
// damaged table ends where the damage begins.
func (t table) scan(network func(plmn []byte) bool, row func(plmn, line []byte)) {
	zip, err := gzip.NewReader(bytes.NewReader(t))
	if err != nil {
		return
	}
	lines := bufio.NewScanner(zip)
	lines.Buffer(make([]byte, 1024), 1024)
	var name [6]byte
	plmn := name[:0]
	for lines.Scan() {
		line := lines.Bytes()
		switch {
		case len(line) == 0:
		case line[0] < '0' || line[0] > '9':
			row(plmn, line)
		case !network(line):
			return
		default:
			plmn = name[:copy(name[:], line)]
		}
	}
}

// listing is one row of the table.
type listing struct {
	key      string
	merit    int // specificity of the key, once matched; 0 everybody
	named    string
	only     bool // for tethering only
	home     modem.Family
	abroad   modem.Family
	template Candidate
}

// parseListing reads a row; missing fields are empty.
func parseListing(line string) listing {
	var fields [8]string
	for i := range fields {
		fields[i], line, _ = strings.Cut(line, "\t")
	}
	mtu, err := strconv.ParseUint(fields[5], 10, 16)
	if err != nil {
		mtu = 0
	}
	entry := listing{key: fields[0], template: Candidate{
		Source: FromTable, Name: fields[7], APN: fields[2],
		User: fields[3], Password: modem.Secret(fields[4]), MTU: int(mtu), Balance: fields[6],
	}}
	for _, flag := range []byte(fields[1]) {
		entry.flag(flag)
	}
	return entry
}

func (e *listing) flag(letter byte) {
	switch letter {
	case 'n':
		e.template.Auth = modem.AuthNone
	case 'p':
		e.template.Auth = modem.AuthPAP
	case 'c':
		e.template.Auth = modem.AuthCHAP
	case '4':
		e.home = modem.IPv4
	case '6':
		e.home = modem.IPv6
	case 'd':
		e.home = modem.IPv4v6
	case 'f':
		e.abroad = modem.IPv4
	case 's':
		e.abroad = modem.IPv6
	case 'D':
		e.abroad = modem.IPv4v6
	case 'r':
		e.template.Plan = "prepaid"
	case 'o':
		e.template.Plan = "postpaid"
	case 't', 'T':
		e.template.DUN, e.only = true, letter == 'T'
	}
}

// match reports whether a row is for this SIM and rates its key: the kinds apart by
// more than their lengths can be.
func (e *listing) match(sim Identity) bool {
	if e.key == "" {
		return true
	}
	matched, value := false, e.key[1:]
	switch e.key[0] {
	case 'i':
		matched, e.merit, e.named = matchIMSI(value, string(sim.IMSI)), 4000+specific(value), "IMSI"
	case 'c':
		matched, e.merit, e.named = strings.HasPrefix(string(sim.ICCID), value), 3000+len(value), "ICCID"
	case 'g':
		matched, e.merit, e.named = hasPrefixFold(sim.GID1, value), 2000+len(value), "GID1"
	case 's':
		matched, e.merit, e.named = strings.EqualFold(sim.SPN, value), 1000, "SPN"
	}
	return matched && value != ""
}

// matchIMSI compares a pattern with the beginning of an IMSI; x is any digit.
func matchIMSI(pattern, imsi string) bool {
	if len(pattern) > len(imsi) {
		return false
	}
	for i := range len(pattern) {
		if pattern[i] != 'x' && pattern[i] != imsi[i] {
			return false
		}
	}
	return true
}

func specific(pattern string) int { return len(pattern) - strings.Count(pattern, "x") }

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// before ranks: rows for tethering only come last, the more exact match before the others.
func (e *listing) before(other *listing) bool {
	if e.only != other.only {
		return other.only
	}
	return e.merit > other.merit
}

func (e *listing) candidate(plmn string, roaming bool) Candidate {
	c := e.template
	c.Why = "listed for " + plmn
	if e.named != "" {
		c.Why += ", MVNO key " + e.named + " matches"
	}
	if e.only {
		c.Why += ", for tethering only"
	}
	family := e.home
	if roaming && e.abroad != "" {
		family = e.abroad
	}
	c.Families = families(family)
	return c
}

// families returns the order to try for a listed PDP type. IPv6 alone is never
// first, though listed so: it cannot be shared yet, and networks that list it
// usually grant dual stack or IPv4 to who asks.
func families(listed modem.Family) []modem.Family {
	if listed == modem.IPv4 {
		return []modem.Family{modem.IPv4, modem.IPv4v6, modem.IPv6}
	}
	return []modem.Family{modem.IPv4v6, modem.IPv4, modem.IPv6}
}
