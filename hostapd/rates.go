package hostapd

import (
	"fmt"
	"strings"
)

// rates writes the standards beyond 802.11a/g and what of them to use: never more than
// the radio lists, or hostapd would not start.
func (l *lines) rates(s Setting) {
	b := s.Capabilities.Band(s.Tune.Band)
	if b == nil || b.HT == nil || s.Tune.Channel == japan {
		return
	}
	l.set("ieee80211n", 1)
	l.flags("ht_capab", b.HT.flags(s.Tune))
	if b.VHT != nil && b.Band == Band5 {
		l.set("ieee80211ac", 1)
		l.flags("vht_capab", b.VHT.flags(s.Tune))
		l.width("vht", s.Tune)
	}
	if b.HE != nil {
		l.set("ieee80211ax", 1)
		l.on("he_su_beamformer", b.HE.SUBeamformer)
		l.on("he_su_beamformee", b.HE.SUBeamformee)
		l.on("he_mu_beamformer", b.HE.MUBeamformer)
		if b.Band == Band5 {
			l.width("he", s.Tune)
		}
	}
}

// flags writes a list of bracketed names.
func (l *lines) flags(key string, names []string) {
	if len(names) > 0 {
		l.set(key, "["+strings.Join(names, "][")+"]")
	}
}

// width writes the width beyond 40 MHz. Without a channel hostapd finds the centre.
func (l *lines) width(standard string, t Tune) {
	l.set(standard+"_oper_chwidth", chwidth(t.Width))
	if t.Centre != 0 {
		l.set(standard+"_oper_centr_freq_seg0_idx", t.Centre)
	}
}

// chwidth is hostapd's number of a width: 0 for 20 and 40 MHz, 1 for 80, 2 for 160.
func chwidth(width int) int { return max(0, width/80) }

// chosen is a list of names of which each is taken under its condition.
type chosen []string

func (c *chosen) when(wanted bool, format string, args ...any) {
	if wanted {
		*c = append(*c, fmt.Sprintf(format, args...))
	}
}

func (h *HT) flags(t Tune) []string {
	var c chosen
	c.when(h.Width40 && t.Secondary > 0, "HT40+")
	c.when(h.Width40 && t.Secondary < 0, "HT40-")
	c.when(h.LDPC, "LDPC")
	c.when(h.ShortGI20, "SHORT-GI-20")
	c.when(h.ShortGI40 && t.Secondary != 0, "SHORT-GI-40")
	c.when(h.TxSTBC, "TX-STBC")
	c.when(h.RxSTBC > 0 && h.RxSTBC <= 3, "RX-STBC%s", "123"[:min(h.RxSTBC, 3)])
	c.when(h.LongAMSDU, "MAX-AMSDU-7935")
	c.when(h.DSSSCCKIn40 && t.Secondary != 0 && t.Band == Band2, "DSSS_CCK-40")
	return c
}

func (v *VHT) flags(t Tune) []string {
	var c chosen
	c.when(v.MaxMPDU == 7991 || v.MaxMPDU == 11454, "MAX-MPDU-%d", v.MaxMPDU)
	c.when(v.Width160 && t.Width == 160, "VHT160")
	c.when(v.RxLDPC, "RXLDPC")
	c.when(v.ShortGI80, "SHORT-GI-80")
	c.when(v.ShortGI160 && t.Width == 160, "SHORT-GI-160")
	c.when(v.TxSTBC, "TX-STBC-2BY1")
	c.when(v.RxSTBC > 0 && v.RxSTBC <= 4, "RX-STBC-%s", "1234"[:min(v.RxSTBC, 4)])
	c.when(v.SUBeamformer, "SU-BEAMFORMER")
	c.when(v.SUBeamformee, "SU-BEAMFORMEE")
	c.when(v.SUBeamformee && v.Antennas >= 2 && v.Antennas <= 4, "BF-ANTENNA-%d", v.Antennas)
	c.when(v.SUBeamformer && v.Dimensions >= 2 && v.Dimensions <= 4, "SOUNDING-DIMENSION-%d", v.Dimensions)
	c.when(v.SUBeamformer && v.MUBeamformer, "MU-BEAMFORMER")
	c.when(true, "MAX-A-MPDU-LEN-EXP%d", max(0, min(v.AMPDUExponent, 7)))
	c.when(v.RxPattern, "RX-ANTENNA-PATTERN")
	c.when(v.TxPattern, "TX-ANTENNA-PATTERN")
	return c
}
