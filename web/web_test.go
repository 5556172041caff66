package web

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/doctor"
)

// static are the page's files by name.
func static(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(os.DirFS("."), "static", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		out[strings.TrimPrefix(path, "static/")] = string(text)
		return err
	})
	if err != nil || len(out) < 10 {
		t.Fatalf("%d files, %v", len(out), err)
	}
	return out
}

// scripts are all modules in one text.
func scripts(t *testing.T) string {
	var b strings.Builder
	for name, text := range static(t) {
		if strings.HasSuffix(name, ".js") {
			b.WriteString(text)
		}
	}
	return b.String()
}

// get asks the page for a file with these fields of the head, two by two.
func get(name string, head ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "http://gateway/"+name, nil)
	for i := 0; i < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, r)
	return rec
}

var handler = Handler()

// TestWeight: a telephone on a slow link loads the page, all of it in 60 kB, and nearly
// nothing the next time.
func TestWeight(t *testing.T) {
	const most = 60_000
	sum := 0
	for name, text := range static(t) {
		rec := get(name, "Accept-Encoding", "gzip, deflate, br")
		sum += rec.Body.Len()
		z, err := gzip.NewReader(rec.Body)
		if err != nil || rec.Header().Get("Content-Encoding") != "gzip" {
			t.Fatalf("%s: %v, %v", name, rec.Header(), err)
		}
		if got, err := io.ReadAll(z); string(got) != text || err != nil {
			t.Errorf("%s is not what it is in static/, \"make page\" renews it; %v", name, err)
		}
		tag := rec.Header().Get("ETag")
		if rec = get(name, "Accept-Encoding", "gzip", "If-None-Match", tag); rec.Code != http.StatusNotModified || rec.Body.Len() != 0 || tag == "" {
			t.Errorf("%s again: %d, %d bytes, tag %q", name, rec.Code, rec.Body.Len(), tag)
		}
		if rec = get(name, "If-None-Match", `W/"another"`); rec.Code != http.StatusOK || rec.Body.String() != text {
			t.Errorf("%s, changed: %d, %d bytes", name, rec.Code, rec.Body.Len())
		}
	}
	_ = fs.WalkDir(files, "packed", func(path string, e fs.DirEntry, err error) error {
		name, _ := strings.CutPrefix(strings.TrimSuffix(path, ".gz"), "packed/")
		if _, ok := static(t)[name]; !ok && !e.IsDir() {
			t.Errorf("%s is packed and gone from static/, \"make page\" removes it", name)
		}
		return err
	})
	if t.Logf("%d bytes are sent", sum); sum > most {
		t.Errorf("%d bytes are sent, at most %d are meant", sum, most)
	}
}

// TestWhoUnpacks: who does not take gzip gets the text, and a cache knows why.
func TestWhoUnpacks(t *testing.T) {
	for accept, packed := range map[string]bool{
		"": false, "gzip": true, "br, GZIP": true, "gzip;q=0": false, "gzip; q=0.000": false, "gzip; q=0.5": true, "identity": false, "gzipped": false, "br;q=1, gzip ;q=1.0": true,
	} {
		rec := get("app.css", "Accept-Encoding", accept)
		if got := rec.Header().Get("Content-Encoding"); (got == "gzip") != packed || bytes.HasPrefix(rec.Body.Bytes(), []byte{0x1f, 0x8b}) != packed || rec.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %v", accept, rec.Header())
		}
	}
}

// TestNothingForeign: the page loads nothing from elsewhere, and holds no script or
// style that the policy would refuse.
func TestNothingForeign(t *testing.T) {
	foreign := regexp.MustCompile(`(?:src|href|import|url|fetch)\W{1,4}(?:https?:)?//`)
	inline := regexp.MustCompile(`<script>|<script [^>]*>[^<]|<style|\son\w+=|style="|javascript:|innerHTML|eval\(`)
	for name, text := range static(t) {
		if found := foreign.FindString(text); found != "" {
			t.Errorf("%s loads %s", name, found)
		}
		if found := inline.FindString(text); found != "" {
			t.Errorf("%s holds %s", name, found)
		}
	}
}

// words are the texts of a language.
func words(t *testing.T, name string) (map[string]string, map[string]string) {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(static(t)["lang/"+name+".json"]), &all); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	keys, server := map[string]string{}, map[string]string{}
	for k, v := range all {
		if text, ok := v.(string); ok {
			keys[k] = text
			continue
		}
		for from, to := range v.(map[string]any) {
			server[from] = to.(string)
		}
	}
	return keys, server
}

// holes are what is filled into a text.
func holes(text string) string {
	found := regexp.MustCompile(`\{\w+\}`).FindAllString(text, -1)
	slices.Sort(found)
	return strings.Join(slices.Compact(found), " ")
}

// TestLanguages: each says everything, with the same holes. Forms of a number differ.
func TestLanguages(t *testing.T) {
	form := regexp.MustCompile(`\.(one|few|many|other)$`)
	en, _ := words(t, "en")
	if all := doctor.Languages(); !slices.Equal(slices.Sorted(slices.Values(all)), Languages()) {
		t.Errorf("the page speaks %v, the doctor %v", Languages(), all)
	}
	for _, name := range doctor.Languages()[1:] {
		other, server := words(t, name)
		for k, text := range en {
			if other[k] == "" || holes(other[k]) != holes(text) {
				t.Errorf("%s: %s is %q, %q in English", name, k, other[k], text)
			}
		}
		for k := range other {
			if en[k] == "" && !form.MatchString(k) {
				t.Errorf("%s: %s is not in English", name, k)
			}
		}
		for from, to := range server {
			if holes(from) != holes(to) {
				t.Errorf("%s: %q has other holes than %q", name, to, from)
			}
		}
	}
}

// TestEveryTextIsThere: a key that a script uses is in the language files, and the other
// way round.
func TestEveryTextIsThere(t *testing.T) {
	en, _ := words(t, "en")
	code := scripts(t)
	for _, m := range regexp.MustCompile(`\bt\('([^']+)'[,)]`).FindAllStringSubmatch(code, -1) {
		if en[m[1]] == "" {
			t.Errorf("%q has no text", m[1])
		}
	}
	groups := regexp.MustCompile(`^(kind|nav|stage|state|sim|registration|outcome|scope|devices|wifi|unit|security|radio|origin|item|remedy|check)\.`)
	for k := range en {
		if !groups.MatchString(k) && !strings.Contains(code, "'"+k+"'") {
			t.Errorf("nothing says %q", k)
		}
	}
}

// TestVerbsOfThePage: every verb that the page uses is in the table, with its method.
func TestVerbsOfThePage(t *testing.T) {
	known := map[string]string{"session": "GET", "login": "POST", "logout": "POST"}
	for _, v := range api.Verbs() {
		known[v.Name] = v.Method()
	}
	used := 0
	for _, m := range regexp.MustCompile(`\b(look|tell|propose|end)\('([a-z ]+)'`).FindAllStringSubmatch(scripts(t), -1) {
		used++
		want := "POST"
		if m[1] == "look" {
			want = "GET"
		}
		if known[m[2]] != want {
			t.Errorf("%s uses %q, which is of method %q", m[1], m[2], known[m[2]])
		}
	}
	if used < 15 {
		t.Errorf("only %d uses were found", used)
	}
}

// TestHandler: files have their types, and nothing else is there.
func TestHandler(t *testing.T) {
	for path, want := range map[string]string{
		"/": "text/html", "/app.js": "text/javascript", "/app.css": "text/css", "/lang/ru.json": "application/json", "/icon.svg": "image/svg+xml",
		"/lang/":     "application/json",
		"/../web.go": "", "/nothing": "", "/lang/de.json": "", "/packed/": "",
	} {
		rec := get(strings.TrimPrefix(path, "/"))
		if (rec.Code == http.StatusOK) != (want != "") || want != "" && !strings.HasPrefix(rec.Header().Get("Content-Type"), want) {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Header().Get("Content-Type"))
		}
	}
}
