package doctor

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/modem"
)

// unregistered is a gateway whose network refuses the access point for registering.
func unregistered(t *testing.T, tries ...string) *patient {
	p := well(t)
	p.down(modem.PhaseDenied)
	p.Observed.Modem.Registration = modem.Registration{State: "denied", Cause: 33, Name: "Lab Mobile"}
	p.Path.Attach = tries
	return p.see().pass(2 * time.Second)
}

// tried lets time pass until another one is tried, and says which.
func (p *patient) tried(limit time.Duration) int {
	p.t.Helper()
	was := p.report.Repairs.Attach
	for d := time.Duration(0); d < limit && p.report.Repairs.Attach == was; d += time.Second {
		p.pass(time.Second)
	}
	return p.report.Repairs.Attach
}

func TestAccessPointsForRegisteringAreTriedEachOnce(t *testing.T) {
	p := unregistered(t, "", "first.lab")
	f := p.expect("RC08")
	if r := f.Remedy; r == nil || r.Kind != NextAttach || r.State != "running" || r.Left != 1 || f.Advice || p.report.Repairs.Attach != 1 {
		t.Fatalf("%+v, repairs %+v", f.Remedy, p.report.Repairs)
	}
	for lang, want := range map[string]string{"en": "the network's own choice.", "ru": "выбор сети."} {
		if s := Sentence(lang, *f); !strings.Contains(s, want) || strings.Contains(s, "{") {
			t.Errorf("%s: %s", lang, s)
		}
	}
	began := f.Remedy.Began
	p.Observed.Modem.Phase = modem.PhaseRadio // it leaves the network to register with that
	p.pass(10 * time.Second).expect("RC08")
	p.Observed.Modem.Phase = modem.PhaseDenied
	if n := p.tried(time.Minute); n != 2 || p.Observed.Now.Sub(began) < NextAttach.price().dwell {
		t.Fatalf("after %v number %d is tried", p.Observed.Now.Sub(began), n)
	}
	if f := p.see().expect("RC08"); !strings.Contains(Sentence("en", *f), "tried: first.lab.") {
		t.Error(Sentence("en", *f))
	}
	if n := p.tried(time.Minute); n != 0 {
		t.Fatalf("number %d is tried", n)
	}
	f = p.expect("RC08")
	if f.Remedy.State != "exhausted" || !f.Advice || !f.Remedy.Until.IsZero() {
		t.Errorf("%+v", f.Remedy)
	}
	if s := Sentence("en", *f); !strings.Contains(s, "(2) did not help") || !strings.Contains(s, "with which access point the modem must register") {
		t.Error(s)
	}
	if e := f.Evidence[len(f.Evidence)-1]; e.Value != "the network's own choice, first.lab" {
		t.Errorf("evidence %+v", f.Evidence)
	}
	if p.pass(24 * time.Hour); p.report.Repairs.Attach != 0 {
		t.Errorf("number %d is tried again", p.report.Repairs.Attach)
	}
	p.Path.Attach = []string{"", "named.lab"} // its owner has named one
	if n := p.tried(5 * time.Second); n != 1 {
		t.Errorf("number %d is tried", n)
	}
}

func TestAccessPointForRegisteringHelps(t *testing.T) {
	p := unregistered(t, "", "first.lab")
	p.tried(time.Minute)
	p.Observed.Modem.Phase, p.Observed.Modem.Registration = modem.PhaseReady, modem.Registration{State: "home", Attached: true}
	p.Path.Attach = nil
	p.pass(time.Second)
	if ep := p.report.History[len(p.report.History)-1]; ep.Code != "RC08" || ep.Remedy != string(NextAttach) || ep.Helped != "yes" {
		t.Errorf("%+v", ep)
	}
	if p.report.Repairs.Attach != 0 {
		t.Errorf("number %d is tried still", p.report.Repairs.Attach)
	}
	p.pass(relapse + time.Minute) // the network changes its mind: all are tried anew
	p.down(modem.PhaseDenied)
	p.Observed.Modem.Registration.Cause, p.Path.Attach = 27, []string{"", "second.lab"}
	if n := p.see().tried(5 * time.Second); n != 1 {
		t.Errorf("number %d is tried", n)
	}
}

// TestModemThatSearchesIsWaitedFor: its network has not seen what is tried.
func TestModemThatSearchesIsWaitedFor(t *testing.T) {
	p := unregistered(t, "", "first.lab")
	began := p.Observed.Now
	p.Observed.Modem.Phase = modem.PhaseRegister
	if p.pass(100 * time.Second); p.report.Repairs.Attach != 1 {
		t.Fatalf("number %d is tried", p.report.Repairs.Attach)
	}
	if f := p.expect("RC08"); f.Remedy.State != "running" || !f.Remedy.Until.After(p.Observed.Now) {
		t.Errorf("%+v", f.Remedy)
	}
	if n, took := p.tried(time.Minute), p.Observed.Now.Sub(began); n != 2 || took > 130*time.Second { // without an end
		t.Fatalf("number %d is tried after %v", n, took)
	}
	p.pass(time.Minute)
	p.Observed.Modem.Phase = modem.PhaseDenied
	if n := p.tried(2 * time.Second); n != 0 {
		t.Errorf("refused, number %d is tried", n)
	}
}

// TestRemedyForRegisteringEndsWithItsForm: with another refusal, or when there is nothing to
// try any more, a person is asked at once.
func TestRemedyForRegisteringEndsWithItsForm(t *testing.T) {
	for name, change := range map[string]func(*patient){
		"another refusal":     func(p *patient) { p.Observed.Modem.Registration.Cause = 8 },
		"a document names it": func(p *patient) { p.Path.Attach = nil },
	} {
		p := unregistered(t, "", "first.lab")
		change(p)
		f := p.pass(2 * time.Second).expect("RC08")
		if s := Sentence("en", *f); f.Remedy != nil || !f.Advice || strings.Contains(s, "{") {
			t.Errorf("%s: %+v, advice %v: %s", name, f.Remedy, f.Advice, s)
		}
	}
}

// TestWhatTheModemHasIsNotWaitedFor: it was refused with that already.
func TestWhatTheModemHasIsNotWaitedFor(t *testing.T) {
	p := unregistered(t, "", "first.lab", "second.lab")
	p.Path.AttachSame = true
	if n := p.tried(2 * time.Second); n != 2 {
		t.Fatalf("number %d is tried", n)
	}
	p.Path.AttachSame = false
	if n := p.tried(30 * time.Second); n != 2 {
		t.Errorf("number %d is tried", n)
	}
}

// TestNextSIMIsTriedFromTheFirst access point on.
func TestNextSIMIsTriedFromTheFirst(t *testing.T) {
	for name, change := range map[string]func(*modem.Status){
		"another SIM":   func(m *modem.Status) { m.Phase, m.SIM.State = modem.PhaseNoSIM, modem.SIMAbsent },
		"another modem": func(m *modem.Status) { m.Phase = modem.PhaseNoModem },
	} {
		p := unregistered(t, "", "first.lab")
		was := p.Observed.Modem
		p.tried(time.Minute)
		change(&p.Observed.Modem)
		p.Observed.Modem.Registration = modem.Registration{}
		if p.pass(time.Second); p.report.Repairs.Attach != 0 {
			t.Errorf("%s: number %d is tried", name, p.report.Repairs.Attach)
		}
		p.Observed.Modem = was
		if n := p.tried(5 * time.Second); n != 1 {
			t.Errorf("%s: number %d is tried", name, n)
		}
	}
}

// TestNothingIsTriedForOtherRefusals, nor when there is nothing to try.
func TestNothingIsTriedForOtherRefusals(t *testing.T) {
	p := unregistered(t, "", "first.lab")
	p.Observed.Modem.Registration.Cause = 12
	p.report = Report{}
	for _, p := range []*patient{p.see().pass(time.Minute), unregistered(t).pass(time.Minute)} {
		if f := p.expect("RC08"); f.Remedy != nil || !f.Advice || p.report.Repairs.Attach != 0 {
			t.Errorf("%+v, repairs %+v", f, p.report.Repairs)
		}
	}
}

// TestRecordOfRegisteringNamesNobody: neither SIM nor password.
func TestRecordOfRegisteringNamesNobody(t *testing.T) {
	p := unregistered(t, "")
	p.Observed.Modem.Attach.Done = &modem.Attach{Card: "8949020000012345678", Set: true, Profile: modem.Bearer{APN: "a", User: "somebody", Password: "sesame"}}
	text, err := Record(p.Case, p.report, p.report)
	for _, secret := range []string{"8949020000012345678", "somebody", "sesame"} {
		if err != nil || strings.Contains(string(text), secret) {
			t.Errorf("%v: the record tells %s", err, secret)
		}
	}
	r, _, err := Replay(text)
	if err != nil || r.Verdict == nil || r.Verdict.Variant != "attach" {
		t.Errorf("%v: %+v", err, r.Verdict)
	}
	var written struct{ Case struct{ Path Path } }
	if err := json.Unmarshal(text, &written); err != nil || !slices.Equal(written.Case.Path.Attach, []string{""}) {
		t.Errorf("%v: %+v", err, written.Case.Path)
	}
}
