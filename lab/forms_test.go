//go:build browser

package lab

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/config"
)

const onTheAir = "../api/testdata/wifi-on-the-air.json" // two radios, a device on each network

// inCard is an expression for what has a text in the card of a title: a button, or the
// field of a label.
func inCard(title, text string) string {
	return fmt.Sprintf(`(() => { const c = [...document.querySelectorAll('main .card')].find((c) => c.querySelector('h2')?.innerText === %q);
		const by = (what) => [...c?.querySelectorAll(what) || []].find((e) => e.innerText.trim() === %q); return by('button') || by('label')?.control; })()`, title, text)
}

// fills writes into fields of a card, two by two, and presses its button.
func (j *journey) fills(card, button string, fields ...string) {
	j.Helper()
	for i := 0; i < len(fields); i += 2 {
		j.do(j.Wait(long, inCard(card, fields[i])))
		j.do(j.Eval(fmt.Sprintf("(() => { const c = %s; c.value = %q; c.dispatchEvent(new Event('change', {bubbles: true})); })()", inCard(card, fields[i]), fields[i+1]), nil))
		j.do(j.Wait(long, fmt.Sprintf("%s.value === %q", inCard(card, fields[i]), fields[i+1]))) // which such a choice must have
	}
	j.pressIn(card, button)
}

func (j *journey) pressIn(card, button string) {
	j.Helper()
	j.do(j.Wait(long, inCard(card, button)+"?.hasAttribute('aria-disabled') === false"))
	j.do(j.Eval("void "+inCard(card, button)+".click()", nil))
}

// does waits for what the double is told to do.
func (j *journey) does(d *double) deed {
	j.Helper()
	select {
	case one := <-d.deeds:
		return one
	case <-time.After(long):
		j.Fatal("nothing is done")
	}
	return deed{}
}

// changes are those of a deed, in any order but that of a section before its options.
func (one deed) changes() string {
	list, _ := one.args["changes"].([]any)
	var all []string
	for _, c := range list {
		all = append(all, c.(string))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// onHotspot opens the view of the hotspot in a state and with settings.
func (d *double) onHotspot(t *testing.T, settings string) *journey {
	d.settings = settings
	j := d.visit(t, onTheAir)
	j.do(j.Open(j.url + "#/hotspot"))
	j.do(j.Wait(long, "document.querySelectorAll('main form').length > 3"))
	return j
}

// form is one form that somebody sends, and what of it reaches the settings.
type form struct {
	card, button string
	fields       []string // label, value
	want         string   // changes, sorted
	holds        func(*config.Config) any
	value        any
}

// send sends a form and looks at what became of it.
func (d *double) send(j *journey, f form) {
	j.Helper()
	j.fills(f.card, f.button, f.fields...)
	j.do(j.Eval("document.querySelectorAll('main form').forEach((f) => { f.dataset.old = 1; })", nil))
	j.press("Make the change")
	if got := j.does(d); got.verb != "config set" || got.changes() != f.want {
		j.Errorf("%s, %s: %s %s, want %s", f.card, f.fields, got.verb, got.changes(), f.want)
	}
	if got := f.holds(d.in()); !reflect.DeepEqual(got, f.value) {
		j.Errorf("%s, %s: the settings have %+v, want %+v", f.card, f.fields, got, f.value)
	}
	j.do(j.Wait(long, "document.querySelector('main form') && !document.querySelector('form[data-old]')")) // drawn anew
}

// TestWiFiForms: what each form of the hotspot's view says is what the settings then hold.
func TestWiFiForms(t *testing.T) {
	main := func(c *config.Config) any {
		n := c.Networks[0]
		return [3]string{n.SSID, n.Passphrase, string(n.Security)}
	}
	guests := func(c *config.Config) any {
		for _, n := range c.Networks {
			if n.Guest {
				return n.SSID + "/" + n.Passphrase
			}
		}
		return nil
	}
	radios := func(c *config.Config) any {
		all := map[string]string{}
		for _, r := range c.Radios {
			all[r.Interface] = fmt.Sprintf("%s/%d/%d", r.Band, r.Channel, r.Width)
		}
		return all
	}
	t.Run("sections", func(t *testing.T) {
		d := &double{}
		j := d.onHotspot(t, homeAndGuests)
		for _, f := range []form{
			{"Your network", "Save", []string{"Name", "Other 1"}, "@network[0].ssid=Other 1", main, [3]string{"Other 1", "correct horse", "wpa2-wpa3"}},
			{"Your network", "Save", []string{"Passphrase", "battery staple", "Security", "wpa3"}, "@network[0].passphrase=battery staple @network[0].security=wpa3", main, [3]string{"Other 1", "battery staple", "wpa3"}},
			{"Guests", "Save", []string{"Name", "Visitors"}, "@network[1].ssid=Visitors", guests, "Visitors/"},
			{"Guests", "Switch off", nil, "@network[1]=", guests, nil},
			{"Guests", "Switch on", []string{"Passphrase", "come and see"}, "guests.guest=1 guests.passphrase=come and see guests=network", guests, "/come and see"},
			{"Radio · wlan0", "Save", []string{"Channel", "44"}, "radios=radio wlan0.band=5 wlan0.channel=44 wlan0.interface=wlan0 wlan0=radio", radios, map[string]string{"": "/0/0", "wlan0": "5/44/0"}},
			{"Radio · wlan1", "Save", []string{"Band", "2.4", "Channel", "6"}, "wlan1.band=2.4 wlan1.channel=6 wlan1.dfs=0 wlan1.enabled=1 wlan1.interface=wlan1 wlan1.width=auto wlan1=radio", radios, map[string]string{"": "/0/0", "wlan0": "5/44/0", "wlan1": "2.4/6/0"}},
			{"Radio · wlan0", "Save", []string{"Band", "auto"}, "@radio[0].band=auto @radio[0].channel=auto", radios, map[string]string{"": "/0/0", "wlan0": "/0/0", "wlan1": "2.4/6/0"}},
		} {
			d.send(j, f)
		}
		j.fills("Your network", "Save", "Passphrase", "short")
		j.do(j.Wait(long, "document.querySelector('[aria-invalid][type=password]')?.closest('.field').querySelector('.fault').textContent.includes('8 to 63')"))
		j.quiet()
	})
	t.Run("none", func(t *testing.T) {
		d := &double{}
		j := d.onHotspot(t, "config radio\n\toption width '40'\n")
		d.send(j, form{"Radio · wlan0", "Save", []string{"Channel", "36"}, "wlan0.band=5 wlan0.channel=36 wlan0.dfs=0 wlan0.enabled=1 wlan0.interface=wlan0 wlan0.width=40 wlan0=radio", radios, map[string]string{"": "/0/40", "wlan0": "5/36/40"}})
		d.send(j, form{"Guests", "Switch on", []string{"Name", "Visitors"}, "guests.guest=1 guests.ssid=Visitors guests=network home=network", guests, "Visitors/"})
		d.send(j, form{"Your network", "Save", []string{"Name", "Other 1"}, "@network[0].ssid=Other 1", main, [3]string{"Other 1", "", "wpa2-wpa3"}})
		j.quiet()
	})
}

// TestDevices: each button of a device says which device it is for.
func TestDevices(t *testing.T) {
	d := &double{settings: homeAndGuests}
	j := d.visit(t, onTheAir)
	j.do(j.Open(j.url + "#/devices"))
	press := func(button, verb, mac string, asked bool) {
		t.Helper()
		j.do(j.Wait(long, "document.querySelector('button[aria-label=\""+button+"\"]')"))
		j.do(j.Eval("document.querySelector('button[aria-label=\""+button+"\"]').click()", nil))
		if asked {
			j.press("Make the change")
		}
		if got := j.does(d); got.verb != verb || got.args["mac"] != mac {
			t.Errorf("%s does %+v, want %s %s", button, got, verb, mac)
		}
		j.do(j.Wait(long, "!document.querySelector('dialog')"))
	}
	press("Disconnect: phone", "kick", "02:00:00:00:00:09", false)
	press("Block: phone", "block", "02:00:00:00:00:09", true)
	press("Let in again 02:00:00:00:00:07", "unblock", "02:00:00:00:00:07", true)
	j.do(d.turn("../api/testdata/limit-reached.json"))
	press("Free its place: Device without a name", "place free", "02:00:00:00:00:05", false)
	j.quiet()
}

// TestAnotherName: a telephone whose network got another name loses contact, is told that
// the change comes back by itself, and sees that it did.
func TestAnotherName(t *testing.T) {
	d := &double{}
	j := d.onHotspot(t, homeAndGuests)
	d.send(j, form{"Your network", "Save", []string{"Name", "Other 1"}, "@network[0].ssid=Other 1", func(c *config.Config) any { return c.Networks[0].SSID }, "Other 1"})
	d.away.Store(true)
	j.do(d.turn("")) // which ends what is followed
	j.sees("The gateway does not answer.")
	j.sees("undone")
	d.mu.Lock()
	d.settings, d.last = homeAndGuests, &api.OutcomeDoc{ID: "1", Why: "nobody confirmed it"}
	d.mu.Unlock()
	j.do(d.turn(""))
	d.away.Store(false)
	j.sees("The change was undone: nobody confirmed it.")
	j.do(j.Wait(long, inCard("Your network", "Name")+"?.value === 'Tether 4821'"))
}
