//go:build browser

package lab

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestViews looks at the page in every state that the goldens of api show, in English and
// in Russian: nothing is wider than a telephone, nothing is left untranslated, and no script
// stumbles.
func TestViews(t *testing.T) {
	states, err := filepath.Glob("../api/testdata/*.json")
	states = slices.DeleteFunc(states, func(path string) bool { return strings.HasPrefix(filepath.Base(path), "plan-") })
	if err != nil || len(states) < 20 {
		t.Fatalf("%d states, %v", len(states), err)
	}
	d := &double{n: 1000, settings: homeAndGuests}
	j := d.visit(t, states[0])
	for _, lang := range []string{"en", "ru"} {
		j.do(j.Open(j.url))
		j.do(j.Wait(long, "document.querySelector('main .card')"))
		j.do(j.Eval("void localStorage.setItem('lang', '"+lang+"')", nil))
		j.do(j.Open(j.url + "?" + lang)) // anew
		for _, path := range states {
			d.show(j, path, lang)
		}
	}
	j.quiet()
}

// show looks at all views of one state.
func (d *double) show(j *journey, path, lang string) {
	name := strings.TrimSuffix(filepath.Base(path), ".json")
	j.do(d.turn(path))
	for _, view := range []string{"devices", "home", "hotspot", "sim", "operator", "doctor", "system"} {
		j.do(j.Eval("void (location.hash = '#/"+view+"')", nil))
		j.do(j.Wait(long, "document.querySelector('nav a[aria-current]')?.hash === '#/"+view+"' && document.querySelector('main .card')"))
		if view == "devices" {
			j.do(j.Wait(long, fmt.Sprintf("/\\b%d\\b/.test(document.getElementById('many')?.textContent)", d.n)))
		}
		if view == "system" { // what it asks for itself, and what can be unfolded
			j.do(j.Wait(long, "document.querySelector('main fieldset') && document.querySelectorAll('main details').length > 2"))
			j.do(j.Eval("document.querySelectorAll('main details').forEach((d) => { d.open = true; })", nil))
		}
		var seen string
		j.do(j.Eval("new Promise((r) => setTimeout(r, 0)).then(() => document.body.innerText)", &seen))
		var wide int
		if j.do(j.Eval("document.documentElement.scrollWidth", &wide)); wide > 360 {
			j.Errorf("%s, %s in %s: %d pixels wide", name, view, lang, wide)
		}
		if lang == "ru" {
			j.russian(name+", "+view, seen)
		}
	}
	if slices.Contains([]string{"wifi-on-the-air", "guests", "wifi-all-failed"}, name) {
		j.lookAtRadio(name + "-" + lang)
	}
}

// russian finds lines that are English still; what is quoted, addresses and what a kernel
// says may be.
func (j *journey) russian(where, seen string) {
	j.Helper()
	quoted := regexp.MustCompile(`'[^']*'|https?://\S+|operation not permitted|not supported|address in use`)
	for line := range strings.Lines(seen) {
		if regexp.MustCompile(`[a-z]{2,} [a-z]+ [a-z]+`).MatchString(quoted.ReplaceAllString(line, "")) {
			j.Errorf("%s: %q is not Russian", where, line)
		}
	}
}

// lookAtRadio keeps pictures of the views with Wi-Fi in light and dark, the way to join
// them shown, and audits them.
func (j *journey) lookAtRadio(name string) {
	j.Helper()
	j.do(j.Eval("void (location.hash = '#/hotspot')", nil))
	j.do(j.Wait(long, "document.querySelector('main form')"))
	j.do(j.Eval("void [...document.querySelectorAll('main button')].find((b) => /QR/.test(b.textContent)).click()", nil))
	j.do(j.Wait(long, "document.querySelector('svg.qr')"))
	for shade, dark := range map[string]bool{"light": false, "dark": true} {
		j.do(j.Dark(dark))
		j.picture("hotspot-" + name + "-" + shade)
		j.audit()
	}
	j.do(j.Dark(false))
	j.do(j.Eval("void (location.hash = '#/devices')", nil))
	j.do(j.Wait(long, "document.getElementById('list')?.children.length"))
	j.picture("devices-" + name)
	j.audit()
}
