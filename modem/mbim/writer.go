package mbim

import (
	"encoding/binary"
	"net/netip"
	"unicode/utf16"
)

// Writer lays out an information buffer or a nested structure: fixed fields in
// the order of the calls, then the data area in the same order, each datum padded
// to 4 bytes (MBIM 10.3). The zero value is ready. Calls chain.
type Writer struct {
	fixed []byte
	data  []byte
	refs  []int // where in fixed an offset stands, still relative to data
}

// Encode returns the buffer; nil when nothing was written.
func (w *Writer) Encode() []byte {
	if len(w.fixed) == 0 {
		return nil
	}
	buf := append(make([]byte, 0, len(w.fixed)+len(w.data)), w.fixed...)
	for _, ref := range w.refs {
		offset := binary.LittleEndian.Uint32(buf[ref:])
		binary.LittleEndian.PutUint32(buf[ref:], offset+uint32(len(w.fixed)))
	}
	return append(buf, w.data...)
}

// U16 writes a 16 bit field.
func (w *Writer) U16(v uint16) *Writer {
	w.fixed = binary.LittleEndian.AppendUint16(w.fixed, v)
	return w
}

// U32 writes 32 bit fields.
func (w *Writer) U32(values ...uint32) *Writer {
	for _, v := range values {
		w.fixed = binary.LittleEndian.AppendUint32(w.fixed, v)
	}
	return w
}

// U64 writes a 64 bit field.
func (w *Writer) U64(v uint64) *Writer {
	w.fixed = binary.LittleEndian.AppendUint64(w.fixed, v)
	return w
}

// UUID writes a UUID in text order.
func (w *Writer) UUID(u UUID) *Writer {
	w.fixed = append(w.fixed, u[:]...)
	return w
}

// Zero writes n zero bytes of fixed fields.
func (w *Writer) Zero(n int) *Writer {
	w.fixed = append(w.fixed, make([]byte, n)...)
	return w
}

// offset writes the offset of what is put next into the data area; 0 for nothing.
func (w *Writer) offset(data []byte) {
	if len(data) == 0 {
		w.U32(0)
		return
	}
	w.refs = append(w.refs, len(w.fixed))
	w.U32(uint32(len(w.data)))
	w.data = append(w.data, data...)
	w.data = append(w.data, make([]byte, -len(w.data)&3)...)
}

// Bytes writes a reference (offset, length) to bytes; (0, 0) for none.
func (w *Writer) Bytes(data []byte) *Writer {
	w.offset(data)
	return w.U32(uint32(len(data)))
}

// Text writes a reference to a string in UTF-16LE without a terminator.
func (w *Writer) Text(s string) *Writer {
	var data []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		data = binary.LittleEndian.AppendUint16(data, unit)
	}
	return w.Bytes(data)
}

// Refs writes one reference (offset, length) for each structure, without a count,
// which is not always adjacent.
func (w *Writer) Refs(elements ...*Writer) *Writer {
	for _, element := range elements {
		w.Bytes(element.Encode())
	}
	return w
}

// Struct writes a reference (offset, size) to a structure; nil writes (0, 0).
func (w *Writer) Struct(element *Writer) *Writer {
	if element == nil {
		return w.U32(0, 0)
	}
	return w.Bytes(element.Encode())
}

// Array writes a reference (offset, size) to a count and the structures back to
// back (the array form of the Microsoft extensions); none writes (0, 0).
func (w *Writer) Array(elements ...*Writer) *Writer {
	if len(elements) == 0 {
		return w.U32(0, 0)
	}
	data := binary.LittleEndian.AppendUint32(nil, uint32(len(elements)))
	for _, element := range elements {
		data = append(data, element.Encode()...)
	}
	return w.Bytes(data)
}

// Addr writes the offset of an address of either family; 0 when it is invalid.
func (w *Writer) Addr(address netip.Addr) *Writer {
	w.offset(address.AsSlice())
	return w
}

// Addrs writes a count and the offset of addresses, which are of one family.
func (w *Writer) Addrs(list []netip.Addr) *Writer {
	var data []byte
	for _, address := range list {
		data = append(data, address.AsSlice()...)
	}
	w.U32(uint32(len(list)))
	w.offset(data)
	return w
}

// Prefixes writes a count and the offset of addresses with their prefix lengths,
// which are of one family.
func (w *Writer) Prefixes(list []netip.Prefix) *Writer {
	var data []byte
	for _, prefix := range list {
		data = binary.LittleEndian.AppendUint32(data, uint32(prefix.Bits()))
		data = append(data, prefix.Addr().AsSlice()...)
	}
	w.U32(uint32(len(list)))
	w.offset(data)
	return w
}
