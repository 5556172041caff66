package api

import (
	"bytes"
	"sync"
)

// maxTail bounds what is kept of the log, in bytes.
const maxTail = 48 << 10

// Tail keeps the end of what is written to it. The zero value is ready.
type Tail struct {
	mu   sync.Mutex
	kept []byte
}

// Write keeps p; it never fails.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept = append(t.kept, p...); len(t.kept) > 2*maxTail { // seldom, so that writing is cheap
		t.kept = append([]byte(nil), wholeLines(t.kept)...)
	}
	return len(p), nil
}

// String is the last whole lines.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(wholeLines(t.kept))
}

// wholeLines is the end of a log that begins with a line.
func wholeLines(b []byte) []byte {
	if len(b) <= maxTail {
		return b
	}
	b = b[len(b)-maxTail:]
	return b[bytes.IndexByte(b, '\n')+1:]
}
