package control

import (
	"time"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
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
	Steps     []plan.Step // what this turn applied
	Failures  []string    // parts that refused their wish, one line each
	BadConfig string      // faults of the configuration on disk; "" none
	APN       provision.Ladder
	Online    bool // a client has Internet
	Marks     Marks

	superseded chan struct{}
}

// Superseded is closed when there is a newer Snapshot.
func (s *Snapshot) Superseded() <-chan struct{} { return s.superseded }

func (l *Loop) publish(obs plan.Observed, want plan.Desired, steps []plan.Step) {
	l.state.seq++
	next := &Snapshot{
		Seq:        l.state.seq,
		Config:     l.state.inputs.Config,
		Observed:   obs,
		Desired:    want,
		Steps:      steps,
		Failures:   l.state.failures,
		BadConfig:  l.state.badConfig,
		APN:        l.state.inputs.Ladder,
		Online:     online(obs.Probe),
		Marks:      l.state.marks,
		superseded: make(chan struct{}),
	}
	close(l.last.Swap(next).superseded)
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
	first(&s.marks.Online, online(obs.Probe))
}

// Preview observes and compiles once without applying anything: what a turn with
// this configuration would do now.
func Preview(parts Parts, cfg *config.Config, now time.Time) (plan.Desired, []plan.Step) {
	l := &Loop{opt: Options{Parts: parts}}
	obs := l.observe(now)
	in := plan.Inputs{Config: cfg, Avoid: plan.Avoid(nil, obs.Modem.Bearers, obs.Link)}
	want := plan.Compile(in, obs)
	return want, plan.Diff(want, obs, false)
}
