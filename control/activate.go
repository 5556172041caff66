package control

import (
	"cmp"
	"reflect"
	"slices"
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
	if e.Origin == document.Pulled && !d.buys.On {
		for _, old := range d.kept {
			if old.same(e.Document) && reflect.DeepEqual(old.Document.Activation, what) {
				return d.activity.Passed(old.digest(), e.digest())
			}
		}
	}
	return provision.BeginActivity(e.digest(), *what, time.Now())
}

// bought begins or ends a purchase. At its end what was bought is activated.
func (s *state) bought(on bool, card document.Card) {
	s.documents.each(func(c *course, list []Edition) {
		was, at := c.buys.On, s.edition(list, card)
		c.buys = purchase{On: on}
		if on || !was || at < 0 || list[at].Document.Activation == nil {
			return
		}
		c.activity = provision.BeginActivity(list[at].digest(), *list[at].Document.Activation, time.Now())
	})
}

// edition is the place in a list of the edition in force, or of the one that would be.
func (s *state) edition(list []Edition, card document.Card) int {
	f := s.inputs.Document
	at := slices.IndexFunc(list, func(e Edition) bool { return f != nil && e.Document == f.Document })
	if at < 0 && card.Known() {
		_, at = choose(list, card)
	}
	return at
}

// belong ends the purchase of another SIM than the one that is known to be in.
func (d *documents) belong(sim string) {
	d.each(func(c *course, _ []Edition) {
		if c.buys.By = cmp.Or(c.buys.By, sim); !c.buys.On || c.buys.By != sim {
			c.buys = purchase{}
		}
	})
}

// noteCourse writes down whether a plan is bought, and how far its activation has got, when
// that has changed.
func (l *Loop) noteCourse() {
	d := &l.state.documents
	if d.lasting() == d.noted {
		return
	}
	if err := d.write(); err != nil {
		l.log.Error("it cannot be noted whether a plan is bought, or activated", "err", err)
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
	d.each(func(c *course, _ []Edition) {
		if c.activity.Edition != next.Edition {
			return
		}
		if c.activity = next; try { // who buys has bought: clients go back to their own access point
			c.buys = purchase{}
		}
	})
	s.inputs.Policy.Buying = d.buys.On
	l.noteCourse()
	l.log.Info("activation", "method", what.Method, "tries", next.Tries, "end", next.End)
	if try {
		s.try(*what, obs.Now)
	}
	return wake
}

// try makes one try.
func (s *state) try(what document.Activation, now time.Time) {
	in := &s.inputs
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
		Ready:  s.dials(obs) || what.Method == "reregister" && identified(obs.Modem) && plan.Barred(*in, obs) == "",
		Proved: taken && looked && b.State == modem.BearerUp && !b.Adopted && !b.Since.Before(s.documents.activity.Tried),
	}
}
