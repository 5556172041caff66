package hostapd

import (
	"fmt"
	"reflect"
	"slices"
)

// Drift tells in what the wish differs from the one that is pursued, a line each, and
// which radios still are on that should not be. A radio that is on its way to the
// wish, or that refused it, is no drift, because applying it again would change
// nothing; its status says where it stands.
func Drift(spec Spec, st Status) []string {
	var out []string
	w, h := reflect.ValueOf(spec), reflect.ValueOf(st.InForce)
	for i := range w.NumField() {
		name := w.Type().Field(i).Name
		switch {
		case name == "Radios" || same(h.Field(i), w.Field(i)):
		case w.Field(i).Kind() == reflect.Slice: // addresses of stations are nobody's business
			out = append(out, fmt.Sprintf("hostapd: %s differs, %d entries, wanted %d", name, h.Field(i).Len(), w.Field(i).Len()))
		default:
			out = append(out, fmt.Sprintf("hostapd: %s is %+v, wanted %+v", name, h.Field(i), w.Field(i)))
		}
	}
	for _, r := range spec.Radios {
		i := slices.IndexFunc(st.InForce.Radios, func(o Radio) bool { return o.Interface == r.Interface })
		switch {
		case i < 0:
			out = append(out, fmt.Sprintf("hostapd: radio %s is off, wanted on", r.Interface))
		case !same(reflect.ValueOf(st.InForce.Radios[i]), reflect.ValueOf(r)):
			out = append(out, driftRadio(st.InForce.Radios[i], r)...)
		}
	}
	for _, name := range running(st) {
		if !slices.ContainsFunc(spec.Radios, func(r Radio) bool { return r.Interface == name }) {
			out = append(out, fmt.Sprintf("hostapd: radio %s is on, wanted off", name))
		}
	}
	return out
}

// running lists the radios that are wished or on the air.
func running(st Status) []string {
	var names []string
	for _, r := range st.InForce.Radios {
		names = append(names, r.Interface)
	}
	for _, r := range st.Radios {
		names = append(names, r.Interface)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// driftRadio names the fields in which two wishes for a radio differ.
func driftRadio(is, wanted Radio) []string {
	var out []string
	h, w := reflect.ValueOf(is), reflect.ValueOf(wanted)
	for i := range w.NumField() {
		name := w.Type().Field(i).Name
		switch {
		case same(h.Field(i), w.Field(i)):
		case name == "Networks":
			out = append(out, driftNetworks(is, wanted)...)
		default:
			out = append(out, fmt.Sprintf("hostapd: radio %s: %s is %v, wanted %v", wanted.Interface, name, h.Field(i), w.Field(i)))
		}
	}
	return out
}

func driftNetworks(is, wanted Radio) []string {
	if len(is.Networks) != len(wanted.Networks) {
		return []string{fmt.Sprintf("hostapd: radio %s: has %d networks, wanted %d", wanted.Interface, len(is.Networks), len(wanted.Networks))}
	}
	var out []string
	for n := range wanted.Networks {
		h, w := reflect.ValueOf(is.Networks[n]), reflect.ValueOf(wanted.Networks[n])
		for i := range w.NumField() {
			switch name := w.Type().Field(i).Name; {
			case same(h.Field(i), w.Field(i)):
			case name == "Passphrase":
				out = append(out, fmt.Sprintf("hostapd: network %q: the passphrase is another", wanted.Networks[n].SSID))
			default:
				out = append(out, fmt.Sprintf("hostapd: network %q: %s is %v, wanted %v", wanted.Networks[n].SSID, name, h.Field(i), w.Field(i)))
			}
		}
	}
	return out
}

// same is reflect.DeepEqual except that an empty list equals none.
func same(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !same(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Struct:
		for i := range a.NumField() {
			if !same(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	}
	return a.Equal(b)
}

// clone copies what the caller may change later.
func (s Spec) clone() Spec {
	s.Radios = slices.Clone(s.Radios)
	for i := range s.Radios {
		s.Radios[i].Networks = slices.Clone(s.Radios[i].Networks)
	}
	s.Blocked, s.Kicks = slices.Clone(s.Blocked), slices.Clone(s.Kicks)
	return s
}
