package document

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// maxPattern bounds a pattern in bytes.
const maxPattern = 1024

// translate turns an ECMAScript pattern into one for package regexp, which cannot look
// around nor refer back; such patterns are errors. It compiles the result.
func translate(pattern string) (*regexp.Regexp, error) {
	if len(pattern) > maxPattern {
		return nil, fmt.Errorf("the pattern is longer than %d bytes", maxPattern)
	}
	t := translator{in: pattern}
	if err := t.run(); err != nil {
		return nil, err
	}
	re, err := regexp.Compile(t.out.String())
	if err != nil {
		// The compiler's words may hold parts of the pattern, which is no secret.
		return nil, fmt.Errorf("the pattern cannot be compiled: %w", err)
	}
	return re, nil
}

// translator walks through a pattern.
type translator struct {
	in    string
	out   strings.Builder
	class bool // within [ ]
}

func (t *translator) take(n int, out string) {
	t.in = t.in[n:]
	t.out.WriteString(out)
}

func (t *translator) run() error {
	for t.in != "" {
		if err := t.step(); err != nil {
			return err
		}
	}
	return nil
}

// anything and nothing are what ECMAScript writes [^] and [].
const (
	anything = `[\x00-\x{10FFFF}]`
	nothing  = `[^\x00-\x{10FFFF}]`
)

func (t *translator) step() error {
	has := func(prefix string) bool { return strings.HasPrefix(t.in, prefix) }
	switch {
	case has(`\`):
		return t.escape()
	case t.class && has("]"):
		t.class = false
		t.take(1, "]")
	case t.class && has("["): // else [:alpha:] would be a class of its own
		t.take(1, `\[`)
	case t.class:
		t.take(1, t.in[:1])
	case has("[^]"):
		t.take(3, anything)
	case has("[]"):
		t.take(2, nothing)
	case has("[^"):
		t.class = true
		t.take(2, "[^")
	case has("["):
		t.class = true
		t.take(1, "[")
	case has("."):
		t.take(1, `[^\n\r\x{2028}\x{2029}]`)
	case has("(?"):
		return t.group()
	default:
		t.take(1, t.in[:1])
	}
	return nil
}

// group lets through what both dialects have.
func (t *translator) group() error {
	for _, around := range []string{"(?=", "(?!", "(?<=", "(?<!"} {
		if strings.HasPrefix(t.in, around) {
			return errors.New("the pattern looks around with " + around + ", which cannot be done in bounded time")
		}
	}
	switch {
	case strings.HasPrefix(t.in, "(?:"):
		t.take(3, "(?:")
	case strings.HasPrefix(t.in, "(?<"):
		t.take(3, "(?P<")
	default:
		return errors.New("the pattern has a group that ECMAScript does not know")
	}
	return nil
}

// escape translates a backslash and what follows it.
func (t *translator) escape() error {
	if len(t.in) < 2 {
		return errors.New("the pattern ends with a backslash")
	}
	c := t.in[1]
	switch {
	case c == '0' && !digitAt(t.in, 2):
		t.take(2, `\x00`)
	case c >= '0' && c <= '9':
		return fmt.Errorf(`the pattern refers back with \%c, which cannot be done in bounded time`, c)
	case c == 'b' && t.class:
		t.take(2, `\x08`)
	case strings.IndexByte("dDsSwWtnrfv", c) >= 0, !t.class && (c == 'b' || c == 'B'):
		t.take(2, t.in[:2])
	case c == 'x' && hexAt(t.in[2:], 2):
		t.take(4, t.in[:4])
	case c == 'u' && hexAt(t.in[2:], 4):
		t.take(6, `\x{`+t.in[2:6]+`}`)
	case c == 'c' && len(t.in) > 2 && letter(t.in[2]):
		t.take(3, fmt.Sprintf(`\x%02x`, t.in[2]&0x1f))
	case letter(c) || c >= 0x80:
		return errors.New(`the pattern has an escape that ECMAScript does not know`)
	case c == '-' || c == '/' || strings.IndexByte(`\.+*?()|[]{}^$`, c) >= 0:
		t.take(2, `\`+string(c))
	default:
		t.take(2, regexp.QuoteMeta(string(c)))
	}
	return nil
}

func digitAt(s string, i int) bool { return i < len(s) && s[i] >= '0' && s[i] <= '9' }

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func hexAt(s string, n int) bool { return len(s) >= n && strings.Trim(s[:n], hexDigits) == "" }
