//go:build vm

package vmtest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/api"
)

// mute are the rules of a country that there is not, by which no network may be started
// on any channel: what a radio knows before its country is set, where its driver is strict.
func mute() ([]byte, error) {
	const noIR = 1<<7 | 1<<8 // enum nl80211_reg_rule_flags
	ae := netlink.NewAttributeEncoder()
	ae.String(unix.NL80211_ATTR_REG_ALPHA2, "XA")
	ae.Nested(unix.NL80211_ATTR_REG_RULES, func(list *netlink.AttributeEncoder) error {
		for i, r := range []struct{ from, to, width uint32 }{{2402, 2494, 40}, {5150, 5895, 160}} {
			list.Nested(uint16(i), func(rule *netlink.AttributeEncoder) error {
				rule.Uint32(unix.NL80211_ATTR_REG_RULE_FLAGS, noIR)
				rule.Uint32(unix.NL80211_ATTR_FREQ_RANGE_START, r.from*1000)
				rule.Uint32(unix.NL80211_ATTR_FREQ_RANGE_END, r.to*1000)
				rule.Uint32(unix.NL80211_ATTR_FREQ_RANGE_MAX_BW, r.width*1000)
				rule.Uint32(unix.NL80211_ATTR_POWER_RULE_MAX_EIRP, 2000) // 20 dBm
				return nil
			})
		}
		return nil
	})
	return ae.Encode()
}

// silence puts those rules in force: the kernel asks whoever knows the country, as it did
// before it read a file itself.
func silence(t *testing.T) {
	t.Helper()
	rules, err := mute()
	if err != nil {
		t.Fatal(err)
	}
	c, err := genetlink.Dial(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	family, err := c.GetFamily(unix.NL80211_GENL_NAME)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "rules of silence", func() error {
		run(t, "iw", "reg", "set", "XA")
		_, err := c.Execute(genetlink.Message{
			Header: genetlink.Header{Command: unix.NL80211_CMD_SET_REG, Version: family.Version}, Data: rules,
		}, family.ID, netlink.Request|netlink.Acknowledge)
		out, _ := command("iw", "reg", "get")
		if !strings.Contains(out, "country XA") {
			return fmt.Errorf("%v: %s", err, out)
		}
		return nil
	})
	t.Cleanup(func() { run(t, "iw", "reg", "set", "00") })
}

// TestRadioMayNotTransmit: where the rules let no access point transmit the doctor says so
// in a sentence, and a country in the configuration helps.
func TestRadioMayNotTransmit(t *testing.T) {
	w := newWorld(t)
	newRadios(t, 2)
	silence(t)
	s := newStation(t, "wlan1")
	a := home()
	a.country = ""
	g := newGateway(t, a.config())
	w.plug()
	d := g.await("the doctor names it", func(d api.Document) error {
		if len(d.Doctor.Findings) == 0 || d.Doctor.Findings[0].Code != "RC44" {
			return fmt.Errorf("%+v", d.Doctor.Findings)
		}
		return nil
	})
	t.Logf("the doctor says: %s", d.Doctor.Findings[0].Sentence)
	if said := d.Doctor.Findings[0].Clause; said != "the Wi-Fi radio wlan0 is not on the air: no channel may transmit in XA" {
		t.Errorf("it says %q", said)
	}
	g.online() // by wire
	g.configure(home().config())
	g.onAir(home())
	s.join("Home", home().passphrase, byWPA3)
	s.lease()
	g.await("the doctor is content", func(d api.Document) error {
		for _, f := range d.Doctor.Findings {
			if f.Code == "RC44" {
				return errors.New(f.Sentence)
			}
		}
		return nil
	})
}

// TestRadioWithoutCountry: by the rules of the world nothing may be started on 5 GHz. The
// radio takes 2.4 GHz and says why, until its country is set.
func TestRadioWithoutCountry(t *testing.T) {
	newWorld(t)
	newRadios(t, 1)
	run(t, "iw", "reg", "set", "00")
	a := air{"", "5", "36", "Home", "correct horse battery", "wpa2-wpa3"}
	g := newGateway(t, a.config())
	g.await("on 2.4 GHz", func(d api.Document) error {
		r := radio(d)
		if r.State != "enabled" || r.Band != "2.4" || !strings.Contains(strings.Join(r.Why, "\n"), "channel 36 may not start a network while no country is set") {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	a.country = "DE"
	g.configure(a.config())
	d := g.onAir(a)
	if r := radio(d); r.Band != "5" || len(r.Why) > 0 {
		t.Errorf("with a country: %+v", r)
	}
}
