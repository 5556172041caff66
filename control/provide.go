package control

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tetherd/tetherd/clock"
	"github.com/tetherd/tetherd/fetch"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
	"github.com/tetherd/tetherd/provision"
	"github.com/tetherd/tetherd/provision/document"
)

// documentLimit is how long a document's trial may take: it may bring other access
// points, of which a modem tries several.
const documentLimit = 3 * time.Minute

// Provide is the Intent to put a document into force on trial.
type Provide struct {
	Offer  document.Offer
	By     Author
	Answer chan<- ProvideAnswer // gets one value, after the turn that began the trial; has room for it
}

// ProvideAnswer says what became of a document.
type ProvideAnswer struct {
	Report document.Report
	Trial  string // id of the trial; "" when nothing was to be changed or it was refused
	Err    error  // why it could not be tried though it is right
}

// TakeBack is the Intent to undo the document trial. Without an ID it is whichever is under
// way, or else to go back to the documents before the present ones, on trial.
type TakeBack struct {
	ID     string // of the trial that is meant, and nothing else; "" see above
	By     Author
	Answer chan<- error // gets one value after the turn; has room for it
}

// ConfirmDocument is the Intent to keep the document trial.
type ConfirmDocument struct {
	ID     string       // of the trial; "" whichever is under way
	Answer chan<- error // gets one value after the turn; has room for it
}

// RefreshDocument is the Intent to ask the operator's servers now.
type RefreshDocument struct {
	Answer chan<- error // gets one value after the turn; has room for it
}

// Buy is the Intent to send clients by the document's access point for buying a plan,
// or back.
type Buy struct {
	On     bool
	Answer chan<- error // gets one value after the turn; has room for it
}

// Documents is what a Snapshot tells of operators' documents.
type Documents struct {
	List    []Edition // in force or on trial, for whichever SIM
	InForce int       // index in List of the one for the SIM in the modem; -1 none
	Policy  provision.Policy
	Trial   *Trial   // under way; nil none
	Outcome *Outcome // of the last trial; nil none
	Buying  bool
	Fetched fetch.Result // last answer of the document's server
	Consent provision.Consent
	// Activity is how far the activation of the document in force has got.
	Activity provision.Activity
}

// Judge says what would become of a document, and does nothing.
func (s *Snapshot) Judge(o document.Offer) document.Report {
	_, report := judge(o, s.Documents.List, s.Config.Document.Keys, cardOf(s.Observed.Modem))
	return report
}

// AsksServers says that the document in force names a server: of its next edition, or one
// that tells whether clients may have Internet.
func (s *Snapshot) AsksServers() bool { return asksServers(s.inputs.Document) }

func asksServers(f *provision.InForce) bool {
	return f != nil && (f.Document.Refresh != nil || f.Entry.Sharing.Check != nil)
}

// provide judges an offer and begins its trial.
func (l *Loop) provide(i Provide) {
	report, id, err := l.offer(i.Offer, cardOf(l.Snapshot().Observed.Modem), i.By, "")
	a := ProvideAnswer{Report: report, Trial: id, Err: err}
	if id == "" {
		i.Answer <- a
		return
	}
	l.state.provided = append(l.state.provided, func() { i.Answer <- a })
}

// offer judges a document for a card and begins its trial; without an id nothing is to be
// changed.
func (l *Loop) offer(o document.Offer, card document.Card, by Author, tag string) (document.Report, string, error) {
	d := &l.state.documents
	next, report := judge(o, d.list(), l.state.inputs.Config.Document.Keys, card)
	_, asker := choose(d.kept, card)
	if next == nil {
		return report, "", nil
	}
	e := Edition{Raw: o.Raw, Signature: o.Signature, Origin: o.Origin, At: time.Now().UTC().Truncate(time.Second), Tag: tag}
	e.read()
	for _, old := range d.list() {
		if bytes.Equal(old.Raw, e.Raw) {
			return report, "", nil
		}
	}
	id, err := l.tryDocuments(with(d.without(asker, o.Origin), e), d.activation(e), by)
	return report, id, err
}

// tryDocuments puts another list of documents into force on trial, with an activation to
// be done. What it replaces stays in the file beside it.
func (l *Loop) tryDocuments(next []Edition, activity provision.Activity, by Author) (string, error) {
	s := &l.state
	d := &s.documents
	switch {
	case d.trial != nil:
		return "", fmt.Errorf("%w: a document of %s is on trial", ErrConflict, d.trial.By.Name)
	case s.trial != nil:
		return "", fmt.Errorf("%w: a change of %s is on trial", ErrConflict, s.trial.By.Name)
	}
	now := time.Now()
	d.trial = &documentTrial{next: next, former: d.course, sim: subscriber(l.Snapshot().Observed.Modem), Trial: Trial{ID: rand.Text()[:10], By: by, Began: now, Until: now.Add(documentLimit), WasOnline: s.wasServed(l.Snapshot())}}
	if err := d.write(); err != nil {
		d.trial = nil
		return "", err
	}
	d.activity = activity
	l.log.Info("document on trial", "id", d.trial.ID, "by", by.Name)
	s.inputs.Proof++
	return d.trial.ID, nil
}

// wasServed says that the uplink was proved, for clients where they may have it.
func (s *state) wasServed(last *Snapshot) bool {
	return last.Online || gatewayOnline(last.Observed.Probe, last.Desired)
}

// gatewayOnline says that the gateway itself has Internet by the uplink that there is.
func gatewayOnline(p probe.Status, want plan.Desired) bool {
	key := want.Probe.Gateway.Key
	return key != "" && p.Gateway.Key == key && p.Gateway.Verdict == probe.Online
}

// endDocuments ends the trial: the new list is kept, or the old one stays.
func (l *Loop) endDocuments(kept bool, why string) {
	d := &l.state.documents
	t := d.trial
	old, before, spurned := d.former, d.kept, d.spurned
	if d.trial = nil; kept {
		d.former, d.kept = d.kept, t.next
		if t.back {
			d.spurn(before, d.kept)
		}
	} else {
		d.course = t.former
	}
	if err := d.write(); err != nil { // what cannot be kept is not in force after a restart either
		d.former, d.kept, d.spurned, d.course, kept, why = old, before, spurned, t.former, false, err.Error()
		l.log.Error("the document cannot be kept", "err", err)
	}
	d.outcome = &Outcome{ID: t.ID, By: t.By, Kept: kept, Why: why, At: time.Now()}
	l.log.Info("document trial ended", "id", t.ID, "kept", kept, "why", why)
}

// spurn notes what was fetched and is not among those that stay: its server gives it again.
func (d *documents) spurn(list, stay []Edition) {
	for _, e := range list {
		if e.Origin == document.Pulled && !slices.ContainsFunc(stay, func(s Edition) bool { return s.digest() == e.digest() }) {
			d.spurned = e.digest()
		}
	}
}

// harmed notes what is on trial and is to be undone. Going back tries nothing new.
func (d *documents) harmed() {
	if !d.trial.back {
		d.spurn(d.trial.next, d.kept)
	}
}

// takeBack undoes the trial, or tries the documents of before.
func (l *Loop) takeBack(i TakeBack) {
	var err error
	d := &l.state.documents
	switch {
	case i.ID != "" && (d.trial == nil || d.trial.ID != i.ID):
		err = ErrNoTrial // what is kept by now is not taken for it
	case d.trial != nil:
		d.harmed()
		l.endDocuments(false, "it was taken back")
	case len(d.kept) == 0 && len(d.former) == 0:
		err = ErrNoTrial
	default:
		if _, err = l.tryDocuments(d.former, d.activity, i.By); err == nil {
			d.trial.back = true
		}
	}
	l.answer(i.Answer, err)
}

// confirmDocument keeps the trial.
func (l *Loop) confirmDocument(i ConfirmDocument) {
	var err error
	d := &l.state.documents
	if d.trial == nil || i.ID != "" && d.trial.ID != i.ID {
		err = ErrNoTrial
	} else if l.endDocuments(true, "it was confirmed"); !d.outcome.Kept {
		err = errors.New(d.outcome.Why)
	}
	l.answer(i.Answer, err)
}

// buy switches the access point for buying a plan on or off.
func (l *Loop) buy(i Buy) {
	var err error
	if i.On && len(l.state.inputs.Policy.Contexts[modem.Purchase]) == 0 {
		err = errors.New("control: no document names an access point for buying a plan")
	} else {
		l.state.bought(i.On, cardOf(l.Snapshot().Observed.Modem))
	}
	l.answer(i.Answer, err)
}

func (l *Loop) refreshDocument(i RefreshDocument) {
	var err error
	if !asksServers(l.state.inputs.Document) {
		err = errors.New("control: no document in force names a server to ask")
	} else {
		l.state.inputs.Refresh++
		l.state.documents.spurned = ""
	}
	l.answer(i.Answer, err)
}

// answer gives an error at once, and success after the turn.
func (l *Loop) answer(to chan<- error, err error) {
	if err != nil {
		to <- err
		return
	}
	l.state.answers = append(l.state.answers, to)
}

// provision folds what is observed into the policy in force: which document is for the
// SIM, what was fetched, what the operator's server says of sharing.
func (l *Loop) provision(obs plan.Observed) time.Time {
	s := &l.state
	d := &s.documents
	card := cardOf(obs.Modem)
	defer l.noteCourse()
	if card.Known() {
		d.belong(subscriber(obs.Modem))
		d.judged = obs.Modem.SIM.ICCID
	}
	l.takeFetched(obs)
	s.inputs.Unjudged = d.judged != obs.Modem.SIM.ICCID && (len(d.list()) > 0 || s.inputs.Document != nil)
	f, at := choose(d.list(), card)
	switch {
	case card.Known():
		s.former.read.Document = "" // it was of that process's SIM
		s.former.document, s.former.entry = s.chose(card)
	case s.inputs.Document != nil:
		return time.Time{} // until the next SIM is known the former one's rules hold
	default: // of this boot's SIM nothing is known yet but what a former process wrote, and held to
		s.inputs.Document = s.former.read.chosen(d.list())
		return time.Time{}
	}
	s.inputs.Document, s.inputs.Policy = f, provision.Policy{}
	if f == nil {
		d.buys = purchase{}
		return time.Time{}
	}
	wake, old := d.ask(obs, f, l.log)
	if old {
		s.inputs.Consult++
	}
	s.inputs.Policy = provision.Demand(f.Document, f.Entry)
	if c := f.Entry.Sharing.Check; c != nil {
		s.inputs.Policy = s.inputs.Policy.Answered(d.consent.Consent, c.Silent, obs.Now)
	}
	if len(s.inputs.Policy.Contexts[modem.Purchase]) == 0 {
		d.buys = purchase{} // nobody is sent anywhere, now or by a later edition
	}
	s.inputs.Policy.Buying = d.buys.On
	l.tellDocument(at)
	if at >= 0 {
		wake = earliest(wake, l.activate(obs, d.list()[at]))
	}
	return wake
}

// tellDocument logs another document in force.
func (l *Loop) tellDocument(at int) {
	d := &l.state.documents
	if at < 0 {
		return
	}
	e := d.list()[at]
	if told := e.digest(); told != d.told {
		d.told = told
		l.log.Info("document in force", "operator", e.Document.Operator.ID, "serial", e.Document.Serial, "origin", e.Origin)
	}
}

// ask takes the entitlement server's answer about the SIM that is in now, and returns when
// that changes by itself, and whether it is time to ask again. After a swap the last answer
// is still there for a moment: it was about another question.
func (d *documents) ask(obs plan.Observed, f *provision.InForce, log *slog.Logger) (wake time.Time, old bool) {
	check := f.Entry.Sharing.Check
	if check == nil {
		d.consent = consent{}
		return time.Time{}, false
	}
	question := document.Question(provision.CardOf(obs.Modem.SIM, obs.Modem.Device))
	if key := check.URL + " " + sum(question); d.consent.key != key {
		d.consent = d.answers.recall(key, obs.Now)
	}
	q := fetch.Request{ID: plan.AskEntitlement, URL: check.URL, Body: fetch.Secret(question)}
	r, ok := answerTo(obs.Fetch, q)
	said, answered := heard(r, *check)
	if ok {
		d.consent.Asked, d.consent.Unheard = true, false
	}
	due := d.consent.await(obs, isAsked(obs.Fetch, q))
	if !answered {
		return earliest(due, ahead(d.consent.Until, obs.Now)), false
	}
	d.consent.Consent = said
	d.answers.keep(d.consent, obs.Now, log)
	again := said.Again(r.At)
	return ahead(again, obs.Now), !obs.Now.Before(again)
}

// heard is what a server says of sharing; false when that is nothing.
func heard(r fetch.Result, check document.Entitlement) (provision.Consent, bool) {
	a, err := document.ParseAnswer(r.Body, check)
	switch {
	case r.Status == http.StatusForbidden:
		return provision.Consent{Asked: true, Answered: true, Until: r.At.Add(24 * time.Hour)}, true
	case r.Status == http.StatusOK && err == nil:
		until := r.At.Add(time.Duration(a.Valid) * time.Second)
		return provision.Consent{Asked: true, Answered: true, Entitled: a.Entitled, Reason: a.Reason, Until: until}, true
	}
	return provision.Consent{}, false
}

// ahead is a time that is still to come; zero otherwise.
func ahead(at, now time.Time) time.Time {
	if now.Before(at) {
		return at
	}
	return time.Time{}
}

// answerTo is the answer to a request, when it came from the address that is asked now,
// and to the same question.
func answerTo(st fetch.Status, q fetch.Request) (fetch.Result, bool) {
	if !isAsked(st, q) {
		return fetch.Result{}, false
	}
	result, ok := st.Results[q.ID]
	return result, ok && !result.At.IsZero()
}

// isAsked says that a request is in force, with the same address and question.
func isAsked(st fetch.Status, q fetch.Request) bool {
	r, ok := st.InForce.Find(q.ID)
	return ok && r.URL == q.URL && r.Body == q.Body
}

// look is at one answer, and by what it was judged: the same would be said of it again.
type look struct {
	at   time.Time
	keys string
	sim  string
}

// takeFetched offers what the document's server has given.
func (l *Loop) takeFetched(obs plan.Observed) {
	s := &l.state
	d := &s.documents
	card := cardOf(obs.Modem)
	f, at := choose(d.kept, card)
	if card.Known() && (f == nil || f.Document.Refresh == nil) {
		d.fetched = fetch.Result{}
	}
	if !card.Known() || f == nil || f.Document.Refresh == nil || d.trial != nil || s.trial != nil || s.inputs.Off {
		return
	}
	// What a clock that was ahead has noted would have the interval begin with every start.
	if right := obs.Now.Add(obs.Clock.Offset); obs.Clock.Trust == clock.TrustNetwork && d.kept[at].since().After(right) {
		l.noteAsked(at, right)
	}
	r, ok := answerTo(obs.Fetch, fetch.Request{ID: plan.AskDocument, URL: f.Document.Refresh.URL})
	if !ok {
		return
	}
	d.fetched = r
	d.fetched.Body, d.fetched.Beside = nil, nil
	if l.offerFetched(obs, card, at, r) {
		q, _ := obs.Fetch.InForce.Find(plan.AskDocument)
		s.inputs.Refreshed = q.Attempt
	}
}

// offerFetched offers what the server of an edition has answered. Unless it has nothing else
// to give, or its edition is tried, the answer is worth another look.
func (l *Loop) offerFetched(obs plan.Observed, card document.Card, at int, r fetch.Result) (done bool) {
	s := &l.state
	d := &s.documents
	if r.Status != http.StatusOK && r.Failed == 0 { // there is no other one, or none for us
		l.noteAsked(at, r.At)
		return true
	}
	now := look{r.At, strings.Join(s.inputs.Config.Document.Keys, " "), subscriber(obs.Modem)}
	if r.Status != http.StatusOK || d.looked == now || obs.Now.Before(d.rest) {
		return false
	}
	d.looked = now
	same := func(old Edition) bool { return bytes.Equal(old.Raw, r.Body) }
	if slices.ContainsFunc(d.kept, same) || sum(r.Body) == d.spurned {
		l.noteAsked(at, r.At)
		return true
	}
	// What is not signed is not taken for signed by an empty file.
	o := document.Offer{Raw: r.Body, Signature: r.Beside, Origin: document.Pulled}
	report, id, err := l.offer(o, card, Author{Name: "the document's server"}, r.Tag)
	if id != "" {
		return true
	}
	why := "it changes nothing"
	if faults := report.Faults(); len(faults) > 0 {
		why = faults[0].Path + ": " + faults[0].Why
	}
	if err != nil { // it is as good as it was
		why, d.looked, d.rest = err.Error(), look{}, obs.Now.Add(consentRetry)
	}
	d.outcome = &Outcome{By: Author{Name: "the document's server"}, Why: why, At: time.Now()}
	l.log.Warn("the fetched document is not applied", "why", why)
	return false
}

// askedSpacing is how often it is written at most that a server has nothing else to give.
const askedSpacing = 12 * time.Hour

// noteAsked notes that an edition's server has nothing else to give, so that neither a restart
// nor another bearer asks it again.
func (l *Loop) noteAsked(at int, when time.Time) {
	d := &l.state.documents
	if when = when.UTC().Truncate(time.Second); when.Sub(d.kept[at].since()).Abs() < askedSpacing {
		return
	}
	d.kept = slices.Clone(d.kept) // snapshots hold the former ones
	d.kept[at].Asked = when
	if err := d.write(); err != nil {
		l.log.Error("when the document's server was asked cannot be noted", "err", err)
	}
}

// judgeDocuments ends the document trial when it is time, and returns when to look again.
func (l *Loop) judgeDocuments(obs plan.Observed, want plan.Desired, steps []plan.Step) time.Time {
	t := l.state.documents.trial
	if t == nil {
		return time.Time{}
	}
	f := l.documentFacts(t, obs, want, steps)
	t.took(f)
	switch v, why := t.judge(f); v {
	case keep:
		l.endDocuments(true, why)
		return obs.Now
	case undo:
		if !f.absent {
			l.state.documents.harmed()
		}
		l.endDocuments(false, why)
		return obs.Now
	}
	return t.wake(obs.Now)
}

// documentFacts are a trial's facts where a document may keep clients from the Internet:
// then the gateway's own way proves that the uplink was not lost.
func (l *Loop) documentFacts(t *documentTrial, obs plan.Observed, want plan.Desired, steps []plan.Step) facts {
	s := &l.state
	f := l.facts(&trial{Trial: t.Trial}, obs, want, steps)
	if p := s.inputs.Policy.Sharing; !p.Allowed() && p.Rule != provision.ShareCheck || p.Answer == provision.Denied {
		f.online = gatewayOnline(obs.Probe, want)
		f.offline = f.offline || want.Probe.Gateway.Key == "" && obs.Modem.Bearers[modem.Own].State == modem.BearerUp
		f.proved = f.proved || f.online
	}
	f.offline = f.offline || s.inputs.Policy.Buying
	if sim := subscriber(obs.Modem); sim != "" {
		t.sim = cmp.Or(t.sim, sim)
	}
	f.absent = t.sim != subscriber(obs.Modem)
	f.online = f.online && !f.absent
	return f
}

// chosen is the document that a former process noted.
func (n note) chosen(list []Edition) *provision.InForce {
	for _, e := range list {
		if e.digest() == n.Document && n.Entry < len(e.Document.SIMs) {
			return &provision.InForce{Document: e.Document, Entry: e.Document.SIMs[n.Entry], At: e.At, Tag: e.Tag}
		}
	}
	return nil
}

// knows says that the document under which a former process dialled is still in force:
// the bearers of one that was undone are nobody's.
func (n note) knows(list []Edition) bool { return n.Document == "" || n.chosen(list) != nil }

// chose is what the next process must know: the document in force and the index of the
// entry for the card.
func (s *state) chose(card document.Card) (digest string, entry int) {
	_, at := choose(s.documents.list(), card)
	if at < 0 {
		return "", 0
	}
	e := s.documents.list()[at]
	_, entry, _ = e.Document.Entry(card)
	return e.digest(), entry
}

// view is what the Snapshot tells.
func (s *state) view(obs plan.Observed) Documents {
	d := &s.documents
	_, at := choose(d.list(), cardOf(obs.Modem))
	v := Documents{List: d.list(), InForce: at, Policy: s.inputs.Policy, Outcome: d.outcome, Buying: d.buys.On, Fetched: d.fetched, Consent: d.consent.Consent}
	if at >= 0 && d.list()[at].digest() == d.activity.Edition && (d.activity.SIM == "" || d.activity.SIM == subscriber(obs.Modem)) {
		v.Activity = d.activity
	}
	if d.trial != nil {
		t := d.trial.Trial
		v.Trial = &t
	}
	return v
}
