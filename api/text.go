package api

import (
	"fmt"
	"strings"

	"github.com/tetherd/tetherd/provision"
)

// Text renders the document for a person at a terminal.
func (d Document) Text() string {
	var b strings.Builder
	fmt.Fprintln(&b, d.Sentence)
	for _, s := range d.Stages {
		fmt.Fprintf(&b, "  %s %-17s %s\n", mark(s.State), s.Name, s.Text)
	}
	for _, t := range d.APN.Story {
		fmt.Fprintf(&b, "  tried %s\n", t.text())
	}
	for _, u := range d.Uplinks {
		fmt.Fprintf(&b, "  uplink %-15s up %s, down %s, carries %s\n", u.Interface, Bytes(u.Up), Bytes(u.Down), strings.Join(u.Carries, " and "))
	}
	if p := d.Places; p != nil {
		fmt.Fprintf(&b, "  %d of %d devices have Internet\n", p.Used, p.Limit)
	}
	if d.Offload.WhyNot != "" {
		fmt.Fprintf(&b, "  no offload: %s\n", d.Offload.WhyNot)
	}
	for _, r := range d.WiFi.Radios {
		fmt.Fprintf(&b, "  radio %s\n", r.text())
	}
	for _, r := range d.Reasons {
		fmt.Fprintf(&b, "  %s %s: %s\n", r.What, r.Value, r.Why)
	}
	for _, c := range d.Clients {
		fmt.Fprintf(&b, "  client %-15s %s %-16s up %s, down %s%s\n", c.Address, c.MAC, c.Name, Bytes(c.Up), Bytes(c.Down), c.by())
		if c.Refused != "" {
			fmt.Fprintf(&b, "    has no Internet: %s\n", c.Refused)
		}
	}
	for _, p := range d.Problems {
		fmt.Fprintf(&b, "  problem: %s\n", p)
	}
	return b.String()
}

// by is what a client seems to be and how it is connected, where that is known.
func (c Client) by() (text string) {
	if c.Kind != "" {
		text = ", " + c.Kind
	}
	if c.WiFi != nil {
		text += ", " + c.WiFi.text()
	}
	return text
}

func mark(s StageState) string {
	switch s {
	case Done:
		return "ok  "
	case Failed:
		return "FAIL"
	case Off:
		return "off "
	}
	return "wait"
}

// text is the try in one line.
func (t Try) text() string {
	name := "'" + t.APN + "'"
	if t.APN == "" {
		name = "the network's own choice"
	}
	text := fmt.Sprintf("%s (%s, auth %s): %s", name, t.Family, t.Auth, t.Outcome)
	if t.Cause != 0 {
		text += fmt.Sprintf(", cause %d: %s", t.Cause, provision.SessionCause(t.Cause))
	}
	if t.Note != "" {
		text += ", " + t.Note
	}
	return text
}

// Bytes writes a size with a binary unit and one decimal, without floats.
func Bytes(n uint64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	tenths, u := n*10, 0
	if n > 1<<60 {
		return "over 1 EiB"
	}
	for tenths >= 10240 && u < len(units)-1 {
		tenths, u = tenths/1024, u+1
	}
	if u == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%d.%d %s", tenths/10, tenths%10, units[u])
}
