package control

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/clock"
	"github.com/tetherd/tetherd/fetch"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
	"github.com/tetherd/tetherd/provision"
	"github.com/tetherd/tetherd/provision/document"
)

// paper writes a document of the operator with this letter in its identifier.
func paper(letter string, serial int, rest string) []byte {
	return []byte(fmt.Sprintf(`{"format": "tetherd-document/1", "serial": %d, "operator": {"id": "{%s1111111-2222-3333-4444-555555555555}", "name": "Lab"}, %s}`, serial, letter, rest))
}

const forOurs = `"sims": [{"match": {"mcc": "262"}, "sharing": {"max_devices": 5}}]`

// provide applies a document as its owner and returns what became of it.
func (r *running) provide(raw []byte) ProvideAnswer {
	r.t.Helper()
	answer := make(chan ProvideAnswer, 1)
	if err := r.Send(Provide{Offer: document.Offer{Raw: raw, Origin: document.ByOwner}, By: Author{Name: "test"}, Answer: answer}); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
	return <-answer
}

// asked sends an Intent and returns its answer.
func (r *running) asked(intent func(chan<- error) Intent) error {
	r.t.Helper()
	answer := make(chan error, 1)
	if err := r.Send(intent(answer)); err != nil {
		r.t.Fatal(err)
	}
	r.pass(time.Second)
	return <-answer
}

func (w *world) shelf(t *testing.T) shelf {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.state, "documents"))
	if err != nil {
		t.Fatal(err)
	}
	var s shelf
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func story(s *Snapshot) string {
	d := s.Documents
	text := fmt.Sprintf("limit %d", d.Policy.MaxClients)
	if d.Trial != nil {
		text += ", on trial"
	}
	if d.Outcome != nil {
		text += fmt.Sprintf(", kept %t: %s", d.Outcome.Kept, d.Outcome.Why)
	}
	return text
}

// A document that proves good is kept; the file is written before it is in force.
func TestDocumentIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.pass(time.Second)
		a := r.provide(paper("1", 1, forOurs))
		if a.Trial == "" || a.Err != nil || a.Report.Refused() {
			t.Fatalf("%+v", a)
		}
		if s := w.shelf(t); !s.OnTrial || len(s.Trial) != 1 || len(s.Kept) != 0 {
			t.Errorf("on disk while on trial: %+v", s)
		}
		if got := story(r.settle()); got != "limit 5, on trial" {
			t.Error(got)
		}
		if got := story(r.pass(10 * time.Second)); got != "limit 5, kept true: clients have Internet with it" {
			t.Error(got)
		}
		if s := w.shelf(t); s.OnTrial || len(s.Kept) != 1 || len(s.Former) != 0 {
			t.Errorf("on disk afterwards: %+v", s)
		}
		if info, err := os.Stat(filepath.Join(w.state, "documents")); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		if again := r.provide(paper("1", 1, forOurs)); again.Trial != "" || again.Report.Refused() {
			t.Errorf("the same again: %+v", again)
		}
	})
}

// TestPersonsDocument: a person's document is kept when this person confirms it, or is seen
// again and clients still have Internet; not because they have it alone.
func TestPersonsDocument(t *testing.T) {
	seen := func(session string) func(r *running) {
		return func(r *running) {
			if err := r.Send(Seen{Session: session, Made: time.Now()}); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	confirm := func(id string, want error) func(r *running) {
		return func(r *running) {
			if err := r.asked(func(a chan<- error) Intent { return ConfirmDocument{id, a} }); !errors.Is(err, want) {
				r.t.Errorf("confirmed: %v", err)
			}
		}
	}
	lose := func(r *running) { r.w.change(plan.Probe, func() { r.w.verdict = probe.Dead }) }
	for _, c := range []struct {
		story string
		do    []func(r *running)
		soon  string // after what was done
		end   string // after its time
	}{
		{"nobody", nil, "limit 5, on trial", "limit 0, kept false: nobody confirmed it"},
		{"somebody else", []func(r *running){seen("s2")}, "limit 5, on trial", "limit 0, kept false: nobody confirmed it"},
		{"its author", []func(r *running){seen("s1")}, "limit 5, kept true: its author came back", ""},
		{"its author, without Internet", []func(r *running){lose, seen("s1")}, "limit 5, on trial", "limit 0, kept false: clients lost the Internet"},
		{"confirmed, without Internet", []func(r *running){lose, confirm("", nil)}, "limit 5, kept true: it was confirmed", ""},
		{"another one is confirmed", []func(r *running){confirm("other", ErrNoTrial)}, "limit 5, on trial", "limit 0, kept false: nobody confirmed it"},
	} {
		t.Run(c.story, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r := w.start(t, "")
				r.pass(time.Second)
				answer := make(chan ProvideAnswer, 1)
				if err := r.Send(Provide{Offer: document.Offer{Raw: paper("1", 1, forOurs), Origin: document.ByOwner}, By: sitting(), Answer: answer}); err != nil {
					t.Fatal(err)
				}
				if a := <-answer; a.Trial == "" || a.Err != nil {
					t.Fatalf("%+v", a)
				}
				r.pass(2 * TrialSettle)
				for _, do := range c.do {
					do(r)
					r.settle()
				}
				if got := story(r.pass(2 * TrialSettle)); got != c.soon {
					t.Error(got)
				}
				if got := story(r.pass(documentLimit)); got != cmp.Or(c.end, c.soon) {
					t.Error(got)
				}
				if kept := len(w.shelf(t).Kept) == 1; kept != (c.end == "") {
					t.Errorf("on disk: %v", kept)
				}
			})
		})
	}
}

// One that costs clients the Internet is undone by itself.
func TestDocumentThatCostsTheInternet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.pass(time.Second)
		r.provide(paper("1", 1, forOurs))
		w.change(plan.Probe, func() { w.verdict = probe.Dead })
		if got := story(r.pass(documentLimit - 2*time.Second)); got != "limit 5, on trial" {
			t.Error(got)
		}
		if got := story(r.pass(4 * time.Second)); got != "limit 0, kept false: clients lost the Internet" {
			t.Error(got)
		}
		if s := w.shelf(t); s.OnTrial || len(s.Kept) != 0 {
			t.Errorf("on disk: %+v", s)
		}
	})
}

// A document that takes sharing away costs clients the Internet by its will.
func TestDocumentThatForbidsSharing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.pass(time.Second)
		r.provide(paper("1", 1, `"sims": [{"sharing": {"rule": "never"}}]`))
		w.change(plan.Probe, func() { w.client = probe.Dead })
		s := r.pass(10 * time.Second)
		if s.Documents.Policy.Sharing.Allowed() || s.Documents.Outcome == nil || !s.Documents.Outcome.Kept {
			t.Error(story(s))
		}
	})
}

// killed is a world after its process ended without a word.
func killed(t *testing.T, w *world, r *running) *world {
	t.Helper()
	w.leaves = true
	r.end()
	next := newWorld(t)
	next.state, next.run, next.leaves, next.left = w.state, w.run, true, w.modem.spec.Bearers[modem.Shared]
	return next
}

// The process ends in the middle of a trial: the former document is in force.
func TestDocumentTrialEndsWithItsProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.verdict = probe.Unknown // the trial stays open
		r := w.start(t, "")
		r.pass(time.Second)
		r.provide(paper("1", 1, forOurs))
		next := killed(t, w, r)
		r = next.start(t, "")
		if got := story(r.pass(time.Second)); got != "limit 0, kept false: the program ended before it was kept" {
			t.Error(got)
		}
	})
}

// At every moment of an apply the disk holds the old list or the new one, each whole.
func TestDocumentsOnDiskAreOldOrNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.pass(time.Second)
		check := func(when string, limits ...int) {
			t.Helper()
			d := openDocuments(copyOf(t, w.state), w.log)
			limit := 0
			if f, _ := choose(d.list(), document.Card{MCC: "262", IMSI: "262010000012345"}); f != nil {
				limit = f.Entry.Sharing.MaxDevices
			}
			for _, l := range limits {
				if l == limit {
					return
				}
			}
			t.Errorf("%s: limit %d, want one of %v", when, limit, limits)
		}
		check("before", 0)
		r.provide(paper("1", 1, forOurs))
		check("on trial", 0)
		r.pass(10 * time.Second)
		check("kept", 5)
		r.provide(paper("1", 2, strings.Replace(forOurs, "5", "4", 1)))
		check("second on trial", 5)
		if err := r.asked(func(c chan<- error) Intent { return TakeBack{Answer: c} }); err != nil {
			t.Error(err)
		}
		check("taken back", 5)
		if err := r.asked(func(c chan<- error) Intent { return TakeBack{Answer: c} }); err != nil {
			t.Error(err)
		}
		check("the one before on trial", 5)
		r.pass(10 * time.Second)
		check("the one before", 0)
	})
}

// Undoing a trial that has ended meanwhile undoes nothing else.
func TestTakeBackOfATrialThatEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.pass(time.Second)
		r.provide(paper("1", 1, forOurs))
		r.pass(10 * time.Second)
		second := r.provide(paper("1", 2, strings.Replace(forOurs, "5", "4", 1))).Trial
		undo := func(c chan<- error) Intent { return TakeBack{ID: second, Answer: c} }
		if err := r.asked(undo); err != nil {
			t.Error(err)
		}
		if err := r.asked(undo); !errors.Is(err, ErrNoTrial) {
			t.Errorf("again: %v", err)
		}
		if got := story(r.pass(time.Minute)); got != "limit 5, kept false: it was taken back" {
			t.Error(got)
		}
		third := r.provide(paper("1", 3, strings.Replace(forOurs, "5", "3", 1))).Trial
		if err := r.asked(undo); !errors.Is(err, ErrNoTrial) || r.Snapshot().Documents.Trial == nil || third == "" {
			t.Errorf("while another is on trial: %v", err)
		}
	})
}

func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if text, err := os.ReadFile(filepath.Join(dir, "documents")); err == nil {
		if err := os.WriteFile(filepath.Join(to, "documents"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// A file that cannot be read is put aside, and what is on it is not half believed.
func TestDamagedDocuments(t *testing.T) {
	good, err := json.Marshal(shelf{Version: shelfVersion, Kept: []Edition{{Raw: paper("1", 1, forOurs), Origin: document.ByOwner}}})
	if err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut < len(good); cut += 7 {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "documents"), good[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		d := openDocuments(dir, newWorld(t).log)
		if _, err := os.Stat(filepath.Join(dir, "documents.damaged")); len(d.list()) != 0 || err != nil {
			t.Errorf("cut at %d: %d documents, %v", cut, len(d.list()), err)
		}
	}
	if s, err := readShelf(good); err != nil || len(s.Kept) != 1 || s.Kept[0].Document == nil {
		t.Errorf("%+v, %v", s, err)
	}
}

// Each SIM has the document of its operator, whichever was applied last.
func TestDocumentFollowsTheSIM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.pass(time.Second)
		for _, raw := range [][]byte{
			paper("1", 1, forOurs), paper("2", 1, `"sims": [{"match": {"mcc": "262"}, "sharing": {"max_devices": 3}}, {"match": {"mcc": "310"}, "sharing": {"max_devices": 9}}]`),
		} {
			if a := r.provide(raw); a.Trial == "" {
				t.Fatalf("%+v", a)
			}
			r.pass(10 * time.Second)
		}
		limit := func(s *Snapshot) int { return s.Documents.Policy.MaxClients }
		if got := limit(r.settle()); got != 5 { // of equal ones that of the smaller identifier
			t.Errorf("limit %d", got)
		}
		w.change(plan.Modem, func() { w.sim.MCC, w.sim.IMSI, w.sim.ICCID = "310", "310260000012345", "8901260000012345678" })
		if got := limit(r.pass(time.Second)); got != 9 {
			t.Errorf("the other SIM's limit %d", got)
		}
		w.change(plan.Modem, func() { w.phase, w.sim = modem.PhaseNoSIM, modem.SIM{State: modem.SIMAbsent} })
		if got := limit(r.pass(time.Second)); got != 9 {
			t.Errorf("without a SIM the limit is %d", got)
		}
		w.change(plan.Modem, func() {
			w.phase, w.sim = modem.PhaseReady, modem.SIM{State: modem.SIMReady, ICCID: "89", IMSI: "999991234567890", MCC: "999", MNC: "99"}
		})
		if s := r.pass(time.Second); limit(s) != 0 || s.Documents.InForce != -1 {
			t.Errorf("a strange SIM's limit %d", limit(s))
		}
	})
}

// keeps is a loop that keeps the document for our SIM.
func keeps(t *testing.T, w *world) *running {
	r := w.start(t, "")
	r.pass(time.Second)
	r.provide(paper("1", 1, forOurs))
	r.pass(10 * time.Second)
	return r
}

// After a restart the rules hold before the SIM has told who it is.
func TestDocumentHoldsAcrossARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := keeps(t, w)
		next := killed(t, w, r)
		next.phase, next.sim = modem.PhaseOpening, modem.SIM{}
		if got := next.start(t, "").pass(time.Second).Documents.Policy.MaxClients; got != 5 {
			t.Errorf("limit %d", got)
		}
	})
}

// So does the answer of the operator's server, until the SIM is known and afterwards.
func TestAnswerHoldsAcrossARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := consents(t, "deny")
		w.says(plan.AskEntitlement, fetch.Result{Status: http.StatusOK, Body: []byte(`{"entitled": true}`)})
		r.pass(10 * time.Second)
		next := killed(t, w, r)
		phase, sim := next.phase, next.sim
		next.phase, next.sim = modem.PhaseOpening, modem.SIM{}
		r = next.start(t, "")
		for _, known := range []bool{false, true} {
			if got := r.pass(time.Second).Documents.Policy.Sharing; !got.Allowed() {
				t.Errorf("the SIM is known %t: %+v", known, got)
			}
			next.change(plan.Modem, func() { next.phase, next.sim = phase, sim })
		}
	})
}

// The document of the former process's SIM is not taken for that of one that has none.
func TestFormerDocumentIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := keeps(t, w)
		next := killed(t, w, r)
		r = next.start(t, "")
		for _, test := range []struct {
			phase modem.Phase
			mcc   string
			limit int
		}{{modem.PhaseReady, "262", 5}, {modem.PhaseReady, "310", 0}, {modem.PhaseOpening, "310", 0}} {
			next.change(plan.Modem, func() { next.phase, next.sim.MCC = test.phase, test.mcc })
			if s := r.pass(time.Second); s.Documents.Policy.MaxClients != test.limit || (s.inputs.Document != nil) != (test.limit > 0) {
				t.Errorf("%+v: limit %d", test, s.Documents.Policy.MaxClients)
			}
		}
	})
}

// While a SIM has told half of what it is, nothing is dialled by no document's rules; one that
// never tells the rest is not waited for once the modem has given up asking.
func TestDocumentAndAHalfToldSIM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := keeps(t, w)
		r.end()
		w.leaves = false
		next := newWorld(t)
		next.state, next.run = w.state, w.run
		told := next.sim
		next.sim = modem.SIM{State: modem.SIMReady, ICCID: told.ICCID, Early: true}
		r = next.start(t, "")
		for _, test := range []struct {
			sim   modem.SIM
			up    bool
			limit int
		}{{next.sim, false, 0}, {modem.SIM{State: modem.SIMReady, ICCID: told.ICCID}, true, 0}, {told, true, 5}} {
			next.change(plan.Modem, func() { next.sim = test.sim })
			s := r.pass(10 * time.Second)
			if up := len(s.Desired.Modem.Bearers) > 0; up != test.up || s.Documents.Policy.MaxClients != test.limit {
				t.Errorf("early %t: dialled %t, limit %d", test.sim.Early, up, s.Documents.Policy.MaxClients)
			}
		}
	})
}

// What was fetched is judged against the document of the SIM that is in, and waits for it.
func TestFetchedBeforeTheSIMIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, signerKey())
		r.pass(time.Second)
		r.provide(paper("1", 3, `"refresh": {"url": "https://d.example/doc.json", "days": 1}, "sims": [{"match": {"mcc": "262"}, "sharing": {"max_devices": 3}}]`))
		r.pass(10 * time.Second)
		old := paper("1", 2, `"sims": [{"match": {"mcc": "262"}, "sharing": {"max_devices": 9}}]`)
		w.says(plan.AskDocument, fetch.Result{})
		up := r.Snapshot().Observed.Modem.Bearers
		w.change(plan.Modem, func() { w.phase, w.bearers = modem.PhaseOpening, up })
		r.pass(time.Second)
		w.says(plan.AskDocument, fetch.Result{Status: http.StatusOK, Body: old, Beside: sign(old)})
		if got := story(r.pass(time.Second)); !strings.HasPrefix(got, "limit 3, kept true") {
			t.Errorf("while it is not known: %s", got)
		}
		w.change(plan.Modem, func() { w.phase, w.bearers = modem.PhaseReady, nil })
		r.pass(time.Second)
		w.says(plan.AskDocument, fetch.Result{Status: http.StatusOK, Body: old, Beside: sign(old)})
		if got := story(r.pass(time.Second)); !strings.HasPrefix(got, "limit 3, kept false") || !strings.Contains(got, "is older") {
			t.Errorf("when it is: %s", got)
		}
	})
}

// consents is a world whose document asks a server about sharing.
func consents(t *testing.T, silent string) (*world, *running) {
	w := newWorld(t)
	r := w.start(t, "")
	r.pass(time.Second)
	raw := paper("1", 1, `"sims": [{"sharing": {"rule": "check", "check": {"url": "https://e.example/", "silent": "`+silent+`"}}}]`)
	if a := r.provide(raw); a.Trial == "" {
		t.Fatalf("%+v", a)
	}
	r.settle()
	return w, r
}

// says answers the request with an identifier that is asked now.
func (w *world) says(id string, r fetch.Result) {
	w.change(plan.Fetch, func() {
		r.At = time.Now()
		w.answers, w.answered = map[string]fetch.Result{id: r}, w.fetch.spec.Requests
	})
}

func TestEntitlement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := consents(t, "deny")
		sharing := func(s *Snapshot) string {
			p := s.Documents.Policy.Sharing
			return fmt.Sprintf("%t %s", p.Allowed(), p.Reason())
		}
		if got := sharing(r.settle()); !strings.HasPrefix(got, "false") || !strings.Contains(got, "has not answered yet") {
			t.Error(got)
		}
		asked := read(w, func() []fetch.Request { return w.fetch.spec.Requests })
		if len(asked) != 1 || asked[0].ID != plan.AskEntitlement || !strings.Contains(string(asked[0].Body), "262010000012345") {
			t.Errorf("%+v", asked)
		}
		w.says(plan.AskEntitlement, fetch.Result{Status: 200, Body: []byte(`{"entitled": true, "valid_seconds": 3600}`)})
		if got := sharing(r.pass(time.Second)); got != "true " {
			t.Error(got)
		}
		if got := sharing(r.pass(2 * time.Hour)); !strings.Contains(got, "is silent") {
			t.Errorf("an old answer: %s", got)
		}
		w.says(plan.AskEntitlement, fetch.Result{Status: 200, Body: []byte(`{"entitled": false, "reason": "no tethering"}`)})
		if got := sharing(r.pass(time.Second)); !strings.Contains(got, "on this plan: no tethering") {
			t.Error(got)
		}
		w.says(plan.AskEntitlement, fetch.Result{Status: 200, Body: []byte(`{"entitled": true}`)})
		w.change(plan.Modem, func() { w.sim.ICCID, w.sim.IMSI = "8949020000099999999", "262010000099999" })
		if got := sharing(r.pass(time.Second)); !strings.Contains(got, "has not answered yet") {
			t.Errorf("another SIM: %s", got)
		}
		w.says(plan.AskEntitlement, fetch.Result{Status: 200, Body: []byte(`{"entitled": true}`)})
		r.pass(time.Second)
		w.change(plan.Modem, func() { w.device.IMEI = "350000000000006" })
		if got := sharing(r.pass(time.Second)); !strings.Contains(got, "has not answered yet") {
			t.Errorf("another modem: %s", got)
		}
		w.says(plan.AskEntitlement, fetch.Result{Status: 403})
		if got := sharing(r.pass(time.Second)); !strings.Contains(got, "on this plan") {
			t.Errorf("forbidden: %s", got)
		}
		if w.lines.count("262010000012345") != 0 {
			t.Error("the log tells an IMSI")
		}
	})
}

// An answer is asked for again before it is old: by the real schedule nobody who may share is
// ever refused while the server answers, and nobody who may not is ever allowed, also not when
// it failed meanwhile.
func TestEntitlementIsAskedInTime(t *testing.T) {
	for _, test := range []struct {
		check, answer, silent string
		allowed               bool
		lasts                 time.Duration // the answer
	}{
		{"", `{"entitled": true}`, "deny", true, 24 * time.Hour},
		{`, "cache_seconds": 60`, `{"entitled": true}`, "deny", true, time.Minute},
		{"", `{"entitled": true, "valid_seconds": 3600}`, "deny", true, time.Hour},
		{`, "cache_seconds": 60`, `{"entitled": true, "valid_seconds": 3600}`, "deny", true, time.Hour},
		{"", `{"entitled": false, "valid_seconds": 60}`, "allow", false, time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, asked := newWorld(t), 0
			w.asker = fetch.New(fetch.Options{Log: w.log, Ask: func(context.Context, fetch.Request) (fetch.Result, error) {
				asked++
				if asked == 2 && test.lasts > time.Minute {
					return fetch.Result{}, errRefused
				}
				return fetch.Result{Status: http.StatusOK, Body: []byte(test.answer)}, nil
			}})
			r := w.start(t, "")
			r.pass(time.Second)
			r.provide(paper("1", 1, `"sims": [{"sharing": {"rule": "check", "check": {"url": "https://e.example/", "silent": "`+test.silent+`"`+test.check+`}}}]`))
			for left := 3 * test.lasts / 2; left > 0; left -= test.lasts / 40 {
				if got := r.pass(test.lasts / 40).Documents.Policy.Sharing; got.Allowed() != test.allowed {
					t.Fatalf("%+v: %v before the end: %+v", test, left, got)
				}
			}
			r.end()
			if asked < 2 || test.check == "" && asked > 4 {
				t.Errorf("%+v: asked %d times", test, asked)
			}
		})
	}
}

func TestSilentEntitlementServer(t *testing.T) {
	for silent, want := range map[string]bool{"allow": true, "deny": false} {
		synctest.Test(t, func(t *testing.T) {
			w, r := consents(t, silent)
			w.says(plan.AskEntitlement, fetch.Result{Failed: 1, Error: "e.example: no answer in time"})
			if got := r.pass(time.Second).Documents.Policy.Sharing; got.Allowed() != want {
				t.Errorf("silent %s: %+v", silent, got)
			}
			w.says(plan.AskEntitlement, fetch.Result{Status: 200, Body: []byte("<html>")})
			if got := r.pass(time.Second).Documents.Policy.Sharing; got.Allowed() != want {
				t.Errorf("rubbish, %s: %+v", silent, got)
			}
		})
	}
}

// Who cannot be asked, for the gateway's own access points are all refused while clients' is up,
// is as good as silent, and heard all the same when it can be.
func TestServerThatCannotBeAsked(t *testing.T) {
	for silent, want := range map[string]bool{"allow": true, "deny": false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.device.Sessions = 8
			for _, c := range provision.Candidates(nil, provision.IdentityOf(w.sim), nil, false) {
				w.causes[c.APN] = 33
			}
			w.causes["own.lab"] = 33
			r := w.start(t, "")
			r.pass(time.Second)
			r.provide(paper("1", 1, `"sims": [{"contexts": [{"name": "1", "uses": ["internet"], "apn": "own.lab"}, {"name": "2", "uses": ["tethering"], "apn": "tether.lab"}],
				"sharing": {"rule": "check", "check": {"url": "https://e.example/", "silent": "`+silent+`"}}}]`))
			if got := r.pass(110 * time.Second).Documents.Policy.Sharing; got.Allowed() || got.Answer != provision.Unanswered {
				t.Errorf("before it is late: %+v", got)
			}
			s := r.pass(15 * time.Second)
			if got := s.Documents.Policy.Sharing; got.Allowed() != want || !strings.Contains(got.Why, "cannot be asked") || len(s.Desired.Fetch.Requests) > 0 {
				t.Errorf("silent %s: %+v, asked %+v", silent, got, s.Desired.Fetch.Requests)
			}
			w.change(plan.Modem, func() { delete(w.causes, "own.lab") })
			for range 40 { // until the ladder tries again
				s = r.pass(time.Minute)
			}
			w.says(plan.AskEntitlement, fetch.Result{Status: 200, Body: []byte(`{"entitled": ` + fmt.Sprint(!want) + `}`)})
			if got := r.pass(time.Second).Documents.Policy.Sharing; got.Allowed() == want {
				t.Errorf("answered otherwise than %s: %+v", silent, got)
			}
			r.end()
		})
	}
}

const refreshing = `"refresh": {"url": "https://d.example/doc.json", "days": 1}, "sims": [{"sharing": {"max_devices": %d}}]`

// signer is the operator's key, which signerKey pins.
func signer() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, 32)) }

func signerKey() string {
	return "config document\n\tlist key '" + base64.StdEncoding.EncodeToString(signer().Public().(ed25519.PublicKey)) + "'\n"
}

func sign(raw []byte) []byte { return ed25519.Sign(signer(), raw) }

// edition is a document that refreshes itself, with a limit of clients.
func edition(serial, limit int) []byte { return paper("1", serial, fmt.Sprintf(refreshing, limit)) }

// refreshes is a loop that keeps the third edition, with a limit of three.
func refreshes(t *testing.T, w *world) *running {
	r := w.start(t, signerKey())
	r.pass(time.Second)
	r.provide(edition(3, 3))
	r.pass(10 * time.Second)
	return r
}

// gives answers the question for a document with a signed one.
func (w *world) gives(raw []byte) {
	w.says(plan.AskDocument, fetch.Result{Status: http.StatusOK, Body: raw, Beside: sign(raw)})
}

// What the document's server gives is applied when it is signed, newer and not known.
func TestFetchedDocuments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := refreshes(t, w)
		for _, test := range []struct {
			what string
			raw  []byte
			sign bool
			want string
		}{
			{"unsigned", edition(4, 4), false, "limit 3, kept false: /: the document is not signed"},
			{"older", edition(2, 4), true, "limit 3, kept false: /: the document is older (serial 2) than the one in force (serial 3)"},
			{"rubbish", []byte("<html>"), true, "limit 3, kept false: /html: line 1: this is no well-formed XML"},
			{"the one that was not signed, signed", edition(4, 4), true, "limit 4, on trial"},
		} {
			result := fetch.Result{Status: http.StatusOK, Body: test.raw, Tag: test.what}
			if test.sign {
				result.Beside = sign(test.raw)
			}
			w.says(plan.AskDocument, result)
			got := story(r.pass(time.Second))
			if !strings.HasPrefix(got, test.want) {
				t.Errorf("%s: %s", test.what, got)
			}
		}
		s := r.pass(10 * time.Second)
		if e := s.Documents.List[0]; e.Origin != document.Pulled || e.Tag != "the one that was not signed, signed" || !s.Documents.Outcome.Kept {
			t.Errorf("%s, %s", e.Origin, story(s))
		}
		if n := w.lines.count("document on trial"); n != 2 {
			t.Errorf("%d trials", n)
		}
	})
}

// A fetched document that does harm is undone and not tried again.
func TestFetchedDocumentThatDoesHarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := refreshes(t, w)
		w.gives(edition(4, 4))
		r.pass(time.Second)
		w.change(plan.Probe, func() { w.verdict = probe.Dead })
		if got := story(r.pass(documentLimit)); got != "limit 3, kept false: clients lost the Internet" {
			t.Error(got)
		}
		if got := story(r.pass(time.Hour)); !strings.HasPrefix(got, "limit 3, kept false") || w.lines.count("document on trial") != 2 {
			t.Errorf("%s, %d trials", got, w.lines.count("document on trial"))
		}
	})
}

// What was taken back is not fetched again, also not by the next process, but what comes after
// it is.
func TestFetchedDocumentThatWasTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := refreshes(t, w)
		fetched := func(serial int) string {
			w.gives(edition(serial, serial))
			return story(r.pass(10 * time.Second))
		}
		if got := fetched(4); !strings.HasPrefix(got, "limit 4, kept true") {
			t.Error(got)
		}
		if err := r.asked(func(c chan<- error) Intent { return TakeBack{Answer: c} }); err != nil {
			t.Error(err)
		}
		r.pass(10 * time.Second)
		if got := fetched(4); !strings.HasPrefix(got, "limit 3, kept true") {
			t.Errorf("at once: %s", got)
		}
		w = killed(t, w, r)
		r = w.start(t, signerKey())
		r.pass(10 * time.Second)
		if got := fetched(4); !strings.HasPrefix(got, "limit 3") {
			t.Errorf("the next process: %s", got)
		}
		if got := fetched(5); !strings.HasPrefix(got, "limit 5, kept true") {
			t.Errorf("the next edition: %s", got)
		}
	})
}

// Going back that is refused, or that its process does not see to the end, forgets nothing of
// what was taken back before: it is not fetched again.
func TestGoingBackInVain(t *testing.T) {
	back := func(c chan<- error) Intent { return TakeBack{Answer: c} }
	for what, inVain := range map[string]func(*testing.T, *world, *running) (*world, *running){
		"refused": func(t *testing.T, w *world, r *running) (*world, *running) {
			if err := r.trying(signerKey()+renamed, "", sitting()); err != nil {
				t.Fatal(err)
			}
			if err := r.asked(back); !errors.Is(err, ErrConflict) {
				t.Errorf("while settings are on trial: %v", err)
			}
			r.pass(5 * time.Minute)
			return w, r
		},
		"killed": func(t *testing.T, w *world, r *running) (*world, *running) {
			w.change(plan.Probe, func() { w.verdict = probe.Unknown })
			if err := r.asked(back); err != nil || r.Snapshot().Documents.Trial == nil {
				t.Fatalf("back: %v", err)
			}
			w = killed(t, w, r)
			return w, w.start(t, signerKey())
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r := refreshes(t, w)
				w.gives(edition(4, 4))
				r.pass(10 * time.Second)
				w.gives(edition(5, 5))
				if got := story(r.pass(time.Second)); !strings.HasPrefix(got, "limit 5, on trial") {
					t.Fatal(got)
				}
				if err := r.asked(back); err != nil {
					t.Fatal(err)
				}
				w, r = inVain(t, w, r)
				r.pass(10 * time.Second)
				w.gives(edition(5, 5))
				if got := story(r.pass(10 * time.Second)); !strings.HasPrefix(got, "limit 4, kept false") {
					t.Error(got)
				}
			})
		})
	}
}

// A trial is judged by the SIM that it began with, whatever another one's Internet says, and
// by the uplink that there was.
func TestDocumentTrialOfAnotherSIM(t *testing.T) {
	for _, other := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			r := refreshes(t, w)
			w.gives(edition(4, 4))
			r.pass(time.Second)
			w.says(plan.AskDocument, fetch.Result{Status: http.StatusNotModified})
			w.change(plan.Modem, func() {
				if w.sim.ICCID = "8949020000099999999"; !other {
					w.phase, w.sim = modem.PhaseNoSIM, modem.SIM{State: modem.SIMAbsent}
				}
			})
			if got := story(r.pass(documentLimit - 2*time.Second)); got != "limit 4, on trial, kept true: clients have Internet with it" {
				t.Errorf("another one %t: %s", other, got)
			}
			if got := story(r.pass(2 * time.Second)); !strings.Contains(got, ", kept false: the SIM that it is for was not in") {
				t.Errorf("another one %t, in the end: %s", other, got)
			}
			if s := w.shelf(t); s.Spurned != "" {
				t.Errorf("another one %t: what nobody has tried is spurned", other)
			}
		})
	}
}

// There is no Internet to lose where the last look was by an uplink that is gone.
func TestDocumentWithoutAnUplink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.pass(10 * time.Second)
		stale := r.Snapshot().Observed.Probe.Gateway
		w.change(plan.Modem, func() { w.phase, w.sim = modem.PhaseNoSIM, modem.SIM{State: modem.SIMAbsent} })
		w.change(plan.Probe, func() { w.stale = stale })
		r.pass(time.Second)
		r.provide(paper("1", 1, `"sims": [{"sharing": {"max_devices": 5}}]`))
		if got := story(r.pass(documentLimit + time.Second)); !strings.Contains(got, "kept true: nothing speaks against it") {
			t.Error(got)
		}
	})
}

// That a server has nothing else to give is noted, seldom, and its next question rests on that,
// also in the next process and on another bearer.
func TestServerWithNothingNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := refreshes(t, w)
		raw := edition(3, 3)
		first := func() time.Time {
			return read(w, func() time.Time { return w.fetch.spec.Requests[0].First })
		}
		for _, test := range []struct {
			what   string
			after  time.Duration
			result fetch.Result
			later  bool
		}{
			{"soon", time.Hour, fetch.Result{Status: http.StatusNotModified}, false},
			{"not modified", 30 * time.Hour, fetch.Result{Status: http.StatusNotModified}, true},
			{"the same bytes", 30 * time.Hour, fetch.Result{Status: http.StatusOK, Body: raw, Beside: sign(raw)}, true},
			{"a failure", 30 * time.Hour, fetch.Result{Failed: 1, Error: "no answer"}, false},
		} {
			r.pass(test.after)
			before := first()
			w.says(plan.AskDocument, test.result)
			s := r.pass(time.Second)
			if got := first(); got.After(before) != test.later || test.later && got.Before(time.Now().Add(23*time.Hour)) {
				t.Errorf("%s: asked from %v on, then from %v on", test.what, before, got)
			}
			if s.Documents.Fetched.At.IsZero() {
				t.Errorf("%s: the answer is not shown", test.what)
			}
		}
		want := first()
		w = killed(t, w, r)
		w.start(t, signerKey()).pass(time.Second)
		if got := first(); !got.Equal(want) {
			t.Errorf("the next process asks from %v on, not %v", got, want)
		}
	})
}

// What a clock that was years ahead has noted does not put the question off with every start:
// the start is noted once the time is known, and so is an answer.
func TestServerWasAskedByAWrongClock(t *testing.T) {
	for _, known := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.clock.status = func(s clock.Spec) clock.Status {
				st := clock.Status{InForce: s}
				if known {
					st.Trust = clock.TrustNetwork
				}
				return st
			}
			ahead := time.Now().AddDate(14, 0, 0)
			text, err := json.Marshal(shelf{Version: shelfVersion, Kept: []Edition{{Raw: paper("1", 3, fmt.Sprintf(refreshing, 3)), Origin: document.ByOwner, At: ahead, Asked: ahead}}})
			if err == nil {
				err = writeDurably(filepath.Join(w.state, "documents"), text)
			}
			if err != nil {
				t.Fatal(err)
			}
			started := time.Now()
			r := w.start(t, signerKey())
			r.pass(time.Second)
			if got := w.shelf(t).Kept[0].Asked; got.After(started.Add(time.Minute)) == known {
				t.Errorf("the time is known %t: asked at %v", known, got)
			}
			w.says(plan.AskDocument, fetch.Result{Status: http.StatusNotModified})
			r.pass(time.Second)
			if got := time.Since(w.shelf(t).Kept[0].Asked); got < 0 || got > time.Minute {
				t.Errorf("the time is known %t: an answer is noted as of %v ago", known, got)
			}
		})
	}
}

func TestRefreshOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.pass(time.Second)
		refresh := func(c chan<- error) Intent { return RefreshDocument{Answer: c} }
		if err := r.asked(refresh); err == nil || !strings.Contains(err.Error(), "names a server") {
			t.Error(err)
		}
		r.provide(paper("1", 3, fmt.Sprintf(refreshing, 3)))
		r.settle()
		for n, status := range []int{http.StatusNotModified, http.StatusNotModified, http.StatusNotFound, http.StatusForbidden} {
			if err := r.asked(refresh); err != nil {
				t.Error(err)
			}
			asked := func() []fetch.Request { return read(w, func() []fetch.Request { return w.fetch.spec.Requests }) }
			if q := asked(); len(q) != 1 || q[0].Attempt != uint32(n)+1 || !q[0].First.IsZero() {
				t.Fatalf("%+v", q)
			}
			// What fails is asked for again; once it has said that there is nothing else, or
			// nothing at all, no other bearer asks it again.
			w.says(plan.AskDocument, fetch.Result{Status: http.StatusServiceUnavailable, Failed: 1})
			r.pass(time.Minute)
			if q := asked(); len(q) != 1 || !q[0].First.IsZero() {
				t.Errorf("after a failure: %+v", q)
			}
			w.says(plan.AskDocument, fetch.Result{Status: status})
			for range 2 {
				r.pass(time.Minute)
				if q := asked(); len(q) != 1 || !q[0].First.After(time.Now()) {
					t.Errorf("%+v", q)
				}
				w.change(plan.Modem, func() { w.phase = modem.PhaseRegister })
				r.pass(time.Minute)
				w.change(plan.Modem, func() { w.phase = modem.PhaseReady })
			}
			r.pass(time.Minute)
		}
	})
}

func TestBuying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		r.pass(time.Second)
		buy := func(on bool) error {
			return r.asked(func(c chan<- error) Intent { return Buy{On: on, Answer: c} })
		}
		if err := buy(true); err == nil {
			t.Error("there is nothing to buy with")
		}
		r.provide(paper("1", 1, `"sims": [{"contexts": [{"name": "shop", "uses": ["purchase"], "apn": "shop.lab"}]}]`))
		r.settle()
		if err := buy(true); err != nil || !r.settle().Documents.Policy.Buying {
			t.Errorf("%v, %+v", err, r.settle().Documents.Policy)
		}
		if err := buy(false); err != nil || r.settle().Documents.Policy.Buying {
			t.Errorf("%v", err)
		}
		if err := buy(true); err != nil {
			t.Error(err)
		}
		w.change(plan.Modem, func() { w.sim.ICCID = "8949020000099999999" })
		if s := r.pass(time.Second); s.Documents.Policy.Buying || s.Documents.Buying {
			t.Error("another SIM buys")
		}
	})
}

// Documents and settings are tried one at a time.
func TestOneTrialAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.verdict = probe.Unknown
		r := w.start(t, "")
		r.pass(time.Second)
		r.provide(paper("1", 1, forOurs))
		if a := r.provide(paper("2", 1, forOurs)); a.Err == nil || a.Trial != "" {
			t.Errorf("%+v", a)
		}
		answer := make(chan error, 1)
		if err := r.Send(Try{Config: w.config(t, "config lan\n\toption mtu '1400'\n"), Answer: answer}); err != nil {
			t.Fatal(err)
		}
		r.pass(time.Second)
		if err := <-answer; err == nil {
			t.Error("a change of settings was tried too")
		}
	})
}

func TestAtMostFourDocuments(t *testing.T) {
	var list []Edition
	for _, letter := range []string{"1", "2", "3", "4", "5", "3"} {
		e := Edition{Raw: paper(letter, 1, forOurs)}
		if !e.read() {
			t.Fatal("it cannot be read")
		}
		list = with(list, e)
	}
	var ids string
	for _, e := range list {
		ids += e.Document.Operator.ID[1:2]
	}
	if ids != "2453" {
		t.Errorf("kept %s", ids)
	}
}

// What is judged without being applied is told the same way.
func TestSnapshotJudges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.start(t, "").pass(time.Second)
		if report := s.Judge(document.Offer{Raw: paper("1", 1, forOurs), Origin: document.ByOwner}); report.Refused() {
			t.Errorf("%+v", report)
		}
		if report := s.Judge(document.Offer{Raw: paper("1", 1, forOurs), Origin: document.Pulled}); !report.Refused() {
			t.Error("unsigned and pulled")
		}
		if report := s.Judge(document.Offer{Raw: paper("1", 1, `"bound": {"subscriber": "310"}, "sims": [{}]`), Origin: document.ByOwner}); !report.Refused() {
			t.Error("bound to another SIM")
		}
		if len(s.Documents.List) != 0 || s.Documents.Policy.Sharing != (provision.Entitlement{}) {
			t.Errorf("%+v", s.Documents)
		}
	})
}

// What a document's server gives takes the place of the document that asked, also when it
// is bound to others than that one.
func TestFetchedEditionTakesTheAskersPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, signerKey())
		r.pass(time.Second)
		bound := `"bound": {"subscriber": "26201"}, ` + fmt.Sprintf(refreshing, 3)
		r.provide(paper("1", 3, bound))
		r.provide(paper("2", 1, `"sims": [{"match": {"mcc": "310"}}]`)) // refused: of another SIM
		r.pass(10 * time.Second)
		free := paper("1", 4, fmt.Sprintf(refreshing, 4))
		w.says(plan.AskDocument, fetch.Result{Status: http.StatusOK, Body: free, Beside: sign(free)})
		s := r.pass(10 * time.Second)
		if got := story(s); len(s.Documents.List) != 1 || got != "limit 4, kept true: clients have Internet with it" {
			t.Errorf("%d documents, %s", len(s.Documents.List), got)
		}
	})
}
