package tetherd_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/api"
)

// TestEveryVerbIsDocumented walks the table of doc/api.md: each verb stands there with
// its kind, scope and ways in, or with why there is none; and what it says of the page is
// what the page does.
func TestEveryVerbIsDocumented(t *testing.T) {
	text, err := os.ReadFile("doc/api.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(strings.Trim(line, "|\n "), " | "); strings.HasPrefix(line, "| `") {
			rows[strings.Trim(cells[0], "` ")] = cells
		}
	}
	page := pageScripts(t)
	for _, v := range api.Verbs() {
		row := rows[v.Name]
		if len(row) != 7 {
			t.Errorf("%s: no row, or one of %d cells", v.Name, len(row))
			continue
		}
		bus, shell := "`"+v.UBus()+"`", "`tetherd "+v.Name+"`"
		if v.Kind == api.Stream {
			bus, shell = "signals", "`tetherd status --follow`"
		}
		for i, want := range []string{"`" + v.Name + "`", string(v.Kind), string(v.Scope), "`" + v.Method() + " " + v.Path() + "`", bus, shell} {
			if row[i] != want {
				t.Errorf("%s: %s is documented, %s is true", v.Name, row[i], want)
			}
		}
		uses := strings.Contains(page, "'"+v.Name+"'") || strings.Contains(page, v.Path()+"'")
		if says := row[6] == "yes"; says != uses || row[6] == "" {
			t.Errorf("%s: the page uses it: %v, documented: %s", v.Name, uses, row[6])
		}
		delete(rows, v.Name)
	}
	for name := range rows {
		t.Errorf("%s is documented and no verb", name)
	}
}

// pageScripts are the scripts of the page, without imports and texts.
func pageScripts(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir("web/static", func(path string, e fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".js" {
			return err
		}
		text, err := os.ReadFile(path)
		b.Write(regexp.MustCompile(`\bt\('[^']*'|addEventListener\('\w+'|from '[^']*'|role: '\w+'|(?:link|show)\('\w+'`).ReplaceAll(text, nil))
		return err
	})
	if err != nil || b.Len() < 10000 {
		t.Fatalf("%d bytes, %v", b.Len(), err)
	}
	return b.String()
}
