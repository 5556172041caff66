package doctor

import (
	"embed"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

//go:embed text/*.txt
var texts embed.FS

// Languages are the languages that a finding can be told in, each a file in text/. English
// is the first, for want of another.
func Languages() []string {
	out := []string{"en"}
	list, _ := texts.ReadDir("text") // embedded, so it can be read
	for _, e := range list {
		if name := strings.TrimSuffix(e.Name(), ".txt"); name != out[0] {
			out = append(out, name)
		}
	}
	return out
}

// Sentence tells a finding to a person: what is wrong, since when, what is done about
// it, what the person can do. An unknown language is English.
func Sentence(lang string, f Finding) string {
	if !slices.Contains(Languages(), lang) {
		lang = Languages()[0]
	}
	what := What(lang, f)
	s := phrase(lang, string(f.Severity), []Value{
		{"what", what}, {"What", capital(what)}, {"since", f.Since.UTC().Format("15:04") + " UTC"},
	})
	if f.Remedy != nil {
		s = join(s, phrase(lang, string(f.Remedy.State)+"."+string(f.Remedy.Kind), f.Args))
	}
	if f.Advice {
		s = join(s, phrase(lang, string(f.Code)+variant(f)+".advice", f.Args, string(f.Code)+".advice"))
	}
	return s
}

// What tells what is wrong, as a clause.
func What(lang string, f Finding) string {
	return phrase(lang, string(f.Code)+variant(f), f.Args, string(f.Code))
}

// Past tells of an episode, as a clause.
func Past(lang string, ep Episode) string {
	return What(lang, Finding{Code: ep.Code, Variant: ep.Variant, Args: ep.Args})
}

// Duration is how long an episode was, in whole seconds and at least one.
func (ep Episode) Duration() time.Duration {
	return max(ep.To.Sub(ep.From).Round(time.Second), time.Second)
}

func variant(f Finding) string {
	if f.Variant == "" {
		return ""
	}
	return "." + f.Variant
}

// capital makes the first letter a capital.
func capital(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[size:]
}

func join(a, b string) string {
	if b == "" {
		return a
	}
	return a + " " + b
}

// Phrase is one of the texts that are not of a finding, such as those of the page for
// clients, with words put into their places; "" when there is none of that key. An
// unknown language is English.
func Phrase(lang, key string, args []Value) string {
	if !slices.Contains(Languages(), lang) {
		lang = Languages()[0]
	}
	return phrase(lang, key, args)
}

// phrase finds a key in a language's file, or the other key, and fills in the words.
func phrase(lang, key string, args []Value, other ...string) string {
	text, err := texts.ReadFile("text/" + lang + ".txt")
	if err != nil {
		return ""
	}
	for _, k := range append([]string{key}, other...) {
		if line, ok := find(string(text), k); ok {
			return fill(string(text), line, args)
		}
	}
	return ""
}

// find looks up "key: text".
func find(text, key string) (string, bool) {
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(line, ": "); ok && k == key {
			return strings.TrimRight(v, "\n"), true
		}
	}
	return "", false
}

// fill puts words into their places, which stand in braces. A clause that the language's
// file has, under its English words in quotes, is put there in that language.
func fill(text, line string, args []Value) string {
	for _, a := range args {
		value := a.Value
		if own, ok := find(text, `"`+value+`"`); ok {
			value = own
		}
		line = strings.ReplaceAll(line, "{"+a.Name+"}", value)
	}
	return line
}
