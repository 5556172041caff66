package hostapd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sort"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"github.com/mdlayher/wifi"
	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/linkwatch"
)

// hardware is how the driver reaches the radios.
type hardware struct {
	list    func() ([]Capabilities, error) // sorted by Interface
	country func(code string) error        // asks the kernel to set the rules; it takes its time
	netif   func(name string) (netif, error)
	release func(name string) error // sets an interface down and takes it out of its bridge
	// watch calls touched when an interface came, went or changed, until ctx ends.
	watch func(ctx context.Context, touched func()) error
}

func kernel() hardware {
	return hardware{list: listRadios, country: setCountry, netif: interfaceOf, release: releaseInterface, watch: linkwatch.Watch}
}

func setCountry(code string) error {
	c, err := wifi.New()
	if err != nil {
		return err
	}
	defer c.Close()
	return c.SetRegulatoryRegion(code, wifi.RegulatoryHintUser)
}

// listRadios asks nl80211 what the radios can do. A kernel without Wi-Fi has none.
func listRadios() ([]Capabilities, error) {
	c, err := wifi.New()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open nl80211: %w", err)
	}
	defer c.Close()
	phys, err := c.PHYs()
	if err != nil {
		return nil, fmt.Errorf("list radios: %w", err)
	}
	ifis, err := c.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	country := ""
	if d, err := c.GetRegulatoryDomain(); err == nil {
		country = d.Region
	}
	more, err := dumpDetails()
	if err != nil {
		return nil, fmt.Errorf("list radios in detail: %w", err)
	}
	var out []Capabilities
	for _, p := range phys {
		out = append(out, capabilitiesOf(p, ifis, country, more[p.Index]))
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Interface < out[j].Interface })
	return out, nil
}

// capabilitiesOf joins what the kernel tells of one radio.
func capabilitiesOf(p *wifi.PHY, ifis []*wifi.Interface, country string, d details) Capabilities {
	c := Capabilities{
		PHY: p.Name, Country: country,
		AP:          slices.Contains(p.SupportedIftypes, wifi.InterfaceTypeAP),
		MaxNetworks: maxAPs(p.InterfaceCombinations),
	}
	// A firmware that authenticates stations itself, which no driver of mac80211's has,
	// is not believed: brcmfmac's lists the cipher for what it can do as a client, and
	// takes no station where frames are protected.
	_, sme := p.Extra[unix.NL80211_ATTR_DEVICE_AP_SME]
	c.Protection = !sme && hasCipher(p.Extra[unix.NL80211_ATTR_CIPHER_SUITES], suiteBIP)
	_, c.SelfManaged = p.Extra[unix.NL80211_ATTR_WIPHY_SELF_MANAGED_REG]
	for n, i := range interfacesOf(p.Index, ifis) {
		if n == 0 {
			c.Interface, c.Address = i.Name, i.HardwareAddr
		}
		c.Interfaces = append(c.Interfaces, i.Name)
	}
	for n, b := range p.BandAttributes {
		if band := bandOf(n); band != "" && len(b.FrequencyAttributes) > 0 {
			c.Bands = append(c.Bands, bandCapabilities(band, b, d[n]))
		}
	}
	return c
}

// interfacesOf lists the network interfaces of a radio, the oldest first.
func interfacesOf(phy int, all []*wifi.Interface) []*wifi.Interface {
	var out []*wifi.Interface
	for _, i := range all {
		if i.PHY == phy && i.Name != "" { // a P2P device has no network interface
			out = append(out, i)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Index < out[j].Index })
	return out
}

// bandOf translates the kernel's number of a band (enum nl80211_band).
func bandOf(n int) Band {
	switch n {
	case unix.NL80211_BAND_2GHZ:
		return Band2
	case unix.NL80211_BAND_5GHZ:
		return Band5
	default:
		return ""
	}
}

// maxAPs is how many access points the best combination allows; 0 when none is listed.
func maxAPs(list []wifi.InterfaceCombination) int {
	best := 0
	for _, c := range list {
		for _, l := range c.CombinationLimits {
			if slices.Contains(l.InterfaceTypes, wifi.InterfaceTypeAP) {
				best = max(best, min(l.Max, c.Total))
			}
		}
	}
	return best
}

func bandCapabilities(band Band, b wifi.BandAttributes, d bandDetails) BandCapabilities {
	out := BandCapabilities{Band: band, HE: d.he}
	for _, f := range b.FrequencyAttributes {
		ch := d.channels[f.Frequency]
		ch.Number, ch.Frequency = channelOf(f.Frequency), f.Frequency
		ch.Disabled, ch.NoIR, ch.Radar = f.Disabled, f.NoIR, f.RadarDetection
		if frequency(band, ch.Number) == f.Frequency {
			out.Channels = append(out.Channels, ch)
		}
	}
	sort.Slice(out.Channels, func(i, j int) bool { return out.Channels[i].Number < out.Channels[j].Number })
	if h := b.HTCapabilities; h != nil {
		out.HT = &HT{
			Width40: h.CW40, LDPC: h.RxLDPC, ShortGI20: h.SGI20, ShortGI40: h.SGI40, TxSTBC: h.TxSTBC,
			RxSTBC: int(h.RxSTBCStreams), LongAMSDU: h.LongMaxAMSDULength, DSSSCCKIn40: h.DSSSCCKHT40,
		}
	}
	if v := b.VHTCapabilities; v != nil && band == Band5 {
		out.VHT = &VHT{
			Width160: v.VHT160, MaxMPDU: v.MaxMPDULength, RxLDPC: v.RXLDPC, ShortGI80: v.ShortGI80, ShortGI160: v.ShortGI160,
			TxSTBC: v.TXSTBC, RxSTBC: v.RXSTBC, SUBeamformer: v.SuBeamFormer, SUBeamformee: v.SuBeamFormee,
			MUBeamformer: v.MuBeamformer, RxPattern: v.RXAntennaPattern, TxPattern: v.TXAntennaPattern,
			// The fields count from one antenna, the struct's BFAntenna from two.
			Antennas: v.BFAntenna + 2, Dimensions: v.SoundingDimension + 1,
			AMPDUExponent: d.ampduExponent,
		}
	}
	return out
}

// channelOf is the number of a channel by its frequency in MHz; 0 none.
func channelOf(mhz int) int {
	switch {
	case mhz == 2484:
		return japan
	case mhz > 2407 && mhz < 2484:
		return (mhz - 2407) / 5
	case mhz > 5000 && mhz < 5900:
		return (mhz - 5000) / 5
	}
	return 0
}

// details are what package wifi does not tell of a radio's bands, by the kernel's
// number of the band.
type details map[int]bandDetails

type bandDetails struct {
	channels      map[int]Channel // by MHz: the limits of width alone
	ampduExponent int
	he            *HE
}

// dumpDetails reads the list of radios once more, by the kernel's number of the radio.
func dumpDetails() (map[int]details, error) {
	c, err := genetlink.Dial(nil)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	family, err := c.GetFamily(unix.NL80211_GENL_NAME)
	if err != nil {
		return nil, err
	}
	ae := netlink.NewAttributeEncoder()
	ae.Flag(unix.NL80211_ATTR_SPLIT_WIPHY_DUMP, true)
	data, err := ae.Encode()
	if err != nil {
		return nil, err
	}
	msgs, err := c.Execute(genetlink.Message{
		Header: genetlink.Header{Command: unix.NL80211_CMD_GET_WIPHY, Version: family.Version},
		Data:   data,
	}, family.ID, netlink.Request|netlink.Dump)
	if err != nil {
		return nil, err
	}
	out := map[int]details{}
	for _, m := range msgs {
		if err := addDetails(out, m.Data); err != nil {
			return nil, err
		}
	}
	return out, nil
}
