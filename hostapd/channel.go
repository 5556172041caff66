package hostapd

import (
	"errors"
	"fmt"
	"slices"
)

// Trouble is what a radio was found unable to do although it claims to, so that it is
// not tried again. The zero value is none.
type Trouble struct {
	ACS      bool  // the automatic choice of a channel failed
	Radar    bool  // radar was heard, or the check for it failed
	SAE      bool  // this hostapd is built without WPA3
	AX, AC   bool  // and without 802.11ax, or 802.11ac
	Channels []int // that hostapd refused
	Some     bool  // a network that cannot be secured is left out, for the others' sake
	Most     int   // networks at once, after one more was refused; 0 unknown
}

// lasting is what of the trouble stays wherever the radio transmits.
func (t Trouble) lasting() Trouble {
	return Trouble{SAE: t.SAE, AX: t.AX, AC: t.AC, Most: t.Most}
}

// Tune is where a radio transmits, and why not where it was wished.
type Tune struct {
	Band      Band
	Channel   int   // 0: hostapd chooses among Channels by listening
	Channels  []int // the choice, when Channel is 0
	Frequency int   // MHz of Channel; 0 when hostapd chooses
	Width     int   // MHz
	Secondary int   // of 40 MHz and more: 1 above, -1 below the channel; 0 none
	Centre    int   // channel number of the centre of 80 and 160 MHz; 0 else
	Radar     bool  // a radar check comes first
	Places    []int // of the networks among those wished, by which interfaces are named; nil: none before the last is left out
	Why       []string
}

// Choose finds where r can transmit, given what the radio can do and what trouble it
// had: as wished if possible, else on another channel of the band that may transmit
// without a radar check, else in the other band. The flags of the channels are those
// of the country in force, which the caller sets first.
func Choose(r Radio, c Capabilities, t Trouble) (Tune, error) {
	var why []string
	fault := "the radio has neither 2.4 nor 5 GHz"
	for _, band := range bandsFor(r, c, &why) {
		b := c.Band(band)
		p := picker{radio: r, band: b, trouble: t, country: c.Country, why: why}
		if band != r.bandOfChannel() {
			p.radio.Channel, p.radio.Width = 0, 0
		}
		tune, ok := p.pick()
		if ok {
			tune.Band, tune.Why = band, p.why
			return tune, nil
		}
		why = append(p.why, fmt.Sprintf("no channel of the %s GHz band may transmit%s", band, inCountry(c.Country)))
		fault = "no channel may transmit" + inCountry(c.Country)
	}
	return Tune{Why: why}, errors.New(fault)
}

// bandsFor lists the bands of the radio in the order in which they are to be tried.
func bandsFor(r Radio, c Capabilities, why *[]string) []Band {
	want := r.bandOfChannel()
	var out []Band
	for _, b := range []Band{want, Band2, Band5} {
		if c.Band(b) != nil && !slices.Contains(out, b) {
			out = append(out, b)
		}
	}
	if (r.Band != "" || r.Channel != 0) && len(out) > 0 && out[0] != want {
		*why = append(*why, fmt.Sprintf("the radio has no %s GHz band", want))
	}
	return out
}

// inCountry is the tail of a sentence about what is allowed.
func inCountry(c string) string {
	switch c {
	case "", "00":
		return " while no country is set"
	default:
		return " in " + c
	}
}

// picker chooses within one band.
type picker struct {
	radio   Radio
	band    *BandCapabilities
	trouble Trouble
	country string
	why     []string
}

func (p *picker) explain(format string, args ...any) {
	p.why = append(p.why, fmt.Sprintf(format, args...))
}

func (p *picker) pick() (Tune, bool) {
	if p.radio.Channel != 0 {
		ch := p.band.channel(p.radio.Channel)
		reason := p.refusal(ch, true)
		if reason == "" {
			return p.fixed(*ch, true), true
		}
		p.explain("channel %d %s", p.radio.Channel, reason)
	}
	widest := p.widest()
	for width := widest; width >= 20; width /= 2 {
		list := p.candidates(width)
		if len(list) == 0 {
			continue
		}
		if p.radio.Channel == 0 && !p.trouble.ACS && len(list) > 1 {
			p.narrowed(width)
			return p.automatic(list, width), true
		}
		if p.radio.Channel == 0 && p.trouble.ACS {
			p.explain("the radio could not choose a channel by itself")
		}
		ch := favourite(list)
		return p.fixed(ch, p.radio.DFS), true
	}
	return Tune{}, false
}

// refusal tells why a channel cannot be used; "" when it can.
func (p *picker) refusal(ch *Channel, radarOK bool) string {
	switch {
	case ch == nil:
		return "is not one of the radio's"
	case ch.Disabled:
		return "is forbidden" + inCountry(p.country)
	case ch.NoIR:
		return "may not start a network" + inCountry(p.country)
	case ch.Radar && p.trouble.Radar:
		return "is taken by radar, or its radar check failed"
	case ch.Radar && !radarOK:
		return "needs a radar check"
	case slices.Contains(p.trouble.Channels, ch.Number):
		return "was refused by the radio"
	}
	return ""
}

// Channels of the 2.4 GHz band that are taken only when named.
const (
	everywhere = 11 // the last that clients from the Americas hear
	japan      = 14 // for 802.11b alone
)

// candidates lists the channels that may transmit with the width.
func (p *picker) candidates(width int) []Channel {
	var out []Channel
	for _, ch := range p.band.Channels {
		if p.band.Band == Band2 && ch.Number > everywhere {
			continue
		}
		if p.refusal(&ch, p.radio.DFS) == "" && p.fits(ch, width, p.radio.DFS) {
			out = append(out, ch)
		}
	}
	return out
}

// automatic leaves the choice to hostapd.
func (p *picker) automatic(list []Channel, width int) Tune {
	t := Tune{Width: width}
	for _, ch := range list {
		if p.band.Band == Band2 && width > 20 && secondary(Band2, ch.Number) < 0 {
			continue // hostapd turns the sides round on 5 GHz only
		}
		t.Channels = append(t.Channels, ch.Number)
		t.Radar = t.Radar || ch.Radar
	}
	if width > 20 {
		t.Secondary = 1
	}
	return t
}

// fixed tunes to one channel, as wide as is wished and possible there.
func (p *picker) fixed(ch Channel, radarOK bool) Tune {
	t := Tune{Channel: ch.Number, Frequency: ch.Frequency, Width: p.widest()}
	for t.Width > 20 && !p.fits(ch, t.Width, radarOK) {
		t.Width /= 2
	}
	p.narrowed(t.Width)
	t.Radar = ch.Radar
	if t.Width > 20 {
		t.Secondary = secondary(p.band.Band, ch.Number)
	}
	if t.Width > 40 {
		first := blockStart(ch.Number, t.Width)
		t.Centre = first + 2*(t.Width/20-1)
		for n := first; n < first+t.Width/5; n += 4 {
			t.Radar = t.Radar || p.band.channel(n).Radar
		}
	}
	return t
}

// narrowed explains a width below the one that was asked for by name.
func (p *picker) narrowed(width int) {
	if p.radio.Width > width {
		p.explain("%d MHz instead of %d: the radio or the rules%s allow no more", width, p.radio.Width, inCountry(p.country))
	}
}

// widest is the wished width within what the radio can do.
func (p *picker) widest() int {
	want := p.radio.Width
	switch {
	case want == 0 && p.band.Band == Band5:
		want = 80
	case want == 0:
		want = 20 // neighbours on 2.4 GHz suffer from more
	}
	return min(want, p.band.widest())
}

// fits says that all of the spectrum which a network of that width takes may transmit.
func (p *picker) fits(ch Channel, width int, radarOK bool) bool {
	if width == 20 {
		return true
	}
	second := secondary(p.band.Band, ch.Number)
	if second > 0 && ch.NoHT40Plus || second < 0 && ch.NoHT40Minus || width >= 80 && ch.No80 || width >= 160 && ch.No160 {
		return false
	}
	if p.band.Band == Band2 {
		return p.refusal(p.band.channel(ch.Number+4*second), radarOK) == ""
	}
	first := blockStart(ch.Number, width)
	for n := first; n < first+width/5; n += 4 {
		if p.refusal(p.band.channel(n), radarOK) != "" {
			return false
		}
	}
	return true
}

// favourite is the channel to use when nobody listened: on 2.4 GHz one of the three
// that do not overlap, else the first.
func favourite(list []Channel) Channel {
	for _, n := range []int{1, 6, 11} {
		for _, ch := range list {
			if ch.Number == n {
				return ch
			}
		}
	}
	return list[0]
}

// secondary says on which side a channel's second 20 MHz lie.
func secondary(b Band, channel int) int {
	switch {
	case b == Band2 && channel <= 7:
		return 1
	case b == Band2:
		return -1
	case blockStart(channel, 40) == channel:
		return 1
	default:
		return -1
	}
}

// blockStart is the lowest channel of the block of that width, in the 5 GHz band, to
// which a channel belongs (IEEE 802.11-2020 annex E).
func blockStart(channel, width int) int {
	base := 36
	switch {
	case channel >= 149:
		base = 149
	case channel >= 100:
		base = 100
	}
	size := width / 5 // channel numbers count 5 MHz
	return base + (channel-base)/size*size
}

// frequency returns the centre of a channel in MHz; 0 when there is no such channel.
func frequency(b Band, channel int) int {
	switch {
	case b == Band2 && channel == japan:
		return 2484
	case b == Band2 && channel >= 1 && channel <= 13:
		return 2407 + 5*channel
	case b == Band5 && channel >= 36 && channel <= 177:
		return 5000 + 5*channel
	}
	return 0
}
