package web

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

const (
	window   = 1 << 15 // how far back a repetition may lie (RFC 1951, 2)
	shortest = 4       // what is looked up
	longest  = 257     // one less than is allowed: 258 has a code of its own
	attempts = 32      // earlier places that are compared, the latest first
)

// pack compresses a text into a gzip file (RFC 1952) of one block with the fixed codes (RFC
// 1951, 3.2.6). The standard library's writer makes the page a sixth smaller still, and the
// program 67 kB larger, which is more than the page.
func pack(text []byte) []byte {
	p := packer{out: append(make([]byte, 0, len(text)/2), 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255)}
	p.put(0b011, 3) // the last block, fixed codes
	p.repeats(text)
	p.symbol(256) // the end
	p.put(0, 7)   // to a whole byte
	p.out = binary.LittleEndian.AppendUint32(p.out, crc32.ChecksumIEEE(text))
	return binary.LittleEndian.AppendUint32(p.out, uint32(len(text)))
}

// packer collects bits, the lowest of a byte first.
type packer struct {
	out  []byte
	bits uint32
	n    int // how many
}

func (p *packer) put(value, n int) {
	p.bits |= uint32(value) << p.n
	for p.n += n; p.n >= 8; p.n -= 8 {
		p.out = append(p.out, byte(p.bits))
		p.bits >>= 8
	}
}

// code writes a Huffman code, whose highest bit comes first.
func (p *packer) code(value, n int) { p.put(int(bits.Reverse32(uint32(value))>>(32-n)), n) }

// symbol writes a byte, the end, or what stands for lengths.
func (p *packer) symbol(s int) {
	switch {
	case s < 144:
		p.code(0x30+s, 8)
	case s < 256:
		p.code(0x190+s-144, 9)
	case s < 280:
		p.code(s-256, 7)
	default:
		p.code(0xc0+s-280, 8)
	}
}

// class splits a number as lengths (keep 2) and distances (keep 1) are split: a symbol, and
// how many of its low bits follow.
func class(v, keep int) (symbol, extra int) {
	extra = max(0, bits.Len(uint(v))-1-keep)
	if extra == 0 {
		return v, 0
	}
	return (extra+1)<<keep + v>>extra&(1<<keep-1), extra
}

// repeat writes that so many bytes stand so far back already.
func (p *packer) repeat(length, distance int) {
	symbol, extra := class(length-3, 2)
	p.symbol(257 + symbol)
	p.put((length-3)&(1<<extra-1), extra)
	symbol, extra = class(distance-1, 1)
	p.code(symbol, 5)
	p.put((distance-1)&(1<<extra-1), extra)
}

// repeats writes a text, and each part that stood in it before as such.
func (p *packer) repeats(text []byte) {
	var last [1 << 12]int32         // where such bytes were last, and one
	before := make([]int32, window) // where they were before that
	for i := 0; i < len(text); {
		length, distance := 0, 0
		if i+shortest <= len(text) {
			length, distance = longestOf(text, i, int(last[hash(text[i:])])-1, before)
		}
		if length == 0 {
			length = 1
			p.symbol(int(text[i]))
		} else {
			p.repeat(length, distance)
		}
		for end := i + length; i < end; i++ {
			if i+shortest <= len(text) {
				h := hash(text[i:])
				before[i%window], last[h] = last[h], int32(i+1)
			}
		}
	}
}

// longestOf finds the longest part of the text before i that stands at i too, beginning
// with the place at.
func longestOf(text []byte, i, at int, before []int32) (length, distance int) {
	for n := 0; n < attempts && at >= 0 && i-at < window; n++ {
		if l := common(text[at:], text[i:]); l >= shortest && l > length {
			length, distance = l, i-at
		}
		at = int(before[at%window]) - 1
	}
	return length, distance
}

// common is how many bytes two texts begin with alike.
func common(a, b []byte) (n int) {
	for most := min(len(b), longest); n < most && a[n] == b[n]; n++ {
	}
	return n
}

// hash is of the next bytes, of which there are enough.
func hash(text []byte) uint32 { return binary.LittleEndian.Uint32(text) * 0x9e3779b1 >> 20 }
