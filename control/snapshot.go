package control

import (
	"cmp"
	"time"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/doctor"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
	"github.com/tetherd/tetherd/provision"
)

// Marks are the times at which this process reached something for the first time;
// zero means not yet.
type Marks struct {
	Started time.Time
	Ruleset time.Time // the firewall was in force
	Bearer  time.Time // a bearer was up
	Lease   time.Time // a client had a lease
	Online  time.Time // a client had Internet
}

// Snapshot is everything after one turn. It is immutable; faces render it.
type Snapshot struct {
	Seq       uint64 // counts turns
	Config    *config.Config
	Observed  plan.Observed
	Desired   plan.Desired
	Steps     []plan.Step // what differed in this turn, in the order of applying it
	Failures  []string    // parts that refused their wish, one line each
	BadConfig string      // faults of the configuration on disk; "" none
	APN       provision.Ladder
	Online    bool // a client has Internet
	Marks     Marks
	Doctor    doctor.Report // what is wrong, and what was
	Case      doctor.Case   // what it was made from
	Before    doctor.Report // and what had been found before
	// NeedRestart names changed options that are in force after a restart of the
	// process only.
	NeedRestart []string
	Text        []byte   // the configuration in force, as it stands in a file
	Trial       *Trial   // under way; nil none
	Outcome     *Outcome // of the last trial; nil none

	Documents Documents // of operators

	start      *config.Config // of this process
	inputs     plan.Inputs
	memory     *provision.Memory
	superseded chan struct{}
}

// OnTrial is the trial under way, of settings or of documents: there is one at a time.
func (s *Snapshot) OnTrial() *Trial { return cmp.Or(s.Trial, s.Documents.Trial) }

// Superseded is closed when there is a newer Snapshot.
func (s *Snapshot) Superseded() <-chan struct{} { return s.superseded }

func (l *Loop) publish(obs plan.Observed, want plan.Desired, steps []plan.Step) {
	l.state.seq++
	next := &Snapshot{
		Seq:         l.state.seq,
		Config:      l.state.inputs.Config,
		Observed:    obs,
		Desired:     want,
		Steps:       steps,
		Failures:    l.state.failures,
		BadConfig:   l.state.badConfig,
		APN:         l.state.inputs.Ladder,
		Online:      l.state.proved(obs, want),
		Doctor:      l.state.doctor,
		Case:        l.state.examined,
		Before:      l.state.found,
		Marks:       l.state.marks,
		NeedRestart: needRestart(l.opt.Config, l.state.inputs.Config),
		Text:        textOf(l.state.text, l.state.inputs.Config),
		Trial:       l.state.trial.shown(),
		Outcome:     l.state.outcome,
		Documents:   l.state.view(obs),
		start:       l.opt.Config,
		inputs:      l.state.inputs,
		memory:      l.state.memory.memory,
		superseded:  make(chan struct{}),
	}
	close(l.last.Swap(next).superseded)
	for _, a := range l.state.answers {
		a <- nil
	}
	for _, tell := range l.state.provided {
		tell()
	}
	l.state.answers, l.state.provided = nil, nil
}

// textOf is the text of a configuration, or what it says when it has no file.
func textOf(text []byte, cfg *config.Config) []byte {
	if text == nil {
		return cfg.UCI()
	}
	return text
}

// shown is a copy for those who look on.
func (t *trial) shown() *Trial {
	if t == nil {
		return nil
	}
	c := t.Trial
	return &c
}

// proved says that a client has Internet and that it was proved for what is wished now.
func (s *state) proved(obs plan.Observed, want plan.Desired) bool {
	return s.online(obs.Probe) && proves(obs.Probe.InForce, want.Probe)
}

// proves says that what was probed is what is wished now: a result for a former
// bearer proves nothing.
func proves(probed, want probe.Spec) bool {
	return probed.Gateway.Key == want.Gateway.Key && probed.Client.Key == want.Client.Key
}

// mark notes what was reached for the first time.
func (s *state) mark(obs plan.Observed) {
	first := func(t *time.Time, reached bool) {
		if t.IsZero() && reached {
			*t = obs.Now
		}
	}
	first(&s.marks.Ruleset, obs.NAT.Loaded)
	first(&s.marks.Bearer, obs.Modem.Bearers[modem.Shared].State == modem.BearerUp)
	first(&s.marks.Lease, len(obs.DHCP.Leases) > 0)
	first(&s.marks.Online, s.online(obs.Probe))
}
