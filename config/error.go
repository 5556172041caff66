package config

import (
	"fmt"
	"sort"
	"strings"
)

// Error is one fault of a config file. Its message names what is allowed and where
// the fault lies but never quotes a value, so that no PIN or password can leak by
// it, also when it was written at the wrong place.
type Error struct {
	File    string
	Line    int    // 0 when the fault is of the whole file
	Section string // name as uci addresses it, such as "lan" or "@apn[1]"; its type when that is unknown; "" outside sections
	Option  string // "" when the fault is of the section
	Message string
}

// Error returns file, line, section and option before the message.
func (e Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	b.WriteString(": ")
	if e.Section != "" {
		fmt.Fprintf(&b, "section '%s'", e.Section)
		if e.Option != "" {
			fmt.Fprintf(&b, " option '%s'", e.Option)
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	return b.String()
}

// Errors are all the faults of one file in the order of their lines; Parse returns
// them as its error. At most maxFaults are kept.
type Errors []Error

// Error returns one line a fault.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find the single faults.
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i := range e {
		list[i] = e[i]
	}
	return list
}

// maxFaults bounds the faults kept of one file; a person corrects no more at once.
const maxFaults = 100

// add keeps a fault while there is room, and says so when there is none.
func (e *Errors) add(fault Error) {
	switch n := len(*e); {
	case n < maxFaults:
		*e = append(*e, fault)
	case n == maxFaults:
		*e = append(*e, Error{Message: fmt.Sprintf("more than %d faults, the rest is not shown", maxFaults)})
	}
}

// in returns the faults sorted by line with the file's name in each.
func (e Errors) in(file string) Errors {
	for i := range e {
		e[i].File = file
	}
	sort.SliceStable(e, func(i, j int) bool { return e[i].Line < e[j].Line })
	return e
}

// guess returns ", did you mean 'x'?" for the known word nearest to a wrong one, or
// the known words when none is near.
func guess(wrong string, known []string) string {
	best, near := "", 0
	for _, word := range known {
		d := distance(strings.ToLower(wrong), word)
		if d <= 1+min(len(word), len(wrong))/4 && (best == "" || d < near) {
			best, near = word, d
		}
	}
	if best == "" {
		return "; known are " + strings.Join(known, ", ")
	}
	return ", did you mean '" + best + "'?"
}

// distance is the number of letters to insert, delete, replace or swap with their
// neighbour to get from a to b. Beyond 64 bytes nothing is near.
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	var above, row []int
	next := make([]int, len(b)+1)
	for j := range next {
		next[j] = j
	}
	for i := range len(a) {
		above, row, next = row, next, make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			replace := row[j]
			if a[i] != b[j] {
				replace++
			}
			next[j+1] = min(replace, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], above[j-1]+1)
			}
		}
	}
	return next[len(b)]
}
