package hostapd

import (
	"encoding/binary"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"github.com/mdlayher/wifi"
	"golang.org/x/sys/unix"
)

// wiphy makes one message of the kernel's split dump.
func wiphy(t *testing.T, phy uint32, f func(ae *netlink.AttributeEncoder)) []byte {
	t.Helper()
	ae := netlink.NewAttributeEncoder()
	ae.Uint32(unix.NL80211_ATTR_WIPHY, phy)
	f(ae)
	b, err := ae.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type encode = func(*netlink.AttributeEncoder)

// nest writes nested attributes.
func nest(typ uint16, f encode) encode {
	return func(ae *netlink.AttributeEncoder) {
		ae.Nested(typ, func(n *netlink.AttributeEncoder) error {
			f(n)
			return nil
		})
	}
}

func band(n uint16, f encode) encode { return nest(unix.NL80211_ATTR_WIPHY_BANDS, nest(n, f)) }

// The octets of an access point's HE PHY capabilities as iw shows them for an Intel
// AX200: 40 MHz at 2.4 GHz, 40/80/160 at 5 GHz, SU beamformer and beamformee.
var hePHY = []byte{0x0e, 0x3f, 0x0e, 0x89, 0x01, 0, 0, 0, 0, 0, 0}

func TestDetailsOfASplitDump(t *testing.T) {
	frequencies := nest(unix.NL80211_BAND_ATTR_FREQS, func(list *netlink.AttributeEncoder) {
		nest(0, func(ae *netlink.AttributeEncoder) {
			ae.Uint32(unix.NL80211_FREQUENCY_ATTR_FREQ, 5180)
			ae.Flag(unix.NL80211_FREQUENCY_ATTR_NO_HT40_MINUS, true)
			ae.Flag(unix.NL80211_FREQUENCY_ATTR_NO_160MHZ, true)
		})(list)
		nest(1, func(ae *netlink.AttributeEncoder) {
			ae.Uint32(unix.NL80211_FREQUENCY_ATTR_FREQ, 5825)
			ae.Flag(unix.NL80211_FREQUENCY_ATTR_NO_HT40_PLUS, true)
			ae.Flag(unix.NL80211_FREQUENCY_ATTR_NO_80MHZ, true)
		})(list)
	})
	he := func(iftype uint16) encode {
		return nest(0, func(ae *netlink.AttributeEncoder) {
			nest(unix.NL80211_BAND_IFTYPE_ATTR_IFTYPES, func(ae *netlink.AttributeEncoder) { ae.Flag(iftype, true) })(ae)
			ae.Bytes(unix.NL80211_BAND_IFTYPE_ATTR_HE_CAP_PHY, hePHY)
		})
	}
	all := map[int]details{}
	for _, m := range [][]byte{
		wiphy(t, 3, func(ae *netlink.AttributeEncoder) { ae.String(unix.NL80211_ATTR_WIPHY_NAME, "phy3") }),
		wiphy(t, 3, band(unix.NL80211_BAND_5GHZ, func(ae *netlink.AttributeEncoder) {
			ae.Uint32(unix.NL80211_BAND_ATTR_VHT_CAPA, 5<<23|1<<5)
		})),
		wiphy(t, 3, band(unix.NL80211_BAND_5GHZ, frequencies)),
		wiphy(t, 3, band(unix.NL80211_BAND_5GHZ, nest(unix.NL80211_BAND_ATTR_IFTYPE_DATA, he(unix.NL80211_IFTYPE_AP)))),
		wiphy(t, 3, band(unix.NL80211_BAND_2GHZ, nest(unix.NL80211_BAND_ATTR_IFTYPE_DATA, he(unix.NL80211_IFTYPE_STATION)))),
	} {
		if err := addDetails(all, m); err != nil {
			t.Fatal(err)
		}
	}
	want := map[int]details{3: {
		unix.NL80211_BAND_5GHZ: {
			channels:      map[int]Channel{5180: {NoHT40Minus: true, No160: true}, 5825: {NoHT40Plus: true, No80: true}},
			ampduExponent: 5,
			he:            &HE{Width40: true, Width80: true, Width160: true, SUBeamformer: true, SUBeamformee: true},
		},
		unix.NL80211_BAND_2GHZ: {},
	}}
	if d := cmp.Diff(want, all, cmp.AllowUnexported(bandDetails{})); d != "" {
		t.Error(d)
	}
}

func FuzzDetails(f *testing.F) {
	f.Add([]byte{8, 0, 1, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		all := map[int]details{}
		if addDetails(all, b) != nil && len(all) > 0 {
			t.Error("an error and a radio")
		}
	})
}

// phy is what package wifi tells of a dual-band radio.
func phy() *wifi.PHY {
	suites := make([]byte, 8)
	binary.NativeEndian.PutUint32(suites, 0x000fac04)
	binary.NativeEndian.PutUint32(suites[4:], 0x000fac06)
	return &wifi.PHY{
		Index: 3, Name: "phy3",
		SupportedIftypes: []wifi.InterfaceType{wifi.InterfaceTypeStation, wifi.InterfaceTypeAP},
		BandAttributes: []wifi.BandAttributes{
			{
				HTCapabilities:      &wifi.HTCapabilities{CW40: true, RxLDPC: true, SGI20: true, SGI40: true, TxSTBC: true, RxSTBCStreams: 2, LongMaxAMSDULength: true, DSSSCCKHT40: true},
				FrequencyAttributes: []wifi.FrequencyAttrs{{Frequency: 2484, Disabled: true}, {Frequency: 2412}, {Frequency: 2472, NoIR: true}},
			},
			{
				VHTCapabilities: &wifi.VHTCapabilities{MaxMPDULength: 7991, VHT160: true, RXLDPC: true, ShortGI80: true, ShortGI160: true, TXSTBC: true, RXSTBC: 2,
					SuBeamFormer: true, SuBeamFormee: true, MuBeamformer: true, BFAntenna: 2, SoundingDimension: 1, RXAntennaPattern: true, TXAntennaPattern: true},
				FrequencyAttributes: []wifi.FrequencyAttrs{{Frequency: 5180}, {Frequency: 5260, RadarDetection: true}, {Frequency: 4920}},
			},
			{}, // 60 GHz
			{FrequencyAttributes: []wifi.FrequencyAttrs{{Frequency: 5955}}}, // 6 GHz
		},
		InterfaceCombinations: []wifi.InterfaceCombination{
			{Total: 3, CombinationLimits: []wifi.InterfaceCombinationLimit{{Max: 8, InterfaceTypes: []wifi.InterfaceType{wifi.InterfaceTypeAP}}}},
			{Total: 2, CombinationLimits: []wifi.InterfaceCombinationLimit{{Max: 2, InterfaceTypes: []wifi.InterfaceType{wifi.InterfaceTypeStation}}}},
		},
		Extra: map[uint16][]byte{unix.NL80211_ATTR_CIPHER_SUITES: suites},
	}
}

func TestCapabilitiesOf(t *testing.T) {
	own := net.HardwareAddr{0, 1, 2, 3, 4, 5}
	ifis := []*wifi.Interface{
		{Index: 9, Name: "wlan1_1", PHY: 3}, {Index: 7, Name: "wlan1", PHY: 3, HardwareAddr: own},
		{Index: 2, Name: "wlan0", PHY: 0}, {Index: 0, Name: "", PHY: 3},
	}
	d := details{unix.NL80211_BAND_5GHZ: {
		ampduExponent: 7, he: &HE{Width80: true}, channels: map[int]Channel{5180: {No160: true}},
	}}
	want := Capabilities{
		PHY: "phy3", Interface: "wlan1", Interfaces: []string{"wlan1", "wlan1_1"}, Address: own, AP: true, MaxNetworks: 3, Protection: true, Country: "DE",
		Bands: []BandCapabilities{
			{
				Band: Band2, HT: &HT{Width40: true, LDPC: true, ShortGI20: true, ShortGI40: true, TxSTBC: true, RxSTBC: 2, LongAMSDU: true, DSSSCCKIn40: true},
				Channels: []Channel{{Number: 1, Frequency: 2412}, {Number: 13, Frequency: 2472, NoIR: true}, {Number: 14, Frequency: 2484, Disabled: true}},
			},
			{
				Band: Band5, HE: &HE{Width80: true},
				VHT: &VHT{Width160: true, MaxMPDU: 7991, RxLDPC: true, ShortGI80: true, ShortGI160: true, TxSTBC: true, RxSTBC: 2,
					SUBeamformer: true, SUBeamformee: true, MUBeamformer: true, Antennas: 4, Dimensions: 2, AMPDUExponent: 7, RxPattern: true, TxPattern: true},
				Channels: []Channel{{Number: 36, Frequency: 5180, No160: true}, {Number: 52, Frequency: 5260, Radar: true}},
			},
		},
	}
	if d := cmp.Diff(want, capabilitiesOf(phy(), ifis, "DE", d)); d != "" {
		t.Error(d)
	}
}

func TestCapabilitiesOfAPoorRadio(t *testing.T) {
	p := &wifi.PHY{Name: "phy0", SupportedIftypes: []wifi.InterfaceType{wifi.InterfaceTypeStation},
		Extra: map[uint16][]byte{unix.NL80211_ATTR_WIPHY_SELF_MANAGED_REG: {}, unix.NL80211_ATTR_CIPHER_SUITES: {6, 0xac}}}
	want := Capabilities{PHY: "phy0", SelfManaged: true, Country: "00"}
	if d := cmp.Diff(want, capabilitiesOf(p, nil, "00", nil)); d != "" {
		t.Error(d)
	}
}

// The Wi-Fi of a Raspberry Pi lists the cipher of protected frames, which its firmware
// has as a client alone: WPA2 without them is what its stations can join.
func TestFirmwareThatAuthenticatesStations(t *testing.T) {
	p := phy()
	p.Extra[unix.NL80211_ATTR_DEVICE_AP_SME] = make([]byte, 4)
	c := capabilitiesOf(p, nil, "DE", nil)
	r, tune, err := Fit(Radio{Interface: "wlan0", Networks: []Network{home()}}, c, Trouble{})
	if err != nil || c.Protection || len(tune.Why) != 1 {
		t.Fatalf("%v, protected %v, %q", err, c.Protection, tune.Why)
	}
	text := Render(Setting{Dir: "/d", Radio: r, Tune: tune, Capabilities: c})[plainPath]
	if !strings.Contains(text, "\nwpa_key_mgmt=WPA-PSK\n") || strings.Contains(text, "ieee80211w") {
		t.Error(text)
	}
}

func TestChannelsAndFrequencies(t *testing.T) {
	for mhz, want := range map[int]int{2412: 1, 2472: 13, 2484: 14, 5180: 36, 5825: 165, 5955: 0, 0: 0, 2407: 0} {
		if got := channelOf(mhz); got != want {
			t.Errorf("%d MHz is channel %d", mhz, got)
		}
	}
	for _, b := range []Band{Band2, Band5} {
		for n := range 200 {
			if f := frequency(b, n); f != 0 && channelOf(f) != n {
				t.Errorf("channel %d of %s GHz is at %d MHz, which is channel %d", n, b, f, channelOf(f))
			}
		}
	}
}

// Where the kernel has no Wi-Fi, or no radio, there is none, and that is no fault.
func TestListRadiosHere(t *testing.T) {
	list, err := listRadios()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if c.PHY == "" {
			t.Errorf("%+v", c)
		}
	}
}
