package document

import (
	"hash/fnv"
	"slices"
)

// State is what became of one element.
type State string

// The states.
const (
	Applied        State = "applied"
	Unchanged      State = "unchanged"       // applied, and as in the document before
	Stored         State = "stored"          // kept for a later use
	NotEnforceable State = "not-enforceable" // accepted, and nothing is done about it
	Refused        State = "refused"         // wrong: nothing of the document is applied
)

// Item is what became of one element. Why never holds a value that may be secret.
type Item struct {
	Path  string
	State State
	Why   string

	digest uint64 // of the content
}

// Report is what became of a document, an item an element, in the document's order.
type Report []Item

// maxItems bounds a report; what is beyond is told as one item.
const maxItems = 512

// Refused says that the document is wrong and nothing of it may be applied.
func (r Report) Refused() bool {
	return slices.ContainsFunc(r, func(i Item) bool { return i.State == Refused })
}

// Faults are the refused items alone.
func (r Report) Faults() Report {
	return slices.DeleteFunc(slices.Clone(r), func(i Item) bool { return i.State != Refused })
}

// After returns the report as it is after a former document: what is applied and was
// the same before is unchanged.
func (r Report) After(former Report) Report {
	known := make(map[string]uint64, len(former))
	for _, i := range former {
		known[i.Path] = i.digest
	}
	next := slices.Clone(r)
	for n, i := range next {
		if before, ok := known[i.Path]; ok && i.State == Applied && before == i.digest {
			next[n].State = Unchanged
		}
	}
	return next
}

// add appends an item within the bound.
func (r *Report) add(i Item) {
	switch {
	case len(*r) < maxItems:
		*r = append(*r, i)
	case len(*r) == maxItems:
		*r = append(*r, Item{Path: "/", State: i.State, Why: "there is more than can be told"})
	case i.State == Refused:
		(*r)[maxItems].State = Refused
	}
}

// refuse appends a fault.
func (r *Report) refuse(path, why string) { r.add(Item{Path: path, State: Refused, Why: why}) }

// amend gives the item of a path another state.
func (r Report) amend(path string, state State, why string) {
	for n := range r {
		if r[n].Path == path && r[n].State != Refused {
			r[n].State, r[n].Why = state, why
		}
	}
}

func digest(parts ...string) uint64 {
	sum := fnv.New64a()
	for _, p := range parts {
		sum.Write([]byte(p))
		sum.Write([]byte{0})
	}
	return sum.Sum64()
}
