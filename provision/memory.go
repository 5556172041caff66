package provision

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tetherd/tetherd/modem"
)

// The bounds of a memory.
const (
	maxSIMs        = 32
	maxMemoryBytes = 256 << 10 // all entries full of what JSON writes in six bytes
	memoryVersion  = 1
	refreshAfter   = 30 * 24 * 3600 // seconds; a success repeated sooner is not worth a flash write
)

// Salt makes the hashes of one memory's ICCIDs useless elsewhere. It is random and
// made once for each file.
type Salt [16]byte

// Memory is what carried traffic, and what the network let the modem in with where that had
// to be found, by SIM: at most 32 each, the one used last first. It never changes; Remember
// and RememberAttach return another. A SIM is known by a salted hash of its ICCID
// alone, but passwords are in it: the file it is stored in is for its owner only.
type Memory struct {
	salt   Salt
	sims   []remembered
	attach []remembered
}

// remembered is one SIM's last bearer that carried traffic, as it is written.
type remembered struct {
	SIM      string       `json:"sim"`
	APN      string       `json:"apn"`
	User     string       `json:"user,omitempty"`
	Password string       `json:"password,omitempty"`
	Auth     modem.Auth   `json:"auth"`
	Family   modem.Family `json:"family"`
	At       int64        `json:"at"` // seconds since 1970
}

type memoryFile struct {
	Version int          `json:"version"`
	Salt    string       `json:"salt"`
	SIMs    []remembered `json:"sims"`
	Attach  []remembered `json:"attach,omitempty"`
}

// ParseMemory reads what Encode wrote. Without data, or with an error, the memory is
// empty and hashes with the fresh salt.
func ParseMemory(data []byte, fresh Salt) (*Memory, error) {
	empty := &Memory{salt: fresh}
	if len(data) == 0 {
		return empty, nil
	}
	if len(data) > maxMemoryBytes {
		return empty, fmt.Errorf("provision: memory of %d bytes is too big", len(data))
	}
	var file memoryFile
	if err := json.Unmarshal(data, &file); err != nil {
		return empty, fmt.Errorf("provision: memory: %w", err)
	}
	memory := &Memory{sims: file.SIMs, attach: file.Attach}
	if err := errors.Join(memory.salt.parse(file.Salt), file.check(file.SIMs), file.check(file.Attach)); err != nil {
		return empty, fmt.Errorf("provision: memory: %w", err)
	}
	return memory, nil
}

func (s *Salt) parse(text string) error {
	salt, err := hex.DecodeString(text)
	if err != nil || len(salt) != len(s) {
		return errors.New("bad salt")
	}
	copy(s[:], salt)
	return nil
}

func (f memoryFile) check(sims []remembered) error {
	if f.Version != memoryVersion {
		return fmt.Errorf("version %d is not known", f.Version)
	}
	if len(sims) > maxSIMs {
		return fmt.Errorf("%d SIMs are too many", len(sims))
	}
	seen := make(map[string]bool)
	for _, sim := range sims {
		if seen[sim.SIM] || !sim.valid() {
			return errors.New("an entry makes no sense")
		}
		seen[sim.SIM] = true
	}
	return nil
}

// valid keeps to what can be dialled: an APN has at most 100 octets (3GPP TS 23.003,
// 9.1), credentials at most 255 (RFC 1334, RFC 1994).
func (r remembered) valid() bool {
	auths := []modem.Auth{modem.AuthNone, modem.AuthPAP, modem.AuthCHAP}
	return len(r.SIM) == 16 && len(r.APN) <= 100 && len(r.User) <= 255 && len(r.Password) <= 255 &&
		slices.Contains(auths, r.Auth) && slices.Contains(families(""), r.Family)
}

// Encode writes the memory as JSON. It holds passwords.
func (m *Memory) Encode() []byte {
	file := memoryFile{Version: memoryVersion, Salt: hex.EncodeToString(m.salt[:]), SIMs: m.sims, Attach: m.attach}
	data, err := json.Marshal(file)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return append(data, '\n')
}

// Remember returns a memory in which this rung is what worked for this SIM, and
// whether it differs from the old one in anything worth a write.
func (m *Memory) Remember(iccid modem.Secret, rung Rung, at time.Time) (*Memory, bool) {
	sims, changed := m.with(m.sims, iccid, rung.Bearer, at)
	if !changed {
		return m, false
	}
	return &Memory{salt: m.salt, sims: sims, attach: m.attach}, true
}

// RememberAttach likewise remembers with what the modem registers.
func (m *Memory) RememberAttach(iccid modem.Secret, b modem.Bearer, at time.Time) (*Memory, bool) {
	attach, changed := m.with(m.attach, iccid, b, at)
	if !changed {
		return m, false
	}
	return &Memory{salt: m.salt, sims: m.sims, attach: attach}, true
}

// attached is with what the modem registers for a SIM; nil when that had not to be found.
func (m *Memory) attached(iccid modem.Secret) *modem.Bearer {
	if m == nil || iccid == "" {
		return nil
	}
	id := m.hash(iccid)
	for _, r := range m.attach {
		if r.SIM == id {
			return &modem.Bearer{APN: r.APN, User: r.User, Password: modem.Secret(r.Password), Auth: r.Auth, Family: r.Family}
		}
	}
	return nil
}

// with returns a list in which a SIM's entry is this one and the first, and whether that is
// worth a write.
func (m *Memory) with(list []remembered, iccid modem.Secret, b modem.Bearer, at time.Time) ([]remembered, bool) {
	entry := remembered{SIM: m.hash(iccid), APN: b.APN, User: b.User, Password: string(b.Password),
		Auth: b.Auth, Family: b.Family, At: at.Unix()}
	if entry.Auth == "" {
		entry.Auth = modem.AuthNone
	}
	if iccid == "" || !entry.valid() || len(list) > 0 && list[0].still(entry) {
		return nil, false
	}
	next := []remembered{entry}
	for _, old := range list {
		if old.SIM != entry.SIM && len(next) < maxSIMs {
			next = append(next, old)
		}
	}
	return next, true
}

// still reports whether a new entry says nothing new.
func (r remembered) still(entry remembered) bool {
	age := entry.At - r.At
	entry.At = r.At
	return r == entry && age < refreshAfter
}

// recall returns what worked for a SIM, as a candidate with the family that worked
// first, and when it did.
func (m *Memory) recall(iccid modem.Secret) (Candidate, time.Time, bool) {
	if m == nil || iccid == "" {
		return Candidate{}, time.Time{}, false
	}
	id := m.hash(iccid)
	for _, entry := range m.sims {
		if entry.SIM == id {
			return entry.candidate(), time.Unix(entry.At, 0), true
		}
	}
	return Candidate{}, time.Time{}, false
}

func (r remembered) candidate() Candidate {
	order := []modem.Family{r.Family}
	for _, family := range families("") {
		if family != r.Family {
			order = append(order, family)
		}
	}
	return Candidate{Source: FromMemory, APN: r.APN, User: r.User, Password: modem.Secret(r.Password),
		Auth: r.Auth, Families: order}
}

func (m *Memory) hash(iccid modem.Secret) string {
	sum := sha256.Sum256(append(m.salt[:], iccid...))
	return hex.EncodeToString(sum[:8])
}
