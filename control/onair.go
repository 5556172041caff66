package control

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/plan"
)

// transmitting lists the radios on which stations are served.
func transmitting(st hostapd.Status) (names []string) {
	for _, r := range st.Radios {
		if r.State == hostapd.StateEnabled {
			names = append(names, r.Interface)
		}
	}
	return names
}

// askRadios finds out what radios make of a change on trial: hostapd's part takes every wish,
// and a radio that cannot do it goes on with the former one until the machine is started
// again, which would then have no Wi-Fi. Only radios of which the change itself wishes
// something else count, and not those that were absent or off the air before. A failure that
// may pass is told by Error, and as Refused once the former wish is back on the air.
func (l *Loop) askRadios(t *trial, f *facts, obs plan.Observed, want hostapd.Spec, steps []plan.Step) {
	if t.old == nil || slices.ContainsFunc(steps, func(s plan.Step) bool { return s.Part == plan.Hostapd }) {
		return // a document wishes nothing of radios; what is applied just now is not in obs
	}
	before := plan.Compile(reloaded(l.state.inputs, t.old), obs).Hostapd
	for _, r := range want.Radios {
		same := func(o hostapd.Radio) bool { return reflect.DeepEqual(o, r) }
		if want.Country == before.Country && slices.ContainsFunc(before.Radios, same) {
			continue
		}
		i := slices.IndexFunc(obs.Hostapd.Radios, func(s hostapd.RadioStatus) bool { return s.Interface == r.Interface })
		if i < 0 {
			f.wait(slices.Contains(t.onAir, r.Interface))
			continue
		}
		f.hear(obs.Hostapd.Radios[i], slices.Contains(t.onAir, r.Interface))
	}
}

// hear takes in where one radio stands. A check for radar goes on for up to ten minutes and
// is no fault.
func (f *facts) hear(r hostapd.RadioStatus, wasOnAir bool) {
	enabled := r.State == hostapd.StateEnabled
	switch {
	case r.Pending || r.Refused != "" && !enabled:
		f.wait(wasOnAir)
	case r.Refused != "":
		f.refused = "radio " + r.Interface + ": " + r.Refused
	case wasOnAir && !enabled && r.State != hostapd.StateDFS:
		f.wait(true)
		f.failure = cmp.Or(f.failure, r.Error)
	}
}

// wait notes that the change is not carried out yet by a radio that was on the air.
func (f *facts) wait(wasOnAir bool) {
	if wasOnAir {
		f.settled, f.waits = false, true
	}
}
