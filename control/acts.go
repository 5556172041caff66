package control

import (
	"errors"
	"net"
	"slices"
	"time"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
)

// EnterPIN is the Intent to enter a PIN that a person typed. It is kept in the owner's
// file once the SIM has taken it.
type EnterPIN struct {
	PIN    modem.Secret
	Answer chan<- error // gets nil after the turn that handed it on; has room for it
}

// Redial is the Intent to hang up and to try the access points from the first.
type Redial struct {
	Answer chan<- error // gets nil after the turn that hung up; has room for it
}

// rememberPIN keeps a typed PIN by which the SIM was opened, so that nobody has to type it
// after each restart. While a change is on trial, or the file is about to be read again,
// it waits.
func (l *Loop) rememberPIN(obs plan.Observed) {
	s := &l.state
	if s.inputs.PIN == s.unkept || !s.opened(obs.Modem) || s.trial != nil || s.badConfig != "" || l.opt.Path == "" {
		return
	}
	pin := string(s.inputs.PIN)
	s.unkept = s.inputs.PIN // it is tried once
	text, err := config.Edit(textOf(s.text, s.inputs.Config), []config.Change{{Section: "modem", Option: "pin", Values: []string{pin}}})
	var cfg *config.Config
	if err == nil {
		cfg, err = config.Parse(l.opt.Path, text)
	}
	if err == nil {
		err = l.write(text, s.text)
	}
	if errors.Is(err, ErrConflict) {
		s.unkept = ""
		return
	}
	if err != nil {
		l.log.Error("the PIN cannot be kept for the next start", "err", err)
		return
	}
	s.inputs.Config, s.inputs.PIN, s.unkept = cfg, "", "" // PINTyped stays: nobody typed another
	l.log.Info("the PIN is kept in the configuration")
}

// opened says that the typed PIN is the one that the modem was given, and opened its SIM.
func (s *state) opened(m modem.Status) bool {
	return m.SIM.State == modem.SIMReady && m.SIM.PINTaken && m.InForce.PIN == s.inputs.PIN
}

// Kick is the Intent to throw a device out of every Wi-Fi network. It may come back. The
// same ID acts once.
type Kick struct {
	ID     string
	MAC    net.HardwareAddr
	Ban    time.Duration // in which it is not let in again, at most hostapd.MaxBan; 0 none
	Answer chan<- error  // gets nil after the turn that handed it on; has room for it
}

// maxKicks bounds the acts that are kept.
const maxKicks = 16

// kicked adds an act to those that are wished.
func kicked(acts []hostapd.Kick, i Kick) []hostapd.Kick {
	if slices.ContainsFunc(acts, func(k hostapd.Kick) bool { return k.ID == i.ID }) {
		return acts
	}
	next := slices.Clone(acts[max(0, len(acts)-maxKicks+1):])
	return append(next, hostapd.Kick{ID: i.ID, MAC: slices.Clone(i.MAC), Ban: i.Ban})
}
