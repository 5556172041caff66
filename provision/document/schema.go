package document

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Schema is the published JSON Schema (draft 2020-12) of tetherd's own form. The reader
// runs this text itself.
//
//go:embed schema.json
var Schema []byte

// schema is the part of JSON Schema that the published one uses. A test holds that it
// uses no more.
type schema struct {
	Ref        string             `json:"$ref"`
	Type       string             `json:"type"`
	Enum       []string           `json:"enum"`
	Pattern    string             `json:"pattern"`
	MinLength  int                `json:"minLength"`
	MaxLength  *int               `json:"maxLength"`
	Minimum    int64              `json:"minimum"`
	Maximum    *int64             `json:"maximum"`
	MinItems   int                `json:"minItems"`
	MaxItems   *int               `json:"maxItems"`
	Items      *schema            `json:"items"`
	Required   []string           `json:"required"`
	Properties map[string]*schema `json:"properties"`
	Defs       map[string]*schema `json:"$defs"`
	// Report is what tetherd does with the element: its item in the report.
	Report State `json:"x-report"`

	defs map[string]*schema // of the root
}

// published parses the schema. It is done anew for each document: they are rare, and a
// parsed schema is not worth its memory.
func published() *schema {
	root := &schema{}
	if err := json.Unmarshal(Schema, root); err != nil {
		panic(err) // it is part of the program, and a test reads it
	}
	root.defs = root.Defs
	return root
}

// follow resolves a reference within the schema.
func (s *schema) follow(root *schema) *schema {
	if s.Ref == "" {
		return s
	}
	return root.defs[strings.TrimPrefix(s.Ref, "#/$defs/")]
}

// check checks a tree of values and reports.
func (s *schema) check(report *Report, path string, v *value) {
	walker{root: s, report: report}.value(s, path, v)
}

type walker struct {
	root   *schema
	report *Report
}

func (w walker) value(s *schema, path string, v *value) {
	s = s.follow(w.root)
	before := len(*w.report)
	switch {
	case !s.takes(v):
		w.report.refuse(orRoot(path), "must be of type "+s.Type)
	case s.Type == "object":
		w.object(s, path, v)
	case s.Type == "array":
		w.array(s, path, v)
	case s.Type == "string":
		w.text(s, path, v)
	case s.Type == "integer":
		w.number(s, path, v)
	}
	if s.Report != "" && !(*w.report)[before:].Refused() {
		w.report.add(Item{Path: path, State: s.Report, digest: v.digest()})
	}
}

// takes says that a value is of the schema's type.
func (s *schema) takes(v *value) bool {
	switch s.Type {
	case "integer":
		return v.kind == kindNumber && strings.Trim(v.text, "-"+decDigits) == ""
	default:
		return v.kind.String() == s.Type
	}
}

func (w walker) object(s *schema, path string, v *value) {
	for i, name := range v.names {
		inner, known := s.Properties[name]
		if !known {
			w.report.refuse(path+"/"+clean(name), "is not known here")
			continue
		}
		w.value(inner, path+"/"+name, &v.items[i])
	}
	for _, name := range s.Required {
		if !slices.Contains(v.names, name) {
			w.report.refuse(path+"/"+name, "is missing")
		}
	}
}

// clean makes a foreign name fit for a path.
func clean(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError || r == 0x7f {
			return '?'
		}
		return r
	}, name)
	if len(name) > 64 {
		name = name[:64] + "…"
	}
	return strings.ToValidUTF8(name, "?")
}

func (w walker) array(s *schema, path string, v *value) {
	if n := len(v.items); n < s.MinItems || s.MaxItems != nil && n > *s.MaxItems {
		w.report.refuse(orRoot(path), fmt.Sprintf("must have %s items, has %d", bounds(int64(s.MinItems), wide(s.MaxItems)), n))
		return
	}
	for i := range v.items {
		w.value(s.Items, fmt.Sprintf("%s/%d", path, i), &v.items[i])
	}
}

func wide(n *int) *int64 {
	if n == nil {
		return nil
	}
	most := int64(*n)
	return &most
}

func bounds(least int64, most *int64) string {
	if most == nil {
		return fmt.Sprintf("at least %d", least)
	}
	return fmt.Sprintf("%d to %d", least, *most)
}

func (w walker) text(s *schema, path string, v *value) {
	n := utf8.RuneCountInString(v.text)
	switch {
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, v.text):
		w.report.refuse(path, "must be one of "+strings.Join(s.Enum, ", "))
	case n < s.MinLength || s.MaxLength != nil && n > *s.MaxLength:
		w.report.refuse(path, fmt.Sprintf("must have %s characters, has %d", bounds(int64(s.MinLength), wide(s.MaxLength)), n))
	case s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(v.text): // a test compiles them all
		w.report.refuse(path, "must look like "+s.Pattern)
	}
}

func (w walker) number(s *schema, path string, v *value) {
	n, err := strconv.ParseInt(v.text, 10, 64)
	if err != nil || n < s.Minimum || s.Maximum != nil && n > *s.Maximum {
		w.report.refuse(path, "must be a whole number, "+bounds(s.Minimum, s.Maximum))
	}
}
