package plan

import (
	"slices"
	"time"

	"github.com/tetherd/tetherd/fetch"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/provision"
	"github.com/tetherd/tetherd/provision/document"
)

// What is asked of the operator's servers.
const (
	AskDocument    = "document"    // the next edition of the document in force
	AskEntitlement = "entitlement" // whether this SIM may share
)

// day is how often an entitlement server is asked at least.
const day = 24 * time.Hour

// fetchSpec asks what the document in force wants asked, by the bearer for the
// gateway's own traffic and no other.
func fetchSpec(in Inputs, obs Observed, bearers map[modem.Purpose]modem.BearerStatus) fetch.Spec {
	b, ok := bearers[modem.Own]
	if !ok || b.State != modem.BearerUp || b.IPv4 == nil || in.Document == nil {
		return fetch.Spec{}
	}
	s := fetch.Spec{Key: ProbeKey(b, in.Repairs), Interface: b.Interface, Servers: slices.Concat(b.IPv4.DNS, in.Config.DNS.Fallback), CAFile: in.Config.Document.CAFile}
	s.Mark = table(modem.Own)
	if shared := bearers[modem.Shared]; shared.Interface == b.Interface { // one bearer has one table
		s.Mark = table(modem.Shared)
	}
	card := provision.CardOf(obs.Modem.SIM, obs.Modem.Device)
	if !card.Known() || obs.Modem.SIM.Early { // whose document it is that is asked for is not known
		return s
	}
	s.Requests = append(askDocument(in, obs), askEntitlement(in, card)...)
	return s
}

// askDocument asks by the document's interval, and on demand.
func askDocument(in Inputs, obs Observed) []fetch.Request {
	f := in.Document
	r, demanded := f.Document.Refresh, in.Refresh != in.Refreshed
	if r == nil || r.Days == 0 && !demanded {
		return nil
	}
	q := fetch.Request{
		ID: AskDocument, URL: r.URL, User: r.User, Password: fetch.Secret(r.Password), Beside: ".sig", Tag: f.Tag,
		Interval: time.Duration(r.Days) * day, Attempt: in.Refresh, Max: document.MaxBytes,
	}
	if !demanded {
		at := f.At
		if at.After(obs.Now) { // it was noted by a wrong clock
			at = obs.Started
		}
		q.First = at.Add(q.Interval + q.Interval/100*time.Duration(at.Unix()%20)) // a fleet is kept apart
	}
	return []fetch.Request{q}
}

// askEntitlement asks anew for another SIM, whose numbers are in the question, before the
// answer is old, and at least daily.
func askEntitlement(in Inputs, card document.Card) []fetch.Request {
	e := in.Document.Entry.Sharing.Check
	if e == nil {
		return nil
	}
	every := day
	if e.Cache > 0 {
		every = min(every, time.Duration(e.Cache)*time.Second)
	}
	return []fetch.Request{{
		ID: AskEntitlement, URL: e.URL, Body: fetch.Secret(document.Question(card)),
		Interval: every, Attempt: in.Refresh + in.Consult, Max: document.MaxAnswer, Limit: time.Duration(e.Timeout) * time.Second,
	}}
}
