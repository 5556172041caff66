package vm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// verdictMark begins the last line of the guest, which is not the job's own: NUL, the
// exit status, and the seconds since the kernel's start at which the job began.
const verdictMark = "\x00exit "

// verdict is the last line, read.
type verdict struct {
	code int
	boot time.Duration
}

// splitter copies the job's output and keeps the verdict apart.
type splitter struct {
	out  io.Writer
	held []byte // begins like a verdict
}

// errBadVerdict says that the guest's last line cannot be read.
var errBadVerdict = errors.New("vm: the guest's last words make no sense")

// copy reads the port until the verdict. It is nil when the port closes before.
func (s *splitter) copy(port io.Reader) (*verdict, error) {
	buf := make([]byte, 32<<10)
	for {
		n, err := port.Read(buf)
		v, writeErr := s.take(buf[:n])
		if v != nil || writeErr != nil {
			return v, writeErr
		}
		if err != nil {
			_, writeErr = s.out.Write(s.held)
			return nil, writeErr
		}
	}
}

// take passes on what cannot belong to the verdict.
func (s *splitter) take(data []byte) (*verdict, error) {
	s.held = append(s.held, data...)
	for {
		at := bytes.IndexByte(s.held, 0)
		if at < 0 {
			at = len(s.held)
		}
		if _, err := s.out.Write(s.held[:at]); err != nil {
			return nil, fmt.Errorf("vm: pass the output on: %w", err)
		}
		s.held = s.held[at:]
		switch start := s.held[:min(len(s.held), len(verdictMark))]; {
		case string(start) != verdictMark[:len(start)]:
			if _, err := s.out.Write(s.held[:1]); err != nil { // a NUL of the job's own
				return nil, fmt.Errorf("vm: pass the output on: %w", err)
			}
			s.held = s.held[1:]
		case bytes.IndexByte(s.held, '\n') < 0:
			return nil, nil
		default:
			return parseVerdict(string(s.held))
		}
	}
}

func parseVerdict(line string) (*verdict, error) {
	var code int
	var whole, hundredths int64
	if _, err := fmt.Sscanf(line, verdictMark+"%d up %d.%d\n", &code, &whole, &hundredths); err != nil {
		return nil, fmt.Errorf("%w: %q", errBadVerdict, line)
	}
	return &verdict{code, time.Duration(whole)*time.Second + time.Duration(hundredths)*10*time.Millisecond}, nil
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// tailSize is how much is kept, in bytes.
const tailSize = 6000

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

// String gives what is kept, without the line that its beginning was cut from.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := bytes.ReplaceAll(t.text, []byte("\r\n"), []byte("\n"))
	if len(t.text) == tailSize {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	return string(bytes.TrimSpace(text))
}
