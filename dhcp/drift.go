package dhcp

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"
)

// Drift tells in which ways st differs from spec, one line each; nothing means that
// there is nothing to apply.
func Drift(spec Spec, st Status) []string {
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
