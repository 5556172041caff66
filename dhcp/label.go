package dhcp

import (
	"strings"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

const maxLabel = 63 // RFC 1035 section 2.3.4

// clientName is the name a client gives itself, as a DNS label. The client FQDN
// option counts before the host name option (RFC 4702 section 3.1).
func clientName(o dhcpv4.Options) string {
	if name := label(fqdnLabel(o.Get(dhcpv4.OptionFQDN))); name != "" {
		return name
	}
	return label(string(o.Get(dhcpv4.OptionHostName)))
}

// fqdnLabel gives the first label of a client FQDN option (RFC 4702 section 2:
// flags, two result codes, name), which is in wire format when flag E is set and
// otherwise plain text.
func fqdnLabel(b []byte) string {
	const flagE = 0x04
	if len(b) < 4 {
		return ""
	}
	name := b[3:]
	if b[0]&flagE == 0 {
		return string(name)
	}
	n := int(name[0])
	if n > maxLabel || n >= len(name) {
		return ""
	}
	return string(name[1 : 1+n])
}

// label makes one DNS label (lower-case letters, digits and inner hyphens) of what
// stands before the first dot, or "" when nothing is left. Runs of anything else
// become one hyphen. Names that would give a client power over others are refused:
// browsers and systems look up wpad and isatap by themselves.
func label(s string) string {
	if len(s) > 255 {
		s = s[:255]
	}
	s, _, _ = strings.Cut(s, ".")
	var b strings.Builder
	for i := 0; i < len(s) && b.Len() < maxLabel; i++ {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			b.WriteByte(c)
		case c != 0 && b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	name := strings.TrimRight(b.String(), "-")
	switch name {
	case "localhost", "wpad", "isatap":
		return ""
	}
	return name
}
