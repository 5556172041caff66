package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// described is what the OpenAPI document says of answers.
type described struct {
	Ref        string               `json:"$ref"`
	Type       string               `json:"type"`
	Items      *described           `json:"items"`
	Properties map[string]described `json:"properties"`
	Required   []string             `json:"required"`
	More       json.RawMessage      `json:"additionalProperties"`
}

// toldOf is what it says of each verb's answer, and of the structs in them.
func toldOf(t *testing.T) (of map[string]described, named map[string]described) {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string
			Responses   map[string]struct {
				Content map[string]struct{ Schema described }
			}
		}
		Components struct{ Schemas map[string]described }
	}
	text, err := json.Marshal(OpenAPI(""))
	if err == nil {
		err = json.Unmarshal(text, &doc)
	}
	if err != nil {
		t.Fatal(err)
	}
	of = map[string]described{}
	for _, methods := range doc.Paths {
		for _, o := range methods {
			of[o.OperationID] = o.Responses["200"].Content["application/json"].Schema
		}
	}
	return of, doc.Components.Schemas
}

// differs says in what a value is not what is said of it.
func (d described) differs(named map[string]described, path string, value any) (out []string) {
	if name, ok := strings.CutPrefix(d.Ref, "#/components/schemas/"); ok {
		d = named[name]
	}
	kind := map[string]string{"string": "string", "float64": "integer", "bool": "boolean", "[]interface {}": "array", "map[string]interface {}": "object"}[fmt.Sprintf("%T", value)]
	if kind != d.Type {
		return []string{fmt.Sprintf("%s is %v, not %s", path, value, d.Type)}
	}
	switch v := value.(type) {
	case []any:
		for i, one := range v {
			out = append(out, d.Items.differs(named, fmt.Sprintf("%s[%d]", path, i), one)...)
		}
	case map[string]any:
		for name, one := range v {
			p, ok := d.Properties[name]
			if !ok && len(d.More) > 2 && d.More[0] == '{' { // a map
				ok = json.Unmarshal(d.More, &p) == nil
			}
			if ok {
				out = append(out, p.differs(named, path+"."+name, one)...)
			} else if string(d.More) == "false" {
				out = append(out, path+"."+name+" is not told of")
			}
		}
		for _, name := range d.Required {
			if _, ok := v[name]; !ok {
				out = append(out, path+"."+name+" is missing")
			}
		}
	}
	return out
}

// isDescribed fails the test when the answer to a verb is not what is said of it.
func isDescribed(t *testing.T, verb string, answer any, text []byte) {
	t.Helper()
	v, _ := Find(verb)
	if is := reflect.TypeOf(answer); is != reflect.TypeOf(v.Gives).Elem() {
		t.Errorf("%s gives %v, and says %T", verb, is, v.Gives)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Errorf("%s: %v", verb, err)
	}
	of, named := toldOf(t)
	found := of[v.UBus()].differs(named, verb, value)
	for _, wrong := range found[:min(len(found), 10)] {
		t.Errorf("described otherwise: %s", wrong)
	}
}

// TestAnswersAreDescribed: every verb that answers says with what, down to the last field.
// Whether that is what it answers is looked at wherever a test asks one.
func TestAnswersAreDescribed(t *testing.T) {
	of, named := toldOf(t)
	for _, v := range Verbs() {
		if d := of[v.UBus()]; v.Kind != Stream && d.Ref == "" && v.Name != "doctor record" {
			t.Errorf("%s gives %+v", v.Name, d)
		}
	}
	for name, d := range named {
		if len(d.Properties) == 0 && name != "Nothing" {
			t.Errorf("%s has nothing in it", name)
		}
		for field := range d.Properties {
			if field == "" || field == "-" {
				t.Errorf("%s has a field without a name", name)
			}
		}
	}
	if d := named["Client"]; d.Properties["up_bytes"].Type != "integer" || d.Properties["wifi"].Ref != "#/components/schemas/Station" || slices.Contains(d.Required, "wifi") || !slices.Contains(d.Required, "mac") {
		t.Errorf("a client is %+v", d)
	}
}
