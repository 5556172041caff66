package doctor

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRecordedScenarios: what examinations in played scenarios were made from gives the
// same verdicts here as it gave there; the files are made by "tetherd-lab faults -record"
// and named after their scenario and its line. None holds a SIM's number.
func TestRecordedScenarios(t *testing.T) {
	paths, err := filepath.Glob("testdata/records/*.json")
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d records, %v", len(paths), err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r, told, err := Replay(text)
		name := filepath.Base(path)
		if err != nil || r.Verdict == nil || r.Verdict.Code != told {
			t.Errorf("%s: %+v, told %q, %v", name, r.Verdict, told, err)
			continue
		}
		if code := strings.ToLower(string(told)); strings.HasPrefix(name, "rc") && !strings.HasPrefix(name, code) {
			t.Errorf("%s is about %s", name, told)
		}
		if bytes.Contains(text, []byte("8949020000012345678")) || bytes.Contains(text, []byte("262010000012345")) {
			t.Errorf("%s holds the number of a SIM", name)
		}
	}
}
