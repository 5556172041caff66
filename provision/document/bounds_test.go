package document

import (
	"fmt"
	"strings"
	"testing"
)

// Every bound of a document is held at its edge: what is just within is judged by what it
// says, what is just beyond is refused for its size, by a path that is not longer for it.
func TestBounds(t *testing.T) {
	nested := func(n int, open, inner, end string) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	xmlOf := func(inner string) string {
		return `<CarrierProvisioning xmlns="` + nsV1 + `">` + inner + `</CarrierProvisioning>`
	}
	attributes := func(n int) (list string) {
		for i := range n {
			list += fmt.Sprintf(` a%d=""`, i)
		}
		return list
	}
	members := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`"a%d": 0`, i))
		}
		return "{" + strings.Join(list, ",") + "}"
	}
	const tooDeep, tooMany, tooManyAttrs, tooLong = "nested deeper", "there are more than", "attributes", "too long"
	for what, test := range map[string]struct {
		within, beyond string
		says           string
	}{
		"depth of XML":         {xmlOf(nested(maxDepth-1, "<a>", "", "</a>")), xmlOf(nested(maxDepth, "<a>", "", "</a>")), tooDeep},
		"number of elements":   {xmlOf(strings.Repeat("<a/>", maxNodes-1)), xmlOf(strings.Repeat("<a/>", maxNodes)), tooMany},
		"attributes":           {xmlOf("<a" + attributes(maxAttrs) + "/>"), xmlOf("<a" + attributes(maxAttrs+1) + "/>"), tooManyAttrs},
		"name of an element":   {xmlOf("<" + strings.Repeat("a", maxNameLen) + "/>"), xmlOf("<" + strings.Repeat("a", maxNameLen+1) + "/>"), tooLong},
		"depth of JSON":        {`{"a": ` + nested(maxDepth-1, "[", "", "]") + `}`, `{"a": ` + nested(maxDepth, "[", "0", "]") + `}`, tooDeep},
		"number of values":     {members(maxNodes - 1), members(maxNodes), tooMany},
		"name of a JSON value": {`{"` + strings.Repeat("a", maxNameLen) + `": 0}`, `{"` + strings.Repeat("a", maxNameLen+1) + `": 0}`, tooLong},
	} {
		if _, report := Read([]byte(test.within)); strings.Contains(lines(report), test.says) {
			t.Errorf("%s within the bound: %.200s", what, lines(report))
		}
		d, report := Read([]byte(test.beyond))
		text := lines(report)
		if d != nil || !strings.Contains(text, test.says) || len(report) != 1 {
			t.Errorf("%s beyond the bound: %d items, %.200s", what, len(report), text)
		}
		if len(text) > 600 {
			t.Errorf("%s beyond the bound: %d bytes of report", what, len(text))
		}
	}
}

// Reports tell names of others' making so that no line breaks and no terminal is steered.
func TestForeignNamesAreMadeSafe(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "": "", "two\nlines": "two?lines", "\x1b[31mred": "?[31mred", "tab\tbed": "tab?bed", "del\x7f": "del?", "é": "é",
		strings.Repeat("x", 65): strings.Repeat("x", 64) + "…", strings.Repeat("é", 40): strings.Repeat("é", 32) + "…",
	} {
		if got := clean(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	_, report := Read([]byte(`{"format": "tetherd-document/1", "operator": {"id": "x", "\u001b[2J\n": 1}, "sims": []}`))
	if text := lines(report); strings.ContainsAny(text, "\x1b") || !strings.Contains(text, "/operator/?[2J?") {
		t.Errorf("%q", text)
	}
}

// A report keeps its states apart: what is refused stays so, whatever is found later.
func TestReportStates(t *testing.T) {
	r := Report{{Path: "/a", State: Applied, digest: 1}, {Path: "/b", State: Stored, digest: 2}, {Path: "/c", State: Refused, Why: "wrong"}}
	r.amend("/a", NotEnforceable, "no")
	r.amend("/c", Applied, "yes")
	r.amend("/none", Refused, "no")
	if r[0].State != NotEnforceable || r[0].Why != "no" || r[2].State != Refused || r[2].Why != "wrong" || len(r) != 3 {
		t.Errorf("%+v", r)
	}
	if f := r.Faults(); len(f) != 1 || f[0].Path != "/c" || !r.Refused() || r[:2].Refused() {
		t.Errorf("%+v", f)
	}
	was := Report{{Path: "/a", State: Applied, digest: 1}, {Path: "/b", State: Stored, digest: 2}, {Path: "/d", State: Applied, digest: 4}}
	is := Report{{Path: "/a", State: Applied, digest: 1}, {Path: "/b", State: Stored, digest: 2}, {Path: "/d", State: Applied, digest: 5}, {Path: "/e", State: Applied, digest: 1}}
	var states []State
	for _, i := range is.After(was) {
		states = append(states, i.State)
	}
	if fmt.Sprint(states) != "[unchanged stored applied applied]" || is[0].State != Applied {
		t.Errorf("%v", states)
	}
	if digest("a", "b") == digest("ab") || digest("a", "") == digest("a") {
		t.Error("parts of a digest run into each other")
	}
}
