package probe

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

func wholeSpec() Spec {
	return Spec{
		Targets:  []Target{{URL: "http://a.example/", Status: 200, Body: "x"}},
		Operator: []Target{{URL: "http://o.example/", Status: 204}},
		Gateway:  Gateway{Key: "g", Interface: "wwan0", Mark: 7, Servers: []netip.Addr{netip.MustParseAddr("192.0.2.53")}, Literals: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:53")}},
		Client:   Client{Key: "c", Bridge: "br0", MAC: [6]byte{2, 1}},
		Interval: time.Minute,
		Budget:   1000,
		Again:    1,
		Anew:     1,
	}
}

// TestDriftSeesEveryField: each field, also one added tomorrow, has a line of its own.
func TestDriftSeesEveryField(t *testing.T) {
	base := wholeSpec()
	if lines := Drift(base, Status{InForce: wholeSpec()}); len(lines) != 0 {
		t.Fatalf("drift without a difference: %q", lines)
	}
	seen, fields := map[string]bool{}, 0
	eachField(reflect.TypeFor[Spec](), nil, func(path []int, name string) {
		fields++
		changed := wholeSpec()
		alter(t, reflect.ValueOf(&changed).Elem().FieldByIndex(path))
		lines := Drift(changed, Status{InForce: base})
		if len(lines) != 1 || seen[lines[0]] || strings.Contains(lines[0], "\n") {
			t.Errorf("%s differs: %q", name, lines)
			return
		}
		seen[lines[0]] = true
	})
	if lines := Drift(Spec{}, Status{InForce: base}); len(lines) != fields {
		t.Errorf("of %d fields %d differ: %q", fields, len(lines), lines)
	}
}

// eachField visits the fields of a Spec and of its structs.
func eachField(typ reflect.Type, path []int, visit func([]int, string)) {
	for i := range typ.NumField() {
		f := typ.Field(i)
		at := append(path[:len(path):len(path)], i)
		if f.Type.Kind() == reflect.Struct {
			eachField(f.Type, at, visit)
			continue
		}
		visit(at, f.Name)
	}
}

// alter changes a field to another value that is not zero.
func alter(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(v.Uint() + 1)
	case reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Array:
		v.Index(0).SetUint(v.Index(0).Uint() ^ 4)
	case reflect.Slice:
		v.Set(reflect.Append(v, v.Index(0)))
	default:
		t.Fatalf("a field of kind %v cannot be altered yet", v.Kind())
	}
}

func TestDriftSeesEveryFieldOfATarget(t *testing.T) {
	base := wholeSpec()
	for i := range reflect.TypeFor[Target]().NumField() {
		changed := wholeSpec()
		switch f := reflect.ValueOf(&changed.Targets[0]).Elem().Field(i); f.Kind() {
		case reflect.String:
			f.SetString("other")
		default:
			f.SetInt(f.Int() + 1)
		}
		if lines := Drift(changed, Status{InForce: base}); len(lines) != 1 {
			t.Errorf("field %d: %q", i, lines)
		}
	}
}

func TestNoListIsAnEmptyList(t *testing.T) {
	without, empty := wholeSpec(), wholeSpec()
	without.Targets, without.Gateway.Servers = nil, nil
	empty.Targets, empty.Gateway.Servers = []Target{}, []netip.Addr{}
	if lines := append(Drift(without, Status{InForce: empty}), Drift(empty, Status{InForce: without})...); len(lines) != 0 {
		t.Errorf("%q", lines)
	}
}
