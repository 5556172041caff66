package control

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/provision"
)

// TestConsentOutlivesARestart: an answer counts for its time, for whom it was given, and no
// longer because the clock went back or somebody wrote the file.
func TestConsentOutlivesARestart(t *testing.T) {
	now, quiet := time.Unix(100000, 0), slog.New(slog.DiscardHandler)
	dir := t.TempDir()
	f := openConsent(dir, quiet)
	said := consent{key: "a", Consent: provision.Consent{Asked: true, Answered: true, Reason: "no", Until: now.Add(2 * time.Hour)}}
	f.keep(said, now, quiet)
	for _, c := range []struct {
		key   string
		after time.Duration
		left  time.Duration // 0: nothing is known
	}{{"a", 0, 2 * time.Hour}, {"a", time.Hour, time.Hour}, {"a", 2 * time.Hour, 0}, {"a", -1000 * time.Hour, 2 * time.Hour}, {"b", 0, 0}, {"", 0, 0}} {
		next := openConsent(dir, quiet)
		at := now.Add(c.after)
		got := next.recall(c.key, at)
		if got.Answered != (c.left > 0) || got.key != c.key || c.left > 0 && (got.Reason != "no" || got.Entitled || !got.Until.Equal(at.Add(c.left))) {
			t.Errorf("%q after %v: %+v", c.key, c.after, got)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "entitlement")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
}

// TestConsentIsWrittenSeldom: only what says something else, or counts noticeably longer.
func TestConsentIsWrittenSeldom(t *testing.T) {
	now, quiet := time.Unix(100000, 0), slog.New(slog.DiscardHandler)
	dir := t.TempDir()
	f := openConsent(dir, quiet)
	path := filepath.Join(dir, "entitlement")
	said := consent{key: "a", Consent: provision.Consent{Asked: true, Answered: true, Entitled: true, Until: now.Add(time.Hour)}}
	for _, c := range []struct {
		what    string
		change  func()
		written bool
	}{
		{"the first", func() {}, true},
		{"the same", func() {}, false},
		{"a little longer", func() { said.Until = said.Until.Add(time.Minute) }, false},
		{"much longer", func() { said.Until = said.Until.Add(2 * time.Hour) }, true},
		{"a refusal", func() { said.Entitled = false }, true},
		{"much shorter", func() { said.Until = said.Until.Add(-2 * time.Hour) }, true},
		{"another reason at once", func() { said.Reason = "plan" }, false},
		{"another reason later", func() { now = now.Add(consentSpacing) }, true},
		{"of another SIM", func() { said.key = "b" }, true},
		{"no answer", func() { said.Answered, said.key = false, "c" }, false},
	} {
		c.change()
		_ = os.Remove(path)
		f.keep(said, now, quiet)
		if _, err := os.Stat(path); (err == nil) != c.written {
			t.Errorf("%s: written is %v", c.what, err == nil)
		}
	}
}

// TestConsentFileOfSomebodyElse: what makes no sense is as good as none, and a file cannot
// make an answer count for more than a day.
func TestConsentFileOfSomebodyElse(t *testing.T) {
	now, quiet := time.Unix(100000, 0), slog.New(slog.DiscardHandler)
	for _, text := range []string{"", "{", "[]", `{"Key":7}`, strings.Repeat("x", 1<<16), `{"Key":"a","Entitled":true}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "entitlement"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if f := openConsent(dir, quiet); f.recall("a", now).Answered {
			t.Errorf("%.40q is an answer", text)
		}
	}
	f := consentFile{kept: keptConsent{Key: "a", Entitled: true, At: now, Until: now.Add(1000 * time.Hour)}}
	if c := f.recall("a", now); !c.Until.Equal(now.Add(longestConsent)) {
		t.Errorf("it counts until %v", c.Until)
	}
}

// TestConsentIsWrittenAgain: an answer whose write failed is written once that works, and
// not tried at every turn.
func TestConsentIsWrittenAgain(t *testing.T) {
	now, quiet := time.Unix(100000, 0), slog.New(slog.DiscardHandler)
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // no folder can be there
		t.Fatal(err)
	}
	f := openConsent(dir, quiet)
	said := consent{key: "a", Consent: provision.Consent{Asked: true, Answered: true, Until: now.Add(time.Hour)}}
	f.keep(said, now, quiet)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	answered := func(at time.Time) bool {
		next := openConsent(dir, quiet)
		return next.recall("a", at).Answered
	}
	if f.keep(said, now.Add(time.Second), quiet); answered(now) {
		t.Error("it is tried again at once")
	}
	if f.keep(said, now.Add(consentRetry), quiet); !answered(now.Add(consentRetry)) {
		t.Error("the answer is lost")
	}
}

func TestDiaryRestsWhereWritesFollowEachOther(t *testing.T) {
	var delay time.Duration
	var got []time.Duration
	for _, ago := range []time.Duration{1 << 60, time.Minute, 2 * time.Minute, 8 * time.Minute, 32 * time.Minute, time.Hour, time.Hour, 3 * time.Hour, 5 * time.Hour} {
		delay = spaced(delay, ago)
		got = append(got, delay/time.Minute)
	}
	if want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 1}; !slices.Equal(got, want) {
		t.Errorf("%v minutes", got)
	}
}
