package clock

import (
	"net/netip"
	"time"
)

// agree is how far two servers may be apart.
const agree = 2 * time.Second

// heard is one server's answer.
type heard struct {
	server netip.AddrPort
	offset time.Duration
}

// judge weighs the answers: two that agree count, else the first.
func judge(answers []heard) (Trust, heard) {
	for i, a := range answers {
		for _, b := range answers[:i] {
			if d := a.offset - b.offset; d <= agree && d >= -agree {
				return TrustNetwork, b
			}
		}
	}
	if len(answers) == 0 {
		return TrustNone, heard{}
	}
	return TrustOne, answers[0]
}

// Pauses between two rounds of questions.
const (
	again   = 24 * time.Hour // after an answer
	first   = time.Minute    // after none, doubled each time
	longest = time.Hour
	rewrite = 24 * time.Hour // a kept time is written anew after
)

// pause is how long the next round waits after so many failures in a row.
func pause(failures int) time.Duration {
	if failures == 0 {
		return again
	}
	d := first
	for ; failures > 1 && d < longest; failures-- {
		d *= 2
	}
	return min(d, longest)
}
