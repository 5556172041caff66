package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Bounds of the audit log: the file and the one before it.
const (
	maxAudit     = 32 << 10 // bytes
	maxAuditLine = 1 << 10
	auditShown   = 100 // lines
)

// Journal is the audit log: who changed what, in a file of bounded size.
type Journal struct {
	mu   sync.Mutex
	path string
}

// OpenJournal returns the audit log in a folder.
func OpenJournal(dir string) *Journal { return &Journal{path: filepath.Join(dir, "audit")} }

// Deed is one change, or an attempt.
type Deed struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`             // such as "page", "token home" or "socket"
	From string    `json:"from,omitempty"` // address
	Verb string    `json:"verb"`
	What []string  `json:"what,omitempty"` // names of what was given, never a value
	Err  string    `json:"error,omitempty"`
}

// note appends a deed.
func (j *Journal) note(d Deed) error {
	line, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("api: audit: %w", err)
	}
	if len(line) > maxAuditLine {
		return fmt.Errorf("api: audit: a line of %d bytes", len(line))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(j.path), 0o700); err != nil {
		return fmt.Errorf("api: audit: %w", err)
	}
	if info, err := os.Stat(j.path); err == nil && info.Size() > maxAudit {
		if err := os.Rename(j.path, j.path+".old"); err != nil {
			return fmt.Errorf("api: audit: %w", err)
		}
	}
	f, err := os.OpenFile(j.path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("api: audit: %w", err)
	}
	if torn(f) {
		line = append([]byte{'\n'}, line...)
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

// torn says that a file's last line was cut by a power cut.
func torn(f *os.File) bool {
	end := []byte{'\n'}
	if size, err := f.Seek(0, io.SeekEnd); err == nil && size > 0 {
		_, _ = f.ReadAt(end, size-1) // else the line may be torn, too
	}
	return end[0] != '\n'
}

// last returns the last deeds, the newest first. A line that was cut by a power cut is
// left out, and no other.
func (j *Journal) last() ([]Deed, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := []Deed{}
	for _, path := range []string{j.path, j.path + ".old"} {
		text, err := readEnd(path, maxAudit+maxAuditLine)
		if err != nil {
			return nil, err
		}
		lines := strings.Split(text, "\n")
		for i := len(lines) - 1; i >= 0 && len(out) < auditShown; i-- {
			var d Deed
			if json.Unmarshal([]byte(lines[i]), &d) == nil {
				out = append(out, d)
			}
		}
	}
	return out, nil
}

// readEnd reads the last n bytes of a file, none of one that is not there.
func readEnd(path string, n int64) (string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("api: audit: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > n {
		_, _ = f.Seek(-n, io.SeekEnd) // else it is read from its beginning
	}
	text, err := io.ReadAll(io.LimitReader(f, n))
	return string(text), err
}

// audit notes a use of a verb that changes something, with names and never with values.
func (s *Server) audit(v Verb, by Caller, args map[string]any, err error) {
	if s.Journal == nil || v.Kind == Look || v.Kind == Stream || args["dry"] == true {
		return
	}
	d := Deed{At: time.Now().UTC().Truncate(time.Second), By: by.Author.Name, From: by.From, Verb: v.Name, What: auditWhat(args)}
	if err != nil {
		d.Err = string(FaultOf(err).Code)
	}
	s.Log.Info("told", "verb", v.Name, "by", by.Author.Name, "from", by.From, "error", d.Err)
	if err := s.Journal.note(d); err != nil {
		s.Log.Error("the audit log cannot be written", "err", err)
	}
}

// auditWhat names what was given: options of settings, else arguments.
func auditWhat(args map[string]any) []string {
	const most, longest = 8, 60
	var out []string
	if changes, ok := args["changes"].([]string); ok {
		for _, c := range changes[:min(len(changes), most)] {
			name, _, ok := strings.Cut(c, "=")
			if !ok {
				continue // a value whose "=" was forgotten looks like this
			}
			out = append(out, printable(name[:min(len(name), longest)]))
		}
		return out
	}
	if on, ok := args["on"].(bool); ok {
		return []string{fmt.Sprintf("on=%v", on)}
	}
	if name, ok := args["name"].(string); ok {
		return []string{printable(name)}
	}
	return nil
}
