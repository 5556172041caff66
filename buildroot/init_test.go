package buildroot

import (
	"bufio"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program stands in for tetherd: it says when it starts and as what process, which
// signal it gets, and ends with it.
const program = `#!/bin/sh
trap 'echo reloaded >>"$FIFO"' HUP
trap 'echo ended >>"$FIFO"; exit 0' TERM
echo $$ >>"$FIFO"
while :; do sleep 100 & wait "$!"; kill "$!"; done
`

// script is the init script in a place of the test's own: the folders are the test's.
func script(t *testing.T) (path string, said *bufio.Reader) {
	t.Helper()
	dir := t.TempDir()
	text := strings.NewReplacer("/usr/bin/$DAEMON", filepath.Join(dir, "tetherd"), "/var/run/", dir+"/").Replace(read(t, "package/tetherd/S80tetherd"))
	path, fifo := filepath.Join(dir, "S80tetherd"), filepath.Join(dir, "fifo")
	for name, text := range map[string]string{path: text, filepath.Join(dir, "tetherd"): program} {
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("FIFO", fifo)
	// Whoever started the test may ignore this signal, which a shell cannot undo; a
	// process that listens to it hands on the default.
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(heard) })
	t.Cleanup(func() { _ = exec.Command("busybox", "ash", path, "stop").Run() }) // it ended already when all went well
	f, err := os.OpenFile(fifo, os.O_RDWR, 0)                                    // so that it never ends
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.SetReadDeadline(time.Now().Add(3 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	return path, bufio.NewReader(f)
}

// run runs the script in busybox ash.
func run(t *testing.T, path, verb string) string {
	t.Helper()
	out, err := exec.Command("busybox", "ash", path, verb).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", verb, err, out)
	}
	return string(out)
}

func expect(t *testing.T, said *bufio.Reader, want string) {
	t.Helper()
	if line, err := said.ReadString('\n'); line != want+"\n" {
		t.Fatalf("it %q, want %s, %v", line, want, err)
	}
}

// started waits until the program was started and returns its process.
func started(t *testing.T, said *bufio.Reader) int {
	t.Helper()
	line, err := said.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || pid < 2 {
		t.Fatalf("process %q", line)
	}
	return pid
}

// TestInitScript: the program is started, told to read its configuration, started again
// when it is killed, and ended with everything around it.
func TestInitScript(t *testing.T) {
	path, said := script(t)
	if out := run(t, path, "start"); !strings.Contains(out, "OK") {
		t.Fatal(out)
	}
	first := started(t, said)
	run(t, path, "reload")
	expect(t, said, "reloaded")
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	second := started(t, said)
	if out := run(t, path, "stop"); !strings.Contains(out, "OK") {
		t.Fatal(out)
	}
	expect(t, said, "ended")
	if err := syscall.Kill(second, 0); err == nil {
		t.Error("the program goes on")
	}
	if out, err := exec.Command("busybox", "ash", path, "stop").CombinedOutput(); err == nil {
		t.Errorf("ending it twice: %s", out)
	}
}
