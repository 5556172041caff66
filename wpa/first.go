package wpa

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/tetherd/tetherd/secret"
)

// letters are those of a first passphrase: nothing that print or a screen lets one
// take for another (0 and o, 1 and i and l), and no capitals, which are tedious to type
// on a phone.
const letters = "abcdefghjkmnpqrstuvwxyz23456789"

// firstLetters of 31 each make 2^59.4 equally probable passphrases. The key is
// stretched by 4096 rounds of PBKDF2, so that even a million guesses a second, made
// offline on a recorded handshake, need ten thousand years.
const firstLetters = 12

// FirstPassphrase makes a passphrase from random octets, which must be those of
// crypto/rand.Reader: three groups of four, such as "kfw7-8mrp-dh3x".
func FirstPassphrase(random io.Reader) (secret.Text, error) {
	var b strings.Builder
	for n := range firstLetters {
		if n > 0 && n%4 == 0 {
			b.WriteByte('-')
		}
		i, err := pick(random, len(letters))
		if err != nil {
			return "", err
		}
		b.WriteByte(letters[i])
	}
	return secret.Text(b.String()), nil
}

// FirstSSID makes a name with four random digits, so that two devices in one room can
// be told apart: "Tether 4821" of "Tether". A name that leaves no room is cut short.
func FirstSSID(name string, random io.Reader) (string, error) {
	n, err := pick(random, 100)
	if err != nil {
		return "", err
	}
	m, err := pick(random, 100)
	if err != nil {
		return "", err
	}
	tail := fmt.Sprintf(" %02d%02d", n, m)
	name = shortened(name, len(tail))
	if CheckSSID(name) != nil {
		name = "Tether"
	}
	return name + tail, nil
}

// Own is what a device calls its networks by itself.
type Own struct {
	SSID       string
	Passphrase secret.Text
	Guest      secret.Text // passphrase of a network for guests
}

// Of returns the name and the passphrase for the LAN, or for guests.
func (o Own) Of(guests bool) Own {
	if !guests || o.SSID == "" {
		return o
	}
	const tail = " Guest"
	return Own{SSID: shortened(o.SSID, len(tail)) + tail, Passphrase: o.Guest}
}

// shortened cuts a name so that it leaves room for a tail.
func shortened(name string, tail int) string {
	for len(name)+tail > maxSSID {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

// MakeOwn makes a name and passphrases for a device that has none yet, from random
// octets, which must be those of crypto/rand.Reader.
func MakeOwn(random io.Reader) (own Own, err error) {
	if own.SSID, err = FirstSSID("Tether", random); err != nil {
		return Own{}, err
	}
	if own.Passphrase, err = FirstPassphrase(random); err != nil {
		return Own{}, err
	}
	if own.Guest, err = FirstPassphrase(random); err != nil {
		return Own{}, err
	}
	return own, nil
}

// pick draws a number below n, at most 256, each as probable as the others: octets
// beyond the last multiple of n are drawn again.
func pick(random io.Reader, n int) (int, error) {
	var b [1]byte
	for {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return 0, fmt.Errorf("wpa: read random octets: %w", err)
		}
		if int(b[0]) < 256/n*n {
			return int(b[0]) % n, nil
		}
	}
}

// QR returns the text of a QR code from which phones join a network (Wi-Fi Alliance,
// WPA3 Specification section 7). The type WPA stands for WPA2 and WPA3.
func QR(ssid string, passphrase secret.Text, hidden bool) string {
	mark := ""
	if hidden {
		mark = "H:true;"
	}
	escape := strings.NewReplacer(`\`, `\\`, `;`, `\;`, `,`, `\,`, `:`, `\:`, `"`, `\"`)
	return "WIFI:T:WPA;S:" + escape.Replace(ssid) + ";P:" + escape.Replace(string(passphrase)) + ";" + mark + ";"
}
