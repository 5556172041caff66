package modem

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tetherd/tetherd/save"
)

// store keeps small records: what became of PINs and with which access points modems
// registered before, durably, in state, and which bearer each session carries, for the next process, in run.
type store struct{ state, run string }

// PIN records are files named by pinKey that hold one word.
const (
	wordTried   = "tried\n"
	wordRefused = "refused\n"
)

func (s store) pinPath(key string) string { return filepath.Join(s.state, "pin-"+key) }

// recallPIN reads a PIN record. Whatever is not understood counts as tried.
func (s store) recallPIN(key string) (pinOutcome, error) {
	b, err := os.ReadFile(s.pinPath(key))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return pinNever, nil
	case err != nil:
		return pinTried, fmt.Errorf("modem: recall PIN record: %w", bare(err))
	case string(b) == wordRefused:
		return pinRefused, nil
	}
	return pinTried, nil
}

// recordPIN writes a PIN record so that it outlives a power cut; pinNever removes it.
func (s store) recordPIN(key string, outcome pinOutcome) error {
	word := wordTried
	switch outcome {
	case pinNever:
		return s.remove(s.pinPath(key), "PIN")
	case pinRefused:
		word = wordRefused
	}
	return s.write(s.pinPath(key), "PIN", []byte(word))
}

// maxAttachRecord bounds an attach record, in bytes.
const maxAttachRecord = 16 << 10

func (s store) attachPath(key string) string { return filepath.Join(s.state, "attach-"+key) }

// recallAttach reads what a modem had before it was changed from here.
func (s store) recallAttach(key string) (attachRecord, error) {
	text := readBounded(s.attachPath(key), maxAttachRecord)
	if len(text) == 0 {
		return attachRecord{}, nil
	}
	config := new(attachConfig)
	if err := json.Unmarshal(text, config); err != nil {
		return attachRecord{}, errors.New("modem: attach record: not what was written")
	}
	return attachRecord{config}, nil
}

// recordAttach writes that so that it outlives a power cut, or removes it.
func (s store) recordAttach(key string, config *attachConfig) error {
	if config == nil {
		return s.remove(s.attachPath(key), "attach")
	}
	text, err := json.Marshal(config)
	if err != nil {
		return fmt.Errorf("modem: attach record: %w", err)
	}
	return s.write(s.attachPath(key), "attach", text)
}

// write replaces a record in the state folder so that it outlives a power cut.
func (s store) write(path, kind string, text []byte) error {
	err := os.MkdirAll(s.state, 0o700)
	if err == nil {
		err = save.File(path, text)
	}
	if err != nil {
		return fmt.Errorf("modem: write %s record: %w", kind, bare(err))
	}
	return syncDir(s.state)
}

// remove takes one away likewise.
func (s store) remove(path, kind string) error {
	err := os.Remove(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("modem: remove %s record: %w", kind, bare(err))
	}
	return syncDir(s.state)
}

// Run records hold a salt and a salted hash of SIM and bearer, never credentials.
const saltSize = 16

func (s store) runPath(session uint32) string {
	return filepath.Join(s.run, fmt.Sprintf("bearer-%d", session))
}

// runHash leaves Attempt out: a new process counts repairs from the start.
func runHash(salt []byte, iccid Secret, b Bearer) []byte {
	h := sha256.New()
	h.Write(salt)
	for _, field := range []string{string(iccid), b.APN, b.User, string(b.Password), string(b.Auth), string(b.Family)} {
		fmt.Fprintf(h, "%d:%s", len(field), field)
	}
	return h.Sum(nil)
}

// recordRun notes for the next process which bearer a session carries.
func (s store) recordRun(session uint32, iccid Secret, b Bearer) error {
	record := make([]byte, saltSize, saltSize+sha256.Size)
	_, _ = rand.Read(record) // never fails (crypto/rand)
	record = append(record, runHash(record, iccid, b)...)
	if err := os.MkdirAll(s.run, 0o700); err != nil {
		return fmt.Errorf("modem: write bearer record: %w", err)
	}
	if err := save.File(s.runPath(session), []byte(hex.EncodeToString(record))); err != nil {
		return fmt.Errorf("modem: write bearer record: %w", err)
	}
	return nil
}

// recallRun reports whether the session's record is of that SIM and bearer.
func (s store) recallRun(session uint32, iccid Secret, b Bearer) bool {
	text, err := os.ReadFile(s.runPath(session))
	if err != nil {
		return false
	}
	record, err := hex.DecodeString(string(text))
	if err != nil || len(record) != saltSize+sha256.Size {
		return false
	}
	return subtle.ConstantTimeCompare(record[saltSize:], runHash(record[:saltSize], iccid, b)) == 1
}

func (s store) forgetRun(session uint32) error {
	if err := os.Remove(s.runPath(session)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("modem: remove bearer record: %w", err)
	}
	return nil
}

// left reports whether a former process left a bearer up.
func (s store) left() bool {
	records, _ := filepath.Glob(filepath.Join(s.run, "bearer-*"))
	return len(records) > 0
}

// bare takes the path off an error: a record's name is made of SIM and PIN, and a
// PIN is soon guessed.
func bare(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}

// syncDir makes a rename or removal in dir outlive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("modem: sync records: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("modem: sync records: %w", err)
	}
	return nil
}
