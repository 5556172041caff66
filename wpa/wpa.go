// Package wpa knows what a Wi-Fi network's name and passphrase may be, makes the first
// ones of a device, and writes the text of the QR code from which phones join. It is
// pure but for the random octets that it is given.
package wpa

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tetherd/tetherd/secret"
)

// Security says how clients prove that they know the passphrase.
type Security string

// The kinds of security. There is no open network, no WEP and no TKIP.
const (
	WPA2     Security = "wpa2"      // WPA2-PSK, protected frames for those who can
	WPA2WPA3 Security = "wpa2-wpa3" // both on one network, WPA3 with protected frames; the default
	WPA3     Security = "wpa3"      // SAE with protected frames only
)

// maxSSID is the longest name in octets (IEEE 802.11-2020 section 9.4.2.2).
const maxSSID = 32

// CheckSSID refuses a name that is no SSID: it must have 1 to 32 octets, be UTF-8 and
// hold no control characters, which would break hostapd's file and clients' lists.
func CheckSSID(ssid string) error {
	switch {
	case ssid == "":
		return errors.New("the name is empty")
	case len(ssid) > maxSSID:
		return fmt.Errorf("the name has %d octets, at most %d are possible", len(ssid), maxSSID)
	case !utf8.ValidString(ssid):
		return errors.New("the name is not UTF-8")
	case strings.ContainsFunc(ssid, unicode.IsControl):
		return errors.New("the name has a control character")
	}
	return nil
}

// CheckPassphrase refuses a passphrase that hostapd would refuse or clients could not
// type, without repeating it: 8 to 63 printable ASCII characters (IEEE 802.11-2020
// annex J.4.1) or, with WPA2 alone, 64 hex digits.
func CheckPassphrase(p secret.Text, s Security) error {
	if !slices.Contains([]Security{"", WPA2, WPA2WPA3, WPA3}, s) {
		return fmt.Errorf("security %q is unknown", s)
	}
	if strings.ContainsFunc(string(p), func(c rune) bool { return c < ' ' || c > '~' }) {
		return errors.New("the passphrase has a character that is not printable ASCII")
	}
	switch {
	case len(p) == 64 && strings.Trim(string(p), "0123456789abcdefABCDEF") == "":
		if s != WPA2 {
			return errors.New("64 hex digits are a key, which WPA3 cannot use: name a passphrase")
		}
	case len(p) < 8 || len(p) > 63:
		return fmt.Errorf("the passphrase has %d characters, 8 to 63 are possible", len(p))
	}
	return nil
}
