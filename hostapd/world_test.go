package hostapd

import (
	"net"
	"strings"
	"testing"
	"time"
)

// patience is for what must happen; a machine may be busy.
const patience = 20 * time.Second

// mac makes an address from its last octet.
func mac(n byte) net.HardwareAddr { return net.HardwareAddr{2, 0, 0, 0, 0, n} }

// channels makes 20 MHz channels of a band; change may alter each.
func channels(b Band, change func(*Channel), numbers ...int) []Channel {
	var out []Channel
	for _, n := range numbers {
		c := Channel{Number: n, Frequency: frequency(b, n)}
		if change != nil {
			change(&c)
		}
		out = append(out, c)
	}
	return out
}

func span(from, to, step int) []int {
	var out []int
	for n := from; n <= to; n += step {
		out = append(out, n)
	}
	return out
}

// european are the 5 GHz channels under European rules.
func european(c *Channel) {
	c.Radar = c.Number >= 52 && c.Number <= 144
	c.Disabled = c.Number > 140 && c.Number < 149
}

func numbers5() []int {
	return append(append(span(36, 64, 4), span(100, 144, 4)...), span(149, 165, 4)...)
}

var (
	someHT  = &HT{Width40: true, LDPC: true, ShortGI20: true, ShortGI40: true, TxSTBC: true, RxSTBC: 1, LongAMSDU: true, DSSSCCKIn40: true}
	someVHT = &VHT{MaxMPDU: 11454, RxLDPC: true, ShortGI80: true, TxSTBC: true, RxSTBC: 1, SUBeamformer: true, SUBeamformee: true,
		MUBeamformer: true, Antennas: 4, Dimensions: 2, AMPDUExponent: 7, RxPattern: true, TxPattern: true}
)

// made are made-up radios by name.
func made(t testing.TB, name string) Capabilities {
	t.Helper()
	c := Capabilities{
		PHY: "phy0", Interface: "wlan0", Interfaces: []string{"wlan0"}, Address: net.HardwareAddr{0x00, 0x11, 0x22, 0x33, 0x44, 0x55},
		AP: true, MaxNetworks: 4, Protection: true, Country: "DE",
	}
	only2 := BandCapabilities{Band: Band2, Channels: channels(Band2, nil, span(1, 13, 1)...), HT: someHT}
	ac5 := BandCapabilities{Band: Band5, Channels: channels(Band5, european, numbers5()...), HT: someHT, VHT: someVHT}
	switch name {
	case "g": // an old radio for 2.4 GHz without 802.11n
		only2.HT = nil
		c.Bands = []BandCapabilities{only2}
	case "n": // 2.4 GHz with 802.11n in 20 MHz, one network, no protected frames
		only2.HT = &HT{ShortGI20: true}
		c.Bands, c.MaxNetworks, c.Protection = []BandCapabilities{only2}, 1, false
	case "ac": // dual band
		c.Bands = []BandCapabilities{only2, ac5}
	case "ax": // dual band, 160 MHz
		vht := *someVHT
		vht.Width160, vht.ShortGI160 = true, true
		he := &HE{Width40: true, Width80: true, Width160: true, SUBeamformer: true, SUBeamformee: true, MUBeamformer: true}
		ac5.VHT, ac5.HE, only2.HE = &vht, he, he
		c.Bands = []BandCapabilities{only2, ac5}
	case "world": // dual band before a country is set
		c.Country = "00"
		ac5.Channels = channels(Band5, func(c *Channel) { c.NoIR = true }, numbers5()...)
		only2.Channels = channels(Band2, func(c *Channel) { c.NoIR = c.Number > 11 }, span(1, 13, 1)...)
		c.Bands = []BandCapabilities{only2, ac5}
	default:
		t.Fatalf("no radio is called %q", name)
	}
	return c
}

// home is an ordinary network.
func home() Network {
	return Network{SSID: "Tether 4821", Passphrase: "kfw7-8mrp-dh3x", Bridge: "br-tether"}
}

// judge has Debian's hostapd read a file, with no radio behind it, and returns what it
// says against it.
func judge(t *testing.T, path string) []string {
	t.Helper()
	p, err := startProcess("hostapd", path)
	if err != nil {
		t.Fatalf("this test needs hostapd: %v", err)
	}
	defer p.stop(patience)
	settled := func() bool {
		return strings.Contains(strings.Join(p.out.text(), "\n"), "interface state UNINITIALIZED->")
	}
	await(t, "hostapd's verdict", func() bool {
		select {
		case <-p.done:
			return true
		default:
			return settled()
		}
	})
	var bad []string
	for _, line := range p.out.text() {
		if strings.HasPrefix(line, "Line ") || strings.Contains(line, "rror") {
			bad = append(bad, line)
		}
	}
	return bad
}

// await looks until the condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(patience)
	for !holds() {
		select {
		case <-limit:
			t.Fatalf("waited in vain for %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
