package control

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
)

// trialLimit is how long a trial may take unless the configuration says otherwise.
const trialLimit = time.Minute

// TestJudge: the whole table of what keeps and undoes a trial.
func TestJudge(t *testing.T) {
	began := time.Unix(1000, 0)
	person, script := Author{Name: "page", Session: "s"}, Author{Name: "socket"}
	good := facts{settled: true, online: true, proved: true}
	for _, c := range []struct {
		story string
		by    Author
		after time.Duration
		back  bool
		was   bool
		f     facts
		want  verdict
		why   string
	}{
		{"a person's, just begun", person, 0, false, true, good, open, ""},
		{"clients have Internet, but the person is not back", person, 30 * time.Second, false, true, good, open, ""},
		{"the person is back", person, 4 * time.Second, true, true, good, keep, "came back"},
		{"back before it settled", person, 2 * time.Second, true, true, good, open, ""},
		{"back, but only an older look says that there is Internet", person, 4 * time.Second, true, true, facts{settled: true, online: true}, open, ""},
		{"and none other says so in time", person, trialLimit, true, true, facts{settled: true, online: true}, undo, "nothing proved"},
		{"a part never gets there for a person", person, trialLimit, true, false, facts{}, undo, "not carried out in time"},
		{"back while a part still works on it", person, 4 * time.Second, true, true, facts{online: true, proved: true}, open, ""},
		{"back, but the uplink is lost", person, 4 * time.Second, true, true, facts{settled: true}, open, ""},
		{"lost it stays", person, trialLimit, true, true, facts{settled: true}, undo, "lost the Internet"},
		{"there was none to lose", person, 4 * time.Second, true, false, facts{settled: true}, keep, "came back"},
		{"it is meant to be lost", person, 4 * time.Second, true, true, facts{settled: true, offline: true}, keep, "came back"},
		{"nobody came back", person, trialLimit, false, true, good, undo, "nobody confirmed it"},
		{"a part refuses", person, trialLimit, true, true, facts{online: true, failure: "nat: no"}, undo, "nat: no"},
		{"a radio refuses, and the person is there", person, time.Second, true, true, facts{settled: true, online: true, proved: true, refused: "radio wlan0: no"}, undo, "radio wlan0: no"},
		{"a radio refuses a script, and clients have Internet", script, 4 * time.Second, false, true, facts{settled: true, online: true, proved: true, refused: "radio wlan0: no"}, undo, "radio wlan0: no"},
		{"a script's, just begun", script, 0, false, true, good, open, ""},
		{"proved", script, 4 * time.Second, false, true, good, keep, "have Internet with it"},
		{"proved by an older look only", script, 4 * time.Second, false, true, facts{settled: true, online: true}, open, ""},
		{"which is not enough in the end", script, trialLimit, false, true, facts{settled: true, online: true}, undo, "nothing proved"},
		{"a script cost the uplink", script, trialLimit, false, true, facts{settled: true}, undo, "lost the Internet"},
		{"offline before and after", script, trialLimit, false, false, facts{settled: true}, keep, "nothing speaks against it"},
		{"its SIM was taken out", script, trialLimit, false, true, facts{settled: true, absent: true}, undo, "was not in"},
		{"and there was no Internet anyway", script, trialLimit, false, false, facts{settled: true, absent: true}, keep, "nothing speaks against it"},
		{"a part never gets there", script, trialLimit, false, false, facts{}, undo, "not carried out in time"},
		{"a part refuses a script", script, trialLimit, false, false, facts{failure: "dhcp: no"}, undo, "dhcp: no"},
	} {
		trial := Trial{By: c.by, Began: began, Until: began.Add(trialLimit), WasOnline: c.was, Back: c.back}
		c.f.now = began.Add(c.after)
		got, why := trial.judge(c.f)
		if got != c.want || !strings.Contains(why, c.why) || (c.why == "") != (why == "") {
			t.Errorf("%s: %v because %q", c.story, got, why)
		}
		if wake := trial.wake(c.f.now); c.want == open && !wake.After(c.f.now) {
			t.Errorf("%s: looks again at %v", c.story, wake)
		}
	}
}

// trying puts a text on trial and returns what came of it.
func (r *running) trying(text, base string, by Author) error {
	r.t.Helper()
	cfg := r.w.config(r.t, text)
	answer := make(chan error, 1)
	if err := r.Send(Try{Text: cfg.UCI(), Config: cfg, Base: base, By: by, Answer: answer}); err != nil {
		r.t.Fatal(err)
	}
	return <-answer
}

func (r *running) ask(i func(chan<- error) Intent) error {
	r.t.Helper()
	answer := make(chan error, 1)
	if err := r.Send(i(answer)); err != nil {
		r.t.Fatal(err)
	}
	return <-answer
}

// onDisk is the configuration that a restart would find.
func (r *running) onDisk() *config.Config {
	r.t.Helper()
	cfg, err := config.Load(r.opt.Path)
	if err != nil {
		r.t.Fatal(err)
	}
	return cfg
}

const renamed = "config dhcp\n\toption domain 'other'\n"

func sitting() Author { return Author{Name: "page", Session: "s1"} }

// TestTrialIsKept: the change is in force at once, on the disk once it was confirmed or
// its author came back, or clients have Internet with it.
func TestTrialIsKept(t *testing.T) {
	confirmed := func(r *running) {
		id := r.Snapshot().Trial.ID
		if err := r.ask(func(a chan<- error) Intent { return Confirm{id, a} }); err != nil {
			r.t.Error(err)
		}
	}
	for _, c := range []struct {
		story string
		by    Author
		do    func(r *running)
		why   string
	}{
		{"confirmed", sitting(), confirmed, "it was confirmed"},
		{"its author is back", sitting(), func(r *running) {
			if err := errors.Join(r.Send(Seen{Session: "s1", Made: time.Now()})); err != nil { // too early to count
				r.t.Error(err)
			}
			if s := r.pass(2 * TrialSettle); s.Trial == nil {
				r.t.Error("it was kept before its author came back")
			}
			_ = r.Send(Seen{Session: "s2", Made: time.Now()}) // somebody else
			if s := r.settle(); s.Trial == nil || s.Trial.Back {
				r.t.Error("it was kept for somebody else")
			}
			_ = r.Send(Seen{Session: "s1", Made: time.Now()})
		}, "its author came back"},
		{"proved", Author{Name: "socket"}, func(r *running) { r.pass(TrialSettle) }, "clients have Internet with it"},
	} {
		t.Run(c.story, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r := w.start(t, "")
				r.pass(time.Minute)
				if err := r.trying(renamed, r.Snapshot().Config.Revision(), c.by); err != nil {
					t.Fatal(err)
				}
				s := r.Snapshot()
				if s.Trial == nil || s.Config.DHCP.Domain != "other" || len(s.Observed.DHCP.InForce.Networks) == 0 && len(s.Steps) == 0 {
					t.Fatalf("not in force: %+v", s.Trial)
				}
				if r.onDisk().DHCP.Domain != "lan" {
					t.Error("it is the owner's file before it was kept")
				}
				c.do(r)
				s = r.settle()
				if s.Trial != nil || s.Outcome == nil || !s.Outcome.Kept || s.Outcome.Why != c.why {
					t.Fatalf("trial %+v, outcome %+v", s.Trial, s.Outcome)
				}
				if s.Config.DHCP.Domain != "other" || r.onDisk().DHCP.Domain != "other" {
					t.Error("it is not kept")
				}
				if _, err := os.Stat(r.trialPath()); err == nil {
					t.Error("the note of the trial is left")
				}
			})
		})
	}
}

// TestTrialIsUndone: what nobody confirmed, what cost the Internet and what was taken
// back is gone, and the file was never touched.
func TestTrialIsUndone(t *testing.T) {
	for _, c := range []struct {
		story string
		by    Author
		do    func(r *running)
		why   string
	}{
		{"nobody", sitting(), func(r *running) { r.pass(trialLimit + time.Second) }, "nobody confirmed it"},
		{"taken back", sitting(), func(r *running) {
			if err := r.ask(func(a chan<- error) Intent { return Revert{"", a} }); err != nil {
				r.t.Error(err)
			}
		}, "its author took it back"},
		{"the uplink is lost", Author{Name: "socket"}, func(r *running) {
			r.w.change(plan.Probe, func() { r.w.verdict = probe.Dead })
			r.pass(trialLimit + time.Second)
		}, "clients lost the Internet"},
		{"a part refuses", Author{Name: "socket"}, func(r *running) {
			r.w.change(plan.DHCP, func() { r.w.dhcp.refusal, r.w.dhcp.refuses, r.w.dhcp.spec.Networks[0].Domain = errRefused, -1, "" })
			r.pass(trialLimit + time.Second)
		}, "the kernel says no"},
	} {
		t.Run(c.story, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r := w.start(t, "")
				r.pass(time.Minute)
				if err := r.trying(renamed, "", c.by); err != nil {
					t.Fatal(err)
				}
				c.do(r)
				s := r.settle()
				if s.Trial != nil || s.Outcome == nil || s.Outcome.Kept || !strings.Contains(s.Outcome.Why, c.why) {
					t.Fatalf("trial %+v, outcome %+v", s.Trial, s.Outcome)
				}
				if s.Config.DHCP.Domain != "lan" || r.onDisk().DHCP.Domain != "lan" || s.Desired.DHCP.Networks[0].Domain != "lan" {
					t.Error("it is not undone")
				}
				if string(s.Text) != string(s.Config.UCI()) {
					t.Error("the text is of something else")
				}
			})
		})
	}
}

// TestPatience: how long a change may take is the owner's to say, before it is made.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patient = "config api\n\toption confirm '3m'\n"
		w := newWorld(t)
		r := w.start(t, patient)
		r.settle()
		if err := r.trying(renamed, "", sitting()); err != nil { // which says one minute again
			t.Fatal(err)
		}
		if s := r.pass(3*time.Minute - time.Second); s.Trial == nil || s.Trial.Until.Sub(s.Trial.Began) != 3*time.Minute {
			t.Errorf("undone too early: %+v", s.Outcome)
		}
		if s := r.pass(2 * time.Second); s.Trial != nil || s.Config.API.Confirm != 3*time.Minute {
			t.Errorf("not undone: %+v", s.Trial)
		}
	})
}

// TestConcurrentEditors: who changes what somebody else has changed meanwhile is told,
// and nothing is lost; who goes on with his own work keeps it.
func TestConcurrentEditors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		base := r.settle().Config.Revision()
		if err := r.trying(renamed, base, sitting()); err != nil {
			t.Fatal(err)
		}
		other := Author{Name: "page", Session: "s2"}
		for _, b := range []string{base, "", r.Snapshot().Config.Revision()} {
			if err := r.trying("", b, other); !errors.Is(err, ErrConflict) {
				t.Errorf("base %q: %v", b, err)
			}
		}
		first := r.Snapshot().Trial.ID
		if err := r.trying(renamed+"\toption limit '99'\n", r.Snapshot().Config.Revision(), sitting()); err != nil {
			t.Fatal(err)
		}
		s := r.Snapshot()
		if s.Trial == nil || s.Trial.ID == first || s.Config.DHCP.Limit != 99 || r.onDisk().DHCP.Domain != "lan" {
			t.Errorf("the first is kept without proof: %+v", s.Trial)
		}
		for _, i := range []func(chan<- error) Intent{
			func(a chan<- error) Intent { return Confirm{first, a} },
			func(a chan<- error) Intent { return Revert{first, a} },
		} {
			if err := r.ask(i); !errors.Is(err, ErrNoTrial) {
				t.Errorf("an older trial is taken for this one: %v", err)
			}
		}
		if s := r.pass(trialLimit + time.Second); s.Trial != nil || s.Outcome.Kept || s.Config.DHCP.Domain != "lan" {
			t.Errorf("not both are undone: %+v", s.Outcome)
		}
	})
}

// TestGoingBack: who sets back what he has just changed has nothing on trial any more.
func TestGoingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.settle()
		for _, text := range []string{renamed, ""} {
			if err := r.trying(text, "", sitting()); err != nil {
				t.Fatal(err)
			}
		}
		if s := r.settle(); s.Trial != nil || s.Outcome.Kept || s.Config.DHCP.Domain != "lan" || r.onDisk().DHCP.Domain != "lan" {
			t.Errorf("trial %+v, outcome %+v", s.Trial, s.Outcome)
		}
		if _, err := os.Stat(r.trialPath()); err == nil {
			t.Error("the note is left")
		}
	})
}

// TestOldProof: that clients had Internet before the change keeps nothing, whoever made
// it and however long it takes.
func TestOldProof(t *testing.T) {
	for _, by := range []Author{sitting(), {Name: "socket"}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			r := w.start(t, "")
			r.pass(time.Minute)
			w.change(plan.Probe, func() { w.blind = true })
			if err := r.trying(renamed, "", by); err != nil {
				t.Fatal(err)
			}
			r.pass(2 * TrialSettle)
			if err := r.Send(Seen{Session: "s1", Made: time.Now()}); err != nil {
				t.Fatal(err)
			}
			if s := r.pass(trialLimit); s.Trial != nil || s.Outcome == nil || s.Outcome.Kept || s.Config.DHCP.Domain != "lan" {
				t.Errorf("%s: trial %+v, outcome %+v", by.Name, s.Trial, s.Outcome)
			}
		})
	}
}

// TestEditedFile: what somebody has written into the file meanwhile is not written over,
// not even by a text that says the same.
func TestEditedFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		s := r.settle()
		mine := append([]byte("# mine\n"), s.Text...)
		if err := os.WriteFile(r.opt.Path, mine, 0o600); err != nil {
			t.Fatal(err)
		}
		same := append([]byte("# another's\n"), s.Text...)
		err := r.ask(func(a chan<- error) Intent { return Try{Text: same, Config: s.Config, By: sitting(), Answer: a} })
		if !errors.Is(err, ErrConflict) {
			t.Errorf("a text that says the same: %v", err)
		}
		if err := r.trying(renamed, "", sitting()); !errors.Is(err, ErrConflict) || r.settle().Trial != nil {
			t.Errorf("a change: %v", err)
		}
		if _, err := os.Stat(r.trialPath()); err == nil {
			t.Error("there is a note of a trial that never began")
		}
		if got, _ := os.ReadFile(r.opt.Path); string(got) != string(mine) {
			t.Errorf("the file is %q", got)
		}
	})
}

// TestFaultyFile: a file with faults that were told is replaced by a change when that is
// kept, and put aside. One that was edited since is not.
func TestFaultyFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		good := r.settle().Text
		bad := append([]byte("config dhcp\n\toption domian 'mine'\n"), good...)
		put := func(text []byte) {
			if err := os.WriteFile(r.opt.Path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := r.Send(BadConfig{Text: "line 2: nonsense", File: text}); err != nil {
				t.Fatal(err)
			}
			r.settle()
		}
		holds := func(path string, want []byte) {
			t.Helper()
			if text, _ := os.ReadFile(path); string(text) != string(want) {
				t.Errorf("%s holds %q", path, text)
			}
		}
		put(bad)
		if err := r.trying(renamed, "", sitting()); err != nil {
			t.Fatal(err)
		}
		if s := r.pass(trialLimit + time.Second); s.Trial != nil || s.Outcome.Kept || s.BadConfig == "" {
			t.Errorf("what nobody confirmed: %+v, faults %q", s.Outcome, s.BadConfig)
		}
		holds(r.opt.Path, bad)
		confirm := func(a chan<- error) Intent { return Confirm{"", a} }
		if err := r.trying(renamed, "", sitting()); err != nil {
			t.Fatal(err)
		}
		worse := append([]byte("config nonsense\n"), bad...)
		put(worse)
		if err := r.ask(confirm); !errors.Is(err, ErrConflict) {
			t.Errorf("edited since: %v", err)
		}
		holds(r.opt.Path, worse)
		put(bad)
		if err := r.ask(confirm); err != nil {
			t.Fatal(err)
		}
		if s := r.settle(); s.Trial != nil || s.BadConfig != "" || r.onDisk().DHCP.Domain != "other" {
			t.Errorf("trial %+v, faults %q", s.Trial, s.BadConfig)
		}
		holds(filepath.Join(w.state, "settings.faulty"), bad)
		put(worse) // a backup of what is in force needs no trial
		s := r.Snapshot()
		if err := r.ask(func(a chan<- error) Intent { return Try{Text: s.Text, Config: s.Config, By: sitting(), Answer: a} }); err != nil {
			t.Fatal(err)
		}
		if s := r.settle(); s.Trial != nil || s.BadConfig != "" {
			t.Errorf("trial %+v, faults %q", s.Trial, s.BadConfig)
		}
		holds(r.opt.Path, s.Text)
		holds(filepath.Join(w.state, "settings.faulty"), worse)
	})
}

// TestFileWins: a file that is changed under a trial has the last word; one that says
// what it said has not.
func TestFileWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.settle()
		if err := r.trying(renamed, "", sitting()); err != nil {
			t.Fatal(err)
		}
		same := w.config(t, "")
		if err := r.Send(Reload{Config: same, Text: same.UCI()}); err != nil {
			t.Fatal(err)
		}
		if s := r.settle(); s.Trial == nil || s.Config.DHCP.Domain != "other" {
			t.Error("a file that did not change ended the trial")
		}
		next := w.config(t, "config dhcp\n\toption domain 'third'\n")
		if err := os.WriteFile(r.opt.Path, next.UCI(), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.ask(func(a chan<- error) Intent { return Confirm{"", a} }); !errors.Is(err, ErrConflict) {
			t.Errorf("a changed file is written over: %v", err)
		}
		if err := r.Send(Reload{Config: next, Text: next.UCI()}); err != nil {
			t.Fatal(err)
		}
		if s := r.settle(); s.Trial != nil || s.Outcome.Kept || s.Config.DHCP.Domain != "third" || r.onDisk().DHCP.Domain != "third" {
			t.Errorf("the file did not win: %+v", s.Outcome)
		}
	})
}

// TestPowerCut: whatever of a trial reached the disk, in whatever order, the next
// process finds the old configuration or the new one, whole, and says which.
func TestPowerCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		old := r.settle().Text
		if err := r.trying(renamed, "", sitting()); err != nil {
			t.Fatal(err)
		}
		next := r.Snapshot().Text
		note, err := os.ReadFile(r.trialPath())
		if err != nil {
			t.Fatal(err)
		}
		r.w.leaves = true
		r.end()
		cuts := 0
		for _, file := range [][]byte{old, next} {
			for _, left := range [][]byte{nil, note, note[:len(note)/2], {}} {
				cuts++
				for path, text := range map[string][]byte{r.opt.Path: file, r.trialPath(): left, r.opt.Path + "123.tmp": next[:9]} {
					os.Remove(path)
					if text != nil {
						if err := os.WriteFile(path, text, 0o600); err != nil {
							t.Fatal(err)
						}
					}
				}
				cfg, err := config.Load(r.opt.Path)
				if err != nil {
					t.Fatal(err)
				}
				again := New(Options{Parts: w.parts(), Config: cfg, Path: r.opt.Path, Text: file, Log: w.log})
				s := again.Snapshot()
				if s.Trial != nil || s.Config.Revision() != cfg.Revision() || string(s.Text) != string(file) {
					t.Errorf("goes on with something else: %+v", s.Trial)
				}
				if kept := string(file) == string(next) && string(left) == string(note); left != nil && (s.Outcome == nil || s.Outcome.Kept != kept) || left == nil && s.Outcome != nil {
					t.Errorf("note of %d bytes: told %+v", len(left), s.Outcome)
				}
				if _, err := os.Stat(r.trialPath()); err == nil {
					t.Error("the note stays")
				}
			}
		}
		if cuts != 8 {
			t.Errorf("%d cuts", cuts)
		}
	})
}

// TestUnwritable: where nothing can be noted nothing is tried; where the file cannot be
// written, what proved good is taken back and said.
func TestUnwritable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.settle()
		if err := os.MkdirAll(r.trialPath(), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := r.trying(renamed, "", sitting()); err == nil || r.settle().Trial != nil {
			t.Errorf("tried without a note: %v", err)
		}
		if err := os.Remove(r.trialPath()); err != nil {
			t.Fatal(err)
		}
		if err := r.trying(renamed, "", Author{Name: "socket"}); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Remove(r.opt.Path), os.MkdirAll(filepath.Join(r.opt.Path, "x"), 0o700)); err != nil {
			t.Fatal(err)
		}
		s := r.pass(2 * TrialSettle)
		if s.Trial != nil || s.Outcome == nil || s.Outcome.Kept || s.Config.DHCP.Domain != "lan" {
			t.Errorf("trial %+v, outcome %+v", s.Trial, s.Outcome)
		}
	})
}

// TestOnlyComments: a text that says the same is written without a trial.
func TestOnlyComments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		s := r.settle()
		text, answer := append([]byte("# mine\n"), s.Text...), make(chan error, 1)
		if err := r.Send(Try{Text: text, Config: s.Config, By: sitting(), Answer: answer}); err != nil {
			t.Fatal(err)
		}
		if err := <-answer; err != nil || r.Snapshot().Trial != nil {
			t.Errorf("%v, %+v", err, r.Snapshot().Trial)
		}
		if got, _ := os.ReadFile(r.opt.Path); string(got) != string(text) || string(r.settle().Text) != string(text) {
			t.Errorf("the file is %q", got)
		}
	})
}
