package control

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
	"github.com/tetherd/tetherd/provision"
)

// The longest times between two turns.
const (
	idle  = time.Minute     // a safeguard against a change that no part reported
	retry = 5 * time.Second // when a part refused its wish
)

// turn is one turn of the crank. It returns when the next one is due at the latest.
func (l *Loop) turn(now time.Time) time.Time {
	obs := l.observe(now)
	wake := l.fold(obs)
	want := plan.Compile(l.state.inputs, obs)
	steps := plan.Diff(want, obs, l.state.inputs.Off)
	wake = earliest(wake, l.diagnose(obs, want, steps))
	l.apply(want, steps)
	wake = earliest(wake, l.judgeTrial(obs, want, steps))
	wake = earliest(wake, l.judgeDocuments(obs, want, steps))
	l.publish(obs, want, steps)
	return earliest(wake, now.Add(l.patience()))
}

// patience is how long the next turn may wait. A ruleset that could not be loaded is
// answered at once, and so is one that could again: the next turn wishes that nothing
// is forwarded, or that it is.
func (l *Loop) patience() time.Duration {
	s := &l.state
	before := s.inputs.Closed
	s.inputs.Closed = slices.Contains(s.refused, plan.NAT)
	switch {
	case s.inputs.Closed != before:
		return 0
	case len(s.refused) > 0:
		return retry
	}
	return idle
}

func (l *Loop) observe(now time.Time) plan.Observed {
	p := l.opt.Parts
	return plan.Observed{
		Now:     now,
		Started: l.state.marks.Started,
		NAT:     p.NAT.Observe(),
		Link:    p.Link.Observe(),
		Hostapd: p.Hostapd.Observe(),
		DHCP:    p.DHCP.Observe(),
		DNS:     p.DNS.Observe(),
		Modem:   p.Modem.Observe(),
		Probe:   p.Probe.Observe(),
		Fetch:   p.Fetch.Observe(),
		Clock:   p.Clock.Observe(),
	}
}

// fold carries what was observed into the next inputs: the ladder climbs, a winner
// is remembered, networks to avoid are noted.
func (l *Loop) fold(obs plan.Observed) time.Time {
	s := &l.state
	s.inputs.Avoid = plan.Avoid(s.inputs.Avoid, plan.Bearers(s.inputs, obs), obs.Link, s.inputs.Config)
	s.mark(obs)
	l.rememberPIN(obs)
	wake := l.provision(obs)
	l.attach(obs)
	wake = earliest(wake, earliest(l.climb(obs), l.foldWiFi(obs)))
	s.inputs.Former = stillOf(s.inputs, s.former.read)
	s.inputs.WasOnline = s.inputs.WasOnline || s.settled()
	former, until := plan.StillFormer(s.inputs.Former, obs)
	if s.inputs.Former = former; former == nil {
		s.former.note(obs.Modem.Bearers, s.leave(), l.log)
	}
	return earliest(wake, until)
}

// stillOf are the former process's bearers without those of which something else is wished
// now: by them nothing of their purpose may leave any more.
func stillOf(in plan.Inputs, left note) map[modem.Purpose]modem.BearerStatus {
	still := map[modem.Purpose]modem.BearerStatus{}
	for p, b := range in.Former {
		ladder, trace := in.Ladder, left.Trace
		if p == modem.Own && in.Split != provision.OneForAll {
			ladder, trace = in.OwnLadder, left.Own
		}
		if !ladder.Leaves(trace) {
			still[p] = b
		}
	}
	if len(still) == 0 {
		return nil
	}
	return still
}

// leave is what the next process must know besides the bearers that are up.
func (s *state) leave() note {
	return note{Trace: s.inputs.Ladder.Trace(), Own: s.inputs.OwnLadder.Trace(), Search: digest(s.inputs.Config), Policy: s.inputs.Policy.Standing()}
}

// climb moves the ladders on and remembers the winner.
func (l *Loop) climb(obs plan.Observed) time.Time {
	s := &l.state
	in := &s.inputs
	shared, own := search(in, obs.Modem)
	climb := func(ladder provision.Ladder, what provision.Search, purpose modem.Purpose) (provision.Ladder, time.Time) {
		key := searchKey(what, obs.Modem)
		if obs.Modem.SIM.Early && len(s.documents.list()) > 0 {
			key = "" // nobody may go out before it is known by which document
		}
		next, wake := ladder.Climb(key, func() []provision.Rung {
			return rungs(what, obs.Modem, s.memory.memory)
		}, s.seen(obs, purpose))
		l.tell(purpose, ladder.Story(), next.Story())
		return next, wake
	}
	var wake, again time.Time
	in.Ladder, wake = climb(in.Ladder, shared, modem.Shared)
	if in.Split != provision.OneForAll {
		in.OwnLadder, again = climb(in.OwnLadder, own, modem.Own)
	} else {
		in.OwnLadder = provision.Ladder{}
	}
	if rung, ok := in.Ladder.Winner(); ok && shared.Open() {
		s.memory.remember(obs.Modem.SIM.ICCID, rung, obs.Now, l.log)
	}
	return earliest(earliest(wake, again), s.memory.flushDue(obs.Now, l.log))
}

// attach looks with what the modem may register, and remembers what was found to be right.
func (l *Loop) attach(obs plan.Observed) {
	s := &l.state
	shared, own := search(&s.inputs, obs.Modem)
	if s.inputs.Split != provision.OneForAll {
		shared = own
	}
	next, proved := s.inputs.Attach.Look(obs.Modem, s.inputs.Policy.Attach != nil, s.inputs.Repairs.Attach, shared, s.memory.memory)
	if proved {
		s.memory.rememberAttach(next.Card, *next.Kept, obs.Now, l.log)
	}
	s.inputs.Attach = next
}

// search tells among what each ladder looks, and how the bearers are spread once the
// SIM and the modem are known.
func search(in *plan.Inputs, m modem.Status) (shared, own provision.Search) {
	split, shared, own := provision.Searches(in.Config.APNs, in.Policy, m.Device.Sessions)
	if identified(m) {
		in.Split = split
	}
	return shared, own
}

// searchKey is what a ladder climbs for; "" while the SIM is not known.
func searchKey(s provision.Search, m modem.Status) string {
	if !identified(m) {
		return ""
	}
	return s.Key(provision.IdentityOf(m.SIM))
}

func rungs(s provision.Search, m modem.Status, memory *provision.Memory) []provision.Rung {
	return provision.Rungs(s.Candidates(provision.IdentityOf(m.SIM), memory, abroad(m)))
}

// tell logs the last line of a ladder's story when it is new.
func (l *Loop) tell(purpose modem.Purpose, before, story []provision.Try) {
	if len(story) == 0 || sameStory(before, story) {
		return
	}
	t := story[len(story)-1]
	l.log.Info("access point", "purpose", purpose, "apn", t.APN, "family", t.Family, "source", t.Source, "outcome", t.Outcome, "cause", t.Cause, "note", t.Note)
}

// identified says that the SIM has told all that it has to tell: a choice made
// earlier would be made without its home network or names.
func identified(m modem.Status) bool {
	switch m.Phase {
	case modem.PhaseRegister, modem.PhaseDenied, modem.PhaseRoaming, modem.PhaseAttach, modem.PhaseReady:
		return m.SIM.State == modem.SIMReady
	}
	return false
}

func sameStory(a, b []provision.Try) bool {
	return len(a) == len(b) && (len(a) == 0 || a[len(a)-1] == b[len(b)-1])
}

// seen is what a ladder may know of this turn. Probes are of the bearer that clients
// take; one for the gateway's own traffic alone is held when it is up.
func (s *state) seen(obs plan.Observed, purpose modem.Purpose) provision.Seen {
	b := obs.Modem.Bearers[purpose]
	key := plan.ProbeKey(b, s.inputs.Repairs)
	seen := provision.Seen{Now: obs.Now, Ready: s.dials(obs), Bearer: b}
	if purpose != modem.Shared {
		seen.Trace = s.former.read.Own
		return seen
	}
	seen.Probing = s.inputs.Config.Probe.Enabled
	seen.RxGrew = s.rx.grew(key, b.Interface, obs.Link)
	seen.Trace = s.former.read.Trace
	if g := obs.Probe.Gateway; g.Key == key {
		seen.Verdict, seen.Failed, seen.Alive = g.Verdict, g.Failed, g.Alive
		seen.Served = s.doctor.Served(obs.Now)
		if g.Denied && g.Alive {
			seen.Verdict = probe.Unproven // a filter of names keeps nobody from the Internet
		}
	}
	return seen
}

// dials says that what is wished is dialled: where no data may be used nothing is wished,
// and that nothing comes up there blames no access point.
func (s *state) dials(obs plan.Observed) bool {
	return obs.Modem.Phase == modem.PhaseReady && plan.Barred(s.inputs, obs) == ""
}

// received notes how much had come in when a bearer came up.
type received struct {
	key  string
	base uint64
}

// grew says whether more has come in by the interface since the bearer named by key
// came up.
func (r *received) grew(key, name string, l link.Status) bool {
	i := slices.IndexFunc(l.Interfaces, func(i link.Interface) bool { return i.Name == name })
	if i < 0 {
		return false
	}
	if r.key != key {
		r.key, r.base = key, l.Interfaces[i].RxBytes
	}
	return l.Interfaces[i].RxBytes > r.base
}

// apply hands each differing part its wish. Link and modem wait for the ruleset: when
// that could not be loaded, nothing may be forwarded, and no bearer may come to stand
// where the former rules let clients out.
func (l *Loop) apply(want plan.Desired, steps []plan.Step) {
	before := l.state.failures
	l.state.failures, l.state.refused = nil, nil // snapshots hold the former ones
	for _, s := range steps {
		waits := s.Part == plan.Link || s.Part == plan.Modem
		if waits && want.Link.Forward && slices.Contains(l.state.refused, plan.NAT) {
			continue
		}
		err := l.applyStep(want, s.Part)
		if err == nil {
			l.log.Debug("applied", "part", s.Part, "why", s.Why)
			continue
		}
		l.state.refused = append(l.state.refused, s.Part)
		line := err.Error()
		if name := string(s.Part) + ": "; !strings.HasPrefix(line, name) {
			line = name + line
		}
		l.state.failures = append(l.state.failures, line)
		if !slices.Contains(before, line) {
			l.log.Error("part refused its wish", "part", s.Part, "err", err)
		}
	}
}

func (l *Loop) applyStep(want plan.Desired, part plan.Part) error {
	p := l.opt.Parts
	switch part {
	case plan.NAT:
		return p.NAT.Apply(want.NAT)
	case plan.Link:
		return p.Link.Apply(want.Link)
	case plan.Hostapd:
		return p.Hostapd.Apply(want.Hostapd)
	case plan.DHCP:
		return p.DHCP.Apply(want.DHCP)
	case plan.DNS:
		return p.DNS.Apply(want.DNS)
	case plan.Modem:
		return p.Modem.Apply(want.Modem)
	case plan.Probe:
		return p.Probe.Apply(want.Probe)
	case plan.Fetch:
		return p.Fetch.Apply(want.Fetch)
	case plan.Clock:
		return p.Clock.Apply(want.Clock)
	}
	return errors.New("no such part")
}

// online says that clients have Internet, by the best proof that is wished and can
// be had here.
func (s *state) online(p probe.Status) bool {
	if !s.inputs.Config.Sharing.Enabled || s.inputs.Closed || !s.inputs.Policy.Sharing.Allowed() {
		return false
	}
	last, key := decisive(p)
	return last.Verdict == probe.Online && last.Key == key
}

// decisive is the result that tells whether clients have Internet, and the key that it
// must have: the synthetic client's, or the gateway's where there can be no such client.
func decisive(p probe.Status) (last probe.Result, key string) {
	if key := p.InForce.Client.Key; key != "" && (p.Client.Key != key || p.Client.Verdict != probe.Unproven) {
		return p.Client, key
	}
	return p.Gateway, p.InForce.Gateway.Key
}

// settled says that the uplink's network is known and good, as far as anything is
// configured to prove it: the LAN will hardly have to move any more.
func (s *state) settled() bool {
	_, outcome := s.inputs.Ladder.Rung()
	return outcome == provision.Carries || outcome == provision.Held
}

// Taking everything down.
const (
	downLimit = 1500 * time.Millisecond // in all
	downAgain = 200 * time.Millisecond  // between looks when no part reports a change
)

// down applies the off wish until nothing of ours is left or the limit is reached.
func (l *Loop) down() {
	l.state.inputs.Off = true
	limit := time.NewTimer(downLimit)
	defer limit.Stop()
	for {
		l.turn(time.Now())
		if isDown(l.observe(time.Now())) {
			return
		}
		select {
		case <-l.wake:
		case <-time.After(downAgain):
		case <-limit.C:
			l.log.Warn("not everything could be taken down in time")
			return
		}
	}
}

// isDown says that nothing of ours is left. The modem pursues its wish in its own
// time: it has hung up when its session is off.
func isDown(obs plan.Observed) bool {
	hungUp := obs.Modem.Phase == modem.PhaseOff || obs.Modem.Phase == ""
	return hungUp && len(plan.Diff(plan.Desired{}, obs, true)) == 0
}

// earliest is the smaller of two times, where zero means never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
