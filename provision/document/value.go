package document

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
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
	_, err := momentOf(s)
	return err
}

// momentOf reads one; without a zone it is UTC.
func momentOf(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("must be a time such as 2026-11-02T08:00:00Z")
}

// length is a duration: years, months, weeks, days, hours, minutes, whole seconds, each
// up to a million.
type length [7]int

// lengthOf reads a duration (ISO 8601, such as P1M or PT1M30S).
func lengthOf(s string) (l length, err error) {
	rest, ok := strings.CutPrefix(s, "P")
	day, clock, timed := strings.Cut(rest, "T")
	empty := rest == "" || timed && clock == ""
	for i, unit := range []string{"Y", "M", "W", "D"} {
		l[i], day = amount(day, unit)
	}
	for i, unit := range []string{"H", "M", "S"} {
		l[4+i], clock = amount(clock, unit)
	}
	if !ok || len(s) > 32 || empty || day+clock != "" {
		return length{}, errors.New("must be a duration such as PT1M30S")
	}
	return l, nil
}

// amount takes a number and its unit off a text, or nothing when it begins otherwise. A
// fraction of a second is left out.
func amount(text, unit string) (n int, rest string) {
	number, rest, ok := strings.Cut(text, unit)
	if whole, fraction, _ := strings.Cut(number, "."); unit == "S" && strings.Trim(fraction, decDigits) == "" {
		number = whole
	}
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n > 1_000_000 || !digitAt(number, 0) {
		return 0, text
	}
	return n, rest
}

// seconds is the length in seconds, with a year and a month as long as they are on average.
func (l length) seconds() (total int64) {
	for i, unit := range [...]int64{31_556_952, 2_629_746, 604_800, 86_400, 3600, 60, 1} {
		total += int64(l[i]) * unit
	}
	return total
}

// after is n lengths after a moment.
func (l length) after(t time.Time, n int64) time.Time {
	k := int(n)
	clock := time.Duration(l[4])*time.Hour + time.Duration(l[5])*time.Minute + time.Duration(l[6])*time.Second
	return t.AddDate(k*l[0], k*l[1], k*(7*l[2]+l[3])).Add(time.Duration(n) * clock)
}

// seconds reads a duration of days, hours, minutes and whole seconds.
func seconds(s string) (int, error) {
	l, err := lengthOf(s)
	if err != nil || l[0]+l[1]+l[2] > 0 || strings.Contains(s, ".") {
		return 0, errors.New("must be a duration such as PT1M30S")
	}
	return int(min(l.seconds(), math.MaxInt32)), nil
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
	if _, err := lengthOf(s); err != nil || strings.Trim(s, "P0YMWDTHS.") == "" {
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
