package control

import (
	"fmt"
	"slices"
	"time"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/provision"
)

// Preview observes and compiles once without applying anything: its Snapshot holds what
// the first turn of a process with this configuration would do now.
func Preview(parts Parts, cfg *config.Config, now time.Time) *Snapshot {
	l := &Loop{opt: Options{Parts: parts}}
	l.state.marks.Started = now
	s := &Snapshot{Config: cfg, Observed: l.observe(now), Marks: l.state.marks}
	left, err := readFormer(cfg.Main.RunDir)
	if err != nil {
		s.Failures = []string{fmt.Sprintf("what a former process left is not known: %v", err)}
	}
	own, err := readOwn(cfg.Main.StateDir)
	if err != nil {
		s.Failures = append(s.Failures, fmt.Sprintf("the device's own Wi-Fi name and passphrase cannot be read: %v", err))
	}
	s.start, s.inputs.Config, s.inputs.WiFi = cfg, cfg, own.own
	s.inputs.Former, _ = plan.StillFormer(left.read.bearers(cfg), s.Observed)
	return s.With(cfg)
}

// With is the Snapshot as it would be after a reload of another configuration that was
// not applied yet: Desired and Steps are those of the next turn.
func (s *Snapshot) With(cfg *config.Config) *Snapshot {
	next, obs := *s, s.Observed
	next.Config = cfg
	in := reloaded(s.inputs, cfg)
	in.Avoid = plan.Avoid(in.Avoid, plan.Bearers(in, obs), obs.Link, cfg)
	if identified(obs.Modem) {
		in.Ladder, in.OwnLadder = s.climbed(&in)
	}
	next.inputs, next.APN = in, in.Ladder
	next.NeedRestart = needRestart(s.start, cfg)
	next.Desired = plan.Compile(in, obs)
	next.Steps = plan.Diff(next.Desired, obs, in.Off)
	return &next
}

// climbed are the ladders after a turn with other inputs: one that has something else
// to look among begins anew.
func (s *Snapshot) climbed(in *plan.Inputs) (shared, own provision.Ladder) {
	m := s.Observed.Modem
	climb := func(l provision.Ladder, old, what provision.Search) provision.Ladder {
		if key := searchKey(what, m); key != searchKey(old, m) {
			l, _ = l.Climb(key, func() []provision.Rung { return rungs(what, m, s.memory) }, provision.Seen{Now: s.Observed.Now})
		}
		return l
	}
	before := s.inputs
	oldShared, oldOwn := search(&before, m)
	nextShared, nextOwn := search(in, m)
	shared = climb(in.Ladder, oldShared, nextShared)
	if in.Split != provision.OneForAll {
		own = climb(in.OwnLadder, oldOwn, nextOwn)
	}
	return shared, own
}

// Candidates are the access points for the SIM in the modem, in the order to try. While
// the SIM is not known they are the owner's alone, which come first for any.
func (s *Snapshot) Candidates() (list []provision.Candidate, known bool) {
	m := s.Observed.Modem
	if identified(m) {
		in := s.inputs
		in.Config = s.Config
		shared, _ := search(&in, m)
		return shared.Candidates(provision.IdentityOf(m.SIM), s.memory, abroad(m)), true
	}
	list = provision.Candidates(s.Config.APNs, provision.Identity{}, nil, false)
	return slices.DeleteFunc(list, func(c provision.Candidate) bool { return c.Source != provision.FromOwner }), false
}

func abroad(m modem.Status) bool { return m.Registration.State == "roaming" }

// reloaded folds another configuration into the inputs.
func reloaded(in plan.Inputs, cfg *config.Config) plan.Inputs {
	if pin := cfg.Modem.PIN; pin != in.Config.Modem.PIN {
		in.PIN = ""
		if pin != "" {
			in.PINTyped++
		}
	}
	in.Config = cfg
	return in
}

// needRestart names the options that are read at the start of a process only and
// differ from those of the start.
func needRestart(start, now *config.Config) []string {
	var names []string
	for _, o := range []struct{ name, start, now string }{
		{"state_dir", start.Main.StateDir, now.Main.StateDir},
		{"run_dir", start.Main.RunDir, now.Main.RunDir},
		{"socket", start.API.Socket, now.API.Socket},
	} {
		if o.start != o.now {
			names = append(names, o.name)
		}
	}
	return names
}
