package vm

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestFiguresAreTakenFromOutput(t *testing.T) {
	f := Figures{}
	var out bytes.Buffer
	w := f.Watch(&out)
	text := "=== RUN\n    boot_test.go:34: figure first page: 5.91 s\nfigure resident: of no test\n    x.go:1: figure unheard: 1\n" +
		"    x.go:1: figure resident 7\n" + strings.Repeat("a", 5*maxLine) + " figure whole: 1\n    boot_test.go:36: figure resi" + "dent: 13756 kB\n"
	for _, part := range []string{text[:30], text[30:50], text[50:51], text[51:]} {
		if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if out.String() != text {
		t.Errorf("passed on: %q", out.String())
	}
	if len(f) != 2 || f["first page"] != "5.91 s" || f["resident"] != "13756 kB" {
		t.Errorf("%v", f)
	}
}

func TestFiguresTable(t *testing.T) {
	cache := t.TempDir()
	for _, arch := range []string{"amd64", "mipsel"} {
		if err := os.Mkdir(cache+"/"+arch, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := (Figures{"boot": "2.5s", "first page": "9 s"}).Save(cache, arch); err != nil {
			t.Fatal(err)
		}
	}
	if err := (Figures{"first page": "11 s", "kernel": "6.1"}).Save(cache, "mipsel"); err != nil {
		t.Fatal(err)
	}
	got, err := Table(cache)
	want := "machine  kernel  image  tetherd  memory  boot  first page  resident  whole\n" +
		"amd64                                    2.5s  9 s\n" +
		"mipsel   6.1                             2.5s  11 s\n"
	if got != want || err != nil {
		t.Errorf("%v\n%s", err, got)
	}
	if err := (Figures{}).Save(cache+"/nowhere", "amd64"); err == nil {
		t.Error("saved in a folder that is not there")
	}
}

func TestMiB(t *testing.T) {
	file := t.TempDir() + "/f"
	write(t, file, strings.Repeat("x", 1<<20+1<<19))
	if got, err := MiB(file); got != "1.5 MiB" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := MiB(file + "x"); err == nil {
		t.Error("a file that is not there has a size")
	}
}
