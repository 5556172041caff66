package control

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/plan"
)

// TrialSettle is how long after a change who comes back has come by what it changed, at the
// soonest: a radio may take longer.
const TrialSettle = 3 * time.Second

// Errors of a change that somebody may branch on.
var (
	ErrConflict = errors.New("somebody else has changed the configuration meanwhile")
	ErrNoTrial  = errors.New("there is no such change on trial")
)

// Author is who wants a change.
type Author struct {
	Name    string // for people, such as "page", "token home" or "socket"
	Session string // key of a person's session; "" when nobody looks on
	From    string // address that a person came from
}

// Try is the Intent to put a changed configuration into force on trial: it is kept when
// it proves good, and undone otherwise. Nothing is written to its file before.
type Try struct {
	Text   []byte         // of the whole file
	Config *config.Config // read from it
	Base   string         // revision that it was made from; "" whatever is in force
	By     Author
	Answer chan<- error // gets one value, after the turn that applied it; has room for it
}

// Confirm is the Intent to keep the trial.
type Confirm struct {
	ID     string
	Answer chan<- error // gets one value, after it is on the disk and told; has room for it
}

// Revert is the Intent to undo the trial.
type Revert struct {
	ID     string
	Answer chan<- error // gets one value, after the turn that undid it; has room for it
}

// Seen is the Intent to tell that a session's owner has asked the gateway for something.
type Seen struct {
	Session string
	Made    time.Time // when the connection was made that he asked by, which took answers both ways
	Anew    string    // key of the session that he has got besides, when he had to log in; else ""
}

// Trial is a changed configuration, or list of operators' documents, that is in force and
// not yet kept. An attended one is kept when its author confirms it or comes back, another
// one when clients have Internet with it. It is undone at Until.
type Trial struct {
	ID           string
	By           Author
	Began, Until time.Time
	WasOnline    bool      // clients had Internet before
	Moved        bool      // the page is elsewhere than before, where its author may have no session
	Since        time.Time // it is carried out; zero as long as it is not
	Back         bool      // the author was seen again, under what was changed
	Anew         string    // key of the session of who logged in as the author meanwhile; "" nobody
}

// Of says whether a session is the author's.
func (t *Trial) Of(session string) bool {
	return session != "" && t.By.Session != "" && (session == t.By.Session || session == t.Anew)
}

// Outcome is how the last trial ended.
type Outcome struct {
	ID   string
	By   Author
	Kept bool
	Why  string // in one clause
	At   time.Time
}

// trial is one under way with what it replaces.
type trial struct {
	Trial
	text    []byte
	oldText []byte
	file    []byte // what the owner's file holds
	old     *config.Config
	onAir   []string // radios that were before
}

// verdict on a trial.
type verdict uint8

const (
	open verdict = iota
	keep
	undo
)

// facts are what a verdict rests on, after a turn.
type facts struct {
	now     time.Time
	settled bool   // every part is as wished
	waits   bool   // not so a radio of which the change wishes something
	failure string // what a part refused, "" none
	refused string // why a radio cannot do it, and stays with what it had; "" none
	online  bool   // clients have Internet
	proved  bool   // by a look that began after the change
	absent  bool   // the SIM is not in whose Internet tells
	offline bool   // the change says that clients are to have none, or that nobody looks
}

// judge says whether a trial is to be kept or undone, and why. It is pure.
func (t Trial) judge(f facts) (verdict, string) {
	had := t.WasOnline && !f.offline
	lost, unproved := had && !f.online, had && f.online && !f.proved
	ready := f.settled && !f.now.Before(t.Began.Add(TrialSettle))
	attended := t.By.Session != ""
	switch over := !f.now.Before(t.Until); {
	case f.refused != "":
		return undo, "it could not be carried out: " + f.refused
	case attended && ready && t.Back && !lost && !unproved:
		return keep, "its author came back"
	case !attended && ready && f.online && f.proved:
		return keep, "clients have Internet with it"
	case !over:
		return open, ""
	case f.absent && t.WasOnline:
		return undo, "the SIM that it is for was not in to the end"
	case lost:
		return undo, "clients lost the Internet"
	case f.failure != "":
		return undo, "it could not be carried out: " + f.failure
	case !f.settled:
		return undo, "it was not carried out in time"
	case attended && !t.Back:
		return undo, "nobody confirmed it"
	case unproved:
		return undo, "nothing proved in time that clients still have Internet"
	}
	return keep, "nothing speaks against it"
}

// wake is the next time at which the verdict can change by itself.
func (t Trial) wake(now time.Time) time.Time {
	if ready := t.Began.Add(TrialSettle); now.Before(ready) {
		return ready
	}
	return t.Until
}

// try begins a trial.
func (l *Loop) try(i Try) {
	if err := l.begin(i); err != nil {
		i.Answer <- err
		return
	}
	l.state.answers = append(l.state.answers, i.Answer)
}

func (l *Loop) begin(i Try) error {
	s := &l.state
	now := time.Now()
	t := &trial{
		Trial: Trial{ID: rand.Text()[:10], By: i.By, Began: now, Until: now.Add(s.inputs.Config.API.Confirm), WasOnline: l.Snapshot().Online},
		text:  i.Text, oldText: s.text, file: s.inFile(), old: s.inputs.Config, onAir: transmitting(l.Snapshot().Observed.Hostapd),
	}
	if first := s.trial; first != nil { // who goes on with his own change has one trial of both
		t.WasOnline, t.oldText, t.file, t.old, t.onAir = first.WasOnline, first.oldText, first.file, first.old, first.onAir
	}
	t.Moved = t.old.LAN.Address != i.Config.LAN.Address || t.old.API.Port != i.Config.API.Port
	err := l.mayTry(i)
	switch {
	case err != nil:
		return err
	case s.trial != nil && i.Config.Revision() == s.trial.old.Revision():
		if l.undo("its author took it back"); bytes.Equal(i.Text, s.inFile()) {
			return nil
		}
		return l.write(i.Text, s.inFile()) // comments differ
	case s.trial == nil && i.Config.Revision() == s.inputs.Config.Revision(): // only comments differ, or faults go
		return l.write(i.Text, s.inFile())
	}
	if err = l.untouched(t.file); err == nil {
		err = l.noteTrial(t)
	}
	if err != nil {
		return err
	}
	l.log.Info("configuration on trial", "id", t.ID, "by", t.By.Name)
	s.trial, s.text, s.inputs = t, i.Text, reloaded(s.inputs, i.Config)
	s.inputs.Proof++
	return nil
}

// mayTry refuses a change that somebody else's would be lost by.
func (l *Loop) mayTry(i Try) error {
	s := &l.state
	if i.Base != "" && i.Base != s.inputs.Config.Revision() {
		return ErrConflict
	}
	if t := s.documents.trial; t != nil {
		return fmt.Errorf("%w: a document of %s is on trial", ErrConflict, t.By.Name)
	}
	if t := s.trial; t != nil && !t.Of(i.By.Session) {
		return fmt.Errorf("%w: a change of %s is on trial", ErrConflict, t.By.Name)
	}
	return nil
}

// took notes when the change is carried out. As long as a radio takes its time, who is seen
// has come by what was before.
func (t *Trial) took(f facts) {
	switch {
	case f.waits:
		t.Since, t.Back = time.Time{}, false
	case f.settled && t.Since.IsZero():
		t.Since = f.now
	}
}

// seen notes that a trial's author is back. What comes by a connection that was made before
// the change took effect does not count: it may be of then, or of who is reached no more and
// repeats it by whatever way is left.
func (l *Loop) seen(i Seen) {
	var on *Trial
	switch s := &l.state; {
	case s.trial != nil:
		on = &s.trial.Trial
	case s.documents.trial != nil:
		on = &s.documents.trial.Trial
	default:
		return
	}
	if !on.Of(i.Session) {
		return
	}
	on.Anew = cmp.Or(i.Anew, on.Anew)
	if !on.Since.IsZero() && !i.Made.Before(on.Since) && !i.Made.Before(on.Began.Add(TrialSettle)) {
		on.Back = true
	}
}

// trialOf finds the trial that somebody names.
func (l *Loop) trialOf(id string) error {
	if t := l.state.trial; t == nil || id != "" && t.ID != id {
		return ErrNoTrial
	}
	return nil
}

func (l *Loop) confirm(i Confirm) {
	err := l.trialOf(i.ID)
	if err == nil {
		err = l.keep("it was confirmed")
	}
	if err != nil {
		i.Answer <- err
		return
	}
	l.state.answers = append(l.state.answers, i.Answer)
}

func (l *Loop) revert(i Revert) {
	if err := l.trialOf(i.ID); err != nil {
		i.Answer <- err
		return
	}
	l.undo("its author took it back")
	l.state.answers = append(l.state.answers, i.Answer)
}

// keep makes the trial the owner's file. A file that cannot be written leaves it on
// trial.
func (l *Loop) keep(why string) error {
	t := l.state.trial
	if err := l.write(t.text, t.file); err != nil {
		return err
	}
	l.close(true, why)
	return nil
}

// undo brings back what the trial replaced, whose file was never touched.
func (l *Loop) undo(why string) {
	s := &l.state
	typed := s.inputs.PINTyped
	s.inputs, s.text = reloaded(s.inputs, s.trial.old), s.trial.oldText
	s.inputs.PINTyped = typed // nobody typed the former PIN again
	l.close(false, why)
}

// close ends the trial.
func (l *Loop) close(kept bool, why string) {
	s := &l.state
	s.outcome = &Outcome{ID: s.trial.ID, By: s.trial.By, Kept: kept, Why: why, At: time.Now()}
	s.trial = nil
	l.log.Info("trial ended", "id", s.outcome.ID, "kept", kept, "why", why)
	if err := os.Remove(l.trialPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.log.Error("note of the trial cannot be removed", "err", err)
	}
}

// overtaken says what becomes of a trial when the file itself was changed: its owner
// has the last word. A file that says what it said, if in other words, is no change.
func (l *Loop) overtaken(i Reload) bool {
	t := l.state.trial
	if t == nil {
		return true
	}
	if i.Config.Revision() == t.old.Revision() {
		t.oldText, t.file = i.Text, i.Text
		return false
	}
	l.close(false, "the file was changed by somebody else")
	return true
}

// judgeTrial ends the trial when it is time and returns when to look again; the zero
// time when there is none.
func (l *Loop) judgeTrial(obs plan.Observed, want plan.Desired, steps []plan.Step) time.Time {
	t := l.state.trial
	if t == nil {
		return time.Time{}
	}
	f := l.facts(t, obs, want, steps)
	t.took(f)
	switch v, why := t.judge(f); v {
	case keep:
		if err := l.keep(why); err != nil {
			l.log.Error("the change that proved good cannot be kept", "err", err)
			l.undo("it could not be kept: " + err.Error())
		}
		return obs.Now
	case undo:
		l.undo(why)
		return obs.Now
	}
	return t.wake(obs.Now)
}

func (l *Loop) facts(t *trial, obs plan.Observed, want plan.Desired, steps []plan.Step) facts {
	s := &l.state
	cfg := s.inputs.Config
	last, _ := decisive(obs.Probe)
	f := facts{
		now:     obs.Now,
		settled: len(steps) == 0 && len(s.failures) == 0,
		online:  s.online(obs.Probe) && proves(obs.Probe.InForce, want.Probe),
		proved:  !last.At.Add(-last.Took).Before(t.Began),
		offline: !cfg.Sharing.Enabled || !cfg.Modem.Enabled || !cfg.Probe.Enabled,
	}
	if len(s.failures) > 0 {
		f.failure = s.failures[0]
	}
	l.askRadios(t, &f, obs, want.Hostapd, steps)
	return f
}

// inFile is what the owner's file is known to hold: the text in force, or one with faults,
// which a change replaces, so that it can be mended from afar.
func (s *state) inFile() []byte {
	if s.faulty != nil {
		return s.faulty
	}
	return s.text
}

// untouched says that the owner's file holds what it is known to hold. Somebody who has
// edited it meanwhile is about to be heard of.
func (l *Loop) untouched(known []byte) error {
	if now, err := os.ReadFile(l.opt.Path); err == nil && !bytes.Equal(now, known) {
		return fmt.Errorf("%w: its file was edited", ErrConflict)
	}
	return nil // what cannot be read is told when it is written
}

// write replaces the owner's file, of which something is known; the answer comes when it
// cannot be lost any more.
func (l *Loop) write(text, known []byte) error {
	if l.opt.Path == "" {
		return errors.New("control: the configuration has no file")
	}
	if err := l.untouched(known); err != nil {
		return err
	}
	path := l.opt.Path
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if err := l.setAside(); err != nil {
		return err
	}
	if err := writeDurably(path, text); err != nil {
		return fmt.Errorf("control: write the configuration: %w", err)
	}
	l.state.text, l.state.badConfig, l.state.faulty = text, "", nil
	return nil
}

// FaultySettings is the file of the state folder with a configuration whose faults were
// mended by a change.
const FaultySettings = "settings.faulty"

// setAside keeps the file with faults that is about to be replaced: what else its owner
// wrote there is his.
func (l *Loop) setAside() error {
	if l.state.faulty == nil {
		return nil
	}
	if err := writeDurably(filepath.Join(l.opt.Config.Main.StateDir, FaultySettings), l.state.faulty); err != nil {
		return fmt.Errorf("control: keep the configuration with faults: %w", err)
	}
	l.log.Warn("a configuration with faults is replaced, and kept in the state folder", "file", FaultySettings)
	return nil
}

// trialNote is what the disk knows of a trial while it is under way. The owner's file
// holds what it replaces.
type trialNote struct {
	ID    string
	By    string
	Began time.Time
	Text  []byte
}

func (l *Loop) trialPath() string { return filepath.Join(l.opt.Config.Main.StateDir, "trial") }

func (l *Loop) noteTrial(t *trial) error {
	text, err := json.Marshal(trialNote{t.ID, t.By.Name, t.Began, t.text})
	if err == nil {
		err = writeDurably(l.trialPath(), text)
	}
	if err != nil {
		return fmt.Errorf("control: note the trial: %w", err)
	}
	return nil
}

// formerTrial tells what became of a trial that ended with its process: the owner's
// file holds it, or it is gone.
func (l *Loop) formerTrial() *Outcome {
	text, err := os.ReadFile(l.trialPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var n trialNote
	if err == nil {
		err = json.Unmarshal(text, &n)
	}
	if err != nil {
		l.log.Warn("note of a trial cannot be read", "err", err)
	}
	o := &Outcome{ID: n.ID, By: Author{Name: n.By}, Why: "the program ended before it was kept", At: time.Now()}
	if err == nil && bytes.Equal(n.Text, l.state.text) {
		o.Kept, o.Why = true, "it was confirmed"
	}
	l.log.Info("trial of the former process", "id", o.ID, "kept", o.Kept)
	if err := os.Remove(l.trialPath()); err != nil {
		l.log.Error("note of the trial cannot be removed", "err", err)
	}
	return o
}
