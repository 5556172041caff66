package wire

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestValuesBySpecification: each kind of value, laid out by hand from blobmsg.h, is
// read and written alike.
func TestValuesBySpecification(t *testing.T) {
	for name, c := range map[string]struct {
		bytes string
		want  Table
	}{
		"nothing":              {"", Table{}},
		"unspecified":          {"80000008 00016100", Table{{"a", nil}}},
		"empty array":          {"81000008 00016100", Table{{"a", Array{}}}},
		"array of two":         {"8100001c 00016100 87000009 00000000 01000000 80000008 00000000", Table{{"a", Array{int8(1), nil}}}},
		"table in a table":     {"82000018 00016100 82000010 00016200 80000008 00016300", Table{{"a", Table{{"b", Table{{"c", nil}}}}}}},
		"empty text":           {"83000009 00016100 00000000", Table{{"a", ""}}},
		"text of a whole word": {"8300000d 00016100 61626364 00000000", Table{{"a", "abcd"}}},
		"text with a zero pad": {"8300000c 00016100 61626300", Table{{"a", "abc"}}},
		"text beyond ASCII":    {"8300000b 00016100 c3a90000", Table{{"a", "é"}}},
		"int64":                {"84000010 00016100 ffffffff fffffffe", Table{{"a", int64(-2)}}},
		"int32":                {"8500000c 00016100 80000000", Table{{"a", int32(-1 << 31)}}},
		"int16":                {"8600000a 00016100 7fff0000", Table{{"a", int16(1<<15 - 1)}}},
		"truth":                {"87000009 00016100 ff000000", Table{{"a", int8(-1)}}},
		"double":               {"88000010 00016100 c0040000 00000000", Table{{"a", -2.5}}},
		"a name of no byte":    {"80000008 00000000", Table{{"", nil}}},
		"a name of two words":  {"8000000c 00056162 63646500", Table{{"abcde", nil}}},
		"two of one name":      {"87000009 00016100 01000000 87000009 00016100 02000000", Table{{"a", int8(1)}, {"a", int8(2)}}},
	} {
		b := unhex(t, c.bytes)
		got, err := ParseTable(b)
		if d := cmp.Diff(c.want, got); d != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, d)
		}
		if back := c.want.AppendTo(nil); !bytes.Equal(back, b) {
			t.Errorf("%s: written\n%x, want\n%x", name, back, b)
		}
	}
}

// TestMessagesBySpecification: frames, laid out by hand from ubusmsg.h, are read and
// written alike.
func TestMessagesBySpecification(t *testing.T) {
	for name, c := range map[string]struct {
		bytes string
		want  Message
	}{
		"hello":   {"00000000 01020304 00000004", Message{Type: Hello, Peer: 0x01020304}},
		"status":  {"0001ffff 00000000 0000000c 01000008 0000000d", Message{Type: Status, Seq: 0xffff, Attrs: []Attr{U32(AttrStatus, uint32(SystemError))}}},
		"lookup":  {"00040001 00000000 00000010 02000009 612e622a 00000000", Message{Type: Lookup, Seq: 1, Attrs: []Attr{Text(AttrPath, "a.b*")}}},
		"notify":  {"000a0002 00000000 00000014 03000008 0000002a 09000005 01000000", Message{Type: Notify, Seq: 2, Attrs: []Attr{U32(AttrObject, 42), Flag(AttrActive, true)}}},
		"no data": {"00050003 00000007 00000018 03000008 00000007 04000006 61000000 07000004", Message{Type: Invoke, Seq: 3, Peer: 7, Attrs: []Attr{U32(AttrObject, 7), Text(AttrMethod, "a"), {AttrData, nil}}}},
	} {
		b := unhex(t, c.bytes)
		got, err := Read(bytes.NewReader(b))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i := range got.Attrs {
			if len(got.Attrs[i].Data) == 0 {
				got.Attrs[i].Data = nil
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
		if back := c.want.AppendTo(nil); !bytes.Equal(back, b) {
			t.Errorf("%s: written\n%x, want\n%x", name, back, b)
		}
	}
}

// TestStream: messages that arrive one after another, in pieces of any size, are read one
// after another.
func TestStream(t *testing.T) {
	var all []byte
	var frames [][]byte
	captured(t, func(_ string, _ int, frame []byte) {
		all, frames = append(all, frame...), append(frames, frame)
	})
	for _, size := range []int{1, 7, 4096} {
		in := &pieces{all, size}
		for i, want := range frames {
			m, err := Read(in)
			if err != nil {
				t.Fatalf("message %d in pieces of %d: %v", i, size, err)
			}
			if !bytes.Equal(m.AppendTo(nil), want) {
				t.Fatalf("message %d in pieces of %d is another", i, size)
			}
		}
	}
}

// pieces gives so many bytes at a time.
type pieces struct {
	rest []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	n := copy(b, p.rest[:min(p.size, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}
