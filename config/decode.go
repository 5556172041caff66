package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// Load reads and parses the file at path, whose name stands in its faults. A file
// that does not exist is an error that wraps fs.ErrNotExist.
func Load(path string) (*Config, error) {
	c, _, err := Read(path)
	return c, err
}

// Read is Load that returns the text too.
func Read(path string) (*Config, []byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("config: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, nil, fmt.Errorf("config: %w", err)
	}
	c, err := Parse(path, text)
	return c, text, err
}

// Parse returns the Config that a text in UCI syntax describes, or an error of type
// Errors with all its faults. Name stands for the file in them.
func Parse(name string, text []byte) (*Config, error) {
	d := decode(text)
	if len(d.faults) > 0 {
		return nil, d.faults.in(name)
	}
	return d.config, nil
}

// StateDir returns the state folder that a text names, whatever else is wrong with it, or
// the default one.
func StateDir(text []byte) string { return decode(text).config.Main.StateDir }

func decode(text []byte) decoder {
	sections, faults := readUCI(text)
	d := decoder{
		config: Default(),
		kinds:  kinds(),
		spots:  map[place]spot{},
		named:  map[string]int{},
		met:    map[string]int{},
		faults: faults,
	}
	for _, s := range sections {
		d.section(s)
	}
	d.check()
	return d
}

// UCI returns the Config as the text of a file with every option written out, as
// uci itself would write it. Parse reads the same Config from it.
func (c *Config) UCI() []byte {
	var sections []section
	for _, k := range kinds() {
		sections = append(sections, k.sections(c)...)
	}
	return writeUCI(sections)
}

// sections are those of the kind with every option written out.
func (k kind) sections(c *Config) (all []section) {
	for i := range k.count(c) {
		s := section{kind: k.kind, name: k.name}
		if k.label != nil {
			s.name = *k.label(c, i)
		}
		for _, f := range k.fields(c, i) {
			for _, value := range f.get() {
				s.entries = append(s.entries, entry{list: f.list, name: f.name, value: value})
			}
		}
		all = append(all, s)
	}
	return all
}

// place names an option of section index of its kind; option "" is the section.
type place struct {
	kind   string
	index  int
	option string
}

// spot is where in the file something was given, and whether it was refused.
type spot struct {
	section string
	line    int
	bad     bool
}

// decoder fills a Config, which begins as Default, and remembers what was given
// where for the checks and their faults.
type decoder struct {
	config *Config
	kinds  []kind
	spots  map[place]spot
	named  map[string]int // line of each named section
	met    map[string]int // sections met, by type, for their uci address
	faults Errors
}

func (d *decoder) section(s section) {
	at := spot{section: d.address(s), line: s.line}
	i := slices.IndexFunc(d.kinds, func(k kind) bool { return k.kind == s.kind })
	if i < 0 {
		at.section = s.kind
		d.fault(at, "", "unknown section type"+guess(s.kind, d.types()))
		return
	}
	k, index := d.kinds[i], d.met[s.kind]-1
	if index >= k.max {
		d.fault(at, "", d.tooMany(k))
		return
	}
	d.checkName(k, s.name, at)
	k.grow(d.config)
	if k.label != nil {
		*k.label(d.config, index) = s.name
	}
	d.spots[place{s.kind, index, ""}] = at
	d.entries(s, index, k.fields(d.config, index), at.section)
}

func (d *decoder) tooMany(k kind) string {
	if k.max == 1 {
		return fmt.Sprintf("section type '%s' is given twice, first in line %d", k.kind, d.spots[place{k.kind, 0, ""}].line)
	}
	return fmt.Sprintf("more than %d sections of type '%s'", k.max, k.kind)
}

// address counts the section and returns how uci addresses it.
func (d *decoder) address(s section) string {
	n := d.met[s.kind]
	d.met[s.kind]++
	if s.name != "" {
		return s.name
	}
	return fmt.Sprintf("@%s[%d]", s.kind, n)
}

func (d *decoder) types() []string {
	var types []string
	for _, k := range d.kinds {
		types = append(types, k.kind)
	}
	return types
}

// checkName sees to it that no name stands for two sections, which uci would merge,
// neither in this file nor in the one that UCI writes.
func (d *decoder) checkName(k kind, name string, at spot) {
	if name == "" {
		return
	}
	if first, ok := d.named[name]; ok {
		d.fault(at, "", fmt.Sprintf("the name is taken by the section in line %d", first))
		return
	}
	d.named[name] = at.line
	for _, other := range d.kinds {
		if name == other.name && k.kind != other.kind {
			d.fault(at, "", "the name is kept for the section of type '"+other.kind+"'")
		}
	}
}

func (d *decoder) entries(s section, index int, fields []field, label string) {
	given := map[string]entry{}
	for _, e := range s.entries {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == e.name })
		at := spot{section: label, line: e.line}
		if i < 0 {
			d.fault(at, e.name, "unknown option"+guess(e.name, names(fields)))
			continue
		}
		if err := take(fields[i], e, given); err != nil {
			d.fault(at, e.name, err.Error())
			at.bad = true
		}
		given[e.name] = e
		d.spots[place{s.kind, index, e.name}] = at
	}
	for _, f := range fields {
		if f.needed && given[f.name].value == "" {
			d.fault(spot{section: label, line: s.line}, f.name, "the option is missing")
		}
	}
}

// take gives the value of an entry to its field. A single "option" for a list is a
// list of one: so "uci set" writes it.
func take(f field, e entry, given map[string]entry) error {
	switch first, again := given[e.name]; {
	case e.list && !f.list:
		return errors.New("takes one value: write 'option' instead of 'list'")
	case again && !(e.list && first.list):
		return fmt.Errorf("is given twice, first in line %d", first.line)
	case !utf8.ValidString(e.value):
		return errors.New("must be text in UTF-8")
	case strings.ContainsFunc(e.value, func(r rune) bool { return control(r, f.lines) }):
		return errors.New("must not hold control characters")
	case e.none():
		return nil
	}
	return f.set(e.value)
}

// control tells the characters that a value must not hold, line breaks and tabs
// being allowed where lines says so.
func control(r rune, lines bool) bool {
	if lines && (r == '\n' || r == '\r' || r == '\t') {
		return false
	}
	return r < ' ' || r >= 0x7f && r < 0xa0
}

// admitItem bounds a list and refuses doubles.
func admitItem(seen []string, item string, max int) error {
	switch {
	case slices.Contains(seen, item):
		return errors.New("the same value is listed twice")
	case len(seen) == max:
		return fmt.Errorf("more than %d values", max)
	}
	return nil
}

func names(fields []field) []string {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	return names
}

func (d *decoder) fault(at spot, option, message string) {
	d.faults.add(Error{Line: at.line, Section: at.section, Option: option, Message: message})
}
