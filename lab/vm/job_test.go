package vm

import (
	"errors"
	"io/fs"
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

// TestJobDisk: files and folders land where the job expects them, as unsquashfs, a
// foreign reader, finds them.
func TestJobDisk(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/testdata/a/b.txt", "deep")
	write(t, dir+"/one", "single")
	if err := errors.Join(os.Symlink("a/b.txt", dir+"/testdata/link"), os.Chmod(dir+"/one", 0o750)); err != nil {
		t.Fatal(err)
	}
	job := Job{Dir: "/src/pkg", Args: []string{"true"}, Files: []File{
		{dir + "/testdata", "/src/pkg/testdata"}, {dir + "/one", "/bin/one"},
	}}
	disk, root := dir+"/disk", dir+"/root"
	if err := writeDisk(disk, job.fill); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("unsquashfs", "-no-progress", "-d", root, disk).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, want := range map[string]string{"src/pkg/testdata/link": "deep", "usr/bin/one": "single", "job/run": job.script()} {
		if got, err := os.ReadFile(filepath.Join(root, name)); string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, want := range map[string]fs.FileMode{"usr/bin/one": 0o750, "job/run": 0o755, "src": 0o755 | fs.ModeDir, ".": 0o755 | fs.ModeDir} {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: want %v: %v, %v", name, want, info.Mode(), err)
		}
	}
}

func TestDiskErrors(t *testing.T) {
	dir := t.TempDir()
	absent := Job{Files: []File{{dir + "/absent", "/x"}}}
	if err := writeDisk(dir+"/disk", absent.fill); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	short := func(a *archive) error { a.file("short", 0o644, 10, strings.NewReader("less")); return nil }
	if err := writeDisk(dir+"/disk", short); err == nil || !strings.Contains(err.Error(), "short") {
		t.Errorf("a file that ends too soon: %v", err)
	}
	if err := writeDisk(dir+"/nowhere/disk", Job{}.fill); err == nil {
		t.Error("a disk without a place is made")
	}
	if err := writeArchive(dir+"/nowhere/archive", Job{}.fill); err == nil {
		t.Error("an archive without a place is made")
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
