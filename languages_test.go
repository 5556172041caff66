package tetherd_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/api"
)

// languageFile is where the page's words of a language are.
func languageFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("web/static/lang/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
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
	dec := json.NewDecoder(strings.NewReader(languageFile(t, name)))
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

// english says that a text is English still. Names and what stands in quotes stay as they
// are.
func english(text string) bool {
	text = regexp.MustCompile(`'[^']*'|https?://\S+`).ReplaceAllString(text, "")
	return regexp.MustCompile(`[a-z]{2,} [a-z]+ [a-z]+`).MatchString(text)
}

// TestGatewaySpeaks: what the gateway says in every state that the goldens of api show is
// said in each language, but for what a kernel says.
func TestGatewaySpeaks(t *testing.T) {
	russian := patternsOf(t, "ru")
	states, err := filepath.Glob("api/testdata/*.json")
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
			if got := said(russian, s); english(got) {
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
	for _, r := range d.WiFi.Radios {
		all = append(append(all, r.Why...), r.Refused, r.Error)
	}
	all = append(append(all, d.Problems...), d.Sentence, d.APN.Why)
	for _, f := range d.Doctor.Findings {
		all = slices.DeleteFunc(all, func(s string) bool { return s == f.Clause || strings.HasSuffix(s, f.Sentence) })
	}
	return slices.DeleteFunc(all, func(s string) bool {
		return regexp.MustCompile(`operation not permitted|not supported|address in use`).MatchString(s)
	})
}

// TestTrialsSpeak: why a change was kept or undone is said in each language.
func TestTrialsSpeak(t *testing.T) {
	source, err := os.ReadFile("control/trial.go")
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
	for _, why := range []string{`network "Home": the radio cannot protect management frames, which WPA3 needs`, "no channel may transmit in DE"} {
		if got := said(russian, "it could not be carried out: radio wlan0: "+why); english(got) {
			t.Errorf("%q is not said in Russian: %q", why, got)
		}
	}
}

// parsed are the files of a package, without its tests.
func parsed(t *testing.T, dir string) (*token.FileSet, []*ast.File) {
	t.Helper()
	set, all := token.NewFileSet(), []*ast.File{}
	paths, err := filepath.Glob(dir + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, file)
	}
	return set, all
}

// spelt is a text as the source spells it, with a 7 for all that varies.
func spelt(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(x.Value)
		return text
	case *ast.BinaryExpr:
		return spelt(x.X) + spelt(x.Y)
	case *ast.CallExpr:
		if name := named(x.Fun); slices.Contains([]string{"Sprintf", "Errorf", "New"}, name) && len(x.Args) > 0 {
			return regexp.MustCompile(`%[-+#0-9.]*[a-zA-Z]`).ReplaceAllString(strings.ReplaceAll(spelt(x.Args[0]), "%%", "%"), "7")
		}
	}
	return "7"
}

// named is the last word of what is called or set.
func named(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	}
	return ""
}

// speech is where a package says something to people: by what it calls, sets and lists.
type speech struct {
	dir   string
	calls []string // whose last text is one
	sets  []string // fields of a literal
	lists []string // types whose literals have a text in them
	gives []string // functions that return one
}

// speeches are all that a person can come to see on the page, but for what stands in the
// goldens of api, and for what the doctor says, which has its own texts.
func speeches() []speech {
	return []speech{
		{dir: "api", calls: []string{"invalid"}, sets: []string{"Message"}, lists: []string{"Stage"}, gives: []string{"judge", "read", "readList", "sentence", "radioText"}},
		{dir: "config", calls: []string{"complain", "fault", "text", "Errorf", "New"}},
		{dir: "control", sets: []string{"Why"}, gives: []string{"judge"}},
		{dir: "plan", sets: []string{"Why"}},
		{dir: "provision", calls: []string{"settle", "mark", "tell", "refused"}, gives: []string{"SessionCause", "MobilityCause", "describe"}},
		{dir: "provision/document", calls: []string{"refuse", "amend", "fail", "Errorf", "New"}, sets: []string{"note", "Why"}, lists: []string{"fault"}},
		{dir: "hostapd", lists: []string{"cause"}, gives: []string{"secure", "Fit"}},
		{dir: "doctor", lists: []string{"Value"}},
	}
}

// heard are the texts that a package says, by where they stand.
func (s speech) heard(t *testing.T) map[string]string {
	out := map[string]string{}
	set, files := parsed(t, s.dir)
	say := func(e ast.Expr) {
		if text := spelt(e); regexp.MustCompile(`[a-z]{2,} [a-z0-9]`).MatchString(text) {
			out[text] = set.Position(e.Pos()).String()
		}
	}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.CallExpr:
				if slices.Contains(s.calls, named(x.Fun)) && len(x.Args) > 0 {
					if named(x.Fun) == "Errorf" {
						say(x)
					} else {
						say(x.Args[len(x.Args)-1])
					}
				}
			case *ast.KeyValueExpr:
				if slices.Contains(s.sets, named(x.Key)) {
					say(x.Value)
				}
			case *ast.CompositeLit:
				if slices.Contains(s.lists, named(x.Type)) {
					for _, e := range x.Elts {
						say(e)
					}
				}
			case *ast.FuncDecl:
				if slices.Contains(s.gives, x.Name.Name) {
					ast.Inspect(x, func(n ast.Node) bool {
						if r, ok := n.(*ast.ReturnStmt); ok {
							for _, e := range r.Results {
								say(e)
							}
						}
						return true
					})
				}
			}
			return true
		})
	}
	return out
}

// TestGatewaySpeaksAlways: what the source can say to a person is said in each language.
func TestGatewaySpeaksAlways(t *testing.T) {
	russian, n := patternsOf(t, "ru"), 0
	for _, s := range speeches() {
		all := s.heard(t)
		if len(all) == 0 {
			t.Errorf("%s says nothing", s.dir)
		}
		for text, where := range all {
			n++
			whole := regexp.MustCompile(`([a-zA-Z])7$`).ReplaceAllString(text, "$1") // what may follow may be nothing
			if got := said(russian, whole); got == whole || english(got) {
				t.Errorf("%s: %q becomes %q", where, text, got)
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d sentences were found", n)
	}
}

// TestWordsAreThere: each value of these types that a person comes to see has a word in the
// language files.
func TestWordsAreThere(t *testing.T) {
	var words map[string]any
	if err := json.Unmarshal([]byte(languageFile(t, "en")), &words); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ dir, kind, group string }{
		{"api", "StageState", "state"}, {"api", "Scope", "scope"}, {"modem", "SIMState", "sim"}, {"provision", "Outcome", "outcome"},
		{"provision/document", "State", "item"}, {"hostapd", "State", "radio"}, {"wpa", "Security", "security"},
		{"doctor", "Kind", "remedy"}, {"doctor", "State", "check.state"},
	} {
		_, files := parsed(t, c.dir)
		n := 0
		for _, value := range values(files, c.kind) {
			if n++; value != "" && value != "public" && words[c.group+"."+value] == nil {
				t.Errorf("%s of %s has no text %s.%s", c.kind, c.dir, c.group, value)
			}
		}
		if n == 0 {
			t.Errorf("%s has no %s", c.dir, c.kind)
		}
	}
}

// values are the texts of the constants of a type.
func values(files []*ast.File, kind string) (all []string) {
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && named(v.Type) == kind {
				for _, e := range v.Values {
					all = append(all, spelt(e))
				}
			}
			return true
		})
	}
	return all
}
