package modem

import (
	"fmt"
	"maps"
	"slices"
)

// Drift tells in what the wish differs from the one that the session pursues, one
// line a difference. A session that is still on its way to the same wish is no
// drift, because applying the wish again would change nothing.
func Drift(want Spec, have Status) []string {
	var lines []string
	add := func(differs bool, format string, args ...any) {
		if differs {
			lines = append(lines, fmt.Sprintf(format, args...))
		}
	}
	is := have.InForce
	add(want.Enabled != is.Enabled, "modem wished %s, is %s", onOff(want.Enabled), onOff(is.Enabled))
	add(want.Device != is.Device, "device wished %q, is %q", want.Device, is.Device)
	add(want.PIN != is.PIN || want.PINTyped != is.PINTyped, "another PIN is known")
	add(want.Roaming != is.Roaming, "roaming wished %s, is %s", onOff(want.Roaming), onOff(is.Roaming))
	add(want.Mend != is.Mend, "repairs wished %v, are %v", want.Mend, is.Mend)
	add(!maps.Equal(want.Sessions, is.Sessions), "sessions of a former process are %v, were %v", want.Sessions, is.Sessions)
	add(want.Reregister != is.Reregister, "registering anew wished for the %d. time, was for the %d.", want.Reregister, is.Reregister)
	add(want.Service != is.Service, "activation %d wished, was %d", want.Service.ID, is.Service.ID)
	add(want.Attach != is.Attach, "registering wished with %s, was with %s", want.Attach.describe(), is.Attach.describe())
	for _, p := range slices.Sorted(maps.Keys(want.Bearers)) {
		w := want.Bearers[p]
		i, ok := is.Bearers[p]
		add(!ok, "bearer %s wished with %s, is not", p, w.describe())
		add(ok && w != i, "bearer %s wished with %s, is with %s", p, w.describe(), i.describe())
	}
	for _, p := range slices.Sorted(maps.Keys(is.Bearers)) {
		_, ok := want.Bearers[p]
		add(!ok, "bearer %s not wished, is with %s", p, is.Bearers[p].describe())
	}
	return lines
}

// describe names a bearer without its credentials.
func (b Bearer) describe() string {
	return fmt.Sprintf("APN %q %s auth %s attempt %d", b.APN, b.Family, b.Auth, b.Attempt)
}

// describe names the access point without SIM or credentials.
func (a Attach) describe() string {
	switch {
	case a.Card == "":
		return "whatever the modem has"
	case !a.Set:
		return "what the modem had"
	}
	return a.Profile.describe()
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
