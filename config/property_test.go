package config

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

// However a file is cut off or a line of it is lost, it parses or every fault lies
// inside it.
func TestTornFiles(t *testing.T) {
	judge := func(what string, text string) {
		c, err := Parse("f", []byte(text))
		if (c == nil) != (err != nil) {
			t.Fatalf("%s: %v, %v", what, c, err)
		}
		if err == nil {
			return
		}
		for _, e := range err.(Errors) {
			if e.Line < 0 || e.Line > strings.Count(text, "\n")+1 || e.Message == "" || e.File != "f" {
				t.Fatalf("%s: %+v", what, e)
			}
		}
	}
	for i := range len(fullText) {
		judge(fmt.Sprintf("cut at %d", i), fullText[:i])
	}
	lines := strings.SplitAfter(fullText, "\n")
	for i := range lines {
		judge(fmt.Sprintf("without line %d", i+1), strings.Join(slices.Delete(slices.Clone(lines), i, i+1), ""))
	}
}

// A fault is told with the line it is in, wherever that is and whatever stands
// before it.
func TestFaultsKnowTheirLine(t *testing.T) {
	lines := strings.SplitAfter(string(full().UCI()), "\n")
	for i, line := range lines {
		// Inside the value of two lines an insertion would be part of it.
		if !strings.HasPrefix(line, "\toption ") && !strings.HasPrefix(line, "config ") {
			continue
		}
		wrong := slices.Insert(slices.Clone(lines), i+1, "\toption wrong 'x'\n")
		if strings.Count(line, "'")%2 == 1 || strings.Contains(line, "body") {
			continue
		}
		_, err := Parse("f", []byte(strings.Join(wrong, "")))
		if err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("f:%d: section '", i+2)) ||
			!strings.Contains(err.Error(), " option 'wrong': unknown option") || strings.Contains(err.Error(), "\n") {
			t.Errorf("line %d: %v", i+2, err)
		}
	}
}

func TestLineEndsDoNotMatter(t *testing.T) {
	text := string(Default().UCI())
	text = text[:strings.Index(text, "config target")] // a body keeps its line ends
	for name, end := range map[string]string{"CR LF": "\r\n", "space": " \n", "tab and comment": "\t# c\n", "empty lines": "\n\n \n"} {
		got := mustParse(t, strings.ReplaceAll(text, "\n", end))
		if d := diff(Default(), got); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}

// Each style of quoting says the same.
func TestQuotesDoNotMatter(t *testing.T) {
	bare := func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			if !isName(s[i]) && s[i] != '\n' && s[i] < 0x80 {
				b.WriteByte('\\')
			}
			if s[i] == '\n' { // a backslash would join the lines
				b.WriteString("'\n'")
			} else {
				b.WriteByte(s[i])
			}
		}
		return b.String()
	}
	styles := map[string]func(string) string{
		"double":   func(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` },
		"bare":     bare,
		"by piece": func(s string) string { return bare(s[:1]) + string(quote(nil, s[1:])) + `""` },
	}
	for seed := range uint64(20) {
		want := random(rand.New(rand.NewPCG(seed, 2)))
		sections, _ := readUCI(want.UCI())
		for name, style := range styles {
			var b strings.Builder
			for _, s := range sections {
				fmt.Fprintf(&b, "config %s %s\n", style(s.kind), s.name)
				for _, e := range s.entries {
					word := map[bool]string{true: "list", false: "option"}[e.list]
					fmt.Fprintf(&b, "  %s\t%s %s\n", word, style(e.name), style(e.value))
				}
			}
			if d := diff(want, mustParse(t, b.String())); d != "" {
				t.Fatalf("%s, seed %d:\n%s\n%s", name, seed, d, b.String())
			}
		}
	}
}

// Only the order among sections of one type matters.
func TestOrderOfTypesDoesNotMatter(t *testing.T) {
	want := full()
	sections, _ := readUCI(want.UCI())
	r := rand.New(rand.NewPCG(3, 3))
	for range 50 {
		types := r.Perm(len(kinds()))
		rank := map[string]int{}
		for i, k := range kinds() {
			rank[k.kind] = types[i]
		}
		slices.SortStableFunc(sections, func(a, b section) int { return rank[a.kind] - rank[b.kind] })
		if d := diff(want, mustParse(t, string(writeUCI(sections)))); d != "" {
			t.Fatal(d)
		}
	}
}

// Every option and section type with one slip of the finger is still understood.
func TestSlipsAreGuessed(t *testing.T) {
	slips := func(word string) []string {
		i := len(word) / 2
		return []string{
			word[:i] + word[i+1:],
			word[:i] + word[i:i+1] + word[i:],
			word[:i] + "z" + word[i+1:],
			word[:i-1] + word[i:i+1] + word[i-1:i] + word[i+1:],
			strings.ToUpper(word),
		}
	}
	for _, k := range kinds() {
		c := Default()
		k.grow(c)
		known := names(k.fields(c, 0))
		for _, word := range known {
			for _, slip := range slips(word) {
				if slip == word || len(word) < 3 {
					continue
				}
				if got := guess(slip, known); got != ", did you mean '"+word+"'?" {
					t.Errorf("%s in %s: %s", slip, k.kind, got)
				}
			}
		}
	}
}

func TestParseSharesNothing(t *testing.T) {
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			c, err := Parse("f", []byte(fullText))
			if err != nil {
				t.Error(err)
				return
			}
			// Writing to what one call returned must not be seen by another.
			c.APNs[0].APN, c.DNS.Fallback[0], c.Probe.Targets[0].Status = "", c.DNS.Fallback[0].Next(), 0
		})
	}
	wait.Wait()
}

func TestErrorNamesWhatItKnows(t *testing.T) {
	for want, e := range map[string]Error{
		"f: m":                             {File: "f", Message: "m"},
		"f:3: m":                           {File: "f", Line: 3, Message: "m"},
		"f:3: section 's': m":              {File: "f", Line: 3, Section: "s", Message: "m"},
		"f:3: section 's' option 'o': m":   {File: "f", Line: 3, Section: "s", Option: "o", Message: "m"},
		"f: section 'dhcp' option 'o': m":  {File: "f", Section: "dhcp", Option: "o", Message: "m"},
		"a/b:1: section '@apn[1]': m, m 2": {File: "a/b", Line: 1, Section: "@apn[1]", Message: "m, m 2"},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
