package config

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// The files hold what people may write and what "uci export" made of it. Those
// without an export are refused by uci.
func TestReaderAgreesWithUCI(t *testing.T) {
	paths, _ := filepath.Glob("testdata/uci/*.txtar")
	if len(paths) < 10 {
		t.Fatalf("only %d files", len(paths))
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			sections, faults := readUCI(archive.Files[0].Data)
			if len(archive.Files) == 1 {
				if len(faults) == 0 {
					t.Errorf("accepted what uci refuses: %+v", sections)
				}
				return
			}
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			export := archive.Files[1].Data
			got := append([]byte("package tetherd\n"), writeUCI(sections)...)
			if diff := cmp.Diff(string(export), string(got)); diff != "" {
				t.Errorf("uci writes (-), we write (+):\n%s", diff)
			}
			again, faults := readUCI(export)
			if len(faults) > 0 || !bytes.Equal(writeUCI(again), writeUCI(sections)) {
				t.Errorf("what uci wrote reads as %+v, %v", again, faults)
			}
		})
	}
}

func TestReaderKeepsLines(t *testing.T) {
	got, faults := readUCI([]byte("\n# c\nconfig a 'b'\n\toption x 'one\ntwo'\n\tlist y \\\n z\nconfig d"))
	want := []section{
		{kind: "a", name: "b", line: 3, end: 3, entries: []entry{
			{name: "x", value: "one\ntwo", line: 4, end: 5},
		}},
		{kind: "d", line: 8, end: 8},
	}
	// The blank before z ends the empty value, so z is one word too many.
	wantFaults := Errors{{Line: 6, Message: "the line has too many words: quote a value that holds spaces"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(section{}, entry{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(wantFaults, faults); diff != "" {
		t.Error(diff)
	}
}

func TestReaderRefuses(t *testing.T) {
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for name, c := range map[string]struct{ text, want string }{
		"no newline at the end":      {"config a 'b", ":1: the quote opened in line 1 is never closed"},
		"quote opened below":         {"config a\noption b x\\\n\"y\n", ":2: the quote opened in line 3 is never closed"},
		"backslash at the end":       {"config a\noption b \"x\\", ":2: the quote opened in line 2 is never closed"},
		"bare semicolon":             {"config a\noption b c;option d e\n", ":2: ';' must stand in quotes"},
		"second package":             {"package a\npackage b\n", ":2: package may stand only once and before all sections"},
		"package after a section":    {"config a\npackage b\n", ":2: package may stand only once and before all sections"},
		"package without a name":     {"package ''\n", ":1: package needs a name of letters, digits, '_' and '-'"},
		"type outside ASCII":         {"config 'Ä'\n", ":1: config needs a type of printable characters"},
		"option without a name":      {"config a\noption\n", ":2: an option needs a name of letters, digits and '_'"},
		"words after an empty quote": {"config a\noption b c '' d\n", ":2: the line has too many words: quote a value that holds spaces"},
		"zero byte":                  {"config a\noption b 'c\x00d'\n", ":2: the line holds a zero byte"},
		"long line":                  {"#" + strings.Repeat("x", maxLine) + "\n", ":1: the line is longer than 4096 bytes"},
		"large file":                 {strings.Repeat("#\n", maxFile/2+1), ": the file is larger than 256 KiB"},
		"many sections":              {many(maxSections+9, "config a 's%d'\n"), ":1025: the file has more than 1024 sections"},
		"many options":               {"config a\n" + many(maxEntries+9, "list b '%d'\n"), ":258: the section has more than 256 options"},
	} {
		t.Run(name, func(t *testing.T) {
			_, faults := readUCI([]byte(c.text))
			if faults.Error() != c.want {
				t.Errorf("got %q, want %q", faults.Error(), c.want)
			}
		})
	}
}

func TestOptionsOfAFaultySectionAreNotJudged(t *testing.T) {
	sections, faults := readUCI([]byte("config a\noption b c\nconfig 'd e'\noption f g\nconfig a-b c-d\noption h i\nconfig j\n"))
	if len(faults) != 2 || faults[0].Line != 3 || faults[1].Line != 5 {
		t.Errorf("faults %v", faults)
	}
	if len(sections) != 2 || len(sections[0].entries) != 1 {
		t.Errorf("sections %+v", sections)
	}
}

func TestAtTheBounds(t *testing.T) {
	line := "#" + strings.Repeat("x", maxLine-2) + "\n"
	text := strings.Repeat(line, maxFile/maxLine)
	if _, faults := readUCI([]byte(text)); len(text) != maxFile || faults != nil {
		t.Errorf("%d bytes: %v", len(text), faults)
	}
}
