package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const elapsed = "fuzz: elapsed: 5s, execs: 261554 (54393/sec), new interesting: 0 (total: 10)\n"

func TestOrderly(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"the end of its time":            {elapsed + "--- FAIL: FuzzRequest (5.05s)\n    context deadline exceeded\nFAIL\n", true},
		"its worker was slow to end too": {elapsed + "waiting for fuzzing process to terminate...\n--- FAIL: FuzzRequest (9.05s)\n    context deadline exceeded\nFAIL\n", true},
		"a finding": {elapsed + "--- FAIL: FuzzRequest (1.05s)\n    --- FAIL: FuzzRequest (0.00s)\n        wire_test.go:9: lost\n    \n" +
			"    Failing input written to testdata/fuzz/FuzzRequest/1\nFAIL\n", false},
		"a finding that is about a deadline": {"--- FAIL: FuzzRequest (5.05s)\n    --- FAIL: FuzzRequest (0.00s)\n    context deadline exceeded\n" +
			"    Failing input written to testdata/fuzz/FuzzRequest/1\nFAIL\n", false},
		"a worker that died": {elapsed + "--- FAIL: FuzzRequest (5.05s)\n    fuzzing process hung or terminated unexpectedly: exit status 2\nFAIL\n", false},
		"a panic":            {"panic: lost\n\ngoroutine 1 [running]:\n", false},
		"nothing":            {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := orderly(c.text); got != c.want {
				t.Errorf("orderly = %v, want %v", got, c.want)
			}
		})
	}
}

func TestExecutions(t *testing.T) {
	if got := executions(elapsed + strings.Replace(elapsed, "261554", "300000", 1)); got != "execs: 300000" {
		t.Errorf("the last number: %q", got)
	}
	if got := executions("PASS\n"); got != "seeds only" {
		t.Errorf("without a number: %q", got)
	}
}

// world makes a module of one package with the text as its test file, and enters it.
func world(t *testing.T, text string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"go.mod":        "module tried\n\ngo 1.26\n",
		"p/p.go":        "package p\n",
		"p/p_test.go":   "package p\n\nimport \"testing\"\n\n" + text,
		"p/not_fuzz.go": "package p\n\nfunc FuzzHelper() {}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GOFLAGS", "-mod=mod")
}

// good never fails; bad fails at the first input of two bytes.
const (
	good = "func FuzzGood(f *testing.F) { f.Fuzz(func(t *testing.T, b []byte) {}) }\n"
	bad  = "func FuzzBad(f *testing.F) {\n\tf.Add([]byte(\"x\"))\n\tf.Fuzz(func(t *testing.T, b []byte) {\n\t\tif len(b) == 2 {\n\t\t\tt.Fatal(\"two\")\n\t\t}\n\t})\n}\n"
)

func TestRun(t *testing.T) {
	world(t, good+bad)
	var out bytes.Buffer
	if err := run(time.Second, "Good", "total", &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if !strings.HasPrefix(out.String(), "fuzz p FuzzGood: ") {
		t.Errorf("printed %q", &out)
	}
	err := run(time.Minute, "Bad", "total", &out)
	if err == nil || !strings.Contains(err.Error(), "p FuzzBad: ") || !strings.Contains(err.Error(), "two") {
		t.Fatalf("a finding: %v", err)
	}
	if found, _ := filepath.Glob("p/testdata/fuzz/FuzzBad/*"); len(found) != 1 {
		t.Errorf("the input that fails is not kept: %v", found)
	}
	if text, _ := os.ReadFile("total"); string(text) != "1 0 0\n0 1 0\n" {
		t.Errorf("total is %q", text)
	}
}

func TestRunWithoutTargets(t *testing.T) {
	world(t, good)
	for _, only := range []string{"Nowhere", "("} {
		if err := run(time.Second, only, os.DevNull, &bytes.Buffer{}); err == nil {
			t.Errorf("%q passed", only)
		}
	}
	world(t, "func FuzzBroken(f *testing.F) { f.Fuzz(1 +) }\n")
	if err := run(time.Second, "", os.DevNull, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "build p") {
		t.Errorf("a package that cannot be built: %v", err)
	}
}

func TestFind(t *testing.T) {
	world(t, bad+good)
	targets, err := find(".", regexp.MustCompile(""))
	if err != nil || len(targets) != 2 || targets[0] != (target{"p", "FuzzBad"}) || targets[1] != (target{"p", "FuzzGood"}) {
		t.Errorf("found %v, %v", targets, err)
	}
}
