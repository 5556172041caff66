package hostapd

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestCostElement(t *testing.T) {
	for want, c := range map[string]Cost{
		"":                     {},
		"dd080050f21101000000": {Level: CostUnrestricted},
		"dd080050f21102000000": {Level: CostFixed}, // the example of Microsoft's page for hotspots
		"dd080050f21104000400": {Level: CostVariable, Roaming: true},
		"dd080050f21102000100": {Level: CostFixed, OverLimit: true},
		"dd080050f21102000800": {Level: CostFixed, Approaching: true},
		"dd080050f21104000f00": {Level: CostVariable, OverLimit: true, Congested: true, Roaming: true, Approaching: true},
	} {
		if got := c.Element(); got != want {
			t.Errorf("%+v: %s, wanted %s", c, got, want)
		}
	}
	if (Cost{Roaming: true}).Element() != "" {
		t.Error("an element without a level")
	}
}

func TestCountry(t *testing.T) {
	for mcc, want := range map[string]string{
		"262": "DE", "208": "FR", "310": "US", "316": "US", "440": "JP", "460": "CN", "724": "BR", "202": "GR", "750": "FK", "235": "GB",
		"901": "", "001": "", "": "", "26": "", "2620": "", "abc": "", "2DE": "", "62D": "",
	} {
		if got := Country(mcc); got != want {
			t.Errorf("%s: %q", mcc, got)
		}
	}
	list := strings.Fields(countries)
	if len(list) < 220 || !slices.IsSorted(list) {
		t.Errorf("%d countries, or out of order", len(list))
	}
	for i, c := range list {
		if len(c) != 5 || checkCountry(c[3:]) != nil || i > 0 && list[i-1][:3] == c[:3] || Country(c[:3]) != c[3:] {
			t.Errorf("entry %s", c)
		}
	}
}

func TestActsAreTakenOnce(t *testing.T) {
	now := time.Unix(1e9, 0)
	there := func(m net.HardwareAddr) bool { return m[5] == 1 }
	var a acts
	one, two := Kick{ID: "1", MAC: mac(1), Ban: time.Minute}, Kick{ID: "2", MAC: mac(2)}
	if got := a.take([]Kick{one, two}, there, now); len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	if got := a.take([]Kick{one, two}, there, now.Add(time.Hour)); got != nil {
		t.Errorf("again: %+v", got)
	}
	if want := []Outcome{{"1", true}, {"2", false}}; !slices.Equal(a.outcomes(), want) {
		t.Errorf("%+v", a.outcomes())
	}
	for i := range 3 * maxActs {
		a.take([]Kick{one, {ID: string(rune('a'+i%26)) + strings.Repeat("x", i%60), MAC: mac(9)}}, there, now)
	}
	if len(a) > maxActs || a.take([]Kick{one}, there, now) != nil {
		t.Errorf("%d acts are kept, or one of the Spec was forgotten", len(a))
	}
}

// Whoever is kept out for long stays out, however many are thrown out meanwhile.
func TestBanOutlastsOtherActs(t *testing.T) {
	now := time.Unix(1e9, 0)
	var a acts
	there := func(net.HardwareAddr) bool { return false }
	a.take([]Kick{{ID: "long", MAC: mac(1), Ban: time.Hour}, {ID: "short", MAC: mac(2), Ban: time.Minute}}, there, now)
	for i := range 2 * maxActs {
		now = now.Add(time.Second)
		a.take([]Kick{{ID: "k" + strconv.Itoa(i), MAC: mac(9)}}, there, now)
	}
	if list, _ := a.denied(nil, now); len(a) != maxActs || !reflect.DeepEqual(list, []net.HardwareAddr{mac(1)}) {
		t.Errorf("of %d acts %v are kept out", len(a), list)
	}
	// There is no room for more bans than this: the oldest goes.
	for i := range maxActs {
		a.take([]Kick{{ID: "b" + strconv.Itoa(i), MAC: mac(9), Ban: time.Hour}}, there, now)
	}
	if list, _ := a.denied(nil, now); len(a) != maxActs || !reflect.DeepEqual(list, []net.HardwareAddr{mac(9)}) {
		t.Errorf("of %d acts %v are kept out", len(a), list)
	}
}

func TestBansEnd(t *testing.T) {
	now := time.Unix(1e9, 0)
	var a acts
	a.take([]Kick{{ID: "1", MAC: mac(3), Ban: time.Minute}, {ID: "2", MAC: mac(1), Ban: 2 * time.Minute}, {ID: "3", MAC: mac(7)}},
		func(net.HardwareAddr) bool { return false }, now)
	blocked := []net.HardwareAddr{mac(2), mac(3)}
	for _, c := range []struct {
		after time.Duration
		want  []net.HardwareAddr
		next  time.Duration
	}{
		{0, []net.HardwareAddr{mac(1), mac(2), mac(3)}, time.Minute},
		{time.Minute, []net.HardwareAddr{mac(1), mac(2), mac(3)}, 2 * time.Minute},
		{2 * time.Minute, []net.HardwareAddr{mac(2), mac(3)}, 0},
	} {
		got, next := a.denied(blocked, now.Add(c.after))
		if !reflect.DeepEqual(got, c.want) || c.next == 0 != next.IsZero() || c.next != 0 && !next.Equal(now.Add(c.next)) {
			t.Errorf("after %v: %v until %v", c.after, got, next)
		}
	}
	if !reflect.DeepEqual(blocked, []net.HardwareAddr{mac(2), mac(3)}) {
		t.Error("the list of the Spec was changed")
	}
}

func TestActsSurviveOnFile(t *testing.T) {
	now := time.Unix(1e9, 0)
	path := filepath.Join(t.TempDir(), "acts")
	if a, err := readActs(path, now); a != nil || err != nil {
		t.Fatalf("without a file: %v %v", a, err)
	}
	var a acts
	a.take([]Kick{{ID: "x:1", MAC: mac(3), Ban: time.Minute}, {ID: "y", MAC: mac(1)}}, func(m net.HardwareAddr) bool { return m[5] == 1 }, now)
	if err := a.write(path, now.Add(10*time.Second)); err != nil {
		t.Fatal(err)
	}
	const want = "x:1 02:00:00:00:00:03 50 0\ny 02:00:00:00:00:01 0 1\n"
	if text, err := os.ReadFile(path); string(text) != want || err != nil {
		t.Errorf("%q %v", text, err)
	}
	later := time.Unix(5, 0) // the clock starts anew
	b, err := readActs(path, later)
	if err != nil || b.text(later) != want {
		t.Errorf("%+v %v", b, err)
	}
	for _, bad := range []string{"x\n", "x 02:00:00:00:00:03 50 0", "x 02:00:00:00:00:03 -1 0\n", "x 02:00:00:00:00:03 1 2\n", "x 02:00 1 0\n",
		" 02:00:00:00:00:03 1 0\n", "x 02:00:00:00:00:03 2147483647 0\n", strings.Repeat("x 02:00:00:00:00:03 1 0\n", maxActs+1)} {
		if _, err := parseActs(bad, now); err == nil {
			t.Errorf("%.40q is taken", bad)
		}
	}
}

func TestDiagnose(t *testing.T) {
	for want, c := range map[string]struct {
		output []string
		remedy remedy
	}{
		"hostapd is built without WPA3": {[]string{"Line 12: invalid key_mgmt 'SAE'", "1 errors found in configuration file 'x'"}, remedySAE},
		"hostapd is built without 802.11ax, which the radio has": {[]string{
			"Line 11: unknown configuration item 'ieee80211ax'", "Line 12: unknown configuration item 'he_su_beamformer'"}, remedyAX},
		"hostapd is built without 802.11ac, which the radio has": {[]string{"Line 9: unknown configuration item 'ieee80211ac'"}, remedyAC},
		"the radio is switched off (rfkill)": {[]string{
			"rfkill: Cannot get wiphy information",
			"Could not set interface wlan0 flags (UP): Operation not possible due to RF-kill",
			"nl80211: Could not configure driver mode", "nl80211 driver initialization failed."}, remedyWait},
		"another program runs an access point or a client on this radio": {[]string{
			"nl80211: kernel reports: Match already configured", "wlan0: Could not connect to kernel driver"}, remedyWait},
		"the channel may not be used by an access point": {[]string{
			"Channel 36 (primary) not allowed for AP mode, flags: 0x853 NO-IR", "Could not select hw_mode and channel. (-3)",
			"wlan0: interface state UNINITIALIZED->DISABLED"}, remedyChannel},
		"the radio could not choose a channel by itself": {[]string{
			"ACS: Failed to request initial scan", "Hardware does not support configured channel"}, remedyACS},
		"the radio's driver refuses what it had listed as possible": {[]string{
			"Driver does not support configured HT capability [LDPC]"}, remedyNone},
		"hostapd refuses its file: Line 3: unknown configuration item 'x'": {[]string{
			"Configuration file: /x", "Line 3: unknown configuration item 'x'", "1 errors found in configuration file '/x'"}, remedyNone},
		"hostapd ended: signal: killed": {[]string{"wlan0: AP-ENABLED"}, remedyWait},
	} {
		if got := diagnose(c.output, "signal: killed"); got.sentence != want || got.remedy != c.remedy {
			t.Errorf("%q %d, wanted %q", got.sentence, got.remedy, want)
		}
	}
}

func TestBackOffGrowsAndIsBounded(t *testing.T) {
	last := time.Duration(0)
	for n := range 100 {
		d := backOff(n)
		if d < last || d < restFirst || d > restLongest {
			t.Errorf("after %d failures %v", n, d)
		}
		last = d
	}
	if backOff(0) != time.Second || backOff(3) != 8*time.Second || last != time.Minute {
		t.Error("not doubled, or not up to a minute")
	}
}

func TestTailKeepsTheLastLines(t *testing.T) {
	var out tail
	for i := range 100 {
		io.WriteString(&out, "line ")
		io.WriteString(&out, string(rune('0'+i%10))+"\nhalf")
		io.WriteString(&out, "\n")
	}
	io.WriteString(&out, strings.Repeat("x", 10*tailLine)+"\n\xff\nnot ended")
	got := out.text()
	if len(got) != tailLines || len(got[tailLines-2]) != tailLine || got[tailLines-1] != "?" || got[tailLines-3] != "half" {
		t.Errorf("%d lines: %q", len(got), got)
	}
	out.forget()
	if len(out.text()) != 0 {
		t.Error("not forgotten")
	}
}

// TestRadiosAreListedBeforeRun: who only looks, as for a plan, sees the radios too.
func TestRadiosAreListedBeforeRun(t *testing.T) {
	d, calls := New(Options{RunDir: t.TempDir()}), 0
	d.hw.list = func() ([]Capabilities, error) {
		calls++
		return []Capabilities{{Interface: "wlan7", AP: true}}, nil
	}
	for range 2 {
		if st := d.Observe(); len(st.Devices) != 1 || st.Devices[0].Interface != "wlan7" || st.Error != "" {
			t.Errorf("%+v", st)
		}
	}
	if calls != 1 {
		t.Errorf("listed %d times", calls)
	}
}
