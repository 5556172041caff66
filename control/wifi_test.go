package control

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/wpa"
)

func (w *world) ownFile() string { return filepath.Join(w.state, "wifi.json") }

// radio is an access point that the world has.
func radio() []hostapd.Capabilities {
	return []hostapd.Capabilities{{Interface: "wlan0", Interfaces: []string{"wlan0"}, AP: true, Bands: []hostapd.BandCapabilities{{Band: hostapd.Band2}}}}
}

// onAir is the one network of the one radio.
func onAir(t *testing.T, s *Snapshot) hostapd.Network {
	t.Helper()
	if r := s.Desired.Hostapd.Radios; len(r) != 1 || len(r[0].Networks) != 1 {
		t.Fatalf("on the air: %+v", s.Desired.Hostapd)
	}
	return s.Desired.Hostapd.Radios[0].Networks[0]
}

// TestFirstNetwork: when a radio appears for the first time a name and a passphrase are
// made and kept at once; the next process uses the same.
func TestFirstNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(t, "")
		if s := r.settle(); len(s.Desired.Hostapd.Radios) > 0 {
			t.Errorf("without a radio: %+v", s.Desired.Hostapd)
		}
		if _, err := os.Stat(w.ownFile()); err == nil {
			t.Error("a passphrase was written without a radio")
		}
		w.change(plan.Hostapd, func() { w.radios = radio() })
		first := onAir(t, r.settle())
		info, err := os.Stat(w.ownFile())
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("the file: %v, %v", info, err)
		}
		if wpa.CheckPassphrase(first.Passphrase, wpa.WPA3) != nil || !strings.HasPrefix(first.SSID, "Tether ") {
			t.Errorf("the network is %+v", first)
		}
		if w.lines.count(string(first.Passphrase)) > 0 {
			t.Error("the passphrase is in the log")
		}
		r.pass(time.Hour)
		r.end()
		if again, err := os.Stat(w.ownFile()); err != nil || !os.SameFile(info, again) {
			t.Error("it was written again")
		}
		if next := onAir(t, w.start(t, "").settle()); next != first {
			t.Errorf("the next process has %q, the first had %q", next.SSID, first.SSID)
		}
	})
}

// TestOwnerNamesEverything: then nothing is made.
func TestOwnerNamesEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.radios = radio()
		r := w.start(t, "config network\n\toption ssid 'Home'\n\toption passphrase 'correct horse'\n")
		if n := onAir(t, r.settle()); n.SSID != "Home" {
			t.Errorf("on the air is %q", n.SSID)
		}
		if _, err := os.Stat(w.ownFile()); err == nil {
			t.Error("a passphrase was made")
		}
	})
}

// TestChangedNetworkLeavesTheUplinkAlone: another name or passphrase is hostapd's
// business and nobody else's.
func TestChangedNetworkLeavesTheUplinkAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.radios = radio()
		r := w.start(t, "")
		r.settle()
		for _, text := range []string{
			"config network\n\toption ssid 'Home'\n",
			"config network\n\toption ssid 'Home'\n\toption passphrase 'correct horse'\n",
			"config radio\n\toption channel '6'\nconfig network\n\toption ssid 'Home'\n",
			"config wifi\n\toption country 'DE'\n",
		} {
			w.applied()
			if err := r.Send(Reload{Config: w.config(t, text)}); err != nil {
				t.Fatal(err)
			}
			if s := r.settle(); w.applied() != "hostapd" || !s.Online {
				t.Errorf("%q: applied more or less than hostapd, or online is %v", text, s.Online)
			}
		}
	})
}

// TestDamagedOwnFile: it is put aside, and the network gets a new passphrase.
func TestDamagedOwnFile(t *testing.T) {
	for _, text := range []string{"", "{", `{"ssid":"","passphrase":"12345678","guest_passphrase":"12345678"}`, `{"ssid":"a","passphrase":"1234567","guest_passphrase":"12345678"}`} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.radios = radio()
			if err := writeFile(w.ownFile(), []byte(text)); err != nil {
				t.Fatal(err)
			}
			first := onAir(t, w.start(t, "").settle())
			if aside, err := os.ReadFile(w.ownFile() + ".damaged"); err != nil || string(aside) != text {
				t.Errorf("put aside is %q, %v", aside, err)
			}
			if own, err := readOwn(w.state); err != nil || own.own.Passphrase != first.Passphrase {
				t.Errorf("the new file: %v", err)
			}
		})
	}
}

// TestFullFlash: a passphrase that cannot be kept is used all the same, said in the log,
// and written when it can be.
func TestFullFlash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.radios = radio()
		if err := os.WriteFile(w.state, nil, 0o600); err != nil { // a file where the folder should be
			t.Fatal(err)
		}
		r := w.start(t, "")
		first := onAir(t, r.settle())
		if w.lines.count("cannot be kept") != 1 {
			t.Error("the log does not say it once")
		}
		if err := os.Remove(w.state); err != nil {
			t.Fatal(err)
		}
		r.pass(flushRetry)
		if own, err := readOwn(w.state); err != nil || own.own.Passphrase != first.Passphrase {
			t.Errorf("not written later: %v", err)
		}
	})
}

// TestCountryFollowsTheModem: once known it stays while the modem searches.
func TestCountryFollowsTheModem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.radios = radio()
		r := w.start(t, "config wifi\n\toption country 'AT'\n\toption country_from_modem '1'\n")
		for _, step := range []struct{ state, plmn, want string }{
			{"searching", "", "AT"}, {"home", "26201", "DE"}, {"searching", "", "DE"}, {"roaming", "20810", "FR"}, {"denied", "22801", "FR"}, {"home", "90101", "FR"},
		} {
			w.change(plan.Modem, func() { w.registration.State, w.registration.PLMN = step.state, step.plmn })
			if s := r.settle(); s.Desired.Hostapd.Country != step.want {
				t.Errorf("%+v: the country is %q", step, s.Desired.Hostapd.Country)
			}
		}
	})
}

// TestPreviewOfTheFirstStart: what is made at the first start is not made by asking.
func TestPreviewOfTheFirstStart(t *testing.T) {
	w := newWorld(t)
	w.radios = radio()
	s := Preview(w.parts(), w.config(t, ""), time.Now())
	if _, err := os.Stat(w.ownFile()); err == nil || len(s.Desired.Hostapd.Radios) > 0 {
		t.Errorf("made by asking: %+v", s.Desired.Hostapd)
	}
	told := false
	for _, r := range s.Desired.Why {
		told = told || r.What == "wifi network"
	}
	if !told {
		t.Errorf("not told that it will be: %+v", s.Desired.Why)
	}
	own := wpa.Own{SSID: "Tether 0001", Passphrase: "12345678", Guest: "87654321"}
	text, err := encodeOwn(own)
	if err != nil || writeFile(w.ownFile(), text) != nil {
		t.Fatal(err)
	}
	if n := onAir(t, Preview(w.parts(), w.config(t, ""), time.Now())); n.SSID != own.SSID {
		t.Errorf("later it is %q", n.SSID)
	}
	if err := os.WriteFile(w.ownFile(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := Preview(w.parts(), w.config(t, ""), time.Now()); len(s.Failures) != 1 || strings.Contains(s.Failures[0], "1234") {
		t.Errorf("of a damaged file it says %q", s.Failures)
	}
}

// FuzzParseOwn: what is accepted is fit for the air and reads back the same; errors
// repeat nothing.
func FuzzParseOwn(f *testing.F) {
	f.Add([]byte(`{"ssid":"Tether 4821","passphrase":"kfw7-8mrp-dh3x","guest_passphrase":"come on in"}`))
	f.Add([]byte(`{"ssid":"\u0000","passphrase":"12345678"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		own, err := parseOwn(text)
		if err != nil {
			if own != (wpa.Own{}) {
				t.Fatal("half of it was taken")
			}
			return
		}
		if wpa.CheckSSID(own.SSID) != nil || wpa.CheckPassphrase(own.Passphrase, wpa.WPA3) != nil {
			t.Fatal("taken, and not fit for the air")
		}
		again, err := encodeOwn(own)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parseOwn(again); err != nil || back != own {
			t.Fatalf("reads back with %v", err)
		}
	})
}
