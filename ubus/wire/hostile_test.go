package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestHostileMessages: each is refused by name of its defect, none panics.
func TestHostileMessages(t *testing.T) {
	for name, bytesHex := range map[string]string{
		"another version":             "01000000 00000000 00000004",
		"container without header":    "00000000 00000000 00000003",
		"longer than allowed":         "00000000 00000000 00100001",
		"attribute cut in its header": "00010001 00000000 00000006 0100",
		"attribute shorter than head": "00010001 00000000 00000008 01000003",
		"attribute longer than all":   "00010001 00000000 00000008 01000009",
		"too many attributes":         "00010001 00000000 00000108" + strings.Repeat("01000004", 65),
	} {
		if m, err := Read(bytes.NewReader(unhex(t, bytesHex))); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
	for name, bytesHex := range map[string]string{
		"cut in the header": "00010001 00",
		"cut in the body":   "00010001 00000000 0000000c 01000008 0000",
		"without its body":  "00010001 00000000 0000000c",
	} {
		if m, err := Read(bytes.NewReader(unhex(t, bytesHex))); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
}

// TestHostileValues: each is refused, none panics.
func TestHostileValues(t *testing.T) {
	for name, bytesHex := range map[string]string{
		"no name at all":         "05000008 00000001",
		"no room for a name":     "83000005 00",
		"name longer than value": "83000008 00ff6100",
		"name without its end":   "87000009 00016162 01",
		"name with a zero byte":  "8700000d 0003610061000000 01",
		"text without its end":   "8300000a 00016100 6162",
		"text with a zero byte":  "8300000c 00016100 61006200",
		"text of no byte":        "83000008 00016100",
		"int32 of 3 bytes":       "8500000b 00016100 000000",
		"int64 of 4 bytes":       "8400000c 00016100 00000000",
		"int16 of 4 bytes":       "8600000c 00016100 00000000",
		"truth of no byte":       "87000008 00016100",
		"double of 4 bytes":      "8800000c 00016100 00000000",
		"unknown kind":           "89000008 00016100",
		"bad value in a table":   "8200000c 00016100 00000001",
		"bad value in an array":  "8100000c 00016100 00000001",
	} {
		if v, err := ParseTable(unhex(t, bytesHex)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
}

// nested is a table in a table, and so on, n deep.
func nested(n int) Table {
	t := Table{}
	for range n - 1 {
		t = Table{{"a", t}}
	}
	return t
}

// TestBounds: depth and number of values are bounded, at the very edge, on both ways.
func TestBounds(t *testing.T) {
	fits, deep := nested(maxDepth+1), nested(maxDepth+2)
	many, tooMany := Array(make([]any, maxValues-1)), Array(make([]any, maxValues))
	for name, c := range map[string]struct {
		t  Table
		ok bool
	}{
		"deep": {fits, true}, "too deep": {deep, false}, "many": {Table{{"a", many}}, true}, "too many": {Table{{"a", tooMany}}, false},
	} {
		if _, err := ParseTable(c.t.AppendTo(nil)); (err == nil) != c.ok {
			t.Errorf("%s values: %v", name, err)
		}
		if _, err := FromJSON(c.t.JSON()); (err == nil) != c.ok {
			t.Errorf("%s JSON: %v", name, err)
		}
	}
}

// TestAbsentAttributes: what is not there, or of another type, reads as nothing.
func TestAbsentAttributes(t *testing.T) {
	m := Message{Attrs: []Attr{{AttrObject, []byte{1, 2}}, {AttrPath, []byte("open")}, {AttrActive, nil}, {99, []byte("later")}}}
	if v, ok := m.U32(AttrObject); ok || v != 0 {
		t.Error("two bytes are a number")
	}
	if m.Text(AttrPath) != "" || m.Text(AttrMethod) != "" || m.Flag(AttrActive) || m.Flag(AttrNoReply) {
		t.Error("something reads as something")
	}
	if m.Code() != ParseError {
		t.Errorf("outcome %v", m.Code())
	}
	if table, err := m.Table(AttrData); err != nil || len(table) != 0 {
		t.Errorf("%v, %v", table, err)
	}
	twice := Message{Attrs: []Attr{U32(AttrObject, 1), U32(AttrObject, 2)}}
	if v, _ := twice.U32(AttrObject); v != 2 {
		t.Errorf("of two the bus takes the last: %d", v)
	}
}

// TestWhatCannotBeSaid: what has no place on the bus is cut, not sent as something else.
func TestWhatCannotBeSaid(t *testing.T) {
	table := Table{
		{"zero\x00byte", "in\x00text"}, {strings.Repeat("n", maxName+9), int8(1)}, {"odd", struct{}{}}, {"nan", math.NaN()}, {"utf", "\xff"},
	}
	got, err := ParseTable(table.AppendTo(nil))
	if err != nil || len(got) != 5 {
		t.Fatalf("%v, %v", got, err)
	}
	if got[0] != (Field{"zero", "in"}) || len(got[1].Name) != maxName || got[2] != (Field{"odd", nil}) {
		t.Errorf("%.300v", got)
	}
	if text := string(got[3:].JSON()); text != "{\"nan\":null,\"utf\":\"\\ufffd\"}" {
		t.Errorf("JSON %s", text)
	}
	if Text(AttrPath, "a\x00b").Data[1] != 0 || len(Text(AttrPath, "a\x00b").Data) != 2 {
		t.Error("a text does not end at its first zero byte")
	}
}

// TestFromJSON: numbers by their size, faults told.
func TestFromJSON(t *testing.T) {
	got, err := FromJSON([]byte(` {"a":2147483647,"b":-2147483649,"c":18446744073709551615,"d":null,"e":[],"f":{},"g":false,"h":1e2} `))
	want := Table{
		{"a", int32(math.MaxInt32)}, {"b", int64(math.MinInt32 - 1)}, {"c", 18446744073709551615.0}, {"d", nil},
		{"e", Array{}}, {"f", Table{}}, {"g", int8(0)}, {"h", 100.0},
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v\n%s", err, d)
	}
	for text, why := range map[string]string{
		"":                "unexpected EOF",
		"[]":              "not an object",
		"7":               "not an object",
		"{} {}":           "more than one object",
		"{}x":             "more than one object",
		`{"a":1`:          "EOF",
		`{"a":[1`:         "EOF",
		`{"a" 1}`:         "invalid",
		`{7:1}`:           "invalid",
		`{"a":1e999}`:     "range",
		`{"a":[{"b":x}]}`: "invalid",
	} {
		if v, err := FromJSON([]byte(text)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, %v", text, v, err)
		}
	}
}

// TestTableGet: of two fields with a name the last counts.
func TestTableGet(t *testing.T) {
	table := Table{{"a", int8(1)}, {"a", int8(2)}}
	if v, ok := table.Get("a"); !ok || v != int8(2) {
		t.Errorf("%v, %t", v, ok)
	}
	if v, ok := table.Get("b"); ok || v != nil {
		t.Errorf("%v, %t", v, ok)
	}
}

// TestCodes: the words of the ubus program, and a number for what it does not know.
func TestCodes(t *testing.T) {
	for code, want := range map[Code]string{OK: "Success", PermissionDenied: "Permission denied", SystemError: "System error", 77: "Unknown status 77"} {
		if code.Error() != want {
			t.Errorf("%d is %q", uint32(code), code.Error())
		}
	}
}
