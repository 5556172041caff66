package mbim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"
)

// capsFragments are the four fragments of spec/device-caps-fragments.
func capsFragments(t testing.TB) [][]byte {
	wire := golden(t, "spec/device-caps-fragments")
	return [][]byte{wire[:64], wire[64:128], wire[128:192], wire[192:]}
}

// renumber changes type and transaction of a frame.
func renumber(frame []byte, kind MessageType, transaction uint32) []byte {
	frame = bytes.Clone(frame)
	binary.LittleEndian.PutUint32(frame, uint32(kind))
	binary.LittleEndian.PutUint32(frame[8:], transaction)
	return frame
}

// mustAdd adds a frame that must be accepted.
func mustAdd(t *testing.T, asm *Assembler, frame []byte, now time.Time) (Message, bool) {
	t.Helper()
	m, whole, err := asm.Add(frame, now)
	if err != nil {
		t.Fatal(err)
	}
	return m, whole
}

func TestTransactionsInterleave(t *testing.T) {
	var asm Assembler
	want := message(t, "spec/device-caps")
	var got []uint32
	for _, fragment := range capsFragments(t) {
		for transaction := range uint32(maxPartial) {
			m, whole := mustAdd(t, &asm, renumber(fragment, TypeCommandDone, transaction), time.Time{})
			if whole {
				same(t, "buffer", m.Info, want.Info)
				got = append(got, m.Transaction)
			}
		}
	}
	same(t, "transactions", got, []uint32{0, 1, 2, 3, 4, 5, 6, 7})
	if asm.Pending() != 0 {
		t.Errorf("%d pending", asm.Pending())
	}
}

// An indication may bear the number of a command that is under way.
func TestIndicationsAreKeptApart(t *testing.T) {
	var asm Assembler
	fragments := capsFragments(t)
	for i, fragment := range fragments {
		_, whole := mustAdd(t, &asm, fragment, time.Time{})
		if last := i == len(fragments)-1; whole != last {
			t.Fatalf("fragment %d: whole is %t", i, whole)
		}
		if i == 1 {
			mustAdd(t, &asm, renumber(fragments[0], TypeIndicate, 2), time.Time{})
		}
	}
	if asm.Pending() != 1 {
		t.Errorf("%d pending, want the indication", asm.Pending())
	}
}

func TestMissingFragment(t *testing.T) {
	var asm Assembler
	fragments := capsFragments(t)
	mustAdd(t, &asm, fragments[0], time.Time{})
	_, _, err := asm.Add(fragments[2], time.Time{})
	var fault *ProtocolError
	if !errors.As(err, &fault) || fault.Code != ErrorFragmentSequence || fault.Transaction != 2 {
		t.Errorf("%v", err)
	}
	// What was there is given up, and a new start is accepted.
	for i, fragment := range fragments {
		if _, whole := mustAdd(t, &asm, fragment, time.Time{}); whole != (i == 3) {
			t.Errorf("fragment %d: whole is %t", i, whole)
		}
	}
}

func TestChangedTotalIsOutOfSequence(t *testing.T) {
	var asm Assembler
	fragments := capsFragments(t)
	mustAdd(t, &asm, fragments[0], time.Time{})
	fragments[1][12] = 5
	if _, _, err := asm.Add(fragments[1], time.Time{}); err == nil || asm.Pending() != 0 {
		t.Errorf("%v, %d pending", err, asm.Pending())
	}
}

func TestRestartedMessageTakesTheNewOne(t *testing.T) {
	var asm Assembler
	fragments := capsFragments(t)
	mustAdd(t, &asm, fragments[0], time.Time{})
	mustAdd(t, &asm, fragments[1], time.Time{})
	for i, fragment := range fragments {
		if _, whole := mustAdd(t, &asm, fragment, time.Time{}); whole != (i == 3) {
			t.Errorf("fragment %d: whole is %t", i, whole)
		}
	}
}

func TestOverdueFragmentIsGivenUp(t *testing.T) {
	var asm Assembler
	start := time.Unix(0, 0)
	fragments := capsFragments(t)
	mustAdd(t, &asm, fragments[0], start)
	in := start.Add(FragmentTimeout - 1)
	mustAdd(t, &asm, fragments[1], in) // each fragment has its own time
	if lost := asm.Expire(in.Add(FragmentTimeout - 1)); lost != nil {
		t.Errorf("lost too early: %v", lost)
	}
	same(t, "lost", asm.Expire(in.Add(FragmentTimeout)),
		[]*ProtocolError{{Code: ErrorFragmentTimeout, Type: TypeCommandDone, Transaction: 2}})
	if _, _, err := asm.Add(fragments[2], in.Add(FragmentTimeout)); err == nil {
		t.Error("the rest is accepted")
	}
}

func TestPartialMessagesAreBounded(t *testing.T) {
	var asm Assembler
	first := capsFragments(t)[0]
	start := time.Unix(0, 0)
	for i := range 100 {
		mustAdd(t, &asm, renumber(first, TypeCommandDone, uint32(i)), start.Add(time.Duration(i)))
	}
	if asm.Pending() != maxPartial {
		t.Errorf("%d pending", asm.Pending())
	}
	// The youngest are kept.
	second := capsFragments(t)[1]
	mustAdd(t, &asm, renumber(second, TypeCommandDone, 99), start.Add(100))
	if _, _, err := asm.Add(renumber(second, TypeCommandDone, 0), start.Add(100)); err == nil {
		t.Error("the oldest was kept")
	}
}

func TestMessageSizeIsBounded(t *testing.T) {
	huge := Message{Type: TypeIndicate, Info: make([]byte, MaxMessage)}
	var asm Assembler
	var err error
	for _, frame := range huge.Frames(DefaultControl) {
		if _, _, err = asm.Add(frame, time.Time{}); err != nil {
			break
		}
	}
	var fault *ProtocolError
	if !errors.As(err, &fault) || fault.Code != ErrorMaxTransfer || asm.Pending() != 0 {
		t.Errorf("%v, %d pending", err, asm.Pending())
	}
	largest := Message{Type: TypeIndicate, Info: make([]byte, MaxMessage-24)}
	for _, frame := range largest.Frames(MinControl) {
		mustAdd(t, &asm, frame, time.Time{})
	}
}

func TestOversizedFrameIsRefused(t *testing.T) {
	frame := Message{Type: TypeIndicate, Info: make([]byte, MaxMessage)}.Frames(2 * MaxMessage)[0]
	var asm Assembler
	var fault *ProtocolError
	if _, _, err := asm.Add(frame, time.Time{}); !errors.As(err, &fault) || fault.Code != ErrorMaxTransfer {
		t.Errorf("%v", err)
	}
}

// wire is a stream of messages, with the number of bytes in it.
func wire(t *testing.T, names ...string) []byte {
	var stream []byte
	for _, name := range names {
		stream = append(stream, golden(t, name)...)
	}
	return stream
}

func TestSplitterCutsAnyReads(t *testing.T) {
	stream := wire(t, "spec/open-done", "spec/device-caps-fragments", "spec/signal-state", "spec/close-done")
	want := [][]byte{golden(t, "spec/open-done")}
	want = append(want, capsFragments(t)...)
	want = append(want, golden(t, "spec/signal-state"), golden(t, "spec/close-done"))
	for _, size := range []int{1, 3, 12, 20, 63, 64, 65, len(stream)} {
		var split Splitter
		var got [][]byte
		for rest := stream; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			split.Write(rest[:min(size, len(rest))], time.Time{})
			for frame, ok := split.Next(); ok; frame, ok = split.Next() {
				got = append(got, bytes.Clone(frame))
			}
		}
		same(t, "frames", got, want)
		if split.Dropped() != 0 {
			t.Errorf("reads of %d: %d bytes dropped", size, split.Dropped())
		}
	}
}

func TestSplitterSkipsGarbage(t *testing.T) {
	for name, garbage := range map[string][]byte{
		"text":               []byte("\r\n+CREG: 1\r\nOK\r\n"),
		"zeros":              make([]byte, 37),
		"known type, silly":  {3, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0},
		"known type, small":  {3, 0, 0, 0, 19, 0, 0, 0, 0, 0, 0, 0},
		"tail of a message":  golden(t, "spec/device-caps")[50:],
		"open of odd length": {1, 0, 0, 0, 0xFF, 0, 0, 0, 1, 0, 0, 0},
	} {
		var split Splitter
		split.Write(garbage, time.Time{})
		split.Write(wire(t, "spec/pin-locked", "spec/close-done"), time.Time{})
		for _, want := range []string{"spec/pin-locked", "spec/close-done"} {
			frame, ok := split.Next()
			if !ok || !bytes.Equal(frame, golden(t, want)) {
				t.Errorf("%s: %x, %t", name, frame, ok)
			}
		}
		if split.Dropped() != len(garbage) {
			t.Errorf("%s: %d bytes dropped of %d", name, split.Dropped(), len(garbage))
		}
	}
}

// A frame cut short must not swallow the answer that comes later.
func TestSplitterGivesUpTheRestOfAFrame(t *testing.T) {
	var split Splitter
	start := time.Unix(0, 0)
	split.Write(golden(t, "spec/device-caps")[:100], start)
	if _, ok := split.Next(); ok {
		t.Fatal("a frame of half its bytes")
	}
	split.Write(golden(t, "spec/pin-locked"), start.Add(FragmentTimeout))
	frame, ok := split.Next()
	if !ok || !bytes.Equal(frame, golden(t, "spec/pin-locked")) || split.Dropped() != 100 {
		t.Errorf("%x, %t, %d dropped", frame, ok, split.Dropped())
	}
}
