package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// mask replaces what tells people apart: names and hardware addresses of devices get
// numbers, and long numbers, such as those of a SIM, are struck out.
type mask struct{ names *strings.Replacer }

// newMask knows the devices that are there by their names, and what others there are: what
// their owner calls devices, what they call themselves, Wi-Fi networks, subscribers.
func newMask(clients []Client, others ...string) mask {
	var pairs []string
	stand := func(name, is string) {
		if len(name) > 2 { // a shorter one is in every word
			pairs = append(pairs, name, is)
		}
	}
	for i, c := range clients {
		is := fmt.Sprintf("device-%d", i+1)
		pairs = append(pairs, c.MAC, is)
		stand(c.Name, is)
	}
	for _, name := range others {
		stand(name, "(name)")
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

// document is the state with numbers for devices: each text in it, whichever field it is
// in, is masked.
func (m mask) document(d Document) (out Document, err error) {
	var tree any
	text, err := json.Marshal(d)
	if err == nil {
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber() // a count of bytes is large
		err = dec.Decode(&tree)
	}
	if err == nil {
		text, err = json.Marshal(m.tree(tree))
	}
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		return Document{}, fmt.Errorf("api: mask the state: %w", err)
	}
	return out, nil
}

// tree masks the texts of what was JSON.
func (m mask) tree(v any) any {
	switch v := v.(type) {
	case string:
		return m.text(v)
	case []any:
		for i := range v {
			v[i] = m.tree(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = m.tree(v[k])
		}
	}
	return v
}

// text masks one value. An address of the network layer stays, and so does a time, in
// which the name of a device may stand too.
func (m mask) text(s string) string {
	if _, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return s
	}
	if _, err := netip.ParsePrefix(s); err == nil {
		return s
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return s
	}
	return m.clean(s)
}
