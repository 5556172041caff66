package holder

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tetherd/tetherd/lab/nstest"
)

// TestProgramThatHasAFileOpenIsNamed, this one excepted.
func TestProgramThatHasAFileOpenIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := Of("/proc", path); got != "" {
		t.Errorf("our own file is said to be held by %q", got)
	}
	want, end := nstest.Holding(t, file)
	if got := Of("/proc", "another", path); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	end()
	if got := Of("/proc", path); got != "" {
		t.Errorf("when it is gone: %q", got)
	}
}

// TestMadeUpProcesses: names are made printable, what cannot be read is passed over, and
// the search has bounds.
func TestMadeUpProcesses(t *testing.T) {
	proc := t.TempDir()
	process := func(pid, comm string, links ...string) {
		t.Helper()
		dir := filepath.Join(proc, pid, "fd")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if comm != "" {
			if err := os.WriteFile(filepath.Join(proc, pid, "comm"), []byte(comm), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for i, link := range links {
			if err := os.Symlink(link, filepath.Join(dir, fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
	}
	process("self", "no process\n", "/dev/cdc-wdm0")
	process("12", "sh\n", "/dev/null")
	process("731", "Modem\x1b[2JManager\n", "/dev/null", "/dev/cdc-wdm0")
	process("999", "", "/dev/cdc-wdm1")
	if err := os.WriteFile(filepath.Join(proc, "12/fd/9"), nil, 0o644); err != nil { // no link
		t.Fatal(err)
	}
	for link, want := range map[string]string{
		"/dev/cdc-wdm0": "Modem[2JManager (process 731)", "/dev/cdc-wdm1": "process 999", "/dev/cdc-wdm2": "",
	} {
		if got := Of(proc, link); got != want {
			t.Errorf("%s: %q, want %q", link, got, want)
		}
	}
	if got := Of(proc); got != "" {
		t.Errorf("nothing is held by %q", got)
	}
	if got := Of(filepath.Join(proc, "none"), "/dev/cdc-wdm0"); got != "" {
		t.Errorf("without processes: %q", got)
	}
}
