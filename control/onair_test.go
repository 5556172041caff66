package control

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
)

// wlan is wlan0 in a state.
func wlan(state hostapd.State, change func(*hostapd.RadioStatus)) hostapd.RadioStatus {
	r := hostapd.RadioStatus{Interface: "wlan0", State: state}
	if change != nil {
		change(&r)
	}
	return r
}

func refusing(r *hostapd.RadioStatus) { r.Refused = "no WPA3 here" }
func pending(r *hostapd.RadioStatus)  { r.Pending = true }
func failing(r *hostapd.RadioStatus)  { r.Error = "no luck" }

const wpa3 = "config network\n\toption ssid 'Home'\n\toption security 'wpa3'\n"

// TestRadioHasASay: what a radio refuses is undone at once, whoever wants it and though
// clients have Internet; what may pass, and what was so before, undoes nothing.
func TestRadioHasASay(t *testing.T) {
	on, refused := wlan(hostapd.StateEnabled, nil), wlan(hostapd.StateEnabled, refusing)
	waiting, absent := wlan(hostapd.StateWaiting, failing), wlan(hostapd.StateAbsent, failing)
	for _, c := range []struct {
		story  string
		text   string
		before hostapd.RadioStatus
		soon   []hostapd.RadioStatus // one after the other, each for 5 s
		why    string                // it is undone: at once, or at the limit
		late   bool
	}{
		{"carried out", wpa3, on, []hostapd.RadioStatus{on}, "", false},
		{"refused", wpa3, on, []hostapd.RadioStatus{refused}, "it could not be carried out: radio wlan0: no WPA3 here", false},
		{"refused after a try", wpa3, on, []hostapd.RadioStatus{wlan(hostapd.StateEnabled, pending), wlan(hostapd.StateStarting, nil), refused}, "no WPA3 here", false},
		{"the former one fails as well, and the wish comes up", wpa3, on, []hostapd.RadioStatus{wlan(hostapd.StateStarting, refusing), waiting, on}, "", false},
		{"nothing yet", wpa3, on, []hostapd.RadioStatus{wlan(hostapd.StateEnabled, pending), on}, "", false},
		{"it takes its time", wpa3, on, []hostapd.RadioStatus{wlan(hostapd.StateStarting, nil), wlan(hostapd.StateACS, nil), on}, "", false},
		{"a failure that passes", wpa3, on, []hostapd.RadioStatus{waiting, waiting, on}, "", false},
		{"one that does not", wpa3, on, []hostapd.RadioStatus{waiting}, "it could not be carried out: no luck", true},
		{"never tried", wpa3, on, []hostapd.RadioStatus{wlan(hostapd.StateEnabled, pending)}, "it was not carried out in time", true},
		{"a check for radar", wpa3, on, []hostapd.RadioStatus{wlan(hostapd.StateDFS, nil)}, "", false},
		{"absent as before", wpa3, absent, []hostapd.RadioStatus{absent}, "", false},
		{"off the air as before", wpa3, waiting, []hostapd.RadioStatus{waiting}, "", false},
		{"another change while the file's own wish is refused", renamed, refused, []hostapd.RadioStatus{refused}, "", false},
		{"another country that is refused", "config wifi\n\toption country 'DE'\n", on, []hostapd.RadioStatus{refused}, "no WPA3 here", false},
		{"no Wi-Fi any more", "config wifi\n\toption enabled '0'\n", on, []hostapd.RadioStatus{refused}, "", false},
	} {
		for _, by := range []Author{sitting(), {Name: "socket"}} {
			t.Run(c.story+" by "+by.Name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					w.radios, w.air = radio(), c.before
					r := w.start(t, "")
					r.pass(time.Minute)
					if err := r.trying(c.text, "", by); err != nil {
						t.Fatal(err)
					}
					begun, old := time.Now(), r.onDisk().Revision()
					_ = r.Send(Seen{Session: by.Session, Made: time.Now()})
					for i, air := range c.soon {
						w.change(plan.Hostapd, func() { w.air = air })
						s := r.settle()
						if i < len(c.soon)-1 {
							_ = r.Send(Seen{Session: by.Session, Made: time.Now()})
							if s = r.pass(5 * time.Second); s.Trial == nil {
								t.Fatalf("ended after %v in state %d: %+v", time.Since(begun), i, s.Outcome)
							}
						}
					}
					if c.why == "" || c.late {
						r.pass(TrialSettle)
						_ = r.Send(Seen{Session: by.Session, Made: time.Now()})
					}
					s := r.settle()
					if c.late {
						if s.Trial == nil {
							t.Fatalf("ended after %v: %+v", time.Since(begun), s.Outcome)
						}
						s = r.pass(trialLimit)
					}
					if s.Trial != nil || s.Outcome == nil || s.Outcome.Kept != (c.why == "") || !strings.Contains(s.Outcome.Why, c.why) {
						t.Fatalf("trial %+v, outcome %+v", s.Trial, s.Outcome)
					}
					if undone := r.onDisk().Revision() == old && s.Config.Revision() == old; undone != (c.why != "") {
						t.Errorf("undone: %v", undone)
					}
				})
			})
		}
	}
}

// TestWhoComesTooEarlyIsNotBack: as long as a radio has not carried a change out, however
// late that is, its author comes by what was before, and so does who goes on asking by a
// connection of then. Afterwards he counts, until it goes off again.
func TestWhoComesTooEarlyIsNotBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		on, starting := wlan(hostapd.StateEnabled, nil), wlan(hostapd.StateStarting, nil)
		w.radios, w.air = radio(), on
		r := w.start(t, "")
		r.pass(time.Minute)
		w.change(plan.Probe, func() { w.blind = true }) // or he would keep it at once
		if err := r.trying(wpa3, "", sitting()); err != nil {
			t.Fatal(err)
		}
		air := func(st hostapd.RadioStatus) *Snapshot {
			w.change(plan.Hostapd, func() { w.air = st })
			return r.pass(2 * TrialSettle)
		}
		come := func(made time.Time) *Snapshot {
			_ = r.Send(Seen{Session: "s1", Made: made})
			return r.settle()
		}
		for i, back := range []bool{true, false} {
			for _, st := range []hostapd.RadioStatus{wlan(hostapd.StateEnabled, pending), starting} {
				air(st)
				if s := come(time.Now()); s.Trial == nil || s.Trial.Back {
					t.Fatalf("time %d, radio %+v: trial %+v, outcome %+v", i, st, s.Trial, s.Outcome)
				}
			}
			before := time.Now()
			r.pass(time.Second)
			air(on)
			if s := come(before); s.Trial == nil || s.Trial.Back {
				t.Errorf("time %d, a connection of before: trial %+v, outcome %+v", i, s.Trial, s.Outcome)
			}
			if !back {
				break
			}
			if s := come(time.Now()); s.Trial == nil || !s.Trial.Back {
				t.Errorf("time %d: trial %+v, outcome %+v", i, s.Trial, s.Outcome)
			}
		}
		w.change(plan.Probe, func() { w.blind = false })
		if s := come(time.Now()); s.Trial != nil || !s.Outcome.Kept {
			t.Errorf("trial %+v, outcome %+v", s.Trial, s.Outcome)
		}
	})
}

// TestPartIsWaitedFor: so is a part that takes its wish late.
func TestPartIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.pass(time.Minute)
		w.change(plan.DHCP, func() { w.dhcp.stuck = true })
		if err := r.trying(renamed, "", sitting()); err != nil {
			t.Fatal(err)
		}
		r.pass(2 * TrialSettle)
		_ = r.Send(Seen{Session: "s1", Made: time.Now()})
		r.pass(time.Second)
		w.change(plan.DHCP, func() { w.dhcp.stuck = false })
		if s := r.pass(TrialSettle); s.Trial == nil || s.Trial.Back || s.Trial.Since.IsZero() {
			t.Fatalf("trial %+v, outcome %+v", s.Trial, s.Outcome)
		}
		_ = r.Send(Seen{Session: "s1", Made: time.Now()})
		if s := r.settle(); s.Trial != nil || !s.Outcome.Kept {
			t.Errorf("trial %+v, outcome %+v", s.Trial, s.Outcome)
		}
	})
}

// changing is a world in which somebody has just made a change.
func changing(t *testing.T, text string) (*world, *running) {
	t.Helper()
	w := newWorld(t)
	r := w.start(t, "")
	r.pass(time.Minute)
	if err := r.trying(text, "", sitting()); err != nil {
		t.Fatal(err)
	}
	return w, r
}

// TestOnceBackIsEnough: who has come back need not stay until a slow modem is online again.
func TestOnceBackIsEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := changing(t, "config apn\n\toption apn 'other.example'\n")
		w.change(plan.Modem, func() { w.phase = modem.PhaseRegister })
		r.pass(2 * TrialSettle)
		_ = r.Send(Seen{Session: "s1", Made: time.Now()})
		if s := r.pass(TrialSettle); s.Trial == nil || !s.Trial.Back {
			t.Fatalf("trial %+v, outcome %+v", s.Trial, s.Outcome)
		}
		w.change(plan.Modem, func() { w.phase = modem.PhaseReady })
		if s := r.pass(TrialSettle); s.Trial != nil || !s.Outcome.Kept {
			t.Errorf("trial %+v, outcome %+v", s.Trial, s.Outcome)
		}
	})
}

// TestSessionsOfAnAuthor: who had to log in is the author by both his sessions, also when the
// log-in itself came too early to count.
func TestSessionsOfAnAuthor(t *testing.T) {
	for _, comes := range []string{"s1", "s2", "s3"} {
		synctest.Test(t, func(t *testing.T) {
			_, r := changing(t, renamed)
			_ = r.Send(Seen{Session: "s1", Made: time.Now().Add(-time.Second), Anew: "s2"})
			if s := r.pass(TrialSettle); s.Trial == nil || s.Trial.Back {
				t.Fatalf("the log-in counts: trial %+v, outcome %+v", s.Trial, s.Outcome)
			}
			_ = r.Send(Seen{Session: comes, Made: time.Now()})
			if s := r.settle(); (s.Trial == nil) != (comes != "s3") {
				t.Errorf("%s: trial %+v, outcome %+v", comes, s.Trial, s.Outcome)
			}
		})
	}
}
