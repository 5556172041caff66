package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// FromJSON reads a JSON object as the ubus program does: a number is int32 when it
// fits, else int64, a truth value is one byte, null is unspecified. What is no whole
// number of 64 bits is a double.
func FromJSON(text []byte) (Table, error) {
	r := jsonReader{dec: json.NewDecoder(bytes.NewReader(text)), left: maxValues + 1} // and the object itself
	r.dec.UseNumber()
	value, err := r.value(maxDepth)
	if err != nil {
		return nil, fmt.Errorf("ubus: JSON: %w", err)
	}
	t, ok := value.(Table)
	if !ok {
		return nil, errors.New("ubus: JSON: not an object")
	}
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("ubus: JSON: more than one object")
	}
	return t, nil
}

// jsonReader turns tokens into values, of which it takes so many only.
type jsonReader struct {
	dec  *json.Decoder
	left int
}

func (r *jsonReader) value(depth int) (any, error) {
	token, err := r.dec.Token()
	if err != nil {
		return nil, noEOF(err)
	}
	r.left--
	if depth < 0 || r.left < 0 {
		return nil, fmt.Errorf("more than %d values, or %d deep", maxValues, maxDepth)
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '{' {
			return r.table(depth)
		}
		return r.array(depth)
	case string:
		return v, nil
	case json.Number:
		return number(v.String())
	case bool:
		if v {
			return int8(1), nil
		}
		return int8(0), nil
	}
	return nil, nil
}

func (r *jsonReader) table(depth int) (any, error) {
	t := Table{}
	for r.dec.More() {
		name, err := r.dec.Token()
		if err != nil {
			return nil, err
		}
		v, err := r.value(depth - 1)
		if err != nil {
			return nil, err
		}
		t = append(t, Field{name.(string), v}) // the decoder takes nothing else for a name
	}
	_, err := r.dec.Token()
	return t, err
}

func (r *jsonReader) array(depth int) (any, error) {
	a := Array{}
	for r.dec.More() {
		v, err := r.value(depth - 1)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	_, err := r.dec.Token()
	return a, err
}

func number(s string) (any, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil:
		return strconv.ParseFloat(s, 64)
	case n >= math.MinInt32 && n <= math.MaxInt32:
		return int32(n), nil
	}
	return n, nil
}

// JSON is the table as a JSON object, in its order. A byte is a truth value; what JSON
// has no number for is null; what is no UTF-8 is replaced.
func (t Table) JSON() []byte { return appendJSON(nil, t) }

func appendJSON(b []byte, value any) []byte {
	switch v := value.(type) {
	case Table:
		b = append(b, '{')
		for i, f := range v {
			b = appendJSON(append(appendString(comma(b, i), f.Name), ':'), f.Value)
		}
		return append(b, '}')
	case Array:
		b = append(b, '[')
		for i, e := range v {
			b = appendJSON(comma(b, i), e)
		}
		return append(b, ']')
	case string:
		return appendString(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case int32:
		return strconv.AppendInt(b, int64(v), 10)
	case int16:
		return strconv.AppendInt(b, int64(v), 10)
	case int8:
		return strconv.AppendBool(b, v != 0)
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return strconv.AppendFloat(b, v, 'g', -1, 64)
		}
	}
	return append(b, "null"...)
}

func comma(b []byte, i int) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return b
}

func appendString(b []byte, s string) []byte {
	text, _ := json.Marshal(s) // a string has no error
	return append(b, text...)
}
