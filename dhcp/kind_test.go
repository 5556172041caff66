package dhcp

import (
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// TestKind: what the systems of people's devices send gives them away, and nothing is
// guessed of who says nothing.
func TestKind(t *testing.T) {
	ios := []byte{1, 121, 3, 6, 15, 108, 114, 119, 252}
	for what, c := range map[string]struct {
		class string
		asked []byte
		name  string
		want  Kind
	}{
		"nothing":              {want: Unknown},
		"Android":              {class: "android-dhcp-14", want: Phone},
		"Windows":              {class: "MSFT 5.0", name: "iphone-of-somebody", want: Computer},
		"Windows of a game":    {class: "MSFT 5.0 XBOX", want: Console},
		"iOS":                  {asked: ios, want: Phone},
		"macOS":                {asked: append(ios[:len(ios):len(ios)], 95, 44, 46), want: Computer},
		"like iOS, of a class": {class: "systemd-networkd", asked: ios, want: Unknown},
		"Linux":                {asked: []byte{1, 28, 2, 3, 15, 6, 119, 12, 44, 47, 26, 121, 42}, want: Unknown},
		"BusyBox":              {class: "udhcp 1.36.1", want: Appliance},
		"name alone":           {name: "anna-s-iphone", want: Phone},
		"Windows by its name":  {name: "desktop-4f7k2", want: Computer},
		"another name":         {name: "anna", want: Unknown},
	} {
		o := dhcpv4.Options{}
		if c.class != "" {
			o[dhcpv4.OptionClassIdentifier.Code()] = []byte(c.class)
		}
		if c.asked != nil {
			o[dhcpv4.OptionParameterRequestList.Code()] = c.asked
		}
		if got := kindOf(o, c.name); got != c.want {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
}
