package modem

import (
	"reflect"
	"strings"
	"testing"
)

func TestSameWishIsNoDrift(t *testing.T) {
	s := Spec{Enabled: true, Device: "1-1", PIN: "1234", Roaming: true, Bearers: map[Purpose]Bearer{Shared: internet}}
	for _, phase := range []Phase{PhaseOff, PhaseNoModem, PhaseReady} {
		if lines := Drift(s, Status{Phase: phase, InForce: s}); len(lines) != 0 {
			t.Errorf("%s: %v", phase, lines)
		}
	}
	if lines := Drift(Spec{}, Status{}); len(lines) != 0 {
		t.Errorf("nothing wished: %v", lines)
	}
	if lines := Drift(Spec{Bearers: map[Purpose]Bearer{}}, Status{}); len(lines) != 0 {
		t.Errorf("an empty map is no map: %v", lines)
	}
}

// TestEveryFieldOfTheWishIsCompared fails when a field is added and forgotten.
func TestEveryFieldOfTheWishIsCompared(t *testing.T) {
	each(t, reflect.TypeFor[Spec](), func(name string, change func(reflect.Value)) {
		var s Spec
		change(reflect.ValueOf(&s).Elem())
		for _, lines := range [][]string{Drift(s, Status{}), Drift(Spec{}, Status{InForce: s})} {
			if len(lines) != 1 {
				t.Errorf("%s: %v", name, lines)
			}
		}
	})
	for _, one := range []Attach{{Card: "98", Set: true}, {Card: "89"}, {Card: "89", Set: true, Profile: internet}} {
		if lines := Drift(Spec{Attach: one}, Status{InForce: Spec{Attach: Attach{Card: "89", Set: true}}}); len(lines) != 1 {
			t.Errorf("attach %+v: %v", one, lines)
		}
	}
	each(t, reflect.TypeFor[Bearer](), func(name string, change func(reflect.Value)) {
		other := internet
		change(reflect.ValueOf(&other).Elem())
		if lines := Drift(wish(other), Status{InForce: wish(internet)}); len(lines) != 2 {
			t.Errorf("bearer %s: %v", name, lines)
		}
	})
}

// each calls f with a change for each field of a type.
func each(t *testing.T, kind reflect.Type, f func(name string, change func(reflect.Value))) {
	t.Helper()
	for i := range kind.NumField() {
		field := kind.Field(i)
		f(field.Name, func(v reflect.Value) {
			switch v := v.Field(i); v.Kind() {
			case reflect.Bool:
				v.SetBool(true)
			case reflect.String:
				v.SetString("changed")
			case reflect.Uint32:
				v.SetUint(7)
			case reflect.Map:
				if v.Type().Elem().Kind() == reflect.Uint32 {
					v.Set(reflect.ValueOf(map[Purpose]uint32{Shared: 1}))
					return
				}
				v.Set(reflect.ValueOf(map[Purpose]Bearer{Shared: internet}))
			case reflect.Struct:
				for _, other := range []any{Mend{Reset: 1}, Service{ID: 3, Data: "data"}, Attach{Card: "89"}} {
					if reflect.TypeOf(other) == v.Type() {
						v.Set(reflect.ValueOf(other))
					}
				}
			default:
				t.Fatalf("%s: a kind that this test does not know", field.Name)
			}
		})
	}
}

func TestDriftTellsNoSecrets(t *testing.T) {
	s := Spec{PIN: "4711", Attach: Attach{Card: "8949", Set: true, Profile: Bearer{User: "someuser", Password: "somepassword"}}, Service: Service{ID: 1, Data: "someservice"}, Bearers: map[Purpose]Bearer{Own: {APN: "a", User: "someuser", Password: "somepassword"}}}
	text := strings.Join(Drift(s, Status{}), "\n")
	for _, secret := range []string{"4711", "8949", "someuser", "somepassword", "someservice"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q tells %s", text, secret)
		}
	}
}
