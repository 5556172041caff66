package vm

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// entryText writes an entry by hand: "new ASCII" form, thirteen fields of eight hex
// digits behind the magic number, name and content each padded to four bytes.
func entryText(ino, mode, size int, name, content string) string {
	pad := func(s string) string { return s + strings.Repeat("\x00", (4-len(s)%4)%4) }
	fields := []int{ino, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name) + 1, 0}
	head := "070701"
	for _, f := range fields {
		head += fmt.Sprintf("%08X", f)
	}
	return pad(head+name+"\x00") + pad(content)
}

func TestArchiveBytes(t *testing.T) {
	var got bytes.Buffer
	a := newArchive(&cpio{w: &got})
	a.file("usr/bin/x", 0o755, 5, strings.NewReader("hello"))
	a.link("bin", "usr/bin")
	a.folder("usr/bin") // is there already
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	want := entryText(1, 0o040755, 0, "usr", "") + entryText(2, 0o040755, 0, "usr/bin", "") +
		entryText(3, 0o100755, 5, "usr/bin/x", "hello") + entryText(4, 0o120777, 7, "bin", "usr/bin") +
		entryText(5, 0, 0, "TRAILER!!!", "")
	if got.String() != want {
		t.Errorf("got\n%q\nwant\n%q", got.String(), want)
	}
	if got.Len()%4 != 0 {
		t.Errorf("%d bytes: a second archive would not be found", got.Len())
	}
}

// TestArchiveUnpacks: busybox, a foreign reader, unpacks two archives in a row, as the
// kernel does.
func TestArchiveUnpacks(t *testing.T) {
	for _, name := range []string{"first", "second"} {
		var b bytes.Buffer
		a := newArchive(&cpio{w: &b})
		a.text("folder/"+name, 0o640, "I am the "+name+"\n")
		a.link(name+"-link", "folder/"+name)
		if err := a.close(); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		cmd := exec.Command("busybox", "cpio", "-idm")
		cmd.Dir, cmd.Stdin = dir, &b
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		text, err := os.ReadFile(dir + "/" + name + "-link")
		if string(text) != "I am the "+name+"\n" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
		if info, err := os.Stat(dir + "/folder/" + name); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%v, %v", info, err)
		}
	}
}

func TestArchiveErrorsStick(t *testing.T) {
	a := newArchive(&cpio{w: &bytes.Buffer{}})
	a.file("short", 0o644, 10, strings.NewReader("less"))
	a.link("later", "x")
	if err := a.close(); err == nil || !strings.Contains(err.Error(), "short") {
		t.Errorf("a file that ends too soon: %v", err)
	}
	a = newArchive(&cpio{w: &bytes.Buffer{}})
	a.file("huge", 0o644, 1<<32, nil)
	if err := a.close(); err == nil || !strings.Contains(err.Error(), "huge") {
		t.Errorf("a file that is too large: %v", err)
	}
	full := errors.New("disk full")
	a = newArchive(&cpio{w: failing{full}})
	a.folder("x")
	if err := a.close(); !errors.Is(err, full) {
		t.Errorf("a full disk: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
