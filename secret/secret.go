// Package secret holds the one type for values that nobody but their owner may see:
// subscriber identifiers, PINs, passwords, passphrases.
package secret

import "log/slog"

// Text is a secret: it prints and logs masked. Whoever needs the value converts it to
// a string.
type Text string

// String returns a mask that never contains the value.
func (t Text) String() string {
	if t == "" {
		return ""
	}
	return "***"
}

// GoString masks %#v too.
func (t Text) GoString() string { return t.String() }

// LogValue masks the value in structured logs.
func (t Text) LogValue() slog.Value { return slog.StringValue(t.String()) }
