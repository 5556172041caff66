package hostapd

import (
	"net"
	"reflect"
	"strings"
	"testing"
)

func TestNoDrift(t *testing.T) {
	for name, c := range map[string]struct {
		spec Spec
		st   Status
	}{
		"off":                    {Spec{}, Status{}},
		"off, with empty lists":  {Spec{}, Status{InForce: Spec{Blocked: []net.HardwareAddr{}, Radios: []Radio{}}}},
		"in force":               {good(), Status{InForce: good()}},
		"in force, not yet seen": {good(), Status{InForce: good(), Radios: []RadioStatus{{Interface: "wlan0", State: StateAbsent}}}},
		"refused":                {good(), Status{InForce: good(), Radios: []RadioStatus{{Interface: "wlan0", Refused: "no"}}}},
	} {
		if d := Drift(c.spec, c.st); d != nil {
			t.Errorf("%s: %q", name, d)
		}
	}
}

func TestDriftNamesWhatDiffers(t *testing.T) {
	for want, change := range map[string]func(*Spec){
		"hostapd: Country is DE, wanted FR":                         func(s *Spec) { s.Country = "FR" },
		"hostapd: radio wlan0: Channel is 6, wanted 11":             func(s *Spec) { s.Radios[0].Channel = 11 },
		`hostapd: network "x": SSID is Tether 4821, wanted x`:       func(s *Spec) { s.Radios[0].Networks[0].SSID = "x" },
		`hostapd: network "Tether 4821": the passphrase is another`: func(s *Spec) { s.Radios[1].Networks[1].Passphrase = "geheimnis" },
		"hostapd: radio wlan1: has 2 networks, wanted 1":            func(s *Spec) { s.Radios[1].Networks = s.Radios[1].Networks[:1] },
		"hostapd: Blocked differs, 1 entries, wanted 2":             func(s *Spec) { s.Blocked = append(s.Blocked, mac(9)) },
		"hostapd: radio wlan2 is off, wanted on":                    func(s *Spec) { s.Radios = append(s.Radios, Radio{Interface: "wlan2"}) },
		"hostapd: radio wlan1 is on, wanted off":                    func(s *Spec) { s.Radios = s.Radios[:1] },
	} {
		s := good()
		change(&s)
		got := Drift(s, Status{InForce: good()})
		if len(got) != 1 || got[0] != want {
			t.Errorf("%q, wanted %q", got, want)
		}
		if strings.Contains(strings.Join(got, ""), "geheim") {
			t.Errorf("%q", got)
		}
	}
}

// Until the last process is gone, off is not reached.
func TestDriftOfARadioThatStillRuns(t *testing.T) {
	got := Drift(Spec{}, Status{Radios: []RadioStatus{{Interface: "wlan0"}}})
	if len(got) != 1 || got[0] != "hostapd: radio wlan0 is on, wanted off" {
		t.Errorf("%q", got)
	}
}

// A field that is added to the Spec and not compared fails here.
func TestDriftComparesEveryField(t *testing.T) {
	spec := good()
	walk(reflect.ValueOf(&spec).Elem(), "Spec", func(path string) {
		if len(Drift(spec, Status{InForce: good()})) == 0 {
			t.Errorf("%s is not compared", path)
		}
	})
}

// walk changes every field below v, one at a time.
func walk(v reflect.Value, path string, changed func(path string)) {
	before := reflect.New(v.Type()).Elem()
	before.Set(v)
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			walk(v.Field(i), path+"."+v.Type().Field(i).Name, changed)
		}
		return
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), path+"[]", changed)
		}
		v.Set(v.Slice(0, v.Len()-1))
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Uint8:
		v.SetUint(v.Uint() ^ 1)
	default:
		panic("a kind that the test does not know: " + path)
	}
	changed(path)
	v.Set(before)
}
