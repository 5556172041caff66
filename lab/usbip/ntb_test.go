package usbip

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// What the kernel's driver sends, by hand: header, two datagrams, table. CDC NCM 1.0
// tables 3-1 and 3-3, with the signature of MBIM session 0.
var handBlock = []byte{
	'N', 'C', 'M', 'H', 12, 0, 7, 0, 44, 0, 24, 0, // sequence 7, 44 bytes, table at 24
	0x45, 1, 2, 3, 4, 0, 0, 0, // 5 bytes and padding
	0x60, 9, 0, 0,
	'I', 'P', 'S', 0, 20, 0, 0, 0, // 20 bytes, no further table
	12, 0, 5, 0, 20, 0, 2, 0, 0, 0, 0, 0,
}

func datagrams(t *testing.T, block []byte) ([][]byte, error) {
	t.Helper()
	var got [][]byte
	err := parseBlock(block, func(_ byte, d []byte) { got = append(got, slices.Clone(d)) })
	return got, err
}

func TestBlockIsRead(t *testing.T) {
	got, err := datagrams(t, handBlock)
	want := [][]byte{{0x45, 1, 2, 3, 4}, {0x60, 9}}
	if err != nil || !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestBlockIsWritten(t *testing.T) {
	got := appendBlock([]byte("before"), 7, 0, [][]byte{{0x45, 1, 2, 3, 4}, {0x60, 9}})
	if want := append([]byte("before"), handBlock...); !bytes.Equal(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
}

// TestTwoTables: datagrams may be spread over a chain of tables, and an entry that is
// empty ends one early.
func TestTwoTables(t *testing.T) {
	block := slices.Concat(
		[]byte{'N', 'C', 'M', 'H', 12, 0, 0, 0, 0, 0, 16, 0}, // length not told
		[]byte{1, 2, 3, 4},
		[]byte{'I', 'P', 'S', 0, 16, 0, 32, 0, 12, 0, 1, 0, 0, 0, 0, 0},
		[]byte{'I', 'P', 'S', 5, 20, 0, 0, 0, 13, 0, 3, 0, 0, 0, 0, 0, 12, 0, 1, 0},
	)
	got, err := datagrams(t, block)
	if err != nil || !slices.EqualFunc(got, [][]byte{{1}, {2, 3, 4}}, bytes.Equal) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestBrokenBlocks(t *testing.T) {
	change := func(at int, to ...byte) []byte {
		b := slices.Clone(handBlock)
		copy(b[at:], to)
		return b
	}
	for name, block := range map[string][]byte{
		"empty":                   nil,
		"short header":            handBlock[:11],
		"another signature":       change(0, 'n'),
		"longer than it is":       change(8, 45),
		"cut":                     handBlock[:43],
		"table outside":           change(10, 40),
		"table far outside":       change(10, 0xff, 0xff),
		"another table":           change(24, 'N'),
		"a table of itself":       change(30, 24),
		"table longer than block": change(28, 21),
		"datagram outside":        change(34, 40),
		"datagram far outside":    change(32, 0xff, 0xff, 0xff, 0xff),
	} {
		if got, err := datagrams(t, block); !errors.Is(err, errBlock) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// TestBlockRoom: what is said to be enough room is, for every length.
func TestBlockRoom(t *testing.T) {
	for n := range 20 {
		var list [][]byte
		size := 0
		for i := range n {
			list = append(list, make([]byte, 1+i%5))
			size += 1 + i%5
		}
		if got, room := len(appendBlock(nil, 0, 0, list)), blockRoom(n, size); got > room || room-got > 4*(n+1) {
			t.Errorf("%d datagrams of %d bytes take %d, room for %d", n, size, got, room)
		}
	}
}

func FuzzBlock(f *testing.F) {
	f.Add(handBlock)
	f.Add(handBlock[:30])
	f.Fuzz(func(t *testing.T, block []byte) {
		total := 0
		var list [][]byte
		err := parseBlock(block, func(_ byte, d []byte) {
			if len(d) == 0 {
				t.Fatal("an empty datagram")
			}
			if total += len(d); total < ntbSize/2 && len(list) < 100 {
				list = append(list, d)
			}
		})
		if err != nil || total >= ntbSize/2 || len(list) == 100 {
			return
		}
		again, err := datagrams(t, appendBlock(nil, 1, 2, list))
		if err != nil || !slices.EqualFunc(again, list, bytes.Equal) {
			t.Errorf("%v, %v", again, err)
		}
	})
}
