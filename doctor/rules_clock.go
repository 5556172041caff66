package doctor

import (
	"time"

	"github.com/tetherd/tetherd/clock"
)

// wrong is how far the clock may be from the network's time: certificates and one-time
// codes bear as much.
const wrong = 90 * time.Second

// clockSigns: the machine's clock is wrong.
func (e *exam) clockSigns() {
	c := e.Observed.Clock
	evidence := []Value{{"trust", firstOf(string(c.Trust), "none")}, {"source", firstOf(c.Source, "-")}, {"lacks", c.Offset.Round(time.Second).String()}}
	known, bears := c.Trust == clock.TrustOne || c.Trust == clock.TrustNetwork, wrong
	if c.Trust == clock.TrustModem {
		known, bears = true, clock.Zones
	}
	switch off := c.Offset.Abs(); {
	case known && off > bears:
		s := sign{code: "RC35", variant: "slow", confidence: 95, args: []Value{{"offset", about(off)}}, evidence: evidence}
		if c.Offset < 0 {
			s.variant = "fast"
		}
		if c.Trust != clock.TrustNetwork {
			s.confidence = 60
		}
		e.sign(s)
	case !known && c.Behind:
		kept := c.Kept.UTC().Format(time.DateOnly)
		e.sign(sign{code: "RC35", variant: "past", confidence: 90, args: []Value{{"kept", kept}}, evidence: append(evidence, Value{"time that has been", kept})})
	}
}

// about writes a time for people.
func about(d time.Duration) string {
	if d >= 48*time.Hour {
		return d.Round(time.Hour).String()
	}
	return d.Round(time.Second).String()
}
