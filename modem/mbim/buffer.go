package mbim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf16"
)

// ErrBuffer is the error of an information buffer whose offsets, lengths or
// counts lead outside it, or that ends before its fixed fields do.
var ErrBuffer = errors.New("malformed information buffer")

// Reader reads an information buffer field by field (MBIM 10.3). The first
// failure sticks, also between a reader and those of its nested structures: all
// later reads give zero values, and Err tells. Offsets count from the start of the
// structure that holds them.
type Reader struct {
	buf  []byte
	off  int // of the next fixed field
	data int // of the first datum that a reference led to
	root *readerRoot
}

// readerRoot is what all readers of one buffer share. The budget bounds what
// overlapping references may make of a small buffer.
type readerRoot struct {
	err    error
	budget int
}

// NewReader returns a reader at the start of an information buffer, which it keeps.
func NewReader(info []byte) *Reader {
	return nested(info, &readerRoot{budget: 4*len(info) + 64})
}

func nested(data []byte, root *readerRoot) *Reader {
	return &Reader{buf: data, data: len(data), root: root}
}

// Err is the first failure, wrapping ErrBuffer, or nil.
func (r *Reader) Err() error { return r.root.err }

// More tells whether n more bytes of fixed fields stand before the data that was
// read so far. Later revisions append fields: More tells whether they are there.
func (r *Reader) More(n int) bool {
	return r.root.err == nil && r.data-r.off >= n
}

// fits tells, and fails when not, whether count fixed fields of size bytes are
// left in the structure.
func (r *Reader) fits(count uint32, size int) bool {
	if r.root.err == nil && uint64(count) > uint64((len(r.buf)-r.off)/size) {
		r.fail("array", uint64(r.off), uint64(count)*uint64(size))
	}
	return r.root.err == nil
}

func (r *Reader) fail(what string, offset, length uint64) {
	if r.root.err == nil {
		r.root.err = fmt.Errorf("%w: %s at %d, %d bytes of %d", ErrBuffer, what, offset, length, len(r.buf))
	}
}

// fixed takes the next n bytes of fixed fields; nil after a failure.
func (r *Reader) fixed(n int) []byte {
	if r.root.err == nil && len(r.buf)-r.off < n {
		r.fail("field", uint64(r.off), uint64(n))
	}
	if r.root.err != nil {
		return nil
	}
	r.off += n
	return r.buf[r.off-n : r.off]
}

// at takes n bytes of the data area; nil after a failure or when n is 0.
func (r *Reader) at(offset, n uint64) []byte {
	if r.root.err != nil || n == 0 {
		return nil
	}
	size := uint64(len(r.buf))
	if offset > size || n > size-offset || n > uint64(r.root.budget) {
		r.fail("reference", offset, n)
		return nil
	}
	r.root.budget -= int(n)
	r.data = min(r.data, int(offset))
	return r.buf[offset : offset+n : offset+n]
}

// U16 reads a 16 bit field.
func (r *Reader) U16() uint16 {
	if b := r.fixed(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

// U32 reads a 32 bit field.
func (r *Reader) U32() uint32 {
	if b := r.fixed(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// U64 reads a 64 bit field.
func (r *Reader) U64() uint64 {
	if b := r.fixed(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// UUID reads a UUID, which stands in text order.
func (r *Reader) UUID() (u UUID) {
	copy(u[:], r.fixed(len(u)))
	return u
}

// Bytes reads a reference (offset, length) to bytes, which are not copied; nil
// when the length is 0.
func (r *Reader) Bytes() []byte {
	offset, length := r.U32(), r.U32()
	return r.at(uint64(offset), uint64(length))
}

// Text reads a reference to a UTF-16LE string. It ends at the first NUL, which
// the specification does not have but firmware does. Characters that cannot be
// printed are left out.
func (r *Reader) Text() string {
	data := r.Bytes()
	units := make([]uint16, 0, len(data)/2)
	for ; len(data) >= 2; data = data[2:] {
		unit := binary.LittleEndian.Uint16(data)
		if unit == 0 {
			break
		}
		units = append(units, unit)
	}
	return strings.Map(printable, string(utf16.Decode(units)))
}

// printable drops what could command a terminal or break a line: names come from
// the air.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return -1
}

// Refs reads count references (offset, length) to structures and returns a reader
// for each; offsets inside a structure count from its start.
func (r *Reader) Refs(count uint32) []*Reader {
	if !r.fits(count, 8) {
		return nil
	}
	elements := make([]*Reader, 0, count)
	for range count {
		elements = append(elements, nested(r.Bytes(), r.root))
	}
	return elements
}

// Struct reads a reference (offset, size) to one structure; nil when it is absent.
func (r *Reader) Struct() *Reader {
	data := r.Bytes()
	if data == nil {
		return nil
	}
	return nested(data, r.root)
}

// Array reads a reference (offset, size) to a count and structures of size bytes
// each, back to back (the array form of the Microsoft extensions); nil when it is
// absent.
func (r *Reader) Array(size int) []*Reader {
	outer := r.Struct()
	if outer == nil {
		return nil
	}
	count := outer.U32()
	if !outer.fits(count, size) {
		return nil
	}
	elements := make([]*Reader, 0, count)
	for range count {
		elements = append(elements, nested(outer.fixed(size), r.root))
	}
	return elements
}

// list reads a count and an offset and returns the structures of size bytes each
// that stand back to back there.
func (r *Reader) list(size uint64) []byte {
	count, offset := r.U32(), r.U32()
	return r.at(uint64(offset), uint64(count)*size)
}

// Addr4 reads an offset to an IPv4 address; invalid when the offset is 0.
func (r *Reader) Addr4() netip.Addr { return r.addr(4) }

// Addr6 reads an offset to an IPv6 address; invalid when the offset is 0.
func (r *Reader) Addr6() netip.Addr { return r.addr(16) }

func (r *Reader) addr(size uint64) netip.Addr {
	offset := r.U32()
	if offset == 0 {
		return netip.Addr{}
	}
	address, _ := netip.AddrFromSlice(r.at(uint64(offset), size))
	return address
}

// Addrs4 reads a count and an offset to IPv4 addresses.
func (r *Reader) Addrs4() []netip.Addr { return r.addrs(4) }

// Addrs6 reads a count and an offset to IPv6 addresses.
func (r *Reader) Addrs6() []netip.Addr { return r.addrs(16) }

func (r *Reader) addrs(size int) []netip.Addr {
	var list []netip.Addr
	for data := r.list(uint64(size)); len(data) > 0; data = data[size:] {
		address, _ := netip.AddrFromSlice(data[:size])
		list = append(list, address)
	}
	return list
}

// Prefixes4 reads a count and an offset to IPv4 addresses with prefix lengths.
func (r *Reader) Prefixes4() []netip.Prefix { return r.prefixes(4) }

// Prefixes6 reads a count and an offset to IPv6 addresses with prefix lengths.
func (r *Reader) Prefixes6() []netip.Prefix { return r.prefixes(16) }

// prefixes leaves out elements whose prefix length is impossible, rather than to
// lose the other family with them.
func (r *Reader) prefixes(size int) []netip.Prefix {
	var list []netip.Prefix
	for data := r.list(uint64(size) + 4); len(data) > 0; data = data[size+4:] {
		bits := binary.LittleEndian.Uint32(data)
		address, _ := netip.AddrFromSlice(data[4 : size+4])
		if bits <= uint32(8*size) {
			list = append(list, netip.PrefixFrom(address, int(bits)))
		}
	}
	return list
}
