package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestTable: every verb can be rendered: names are words, arguments have bounds, and
// what changes something is no GET.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	word := func(s string) bool { return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == "" }
	for _, v := range Verbs() {
		for _, w := range v.words() {
			if !word(w) {
				t.Errorf("%s: %q is no word", v.Name, w)
			}
		}
		if seen[v.Name] || v.Help == "" || v.Name != strings.Join(v.words(), " ") || strings.HasSuffix(v.Help, ".") {
			t.Errorf("%s: twice, or without help", v.Name)
		}
		seen[v.Name] = true
		if (v.run == nil) != (v.Kind == Stream) {
			t.Errorf("%s does nothing", v.Name)
		}
		if changes := v.Kind == Act || v.Kind == Trial; changes && (v.Method() != "POST" || v.Scope == Public || v.Scope == Read) {
			t.Errorf("%s changes something by %s with the scope %s", v.Name, v.Method(), v.Scope)
		}
		if v.Scope != Public && !slices.Contains(Scopes(), v.Scope) {
			t.Errorf("%s has the scope %s", v.Name, v.Scope)
		}
		args := map[string]bool{}
		for _, a := range v.Args {
			bounded := a.Max > 0 || a.Type == Boolean
			if !word(a.Name) || args[a.Name] || a.Help == "" || !bounded || a.Type == List && a.Items == 0 {
				t.Errorf("%s: argument %+v", v.Name, a)
			}
			args[a.Name] = true
			if v.Method() == "GET" && (a.Type == Integer || a.Type == List) {
				t.Errorf("%s: %s cannot stand in an address", v.Name, a.Name)
			}
		}
		if v.Kind == Trial && !args["dry"] {
			t.Errorf("%s cannot be tried out", v.Name)
		}
		if found, ok := Find(v.Name); !ok || found.Path() != v.Path() {
			t.Errorf("%s is not found", v.Name)
		}
	}
}

// probe is a verb with an argument of each type.
func everyType() Verb {
	return Verb{Name: "try it", Args: []Arg{
		{Name: "text", Type: Text, Needed: true, Min: 2, Max: 4},
		{Name: "n", Type: Integer, Min: 1, Max: 9},
		{Name: "on", Type: Boolean},
		{Name: "list", Type: List, Max: 3, Items: 2, OneOf: []string{"a", "b"}},
	}}
}

func TestArguments(t *testing.T) {
	for _, c := range []struct {
		json, want string
	}{
		{`{"text":"ab"}`, `map[text:ab]`},
		{`{"text":"ab","n":9,"on":true,"list":["a","b"]}`, `map[list:[a b] n:9 on:true text:ab]`},
		{`{"text":"ab","on":0}`, `map[on:false text:ab]`},
		{`{"text":"ab","on":"off","n":null}`, `map[on:false text:ab]`},
		{`{}`, "text is missing"},
		{`{"text":"a"}`, "text must have 2 to 4 bytes"},
		{`{"text":"abcde"}`, "text must have 2 to 4 bytes"},
		{`{"text":5}`, "text must be text"},
		{`{"text":"a\u0000b"}`, "text must be text in UTF-8"},
		{`{"text":"ab","n":0}`, "n must be a whole number from 1 to 9"},
		{`{"text":"ab","n":1.5}`, "n must be a whole number from 1 to 9"},
		{`{"text":"ab","n":1e99}`, "n must be a whole number from 1 to 9"},
		{`{"text":"ab","n":"5"}`, "n must be a whole number from 1 to 9"},
		{`{"text":"ab","on":2}`, "on must be true or false"},
		{`{"text":"ab","on":"perhaps"}`, "on must be true or false"},
		{`{"text":"ab","list":"a"}`, "list must be a list of texts"},
		{`{"text":"ab","list":[1]}`, "list must be a list of texts"},
		{`{"text":"ab","list":["a","a","a"]}`, "list must have at most 2 items"},
		{`{"text":"ab","list":["c"]}`, "list must be one of a, b"},
		{`{"text":"ab","who\n":1}`, "who? is no argument of try it"},
	} {
		var raw map[string]any
		dec := json.NewDecoder(strings.NewReader(c.json))
		dec.UseNumber()
		if err := dec.Decode(&raw); err != nil {
			t.Fatal(err)
		}
		got, err := everyType().take(raw, false)
		if text := fmt.Sprint(got); err == nil && text != c.want || err != nil && err.Error() != c.want {
			t.Errorf("%s: %s, %v", c.json, text, err)
		}
	}
	if got, err := everyType().take(map[string]any{"text": "ab", "n": int32(3), "list": []string{"a"}, "other": 1}, true); err != nil || fmt.Sprint(got) != "map[list:[a] n:3 text:ab]" {
		t.Errorf("as from the bus: %v, %v", got, err)
	}
}

// FuzzArguments: whatever JSON comes, arguments keep their bounds, and a refusal is a
// fault that quotes nothing.
func FuzzArguments(f *testing.F) {
	for _, s := range []string{`{"text":"ab"}`, `{"text":["SECRET"],"n":{}}`, `{"list":[[]],"text":"SECRET"}`, `{"on":1e3}`, `{"text":"ab","":1}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var raw map[string]any
		dec := json.NewDecoder(strings.NewReader(text))
		dec.UseNumber()
		if dec.Decode(&raw) != nil {
			return
		}
		got, err := everyType().take(raw, false)
		if err != nil {
			if f := FaultOf(err); f.Code != Invalid || f.Field == "" || strings.Contains(f.Message, "SECRET") {
				t.Errorf("%+v", f)
			}
			return
		}
		c := Call{args: got}
		if n := len(c.text("text")); n < 2 || n > 4 || len(c.list("list")) > 2 || c.number("n") < 0 || c.number("n") > 9 {
			t.Errorf("%v", got)
		}
	})
}
