package wpa

import (
	"strings"
	"testing"

	"github.com/tetherd/tetherd/secret"
)

func TestCheckSSID(t *testing.T) {
	for ssid, want := range map[string]string{
		"":                      "the name is empty",
		"a":                     "",
		" a ":                   "",
		strings.Repeat("é", 16): "",
		strings.Repeat("a", 33): "the name has 33 octets, at most 32 are possible",
		"caf\xe9":               "the name is not UTF-8",
		"a\nb":                  "the name has a control character",
		"a\u0085b":              "the name has a control character",
	} {
		switch err := CheckSSID(ssid); {
		case err == nil && want != "":
			t.Errorf("%q is taken", ssid)
		case err != nil && err.Error() != want:
			t.Errorf("%q: %v", ssid, err)
		}
	}
}

func TestCheckPassphrase(t *testing.T) {
	key := secret.Text(strings.Repeat("0aF9", 16))
	for _, x := range []struct {
		pass secret.Text
		kind Security
		want string
	}{
		{"12345678", "", ""},
		{"12345678", WPA2WPA3, ""},
		{secret.Text(strings.Repeat("~", 63)), WPA3, ""},
		{key, WPA2, ""},
		{key, WPA3, "64 hex digits are a key"},
		{key, WPA2WPA3, "64 hex digits are a key"},
		{key[:63] + "g", WPA2, "has 64 characters"},
		{"", WPA2, "has 0 characters"},
		{"1234567", WPA2, "has 7 characters"},
		{"12345678\n", WPA2, "not printable ASCII"},
		{"1234567é", WPA2, "not printable ASCII"},
		{"12345678", "wep", "is unknown"},
	} {
		err := CheckPassphrase(x.pass, x.kind)
		if err == nil && x.want != "" || err != nil && (x.want == "" || !strings.Contains(err.Error(), x.want)) {
			t.Errorf("%q with %q: %v", string(x.pass), x.kind, err)
		}
		if err != nil && len(x.pass) > 2 && strings.Contains(err.Error(), string(x.pass)) {
			t.Errorf("the error repeats the passphrase: %v", err)
		}
	}
}
