package document

import (
	"strings"
	"testing"
)

func TestTranslatedPatternsMatchAsInECMAScript(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{`^[^]*$`, "two\nlines", true},
		{`^[]$`, "", false},
		{`a[]b`, "ab", false},
		{`^a.c$`, "a\nc", false},
		{`^a.c$`, "a\rc", false},
		{`^a.c$`, "a\u2028c", false},
		{`^a.c$`, "abc", true},
		{`^[[:alpha:]]$`, ":]", true}, // a class of [ : a l p h, then a bracket
		{`^[[:alpha:]]$`, "z", false},
		{`^[^\d]$`, "x", true},
		{`^\/\-\.$`, "/-.", true},
		{`^[\b]$`, "\b", true},
		{`\bword\b`, "a word", true},
		{`^\x41\u0042\0$`, "AB\x00", true},
		{`^\cJ$`, "\n", true},
		{`^(?:a|b)(?<name>c)$`, "bc", true},
		{`^a{2}$`, "aa", true},
		{`^€+$`, "€€", true},
		{`^[€-₿]$`, "₭", true},
		{`^\$\^$`, "$^", true},
		{`^[\]\\]$`, "]", true},
		{`^\"\'$`, `"'`, true},
	} {
		re, err := translate(test.pattern)
		if err != nil {
			t.Errorf("%s: %v", test.pattern, err)
			continue
		}
		if got := re.MatchString(test.text); got != test.want {
			t.Errorf("%s (as %s) on %q: %t", test.pattern, re, test.text, got)
		}
	}
}

func TestPatternsThatCannotBe(t *testing.T) {
	for pattern, want := range map[string]string{
		`a(?=b)`:                       "looks around with (?=",
		`a(?!b)`:                       "looks around with (?!",
		`(?<=a)b`:                      "looks around with (?<=",
		`(?<!a)b`:                      "looks around with (?<!",
		`(a)\1`:                        `refers back with \1`,
		`\01`:                          `refers back with \0`,
		`(?i)a`:                        "a group that ECMAScript does not know",
		`(?P<a>b)`:                     "a group that ECMAScript does not know",
		`\A`:                           "an escape that ECMAScript does not know",
		`\Qa\E`:                        "an escape that ECMAScript does not know",
		`\pL`:                          "an escape that ECMAScript does not know",
		`\k<a>`:                        "an escape that ECMAScript does not know",
		`\uD83`:                        "an escape that ECMAScript does not know",
		`a\`:                           "ends with a backslash",
		`[a`:                           "cannot be compiled",
		`(a`:                           "cannot be compiled",
		`a**`:                          "cannot be compiled",
		`((a{1000}){1000}){1000}`:      "cannot be compiled",
		strings.Repeat("(", 1025):      "longer than",
		`((((((((((a{9}){9}){9}){9}))`: "cannot be compiled",
	} {
		if re, err := translate(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", pattern, re, err)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, p := range []string{`[^]*`, `(\d+\.\d+)(\w+) of`, `[[:alpha:]]`, `a(?=b)`, `\u0041\cA\0`, `[]`, `(?<n>a)`, `\`} {
		f.Add(p, "12.5GB of 500")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if re, err := translate(pattern); err == nil {
			re.FindStringSubmatch(text)
		}
	})
}
