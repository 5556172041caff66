// Package control is the loop: one turn observes every part, compiles what is
// wanted, and applies what differs. It is the only place where several parts meet,
// and it owns no lock: one goroutine turns the crank, everybody else reads the
// immutable Snapshot of the last turn or sends an Intent.
package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tetherd/tetherd/clock"
	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/dhcp"
	"github.com/tetherd/tetherd/dns"
	"github.com/tetherd/tetherd/doctor"
	"github.com/tetherd/tetherd/fetch"
	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
)

// Part is the contract of a part: Apply takes a complete wish and returns
// promptly, Observe tells what is and never fails, Run does the long work until
// ctx ends and calls changed when there is something new to observe.
type Part[Spec, Status any] interface {
	Apply(Spec) error
	Observe() Status
	Run(ctx context.Context, changed func()) error
}

// Parts are all parts there are.
type Parts struct {
	NAT     Part[nat.Spec, nat.Status]
	Link    Part[link.Spec, link.Status]
	Hostapd Part[hostapd.Spec, hostapd.Status]
	DHCP    Part[dhcp.Spec, dhcp.Status]
	DNS     Part[dns.Spec, dns.Status]
	Modem   Part[modem.Spec, modem.Status]
	Probe   Part[probe.Spec, probe.Status]
	Fetch   Part[fetch.Spec, fetch.Status]
	Clock   Part[clock.Spec, clock.Status]
}

// Intent is something that a face of the program wants.
type Intent any

// Reload is the Intent to use another configuration from now on: the one that stands
// in the owner's file.
type Reload struct {
	Config *config.Config
	Text   []byte // of the file; nil when it has none
}

// BadConfig is the Intent to show that the configuration on disk has faults, so
// that the former one stays in force.
type BadConfig struct {
	Text string // one fault a line
	File []byte // what the file holds; nil when it could not be read
}

// Options of a Loop.
type Options struct {
	Parts  Parts
	Config *config.Config
	Path   string // the owner's file; "" when changes cannot be kept
	Text   []byte // that Config was read from; nil when it has no file
	Log    *slog.Logger
	// Leave keeps bearer, table, leases, addresses and networks when the loop
	// ends, for the next process to adopt.
	Leave func() bool
}

// Loop is the one goroutine that decides.
type Loop struct {
	opt     Options
	log     *slog.Logger
	wake    chan struct{}
	intents chan Intent
	last    atomic.Pointer[Snapshot]
	done    chan struct{}
	state   state
}

// state is what one turn hands to the next.
type state struct {
	inputs    plan.Inputs
	memory    store
	former    former
	own       ownStore
	rx        received
	badConfig string
	faulty    []byte // of the owner's file, of which badConfig tells; nil it has no faults
	marks     Marks
	seq       uint64
	doctor    doctor.Report
	pathKey   string // of the ladder, when paths was counted
	paths     int    // SIMs that there were, see doctor.Path
	diary     diary
	examined  doctor.Case   // what it was made from
	found     doctor.Report // what had been found before
	wished    plan.Desired  // of the last turn
	stepped   []plan.Part   // parts that differed from their wish in the last turn
	failures  []string      // parts that refused their wish in the last turn, one line each
	refused   []plan.Part   // the same parts
	text      []byte        // of the configuration in force, as its owner wrote it
	trial     *trial
	outcome   *Outcome       // of the last trial
	unkept    modem.Secret   // a typed PIN that could not be written; "" none
	answers   []chan<- error // to give after the turn
	provided  []func()       // the same of documents
	documents documents
}

// New returns a Loop that is ready to Run. Its first Snapshot is there at once.
func New(opt Options) *Loop {
	l := &Loop{
		opt:     opt,
		log:     opt.Log,
		wake:    make(chan struct{}, 1),
		intents: make(chan Intent, 16),
		done:    make(chan struct{}),
	}
	l.state.inputs.Config = opt.Config
	l.state.inputs.Synthetic = probe.NewMAC()
	l.state.memory = openStore(opt.Config.Main.StateDir, opt.Log)
	l.state.former = openFormer(opt.Config.Main.RunDir, opt.Log)
	l.state.inputs.Policy = l.state.former.read.Policy
	l.state.documents = openDocuments(opt.Config.Main.StateDir, opt.Log)
	if l.state.former.read.knows(l.state.documents.list()) {
		l.state.inputs.Former = l.state.former.read.bearers(opt.Config)
	}
	l.state.own = openOwn(opt.Config.Main.StateDir, opt.Log)
	l.state.diary = openDiary(opt.Config.Main.StateDir, opt.Log)
	l.state.doctor.History = l.state.diary.written
	l.state.marks.Started = time.Now()
	l.state.text = opt.Text
	l.state.outcome = l.formerTrial()
	l.last.Store(&Snapshot{
		Marks: l.state.marks, Config: opt.Config, Text: textOf(opt.Text, opt.Config), start: opt.Config, inputs: l.state.inputs,
		Outcome: l.state.outcome, Documents: l.state.view(plan.Observed{}),
		memory: l.state.memory.memory, superseded: make(chan struct{}),
	})
	return l
}

// Snapshot returns the state after the last turn.
func (l *Loop) Snapshot() *Snapshot { return l.last.Load() }

// Send hands an Intent to the loop. It fails when the loop is too far behind.
func (l *Loop) Send(i Intent) error {
	select {
	case l.intents <- i:
		return nil
	default:
		return errors.New("control: too many intents are waiting")
	}
}

// Done is closed when the loop takes no more Intents, also those that wait.
func (l *Loop) Done() <-chan struct{} { return l.done }

// changed asks for a turn; calls before it begins are one.
func (l *Loop) changed() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Run turns until ctx ends, then takes down everything of ours, or leaves it when
// Options.Leave says so. It returns nil after an orderly end.
func (l *Loop) Run(ctx context.Context) error {
	// Parts outlive ctx: they are needed to take things down.
	parts, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, parts := errgroup.WithContext(parts)
	l.start(group, parts)
	l.loop(ctx, parts)
	close(l.done)
	if l.opt.Leave == nil || !l.opt.Leave() {
		l.down()
		l.state.former.forget(l.log)
	}
	l.state.memory.flush(l.log)
	l.state.diary.write(l.state.doctor.History, l.log)
	stop()
	if err := group.Wait(); err != nil {
		return fmt.Errorf("control: part ended: %w", err)
	}
	return nil
}

func (l *Loop) start(group *errgroup.Group, ctx context.Context) {
	p := l.opt.Parts
	for _, run := range []func(context.Context, func()) error{
		p.NAT.Run, p.Link.Run, p.Hostapd.Run, p.DHCP.Run, p.DNS.Run, p.Modem.Run, p.Probe.Run, p.Fetch.Run, p.Clock.Run,
	} {
		group.Go(func() error { return run(ctx, l.changed) })
	}
}

// loop turns on every change, every Intent and at the time that the last turn
// asked for, but never more often than the pace allows.
func (l *Loop) loop(ctx, parts context.Context) {
	pace := newPace(time.Now())
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-parts.Done():
			return
		case <-timer.C:
		case <-l.wake:
		case i := <-l.intents:
			l.take(i)
		}
		if !pace.wait(ctx) {
			return
		}
		l.takeWaiting()
		timer.Reset(time.Until(l.turn(time.Now())))
	}
}

// takeWaiting takes the Intents that came meanwhile, so that a burst is one turn.
func (l *Loop) takeWaiting() {
	for {
		select {
		case i := <-l.intents:
			l.take(i)
		default:
			return
		}
	}
}

// take folds one Intent into the inputs.
func (l *Loop) take(i Intent) {
	switch i := i.(type) {
	case Reload:
		l.state.badConfig, l.state.faulty = "", nil
		if !l.overtaken(i) {
			return
		}
		l.log.Info("configuration reloaded")
		l.state.inputs, l.state.text = reloaded(l.state.inputs, i.Config), i.Text
	case FreePlace:
		l.state.inputs.Frees = freed(l.state.inputs.Frees, i)
	case Provide:
		l.provide(i)
	case TakeBack:
		l.takeBack(i)
	case ConfirmDocument:
		l.confirmDocument(i)
	case RefreshDocument:
		l.refreshDocument(i)
	case Buy:
		l.buy(i)
	case BadConfig:
		l.log.Error("configuration has faults, the former one stays in force", "faults", i.Text)
		l.state.badConfig, l.state.faulty = i.Text, i.File
	case Try:
		l.try(i)
	case Confirm:
		l.confirm(i)
	case Revert:
		l.revert(i)
	case Seen:
		l.seen(i)
	case EnterPIN:
		l.log.Info("a PIN was entered")
		l.state.inputs.PIN = i.PIN
		l.state.inputs.PINTyped++
		l.state.answers = append(l.state.answers, i.Answer)
	case Kick:
		l.state.inputs.Kicks = kicked(l.state.inputs.Kicks, i)
		l.state.answers = append(l.state.answers, i.Answer)
	case Redial:
		l.log.Info("dialling anew was asked for")
		l.state.inputs.Ladder, l.state.inputs.OwnLadder = l.state.inputs.Ladder.Again(), l.state.inputs.OwnLadder.Again()
		l.state.answers = append(l.state.answers, i.Answer)
	}
}
