package config

import (
	"bytes"
	"errors"
	"fmt"
)

// Bounds of a file, far above any that a person would write.
const (
	maxFile     = 256 << 10 // bytes
	maxLine     = 4096      // bytes
	maxSections = 1024
	maxEntries  = 256 // options and list items of one section
)

// section is one "config TYPE [NAME]" with what follows it.
type section struct {
	kind, name string // name is "" when the section is anonymous
	line, end  int    // first and last line of its heading
	entries    []entry
}

// entry is one "option NAME VALUE" or "list NAME VALUE".
type entry struct {
	list        bool
	name, value string
	line, end   int // quotes may span lines
}

// none tells whether uci takes the entry as not given: an option, but not a list
// item, with an empty value.
func (e entry) none() bool { return e.value == "" && !e.list }

// reader follows the grammar of libuci's file.c in its strict mode: a line is a
// statement, arguments concatenate bare, 'single' and "double" quoted pieces, quotes
// may span lines, a backslash takes the next byte literally (or joins lines) except
// in single quotes, and '#' outside quotes starts a comment even inside a word.
//
// It refuses what uci reads in surprising ways: a bare ';', after which uci drops or
// reads the rest of the line depending on quotes before it, and a second package.
type reader struct {
	src      []byte
	pos, end int // next byte, and end of the lines fetched so far
	line     int // number of the last line fetched
	sections []section
	named    bool // a package statement was seen
	lost     bool // the last config statement was faulty: its options are not judged
	full     bool // a bound was exceeded: the rest of the file is not read
	faults   Errors
}

// readUCI returns the sections of a file and its faults of syntax.
func readUCI(text []byte) ([]section, Errors) {
	r := &reader{src: text}
	if !r.admit() {
		return nil, r.faults
	}
	for !r.full && r.fetch() {
		line := r.line
		if err := r.statement(); err != nil {
			r.fault(line, err)
		}
		r.pos = r.end
	}
	return r.sections, r.faults
}

// admit checks the bounds of the text as a whole. A zero byte would end a line early
// in uci, so that the two would read different things.
func (r *reader) admit() bool {
	if len(r.src) > maxFile {
		r.fault(0, fmt.Errorf("the file is larger than %d KiB", maxFile>>10))
		return false
	}
	line := 0
	for text := range bytes.Lines(r.src) {
		line++
		if len(text) > maxLine {
			r.fault(line, fmt.Errorf("the line is longer than %d bytes", maxLine))
		}
		if bytes.IndexByte(text, 0) >= 0 {
			r.fault(line, errors.New("the line holds a zero byte"))
		}
	}
	return len(r.faults) == 0
}

func (r *reader) fault(line int, err error) {
	r.faults.add(Error{Line: line, Message: err.Error()})
}

// fetch makes the next line readable.
func (r *reader) fetch() bool {
	if r.end == len(r.src) {
		return false
	}
	if n := bytes.IndexByte(r.src[r.end:], '\n'); n >= 0 {
		r.end += n + 1
	} else {
		r.end = len(r.src)
	}
	r.line++
	return true
}

// peek returns the next byte, 0 at the end of what was fetched.
func (r *reader) peek() byte {
	if r.pos < r.end {
		return r.src[r.pos]
	}
	return 0
}

func (r *reader) skip(class func(byte) bool) {
	for r.pos < r.end && class(r.src[r.pos]) {
		r.pos++
	}
}

// statement reads one line, and those that its quotes span. Its errors never quote
// text: a line torn out of a quoted value may hold a password.
func (r *reader) statement() error {
	r.skip(isSpace)
	if c := r.peek(); c == 0 || c == '#' {
		return nil
	}
	start := r.pos
	r.skip(func(c byte) bool { return !isBlank(c) })
	switch string(bytes.TrimRight(r.src[start:r.pos], "\r\n")) {
	case "package", "p":
		return r.packageStatement()
	case "config", "c":
		return r.configStatement()
	case "option", "o":
		return r.entryStatement(false)
	case "list", "l":
		return r.entryStatement(true)
	}
	return errors.New("the line must begin with config, option, list or #")
}

// packageStatement reads the heading that "uci export" writes.
func (r *reader) packageStatement() error {
	args, err := r.args(1)
	switch {
	case err != nil:
		return err
	case args[0] == "" || !all(args[0], func(c byte) bool { return isName(c) || c == '-' }):
		return errors.New("package needs a name of letters, digits, '_' and '-'")
	case r.named || len(r.sections) > 0:
		return errors.New("package may stand only once and before all sections")
	}
	r.named = true
	return nil
}

func (r *reader) configStatement() error {
	r.lost = true
	line := r.line
	args, err := r.args(2)
	switch {
	case err != nil:
		return err
	case args[0] == "" || !all(args[0], func(c byte) bool { return c > ' ' && c < 0x7f }):
		return errors.New("config needs a type of printable characters")
	case !all(args[1], isName):
		return errors.New("the name of a section may hold only letters, digits and '_'")
	case len(r.sections) == maxSections:
		r.full = true
		return fmt.Errorf("the file has more than %d sections", maxSections)
	}
	r.lost = false
	r.sections = append(r.sections, section{kind: args[0], name: args[1], line: line, end: r.line})
	return nil
}

func (r *reader) entryStatement(list bool) error {
	line := r.line
	args, err := r.args(2)
	switch {
	case err != nil:
		return err
	case args[0] == "" || !all(args[0], isName):
		return errors.New("an option needs a name of letters, digits and '_'")
	case r.lost:
		return nil
	case len(r.sections) == 0:
		return errors.New("an option stands before the first section")
	}
	s := &r.sections[len(r.sections)-1]
	if len(s.entries) == maxEntries {
		r.full = true
		return fmt.Errorf("the section has more than %d options", maxEntries)
	}
	s.entries = append(s.entries, entry{list: list, name: args[0], value: args[1], line: line, end: r.line})
	return nil
}

// args reads n arguments, "" for those that are missing, and the end of the line.
func (r *reader) args(n int) ([]string, error) {
	args := make([]string, n+1)
	for i := range args {
		var err error
		if args[i], err = r.arg(); err != nil {
			return nil, err
		}
	}
	if args[n] != "" || r.pos < r.end {
		return nil, errors.New("the line has too many words: quote a value that holds spaces")
	}
	return args[:n], nil
}

// arg reads one argument and the white space that ends it.
func (r *reader) arg() (string, error) {
	r.skip(isSpace)
	var arg []byte
	for r.pos < r.end {
		switch c := r.src[r.pos]; c {
		case '\'', '"':
			var err error
			if arg, err = r.quoted(arg, c); err != nil {
				return "", err
			}
		case '#':
			r.pos = r.end
		case ';':
			return "", errors.New("';' must stand in quotes")
		case '\\':
			arg = r.escaped(arg)
		default:
			arg = append(arg, c)
			r.pos++
		}
		if isSpace(r.peek()) {
			r.pos++
			break
		}
	}
	return string(arg), nil
}

// quoted appends what stands between two quote marks.
func (r *reader) quoted(arg []byte, mark byte) ([]byte, error) {
	line := r.line
	r.pos++
	for r.pos < r.end || r.fetch() {
		switch c := r.src[r.pos]; {
		case c == mark:
			r.pos++
			return arg, nil
		case c == '\\' && mark == '"':
			arg = r.escaped(arg)
		default:
			arg = append(arg, c)
			r.pos++
		}
	}
	return nil, fmt.Errorf("the quote opened in line %d is never closed", line)
}

// escaped appends the byte after a backslash, or joins the next line.
func (r *reader) escaped(arg []byte) []byte {
	r.pos++
	switch string(r.src[r.pos:r.end]) {
	case "", "\n", "\r\n", "\r": // the last where the file ends
		r.pos = r.end
		r.fetch()
		return arg
	}
	arg = append(arg, r.src[r.pos])
	r.pos++
	return arg
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isName(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_'
}

func all(s string, class func(byte) bool) bool {
	for i := range len(s) {
		if !class(s[i]) {
			return false
		}
	}
	return true
}

// writeUCI returns the text that uci itself would write to its file.
func writeUCI(sections []section) []byte {
	var b []byte
	for _, s := range sections {
		b = append(append(b, "\nconfig "...), s.kind...)
		if s.name != "" {
			b = quote(append(b, ' '), s.name)
		}
		b = append(b, '\n')
		for _, e := range s.entries {
			if e.none() {
				continue
			}
			word := "\toption "
			if e.list {
				word = "\tlist "
			}
			b = append(append(append(b, word...), e.name...), ' ')
			b = append(quote(b, e.value), '\n')
		}
	}
	return append(b, '\n')
}

// quote appends s in single quotes, in which only the quote mark itself is special.
func quote(b []byte, s string) []byte {
	b = append(b, '\'')
	for i := range len(s) {
		if s[i] == '\'' {
			b = append(b, `'\''`...)
		} else {
			b = append(b, s[i])
		}
	}
	return append(b, '\'')
}
