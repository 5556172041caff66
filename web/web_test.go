package web

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/api"
)

// static are the page's files by name.
func static(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(files, "static", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
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

// TestWeight: a telephone on a slow link loads the page, all of it under 120 kB.
func TestWeight(t *testing.T) {
	const most = 120_000
	var b bytes.Buffer
	for _, text := range static(t) {
		z := gzip.NewWriter(&b)
		if _, err := z.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if t.Logf("%d bytes compressed", b.Len()); b.Len() > most {
		t.Errorf("%d bytes compressed, at most %d are meant", b.Len(), most)
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
	for _, name := range []string{"ru"} {
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

// said is what the page makes of a sentence of the gateway: the first pattern that fits,
// and what varies in it likewise.
func said(patterns []pattern, text string) string {
	for _, p := range patterns {
		if found := p.from.FindStringSubmatch(text); found != nil {
			return regexp.MustCompile(`\{\d\}`).ReplaceAllStringFunc(p.to, func(hole string) string { return said(patterns, found[hole[1]-'0']) })
		}
	}
	if parts := strings.Split(text, "; "); len(parts) > 1 {
		for i := range parts {
			parts[i] = said(patterns, parts[i])
		}
		return strings.Join(parts, "; ")
	}
	return text
}

type pattern struct {
	from *regexp.Regexp
	to   string
}

// patternsOf reads the sentences of a language in their order.
func patternsOf(t *testing.T, name string) (all []pattern) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(static(t)["lang/"+name+".json"]))
	inside, from := 0, ""
	for {
		token, err := dec.Token()
		if err != nil {
			return all
		}
		text, _ := token.(string)
		switch {
		case token == json.Delim('{'):
			inside++
		case inside < 2 || text == "":
		case from == "":
			from = text
		default:
			expr := regexp.MustCompile(`\\\{\d\\\}`).ReplaceAllString(regexp.QuoteMeta(from), "(.+?)")
			all, from = append(all, pattern{regexp.MustCompile("^" + expr + "$"), text}), ""
		}
	}
}

// TestGatewaySpeaks: what the gateway says in every state that the goldens of api show is
// said in each language. Names, what stands in quotes or brackets and what a kernel says
// stay as they are.
func TestGatewaySpeaks(t *testing.T) {
	russian := patternsOf(t, "ru")
	quoted := regexp.MustCompile(`\([^()]*\)|'[^']*'|https?://\S+`)
	english := regexp.MustCompile(`[a-z]+ [a-z]+ [a-z]+`)
	states, err := filepath.Glob("../api/testdata/*.json")
	if err != nil || len(states) < 20 {
		t.Fatalf("%d states, %v", len(states), err)
	}
	for _, path := range states {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var d api.Document
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, s := range sentences(d) {
			if got := quoted.ReplaceAllString(said(russian, s), ""); english.MatchString(got) {
				t.Errorf("%s: %q becomes %q", filepath.Base(path), s, got)
			}
		}
	}
}

// sentences are what a state says to people, but for what the doctor says in several
// languages itself and what a kernel says.
func sentences(d api.Document) (all []string) {
	for _, st := range d.Stages {
		all = append(all, st.Text)
	}
	for _, try := range d.APN.Story {
		all = append(all, try.Note)
	}
	for _, c := range d.Clients {
		all = append(all, c.Refused)
	}
	all = append(all, d.Sentence, d.APN.Why)
	for _, f := range d.Doctor.Findings {
		all = slices.DeleteFunc(all, func(s string) bool { return s == f.Clause || strings.HasSuffix(s, f.Sentence) })
	}
	return slices.DeleteFunc(all, func(s string) bool {
		return strings.Contains(s, "operation not permitted") || strings.Contains(s, "not supported")
	})
}

// TestTrialsSpeak: why a change was kept or undone is said in each language.
func TestTrialsSpeak(t *testing.T) {
	source, err := os.ReadFile("../control/trial.go")
	if err != nil {
		t.Fatal(err)
	}
	russian, n := patternsOf(t, "ru"), 0
	for _, m := range regexp.MustCompile(`(?:keep, |undo, |undo\(|keep\(|close\(\w+, |o\.Why = true, |Why: )"([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
		n++
		if s := strings.TrimSuffix(m[1], ": "); said(russian, s) == s && said(russian, m[1]+"x") == m[1]+"x" {
			t.Errorf("%q is not said in Russian", s)
		}
	}
	if n < 9 {
		t.Errorf("only %d reasons were found", n)
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
	groups := regexp.MustCompile(`^(nav|stage|state|sim|registration|outcome|scope|interrupt|devices|wifi|unit|security|radio|origin|item|remedy|check)\.`)
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
		"/../web.go": "", "/nothing": "", "/lang/": "",
	} {
		rec := httptest.NewRecorder()
		Handler().ServeHTTP(rec, httptest.NewRequest("GET", "http://gateway"+path, nil))
		if (rec.Code == http.StatusOK) != (want != "") || want != "" && !strings.HasPrefix(rec.Header().Get("Content-Type"), want) {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Header().Get("Content-Type"))
		}
	}
}
