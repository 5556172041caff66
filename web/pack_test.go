package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// unpacked is what everybody else makes of what was packed.
func unpacked(t *testing.T, packed []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestPack: every byte, length and distance that there is comes back as it was, and what repeats
// becomes short.
func TestPack(t *testing.T) {
	random := make([]byte, 3*window)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	lengths := []byte{}
	for l := 1; l <= 600; l++ {
		lengths = append(append(lengths, random[:l]...), byte(l))
	}
	distances := []byte{}
	for d := 1; d < 2*window; d += d/9 + 1 {
		distances = append(append(append(distances, "a certain word"...), random[:d]...), "a certain word"...)
	}
	for name, c := range map[string]struct {
		text []byte
		most int
	}{
		"nothing": {nil, 20}, "one": {[]byte("a"), 21}, "three": {[]byte("aaa"), 24}, "a run": {bytes.Repeat([]byte("a"), 100_000), 1_000},
		"far": {twice(random[:window-9], random[:window-9]), window*9/8 + window/10 + 40}, "too far": {twice(random[:window+9], random[:window+9]), 3 * window},
		"random": {random, len(random)*9/8 + 100}, "lengths": {lengths, 8_000}, "distances": {distances, len(distances) * 5 / 9},
		"words": {[]byte(strings.Repeat("Clients have Internet. ", 50)), 100},
	} {
		packed := pack(c.text)
		if got := unpacked(t, packed); !bytes.Equal(got, c.text) {
			t.Errorf("%s: %d bytes became %d others", name, len(c.text), len(got))
		}
		if len(packed) > c.most {
			t.Errorf("%s: %d bytes became %d, at most %d are meant", name, len(c.text), len(packed), c.most)
		}
	}
}

func twice(a, b []byte) []byte { return append(bytes.Clone(a), b...) }

// FuzzPack: any text comes back.
func FuzzPack(f *testing.F) {
	f.Add([]byte("abcabcabcabcabcd"), 1)
	f.Add([]byte{0, 255, 144, 143}, 9000)
	f.Fuzz(func(t *testing.T, text []byte, times int) {
		text = bytes.Repeat(text, 1+max(0, times)%(1+3*window/(len(text)+1)))
		if got := unpacked(t, pack(text)); !bytes.Equal(got, text) {
			t.Errorf("%q became %q", text, got)
		}
	})
}

func BenchmarkPack(b *testing.B) {
	text, err := files.ReadFile("static/lang/ru.json")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		pack(text)
	}
}
