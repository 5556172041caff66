package nstest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// deed is what the binary is to do when a test executes it as go test would. Only
// then does it move, so that the verdicts on Main do not pass through it.
const deed = "NSTEST_DEED"

func TestMain(m *testing.M) {
	if os.Getenv(deed) != "" {
		Main(m)
	}
	os.Exit(m.Run())
}

// outer is this binary, not yet in namespaces, bound to one deed.
func outer(t *testing.T, what string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), deed+"="+what)
	return cmd
}

func TestDeed(t *testing.T) {
	switch os.Getenv(deed) {
	case "look":
		lookAround(t)
	case "fail":
		t.Error("asked to fail")
	case "exit":
		os.Exit(7)
	case "panic":
		panic("asked to")
	case "wait":
		fmt.Println("waiting")
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
}

// lookAround checks that who started the binary shares neither network nor mounts.
func lookAround(t *testing.T) {
	for _, kind := range []string{"net", "mnt"} {
		own, err := os.Readlink("/proc/self/ns/" + kind)
		if err != nil {
			t.Fatal(err)
		}
		parent, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", os.Getppid(), kind))
		if err != nil || own == parent {
			t.Fatalf("it shares %s with who started it, %v", own, err)
		}
	}
	if got := names(t); got != "lo" {
		t.Errorf("interfaces %s", got)
	}
	dir := t.TempDir()
	Run(t, "ping -q -c1 -w10 127.0.0.1", "mount -t tmpfs tmpfs "+dir)
	defer Run(t, "umount "+dir)
	seen, err := os.ReadFile(fmt.Sprintf("/proc/%d/mounts", os.Getppid()))
	if err != nil || strings.Contains(string(seen), dir) {
		t.Errorf("a mount is seen from outside, %v", err)
	}
}

func TestTheWholeBinaryIsInside(t *testing.T) {
	if out, err := outer(t, "look", "-test.run=^TestDeed$").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTheExitCodeIsPassedOn(t *testing.T) {
	for what, want := range map[string]int{"pass": 0, "fail": 1, "panic": 2, "exit": 7} {
		cmd := outer(t, what, "-test.run=^TestDeed$", "-test.v")
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if got := cmd.ProcessState.ExitCode(); got != want || !strings.Contains(string(out), "=== RUN   TestDeed") {
			t.Errorf("%s: exit code %d, want %d\n%s", what, got, want, out)
		}
	}
}

func TestTheTestsDieWithWhoStartedThem(t *testing.T) {
	cmd := outer(t, "wait", "-test.run=^TestDeed$")
	never, in, err := os.Pipe() // what the tests wait for
	if err != nil {
		t.Fatal(err)
	}
	defer never.Close()
	defer in.Close()
	cmd.Stdin = never
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stdout = w
	if err := errors.Join(cmd.Start(), w.Close(), r.SetReadDeadline(time.Now().Add(10*time.Second))); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(r)
	if line, err := said.ReadString('\n'); line != "waiting\n" {
		t.Errorf("said %q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if rest, err := io.ReadAll(said); err != nil { // it ends when nobody can write any more
		t.Errorf("the tests live on: %q, %v", rest, err)
	}
}

// FuzzWhereItRuns is executed by TestFuzzWorkersAreInside.
func FuzzWhereItRuns(f *testing.F) {
	f.Add(1)
	f.Fuzz(func(t *testing.T, _ int) {
		notes := os.Getenv(deed)
		if notes == "" {
			return
		}
		if got := names(t); got != "lo" {
			t.Errorf("interfaces %s", got)
		}
		if err := os.WriteFile(filepath.Join(notes, fmt.Sprint(os.Getpid())), nil, 0o600); err != nil {
			t.Error(err)
		}
	})
}

func TestFuzzWorkersAreInside(t *testing.T) {
	dir := t.TempDir()
	out, err := outer(t, dir, "-test.run=^$", "-test.fuzz=^FuzzWhereItRuns$", "-test.fuzztime=10x", "-test.parallel=2",
		"-test.fuzzcachedir="+t.TempDir()).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("%v\n%s", err, out)
	}
	if notes, err := os.ReadDir(dir); err != nil || len(notes) == 0 {
		t.Errorf("no worker was at work, %v", err)
	}
}

func TestATestIsAlone(t *testing.T) {
	if !Alone(t) {
		return
	}
	if os.Getpid() != 1 || names(t) != "lo" {
		t.Errorf("process %d among %s", os.Getpid(), names(t))
	}
	if self, err := os.Readlink("/proc/self"); err != nil || self != "1" {
		t.Errorf("/proc is of other processes: self is %q, %v", self, err)
	}
	Run(t, "ping -q -c1 -w10 127.0.0.1")
}

// TestAloneByRequest is executed by TestTheVerdictOfATestAloneCounts.
func TestAloneByRequest(t *testing.T) {
	if what := os.Getenv(deed); what == "" || !Alone(t) {
		return
	}
	TestDeed(t)
}

func TestTheVerdictOfATestAloneCounts(t *testing.T) {
	for what, want := range map[string]bool{"pass": true, "fail": false, "exit": false} {
		out, err := outer(t, what, "-test.run=^TestAloneByRequest$").CombinedOutput()
		if (err == nil) != want {
			t.Errorf("%s: %v\n%s", what, err, out)
		}
		if what == "fail" && !strings.Contains(string(out), "asked to fail") {
			t.Errorf("not told why:\n%s", out)
		}
	}
}
