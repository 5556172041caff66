package clock

import (
	"fmt"
	"reflect"
)

// Drift tells in which ways status is not what spec wishes, a line each.
func Drift(spec Spec, status Status) []string {
	var lines []string
	w, h := reflect.ValueOf(spec), reflect.ValueOf(status.InForce)
	for i := range w.NumField() {
		a, b := w.Field(i), h.Field(i)
		if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 || reflect.DeepEqual(a.Interface(), b.Interface()) {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s is %v, wanted %v", w.Type().Field(i).Name, b, a))
	}
	return lines
}
