package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// readable turns an answer into lines for a person, in the order in which it came: a
// nested value is indented, an object that is a text is that text.
func readable(answer json.RawMessage) (string, error) {
	dec := json.NewDecoder(bytes.NewReader(answer))
	dec.UseNumber()
	var b strings.Builder
	r := reader{dec: dec, out: &b}
	if err := r.value("", 0); err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	return b.String(), nil
}

// reader walks JSON and writes lines.
type reader struct {
	dec *json.Decoder
	out *strings.Builder
}

func (r reader) value(label string, depth int) error {
	token, err := r.dec.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Delim:
		return r.nested(t, label, depth)
	case string:
		r.text(label, t, depth)
	case nil:
	default:
		r.line(label, fmt.Sprint(t), depth)
	}
	return nil
}

func (r reader) line(label, value string, depth int) {
	if label != "" {
		label += ": "
	}
	fmt.Fprintf(r.out, "%s%s%s\n", strings.Repeat("  ", depth), label, value)
}

// text writes a text of several lines as it is.
func (r reader) text(label, value string, depth int) {
	if strings.Contains(value, "\n") {
		fmt.Fprintln(r.out, strings.TrimRight(value, "\n"))
		return
	}
	r.line(label, value, depth)
}

// nested writes an object or a list; what is empty is left out.
func (r reader) nested(open json.Delim, label string, depth int) error {
	if !r.dec.More() {
		_, err := r.dec.Token()
		return err
	}
	if label != "" {
		r.line(label, "", depth)
		depth++
	}
	for n := 1; r.dec.More(); n++ {
		name := fmt.Sprint(n)
		if open == '{' {
			token, err := r.dec.Token()
			if err != nil {
				return err
			}
			name = fmt.Sprint(token)
		}
		if err := r.value(name, depth); err != nil {
			return err
		}
	}
	_, err := r.dec.Token()
	return err
}
