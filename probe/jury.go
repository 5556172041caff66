package probe

import (
	"net/url"
	"slices"
	"strings"
)

// quorum is how many hosts must agree where one look has to be sure: a wall that lets the
// page of one vendor pass is no Internet, and a vendor whose page has changed is no wall.
const quorum = 2

// manner is how one look is made.
type manner struct {
	turn  int  // which of the targets is asked first: a wall's hole is not met for ever
	sure  bool // two hosts must agree
	large bool // packets of full size are tried, too
	page  bool // what a page in the Internet's place wants is not known yet
}

// witness is a page that is asked whether the Internet is there.
type witness struct {
	Target
	own bool // the operator's: it may stand where the Internet is not reached
}

// witnesses are who is to be asked, in turn. The operator's own pages prove nothing alone,
// so that only a look that must be sure asks for them.
func (s Spec) witnesses(m manner) (out []witness) {
	if m.sure {
		for _, t := range s.Operator {
			out = append(out, witness{t, true})
		}
	}
	for i := range s.Targets {
		out = append(out, witness{s.Targets[(m.turn+i)%len(s.Targets)], false})
	}
	return out
}

// voice is one for all pages of a host, and for all of the operator's.
func (w witness) voice() string {
	u, err := url.Parse(w.URL)
	if w.own || err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// jury weighs what the witnesses of one look say.
type jury struct {
	sure          bool
	voices        []string // that have answered
	good, foreign int      // vendors' that are as they must be; in whose place somebody else answers
	online        finding  // of the first good one
	portal        finding  // of the first foreign one
	worst         finding  // of those that did not answer
}

// heard says that a witness's host has had its say.
func (j *jury) heard(w witness) bool { return slices.Contains(j.voices, w.voice()) }

// hear takes what one witness says. A foreign answer makes it necessary to be sure.
func (j *jury) hear(w witness, f finding) {
	switch f.verdict {
	case Online:
		if w.own {
			break
		}
		if j.good++; j.good == 1 {
			j.online = f
		}
	case Portal:
		if j.foreign++; j.foreign == 1 {
			j.portal, j.sure = f, true
		}
	default:
		if j.worst.target == "" || j.worst.verdict == NoDNS && f.verdict == Dead {
			j.worst = f
		}
		return
	}
	j.voices = append(j.voices, w.voice())
}

// settled says that no further witness need be asked.
func (j *jury) settled() bool {
	switch {
	case j.foreign > 0:
		return j.good == 0 && j.foreign >= quorum
	case j.sure:
		return j.good >= quorum
	}
	return j.good > 0
}

// verdict is what most say who answer; of as many on both sides those are believed in whose
// place somebody else answers. Silence outvotes nobody, and the operator's own page that is
// as it must be proves nothing.
func (j *jury) verdict() finding {
	switch {
	case j.good > j.foreign:
		return j.online
	case j.foreign > 0:
		return j.portal
	}
	return j.worst
}
