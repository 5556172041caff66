package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// kind is the type of a JSON value.
type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject
)

func (k kind) String() string {
	return [...]string{"null", "boolean", "number", "string", "array", "object"}[k]
}

// value is one JSON value. The names of an object's members are in names.
type value struct {
	kind  kind
	text  string // of a string, number or boolean
	names []string
	items []value
}

// member is a member of an object; false when there is none.
func (v *value) member(name string) (*value, bool) {
	for i, n := range v.names {
		if n == name {
			return &v.items[i], true
		}
	}
	return nil, false
}

// digest tells values apart.
func (v *value) digest() uint64 {
	parts := append([]string{v.kind.String(), v.text}, v.names...)
	for i := range v.items {
		parts = append(parts, fmt.Sprint(v.items[i].digest()))
	}
	return digest(parts...)
}

// jsonReader builds the tree of values.
type jsonReader struct {
	dec   *json.Decoder
	count int
}

// readTree reads one JSON value within the bounds. A name that is there twice is an
// error: who reads the first and who reads the last would see different documents.
func readTree(raw []byte) (value, error) {
	r := jsonReader{dec: json.NewDecoder(bytes.NewReader(raw))}
	r.dec.UseNumber()
	v, err := r.value("", 0)
	if err != nil {
		return v, err
	}
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return v, fault{"/", "something follows the document"}
	}
	return v, nil
}

func (r *jsonReader) token(path string) (json.Token, error) {
	t, err := r.dec.Token()
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fault{orRoot(path), "the document ends too early"}
	case err != nil:
		return nil, fault{orRoot(path), fmt.Sprintf("byte %d: this is no well-formed JSON", r.dec.InputOffset())}
	}
	return t, nil
}

func orRoot(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

func (r *jsonReader) value(path string, depth int) (value, error) {
	r.count++
	switch {
	case depth > maxDepth:
		return value{}, fault{path, fmt.Sprintf("values are nested deeper than %d", maxDepth)}
	case r.count > maxNodes:
		return value{}, fault{orRoot(path), fmt.Sprintf("there are more than %d values", maxNodes)}
	}
	t, err := r.token(path)
	if err != nil {
		return value{}, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '{' {
			return r.object(path, depth)
		}
		return r.array(path, depth)
	case string:
		return value{kind: kindString, text: t}, nil
	case json.Number:
		return value{kind: kindNumber, text: t.String()}, nil
	case bool:
		return value{kind: kindBool, text: fmt.Sprint(t)}, nil
	}
	return value{}, nil
}

func (r *jsonReader) array(path string, depth int) (value, error) {
	v := value{kind: kindArray}
	for r.dec.More() {
		item, err := r.value(fmt.Sprintf("%s/%d", path, len(v.items)), depth+1)
		if err != nil {
			return v, err
		}
		v.items = append(v.items, item)
	}
	_, err := r.token(path)
	return v, err
}

func (r *jsonReader) object(path string, depth int) (value, error) {
	v := value{kind: kindObject}
	for r.dec.More() {
		t, err := r.token(path)
		if err != nil {
			return v, err
		}
		name, ok := t.(string)
		if _, twice := v.member(name); !ok || twice || len(name) > maxNameLen {
			return v, fault{orRoot(path), "a name is there twice or too long"}
		}
		item, err := r.value(path+"/"+name, depth+1)
		if err != nil {
			return v, err
		}
		v.names, v.items = append(v.names, name), append(v.items, item)
	}
	_, err := r.token(path)
	return v, err
}

// readJSON reads tetherd's own form.
func readJSON(raw []byte) (*Document, Report) {
	var report Report
	tree, err := readTree(raw)
	if err != nil {
		report.refuse(where(err), reason(err))
		return nil, report
	}
	published().check(&report, "", &tree)
	if report.Refused() {
		return nil, report
	}
	d := &Document{Form: JSON}
	if err := json.Unmarshal(raw, d); err != nil {
		// The error may quote the document.
		report.refuse("/", "a value does not fit")
		return nil, report
	}
	for i := range d.Messages {
		if err := d.Messages[i].compile(); err != nil {
			report.refuse(fmt.Sprintf("/messages/%d/pattern", i), err.Error())
		}
	}
	return d, report
}
