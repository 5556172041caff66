package document

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tetherd/tetherd/modem"
)

// Card is what entries are compared with: what a SIM and its device tell.
type Card struct {
	IMSI, ICCID modem.Secret
	MCC, MNC    string
	SPN, PNN    string
	GID1        string // upper-case hex
	Device      modem.Secret
}

// Known says that there is a SIM.
func (c Card) Known() bool { return c.IMSI != "" || c.ICCID != "" }

// weight says how specific a match is, the most identifying key first: the digits that
// an IMSI range fixes, those of an ICCID range, the length of the GID1, then whether
// PNN, SPN, MNC and MCC are named. Weights compare in this order.
type weight [7]int

func (w weight) compare(other weight) int { return slices.Compare(w[:], other[:]) }

// weigh returns the weight of a match, and whether it matches.
func (m Match) weigh(c Card) (weight, bool) {
	var w weight
	imsi, ok1 := within(m.IMSI, string(c.IMSI))
	iccid, ok2 := within(m.ICCID, string(c.ICCID))
	w[0], w[1] = imsi, iccid
	ok := ok1 && ok2 && strings.HasPrefix(c.GID1, m.GID1)
	w[2] = len(m.GID1)
	for i, key := range []struct{ want, have string }{{m.PNN, c.PNN}, {m.SPN, c.SPN}, {m.MNC, c.MNC}, {m.MCC, c.MCC}} {
		if key.want != "" {
			w[3+i] = 1
			ok = ok && strings.EqualFold(key.want, key.have)
		}
	}
	return w, ok
}

// within says whether a number lies in one of the ranges, and how many of its first
// digits the narrowest of those fixes, plus one. No ranges hold every number. Digits
// behind those that a range names are free: an ICCID may have a check digit.
func within(ranges []Range, number string) (fixed int, ok bool) {
	if len(ranges) == 0 {
		return 0, true
	}
	for _, r := range ranges {
		if len(number) < len(r.From) {
			continue
		}
		if head := number[:len(r.From)]; head >= r.From && head <= r.To {
			fixed, ok = max(fixed, 1+common(r.From, r.To)), true
		}
	}
	return fixed, ok
}

// common counts the first digits that two numbers share.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// Entry returns the most specific entry for a card and its index; of equals the first
// one. False when none matches.
func (d *Document) Entry(c Card) (SIM, int, bool) {
	at, _, ok := d.best(c)
	if !ok {
		return SIM{}, 0, false
	}
	return d.SIMs[at], at, true
}

func (d *Document) best(c Card) (at int, most weight, ok bool) {
	for i, s := range d.SIMs {
		w, matches := s.Match.weigh(c)
		if matches && (!ok || w.compare(most) > 0) {
			at, most, ok = i, w, true
		}
	}
	return at, most, ok
}

// Choose returns the index of the document that is for a card: one that is bound to digits
// of it or to its device before one that is not, then the one with the most specific entry, then the smaller
// operator identifier, then the first. -1 when none is.
func Choose(list []*Document, c Card) int {
	at := -1
	var most weight
	for i, d := range list {
		if d.Mismatch(c) != "" {
			continue
		}
		_, w, ok := d.best(c)
		if !ok {
			continue
		}
		if at < 0 || d.before(c, w, list[at], most) {
			at, most = i, w
		}
	}
	return at
}

// before says that a document with an entry of weight w is more specific than another.
func (d *Document) before(c Card, w weight, other *Document, most weight) bool {
	subscriber, device := d.bound(c)
	otherwise, elsewhere := other.bound(c)
	return cmp.Or(
		cmp.Compare(subscriber, otherwise),
		cmp.Compare(device, elsewhere),
		w.compare(most),
		cmp.Compare(other.Operator.ID, d.Operator.ID),
	) > 0
}

// bound is to how much of a card a document is bound that Mismatch has compared: a word that
// no SIM tells makes it nobody's.
func (d *Document) bound(c Card) (subscriber, device int) {
	if d.Bound.numbered() {
		subscriber = len(d.Bound.Subscriber)
	}
	if c.Device != "" {
		device = len(d.Bound.Device)
	}
	return subscriber, device
}

// numbered says that a subscriber is named by digits that a SIM tells.
func (b Bound) numbered() bool {
	return b.Subscriber != "" && strings.Trim(string(b.Subscriber), decDigits) == ""
}

// Mismatch says in one clause why a document is not for this SIM or device; "" when it
// is, as far as that is known. The clause never holds a number.
func (d *Document) Mismatch(c Card) string {
	if s := string(d.Bound.Subscriber); c.Known() && d.Bound.numbered() {
		if !strings.HasPrefix(string(c.IMSI), s) && !strings.HasPrefix(string(c.ICCID), s) {
			return "the document is bound to another SIM than the one in the modem"
		}
	}
	if strings.Contains(string(d.Bound.Device), ":") {
		return "the document is bound to a MAC address, and only IMEIs are compared"
	}
	if v := string(d.Bound.Device); v != "" && c.Device != "" && !sameDevice(v, string(c.Device)) {
		return "the document is bound to another device than this one"
	}
	if _, _, ok := d.Entry(c); c.Known() && !ok {
		return fmt.Sprintf("no entry of the document matches the SIM in the modem (home network %s%s)", c.MCC, c.MNC)
	}
	return ""
}

// sameDevice compares IMEIs by the 14 digits that identify a device: the rest is a
// check digit or a software version (3GPP TS 23.003, 6.2).
func sameDevice(want, have string) bool {
	return len(have) >= 14 && want[:14] == have[:14]
}
