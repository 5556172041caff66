package dns

import (
	"fmt"
	"reflect"
	"slices"
)

// Drift tells in which ways status is not what spec wishes, a line each.
func Drift(spec Spec, status Status) []string {
	lines := diff(spec, status.InForce)
	if status.Error != "" {
		lines = append(lines, "does not serve: "+status.Error)
	}
	return lines
}

// diff compares every field, those of tomorrow included.
func diff(want, have Spec) []string {
	var lines []string
	w, h := reflect.ValueOf(want), reflect.ValueOf(have)
	for i := range w.NumField() {
		if !equal(w.Field(i), h.Field(i)) {
			lines = append(lines, fmt.Sprintf("%s is %v, wanted %v",
				w.Type().Field(i).Name, h.Field(i), w.Field(i)))
		}
	}
	return lines
}

// equal is reflect.DeepEqual except that an empty list equals none.
func equal(a, b reflect.Value) bool {
	switch {
	case a.Kind() == reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !equal(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case a.Kind() == reflect.Struct && !a.Comparable():
		for i := range a.NumField() {
			if !equal(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	}
	return a.Equal(b)
}

// clone copies what the caller may change later.
func clone(s Spec) Spec {
	s.Listen = slices.Clone(s.Listen)
	s.Upstream.Servers = slices.Clone(s.Upstream.Servers)
	s.Upstream.Fallback = slices.Clone(s.Upstream.Fallback)
	s.Names = slices.Clone(s.Names)
	s.Views = slices.Clone(s.Views)
	for i := range s.Views {
		s.Views[i].Names = slices.Clone(s.Views[i].Names)
	}
	s.RebindOK = slices.Clone(s.RebindOK)
	return s
}
