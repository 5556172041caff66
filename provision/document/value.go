package document

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	decDigits = "0123456789"
	hexDigits = "0123456789abcdefABCDEF"
)

// check judges the text of one element or attribute. Its error never holds the text,
// which may be a secret.
type check func(text string) error

// text takes anything from least to most characters.
func text(least, most int) check {
	return func(s string) error {
		if n := utf8.RuneCountInString(s); n < least || n > most {
			return fmt.Errorf("must have %d to %d characters, has %d", least, most, n)
		}
		return nil
	}
}

// words takes one of a list.
func words(list ...string) check {
	return func(s string) error {
		if !slices.Contains(list, s) {
			return errors.New("must be one of " + strings.Join(list, ", "))
		}
		return nil
	}
}

// number takes a whole number within bounds.
func number(least, most uint64) check {
	return func(s string) error {
		n, err := strconv.ParseUint(strings.TrimPrefix(s, "+"), 10, 64)
		if err != nil || n < least || n > most {
			return fmt.Errorf("must be a whole number from %d to %d", least, most)
		}
		return nil
	}
}

// digits takes decimal digits.
func digits(least, most int) check {
	return func(s string) error {
		if len(s) < least || len(s) > most || strings.Trim(s, decDigits) != "" {
			return fmt.Errorf("must be %d to %d digits", least, most)
		}
		return nil
	}
}

func boolean(s string) error { return words("true", "false", "1", "0")(s) }

func guid(s string) error {
	inner, ok := strings.CutPrefix(s, "{")
	inner, ok2 := strings.CutSuffix(inner, "}")
	parts := strings.Split(inner, "-")
	if !ok || !ok2 || len(parts) != 5 {
		return errors.New("must be a GUID in braces")
	}
	for i, n := range []int{8, 4, 4, 4, 12} {
		if len(parts[i]) != n || strings.Trim(parts[i], hexDigits) != "" {
			return errors.New("must be a GUID in braces")
		}
	}
	return nil
}

// subscriber takes word characters (\w of XML Schema, kept to ASCII).
func subscriber(s string) error {
	for i := range len(s) {
		if c := s[i]; !letter(c) && c != '_' && !digitAt(s, i) {
			return errors.New("must be letters, digits and underscores")
		}
	}
	return text(1, 20)(s)
}

func device(s string) error {
	if digits(15, 16)(s) == nil {
		return nil
	}
	parts := strings.Split(s, ":")
	for _, p := range parts {
		if len(p) != 2 || strings.Trim(p, hexDigits) != "" {
			return errors.New("must be an IMEI of 15 or 16 digits or a MAC address")
		}
	}
	if len(parts) != 6 {
		return errors.New("must be an IMEI of 15 or 16 digits or a MAC address")
	}
	return nil
}

// maxURL bounds a URL in bytes.
const maxURL = 1024

func httpsURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case len(s) > maxURL:
		return fmt.Errorf("must have at most %d bytes", maxURL)
	case err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.ContainsAny(s, " \t\r\n"):
		return errors.New("must be a URL that begins with https:// and names a host, without credentials in it")
	}
	return nil
}

func pageURL(s string) error {
	u, err := url.Parse(s)
	if len(s) > maxURL || err != nil || u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
		return errors.New("must be a URL that begins with http:// and names a host")
	}
	return nil
}

// binary takes base64 of up to most bytes, with white space as XML Schema has it.
func binary(most int) check {
	return func(s string) error {
		data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
		if err != nil || len(data) > most {
			return fmt.Errorf("must be base64 of at most %d bytes", most)
		}
		return nil
	}
}

func hexBytes(least, most int) check {
	return func(s string) error {
		if len(s)%2 != 0 || len(s) < 2*least || len(s) > 2*most || strings.Trim(s, hexDigits) != "" {
			return fmt.Errorf("must be %d to %d bytes in hex", least, most)
		}
		return nil
	}
}

// moment takes an XML Schema dateTime, with a time zone or without.
func moment(s string) error {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if _, err := time.Parse(layout, s); err == nil {
			return nil
		}
	}
	return errors.New("must be a time such as 2026-11-02T08:00:00Z")
}

// seconds reads a duration of days, hours, minutes and seconds (ISO 8601, such as
// PT1M30S).
func seconds(s string) (int, error) {
	wrong := errors.New("must be a duration such as PT1M30S")
	rest, ok := strings.CutPrefix(s, "P")
	if !ok || rest == "" || len(s) > 32 {
		return 0, wrong
	}
	day, clock, timed := strings.Cut(rest, "T")
	if timed && clock == "" {
		return 0, wrong
	}
	total, order := 0, 0
	for _, part := range []struct {
		text, units string
	}{{day, "D"}, {clock, "HMS"}} {
		for text := part.text; text != ""; {
			i := strings.IndexAny(text, "DHMS")
			if i < 1 || strings.IndexByte(part.units, text[i]) < 0 {
				return 0, wrong
			}
			n, err := strconv.Atoi(text[:i])
			place := strings.IndexByte("DHMS", text[i]) + 1
			if err != nil || n < 0 || n > 1_000_000 || place <= order {
				return 0, wrong
			}
			order = place
			total += n * []int{86400, 3600, 60, 1}[place-1]
			text = text[i+1:]
		}
	}
	return total, nil
}

// span takes a duration within bounds in seconds.
func span(least, most int) check {
	return func(s string) error {
		n, err := seconds(s)
		if err != nil {
			return err
		}
		if n < least || n > most {
			return fmt.Errorf("must be from %d to %d seconds", least, most)
		}
		return nil
	}
}

// period takes a duration with years and months as well, longer than none.
func period(s string) error {
	rest, ok := strings.CutPrefix(s, "P")
	if !ok || len(s) > 32 || strings.Trim(rest, decDigits+"YMWDTHS.") != "" || strings.Trim(rest, "0YMWDTHS.") == "" {
		return errors.New("must be a duration such as P1M, longer than nothing")
	}
	return nil
}

// timeFormat takes the tokens of UsageTimestamp.
func timeFormat(s string) error {
	for i := strings.IndexByte(s, '%'); i >= 0; i = strings.IndexByte(s, '%') {
		s = strings.TrimPrefix(s[i+1:], "#")
		if s == "" || strings.IndexByte("dHImMSyYpbB%", s[0]) < 0 {
			return errors.New("has a token that is not known: %d %H %I %m %M %S %y %Y %p are")
		}
		s = s[1:]
	}
	return nil
}

// collapse is XML Schema's white space of tokens.
func collapse(s string) string { return strings.Join(strings.Fields(s), " ") }
