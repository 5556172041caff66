package api

import (
	"fmt"
	"strings"
)

// mask replaces what tells people apart: names and hardware addresses of devices get
// numbers, and long numbers, such as those of a SIM, are struck out.
type mask struct{ names *strings.Replacer }

// newMask knows the devices by their names.
func newMask(clients []Client) mask {
	var pairs []string
	for i, c := range clients {
		stand := fmt.Sprintf("device-%d", i+1)
		pairs = append(pairs, c.MAC, stand)
		if len(c.Name) > 2 { // a shorter one is in every word
			pairs = append(pairs, c.Name, stand)
		}
	}
	return mask{strings.NewReplacer(pairs...)}
}

// clean masks a text.
func (m mask) clean(text string) string {
	text = m.names.Replace(text)
	var b strings.Builder
	for len(text) > 0 {
		n, stand := identifier(text)
		if n == 0 {
			n, stand = 1, text[:1]
			for n < len(text) && !(hexDigit(text[n]) && !hexDigit(text[n-1])) {
				n++
			}
			stand = text[:n]
		}
		b.WriteString(stand)
		text = text[n:]
	}
	return b.String()
}

// identifier measures a hardware address or a long number at the beginning of a text.
func identifier(s string) (n int, stand string) {
	const mac = len("00:00:00:00:00:00")
	if len(s) >= mac && isMAC(s[:mac]) {
		return mac, "xx:xx:xx:xx:xx:xx"
	}
	const long = 12
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	if n >= long {
		return n, "(number)"
	}
	return 0, ""
}

func isMAC(s string) bool {
	for i := range len(s) {
		if (i%3 == 2) != (s[i] == ':') || i%3 != 2 && !hexDigit(s[i]) {
			return false
		}
	}
	return true
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// document is the state with numbers for devices.
func (m mask) document(d Document) Document {
	d.Clients = append([]Client{}, d.Clients...)
	for i := range d.Clients {
		c := &d.Clients[i]
		c.MAC, c.Name = m.clean(c.MAC), m.clean(c.Name)
	}
	problems := make([]string, len(d.Problems))
	for i, p := range d.Problems {
		problems[i] = m.clean(p)
	}
	d.Problems = problems
	return d
}
