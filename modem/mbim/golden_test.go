package mbim

import (
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// golden reads testdata/NAME.hex: bytes in hexadecimal, comments after #. What is
// under testdata/spec was laid out by hand from the tables of the specification and
// found to be read alike by mbimcli; what is under testdata/mbimcli-1.28.2 was
// captured from it.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		data, _, _ := strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(data), ""))
	}
	frame, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return frame
}

// goldenNames lists the files of a folder of testdata, without .hex.
func goldenNames(t testing.TB, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.hex"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files in %s: %v", folder, err)
	}
	names := make([]string, 0, len(files))
	for _, file := range files {
		names = append(names, folder+"/"+strings.TrimSuffix(filepath.Base(file), ".hex"))
	}
	return names
}

// message assembles the frames of a golden file to the one message they hold.
func message(t testing.TB, name string) Message {
	t.Helper()
	var split Splitter
	var asm Assembler
	var messages []Message
	split.Write(golden(t, name), time.Time{})
	for frame, ok := split.Next(); ok; frame, ok = split.Next() {
		m, whole, err := asm.Add(frame, time.Time{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if whole {
			messages = append(messages, m)
		}
	}
	if len(messages) != 1 || split.Dropped() > 0 || asm.Pending() > 0 {
		t.Fatalf("%s: %d messages, %d bytes dropped, %d pending", name, len(messages), split.Dropped(), asm.Pending())
	}
	return messages[0]
}

// info is the information buffer of a golden message.
func info(t testing.TB, name string) []byte {
	t.Helper()
	return message(t, name).Info
}

// same fails the test when got differs from want.
func same[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	addresses := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	prefixes := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	if diff := cmp.Diff(want, got, addresses, prefixes); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// parsed checks what a parser makes of a golden answer.
func parsed[T any](t *testing.T, name string, parse func([]byte) (T, error), want T) {
	t.Helper()
	got, err := parse(info(t, name))
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	same(t, name, got, want)
}
