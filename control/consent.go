package control

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/provision"
)

// longestConsent bounds what a file says of how long an answer counts.
const longestConsent = 24 * time.Hour

// consentSpacing is how often an answer is written that only counts for longer.
const consentSpacing = time.Hour

// consentRetry is how long a write that failed rests.
const consentRetry = time.Minute

// consent is what the operator's server said about sharing, and of whom.
type consent struct {
	key   string    // the address that is asked and a hash of the question
	since time.Time // the question finds no way out while clients have theirs; zero it does
	provision.Consent
}

// unheardLimit is after what time a question that finds no way out counts as not answered.
const unheardLimit = 2 * time.Minute

// await notes that the question finds no way out, as when the gateway's own access point is
// refused, while clients have theirs: then the document's choice counts as with a server that
// is silent. It returns when that is.
func (c *consent) await(obs plan.Observed, asked bool) time.Time {
	if asked || c.Asked || obs.Modem.Bearers[modem.Shared].State != modem.BearerUp {
		c.since = time.Time{}
		return time.Time{}
	}
	if c.since.IsZero() {
		c.since = obs.Now
	}
	due := c.since.Add(unheardLimit)
	c.Unheard = !obs.Now.Before(due)
	c.Asked = c.Unheard
	return ahead(due, obs.Now)
}

// keptConsent is the file of the last answer, so that a restart is neither a way around a
// refusal nor one by itself. It tells no subscriber: the key is a hash.
type keptConsent struct {
	Key      string
	Entitled bool
	Reason   string
	At       time.Time // when it was written
	Until    time.Time
}

// consentFile keeps the last answer.
type consentFile struct {
	path  string
	kept  keptConsent
	retry time.Time // a write failed: not again before
}

// openConsent reads the file; one that makes no sense is as good as none.
func openConsent(dir string, log *slog.Logger) consentFile {
	f := consentFile{path: filepath.Join(dir, "entitlement")}
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return f
	}
	if err == nil {
		err = json.Unmarshal(text, &f.kept)
	}
	if err != nil {
		log.Warn("the last answer about sharing cannot be read", "err", err)
		f.kept = keptConsent{}
	}
	return f
}

// recall is the answer that was kept about a key, with the time that it still counts for.
// A clock that has gone back since does not prolong it beyond what it was given.
func (f *consentFile) recall(key string, now time.Time) consent {
	c, k := consent{key: key}, f.kept
	left := min(k.Until.Sub(k.At), k.Until.Sub(now), longestConsent)
	if key == "" || k.Key != key || left <= 0 {
		return c
	}
	c.Consent = provision.Consent{Asked: true, Answered: true, Entitled: k.Entitled, Reason: k.Reason, Until: now.Add(left)}
	return c
}

// keep writes an answer that says something else, or counts noticeably longer or shorter.
// The server's words are free, and no reason by themselves to write soon again.
func (f *consentFile) keep(c consent, now time.Time, log *slog.Logger) {
	next := keptConsent{Key: c.key, Entitled: c.Entitled, Reason: c.Reason, At: now.UTC(), Until: c.Until.UTC()}
	k := f.kept
	same := next.Key == k.Key && next.Entitled == k.Entitled && next.Until.Sub(k.Until).Abs() < consentSpacing
	if !c.Answered || now.Before(f.retry) || same && (next.Reason == k.Reason || next.At.Sub(k.At).Abs() < consentSpacing) {
		return
	}
	text, err := json.Marshal(next)
	if err == nil {
		err = writeFile(f.path, text)
	}
	if err != nil {
		f.retry = now.Add(consentRetry)
		log.Error("the answer about sharing cannot be kept", "err", err)
		return
	}
	f.kept = next
}
