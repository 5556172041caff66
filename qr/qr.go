// Package qr draws QR codes of texts (ISO/IEC 18004), in byte mode and with error
// correction of level M, up to version 13, which holds 331 bytes: what a telephone needs
// to join a Wi-Fi network is shorter.
package qr

import (
	"fmt"
	"strings"
)

// Code is the modules of a code, row by row; true is dark. It has no quiet zone.
type Code [][]bool

// maxVersion bounds the size: 17 + 4 modules a version.
const maxVersion = 13

// block sizes of level M by version (ISO/IEC 18004 table 9): error correction bytes of
// each block, and the number of blocks.
var (
	checkBytes = [maxVersion + 1]int{0, 10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22}
	blocks     = [maxVersion + 1]int{0, 1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9}
)

// Encode draws a text in the smallest code that holds it. An error means that the text
// is too long.
func Encode(text string) (Code, error) {
	for version := 1; version <= maxVersion; version++ {
		if room := dataBytes(version); bitLength(version, len(text)) <= 8*room {
			return draw(version, interleave(version, pack(version, text, room))), nil
		}
	}
	return nil, fmt.Errorf("qr: a text of %d bytes is too long", len(text))
}

// String writes the code in rows of '1', dark, and '0'.
func (c Code) String() string {
	var b strings.Builder
	for y, row := range c {
		if y > 0 {
			b.WriteByte('\n')
		}
		for _, dark := range row {
			b.WriteByte("01"[bit(dark)])
		}
	}
	return b.String()
}

// Terminal writes the code with its quiet zone, two rows a line, for light letters on a
// dark ground.
func (c Code) Terminal() string {
	const quiet = 2 // four are meant; scanners take two
	dark := func(x, y int) bool {
		x, y = x-quiet, y-quiet
		return x >= 0 && y >= 0 && y < len(c) && x < len(c) && c[y][x]
	}
	var b strings.Builder
	for y := 0; y < len(c)+2*quiet; y += 2 {
		for x := range len(c) + 2*quiet {
			b.WriteString([]string{"█", "▄", "▀", " "}[2*bit(dark(x, y+1))+bit(dark(x, y))])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// countBits is the width of the length in byte mode.
func countBits(version int) int {
	if version < 10 {
		return 8
	}
	return 16
}

func bitLength(version, n int) int { return 4 + countBits(version) + 8*n }

// modulesFor counts the modules that hold data and error correction.
func modulesFor(version int) int {
	n := (16*version+128)*version + 64
	if version >= 2 {
		align := version/7 + 2
		n -= (25*align-10)*align - 55
		if version >= 7 {
			n -= 36
		}
	}
	return n
}

func dataBytes(version int) int { return modulesFor(version)/8 - checkBytes[version]*blocks[version] }

// pack writes mode, length, text and padding.
func pack(version int, text string, room int) []byte {
	var w writer
	w.put(4, 4) // byte mode
	w.put(len(text), countBits(version))
	for i := range len(text) {
		w.put(int(text[i]), 8)
	}
	w.put(0, min(4, 8*room-w.n))
	w.put(0, (8-w.n%8)%8)
	for pad := 0xec; len(w.b) < room; pad ^= 0xec ^ 0x11 {
		w.put(pad, 8)
	}
	return w.b
}

// writer packs bits, the highest first.
type writer struct {
	b []byte
	n int
}

func (w *writer) put(value, bits int) {
	for i := bits - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.n/8] |= byte(value>>i&1) << (7 - w.n%8)
		w.n++
	}
}

// interleave cuts data into blocks, adds error correction, and mixes them.
func interleave(version int, data []byte) []byte {
	n, check := blocks[version], checkBytes[version]
	short := len(data) / n
	long := len(data) % n // so many blocks at the end have one byte more
	var parts, checks [][]byte
	for i := range n {
		size := short
		if i >= n-long {
			size++
		}
		parts, data = append(parts, data[:size]), data[size:]
		checks = append(checks, remainder(parts[i], check))
	}
	var out []byte
	for i := range short + 1 {
		for _, p := range parts {
			if i < len(p) {
				out = append(out, p[i])
			}
		}
	}
	for i := range check {
		for _, c := range checks {
			out = append(out, c[i])
		}
	}
	return out
}

// remainder is the Reed-Solomon error correction of a block.
func remainder(data []byte, n int) []byte {
	generator, root := make([]byte, n), byte(1)
	generator[n-1] = 1
	for range n {
		for j := range generator {
			generator[j] = times(generator[j], root)
			if j+1 < n {
				generator[j] ^= generator[j+1]
			}
		}
		root = times(root, 2)
	}
	out := make([]byte, n)
	for _, b := range data {
		factor := b ^ out[0]
		copy(out, out[1:])
		out[n-1] = 0
		for j := range out {
			out[j] ^= times(generator[j], factor)
		}
	}
	return out
}

// times multiplies in GF(2^8) modulo x^8+x^4+x^3+x^2+1.
func times(a, b byte) byte {
	product := 0
	for i := 7; i >= 0; i-- {
		product = product<<1 ^ product>>7*0x11d
		product ^= int(b>>i&1) * int(a)
	}
	return byte(product)
}
