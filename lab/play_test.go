package lab

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// program builds tetherd once for all scenarios.
func program(t *testing.T) string {
	t.Helper()
	return built(t, "tetherd")
}

// built is the path of a program of cmd, built for the test.
func built(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	out, err := exec.Command("go", "build", "-o", path, "../cmd/"+name).CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// layOut lays the world of a scenario out for as long as the test lasts. Its story is not
// played, and tetherd not started.
func layOut(t *testing.T, tetherd, scenario string) *World {
	t.Helper()
	s, err := ParseScenario([]byte(scenario))
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWorld(t.Context(), s, tetherd, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(w.tail())
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// TestScenarios plays every file in scenarios, each in namespaces of its own.
func TestScenarios(t *testing.T) {
	paths, err := filepath.Glob("scenarios/*.txtar")
	if err != nil || len(paths) < 14 {
		t.Fatalf("%d scenarios, %v", len(paths), err)
	}
	tetherd := program(t)
	t.Run("play", func(t *testing.T) {
		for _, path := range paths {
			t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
				t.Parallel()
				s, err := ReadScenario(path)
				if err != nil {
					t.Fatal(err)
				}
				var out bytes.Buffer
				begun := time.Now()
				if err := Play(t.Context(), s, tetherd, false, &out); err != nil {
					t.Fatalf("%s\n%s%v", s.Title, &out, err)
				}
				t.Logf("%s: %v", s.Title, time.Since(begun).Round(time.Millisecond))
			})
		}
	})
}

// TestRunOnce: the lab that a person starts ends by itself and leaves no folder.
func TestRunOnce(t *testing.T) {
	t.Parallel()
	place := t.TempDir()
	ctx, stop := context.WithTimeout(t.Context(), 4*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, built(t, "tetherd-lab"), "run", "-once", "-tetherd", program(t))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it cleans up
	cmd.WaitDelay = 30 * time.Second
	cmd.Env = append(os.Environ(), "TMPDIR="+place)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"modem", "sim", "network", "access-point", "address", "firewall", "client lease", "client page", "client online in"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no line %q in\n%s", want, out)
		}
	}
	left, err := os.ReadDir(place)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
