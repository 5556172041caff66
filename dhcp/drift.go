package dhcp

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Drift tells in which ways st differs from spec, one line each; nothing means that
// there is nothing to apply.
func Drift(spec Spec, st Status) []string {
	var lines []string
	named := func(list []Network, name string) Network {
		i := slices.IndexFunc(list, func(n Network) bool { return n.Name == name })
		if i < 0 {
			return Network{}
		}
		return list[i]
	}
	for _, n := range spec.Networks {
		is := named(st.InForce.Networks, n.Name)
		lines = append(lines, drift(n, networkStatus{Serving: is.Interface != "", InForce: is, Error: st.Error})...)
	}
	for _, is := range st.InForce.Networks {
		if named(spec.Networks, is.Name).Interface == "" {
			lines = append(lines, drift(Network{}, networkStatus{Serving: true, InForce: is})...)
		}
	}
	return lines
}

// drift is Drift for one network.
func drift(spec Network, st networkStatus) []string {
	switch {
	case spec.Interface == "" && st.Serving:
		return []string{fmt.Sprintf("serves on %s and should not", st.InForce.Interface)}
	case spec.Interface == "":
		return nil
	case !st.Serving:
		return []string{"does not serve: " + cmp.Or(strings.TrimPrefix(st.Error, "dhcp: "), spec.Interface)}
	}
	var lines []string
	want, have := reflect.ValueOf(spec), reflect.ValueOf(st.InForce)
	for i := range want.NumField() {
		w, h := want.Field(i), have.Field(i)
		if w.Kind() == reflect.Slice && w.Len() == 0 && h.Len() == 0 {
			continue // nil and empty mean the same
		}
		if !reflect.DeepEqual(w.Interface(), h.Interface()) {
			lines = append(lines, fmt.Sprintf("%s is %v, wanted %v", want.Type().Field(i).Name, h, w))
		}
	}
	return lines
}
