package hostapd

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// suiteBIP is BIP-CMAC-128, with which management frames are protected (IEEE
// 802.11-2020 table 9-149).
const suiteBIP = 0x000fac06

// hasCipher looks for a suite in NL80211_ATTR_CIPHER_SUITES, a list of numbers in the
// order of the machine.
func hasCipher(list []byte, suite uint32) bool {
	for ; len(list) >= 4; list = list[4:] {
		if binary.NativeEndian.Uint32(list) == suite {
			return true
		}
	}
	return false
}

// addDetails reads one message of a split dump of radios: each holds some attributes
// of one radio.
func addDetails(all map[int]details, data []byte) error {
	ad, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		return err
	}
	d := details{}
	phy := -1
	for ad.Next() {
		switch ad.Type() {
		case unix.NL80211_ATTR_WIPHY:
			phy = int(ad.Uint32())
		case unix.NL80211_ATTR_WIPHY_BANDS:
			ad.Nested(func(nad *netlink.AttributeDecoder) error {
				for nad.Next() {
					n := int(nad.Type())
					nad.Nested(func(b *netlink.AttributeDecoder) error {
						d[n] = decodeBand(b, d[n])
						return nil
					})
				}
				return nil
			})
		}
	}
	if err := ad.Err(); err != nil || phy < 0 {
		return err
	}
	if all[phy] == nil {
		all[phy] = details{}
	}
	for n, b := range d {
		all[phy][n] = all[phy][n].join(b)
	}
	return nil
}

// join adds what another message told.
func (b bandDetails) join(o bandDetails) bandDetails {
	if b.channels == nil {
		b.channels = o.channels
	} else {
		for f, c := range o.channels {
			b.channels[f] = c
		}
	}
	b.ampduExponent = max(b.ampduExponent, o.ampduExponent)
	if o.he != nil {
		b.he = o.he
	}
	return b
}

func decodeBand(ad *netlink.AttributeDecoder, b bandDetails) bandDetails {
	for ad.Next() {
		switch ad.Type() {
		case unix.NL80211_BAND_ATTR_VHT_CAPA:
			b.ampduExponent = int(ad.Uint32() >> 23 & 7) // IEEE 802.11-2020 figure 9-611
		case unix.NL80211_BAND_ATTR_FREQS:
			ad.Nested(func(list *netlink.AttributeDecoder) error {
				for list.Next() {
					list.Nested(func(f *netlink.AttributeDecoder) error {
						mhz, c := decodeLimits(f)
						if b.channels == nil {
							b.channels = map[int]Channel{}
						}
						b.channels[mhz] = c
						return nil
					})
				}
				return nil
			})
		case unix.NL80211_BAND_ATTR_IFTYPE_DATA:
			ad.Nested(func(list *netlink.AttributeDecoder) error {
				for list.Next() {
					list.Nested(func(d *netlink.AttributeDecoder) error {
						if he := decodeHE(d); he != nil {
							b.he = he
						}
						return nil
					})
				}
				return nil
			})
		}
	}
	return b
}

// decodeLimits reads what widths a channel does not allow.
func decodeLimits(ad *netlink.AttributeDecoder) (mhz int, c Channel) {
	for ad.Next() {
		switch ad.Type() {
		case unix.NL80211_FREQUENCY_ATTR_FREQ:
			mhz = int(ad.Uint32())
		case unix.NL80211_FREQUENCY_ATTR_NO_HT40_PLUS:
			c.NoHT40Plus = true
		case unix.NL80211_FREQUENCY_ATTR_NO_HT40_MINUS:
			c.NoHT40Minus = true
		case unix.NL80211_FREQUENCY_ATTR_NO_80MHZ:
			c.No80 = true
		case unix.NL80211_FREQUENCY_ATTR_NO_160MHZ:
			c.No160 = true
		}
	}
	return mhz, c
}

// decodeHE reads what the radio can do with 802.11ax in one kind of interface; nil
// unless that is an access point. The octets are the HE PHY Capabilities Information
// field (IEEE 802.11ax-2021 figure 9-788c).
func decodeHE(ad *netlink.AttributeDecoder) *HE {
	ap, phy := false, []byte(nil)
	for ad.Next() {
		switch ad.Type() {
		case unix.NL80211_BAND_IFTYPE_ATTR_IFTYPES:
			ad.Nested(func(types *netlink.AttributeDecoder) error {
				for types.Next() {
					ap = ap || types.Type() == unix.NL80211_IFTYPE_AP
				}
				return nil
			})
		case unix.NL80211_BAND_IFTYPE_ATTR_HE_CAP_PHY:
			phy = ad.Bytes()
		}
	}
	if !ap || len(phy) < 11 {
		return nil
	}
	bit := func(n int) bool { return phy[n/8]>>(n%8)&1 != 0 }
	return &HE{
		Width40: bit(1), Width80: bit(2), Width160: bit(3),
		SUBeamformer: bit(31), SUBeamformee: bit(32), MUBeamformer: bit(33),
	}
}
