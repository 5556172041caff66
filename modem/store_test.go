package modem

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func testStore(t *testing.T) store {
	dir := t.TempDir()
	return store{state: filepath.Join(dir, "state"), run: filepath.Join(dir, "run")}
}

func TestPINRecordIsKeptUntilThePINIsAccepted(t *testing.T) {
	s := testStore(t)
	for _, want := range []pinOutcome{pinNever, pinTried, pinRefused, pinTried, pinNever, pinNever} {
		must(t, s.recordPIN("k", want))
		got, err := store{state: s.state}.recallPIN("k")
		if err != nil || got != want {
			t.Fatalf("outcome %d, %v, want %d", got, err, want)
		}
	}
	if got, _ := s.recallPIN("other"); got != pinNever {
		t.Errorf("outcome %d for another key", got)
	}
}

func TestUnreadablePINRecordCountsAsTried(t *testing.T) {
	s := testStore(t)
	must(t, os.MkdirAll(s.pinPath("dir"), 0o700))
	if got, err := s.recallPIN("dir"); got != pinTried || err == nil {
		t.Errorf("outcome %d, %v", got, err)
	}
	must(t, os.WriteFile(s.pinPath("torn"), []byte("ref"), 0o600))
	if got, err := s.recallPIN("torn"); got != pinTried || err != nil {
		t.Errorf("outcome %d, %v", got, err)
	}
}

func TestPINRecordThatCannotBeWrittenIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if err := (store{state: file}).recordPIN("k", pinTried); err == nil {
		t.Error("no error")
	}
}

func TestRunRecordKnowsItsBearerAndSIM(t *testing.T) {
	s := testStore(t)
	b := Bearer{APN: "internet", User: "u", Password: "secret", Auth: AuthPAP, Family: IPv4}
	must(t, s.recordRun(1, "8949", b))
	if !s.recallRun(1, "8949", b) || !s.left() {
		t.Error("not recalled")
	}
	b.Attempt = 7
	if !s.recallRun(1, "8949", b) {
		t.Error("a new process counts attempts anew")
	}
	for name, change := range map[string]func(*Bearer){
		"APN": func(b *Bearer) { b.APN = "other" }, "user": func(b *Bearer) { b.User = "" },
		"password": func(b *Bearer) { b.Password = "x" }, "auth": func(b *Bearer) { b.Auth = AuthCHAP },
		"family": func(b *Bearer) { b.Family = IPv6 },
		"border": func(b *Bearer) { b.APN, b.User = "interne", "tu" },
	} {
		other := b
		change(&other)
		if s.recallRun(1, "8949", other) {
			t.Errorf("%s: another bearer is taken for it", name)
		}
	}
	if s.recallRun(1, "8950", b) || s.recallRun(0, "8949", b) {
		t.Error("another SIM or session is taken for it")
	}
	must(t, s.forgetRun(1))
	must(t, s.forgetRun(1))
	if s.recallRun(1, "8949", b) || s.left() {
		t.Error("not forgotten")
	}
}

func TestRecordsHoldNoSecretsAndAreTheOwnersAlone(t *testing.T) {
	s := testStore(t)
	b := Bearer{APN: "internet", User: "someuser", Password: "somepassword"}
	must(t, s.recordRun(0, "8949000000000000001", b))
	must(t, s.recordPIN(pinKey("8949000000000000001", "1234"), pinTried))
	for _, dir := range []string{s.run, s.state} {
		entries, err := os.ReadDir(dir)
		must(t, err)
		if len(entries) != 1 {
			t.Errorf("%s holds %v", dir, entries)
		}
		info, err := entries[0].Info()
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", entries[0].Name(), info.Mode())
		}
		text, err := os.ReadFile(filepath.Join(dir, entries[0].Name()))
		must(t, err)
		text = append(text, entries[0].Name()...)
		for _, secret := range []string{"someuser", "somepassword", "8949000000000000001", "1234"} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s tells %s", entries[0].Name(), secret)
			}
		}
	}
}

func TestSameBearerHasAnotherRecordEachTime(t *testing.T) {
	s := testStore(t)
	must(t, s.recordRun(0, "1", internet))
	first, _ := os.ReadFile(s.runPath(0))
	must(t, s.recordRun(0, "1", internet))
	second, _ := os.ReadFile(s.runPath(0))
	if bytes.Equal(first, second) {
		t.Error("not salted")
	}
}

func TestBrokenRunRecordIsNone(t *testing.T) {
	s := testStore(t)
	must(t, os.MkdirAll(s.run, 0o700))
	for _, text := range []string{"", "zz", "00", string(bytes.Repeat([]byte("0"), 96))} {
		must(t, os.WriteFile(s.runPath(0), []byte(text), 0o600))
		if s.recallRun(0, "1", internet) {
			t.Errorf("%q is taken for a record", text)
		}
	}
}

func TestAttachRecordIsWhatWasWritten(t *testing.T) {
	s := testStore(t)
	want := attachConfig{{Bearer{APN: "a", User: "u", Password: "\"secret\x00", Auth: authMSCHAP, Family: ipv4And6}, 3}, {}, {Source: 1}}
	if got, err := s.recallAttach("k"); got.config != nil || err != nil {
		t.Errorf("before: %+v, %v", got, err)
	}
	must(t, s.recordAttach("k", &want))
	if got, err := (store{state: s.state}).recallAttach("k"); got.config == nil || *got.config != want || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if info, err := os.Stat(s.attachPath("k")); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	for range 2 {
		must(t, s.recordAttach("k", nil))
	}
	if got, err := s.recallAttach("k"); got.config != nil || err != nil {
		t.Errorf("after: %+v, %v", got, err)
	}
}

func TestAttachRecordThatIsDamaged(t *testing.T) {
	s := testStore(t)
	must(t, os.MkdirAll(s.state, 0o700))
	for _, text := range []string{"{", `[{"APN": 7}]`, `"` + strings.Repeat("x", maxAttachRecord)} {
		must(t, os.WriteFile(s.attachPath("k"), []byte(text), 0o600))
		if got, err := s.recallAttach("k"); got.config != nil || err == nil || strings.Contains(err.Error(), s.state) {
			t.Errorf("%.20s: %+v, %v", text, got, err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if err := (store{state: file}).recordAttach("k", new(attachConfig)); err == nil {
		t.Error("no error")
	}
}
