package provision

import (
	"slices"

	"github.com/tetherd/tetherd/modem"
)

// maxAttach bounds how many access points are tried for registering.
const maxAttach = 4

// Attach is with which access points the modem may register (the default bearer of LTE),
// for one SIM.
type Attach struct {
	Card modem.Secret // ICCID
	Kept *modem.Bearer
	// Tries are to be tried one after the other while the network refuses the SIM for the
	// access point; none at any other time.
	Tries []modem.Bearer
	key   string // of what they were looked for among
}

// AttachCause says that a refusal of registration speaks of the access point: 19 is the mobility
// cause for it (TS 24.301, 9.9.3.9: ESM failure); modems tell the session cause in its
// stead (9.9.4.4), of which only those count that mean nothing else in registration.
func AttachCause(cause uint32) bool {
	return slices.Contains([]uint32{19, 27, 28, 29, 32, 33, 50, 51, 52, 66}, cause)
}

// Look returns what follows from what the modem tells. Told says that the operator's
// document names an access point for registering, so that none is tried; trying is the
// number of the one that is tried, from 1 on, and search among what it is looked for. With
// proved, the access point Kept has just been found to be the right one.
func (a Attach) Look(m modem.Status, told bool, trying int, search Search, memory *Memory) (next Attach, proved bool) {
	if m.SIM.ICCID == "" || !m.SIM.Read {
		return a, false
	}
	if a.Card != m.SIM.ICCID {
		a = Attach{Card: m.SIM.ICCID, Kept: memory.attached(m.SIM.ICCID)}
	}
	switch {
	case Admitted(m):
		w := a.Wish(m.SIM, nil, trying)
		proved = trying > 0 && trying <= len(a.Tries) && m.Attach.Done != nil && *m.Attach.Done == w && m.Attach.Error == ""
		if proved {
			a.Kept = &w.Profile
		}
		a.Tries = nil
	case told || !m.Attach.Can:
		a.Tries = nil
	case refused(m) && m.Attach.Done != nil && *m.Attach.Done == a.Wish(m.SIM, nil, 0):
		sim := IdentityOf(m.SIM)
		if key := search.Key(sim); a.Tries == nil || a.key != key { // the owner may have named another one
			a.key, a.Tries = key, attachTries(search.Candidates(sim, memory, false), m.Registration.Cause)
		}
	}
	return a, proved
}

// refused says that the network does not let the modem in for its access point, which is
// news from it, not a refusal of before that the modem goes on from.
func refused(m modem.Status) bool {
	return (m.Phase == modem.PhaseDenied || m.Phase == modem.PhaseAttach) && AttachCause(m.Registration.Cause)
}

// Admitted says that the network lets the modem in, so that its access point for registering
// is right.
func Admitted(m modem.Status) bool {
	return m.Phase == modem.PhaseReady || m.Phase == modem.PhaseRoaming
}

// Wish is what the modem is to register with: what the document names, or what is tried, or
// what was right before, or what it had by itself. It is the zero value, which changes
// nothing, while the SIM is not known.
func (a Attach) Wish(sim modem.SIM, named *Candidate, trying int) modem.Attach {
	w := modem.Attach{Card: sim.ICCID, Set: true}
	switch {
	case !sim.Read || a.Card != sim.ICCID:
		return modem.Attach{}
	case named != nil:
		w.Profile = attachProfile(named)
	case trying > 0 && trying <= len(a.Tries):
		w.Profile = a.Tries[trying-1]
	case a.Kept != nil:
		w.Profile = *a.Kept
	default:
		w.Set = false
	}
	return w
}

// attachTries are the network's own choice and the first of a SIM's candidates. A network
// that says which family it has is asked for that.
func attachTries(list []Candidate, cause uint32) (tries []modem.Bearer) {
	tries = []modem.Bearer{{Auth: modem.AuthNone, Family: modem.IPv4v6}}
	for i := range list {
		if b := attachProfile(&list[i]); len(tries) < maxAttach && !slices.Contains(tries, b) {
			tries = append(tries, b)
		}
	}
	for i := range tries {
		switch cause {
		case 50:
			tries[i].Family = modem.IPv4
		case 51:
			tries[i].Family = modem.IPv6
		}
	}
	return tries
}

// attachProfile is a candidate in the first of its ways.
func attachProfile(c *Candidate) modem.Bearer {
	return modem.Bearer{APN: c.APN, User: c.User, Password: c.Password, Auth: c.auths()[0], Family: c.Families[0]}
}
