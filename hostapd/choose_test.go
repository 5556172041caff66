package hostapd

import (
	"slices"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/wpa"
)

func TestChoose(t *testing.T) {
	for name, c := range map[string]struct {
		radio   string
		wish    Radio
		trouble Trouble
		want    Tune
		why     string // part of the reasons; "" none
	}{
		"a channel on 2.4 GHz": {radio: "ac", wish: Radio{Channel: 6},
			want: Tune{Band: Band2, Channel: 6, Frequency: 2437, Width: 20}},
		"a channel number tells the band": {radio: "ac", wish: Radio{Channel: 36},
			want: Tune{Band: Band5, Channel: 36, Frequency: 5180, Width: 80, Secondary: 1, Centre: 42}},
		"20 MHz when asked for": {radio: "ac", wish: Radio{Channel: 36, Width: 20},
			want: Tune{Band: Band5, Channel: 36, Frequency: 5180, Width: 20}},
		"40 MHz, the upper half": {radio: "ac", wish: Radio{Channel: 40, Width: 40},
			want: Tune{Band: Band5, Channel: 40, Frequency: 5200, Width: 40, Secondary: -1}},
		"channel 165 has no neighbours": {radio: "ac", wish: Radio{Channel: 165},
			want: Tune{Band: Band5, Channel: 165, Frequency: 5825, Width: 20}},
		"80 MHz at the top of the band": {radio: "ac", wish: Radio{Channel: 157},
			want: Tune{Band: Band5, Channel: 157, Frequency: 5785, Width: 80, Secondary: 1, Centre: 155}},
		"160 MHz from channel 100": {radio: "ax", wish: Radio{Channel: 104, Width: 160},
			want: Tune{Band: Band5, Channel: 104, Frequency: 5520, Width: 160, Secondary: -1, Centre: 114, Radar: true}},
		"a block with a forbidden channel is narrower": {radio: "ac", wish: Radio{Channel: 140, Width: 80},
			want: Tune{Band: Band5, Channel: 140, Frequency: 5700, Width: 20, Radar: true}, why: "20 MHz instead of 80"},
		"a radar channel by name": {radio: "ac", wish: Radio{Channel: 52},
			want: Tune{Band: Band5, Channel: 52, Frequency: 5260, Width: 80, Secondary: 1, Centre: 58, Radar: true}},
		"a radar channel where radar was heard": {radio: "ac", wish: Radio{Channel: 52}, trouble: Trouble{Radar: true},
			want: Tune{Band: Band5, Channel: 36, Frequency: 5180, Width: 80, Secondary: 1, Centre: 42}, why: "radar"},
		"a refused channel": {radio: "ac", wish: Radio{Channel: 36}, trouble: Trouble{Channels: []int{36}},
			want: Tune{Band: Band5, Channel: 149, Frequency: 5745, Width: 80, Secondary: 1, Centre: 155}, why: "refused by the radio"},
		"an old radio is narrow": {radio: "g", wish: Radio{Channel: 1, Width: 40},
			want: Tune{Band: Band2, Channel: 1, Frequency: 2412, Width: 20}, why: "20 MHz instead of 40"},
		"channel 13 in the world": {radio: "world", wish: Radio{Channel: 13},
			want: Tune{Band: Band2, Channel: 1, Frequency: 2412, Width: 20}, why: "may not start a network while no country is set"},
		"automatic keeps to what all clients hear": {radio: "ac", wish: Radio{},
			want: Tune{Band: Band2, Channels: span(1, 11, 1), Width: 20}},
		"automatic 40 MHz": {radio: "ac", wish: Radio{Band: Band5, Width: 40},
			want: Tune{Band: Band5, Channels: []int{36, 40, 44, 48, 149, 153, 157, 161}, Width: 40, Secondary: 1}},
		"automatic 160 MHz needs leave for radar": {radio: "ax", wish: Radio{Band: Band5, Width: 160},
			want: Tune{Band: Band5, Channels: []int{36, 40, 44, 48, 149, 153, 157, 161}, Width: 80, Secondary: 1}, why: "80 MHz instead of 160"},
		"automatic 160 MHz with leave": {radio: "ax", wish: Radio{Band: Band5, Width: 160, DFS: true},
			want: Tune{Band: Band5, Channels: append(span(36, 64, 4), span(100, 128, 4)...), Width: 160, Secondary: 1, Radar: true}},
		"automatic failed": {radio: "ac", wish: Radio{}, trouble: Trouble{ACS: true},
			want: Tune{Band: Band2, Channel: 1, Frequency: 2412, Width: 20}, why: "could not choose"},
		"automatic failed and the favourite was refused": {radio: "ac", wish: Radio{}, trouble: Trouble{ACS: true, Channels: []int{1}},
			want: Tune{Band: Band2, Channel: 6, Frequency: 2437, Width: 20}, why: "could not choose"},
		"5 GHz in the world": {radio: "world", wish: Radio{Band: Band5},
			want: Tune{Band: Band2, Channels: span(1, 11, 1), Width: 20}, why: "no channel of the 5 GHz band may transmit while no country is set"},
		"5 GHz wished of a 2.4 GHz radio": {radio: "n", wish: Radio{Band: Band5, Channel: 36},
			want: Tune{Band: Band2, Channels: span(1, 11, 1), Width: 20}, why: "the radio has no 5 GHz band"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Choose(c.wish, made(t, c.radio), c.trouble)
			why := strings.Join(got.Why, "; ")
			if (c.why == "") != (why == "") || !strings.Contains(why, c.why) {
				t.Errorf("why: %q", why)
			}
			got.Why = nil
			if err != nil || !sameTune(got, c.want) {
				t.Errorf("%+v, wanted %+v, error %v", got, c.want, err)
			}
		})
	}
}

func sameTune(a, b Tune) bool {
	ok := slices.Equal(a.Channels, b.Channels)
	a.Channels, b.Channels = nil, nil
	return ok && a.Channel == b.Channel && a.Band == b.Band && a.Frequency == b.Frequency && a.Width == b.Width &&
		a.Secondary == b.Secondary && a.Centre == b.Centre && a.Radar == b.Radar
}

func TestChooseFailsWithASentence(t *testing.T) {
	silent := made(t, "world")
	for i := range silent.Bands {
		for j := range silent.Bands[i].Channels {
			silent.Bands[i].Channels[j].NoIR = true
		}
	}
	for want, c := range map[string]Capabilities{
		"no channel may transmit while no country is set": silent,
		"the radio has neither 2.4 nor 5 GHz":             {},
	} {
		if _, err := Choose(Radio{}, c, Trouble{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, wanted %q", err, want)
		}
	}
}

// Whatever is wished of whatever radio in whatever trouble, what comes out may
// transmit, all of its width, and what differs from the wish is told.
func TestChoosePromises(t *testing.T) {
	for _, name := range []string{"g", "n", "ac", "ax", "world"} {
		caps := made(t, name)
		for _, band := range []Band{"", Band2, Band5} {
			for channel := range 178 {
				for _, width := range []int{0, 20, 40, 80, 160} {
					for bits := range 8 {
						r := Radio{Interface: "wlan0", Band: band, Channel: channel, Width: width, DFS: bits&1 != 0, Networks: []Network{home()}}
						if r.check() == nil {
							promise(t, r, caps, Trouble{ACS: bits&2 != 0, Radar: bits&4 != 0})
						}
					}
				}
			}
		}
	}
}

func promise(t *testing.T, r Radio, caps Capabilities, trouble Trouble) {
	tune, err := Choose(r, caps, trouble)
	if err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	list := tune.Channels
	if tune.Channel != 0 {
		list = []int{tune.Channel}
	}
	if len(list) == 0 {
		t.Fatalf("%+v: no channel in %+v", r, tune)
	}
	for _, n := range list {
		low, high := n, n
		if tune.Width > 20 && tune.Band == Band2 {
			low, high = min(n, n+4*tune.Secondary), max(n, n+4*tune.Secondary)
		} else if tune.Width > 20 {
			low = blockStart(n, tune.Width)
			high = low + tune.Width/5 - 4
		}
		for c := low; c <= high; c += 4 {
			ch := caps.Band(tune.Band).channel(c)
			if ch == nil || ch.Disabled || ch.NoIR || ch.Radar && (trouble.Radar || !tune.Radar) {
				t.Fatalf("%+v: channel %d of %+v may not transmit", r, c, tune)
			}
		}
	}
	if tune.Radar && !r.DFS && r.Channel == 0 {
		t.Fatalf("%+v: radar check without leave in %+v", r, tune)
	}
	asWished := (r.Band == "" || tune.Band == r.Band) && tune.Channel == r.Channel && (r.Width == 0 || tune.Width == r.Width)
	if !asWished && len(tune.Why) == 0 {
		t.Fatalf("%+v: %+v and no reason", r, tune)
	}
}

func TestFitRefusesARadioWithoutAccessPoint(t *testing.T) {
	c := made(t, "ac")
	c.AP = false
	if _, _, err := Fit(Radio{Networks: []Network{home()}}, c, Trouble{}); err == nil {
		t.Error("accepted")
	}
}

// TestPlacesAreForThoseThatCanBe: a network that is left out for its security takes no place
// from one behind it, and those beyond the last place need none.
func TestPlacesAreForThoseThatCanBe(t *testing.T) {
	c := made(t, "ac")
	c.Protection, c.MaxNetworks = false, 2
	named := func(ssid string, security wpa.Security) Network {
		n := home()
		n.SSID, n.Security = ssid, security
		return n
	}
	r := Radio{Networks: []Network{home(), named("Guests", wpa.WPA3), named("Shop", ""), named("Attic", wpa.WPA3)}}
	got, tune, err := Fit(r, c, Trouble{Some: true})
	if err != nil || len(got.Networks) != 2 || got.Networks[1].SSID != "Shop" || !slices.Equal(tune.Places, []int{0, 2}) {
		t.Errorf("on the air are %+v in %v, %v", got.Networks, tune.Places, err)
	}
	for _, why := range []string{`network "Guests" is left out: the radio cannot protect`, `network "Attic" is left out: the radio carries 2 at once`} {
		if !strings.Contains(strings.Join(tune.Why, "\n"), why) {
			t.Errorf("%q is not among %q", why, tune.Why)
		}
	}
}

// Fit must not write into the wish that it was given.
func TestFitLeavesTheWish(t *testing.T) {
	r := Radio{Interface: "wlan0", Networks: []Network{home()}}
	if _, _, err := Fit(r, made(t, "n"), Trouble{}); err != nil {
		t.Fatal(err)
	}
	if r.Networks[0] != home() {
		t.Errorf("the wish is now %+v", r.Networks[0])
	}
}
