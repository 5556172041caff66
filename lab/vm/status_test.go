package vm

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// TestSplitter: the job's output passes as it is, whatever is in it, and in whatever
// pieces it comes; the verdict is kept apart.
func TestSplitter(t *testing.T) {
	for _, c := range []struct {
		name, port, out string
		want            *verdict
	}{
		{"passed", "ok\n\x00exit 0 up 3.45\n", "ok\n", &verdict{0, 3450 * time.Millisecond}},
		{"failed", "\x00exit 137 up 10.05\n", "", &verdict{137, 10050 * time.Millisecond}},
		{"vanished", "half a li", "half a li", nil},
		{"vanished in its last words", "x\x00exit 0 up", "x\x00exit 0 up", nil},
		{"bytes of its own", "a\x00b\x00\x00exi\x00exit 1 up 1.00\n", "a\x00b\x00\x00exi", &verdict{1, time.Second}},
		{"nothing at all", "", "", nil},
	} {
		var whole, pieces bytes.Buffer
		got, err := (&splitter{out: &whole}).copy(strings.NewReader(c.port))
		slow, slowErr := (&splitter{out: &pieces}).copy(iotest.OneByteReader(strings.NewReader(c.port)))
		if err != nil || slowErr != nil || whole.String() != c.out || pieces.String() != c.out {
			t.Errorf("%s: %q and in pieces %q, want %q; %v, %v", c.name, whole.String(), pieces.String(), c.out, err, slowErr)
		}
		if !equal(got, c.want) || !equal(slow, c.want) {
			t.Errorf("%s: %v and in pieces %v, want %v", c.name, got, slow, c.want)
		}
	}
}

func equal(a, b *verdict) bool { return a == b || a != nil && b != nil && *a == *b }

func TestSplitterErrors(t *testing.T) {
	if _, err := (&splitter{out: &bytes.Buffer{}}).copy(strings.NewReader("\x00exit well\n")); !errors.Is(err, errBadVerdict) {
		t.Errorf("last words without a number: %v", err)
	}
	full := errors.New("closed pipe")
	if _, err := (&splitter{out: failing{full}}).copy(strings.NewReader("text")); !errors.Is(err, full) {
		t.Errorf("nobody takes the output: %v", err)
	}
}

func TestTail(t *testing.T) {
	short := new(tail)
	short.Write([]byte("one\r\ntwo\r\n"))
	if got := short.String(); got != "one\ntwo" {
		t.Errorf("%q", got)
	}
	long := new(tail)
	for range 1000 {
		long.Write([]byte("a line of the kernel\r\n"))
	}
	long.Write([]byte("Kernel panic"))
	got := long.String()
	if len(got) > tailSize || !strings.HasPrefix(got, "a line") || !strings.HasSuffix(got, "\nKernel panic") {
		t.Errorf("%d bytes, from %.20q", len(got), got)
	}
}
