package control

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/google/renameio/v2"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/provision"
	"github.com/tetherd/tetherd/save"
)

// Writes to flash are batched.
const (
	flushDelay = 5 * time.Second  // after a new winner was found
	flushRetry = 10 * time.Minute // after a write that failed
)

// store keeps what worked for each SIM in a file.
type store struct {
	path   string
	memory *provision.Memory
	due    time.Time // when to write; zero when the file is up to date
}

// openStore reads the memory. What cannot be read is put aside and logged, never
// lost silently and never in the way.
func openStore(dir string, log *slog.Logger) store {
	s := store{path: filepath.Join(dir, "apn-memory")}
	text, err := os.ReadFile(s.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("access point memory cannot be read", "err", err)
	}
	var salt provision.Salt
	_, _ = rand.Read(salt[:]) // never fails (crypto/rand)
	s.memory, err = provision.ParseMemory(text, salt)
	if err != nil {
		log.Warn("access point memory is damaged and was put aside", "err", err)
		if err := os.Rename(s.path, s.path+".damaged"); err != nil {
			log.Warn("access point memory cannot be put aside", "err", err)
		}
	}
	return s
}

// remember notes a winner; the file follows after flushDelay.
func (s *store) remember(iccid modem.Secret, rung provision.Rung, now time.Time, log *slog.Logger) {
	if next, changed := s.memory.Remember(iccid, rung, now); changed {
		s.replace(next, now)
		log.Info("access point remembered for this SIM", "apn", rung.Bearer.APN)
	}
}

// rememberAttach notes with what the modem registers.
func (s *store) rememberAttach(iccid modem.Secret, b modem.Bearer, now time.Time, log *slog.Logger) {
	if next, changed := s.memory.RememberAttach(iccid, b, now); changed {
		s.replace(next, now)
		log.Info("access point for registering remembered for this SIM", "apn", b.APN)
	}
}

func (s *store) replace(next *provision.Memory, now time.Time) {
	s.memory, s.due = next, now.Add(flushDelay)
}

// flushDue writes the file when it is due and returns when it will be.
func (s *store) flushDue(now time.Time, log *slog.Logger) time.Time {
	if s.due.IsZero() || now.Before(s.due) {
		return s.due
	}
	s.flush(log)
	if !s.due.IsZero() {
		s.due = now.Add(flushRetry)
	}
	return s.due
}

func (s *store) flush(log *slog.Logger) {
	if s.due.IsZero() {
		return
	}
	if err := writeFile(s.path, s.memory.Encode()); err != nil {
		log.Error("access point memory cannot be written", "err", err)
		return
	}
	s.due = time.Time{}
}

// writeFile replaces a file in one step, readable by its owner only.
func writeFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return save.File(path, text)
}

// writeDurably replaces a file so that after it nothing but the new text can be found,
// and before it has returned the old one or the new one.
func writeDurably(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return save.Durably(path, text, renameio.WithExistingPermissions())
}

// note is what a process leaves for the next one of the same boot. It holds no
// credentials.
type note struct {
	Bearers map[modem.Purpose]modem.BearerStatus // that were up
	Trace   string                               // what the ladder had settled for
	Own     string                               // the same of the ladder for own traffic
	// Policy holds until a SIM is known, so that nobody comes in by a restart.
	Policy provision.Policy
	Search string // digest of what the configuration had them look among
	// Document and Entry name the operator's document in force, so that its rules hold
	// before the SIM is known.
	Document string `json:",omitempty"`
	Entry    int    `json:",omitempty"`
}

// digest names what a configuration has the ladders look among, for any SIM and modem.
func digest(cfg *config.Config) string {
	const many = 2 // sessions: as many as there are ladders
	_, shared, own := provision.Searches(cfg.APNs, provision.Policy{}, many)
	return shared.Digest() + own.Digest()
}

// bearers are those that may be held for a configuration: with another one they may
// be for other purposes now.
func (n note) bearers(cfg *config.Config) map[modem.Purpose]modem.BearerStatus {
	if n.Search != "" && n.Search != digest(cfg) {
		return nil
	}
	return n.Bearers
}

// former keeps a note in the run folder: a restarted process holds addresses, routes
// and rules for the noted bearers until the modem has told what became of them.
type former struct {
	path    string
	read    note // of the former process
	written note

	document string // to be noted
	entry    int
}

// openFormer reads what a former process left. What cannot be read means that nothing
// was left.
func openFormer(dir string, log *slog.Logger) former {
	f, err := readFormer(dir)
	if err != nil {
		log.Warn("note of the former process cannot be read", "err", err)
	}
	f.written = f.read
	return f
}

func readFormer(dir string) (former, error) {
	f := former{path: filepath.Join(dir, "bearers.json")}
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(text, &f.read); err != nil {
		f.read = note{}
		return f, fmt.Errorf("%s: %w", f.path, err)
	}
	return f, nil
}

// note writes the bearers that are up and what else the next process must know when
// they differ from the last note.
func (f *former) note(bearers map[modem.Purpose]modem.BearerStatus, next note, log *slog.Logger) {
	next.Bearers = map[modem.Purpose]modem.BearerStatus{}
	for p, b := range bearers {
		if b.State == modem.BearerUp {
			next.Bearers[p] = modem.BearerStatus{State: b.State, Interface: b.Interface, Parent: b.Parent, Session: b.Session, Since: b.Since.UTC(), IPv4: b.IPv4, IPv6: b.IPv6}
		}
	}
	next.Document, next.Entry = f.document, f.entry
	if reflect.DeepEqual(next, f.written) {
		return
	}
	text, err := json.Marshal(next)
	if err == nil {
		err = writeFile(f.path, text)
	}
	if err != nil {
		log.Error("bearers cannot be noted for the next process", "err", err)
	}
	f.written = next // also after a failure: it is tried again with the next change
}

// forget removes the note: after an orderly end nothing is left for the next process.
func (f *former) forget(log *slog.Logger) {
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Error("note for the next process cannot be removed", "err", err)
	}
}
