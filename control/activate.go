package control

import (
	"cmp"
	"reflect"
	"time"

	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
	"github.com/tetherd/tetherd/provision"
	"github.com/tetherd/tetherd/provision/document"
)

// activation is what an edition that comes into force has to be done after it: what it
// says, unless it was fetched and says what the edition before it said, for then nothing
// was bought. One that says nothing ends that of the edition that it replaces alone.
func (d *documents) activation(e Edition) provision.Activity {
	what := e.Document.Activation
	if what == nil {
		return d.activity
	}
	if e.Origin == document.Pulled && !d.buying {
		for _, old := range d.kept {
			if old.same(e.Document) && reflect.DeepEqual(old.Document.Activation, what) {
				return d.activity.Passed(old.digest(), e.digest())
			}
		}
	}
	return provision.BeginActivity(e.digest(), *what, time.Now())
}

// bought begins or ends a purchase. At its end what was bought is activated.
func (s *state) bought(on bool) {
	d := &s.documents
	was := d.buying
	d.buying, d.buyer = on, ""
	f := s.inputs.Document
	if on || !was || f == nil || f.Document.Activation == nil {
		return
	}
	for _, e := range d.list() {
		if e.Document == f.Document {
			d.activity = provision.BeginActivity(e.digest(), *f.Document.Activation, time.Now())
		}
	}
}

// belong ends the purchase of another SIM than the one that is known to be in.
func (d *documents) belong(sim string) {
	d.buyer = cmp.Or(d.buyer, sim)
	d.buying = d.buying && d.buyer == sim
	if !d.buying {
		d.buyer = ""
	}
}

// activate carries out the activation that the edition in force asks for. A try is noted
// before it is made.
func (l *Loop) activate(obs plan.Observed, e Edition) time.Time {
	s := &l.state
	d := &s.documents
	what, sim := e.Document.Activation, subscriber(obs.Modem)
	if what == nil || d.activity.Edition != e.digest() {
		return time.Time{}
	}
	d.activity.SIM = cmp.Or(d.activity.SIM, sim) // it is written with what becomes of it
	if d.activity.SIM != sim {
		return time.Time{} // it rests: somebody else has bought
	}
	next, try, wake := d.activity.Pursue(*what, s.effect(obs, *what))
	if next == d.activity {
		return wake
	}
	d.activity = next
	if err := d.write(); err != nil {
		l.log.Error("how far the activation has got cannot be noted", "err", err)
	}
	l.log.Info("activation", "method", what.Method, "tries", next.Tries, "end", next.End)
	if try {
		s.try(*what, obs.Now)
	}
	return wake
}

// try makes one try. Who buys has bought: clients go back to their own access point.
func (s *state) try(what document.Activation, now time.Time) {
	in := &s.inputs
	s.documents.buying, in.Policy.Buying = false, false
	switch what.Method {
	case "reregister":
		in.Reregister++
	case "service":
		in.Service = modem.Service{ID: in.Service.ID + 1, Data: modem.Secret(what.Data)}
	}
	const why = "dialled again: the operator's document activates what was bought"
	in.Ladder, in.OwnLadder = in.Ladder.Reconnect(why, now), in.OwnLadder.Reconnect(why, now)
}

// effect is what an activation sees of this turn.
func (s *state) effect(obs plan.Observed, what document.Activation) provision.Effect {
	in := &s.inputs
	purpose := modem.Shared
	if in.Split == provision.OwnOnly {
		purpose = modem.Own
	}
	b, look := obs.Modem.Bearers[purpose], obs.Probe.Gateway
	looked := !in.Config.Probe.Enabled || purpose == modem.Own ||
		look.Key == plan.ProbeKey(b, in.Repairs) && (look.Verdict == probe.Online || look.Verdict == probe.Unproven)
	taken := what.Method != "service" || obs.Modem.Served == (modem.Served{ID: in.Service.ID})
	return provision.Effect{
		Now:    obs.Now,
		Ready:  obs.Modem.Phase == modem.PhaseReady || what.Method == "reregister" && identified(obs.Modem),
		Proved: taken && looked && b.State == modem.BearerUp && !b.Since.Before(s.documents.activity.Tried),
	}
}
