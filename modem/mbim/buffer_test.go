package mbim

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestReaderFields(t *testing.T) {
	r := NewReader([]byte{
		0x02, 0x01,
		0x04, 0x03, 0x02, 0x01,
		0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01,
		0xa2, 0x89, 0xcc, 0x33, 0xbc, 0xbb, 0x8b, 0x4f, 0xb6, 0xb0, 0x13, 0x3e, 0xc2, 0xaa, 0xe6, 0xdf,
	})
	same(t, "U16", r.U16(), 0x0102)
	same(t, "U32", r.U32(), 0x01020304)
	same(t, "U64", r.U64(), 0x0102030405060708)
	same(t, "UUID", r.UUID(), ServiceBasicConnect)
	if err := r.Err(); err != nil || r.More(1) {
		t.Errorf("%v, more %t", err, r.More(1))
	}
	same(t, "after the end", r.U16(), 0)
	if !errors.Is(r.Err(), ErrBuffer) {
		t.Errorf("%v", r.Err())
	}
}

func TestReaderText(t *testing.T) {
	for name, c := range map[string]struct {
		buf  []byte
		want string
	}{
		"plain":                  {[]byte{8, 0, 0, 0, 4, 0, 0, 0, 'o', 0, 'k', 0}, "ok"},
		"terminated":             {[]byte{8, 0, 0, 0, 6, 0, 0, 0, 'o', 0, 'k', 0, 0, 0}, "ok"},
		"terminated and padded":  {[]byte{8, 0, 0, 0, 8, 0, 0, 0, 'o', 0, 0, 0, 'k', 0, 0, 0}, "o"},
		"high bytes":             {[]byte{8, 0, 0, 0, 4, 0, 0, 0, 0x2F, 0x04, 0xAC, 0x20}, "Я€"},
		"surrogates":             {[]byte{8, 0, 0, 0, 4, 0, 0, 0, 0x3D, 0xD8, 0x00, 0xDE}, "😀"},
		"commands to a terminal": {[]byte{8, 0, 0, 0, 8, 0, 0, 0, 'o', 0, 0x1B, 0, 0x07, 0, 'k', 0}, "ok"},
		"half a surrogate":       {[]byte{8, 0, 0, 0, 2, 0, 0, 0, 0x3D, 0xD8}, "\uFFFD"},
		"odd length":             {[]byte{8, 0, 0, 0, 3, 0, 0, 0, 'o', 0, 'k'}, "o"},
		"none":                   {[]byte{0, 0, 0, 0, 0, 0, 0, 0}, ""},
		"none at a silly offset": {[]byte{0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0}, ""},
	} {
		r := NewReader(c.buf)
		if got := r.Text(); got != c.want || r.Err() != nil {
			t.Errorf("%s: %q, %v, want %q", name, got, r.Err(), c.want)
		}
	}
}

func TestReaderRefusesReferencesOutside(t *testing.T) {
	for name, buf := range map[string][]byte{
		"length beyond":       {8, 0, 0, 0, 5, 0, 0, 0, 1, 2, 3, 4},
		"offset beyond":       {13, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4},
		"offset at the end":   {12, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4},
		"offset wraps":        {0xFF, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0},
		"length wraps":        {8, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF},
		"sum wraps":           {0xF8, 0xFF, 0xFF, 0xFF, 0x10, 0, 0, 0},
		"pair cut":            {8, 0, 0, 0, 0, 0, 0},
		"negative as a count": {0, 0, 0, 0x80, 0, 0, 0, 0x80},
	} {
		r := NewReader(buf)
		if got := r.Bytes(); got != nil || !errors.Is(r.Err(), ErrBuffer) {
			t.Errorf("%s: %x, %v", name, got, r.Err())
		}
	}
}

func TestReaderFailureSticks(t *testing.T) {
	r := NewReader([]byte{1, 0, 0, 0, 2, 0, 0, 0})
	r.UUID()
	first := r.Err()
	if first == nil || r.U32() != 0 || r.Text() != "" || r.Refs(1) != nil || r.Struct() != nil || r.Addr4().IsValid() || r.More(0) {
		t.Error("something was read after the failure")
	}
	if r.Err() != first {
		t.Errorf("%v, first was %v", r.Err(), first)
	}
}

func TestReaderFailureOfNestedStructures(t *testing.T) {
	// One element of 4 bytes, of which 8 are read.
	r := NewReader([]byte{12, 0, 0, 0, 4, 0, 0, 0, 7, 0, 0, 0, 9, 0, 0, 0})
	element := r.Refs(1)[0]
	if element.U32() != 9 || r.Err() != nil {
		t.Fatal(r.Err())
	}
	element.U32()
	if r.Err() == nil || r.U32() != 0 {
		t.Error("the outer reader goes on")
	}
}

func TestReaderCountsAreBounded(t *testing.T) {
	huge := []byte{0xFF, 0xFF, 0xFF, 0xFF, 8, 0, 0, 0, 0, 0, 0, 0}
	for name, read := range map[string]func(r *Reader) int{
		"refs":       func(r *Reader) int { return len(r.Refs(r.U32())) },
		"list":       func(r *Reader) int { return len(r.list32()) },
		"addresses":  func(r *Reader) int { return len(r.Addrs4()) + len(r.Addrs6()) },
		"prefixes 4": func(r *Reader) int { return len(r.Prefixes4()) },
		"prefixes 6": func(r *Reader) int { return len(r.Prefixes6()) },
	} {
		r := NewReader(huge)
		if n := read(r); n != 0 || !errors.Is(r.Err(), ErrBuffer) {
			t.Errorf("%s: %d elements, %v", name, n, r.Err())
		}
	}
	array := (&Writer{}).Bytes([]byte{0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4}).Encode()
	if r := NewReader(array); r.Array(4) != nil || r.Err() == nil {
		t.Error("array of 2^32 elements")
	}
}

// Thousands of references to the same bytes must not make much of a little.
func TestReaderBoundsOverlappingReferences(t *testing.T) {
	const size = 8 << 10
	w := &Writer{}
	for range size / 8 {
		w.U32(0, size)
	}
	r := NewReader(w.Encode())
	total := 0
	for range size / 8 {
		total += len(r.Bytes())
	}
	if total > 5*size || !errors.Is(r.Err(), ErrBuffer) {
		t.Errorf("%d bytes of %d, %v", total, size, r.Err())
	}
}

func TestReaderMore(t *testing.T) {
	// A string pair, one more word, and data at 12: an appended word would be data.
	r := NewReader([]byte{12, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 'x', 0, 0, 0})
	r.Text()
	if !r.More(4) || r.More(5) {
		t.Error("before the last word")
	}
	r.U32()
	if r.More(1) {
		t.Error("data taken for a field")
	}
}

func TestWriterLaysOutByHand(t *testing.T) {
	got := (&Writer{}).U16(0x0102).U16(0).Text("ab€").Bytes(nil).Bytes([]byte{9, 8, 7, 6, 5}).
		Addr(netip.MustParseAddr("10.0.0.1")).Addr(netip.Addr{}).Encode()
	want := []byte{
		0x02, 0x01, 0, 0,
		36, 0, 0, 0, 6, 0, 0, 0, // text
		0, 0, 0, 0, 0, 0, 0, 0, // no bytes
		44, 0, 0, 0, 5, 0, 0, 0, // bytes
		52, 0, 0, 0, // address
		0, 0, 0, 0, // no address
		'a', 0, 'b', 0, 0xAC, 0x20, 0, 0,
		9, 8, 7, 6, 5, 0, 0, 0,
		10, 0, 0, 1,
	}
	same(t, "layout", got, want)
}

func TestWriterNestedOffsetsCountFromTheirStructure(t *testing.T) {
	element := (&Writer{}).U32(1).Text("x")
	got := (&Writer{}).U32(2).Refs(element, element).Encode()
	want := []byte{
		2, 0, 0, 0,
		20, 0, 0, 0, 16, 0, 0, 0,
		36, 0, 0, 0, 16, 0, 0, 0,
		1, 0, 0, 0, 12, 0, 0, 0, 2, 0, 0, 0, 'x', 0, 0, 0,
		1, 0, 0, 0, 12, 0, 0, 0, 2, 0, 0, 0, 'x', 0, 0, 0,
	}
	same(t, "layout", got, want)
}

func TestWriterLists(t *testing.T) {
	got := (&Writer{}).
		Addrs([]netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")}).Addrs(nil).
		Prefixes([]netip.Prefix{netip.MustParsePrefix("10.0.0.3/24")}).
		Array((&Writer{}).U32(7), (&Writer{}).U32(8)).Array().Struct(nil).Struct((&Writer{}).U32(6)).Encode()
	want := []byte{
		2, 0, 0, 0, 56, 0, 0, 0, // addresses
		0, 0, 0, 0, 0, 0, 0, 0, // none
		1, 0, 0, 0, 64, 0, 0, 0, // prefixes
		72, 0, 0, 0, 12, 0, 0, 0, // array
		0, 0, 0, 0, 0, 0, 0, 0, // none
		0, 0, 0, 0, 0, 0, 0, 0, // no structure
		84, 0, 0, 0, 4, 0, 0, 0, // structure
		10, 0, 0, 1, 10, 0, 0, 2,
		24, 0, 0, 0, 10, 0, 0, 3,
		2, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0,
		6, 0, 0, 0,
	}
	same(t, "layout", got, want)
}

func TestEmptyWriterHasNoBuffer(t *testing.T) {
	if got := (&Writer{}).Encode(); got != nil {
		t.Errorf("%x", got)
	}
}

func TestWriterEncodesTwice(t *testing.T) {
	w := (&Writer{}).Text("once")
	first := w.Encode()
	same(t, "again", w.Encode(), first)
}

// layout is all that a buffer may hold, for the round trip.
type layout struct {
	number  uint32
	speed   uint64
	text    string
	data    []byte
	address netip.Addr
	bits    int
}

// write and read are each other's inverse on a layout with every kind of field.
func (l layout) write() []byte {
	element := func() *Writer { return (&Writer{}).U32(l.number).Text(l.text).Bytes(l.data) }
	prefix := netip.PrefixFrom(l.address, l.bits)
	return (&Writer{}).U64(l.speed).Text(l.text).Bytes(l.data).
		U32(2).Refs(element(), element()).Struct(element()).
		Array((&Writer{}).U32(l.number, 1), (&Writer{}).U32(l.number, 2)).
		Addr(l.address).Addrs([]netip.Addr{l.address, l.address}).Prefixes([]netip.Prefix{prefix}).Encode()
}

func (l layout) check(t *testing.T, r *Reader) {
	text, _, _ := strings.Cut(string([]rune(l.text)), "\x00")
	text = strings.Map(printable, text)
	element := func(e *Reader) {
		same(t, "number", e.U32(), l.number)
		same(t, "text", e.Text(), text)
		same(t, "data", string(e.Bytes()), string(l.data))
	}
	same(t, "speed", r.U64(), l.speed)
	same(t, "text", r.Text(), text)
	same(t, "bytes", string(r.Bytes()), string(l.data))
	for _, e := range r.Refs(r.U32()) {
		element(e)
	}
	element(r.Struct())
	for i, e := range r.Array(8) {
		same(t, "array", e.U32(), l.number)
		same(t, "place", e.U32(), uint32(i+1))
	}
	if l.address.Is4() {
		same(t, "address", r.Addr4(), l.address)
		same(t, "addresses", r.Addrs4(), []netip.Addr{l.address, l.address})
		same(t, "prefixes", r.Prefixes4(), []netip.Prefix{netip.PrefixFrom(l.address, l.bits)})
	} else {
		same(t, "address", r.Addr6(), l.address)
		same(t, "addresses", r.Addrs6(), []netip.Addr{l.address, l.address})
		same(t, "prefixes", r.Prefixes6(), []netip.Prefix{netip.PrefixFrom(l.address, l.bits)})
	}
	if r.Err() != nil {
		t.Error(r.Err())
	}
}
