package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// Kind is the type of a value (blobmsg.h, enum blobmsg_type).
type Kind uint8

// Kinds of values.
const (
	Unspecified Kind = iota
	KindArray
	KindTable
	KindString
	KindInt64
	KindInt32
	KindInt16
	KindBool // one byte
	KindDouble
)

// A value is one of: nil (unspecified), Array, Table, string, int64, int32, int16,
// int8 (a truth value, by use), float64.

// Table is values with names, in their order.
type Table []Field

// Array is values without names.
type Array []any

// Field is one named value of a Table.
type Field struct {
	Name  string
	Value any
}

// Get returns the value of that name; the last one counts, as with libubox.
func (t Table) Get(name string) (value any, ok bool) {
	for _, f := range t {
		if f.Name == name {
			value, ok = f.Value, true
		}
	}
	return value, ok
}

// Argument is one argument of a method as callers see it.
type Argument struct {
	Name string
	Kind Kind
}

// Signature is one method of an object as callers see it.
type Signature struct {
	Method string
	Args   []Argument
}

// Signatures is the table that an object is registered with.
func Signatures(methods []Signature) Table {
	t := Table{}
	for _, m := range methods {
		args := Table{}
		for _, a := range m.Args {
			args = append(args, Field{a.Name, int32(a.Kind)})
		}
		t = append(t, Field{m.Method, args})
	}
	return t
}

// Attr is an attribute that holds the table.
func (t Table) Attr(id ID) Attr { return Attr{id, t.AppendTo(nil)} }

// AppendTo appends the fields of a table. Names and strings end at their first zero
// byte; a value that is none of the kinds is unspecified.
func (t Table) AppendTo(b []byte) []byte {
	for _, f := range t {
		b = appendValue(b, f.Name, f.Value)
	}
	return b
}

// extended marks an attribute that begins with a name.
const extended = 1 << 31

// maxName bounds a name in bytes: its length has two bytes.
const maxName = 1<<16 - 1

// appendValue appends an attribute: header, name with its zero byte, value.
func appendValue(b []byte, name string, value any) []byte {
	at := len(b)
	name, _, _ = strings.Cut(name, "\x00")
	name = name[:min(len(name), maxName)]
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(name)))
	b = pad(append(append(b, name...), 0), 2+len(name)+1)
	kind := Unspecified
	switch v := value.(type) {
	case Array:
		kind = KindArray
		for _, e := range v {
			b = appendValue(b, "", e)
		}
	case Table:
		kind, b = KindTable, v.AppendTo(b)
	case string:
		v, _, _ = strings.Cut(v, "\x00")
		kind, b = KindString, append(append(b, v...), 0)
	case int64:
		kind, b = KindInt64, binary.BigEndian.AppendUint64(b, uint64(v))
	case int32:
		kind, b = KindInt32, binary.BigEndian.AppendUint32(b, uint32(v))
	case int16:
		kind, b = KindInt16, binary.BigEndian.AppendUint16(b, uint16(v))
	case int8:
		kind, b = KindBool, append(b, byte(v))
	case float64:
		kind, b = KindDouble, binary.BigEndian.AppendUint64(b, math.Float64bits(v))
	}
	n := len(b) - at
	binary.BigEndian.PutUint32(b[at:], extended|uint32(kind)<<24|uint32(n))
	return pad(b, n)
}

// Table reads the table in an attribute; an absent one is empty.
func (m Message) Table(id ID) (Table, error) {
	data, _ := m.Get(id)
	return ParseTable(data)
}

// ParseTable reads the fields of a table.
func ParseTable(b []byte) (Table, error) {
	left := maxValues
	return parseTable(b, maxDepth, &left)
}

func parseTable(b []byte, depth int, left *int) (Table, error) {
	t := Table{}
	for len(b) > 0 {
		f, rest, err := parseValue(b, depth, left)
		if err != nil {
			return nil, err
		}
		t, b = append(t, f), rest
	}
	return t, nil
}

func parseArray(b []byte, depth int, left *int) (Array, error) {
	a := Array{}
	for len(b) > 0 {
		f, rest, err := parseValue(b, depth, left)
		if err != nil {
			return nil, err
		}
		a, b = append(a, f.Value), rest
	}
	return a, nil
}

// parseValue takes the first value off b. Depth and left bound what may be inside.
func parseValue(b []byte, depth int, left *int) (Field, []byte, error) {
	*left--
	if depth == 0 || *left < 0 {
		return Field{}, nil, fmt.Errorf("ubus: %w value: more than %d values, or %d deep", ErrMalformed, maxValues, maxDepth)
	}
	head, data, rest, err := cut(b)
	if err != nil {
		return Field{}, nil, err
	}
	name, data, err := cutName(head, data)
	if err != nil {
		return Field{}, nil, err
	}
	f := Field{Name: name}
	switch kind := Kind(head >> 24 & 0x7f); kind {
	case KindArray:
		f.Value, err = parseArray(data, depth-1, left)
	case KindTable:
		f.Value, err = parseTable(data, depth-1, left)
	default:
		f.Value, err = scalar(name, kind, data)
	}
	return f, rest, err
}

// cutName takes the name off the data of an attribute.
func cutName(head uint32, data []byte) (name string, rest []byte, err error) {
	if head&extended == 0 || len(data) < 2 {
		return "", nil, fmt.Errorf("ubus: %w value: it has no name", ErrMalformed)
	}
	n := padded(2 + int(binary.BigEndian.Uint16(data)) + 1)
	if n > len(data) {
		return "", nil, fmt.Errorf("ubus: %w value: its name is cut", ErrMalformed)
	}
	end := 2 + int(binary.BigEndian.Uint16(data)) + 1
	name, ok := text(data[2:end])
	if !ok {
		return "", nil, fmt.Errorf("ubus: %w value: its name does not end", ErrMalformed)
	}
	return name, data[n:], nil
}

// widths are the bytes that values of a kind have; others have any.
var widths = [...]int{KindInt64: 8, KindInt32: 4, KindInt16: 2, KindBool: 1, KindDouble: 8}

func scalar(name string, kind Kind, data []byte) (any, error) {
	if kind > KindDouble || widths[kind] > 0 && len(data) != widths[kind] {
		return nil, fmt.Errorf("ubus: %w value %.40q: kind %d with %d bytes", ErrMalformed, name, kind, len(data))
	}
	switch kind {
	case KindString:
		s, ok := text(data)
		if !ok {
			return nil, fmt.Errorf("ubus: %w value %.40q: the text does not end", ErrMalformed, name)
		}
		return s, nil
	case KindInt64:
		return int64(binary.BigEndian.Uint64(data)), nil
	case KindInt32:
		return int32(binary.BigEndian.Uint32(data)), nil
	case KindInt16:
		return int16(binary.BigEndian.Uint16(data)), nil
	case KindBool:
		return int8(data[0]), nil
	case KindDouble:
		return math.Float64frombits(binary.BigEndian.Uint64(data)), nil
	}
	return nil, nil
}
