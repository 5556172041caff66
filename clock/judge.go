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
	moment
}

// moment is one moment by two clocks.
type moment struct {
	at    time.Time // by the machine's, with its monotonic reading
	right time.Time // by the server's
}

// now is what the server's clock says now, whatever has set the machine's since.
func (m moment) now() time.Time { return m.right.Add(time.Since(m.at)) }

// lacks is what the machine's clock lacks now.
func (m moment) lacks() time.Duration { return m.now().Sub(time.Now().Round(0)) }

// offset is what it lacked then.
func (m moment) offset() time.Duration { return m.right.Sub(m.at.Round(0)) }

// judge weighs the answers: two that agree count, else the first.
func judge(answers []heard) (Trust, heard) {
	for i, a := range answers {
		for _, b := range answers[:i] {
			if (a.offset() - b.offset()).Abs() <= agree {
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
