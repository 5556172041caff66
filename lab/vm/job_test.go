package vm

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestScript: a shell runs the script with every word as it was meant.
func TestScript(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "run")
	job := Job{Dir: dir, Env: []string{"WORD=it's $HOME", "EMPTY="}, Args: []string{"sh", "-c", `printf '%s|' "$PWD" "$WORD" "$EMPTY" "$@"`, "sh", "-test.run=^(A|B)$", "two words", "it's", ""}}
	write(t, script, job.script())
	out, err := exec.Command("sh", script).CombinedOutput()
	if want := dir + `|it's $HOME||-test.run=^(A|B)$|two words|it's||`; string(out) != want || err != nil {
		t.Errorf("got %q, want %q, %v", out, want, err)
	}
	write(t, script, Job{Dir: "/nowhere", Args: []string{"true"}}.script())
	if err := exec.Command("sh", script).Run(); err == nil {
		t.Error("a job without its folder runs")
	}
}

// TestJobArchive: files and folders land where the job expects them.
func TestJobArchive(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/testdata/a/b.txt", "deep")
	write(t, dir+"/one", "single")
	if err := os.Symlink("a/b.txt", dir+"/testdata/link"); err != nil {
		t.Fatal(err)
	}
	job := Job{Dir: "/src/pkg", Args: []string{"true"}, Files: []File{
		{dir + "/testdata", "/src/pkg/testdata"}, {dir + "/one", "/bin/one"},
	}}
	var b bytes.Buffer
	if err := job.writeFiles(&b); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	cmd := exec.Command("busybox", "cpio", "-id")
	cmd.Dir, cmd.Stdin = root, &b
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, want := range map[string]string{"src/pkg/testdata/link": "deep", "usr/bin/one": "single", "job/run": job.script()} {
		if got, err := os.ReadFile(filepath.Join(root, name)); string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if err := (Job{Files: []File{{dir + "/absent", "/x"}}}).writeFiles(&b); err == nil {
		t.Error("a file that is not there is no error")
	}
}

// TestTestFiles: a test binary finds what stands in its package's folder.
func TestTestFiles(t *testing.T) {
	root := t.TempDir()
	write(t, root+"/nat/rules.go", "")
	write(t, root+"/nat/testdata/x", "")
	write(t, root+"/nat/sub/y", "")
	files, dir, err := TestFiles(root, root+"/nat")
	if err != nil || dir != "/src/nat" {
		t.Fatalf("%s, %v", dir, err)
	}
	var got []string
	for _, f := range files {
		got = append(got, f.Guest)
	}
	if s := strings.Join(got, " "); s != "/src/nat/rules.go /src/nat/testdata" {
		t.Errorf("files %s", s)
	}
	if _, _, err := TestFiles(root, filepath.Dir(root)); err == nil {
		t.Error("a folder outside the module is no error")
	}
}
