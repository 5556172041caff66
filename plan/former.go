package plan

import (
	"time"

	"github.com/tetherd/tetherd/modem"
)

// formerLimit is how long addresses and routes are held for a bearer of the former
// process while the modem does not tell what became of it.
const formerLimit = time.Minute

// Bearers are the bearers to plan for: those the modem tells of, or the former
// process's while it does not tell yet.
func Bearers(in Inputs, obs Observed) map[modem.Purpose]modem.BearerStatus {
	if in.Former != nil {
		return in.Former
	}
	return obs.Modem.Bearers
}

// StillFormer returns the former process's bearers while they may be live and until
// when that is at the latest. As soon as the modem has told of its own it returns nil:
// then Observed alone counts.
func StillFormer(former map[modem.Purpose]modem.BearerStatus, obs Observed) (map[modem.Purpose]modem.BearerStatus, time.Time) {
	until := obs.Started.Add(formerLimit)
	if len(former) == 0 || told(former, obs.Modem) || !obs.Now.Before(until) {
		return nil, time.Time{}
	}
	return former, until
}

// told says that the modem's word about the former process's bearers is there: each has
// a state of its own, or the session stands where none can be up. Purposes that one
// bearer served are told of together.
func told(former map[modem.Purpose]modem.BearerStatus, m modem.Status) bool {
	heard := map[string]bool{}
	for p, b := range former {
		heard[b.Interface] = heard[b.Interface] || toldOf(p, m)
	}
	for _, ok := range heard {
		if !ok {
			return false
		}
	}
	return true
}

func toldOf(p modem.Purpose, m modem.Status) bool {
	switch m.Phase {
	case modem.PhaseNoSIM, modem.PhasePIN, modem.PhaseDenied, modem.PhaseRoaming, modem.PhaseRadioOff:
		return true
	}
	if _, wished := m.InForce.Bearers[p]; !wished && len(m.InForce.Bearers) > 0 {
		return true // it is not to be adopted
	}
	b := m.Bearers[p]
	switch b.State {
	case modem.BearerUp, modem.BearerFailed:
		return true
	case modem.BearerConnecting:
		return !b.Adopted
	case modem.BearerDown:
		return m.Phase == modem.PhaseReady
	}
	return false
}
