package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// validators are the published schema in a validator of others, and in ours.
type validators struct {
	theirs *jsonschema.Schema
	ours   *schema
}

func both(t *testing.T) validators {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("document.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("document.json")
	if err != nil {
		t.Fatal(err)
	}
	return validators{s, published()}
}

// walk gives our own verdict by the schema alone.
func walk(s *schema, raw []byte) (Report, error) {
	var report Report
	tree, err := readTree(raw)
	if err != nil {
		return nil, err
	}
	s.check(&report, "", &tree)
	return report, nil
}

// agree compares our verdict with the foreign one.
func (v validators) agree(t *testing.T, name string, raw []byte) {
	t.Helper()
	theirs, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return // no JSON: there is nothing to agree about
	}
	report, err := walk(v.ours, raw)
	if err != nil {
		return // what a schema cannot say: bounds, names that are there twice
	}
	if bad := v.theirs.Validate(theirs); (bad != nil) != report.Refused() {
		t.Errorf("%s: the foreign validator says %v, we say\n%s", name, bad, lines(report.Faults()))
	}
}

func TestSchemaAgreesWithAForeignValidator(t *testing.T) {
	s := both(t)
	for _, dir := range []string{"right", "wrong"} {
		for name, raw := range files(t, dir) {
			// To a schema 7e3 is a whole number as 7000 is; the reader takes digits alone.
			if filepath.Ext(name) == ".json" && name != "serial-as-power.json" {
				s.agree(t, name, raw)
			}
		}
	}
}

// Every value of a document is replaced in turn by what does not fit there, or may not:
// both validators say the same of each.
func TestSchemaAgreesOnMutations(t *testing.T) {
	s := both(t)
	var doc any
	if err := json.Unmarshal(files(t, "right")["everything.json"], &doc); err != nil {
		t.Fatal(err)
	}
	count := 0
	mutate(doc, func(v any) { doc = v }, "", func(path string) {
		raw, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		count++
		s.agree(t, path, raw)
	})
	if count < 1000 {
		t.Errorf("only %d mutations", count)
	}
}

// mutate sets each value in turn to each of a few others, and adds and removes members.
func mutate(v any, set func(any), path string, try func(string)) {
	others := []any{nil, true, 0, 1, 1501, int64(99999999999), "", "x", strings.Repeat("9", 300), []any{}, []any{"x"}, map[string]any{}}
	for i, o := range others {
		set(o)
		try(fmt.Sprintf("%s = %d", path, i))
	}
	set(v)
	switch v := v.(type) {
	case map[string]any:
		v["extra"] = 1
		try(path + " with more")
		delete(v, "extra")
		for _, name := range slices.Sorted(maps.Keys(v)) {
			kept := v[name]
			delete(v, name)
			try(path + " without " + name)
			mutate(kept, func(n any) { v[name] = n }, path+"/"+name, try)
		}
	case []any:
		for i := range v {
			mutate(v[i], func(n any) { v[i] = n }, fmt.Sprintf("%s/%d", path, i), try)
		}
	}
}

// The reader interprets only some of JSON Schema: the published one uses no more, and
// everything that it has ends in a type, an item of the report, and a Go field.
func TestSchemaUsesWhatTheReaderKnows(t *testing.T) {
	known := []string{"$schema", "$id", "$ref", "$defs", "title", "description", "type", "enum", "pattern", "minLength", "maxLength",
		"minimum", "maximum", "minItems", "maxItems", "items", "required", "properties", "additionalProperties", "x-report"}
	var check func(path string, v map[string]any)
	check = func(path string, v map[string]any) {
		for name, inner := range v {
			if !slices.Contains(known, name) {
				t.Errorf("%s: %s is not known to the reader", path, name)
			}
			switch name {
			case "properties", "$defs":
				for n, i := range inner.(map[string]any) {
					check(path+"/"+n, i.(map[string]any))
				}
			case "items":
				check(path+"/items", inner.(map[string]any))
			case "pattern":
				if _, err := regexp.Compile(inner.(string)); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			case "x-report":
				if !slices.Contains([]string{"applied", "stored", "not-enforceable"}, inner.(string)) {
					t.Errorf("%s: %v", path, inner)
				}
			}
		}
		if v["type"] == "object" && v["additionalProperties"] != false {
			t.Errorf("%s lets through what is not known", path)
		}
		if v["type"] == nil && v["$ref"] == nil {
			t.Errorf("%s has no type", path)
		}
		if (v["type"] == "string" && v["enum"] == nil && v["maxLength"] == nil && v["pattern"] == nil) || v["type"] == "array" && v["maxItems"] == nil {
			t.Errorf("%s is not bounded", path)
		}
	}
	var root map[string]any
	if err := json.Unmarshal(Schema, &root); err != nil {
		t.Fatal(err)
	}
	check("", root)
}

// Every member of the schema has a field in Document, else it would be read and lost.
func TestSchemaHasAFieldForEverything(t *testing.T) {
	raw := files(t, "right")["everything.json"]
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&Document{}); err != nil {
		t.Error(err)
	}
	var used func(s *schema, v any, path string)
	root := published()
	used = func(s *schema, v any, path string) {
		s = s.follow(root)
		switch v := v.(type) {
		case map[string]any:
			for name, inner := range s.Properties {
				if _, ok := v[name]; ok {
					used(inner, v[name], path+"/"+name)
				} else if optional := []string{"/$schema", "/operator/technologies", "/fields", "/tokens", "/units", "/sims/1", "/contexts/"}; !slices.ContainsFunc(optional, func(o string) bool { return strings.Contains(path+"/"+name, o) }) {
					t.Errorf("everything.json has no %s/%s", path, name)
				}
			}
		case []any:
			for i, inner := range v {
				used(s.Items, inner, fmt.Sprintf("%s/%d", path, i))
			}
		}
	}
	var doc any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	used(root, doc, "")
}
