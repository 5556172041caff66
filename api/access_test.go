package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/wpa"
)

// TestAccess: each network once, with what a phone needs; the golden text is what a
// person reads.
func TestAccess(t *testing.T) {
	s := snapshot(t)
	onAir(s)
	s.Desired.Hostapd.Radios[0].Networks[1].Guest = true
	got := access(s)
	want := Access{Networks: []Key{
		{SSID: "Tether 4821", Passphrase: secretWiFi, Security: wpa.WPA2WPA3, QR: "WIFI:T:WPA;S:Tether 4821;P:wifi-sesame-4711;;"},
		{SSID: "Things", Passphrase: secretWiFi, Security: wpa.WPA2, Hidden: true, Guest: true, QR: "WIFI:T:WPA;S:Things;P:wifi-sesame-4711;H:true;;"},
	}}
	for i := range got.Networks { // the code is judged by its own package
		if k := &got.Networks[i]; strings.Count(k.Code, "\n") < 20 || strings.Trim(k.Code, "01\n") != "" {
			t.Errorf("the code of %s is %q", k.SSID, k.Code)
		}
		got.Networks[i].Code = ""
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	golden(t, "access.txt", got.Text())
}

// TestNoAccess: without a network it says why, in every state in which there is none.
func TestNoAccess(t *testing.T) {
	for want, set := range map[string]func(*control.Snapshot){
		"there is no Wi-Fi radio": func(*control.Snapshot) {},
		"Wi-Fi is switched off in the configuration": func(s *control.Snapshot) {
			s.Config.WiFi.Enabled = false
			s.Observed.Hostapd.Devices = []hostapd.Capabilities{{Interface: "wlan0", AP: true}}
		},
		"the radios cannot be listed: broken": func(s *control.Snapshot) { s.Observed.Hostapd.Error = "broken" },
	} {
		s := snapshot(t)
		set(s)
		a := access(s)
		if text, err := json.Marshal(a); a.Why != want || err != nil || !strings.Contains(string(text), `"networks":[]`) {
			t.Errorf("%s, %v, wanted %q", text, err, want)
		}
		if !strings.HasPrefix(a.Text(), "No network is on the air: "+want) {
			t.Errorf("reads %q", a.Text())
		}
	}
}

// TestAccessIsLocal: the socket tells it; that the LAN does not TestLANHandler shows.
func TestAccessIsLocal(t *testing.T) {
	s := turning(t, "")
	a, err := AskAccess(patient(t), socket(t, s))
	if err != nil || a.Why != "there is no Wi-Fi radio" {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := AskAccess(patient(t), t.TempDir()+"/none"); err == nil {
		t.Error("nobody answers, and no error")
	}
}
