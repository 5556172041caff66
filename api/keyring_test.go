package api

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/tetherd/tetherd/lab/disktest"
)

// TestKeyring: keys outlive the process, in a file for its owner alone that holds no
// password and no token.
func TestKeyring(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	k, err := OpenKeyring(dir)
	if err != nil || !k.Fresh() || k.Check("") {
		t.Fatal(err)
	}
	if err := k.SetPassword("correct horse", true); err != nil {
		t.Fatal(err)
	}
	token, err := k.AddToken("home", []Scope{Read}, begun())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "keys")
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), "horse") || strings.Contains(string(text), token) {
		t.Errorf("%s, %v", text, err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v", info.Mode())
	}
	again, err := OpenKeyring(dir)
	if err != nil || again.Fresh() || !again.Check("correct horse") || again.Check("correct hors") || again.Check(strings.Repeat("x", 100)) {
		t.Errorf("after a restart: %v", err)
	}
	if cost, err := bcrypt.Cost([]byte(again.kept.Password)); err != nil || cost < minCost || cost > maxCost {
		t.Errorf("cost %d, %v", cost, err)
	}
}

// TestKeysLast: who was told that a password or a token holds, or holds no more, finds it so
// after a power cut.
func TestKeysLast(t *testing.T) {
	dir := t.TempDir()
	k, err := OpenKeyring(dir)
	if err != nil {
		t.Fatal(err)
	}
	for what, do := range []func() error{
		func() error { return k.SetPassword("correct horse", true) },
		func() error { _, err := k.AddToken("home", []Scope{Read}, begun()); return err },
		func() error { return k.RemoveToken("home") },
	} {
		if !disktest.Lasts(t, filepath.Join(dir, "keys"), func() { err = do() }) || err != nil {
			t.Errorf("%d does not last, %v", what, err)
		}
	}
}

// TestDamagedKeys: a file that cannot be read lets nobody in, not even who comes first,
// until the owner chooses a password on the machine itself.
func TestDamagedKeys(t *testing.T) {
	for name, text := range map[string]string{"nothing": "", "half": `{"password":"$2a`, "a list": "[]"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "keys"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := OpenKeyring(dir)
		if err == nil || k.Fresh() || k.Check("") || k.Check(noPassword) || k.SetPassword("correct horse", true) == nil {
			t.Errorf("%s: %v, fresh %v", name, err, k.Fresh())
		}
		if err := k.SetPassword("correct horse", false); err != nil || !k.Check("correct horse") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKeysAreBounded: no more tokens than there is room for, and a disk that takes
// nothing changes nothing.
func TestKeysAreBounded(t *testing.T) {
	dir := t.TempDir()
	k, _ := OpenKeyring(dir)
	for i := range maxTokens + 1 {
		_, err := k.AddToken(strings.Repeat("x", i+1), []Scope{Read}, begun())
		if (err != nil) != (i == maxTokens) {
			t.Errorf("token %d: %v", i, err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := k.SetPassword("correct horse", true); err == nil || !k.Fresh() {
		t.Errorf("not on the disk: %v", err)
	}
}

// TestGuesses: a source that guesses has to wait, never for long, and no other source
// has to because of it.
func TestGuesses(t *testing.T) {
	var g guard
	now, owner, thief := begun(), netip.MustParseAddr("192.168.97.2"), netip.MustParseAddr("192.168.97.3")
	guess := func(from netip.Addr, right bool) time.Duration {
		wait, ok := g.enter(from, now)
		if ok {
			g.leave(from, now, right)
		}
		return wait
	}
	for range freeGuesses {
		if wait := guess(thief, false); wait > 0 {
			t.Fatalf("waits %v", wait)
		}
	}
	for range 1000 {
		if wait := guess(thief, false); wait <= 0 || wait > guessEvery {
			t.Fatalf("waits %v", wait)
		}
	}
	if wait := guess(owner, true); wait > 0 {
		t.Errorf("the owner waits %v", wait)
	}
	now = now.Add(guessEvery)
	if wait := guess(thief, false); wait > 0 {
		t.Errorf("after the time it still waits %v", wait)
	}
	if wait := guess(thief, false); wait <= 0 {
		t.Error("and guesses as it likes")
	}
	now = now.Add(guessEvery)
	if wait := guess(thief, true); wait > 0 || len(g.sources) > 1 {
		t.Errorf("who was right after all waits %v", wait)
	}
}

// TestManyGuessers: as many as a LAN has addresses are told apart, more share one
// allowance, and what time has healed makes room again.
func TestManyGuessers(t *testing.T) {
	var g guard
	now, addr := begun(), netip.MustParseAddr("192.168.0.1")
	wrong := func(from netip.Addr) bool {
		_, ok := g.enter(from, now)
		if ok {
			g.leave(from, now, false)
		}
		return ok
	}
	worst, guesses := addr, 0
	for range freeGuesses {
		wrong(worst)
	}
	for range 10 * maxSources {
		if addr = addr.Next(); wrong(addr) {
			guesses++
		}
	}
	if want := maxSources - 1 + freeGuesses; guesses != want || len(g.sources) > maxSources+1 || wrong(worst) {
		t.Errorf("%d guesses, want %d; %d sources", guesses, want, len(g.sources))
	}
	now = now.Add(guessEvery)
	if addr = addr.Next(); !wrong(addr) || len(g.sources) > 4 || g.sources[worst].wrong != freeGuesses-1 {
		t.Errorf("%d sources after a while: %+v", len(g.sources), g.sources)
	}
}

// TestHashing: the processor is not for who was wrong alone.
func TestHashing(t *testing.T) {
	var g guard
	now, guesser, owner := begun(), netip.MustParseAddr("192.168.0.1"), netip.MustParseAddr("192.168.0.2")
	g.enter(guesser, now)
	g.leave(guesser, now, false)
	for i, c := range []struct {
		from netip.Addr
		want bool
	}{{guesser, true}, {guesser, false}, {owner, true}, {owner, false}} {
		if _, ok := g.enter(c.from, now); ok != c.want {
			t.Errorf("hash %d: %v", i, ok)
		}
	}
}

// TestSessions: a key is of one session, which ends by itself; there are not too many.
func TestSessions(t *testing.T) {
	var s sessions
	now := begun()
	first := s.begin(now)
	if !s.use(first, now.Add(sessionIdle)) || s.use("", now) || s.use(first+"x", now) {
		t.Error("keys are taken for others")
	}
	if s.use(first, now.Add(2*sessionIdle+time.Second)) {
		t.Error("it goes on for ever")
	}
	open := s.begin(now)
	for at := now; at.Before(now.Add(sessionIdle)); at = at.Add(sessionIdle / 10) {
		if !s.there(open, at) {
			t.Error("it ended early")
		}
	}
	if s.there(open, now.Add(sessionIdle+time.Second)) {
		t.Error("a page that is left open is somebody")
	}
	second := s.begin(now)
	for i := range maxSessions {
		s.begin(now.Add(time.Duration(i+1) * time.Second))
	}
	if s.use(second, now) || len(s.last) != maxSessions {
		t.Errorf("%d sessions", len(s.last))
	}
	third := s.begin(now.Add(time.Hour))
	s.end(third, false)
	if s.use(third, now) || len(s.last) != maxSessions-1 {
		t.Error("it did not end, or others did")
	}
	if s.end("", true); len(s.last) > 0 {
		t.Error("not all ended")
	}
}
