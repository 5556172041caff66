package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// row is one access point of one PLMN. All fields are text as it stands in the
// source rows; "" means not told.
type row struct {
	plmn     string // MCC and MNC digits, 5 or 6 of them: 26201 is not 262001
	key      string // "" everybody, else "imsi:", "gid1:", "spn:" or "iccid:" and what must match
	name     string // of the access point or plan, for people
	apn      string
	user     string
	password string
	auth     string // "none", "pap", "chap"
	family   string // PDP type at home: "ipv4v6", "ipv4", "ipv6"
	roaming  string // PDP type abroad, when it differs
	mtu      string // bytes
	marks    string // comma-separated: see the mark constants
	plan     string // "prepaid", "postpaid"
	balance  string // USSD code, or sms: URI (RFC 5724)
}

// The marks of a row.
const (
	markDUN     = "dun"      // for tethering, and for everything else
	markDUNOnly = "dun-only" // for tethering and nothing else
	markProxy   = "proxy"    // upstream names a web proxy: plain traffic may not pass
	markBrand   = "brand"    // for a brand on somebody's network, without a key to tell
	markPrimary = "primary"  // of the network's own operator
)

var columns = []string{"plmn", "key", "name", "apn", "user", "password", "auth", "family", "roaming", "mtu", "marks", "plan", "balance"}

// fields returns pointers to all fields in column order.
func (r *row) fields() []*string {
	return []*string{&r.plmn, &r.key, &r.name, &r.apn, &r.user, &r.password, &r.auth,
		&r.family, &r.roaming, &r.mtu, &r.marks, &r.plan, &r.balance}
}

func (r *row) marked(mark string) bool {
	return slices.Contains(strings.Split(r.marks, ","), mark)
}

// tidy trims what is only noise in a session setup: white space, credentials that
// are not used (a password without a user, a user without authentication), a
// roaming family that says nothing new.
func (r *row) tidy() {
	for _, field := range r.fields() {
		*field = strings.TrimSpace(strings.Map(printable, *field))
	}
	if r.auth == "none" {
		r.user = ""
	}
	if r.user == "" {
		r.password, r.auth = "", ""
	}
	if r.roaming == r.family {
		r.roaming = ""
	}
}

func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}

// check tells why a row cannot be used; nil means it can. An APN holds at most 100
// octets (3GPP TS 23.003, 9.1) and never a blank.
func (r *row) check() error {
	switch {
	case len(r.plmn) != 5 && len(r.plmn) != 6, strings.Trim(r.plmn, "0123456789") != "":
		return fmt.Errorf("apngen: PLMN %q is not 5 or 6 digits", r.plmn)
	case r.apn == "" || len(r.apn) > 100 || strings.ContainsFunc(r.apn, notInAPN):
		return fmt.Errorf("apngen: %s: %q is no access point name", r.plmn, r.apn)
	case len(r.user) > 255 || len(r.password) > 255:
		return fmt.Errorf("apngen: %s %s: credentials too long", r.plmn, r.apn)
	}
	return r.checkWords()
}

func (r *row) checkWords() error {
	kind, value, _ := strings.Cut(r.key, ":")
	families := []string{"", "ipv4v6", "ipv4", "ipv6"}
	_, mtu := strconv.ParseUint(r.mtu, 10, 16)
	switch {
	case r.key != "" && (value == "" || !slices.Contains([]string{"imsi", "gid1", "spn", "iccid"}, kind)):
		return fmt.Errorf("apngen: %s %s: unknown key %q", r.plmn, r.apn, r.key)
	case !slices.Contains([]string{"", "none", "pap", "chap"}, r.auth):
		return fmt.Errorf("apngen: %s %s: unknown authentication %q", r.plmn, r.apn, r.auth)
	case !slices.Contains(families, r.family), !slices.Contains(families, r.roaming):
		return fmt.Errorf("apngen: %s %s: unknown family %q or %q", r.plmn, r.apn, r.family, r.roaming)
	case !slices.Contains([]string{"", "prepaid", "postpaid"}, r.plan):
		return fmt.Errorf("apngen: %s %s: unknown plan %q", r.plmn, r.apn, r.plan)
	case r.mtu != "" && mtu != nil:
		return fmt.Errorf("apngen: %s %s: MTU %q", r.plmn, r.apn, r.mtu)
	}
	for mark := range strings.SplitSeq(r.marks, ",") {
		if !slices.Contains([]string{"", markDUN, markDUNOnly, markProxy, markBrand, markPrimary}, mark) {
			return fmt.Errorf("apngen: %s %s: unknown mark %q", r.plmn, r.apn, mark)
		}
	}
	return nil
}

func notInAPN(r rune) bool { return r <= ' ' || r > '~' }

// sorted orders rows by PLMN, keeping upstream's order within one, and drops exact
// duplicates.
func sorted(rows []row) []row {
	slices.SortStableFunc(rows, func(a, b row) int { return strings.Compare(a.plmn, b.plmn) })
	seen := make(map[row]bool, len(rows))
	return slices.DeleteFunc(rows, func(r row) bool {
		known := seen[r]
		seen[r] = true
		return known
	})
}

func writeRows(path, head string, rows []row) error {
	var text bytes.Buffer
	for line := range strings.SplitSeq(head, "\n") {
		fmt.Fprintf(&text, "# %s\n", line)
	}
	fmt.Fprintln(&text, strings.Join(columns, "\t"))
	for _, r := range rows {
		for i, field := range r.fields() {
			if i > 0 {
				text.WriteByte('\t')
			}
			text.WriteString(*field)
		}
		text.WriteByte('\n')
	}
	return os.WriteFile(path, text.Bytes(), 0o644)
}

func readRows(path string) ([]row, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("apngen: %w", err)
	}
	var rows []row
	headed := false
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "#"):
			continue
		case !headed && line != strings.Join(columns, "\t"):
			return nil, fmt.Errorf("apngen: %s:%d: columns are not %v", path, number, columns)
		case !headed:
			headed = true
			continue
		}
		r, err := parseRow(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, number, err)
		}
		rows = append(rows, r)
	}
	return rows, lines.Err()
}

func parseRow(line string) (row, error) {
	var r row
	fields, values := r.fields(), strings.Split(line, "\t")
	if len(values) != len(fields) {
		return row{}, fmt.Errorf("apngen: %d fields, not %d", len(values), len(fields))
	}
	for i, value := range values {
		*fields[i] = value
	}
	return r, r.check()
}
