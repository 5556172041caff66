package mbim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// FuzzAssembler feeds a stream in reads of any size. Whatever comes out must
// survive encoding and decoding, and what is kept must be bounded.
func FuzzAssembler(f *testing.F) {
	for _, name := range append(goldenNames(f, "spec"), goldenNames(f, "mbimcli-1.28.2")...) {
		f.Add(golden(f, name), uint16(64))
	}
	f.Add(append([]byte("OK\r\n"), golden(f, "spec/device-caps-fragments")...), uint16(7))
	f.Add(bytes.Repeat([]byte{3, 0, 0, 0x80, 20, 0, 0, 0}, 20), uint16(3))
	f.Fuzz(func(t *testing.T, stream []byte, size uint16) {
		var split Splitter
		var asm Assembler
		frames := 0
		for rest := stream; len(rest) > 0; {
			n := min(int(size)+1, len(rest))
			split.Write(rest[:n], time.Time{})
			rest = rest[n:]
			for frame, ok := split.Next(); ok; frame, ok = split.Next() {
				frames += len(frame)
				if m, whole, err := asm.Add(frame, time.Time{}); whole {
					checkRoundTrip(t, m, int(size))
				} else if fault := new(ProtocolError); err != nil && !errors.As(err, &fault) {
					t.Fatalf("%T: %v", err, err)
				}
				if asm.Pending() > maxPartial {
					t.Fatalf("%d pending", asm.Pending())
				}
			}
		}
		if frames+split.Dropped()+len(split.buf) != len(stream) {
			t.Fatalf("%d bytes in frames, %d dropped, %d left of %d", frames, split.Dropped(), len(split.buf), len(stream))
		}
	})
}

// checkRoundTrip encodes a message at a control message size and decodes it.
func checkRoundTrip(t *testing.T, m Message, limit int) {
	var asm Assembler
	frames := m.Frames(limit)
	for i, frame := range frames {
		if len(frame) > max(limit, MinControl) {
			t.Fatalf("frame of %d bytes, limit %d", len(frame), limit)
		}
		got, whole, err := asm.Add(frame, time.Time{})
		if err != nil || whole != (i == len(frames)-1) {
			t.Fatalf("frame %d of %d: whole %t, %v", i, len(frames), whole, err)
		}
		if whole {
			same(t, "message", got, m)
		}
	}
}

// FuzzParse feeds a buffer to one parser. It must not panic, must say that the
// buffer is malformed or be content, and must not make much of a little.
func FuzzParse(f *testing.F) {
	for i, p := range parsers() {
		for _, name := range p.answers {
			f.Add(uint8(i), info(f, "spec/"+name))
		}
	}
	for i := range parsers() {
		for _, name := range goldenNames(f, "hostile") {
			f.Add(uint8(i), golden(f, name))
		}
	}
	words := func(values ...uint32) []byte { return (&Writer{}).U32(values...).Encode() }
	f.Add(uint8(1), words(2, 0, 0, 16, 0, 16))
	f.Add(uint8(4), words(1, 0, 0, 0, 0, 0, 0xFFFFFFFF))
	f.Add(uint8(14), words(99, 99, 0, 0, 0, 0, 28))
	f.Add(uint8(16), words(0, 15, 15, 0x10000000, 4, 0xFFFFFFFF, 0, 1, 1, 1, 1, 1, 1, 1, 1))
	f.Fuzz(func(t *testing.T, index uint8, buf []byte) {
		p := parsers()[int(index)%len(parsers())]
		value, err := p.parse(buf)
		if err != nil && !errors.Is(err, ErrBuffer) {
			t.Fatalf("%s: %v", p.name, err)
		}
		if n := len(fmt.Sprint(value)); n > 4096+100*len(buf) {
			t.Fatalf("%s: %d bytes of buffer became %d of text", p.name, len(buf), n)
		}
	})
}

// FuzzBuffer writes and reads a buffer with every kind of field.
func FuzzBuffer(f *testing.F) {
	f.Add(uint32(7), uint64(5_000_000_000), "internet", []byte{1, 2, 3}, []byte{10, 0, 0, 1}, uint8(24))
	f.Add(uint32(83), uint64(0), "\b", []byte{}, []byte("0"), uint8('@'))
	f.Add(uint32(0), uint64(0), "", []byte{}, make([]byte, 16), uint8(64))
	f.Add(uint32(1<<31), uint64(1)<<63, "Я€😀\x00\xff", []byte{0}, []byte{0x20, 1, 0x0d, 0xb8}, uint8(255))
	f.Fuzz(func(t *testing.T, number uint32, speed uint64, text string, data, address []byte, bits uint8) {
		l := layout{number: number, speed: speed, text: text, data: data}
		raw := make([]byte, 16)
		copy(raw, address)
		if len(address) <= 4 {
			raw = raw[:4]
		}
		l.address, _ = netip.AddrFromSlice(raw)
		l.bits = int(bits) % (8*len(raw) + 1)
		l.check(t, NewReader(l.write()))
	})
}

// FuzzDescriptors walks the descriptors of a USB device.
func FuzzDescriptors(f *testing.F) {
	f.Add(usbDescriptors())
	f.Add([]byte{9, 4, 0, 0, 1, 2, 0x0E, 0, 0, 12, 0x24, 0x1B})
	f.Add([]byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, blob []byte) {
		n, ok := ParseDescriptors(blob)
		if ok && (n < MinControl || n > 0xFFFF) {
			t.Fatalf("%d", n)
		}
		if size := binary.LittleEndian.AppendUint16(nil, uint16(n)); ok && !bytes.Contains(blob, size) {
			t.Fatalf("%d is not in the descriptors", n)
		}
	})
}
