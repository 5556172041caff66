package modem

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/tetherd/tetherd/holder"
)

// Times of discovery.
const (
	lookSoon  = 100 * time.Millisecond // device events come in bursts
	lookHeard = 30 * time.Second       // between looks at sysfs when events are heard
	lookDeaf  = 5 * time.Second        // when they are not
)

// maxEvents is how many events may wait for the session.
const maxEvents = 16

// runner is one Run: the session's state and what carries its commands out.
type runner struct {
	*Driver
	ctx     context.Context
	changed func()
	state   State
	store   store
	nodes   []node
	events  chan Event
	queue   []Event // answers that are known at once
	timer   *time.Timer
	look    *time.Timer
	pause   time.Duration // between looks
	channel *link
	work    sync.WaitGroup
}

// Run carries the wish out until ctx ends. It then closes the control node without
// telling the modem, so that live bearers stay for the next process. changed is
// called when Observe would differ materially; it must not block.
func (d *Driver) Run(ctx context.Context, changed func()) error {
	ctx, cancel := context.WithCancel(ctx)
	r := &runner{
		Driver: d, ctx: ctx, changed: changed, pause: lookHeard,
		store:  store{state: d.opts.StateDir, run: d.opts.RunDir},
		events: make(chan Event, maxEvents), timer: stoppedTimer(), look: stoppedTimer(),
	}
	defer r.work.Wait()
	defer cancel()
	poked := make(chan struct{}, 1)
	deaf := make(chan struct{})
	r.work.Go(func() {
		if !d.watch(ctx, d.opts.Log, func() { poke(poked) }) {
			close(deaf)
		}
	})
	if err := r.store.restorePort(d.opts.Root); err != nil {
		d.opts.Log.Warn("modem port", "err", err)
	}
	r.discover()
	r.step(Event{fact: specChanged{*d.wish.Load()}})
	r.loop(poked, deaf)
	r.closeChannel(false, nil)
	return nil
}

// loop gives the session what happens until the context ends.
func (r *runner) loop(poked, deaf <-chan struct{}) {
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-r.wished:
			r.step(Event{fact: specChanged{*r.wish.Load()}})
		case e := <-r.events:
			r.step(e)
			if _, lost := e.fact.(channelLost); lost {
				r.look.Reset(lookSoon)
			}
		case <-r.timer.C:
			r.step(Event{})
		case <-poked:
			r.look.Reset(lookSoon)
		case <-r.look.C:
			r.discover()
		case <-deaf:
			deaf, r.pause = nil, lookDeaf
			r.look.Reset(lookDeaf)
		}
	}
}

// discover looks at sysfs and tells the session what is different.
func (r *runner) discover() {
	r.look.Reset(r.pause)
	nodes := discover(r.opts.Root)
	if r.state.phase != PhaseReady || slices.ContainsFunc(r.nodes, func(n node) bool { return n.Holder != "" }) {
		for i := range nodes { // not while all is well: it looks at every process
			nodes[i].Holder = holder.Of("/proc", nodes[i].target)
		}
	}
	if !slices.Equal(nodes, r.nodes) {
		r.nodes = nodes
		r.step(Event{fact: devicesSeen{nodes}})
	}
}

// step gives the session one event and carries out what it commands, with the
// answers that are known at once.
func (r *runner) step(e Event) {
	r.queue = append(r.queue, e)
	for len(r.queue) > 0 {
		e, r.queue = r.queue[0], r.queue[1:]
		e.At = time.Now()
		var commands []Command
		r.state, commands = Next(r.state, e)
		for _, c := range commands {
			r.carryOut(c)
		}
	}
	r.report()
}

// report publishes and logs what became different.
func (r *runner) report() {
	before := *r.status.Load()
	after := r.state.snapshot()
	if !r.publish(after) {
		return
	}
	if before.Phase != after.Phase {
		r.look.Reset(lookSoon) // whoever else has the modem may be the reason
	}
	for _, t := range newTransitions(before.Log, after.Log) {
		r.opts.Log.Info("modem phase", "from", t.From, "to", t.To, "why", t.Why)
	}
	if a := after.Attach; a.Done != nil && a.Done.Set && !before.Attach.Done.is(*a.Done) {
		r.opts.Log.Info("modem registers with", "apn", a.Done.Profile.APN, "family", a.Done.Profile.Family, "same", a.Same, "error", a.Error)
	}
	for p, b := range after.Bearers {
		if old := before.Bearers[p]; old.State != b.State || old.Cause != b.Cause {
			r.opts.Log.Info("modem bearer", "purpose", p, "state", b.State, "apn", b.InForce.APN,
				"family", b.InForce.Family, "cause", b.Cause, "error", b.Error)
		}
	}
	r.changed()
}

// newTransitions returns the tail of a log that another log does not have.
func newTransitions(before, after []Transition) []Transition {
	if len(before) == 0 {
		return after
	}
	last := before[len(before)-1]
	for i := len(after) - 1; i >= 0; i-- {
		if after[i] == last {
			return after[i+1:]
		}
	}
	return after
}

// carryOut does one command, or starts it.
func (r *runner) carryOut(c Command) {
	switch c.op {
	case opArm:
		r.timer.Stop()
		if !c.At.IsZero() {
			r.timer.Reset(time.Until(c.At))
		}
	case opOpen:
		r.openChannel(c)
	case opClose:
		graceful := c.id != 0
		r.closeChannel(graceful, func() { r.answer(c, nil, nil) })
	case opRecallAttach, opRecordAttach, opRecallPIN, opRecordPIN, opRecallRun, opRecordRun, opForgetRun:
		f, err := r.record(c)
		if err != nil {
			r.opts.Log.Warn("modem record", "command", c.op, "err", err.text)
		}
		if c.id != 0 {
			r.queue = append(r.queue, Event{gen: c.gen, fact: answered{id: c.id, result: f, err: err}})
		}
	case opReplug:
		r.work.Go(func() { r.answer(c, nil, r.replug(c)) })
	default:
		r.channel.start(r, c)
	}
}

// replug has the USB port let go of a modem and take it again. A process that is killed
// in between leaves a note, by which the next one gives the modem back.
func (r *runner) replug(c Command) *failure {
	r.opts.Log.Warn("modem reset by the port", "device", c.node.Path)
	err := r.store.recordPort(c.node.port)
	if err == nil {
		err = authorize(c.node.port, false)
	}
	if err == nil {
		select {
		case <-r.ctx.Done():
		case <-time.After(portPause):
		}
	}
	if err = errors.Join(err, r.store.restorePort(r.opts.Root)); err != nil {
		return &failure{text: err.Error(), tries: -1}
	}
	return nil
}

// record does the commands about our own records. They are small and rare, and
// their order matters, so they are not left to other goroutines.
func (r *runner) record(c Command) (fact, *failure) {
	var f fact
	var err error
	switch c.op {
	case opRecallAttach:
		f, err = r.store.recallAttach(c.key)
	case opRecordAttach:
		err = r.store.recordAttach(c.key, c.attach)
	case opRecallPIN:
		var outcome pinOutcome
		outcome, err = r.store.recallPIN(c.key)
		f = pinRecord{outcome: outcome}
	case opRecordPIN:
		err = r.store.recordPIN(c.key, c.outcome)
	case opRecallRun:
		f = runRecord{match: r.store.recallRun(c.session, c.iccid, c.bearer)}
	case opRecordRun:
		err = r.store.recordRun(c.session, c.iccid, c.bearer)
	case opForgetRun:
		err = r.store.forgetRun(c.session)
	}
	if err != nil {
		return nil, &failure{text: err.Error(), tries: -1}
	}
	return f, nil
}

// answer gives the session the end of a command from another goroutine.
func (r *runner) answer(c Command, f fact, err *failure) {
	r.emit(Event{gen: c.gen, fact: answered{id: c.id, result: f, err: err}})
}

// emit gives the session an event from another goroutine.
func (r *runner) emit(e Event) {
	select {
	case r.events <- e:
	case <-r.ctx.Done():
	}
}

// watchUevents pokes at device events until ctx ends; false says that they cannot
// be heard.
func watchUevents(ctx context.Context, log *slog.Logger, poke func()) bool {
	u, err := listenUevents()
	if err == nil {
		err = u.run(ctx, poke)
	}
	if err != nil {
		log.Warn("modem device events are not heard, looking now and then", "err", err)
		return false
	}
	return true
}

// poke fills a one-slot channel.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func stoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}
