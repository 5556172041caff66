package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Change is one change of a configuration's text.
type Change struct {
	// Section is the section's name, or "@type[i]" as uci addresses it, where -1 is the
	// last. The type alone names a section that can be there once, and one more of those
	// that may come many times: one for all options that changes of the same Edit give it
	// so, until an option comes again.
	Section string
	// Type is the type of a named section that may have to be made; "" when it must be
	// there, or can be there once.
	Type   string
	Option string   // "" means the whole section, which is removed or, with a Type, made
	Values []string // none removes the option, by which its default holds
	First  bool     // a section that is made by a change without Option stands before all others

	joins bool // the section of that type that the change before has made
}

// maxChanges bounds the changes of one edit.
const maxChanges = 256

// Edit returns the text with changes made in their order. Comments and what is not
// named stay as they are. The result is as strict or faulty as the values that were
// given: Parse judges it. An error of type Error names section and option.
func Edit(text []byte, changes []Change) ([]byte, error) {
	if len(changes) > maxChanges {
		return nil, fmt.Errorf("config: more than %d changes at once", maxChanges)
	}
	for _, c := range together(text, changes) {
		e, err := newEditor(text)
		if inherited := e.inherited(c.Section); err == nil && len(inherited) > 0 {
			e, err = newEditor(slices.Concat(bytes.Join(e.lines, nil), []byte("\n"), inherited))
		}
		if err == nil {
			text, err = e.change(c)
		}
		if err != nil {
			return nil, Error{File: "change", Section: c.Section, Option: c.Option, Message: err.Error()}
		}
	}
	return text, nil
}

// together puts the changes that are of one new section, because they name its type alone,
// behind the one that makes it.
func together(text []byte, changes []Change) []Change {
	e, _ := newEditor(text) // its fault is told by the first change
	named := map[string]bool{}
	for _, s := range e.sections {
		named[s.name] = true
	}
	var runs [][]Change
	made := map[string]int{} // the run of a type
	for _, c := range changes {
		again := func(other Change) bool { return other.Option == c.Option }
		run, begun := made[c.Section]
		if begun && c.Option != "" && c.Type == "" && !slices.ContainsFunc(runs[run], again) {
			c.joins = true
			runs[run] = append(runs[run], c)
			continue
		}
		runs = append(runs, []Change{c})
		named[c.Section] = named[c.Section] || c.Type != "" && c.Type != c.Section
		if !named[c.Section] && c.makes() {
			made[c.Section] = len(runs) - 1
		}
	}
	return slices.Concat(runs...)
}

// makes says that a change makes one more section of a type, where none is named so.
func (c Change) makes() bool {
	k, known := kindOf(c.Section)
	return known && k.max > 1 && (c.Option == "" && c.Type == c.Section || len(c.Values) > 0)
}

// editor is a text in lines with the sections that are read from it.
type editor struct {
	lines    [][]byte // each with its line break
	sections []section
}

func newEditor(text []byte) (editor, error) {
	if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
		text = append(slices.Clip(text), '\n')
	}
	if bytes.HasSuffix(text, []byte("\\\n")) || bytes.HasSuffix(text, []byte("\\\r\n")) {
		text = append(slices.Clip(text), '\n') // the line that a backslash at the end joins
	}
	sections, faults := readUCI(text)
	if len(faults) > 0 {
		return editor{}, fmt.Errorf("the present text has a fault in line %d: %s", faults[0].Line, faults[0].Message)
	}
	return editor{slices.Collect(bytes.Lines(text)), sections}, nil
}

func (e editor) change(c Change) ([]byte, error) {
	i, k, err := e.find(c)
	switch {
	case err != nil:
		return nil, err
	case c.Option == "" && c.Type == "" && i >= 0:
		return e.cut(i), nil
	case c.Option == "" && c.Type == "", i < 0 && len(c.Values) == 0 && c.Option != "":
		return bytes.Join(e.lines, nil), nil // it is not there already
	case i < 0 && c.Option == "":
		e.add(k, c)
		return bytes.Join(e.lines, nil), nil
	case c.Option == "":
		return bytes.Join(e.lines, nil), nil // it is there already
	case i < 0:
		c.First = false
		i = e.add(k, c)
	}
	fields := k.fields(blank(k), 0)
	at := slices.IndexFunc(fields, func(f field) bool { return f.name == c.Option })
	if at < 0 {
		return nil, errors.New("unknown option" + guess(c.Option, names(fields)))
	}
	if len(c.Values) > 1 && !fields[at].list {
		return nil, errors.New("takes one value")
	}
	return e.set(i, c, fields[at].list), nil
}

// blank is a Config that has a section of the kind to look at.
func blank(k kind) *Config {
	c := Default()
	k.grow(c)
	return c
}

// find returns the place of the section that is meant, -1 when it is to be made, and
// its kind.
func (e editor) find(c Change) (int, kind, error) {
	met := map[string]int{}
	if c.joins {
		c.Section = "@" + c.Section + "[-1]"
	}
	c.Section = e.last(c.Section)
	for i, s := range e.sections {
		address := fmt.Sprintf("@%s[%d]", s.kind, met[s.kind])
		met[s.kind]++
		k, known := kindOf(s.kind)
		if c.Section == s.name && s.name != "" || c.Section == address || known && k.max == 1 && c.Section == k.kind {
			if !known || c.Type != "" && c.Type != s.kind {
				return 0, k, errors.New("the section is of another type")
			}
			return i, k, nil
		}
	}
	return e.absent(c)
}

// inherited are the sections of a type that hold by default, written out, when an address is
// of one of them and the text has none: who changes one keeps the others.
func (e editor) inherited(address string) []byte {
	typ, _, ok := strings.Cut(strings.TrimPrefix(address, "@"), "[")
	k, known := kindOf(typ)
	if !ok || !known || k.max == 1 || slices.ContainsFunc(e.sections, func(s section) bool { return s.kind == typ }) {
		return nil
	}
	return writeUCI(k.sections(Default()))
}

// last gives the address of the last section of a type its place.
func (e editor) last(address string) string {
	typ, ok := strings.CutSuffix(strings.TrimPrefix(address, "@"), "[-1]")
	n := 0
	for _, s := range e.sections {
		if s.kind == typ {
			n++
		}
	}
	if !ok || n == 0 {
		return address
	}
	return fmt.Sprintf("@%s[%d]", typ, n-1)
}

// absent is a section that is not in the text.
func (e editor) absent(c Change) (int, kind, error) {
	typ := c.Type
	if typ == "" {
		typ = c.Section
	}
	for _, k := range kinds() {
		if k.max == 1 && (c.Section == k.name || c.Section == k.kind) && (c.Type == "" || c.Type == k.kind) {
			return -1, k, nil
		}
		if k.max > 1 && k.kind == typ {
			return -1, k, nil
		}
	}
	var types []string
	for _, k := range kinds() {
		types = append(types, k.kind)
	}
	return 0, kind{}, errors.New("there is no such section" + guess(c.Section, types))
}

func kindOf(typ string) (kind, bool) {
	for _, k := range kinds() {
		if k.kind == typ {
			return k, true
		}
	}
	return kind{}, false
}

// cut removes a section: its heading and options, and no comment.
func (e editor) cut(i int) []byte {
	s := e.sections[i]
	e.blank(s.line, s.end)
	for _, entry := range s.entries {
		e.blank(entry.line, entry.end)
	}
	return bytes.Join(e.lines, nil)
}

// blank removes the lines of a statement, counted from 1.
func (e editor) blank(from, to int) {
	for n := from; n <= to; n++ {
		e.lines[n-1] = nil
	}
}

// add makes a section at the end and returns its place.
func (e *editor) add(k kind, c Change) int {
	name := c.Section
	if k.max == 1 {
		name = k.name
	}
	head := "config " + k.kind
	if !(k.max > 1 && c.Section == k.kind) && !strings.HasPrefix(c.Section, "@") {
		head = string(quote([]byte(head+" "), name))
	}
	if c.First && len(e.sections) > 0 {
		return e.insert(head)
	}
	e.lines = append(e.lines, []byte("\n"), []byte(head+"\n"))
	e.sections = append(e.sections, section{kind: k.kind, name: name, line: len(e.lines), end: len(e.lines)})
	return len(e.sections) - 1
}

// insert writes the heading of a section that has no option yet before all others.
func (e *editor) insert(head string) int {
	at := e.sections[0].line - 1
	e.lines[at] = append([]byte(head+"\n\n"), e.lines[at]...)
	return 0
}

// set gives an option of section i its values, at the place where it stood.
func (e editor) set(i int, c Change, list bool) []byte {
	s, at := e.sections[i], 0
	for _, entry := range s.entries {
		if entry.name == c.Option {
			e.blank(entry.line, entry.end)
			if at == 0 {
				at = entry.line
			}
		}
	}
	if at == 0 {
		at = s.end
		for _, entry := range s.entries {
			at = max(at, entry.end)
		}
	}
	word := "option"
	if list {
		word = "list"
	}
	for _, v := range c.Values {
		e.lines[at-1] = append(slices.Clone(e.lines[at-1]), append(quote([]byte("\t"+word+" "+c.Option+" "), v), '\n')...)
	}
	return bytes.Join(e.lines, nil)
}
