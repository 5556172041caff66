package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind is what a verb does.
type Kind string

// The kinds.
const (
	Look   Kind = "look"   // changes nothing
	Act    Kind = "act"    // happens once, and is not undone
	Trial  Kind = "trial"  // changes the settings: undone by itself unless it proves good
	Stream Kind = "stream" // answers again and again
)

// Scope is what a caller must be allowed to.
type Scope string

// The scopes. Admin includes all others.
const (
	Public   Scope = "public"   // everybody on the LAN
	Read     Scope = "read"     // see everything but secrets
	Settings Scope = "settings" // change settings, see their secrets
	SIM      Scope = "sim"      // enter a PIN
	Papers   Scope = "document" // the operator's document
	Admin    Scope = "admin"    // passwords, tokens, restart, reset
)

// Scopes are those that a token can have.
func Scopes() []Scope { return []Scope{Read, Settings, SIM, Papers, Admin} }

// Type is the type of an argument.
type Type string

// The types.
const (
	Text    Type = "string"
	Integer Type = "integer"
	Boolean Type = "boolean"
	List    Type = "list" // of texts
)

// Arg is one argument of a verb.
type Arg struct {
	Name     string
	Type     Type
	Help     string   // in one clause
	Needed   bool     // else it may be left out
	Min, Max int      // of an Integer; bytes of a Text and of each item of a List
	Items    int      // of a List, at most
	OneOf    []string // that a Text, or each item of a List, can be; nil any
	Secret   bool     // never shown or logged
	File     bool     // on a command line it is the text of a file
}

// Verb is one thing that a gateway can be asked or told. HTTP, ubus, the command line
// and the OpenAPI document are rendered from the table of verbs, so none of them knows
// more or less than another.
type Verb struct {
	Name  string // words with single spaces, such as "config get"
	Kind  Kind
	Scope Scope
	Help  string // in one clause
	Args  []Arg  // in the order of a command line
	Body  bool   // a Look whose arguments are too large for an address
	Gives any    // a nil pointer to the type of its answer; nil of a Stream, which gives what status does

	run func(*Server, Call) (any, error)
}

// Call is one use of a verb, with arguments that were checked.
type Call struct {
	By   Caller
	args map[string]any
}

// text, number, flag and list are an argument's value; zero when it was left out.
func (c Call) text(name string) string   { v, _ := c.args[name].(string); return v }
func (c Call) number(name string) int    { v, _ := c.args[name].(int); return v }
func (c Call) flag(name string) bool     { v, _ := c.args[name].(bool); return v }
func (c Call) list(name string) []string { v, _ := c.args[name].([]string); return v }

// Method is the verb's HTTP method.
func (v Verb) Method() string {
	if (v.Kind == Look || v.Kind == Stream) && !v.Body {
		return "GET"
	}
	return "POST"
}

// Path is the verb's HTTP path, such as "/v1/config/get".
func (v Verb) Path() string { return "/v1/" + strings.ReplaceAll(v.Name, " ", "/") }

// UBus is the verb's method on the bus, such as "config_get".
func (v Verb) UBus() string { return strings.ReplaceAll(v.Name, " ", "_") }

// take checks arguments and gives them their Go types: string, int, bool, []string.
// With lenient, those that are not known are dropped.
func (v Verb) take(raw map[string]any, lenient bool) (map[string]any, error) {
	out := map[string]any{}
	for _, a := range v.Args {
		value, ok := raw[a.Name]
		if !ok || value == nil {
			if a.Needed {
				return nil, invalid(a.Name, "is missing")
			}
			continue
		}
		got, message := a.read(value)
		if message != "" {
			return nil, invalid(a.Name, message)
		}
		out[a.Name] = got
	}
	for name := range raw {
		known := slices.ContainsFunc(v.Args, func(a Arg) bool { return a.Name == name })
		if !known && !lenient {
			return nil, invalid(cmp.Or(printable(name), "?"), "is no argument of "+v.Name)
		}
	}
	return out, nil
}

// read turns a foreign value into the argument's type; the message says what is wrong
// with it and never quotes it.
func (a Arg) read(value any) (any, string) {
	switch a.Type {
	case Text:
		s, ok := value.(string)
		if !ok {
			return nil, "must be text"
		}
		return s, a.judge(s)
	case Boolean:
		b, ok := boolean(value)
		if !ok {
			return nil, "must be true or false"
		}
		return b, ""
	case Integer:
		n, ok := integer(value)
		if !ok || n < int64(a.Min) || n > int64(a.Max) {
			return nil, fmt.Sprintf("must be a whole number from %d to %d", a.Min, a.Max)
		}
		return int(n), ""
	case List:
		return a.readList(value)
	}
	return nil, "has no type"
}

func (a Arg) readList(value any) (any, string) {
	items, ok := value.([]any)
	if texts, is := value.([]string); is {
		items, ok = make([]any, len(texts)), true
		for i := range texts {
			items[i] = texts[i]
		}
	}
	if !ok {
		return nil, "must be a list of texts"
	}
	if len(items) > a.Items {
		return nil, fmt.Sprintf("must have at most %d items", a.Items)
	}
	out := make([]string, 0, len(items))
	for _, item := range items {
		s, ok := item.(string)
		if !ok {
			return nil, "must be a list of texts"
		}
		if m := a.judge(s); m != "" {
			return nil, m
		}
		out = append(out, s)
	}
	return out, ""
}

// judge says what is wrong with a text.
func (a Arg) judge(s string) string {
	switch {
	case len(s) < a.Min || len(s) > a.Max:
		if a.Min == 0 {
			return fmt.Sprintf("must have at most %d bytes", a.Max)
		}
		return fmt.Sprintf("must have %d to %d bytes", a.Min, a.Max)
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		return "must be text in UTF-8"
	case a.OneOf != nil && !slices.Contains(a.OneOf, s):
		return "must be one of " + strings.Join(a.OneOf, ", ")
	}
	return ""
}

// integer reads what JSON and ubus call numbers.
func integer(value any) (int64, bool) {
	switch n := value.(type) {
	case json.Number:
		i, err := n.Int64()
		return i, err == nil
	case int:
		return int64(n), true
	case int32:
		return int64(n), true
	case int64:
		return n, true
	}
	return 0, false
}

// boolean reads true and false, and the words and numbers that scripts use for them.
func boolean(value any) (is, ok bool) {
	switch v := value.(type) {
	case bool:
		return v, true
	case string:
		switch v {
		case "1", "true", "on", "yes":
			return true, true
		case "0", "false", "off", "no":
			return false, true
		}
		return false, false
	}
	n, ok := integer(value)
	return n == 1, ok && (n == 0 || n == 1)
}

// printable keeps of a foreign name what can be shown.
func printable(s string) string {
	const most = 40
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), most)]
}
