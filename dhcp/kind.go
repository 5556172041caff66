package dhcp

import (
	"bytes"
	"strings"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// Kind is what sort of device a client seems to be. It is for people to find their own
// device by; a client can say what it likes.
type Kind string

// The kinds. Unknown is that of who says nothing of itself.
const (
	Unknown   Kind = ""
	Phone     Kind = "phone" // or tablet
	Computer  Kind = "computer"
	TV        Kind = "tv"
	Console   Kind = "console" // for games
	Printer   Kind = "printer"
	Appliance Kind = "appliance" // without a person in front of it
)

// hint is a word by which clients give themselves away.
type hint struct {
	kind Kind
	word string
}

// kindOf tells by the vendor class (RFC 2132 section 9.13), by what is asked for in which
// order (section 9.8), and by the name.
func kindOf(o dhcpv4.Options, name string) Kind {
	class := string(o.Get(dhcpv4.OptionClassIdentifier))
	for _, h := range [...]hint{
		{Console, "MSFT 5.0 XBOX"}, {Console, "XBOX"}, {Computer, "MSFT"}, {Phone, "android-dhcp"}, {Phone, "dhcpcd-5"}, // Android to 5
		{Computer, "dhcpcd"}, {Appliance, "udhcp"}, {Printer, "Hewlett"}, {Printer, "HP"},
	} {
		if strings.HasPrefix(class, h.word) {
			return h.kind
		}
	}
	if k := apple(o.Get(dhcpv4.OptionParameterRequestList)); class == "" && k != Unknown {
		return k
	}
	for _, h := range [...]hint{
		{Phone, "iphone"}, {Phone, "ipad"}, {Phone, "android"}, {Phone, "galaxy"}, {Phone, "pixel"}, {Phone, "redmi"}, {Phone, "oneplus"}, {Phone, "phone"},
		{Computer, "macbook"}, {Computer, "imac"}, {Computer, "desktop-"}, {Computer, "laptop"}, {Computer, "thinkpad"},
		{Console, "xbox"}, {Console, "playstation"}, {Console, "nintendo"}, {TV, "chromecast"}, {TV, "bravia"}, {TV, "roku"}, {TV, "apple-tv"}, {TV, "smart-tv"},
		{Printer, "printer"}, {Printer, "epson"}, {Appliance, "espressif"}, {Appliance, "esp-"}, {Appliance, "tasmota"}, {Appliance, "shelly"},
	} {
		if strings.Contains(name, h.word) {
			return h.kind
		}
	}
	return Unknown
}

// apple tells Apple's systems, which name no vendor class, by what they ask for: all of
// them for the routes first, a name list and a proxy; those of computers for a directory
// besides.
func apple(asked []byte) Kind {
	const searchList, proxy, directory = 119, 252, 95
	has := func(code byte) bool { return bytes.IndexByte(asked, code) >= 0 }
	switch {
	case !bytes.HasPrefix(asked, []byte{1, 121, 3, 6, 15}) || !has(searchList) || !has(proxy):
		return Unknown
	case has(directory):
		return Computer
	}
	return Phone
}
