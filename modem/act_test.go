package modem

import (
	"slices"
	"testing"
	"time"

	"github.com/tetherd/tetherd/lab/simmodem"
)

// again is the wish of ready, with another act.
func again(s Service, reregister uint32) Spec {
	spec := wish(internet)
	spec.Service, spec.Reregister = s, reregister
	return spec
}

// Registering anew hangs up first, takes the radio off and on, and dials again; the same
// count is one deed.
func TestReregister(t *testing.T) {
	w := ready(t)
	w.forget()
	w.event(specChanged{again(Service{}, 1)})
	w.bearer(Shared, BearerUp)
	var deeds []op
	for _, o := range w.ops() {
		if slices.Contains([]op{opHangUp, opRadioOff, opRadioOn, opReadRegistration, opDial}, o) {
			deeds = append(deeds, o)
		}
	}
	if want := []op{opHangUp, opRadioOff, opRadioOn, opReadRegistration, opDial}; !slices.Equal(deeds, want) {
		t.Fatalf("did %v, want %v", deeds, want)
	}
	w.forget()
	w.event(specChanged{again(Service{}, 1)})
	w.pass(time.Hour)
	w.never(opRadioOff)
	w.event(specChanged{again(Service{}, 2)})
	w.times(opRadioOff, 1)
}

// A radio that is off is off the network already, and one that cannot be switched off is
// left alone.
func TestReregisterWithoutARadioToSwitch(t *testing.T) {
	w := newWorld(t)
	w.radio = radioState{hardware: false, software: false}
	w.begin(again(Service{}, 1))
	w.radio = radioState{hardware: true, software: true}
	w.event(w.radio)
	w.bearer(Shared, BearerUp)

	w = ready(t)
	w.answer[opRadioOff] = func(Command) (fact, *failure) {
		return nil, &failure{reason: reasonUnsupported, tries: -1, text: "no"}
	}
	w.event(specChanged{again(Service{}, 1)})
	w.bearer(Shared, BearerUp)
	w.times(opRadioOff, 1)
}

// The operator's data reach the modem once an ID, before it registers, and what became of
// them is told.
func TestService(t *testing.T) {
	w := newWorld(t)
	w.begin(again(Service{ID: 4, Data: "data"}, 0))
	w.bearer(Shared, BearerUp)
	ops := w.ops()
	if at, reg := slices.Index(ops, opActivate), slices.Index(ops, opReadRegistration); at < 0 || at > reg || w.done[at].data != "data" {
		t.Fatalf("did %v", ops)
	}
	if got := w.state.snapshot().Served; got != (Served{ID: 4}) {
		t.Errorf("%+v", got)
	}
	w.event(specChanged{again(Service{ID: 4, Data: "data"}, 0)})
	w.event(specChanged{wish(internet)})
	w.times(opActivate, 1)
	for why, err := range map[string]*failure{
		"refused": {reason: reasonRefused, tries: -1, text: "refused"},
		"silent":  {reason: reasonTimeout, tries: -1, text: "silent"},
	} {
		w.answer[opActivate] = func(Command) (fact, *failure) { return nil, err }
		id := w.state.served.ID + 1
		w.event(specChanged{again(Service{ID: id, Data: "data"}, 0)})
		if got := w.state.snapshot().Served; got != (Served{ID: id, Error: why}) {
			t.Errorf("%s: %+v", why, got)
		}
		w.bearer(Shared, BearerUp) // it goes on
	}
	w.answer[opActivate] = nil
	w.event(specChanged{again(Service{ID: 9, Data: "data"}, 0)})
	if got := w.state.snapshot().Served; got != (Served{ID: 9}) {
		t.Errorf("%+v", got)
	}
}

// Against the simulated modem, byte by byte.
func TestSimulatedActs(t *testing.T) {
	want := func(o *simmodem.Options) { o.SIM.Activation = "\x01activate me\x00" }
	simulated(t, want, func(t *testing.T, b *bench, m *simmodem.Modem) {
		first := b.shared(BearerUp)
		b.Apply(again(Service{ID: 1, Data: "\x01activate me\x00"}, 1))
		b.after(time.Minute)
		if second := b.shared(BearerUp); !second.Since.After(first.Since) {
			t.Errorf("the bearer was not dialled anew: %+v", second)
		}
		if got := b.Observe().Served; got != (Served{ID: 1}) {
			t.Errorf("%+v", got)
		}
		b.Apply(again(Service{ID: 2, Data: "other"}, 1))
		b.after(time.Minute)
		if got := b.Observe().Served; got.ID != 2 || got.Error != "the network refused the activation (33)" {
			t.Errorf("%+v", got)
		}
		if n := m.Counts().Faulty; n != 0 {
			t.Errorf("%d messages of ours were broken", n)
		}
	})
}
