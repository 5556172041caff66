package hostapd

import (
	"net"
	"slices"
)

// Capabilities are what one radio can do under the rules now in force.
type Capabilities struct {
	PHY       string // name of the kernel's device, such as phy0
	Interface string // its first network interface; "" none
	// Interfaces are all of them, also those that hostapd made for further networks.
	Interfaces []string
	// Address is that interface's, from which those of further networks are derived.
	Address     net.HardwareAddr
	AP          bool // can be an access point
	MaxNetworks int  // how many networks at once; 0 unknown
	// Protection says that management frames of an access point can be protected
	// (IEEE 802.11w), which WPA3 needs.
	Protection bool
	// SelfManaged says that the driver keeps its own rules and ignores the country.
	SelfManaged bool
	Country     string // of the rules in force; "00" is the world, "" unknown
	Bands       []BandCapabilities
}

// without leaves out the standards that hostapd was found to be built without, and the
// networks that the radio was found not to carry.
func (c Capabilities) without(t Trouble) Capabilities {
	if t.Most > 0 {
		c.MaxNetworks = t.Most
	}
	c.Bands = slices.Clone(c.Bands)
	for i := range c.Bands {
		b := &c.Bands[i]
		if t.AX {
			b.HE = nil
		}
		if t.AC {
			b.VHT = nil
		}
	}
	return c
}

// BandCapabilities are what the radio can do in one band.
type BandCapabilities struct {
	Band     Band
	Channels []Channel // by number
	HT       *HT       // nil: no 802.11n
	VHT      *VHT      // nil: no 802.11ac
	HE       *HE       // nil: no 802.11ax as an access point
}

// Channel is one 20 MHz channel and what the rules say about it.
type Channel struct {
	Number      int
	Frequency   int  // MHz
	Disabled    bool // not to be used at all
	NoIR        bool // no network may be started
	Radar       bool // only after a check for radar
	NoHT40Plus  bool // no second 20 MHz above
	NoHT40Minus bool // none below
	No80, No160 bool // no network of that width
}

// HT is 802.11n (IEEE 802.11-2020 section 9.4.2.55).
type HT struct {
	Width40     bool
	LDPC        bool
	ShortGI20   bool
	ShortGI40   bool
	TxSTBC      bool
	RxSTBC      int // spatial streams, 0 to 3
	LongAMSDU   bool
	DSSSCCKIn40 bool
}

// VHT is 802.11ac (IEEE 802.11-2020 section 9.4.2.157).
type VHT struct {
	Width160      bool
	MaxMPDU       int // octets: 3895, 7991 or 11454
	RxLDPC        bool
	ShortGI80     bool
	ShortGI160    bool
	TxSTBC        bool
	RxSTBC        int // spatial streams, 0 to 4
	SUBeamformer  bool
	SUBeamformee  bool
	MUBeamformer  bool
	Antennas      int // that a beamformee understands, 2 to 4; 0 none
	Dimensions    int // of sounding by a beamformer, 2 to 4; 0 none
	AMPDUExponent int // the longest A-MPDU has 2^(13+n)-1 octets
	RxPattern     bool
	TxPattern     bool
}

// HE is 802.11ax (IEEE 802.11ax-2021 section 9.4.2.248) as an access point.
type HE struct {
	Width40      bool // in the 2.4 GHz band
	Width80      bool // 40 and 80 MHz in the 5 GHz band
	Width160     bool
	SUBeamformer bool
	SUBeamformee bool
	MUBeamformer bool
}

// Band returns what the radio can do in a band; nil when it has none.
func (c Capabilities) Band(b Band) *BandCapabilities {
	i := slices.IndexFunc(c.Bands, func(x BandCapabilities) bool { return x.Band == b })
	if i < 0 {
		return nil
	}
	return &c.Bands[i]
}

func (b *BandCapabilities) channel(number int) *Channel {
	i := slices.IndexFunc(b.Channels, func(c Channel) bool { return c.Number == number })
	if i < 0 {
		return nil
	}
	return &b.Channels[i]
}

// widest is the widest network that the radio can carry in the band, in MHz. An
// 802.11ax network that is wider than 20 MHz on 2.4 GHz or 5 GHz also is an 802.11n or
// 802.11ac one, so the narrower of the two standards counts.
func (b *BandCapabilities) widest() int {
	switch {
	case b.HT == nil || !b.HT.Width40 || b.HE != nil && !b.HE.Width40 && b.Band == Band2:
		return 20
	case b.Band == Band2 || b.VHT == nil || b.HE != nil && !b.HE.Width80:
		return 40
	case !b.VHT.Width160 || b.HE != nil && !b.HE.Width160:
		return 80
	default:
		return 160
	}
}
