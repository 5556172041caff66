package wpa

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/secret"
)

func TestFirstPassphrase(t *testing.T) {
	got, err := FirstPassphrase(bytes.NewReader([]byte{0, 1, 30, 31, 248, 255, 247, 2, 3, 4, 5, 6, 7, 8}))
	if err != nil || got != "ab9a-9cde-fghj" {
		t.Errorf("%q %v: octets from 248 on are to be drawn again", string(got), err)
	}
	if _, err := FirstPassphrase(bytes.NewReader(make([]byte, 11))); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		t.Errorf("a dry source: %v", err)
	}
	seen := map[secret.Text]bool{}
	letter := map[byte]int{}
	for range 2000 {
		p, err := FirstPassphrase(rand.Reader)
		if err != nil || seen[p] || CheckPassphrase(p, WPA3) != nil {
			t.Fatalf("%q %v", string(p), err)
		}
		seen[p] = true
		for i := range len(p) {
			letter[p[i]]++
		}
	}
	for _, c := range []byte(letters) {
		if n := letter[c]; n < 600 || n > 960 { // 774 are expected, deviating by 27
			t.Errorf("%c came %d times", c, n)
		}
	}
	if strings.ContainsAny(letters, "0o1il") || len(letter) != len(letters)+1 {
		t.Error("letters that are taken for each other")
	}
}

func TestFirstSSID(t *testing.T) {
	for name, want := range map[string]string{
		"Tether":                   "Tether 0742",
		"":                         "Tether 0742",
		"a\nb":                     "Tether 0742",
		strings.Repeat("é", 20):    strings.Repeat("é", 13) + " 0742",
		strings.Repeat("x", 40):    strings.Repeat("x", 27) + " 0742",
		strings.Repeat("\xff", 40): "Tether 0742",
		"Büro":                     "Büro 0742",
	} {
		got, err := FirstSSID(name, bytes.NewReader([]byte{7, 200, 255, 142}))
		if err != nil || got != want || CheckSSID(got) != nil {
			t.Errorf("%q: %q %v", name, got, err)
		}
	}
	for n := range 2 {
		if _, err := FirstSSID("x", bytes.NewReader(make([]byte, n))); err == nil {
			t.Errorf("%d octets are enough", n)
		}
	}
}

func TestMakeOwn(t *testing.T) {
	a, err := MakeOwn(rand.Reader)
	if err != nil || CheckSSID(a.SSID) != nil || CheckPassphrase(a.Passphrase, WPA3) != nil || CheckPassphrase(a.Guest, WPA3) != nil {
		t.Fatalf("%+v %v", a, err)
	}
	b, _ := MakeOwn(rand.Reader)
	if a.Passphrase == a.Guest || a.Passphrase == b.Passphrase || a.Guest == b.Guest {
		t.Error("two passphrases are the same")
	}
	for n := range 26 {
		if got, err := MakeOwn(bytes.NewReader(make([]byte, n))); err == nil || got != (Own{}) {
			t.Errorf("%d octets are enough", n)
		}
	}
}

func TestQR(t *testing.T) {
	for want, n := range map[string]struct {
		ssid   string
		pass   secret.Text
		hidden bool
	}{
		`WIFI:T:WPA;S:Tether 4821;P:kfw7-8mrp-dh3x;;`:   {"Tether 4821", "kfw7-8mrp-dh3x", false},
		`WIFI:T:WPA;S:a\;b\:c\,d\\e\"f;P:\\\;12345\:;;`: {`a;b:c,d\e"f`, `\;12345:`, false},
		`WIFI:T:WPA;S:Café;P:12345678;H:true;;`:         {"Café", "12345678", true},
	} {
		if got := QR(n.ssid, n.pass, n.hidden); got != want {
			t.Errorf("%s, wanted %s", got, want)
		}
	}
}
