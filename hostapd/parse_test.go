package hostapd

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tetherd/tetherd/wpa"
)

func TestParseEvent(t *testing.T) {
	for text, want := range map[string]event{
		"<3>AP-STA-CONNECTED 02:00:00:00:00:01":                  {name: "AP-STA-CONNECTED", mac: mac(1)},
		"<3>AP-STA-CONNECTED 02:00:00:00:00:01 keyid=x vlanid=7": {name: "AP-STA-CONNECTED", mac: mac(1), args: "keyid=x vlanid=7"},
		"<3>AP-STA-DISCONNECTED 02:00:00:00:00:01\n":             {name: "AP-STA-DISCONNECTED", mac: mac(1)},
		"<3>AP-STA-POSSIBLE-PSK-MISMATCH 02:00:00:00:00:01":      {name: "AP-STA-POSSIBLE-PSK-MISMATCH", mac: mac(1)},
		"<3>AP-ENABLED ":                                                 {name: "AP-ENABLED"},
		"<3>ACS-COMPLETED freq=2412 channel=1":                           {name: "ACS-COMPLETED", args: "freq=2412 channel=1"},
		"<3>DFS-CAC-COMPLETED success=0 freq=5260 ht_enabled=0":          {name: "DFS-CAC-COMPLETED", args: "success=0 freq=5260 ht_enabled=0"},
		"<3>CTRL-EVENT-TERMINATING":                                      {name: "CTRL-EVENT-TERMINATING"},
		"<2>WPS-NEW-AP-SETTINGS 1":                                       {name: "WPS-NEW-AP-SETTINGS", args: "1"},
		"<3>AP-STA-CONNECTED 02:00:00:00:00:0G":                          {name: "AP-STA-CONNECTED", args: "02:00:00:00:00:0G"},
		"<3>AP-STA-CONNECTED 0200.0000.0001xxx":                          {name: "AP-STA-CONNECTED", args: "0200.0000.0001xxx"},
		"<3>BSS-TM-RESP 02:00:00:00:00:01 status_code=0 bss_termination": {name: "BSS-TM-RESP", mac: mac(1), args: "status_code=0 bss_termination"},
	} {
		got, ok := parseEvent(text)
		if d := cmp.Diff(want, got, cmp.AllowUnexported(event{})); !ok || d != "" {
			t.Errorf("%q: %v %s", text, ok, d)
		}
	}
	for _, text := range []string{"", "<3>", "OK\n", "AP-ENABLED", "<x>AP-ENABLED", "<3>lower", "<3> X", "<3>A\x00B", "<3>" + strings.Repeat("A", maxLine)} {
		if e, ok := parseEvent(text); ok {
			t.Errorf("%q: %+v", text, e)
		}
	}
}

func TestEventArguments(t *testing.T) {
	e := event{args: "success=0 freq=5260  cf1=5270 empty= key"}
	for key, want := range map[string]string{"success": "0", "cf1": "5270", "f1": "", "empty": "", "key": "", "none": ""} {
		if got := e.arg(key); got != want {
			t.Errorf("%s is %q", key, got)
		}
	}
}

// What hostapd 2.10 said on a dual-band card with two networks, 5 GHz, 80 MHz.
const status80 = `state=ENABLED
phy=phy0
freq=5180
num_sta_non_erp=0
olbc=0
cac_time_seconds=0
cac_time_left_seconds=N/A
channel=36
edmg_enable=0
secondary_channel=1
ieee80211n=1
ieee80211ac=1
ieee80211ax=0
beacon_int=100
dtim_period=2
vht_oper_chwidth=1
vht_oper_centr_freq_seg0_idx=42
bss[0]=wlan0
bssid[0]=02:00:00:00:00:00
ssid[0]=state=DFS
num_sta[0]=1
`

func TestParseStatus(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		want  air
		width int
	}{
		"80 MHz, and a name that looks like a line": {status80, air{state: StateEnabled, frequency: 5180, channel: 36, secondary: 1, chwidth: 1}, 80},
		"radar check": {
			"state=DFS\nfreq=5260\ncac_time_seconds=60\ncac_time_left_seconds=42\nchannel=52\nsecondary_channel=1\n",
			air{state: StateDFS, frequency: 5260, channel: 52, secondary: 1, cacLeft: 42 * time.Second}, 40,
		},
		"below":         {"state=ENABLED\nfreq=2462\nchannel=11\nsecondary_channel=-1\n", air{state: StateEnabled, frequency: 2462, channel: 11, secondary: -1}, 40},
		"160 MHz":       {"state=ENABLED\nfreq=5180\nchannel=36\nsecondary_channel=1\nhe_oper_chwidth=2\n", air{state: StateEnabled, frequency: 5180, channel: 36, secondary: 1, chwidth: 2}, 160},
		"starting":      {"state=UNINITIALIZED\nfreq=0\n", air{state: StateStarting}, 0},
		"country":       {"state=COUNTRY_UPDATE\n", air{state: StateCountry}, 0},
		"no-IR":         {"state=NO_IR\n", air{state: StateNoIR}, 0},
		"tomorrow's":    {"state=MAGIC\n", air{state: StateOther}, 0},
		"absurd values": {"state=ENABLED\nfreq=99999999999999999999\nchannel=-7000\ncac_time_left_seconds=9999999\n", air{state: StateEnabled}, 0},
	} {
		got, ok := parseStatus(c.text)
		if d := cmp.Diff(c.want, got, cmp.AllowUnexported(air{})); !ok || d != "" || got.width() != c.width {
			t.Errorf("%s: %v %d MHz %s", name, ok, got.width(), d)
		}
	}
	for _, text := range []string{"", "FAIL\n", "UNKNOWN COMMAND\n", "freq=5180\n"} {
		if _, ok := parseStatus(text); ok {
			t.Errorf("%q is taken for a status", text)
		}
	}
}

// What hostapd 2.10 said of a phone with WPA3, lines that are not read left out.
const stationWPA3 = `da:a1:19:00:00:01
flags=[AUTH][ASSOC][AUTHORIZED][SHORT_PREAMBLE][WMM][MFP][HT][VHT]
aid=1
capability=0x431
listen_interval=10
supported_rates=8c 12 98 24 b0 48 60 6c
timeout_next=NULLFUNC POLL
dot11RSNAStatsSTAAddress=da:a1:19:00:00:01
AKMSuiteSelector=00-0f-ac-8
hostapdWPAPTKState=11
rx_packets=120
tx_packets=98
rx_bytes=15309
tx_bytes=5000000000
inactive_msec=348
signal=-57
rx_rate_info=8667 vhtmcs 9 vhtnss 2 shortGI
tx_rate_info=60
connected_time=123
sae_group=19
`

func TestParseStation(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Station
	}{
		"a phone with WPA3": {stationWPA3, Station{
			MAC: net.HardwareAddr{0xda, 0xa1, 0x19, 0, 0, 1}, Randomised: true, Authorised: true, Security: wpa.WPA3, Protected: true,
			Signal: -57, RxRate: 866700, TxRate: 6000, RxBytes: 15309, TxBytes: 5_000_000_000,
			Connected: 123 * time.Second, Inactive: 348 * time.Millisecond,
		}},
		"WPA2 on its way in": {"00:11:22:33:44:55\nflags=[AUTH][ASSOC]\nAKMSuiteSelector=00-0f-ac-2\n", Station{
			MAC: net.HardwareAddr{0, 0x11, 0x22, 0x33, 0x44, 0x55}, Security: wpa.WPA2,
		}},
		"nothing but an address": {"00:11:22:33:44:55", Station{MAC: net.HardwareAddr{0, 0x11, 0x22, 0x33, 0x44, 0x55}}},
		"absurd values": {"00:11:22:33:44:55\nrx_bytes=-1\nsignal=-999\nrx_rate_info=x\ntx_rate_info=-5\nconnected_time=99999999999999999999\ninactive_msec=18446744073709551615\n", Station{
			MAC: net.HardwareAddr{0, 0x11, 0x22, 0x33, 0x44, 0x55}, Inactive: 1 << 40 * time.Millisecond,
		}},
	} {
		got, ok := parseStation(c.text)
		if d := cmp.Diff(c.want, got); !ok || d != "" {
			t.Errorf("%s: %v %s", name, ok, d)
		}
	}
	for _, text := range []string{"", "FAIL\n", "00:11:22:33:44\n", "00-11-22-33-44-55\n", "00:11:22:33:44:5X\n", "AA:BB:CC:DD:EE:FF\n"} {
		if s, ok := parseStation(text); ok {
			t.Errorf("%q: %+v", text, s)
		}
	}
}

func TestReadingIsBounded(t *testing.T) {
	long := "signal=-1\n" + strings.Repeat("x=y\n", maxLines) + "signal=-2\n"
	if s, _ := parseStation("02:00:00:00:00:01\n" + long); s.Signal != -1 {
		t.Errorf("line %d was read", maxLines+2)
	}
	if s, _ := parseStation("02:00:00:00:00:01\nflags=" + strings.Repeat(" ", maxLine) + "[AUTHORIZED]\n"); s.Authorised {
		t.Error("a line of more than its bound was read")
	}
}

func FuzzEvent(f *testing.F) {
	f.Add("<3>AP-STA-CONNECTED 02:00:00:00:00:01 keyid=x")
	f.Add("<3>DFS-CAC-COMPLETED success=0 freq=5260")
	f.Add("<3>AP-ENABLED ")
	f.Fuzz(func(t *testing.T, text string) {
		e, ok := parseEvent(text)
		if ok == (e.name == "") || e.mac != nil && len(e.mac) != 6 || len(e.args) > maxLine {
			t.Errorf("%+v %v", e, ok)
		}
		e.arg("success")
	})
}

func FuzzStatus(f *testing.F) {
	f.Add(status80)
	f.Add("state=DFS\ncac_time_left_seconds=42\n")
	f.Fuzz(func(t *testing.T, text string) {
		a, ok := parseStatus(text)
		if ok == (a.state == "") || a.cacLeft > time.Hour || a.cacLeft < -time.Hour || a.width() > 160 {
			t.Errorf("%+v %v", a, ok)
		}
	})
}

func FuzzStation(f *testing.F) {
	f.Add(stationWPA3)
	f.Add("00:11:22:33:44:55\nflags=\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, ok := parseStation(text)
		if ok != (len(s.MAC) == 6) || s.RxRate < 0 || s.TxRate < 0 || s.Connected < 0 || s.Inactive < 0 {
			t.Errorf("%+v %v", s, ok)
		}
	})
}

func FuzzActs(f *testing.F) {
	f.Add("a 02:00:00:00:00:01 60 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		now := time.Unix(1e9, 0)
		a, err := parseActs(text, now)
		if err != nil {
			return
		}
		again, err := parseActs(a.text(now), now)
		if err != nil || len(again) != len(a) {
			t.Errorf("%q became %q: %v", text, a.text(now), err)
		}
	})
}
