//go:build browser

package lab

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/api"
)

// holds waits until an expression of the page is true.
func (j *journey) holds(expression string) {
	j.Helper()
	j.do(j.Wait(long, expression))
}

// turns makes another state, and waits until the view of devices shows it.
func (j *journey) turns(d *double, edit func(doc map[string]any)) {
	j.Helper()
	j.do(d.alter(edit))
	j.holds(fmt.Sprintf("/\\b%d\\b/.test(document.getElementById('many')?.textContent)", d.n))
}

// onPaper is a gateway with an operator's document in force, and perhaps a trial.
func onPaper(trial *api.DocumentTrial) api.Provisioning {
	const dot = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
	return api.Provisioning{Trial: trial, Sharing: api.Sharing{Rule: "always", Allowed: true}, Documents: []api.OperatorDocument{
		{InForce: true, Operator: "{1}", Name: "Lab Mobile", Form: "json", Serial: 1, Origin: "owner", Logo: dot},
	}}
}

// TestPageOperator: a picture that is given late stands once, and "Undo" is for the trial
// that it was shown with.
func TestPageOperator(t *testing.T) {
	d := &double{settings: homeAndGuests}
	j := d.visit(t, onTheAir)
	trial := &api.DocumentTrial{ID: "first", By: "page", Until: time.Now().Add(time.Minute), SettleMS: 3000}
	asked, late := make(chan struct{}, 2), make(chan struct{})
	d.answers("provision/show", func() any { asked <- struct{}{}; <-late; return onPaper(trial) })
	for i, p := range []api.Provisioning{onPaper(nil), onPaper(trial)} {
		j.do(d.alter(func(doc map[string]any) { doc["provision"] = p }))
		if i == 0 {
			j.do(j.Open(j.url + "#/operator"))
		}
		select {
		case <-asked:
		case <-time.After(long):
			t.Fatal("the document is not asked for")
		}
	}
	close(late)
	j.sees("Undo")
	j.holds("performance.getEntriesByType('resource').filter((e) => e.name.endsWith('/provision/show') && e.responseEnd).length === 2")
	var logos int
	if j.do(j.Eval("new Promise((r) => setTimeout(r, 100)).then(() => document.querySelectorAll('#operator img').length)", &logos)); logos != 1 {
		t.Errorf("the picture stands %d times", logos)
	}
	j.press("Undo")
	if got := j.does(d); got.verb != "provision revert" || got.args["id"] != "first" {
		t.Errorf("undo does %+v", got)
	}
	j.quiet()
}

// TestPageKeepsTheFocus: who goes through the page by keyboard stays where he is, in the
// navigation over states and in a form when somebody changes the settings, or he himself.
func TestPageKeepsTheFocus(t *testing.T) {
	d := &double{n: 1000, settings: homeAndGuests}
	j := d.visit(t, onTheAir)
	j.do(j.Open(j.url + "#/devices"))
	j.holds("document.querySelector('#list .card')")
	j.do(j.Eval("document.querySelectorAll('nav a')[2].focus()", nil))
	for range 3 {
		j.turns(d, nil)
	}
	j.holds("document.activeElement === document.querySelectorAll('nav a')[2]")
	j.press("Hotspot")
	j.holds("document.querySelectorAll('main form').length > 3")
	anew := func() {
		j.do(j.Eval("document.querySelectorAll('main form').forEach((f) => { f.dataset.old = 1; })", nil))
	}
	drawn := func() { j.holds("document.querySelector('main form') && !document.querySelector('form[data-old]')") }
	for _, c := range []struct{ name, title, what string }{
		{"Visitors", "Guests", "Switch off"}, {"Others", "Your network", "Name"}, {"Third", "Radio · wlan1", "Save"},
	} {
		j.do(j.Eval(inCard(c.title, c.what)+".focus()", nil))
		anew()
		d.mu.Lock()
		d.settings = strings.Replace(homeAndGuests, "option guest '1'", "option guest '1'\n\toption ssid '"+c.name+"'", 1)
		d.mu.Unlock()
		j.do(d.turn(""))
		drawn()
		j.holds("document.activeElement === " + inCard(c.title, c.what))
	}
	j.do(j.Eval(inCard("Guests", "Save")+".focus()", nil))
	j.fills("Guests", "Save", "Name", "Fourth")
	anew()
	j.press("Make the change")
	j.does(d)
	drawn()
	j.holds("document.activeElement === " + inCard("Guests", "Save"))
	j.quiet()
}

// TestPageOfTwoLeases: a device that has an address at home and one as a guest is one device
// with two cards, which stay where they are over states, with the rate of each.
func TestPageOfTwoLeases(t *testing.T) {
	d := &double{n: 1000, settings: homeAndGuests}
	j := d.visit(t, onTheAir)
	lease := func(mac, address string, down int) map[string]any {
		return map[string]any{"mac": mac, "address": address, "name": "laptop", "up_bytes": 0, "down_bytes": down}
	}
	down := 1 << 20
	leases := func(doc map[string]any) {
		down += 1 << 20
		doc["clients"] = []any{lease("02:00:00:00:00:05", "192.168.97.5", 1<<20), lease("02:00:00:00:00:06", "192.168.97.6", 0), lease("02:00:00:00:00:05", "192.168.98.5", down)}
	}
	j.do(d.alter(leases))
	j.do(j.Open(j.url + "#/devices"))
	j.holds("document.querySelectorAll('#list .card').length === 3 && document.getElementById('many').textContent.startsWith('2 devices')")
	j.do(j.Eval("document.querySelector('#list .card button').focus()", nil))
	j.do(j.Eval("void (window.cards = [...document.getElementById('list').children])", nil))
	for range 3 {
		j.turns(d, leases)
		j.holds("[...document.getElementById('list').children].every((c, i) => c === window.cards[i])")
	}
	j.holds("document.activeElement === window.cards[0].querySelector('button')")
	j.holds("!/[kM]B\\/s/.test(window.cards[0].innerText) && /[kM]B\\/s/.test(window.cards[2].innerText)")
	j.quiet()
}

// TestPageOffersAccessPoints: once the PIN is taken those for the SIM are offered, and who is
// about to choose one keeps it.
func TestPageOffersAccessPoints(t *testing.T) {
	d := &double{settings: homeAndGuests}
	offer := func(known bool, names ...string) {
		list := []api.Candidate{}
		for _, name := range names {
			list = append(list, api.Candidate{APN: name})
		}
		d.answers("access/points", func() any { return api.AccessPoints{SIMKnown: known, APNs: list} })
	}
	offer(false)
	j := d.visit(t, "../api/testdata/pin-needed.json")
	j.do(j.Open(j.url + "#/sim"))
	j.holds("document.querySelector('#pin form') && document.querySelector('#choice form')")
	modem := func(phase, sim, home string) {
		t.Helper()
		j.do(d.alter(func(doc map[string]any) {
			m := doc["modem"].(map[string]any)
			m["phase"], m["sim"], m["home"] = phase, sim, home
		}))
	}
	modem("sim", "ready", "26201")
	j.holds("!document.querySelector('#pin form')")
	offer(true, "internet.telekom", "other.example")
	modem("register", "ready", "26201")
	j.sees("internet.telekom")
	j.do(j.Eval("void (document.querySelector('#choice select').value = '1')", nil))
	offer(true, "of.another")
	modem("register", "ready", "26202")
	j.holds("document.getElementById('network').innerText.includes('26202')")
	j.do(j.Eval("new Promise((r) => setTimeout(r, 100))", nil))
	j.holds("document.querySelector('#choice select').selectedOptions[0].text === 'other.example'")
	j.do(j.Eval("void (document.querySelector('#choice select').value = '')", nil))
	j.do(d.turn(""))
	j.sees("of.another")
	j.quiet()
}

// TestPageThatNobodySees: it holds no connection, which another page of the same browser may
// need, and has the state again as soon as it is seen.
func TestPageThatNobodySees(t *testing.T) {
	d := &double{n: 1000, settings: homeAndGuests}
	j := d.visit(t, onTheAir)
	j.do(j.Open(j.url + "#/devices"))
	j.turns(d, nil)
	hide := func(hidden bool, pages int32) {
		t.Helper()
		j.do(j.Eval(fmt.Sprintf("Object.defineProperty(document, 'hidden', {value: %v, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))", hidden), nil))
		for end := time.After(10 * time.Second); d.pages.Load() != pages; { // sooner than after silence
			select {
			case <-end:
				t.Fatalf("hidden %v: %d pages follow", hidden, d.pages.Load())
			default:
				j.do(j.Eval("new Promise((r) => setTimeout(r, 20))", nil))
			}
		}
	}
	hide(true, 0)
	j.do(d.turn(""))
	hide(false, 1)
	j.turns(d, nil)
	j.holds("document.getElementById('contact').hidden")
	j.quiet()
}

// TestPageFollowsTheGateway: a page at the first start, or at the login, is at the other one
// when somebody has chosen the password meanwhile, or the gateway has forgotten it.
func TestPageFollowsTheGateway(t *testing.T) {
	d := &double{settings: homeAndGuests}
	is := func(fresh bool) {
		d.answers("session", func() any { return api.SessionDoc{Fresh: fresh, Scopes: []api.Scope{}} })
	}
	is(true)
	j := d.visit(t, onTheAir)
	j.do(j.Open(j.url))
	j.sees("Welcome")
	is(false)
	d.barred.Store(true)
	j.fill("New password", "correct horse")
	j.fill("The same again", "correct horse")
	j.press("Begin")
	j.holds("document.querySelector('main h1').innerText === 'Log in' && !document.querySelector('#toast p')")
	is(true)
	d.away.Store(true)
	j.do(d.turn("")) // which ends what is followed
	j.sees("The gateway does not answer.")
	d.away.Store(false)
	j.sees("Welcome")
	j.quiet()
}

// TestPageRestore: a backup is restored over the settings that its differences were told from,
// and over nobody's change that was made meanwhile.
func TestPageRestore(t *testing.T) {
	d := &double{settings: homeAndGuests}
	j := d.visit(t, onTheAir)
	j.do(j.Open(j.url + "#/system"))
	j.holds("document.getElementById('restore')")
	from := d.in().Revision()
	j.do(j.Eval("(() => { const d = new DataTransfer(); d.items.add(new File(['config lan'], 'tetherd.conf')); const i = document.getElementById('restore'); i.files = d.files; i.dispatchEvent(new Event('change')); })()", nil))
	j.sees("Make this change?")
	d.mu.Lock()
	d.settings = "config dhcp\n\toption limit '50'\n"
	d.mu.Unlock()
	j.do(d.turn(""))
	j.press("Make the change")
	if got := j.does(d); got.verb != "restore" || got.args["revision"] != from || from == d.in().Revision() {
		t.Errorf("it is done with the revision %v, the differences are from %v", got.args["revision"], from)
	}
	j.quiet()
}
