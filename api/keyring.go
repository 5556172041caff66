package api

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/tetherd/tetherd/save"
)

// Bounds of what is kept.
const (
	minPassword = 8
	maxPassword = 72 // bytes, bcrypt's own
	maxTokens   = 16
)

// Hashing is as slow as this machine can bear: bcrypt, which needs no memory to speak of
// and little from wide processors, at the first cost that takes hashTime. A hash carries
// its cost, so a file may move to another machine.
const (
	minCost  = 8 // half a second on the smallest machine that is meant
	maxCost  = 12
	hashTime = 150 * time.Millisecond
)

// Keyring keeps the owner's password and the tokens of programs in a file that only its
// owner can read. The zero value is not ready: use OpenKeyring.
type Keyring struct {
	mu   sync.Mutex
	path string
	kept keys
}

// keys is the file.
type keys struct {
	Password string     `json:"password"` // as bcrypt writes it; "" before the first start
	Tokens   []tokenKey `json:"tokens"`
}

// tokenKey is one token. Its hash is fast, as the token is random.
type tokenKey struct {
	Name    string    `json:"name"`
	Hash    string    `json:"hash"`
	Scopes  []Scope   `json:"scopes"`
	Created time.Time `json:"created"`
}

// noPassword is in place of a hash that cannot be read: no password is right, and none
// can be chosen from the network.
const noPassword = "!"

// OpenKeyring reads the keys in a folder. With an error they let nobody in: a damaged
// file must not open the gateway to who comes first.
func OpenKeyring(dir string) (*Keyring, error) {
	k := &Keyring{path: filepath.Join(dir, "keys")}
	text, err := os.ReadFile(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &k.kept)
	}
	if err != nil {
		k.kept = keys{Password: noPassword}
		return k, fmt.Errorf("api: read the keys in %s: %w", k.path, err)
	}
	return k, nil
}

// Fresh says that no password was chosen yet.
func (k *Keyring) Fresh() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.kept.Password == ""
}

// Check says whether a password is right. It takes its time.
func (k *Keyring) Check(password string) bool {
	k.mu.Lock()
	hash := k.kept.Password
	k.mu.Unlock()
	return hash != "" && len(password) <= maxPassword && bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
}

// SetPassword changes the password; with first, only if there is none.
func (k *Keyring) SetPassword(password string, first bool) error {
	if len(password) < minPassword || len(password) > maxPassword {
		return invalid("new", fmt.Sprintf("must have %d to %d bytes", minPassword, maxPassword))
	}
	hash, err := slowHash(password)
	if err != nil {
		return fmt.Errorf("api: hash the password: %w", err)
	}
	return k.change(func(kept *keys) error {
		if first && kept.Password != "" {
			return &Fault{Code: Denied, Message: "a password was chosen already"}
		}
		kept.Password = hash
		return nil
	})
}

// slowHash hashes at the first cost that takes long enough here.
func slowHash(password string) (string, error) {
	for cost := minCost; ; cost++ {
		begun := time.Now()
		hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
		if err != nil || cost == maxCost || time.Since(begun) >= hashTime {
			return string(hash), err
		}
	}
}

// AddToken makes a token and returns it; it cannot be read again.
func (k *Keyring) AddToken(name string, scopes []Scope, now time.Time) (string, error) {
	token := rand.Text()
	err := k.change(func(kept *keys) error {
		if slices.ContainsFunc(kept.Tokens, func(t tokenKey) bool { return t.Name == name }) {
			return &Fault{Code: Conflict, Field: "name", Message: "is the name of another token"}
		}
		if len(kept.Tokens) == maxTokens {
			return invalid("name", fmt.Sprintf("would be more than %d tokens", maxTokens))
		}
		kept.Tokens = append(kept.Tokens, tokenKey{name, fastHash(token), scopes, now.UTC().Truncate(time.Second)})
		return nil
	})
	return token, err
}

// RemoveToken removes the token of a name.
func (k *Keyring) RemoveToken(name string) error {
	return k.change(func(kept *keys) error {
		n := len(kept.Tokens)
		kept.Tokens = slices.DeleteFunc(kept.Tokens, func(t tokenKey) bool { return t.Name == name })
		if len(kept.Tokens) == n {
			return &Fault{Code: Absent, Field: "name", Message: "is no token's name"}
		}
		return nil
	})
}

// Tokens lists the tokens, without their hashes.
func (k *Keyring) Tokens() []TokenDoc {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := []TokenDoc{}
	for _, t := range k.kept.Tokens {
		out = append(out, TokenDoc{Name: t.Name, Scopes: t.Scopes, Created: t.Created})
	}
	return out
}

// Token returns the name and scopes of a token.
func (k *Keyring) Token(token string) (name string, scopes []Scope, ok bool) {
	hash := fastHash(token)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, t := range k.kept.Tokens {
		if t.Hash == hash { // of what nobody can steer: a hash tells no prefix
			return t.Name, t.Scopes, true
		}
	}
	return "", nil, false
}

func fastHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// change changes the keys on the disk and then here. Who is told that a password or a token
// holds no more can rely on it.
func (k *Keyring) change(f func(*keys) error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := keys{Password: k.kept.Password, Tokens: slices.Clone(k.kept.Tokens)}
	if err := f(&next); err != nil {
		return err
	}
	text, err := json.Marshal(next)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(k.path), 0o700)
	}
	if err == nil {
		err = save.Durably(k.path, text)
	}
	if err != nil {
		return fmt.Errorf("api: write the keys: %w", err)
	}
	k.kept = next
	return nil
}
