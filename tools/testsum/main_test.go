package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// stream writes events as "go test -json" would, one a word: PACKAGE:ACTION[:TEST[:OUTPUT]].
func stream(words ...string) string {
	var b strings.Builder
	for _, word := range words {
		f := append(strings.SplitN(word, ":", 4), "", "", "")
		b.WriteString(`{"Package":"` + f[0] + `","Action":"` + f[1] + `"`)
		if f[2] != "" {
			b.WriteString(`,"Test":"` + f[2] + `"`)
		}
		if f[3] != "" {
			b.WriteString(`,"Output":"` + f[3] + `\n"`)
		}
		if f[2] == "" && f[1] != "start" {
			b.WriteString(`,"Elapsed":0.25`)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want count
		out  string
	}{
		"passing": {
			stream("p:start", "p:run:TestA", "p:output:TestA:quiet", "p:pass:TestA", "p:run:TestB", "p:skip:TestB", "p:pass"),
			count{1, 0, 1}, "ok   p 0.25\n"},
		"only leaves count": {
			stream("p:run:A", "p:run:A/x", "p:run:A/x/y", "p:pass:A/x/y", "p:pass:A/x", "p:run:A/z/w", "p:pass:A/z/w", "p:pass:A", "p:run:Ax", "p:pass:Ax", "p:pass"),
			count{3, 0, 0}, "ok   p 0.25\n"},
		"a name with a slash": {
			stream("p:run:A", "p:run:A/b/c", "p:pass:A/b/c", "p:pass:A", "p:pass"),
			count{1, 0, 0}, "ok   p 0.25\n"},
		"failing": {
			stream("p:run:A", "p:run:A/x", "p:output:A/x:why", "p:output:A:--- FAIL: A", "p:fail:A/x", "p:run:A/y", "p:output:A/y:quiet", "p:pass:A/y", "p:fail:A", "p:output::FAIL", "p:fail"),
			count{1, 1, 0}, "FAIL\n--- FAIL: A\nwhy\nFAIL p 0.25\n"},
		"failing once of several times": {
			stream("p:run:A", "p:output:A:why", "p:fail:A", "p:run:A", "p:pass:A", "p:fail"),
			count{0, 1, 0}, "why\nFAIL p 0.25\n"},
		"parent failing alone": {
			stream("p:run:A", "p:run:A/x", "p:pass:A/x", "p:output:A:why", "p:fail:A", "p:fail"),
			count{1, 1, 0}, "why\nFAIL p 0.25\n"},
		"test without an end": {
			stream("p:run:A", "p:pass:A", "p:run:B", "p:output:B:panic", "p:fail"),
			count{1, 1, 0}, "panic\nFAIL p 0.25\n"},
		"package without an end": {
			stream("q:run:A", "q:pass:A", "q:pass", "p:run:A", "p:pass:A"),
			count{2, 1, 0}, "ok   q 0.25\nFAIL p did not end\n"},
		"not built": {
			`{"ImportPath":"p [p.test]","Action":"build-output","Output":"p.go:1: oops\n"}` + "\n" +
				`{"ImportPath":"p [p.test]","Action":"build-fail"}` + "\n" + stream("p:start", "p:fail"),
			count{0, 1, 0}, "p.go:1: oops\nFAIL p 0.25\n"},
		"no tests": {stream("p:start", "p:skip"), count{}, "-    p 0.25\n"},
		"interleaved, and the same package twice": {
			stream("p:run:A", "q:run:A", "p:fail:A", "q:pass:A", "q:pass", "p:fail") + stream("p:run:A", "p:pass:A", "p:pass"),
			count{2, 1, 0}, "ok   q 0.25\nFAIL p 0.25\nok   p 0.25\n"},
		"foreign lines": {
			"go: complaint\n" + stream("p:run:A", "p:pass:A", "p:pass") + "unended",
			count{1, 0, 0}, "go: complaint\nok   p 0.25\nunended"},
		"nothing": {"", count{0, 1, 0}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			got, err := read(strings.NewReader(c.in), &out)
			if got != c.want || out.String() != c.out || (err != nil) != (c.want.failed > 0) {
				t.Errorf("%+v, %v, %q", got, err, out.String())
			}
		})
	}
}

func TestRunsAccumulate(t *testing.T) {
	total := filepath.Join(t.TempDir(), "total")
	add := func(text string) error { return addRun(total, strings.NewReader(text), new(bytes.Buffer)) }
	sum := func() (string, error) {
		var out bytes.Buffer
		err := printTotal(total, nil, &out)
		return out.String(), err
	}
	if _, err := sum(); err == nil {
		t.Error("closed without a run")
	}
	if err := add(stream("p:start", "p:skip")); err != nil {
		t.Error(err)
	}
	if out, err := sum(); err == nil || out != "0 passed, 0 failed, 0 skipped\n" {
		t.Errorf("nothing ran: %q, %v", out, err)
	}
	for range 2 {
		if err := add(stream("p:run:A", "p:pass:A", "p:run:B", "p:skip:B", "p:pass")); err != nil {
			t.Error(err)
		}
	}
	if out, err := sum(); err != nil || out != "2 passed, 0 failed, 2 skipped\n" {
		t.Errorf("%q, %v", out, err)
	}
	if err := add(stream("p:run:A", "p:fail:A", "p:fail")); err == nil {
		t.Error("a failure is no error")
	}
	if err := add(""); err == nil {
		t.Error("an empty stream is no error")
	}
	if out, err := sum(); err == nil || out != "2 passed, 2 failed, 2 skipped\n" {
		t.Errorf("%q, %v", out, err)
	}
	os.WriteFile(total, []byte("1 2\n"), 0o644)
	if _, err := sum(); err == nil {
		t.Error("a torn total file is summed")
	}
}

// What the go command really prints, for packages that pass, fail, panic, are not
// built and have no tests.
func TestRealStream(t *testing.T) {
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(module)).Files {
		path := filepath.Join(dir, f.Name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "test", "-json", "-count=1", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	text, _ := cmd.Output()
	var out bytes.Buffer
	got, err := read(bytes.NewReader(text), &out)
	if want := (count{3, 4, 1}); got != want || err == nil {
		t.Errorf("%+v, want %+v: %v", got, want, err)
	}
	for _, want := range []string{"ok   m/ok ", "FAIL m/fails ", "FAIL m/panics ", "FAIL m/broken ", "-    m/none ", "this is why", "on purpose", "undefined: nothing"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "nobody reads this") {
		t.Error("the output of a passing test is printed")
	}
}

const module = `
-- go.mod --
module m

go 1.24
-- ok/a_test.go --
package ok

import "testing"

func TestPass(t *testing.T) { t.Log("nobody reads this") }
func TestSkip(t *testing.T) { t.Skip() }
func TestParent(t *testing.T) {
	t.Run("child", func(*testing.T) {})
}
-- fails/a_test.go --
package fails

import "testing"

func TestParent(t *testing.T) {
	t.Run("good", func(*testing.T) {})
	t.Run("bad", func(t *testing.T) { t.Error("this is why") })
	t.Run("worse", func(t *testing.T) { t.Fail() })
}
-- panics/a_test.go --
package panics

import "testing"

func TestPanic(t *testing.T) { panic("on purpose") }
-- broken/a_test.go --
package broken

import "testing"

func TestNever(t *testing.T) { nothing() }
-- none/a.go --
package none
`
