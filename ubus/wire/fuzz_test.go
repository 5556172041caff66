package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// alike compares what came of two ways; a NaN is like a NaN.
func alike(t *testing.T, what string, a, b any) {
	t.Helper()
	if d := cmp.Diff(a, b, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("%s: %s", what, d)
	}
}

// FuzzRead: whatever is read is written so that the same is read again.
func FuzzRead(f *testing.F) {
	captured(f, func(_ string, _ int, frame []byte) { f.Add(frame) })
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Read(bytes.NewReader(b))
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%v", err)
			}
			return
		}
		out := m.AppendTo(nil)
		if len(out) != m.Len()+frameHead {
			t.Fatalf("%d bytes, said to be %d", len(out)-frameHead, m.Len())
		}
		if m.Len() > MaxMessage {
			return // padding made it longer than what may be sent
		}
		back, err := Read(bytes.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		alike(t, "message", m, back)
	})
}

// FuzzParseTable: whatever is read is written so that the same is read again, and it
// has a JSON text that is read.
func FuzzParseTable(f *testing.F) {
	captured(f, func(_ string, _ int, frame []byte) {
		m, err := Read(bytes.NewReader(frame))
		if err != nil {
			f.Fatal(err)
		}
		for _, id := range []ID{AttrData, AttrSignature} {
			if data, ok := m.Get(id); ok {
				f.Add(data)
			}
		}
	})
	f.Fuzz(func(t *testing.T, b []byte) {
		table, err := ParseTable(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		back, err := ParseTable(table.AppendTo(nil))
		if err != nil {
			t.Fatal(err)
		}
		alike(t, "table", table, back)
		text := table.JSON()
		read, err := FromJSON(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		again, err := FromJSON(read.JSON())
		if err != nil {
			t.Fatal(err)
		}
		alike(t, "JSON", read, again)
	})
}

// FuzzFromJSON: whatever is read goes to the bus and back.
func FuzzFromJSON(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":[1,2.5,"x",true,null,{"b":5000000000}]}`, `{"\u0000":"\u0000"}`, `{"a":1e400}`, `[[[[`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := FromJSON(text)
		if err != nil {
			return
		}
		back, err := ParseTable(table.AppendTo(nil))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if len(back) != len(table) {
			t.Fatalf("%d of %d fields", len(back), len(table))
		}
	})
}
