//go:build browser

package lab

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/lab/browser"
	"github.com/tetherd/tetherd/qr"
	"github.com/tetherd/tetherd/web"
)

// double stands in for a gateway: it serves the page's own files, and as the state one of
// the goldens of api, which are rendered from made-up observations. So the page is seen in
// states that no namespace can be in, such as with radios. It takes no changes.
type double struct {
	now atomic.Pointer[golden]
	n   int // states until now
}

// golden is one state, until there is another.
type golden struct {
	text string
	over chan struct{}
}

// turn makes a golden the state.
func (d *double) turn(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	d.n++
	doc["lan"].(map[string]any)["free_addresses"] = d.n // by which the page shows that it has this one
	text, err = json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if was := d.now.Swap(&golden{string(text), make(chan struct{})}); was != nil {
		close(was.over)
	}
}

// events tells a page of each state.
func (d *double) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for {
		now := d.now.Load()
		fmt.Fprintf(w, "event: status\ndata: %s\n\n", now.text)
		w.(http.Flusher).Flush()
		select {
		case <-now.over:
		case <-r.Context().Done():
			return
		}
	}
}

func (d *double) handler(t *testing.T) http.Handler {
	cfg, err := config.Parse("double", []byte("config network 'home'\n\toption ssid 'Tether 4821'\n\toption passphrase 'correct horse'\nconfig network 'guests'\n\toption guest '1'\n"))
	if err != nil {
		t.Fatal(err)
	}
	const join = "WIFI:T:WPA;S:Tether 4821;P:correct horse;;"
	code, err := qr.Encode(join)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	answer := func(path string, value any) {
		mux.HandleFunc("GET /v1/"+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(value) // the browser went away
		})
	}
	answer("session", map[string]bool{"in": true})
	answer("config/get", api.SettingsView{Revision: "1", Sections: cfg.View(false)})
	answer("wifi", api.Access{Networks: []api.Key{{SSID: "Tether 4821", Passphrase: "correct horse", QR: join, Code: code.String()}}})
	answer("access/points", map[string]any{"access_points": []any{}})
	answer("token/list", api.TokenList{Tokens: []api.TokenDoc{}})
	answer("audit", api.Deeds{Deeds: []api.Deed{}})
	mux.HandleFunc("GET /v1/provision/show", func(w http.ResponseWriter, _ *http.Request) {
		var doc struct {
			Provision json.RawMessage `json:"provision"`
		}
		if err := json.Unmarshal([]byte(d.now.Load().text), &doc); err == nil {
			_, _ = w.Write(doc.Provision)
		}
	})
	mux.HandleFunc("GET /v1/events", d.events)
	mux.Handle("GET /", web.Handler())
	return mux
}

// TestViews looks at the page in every state that the goldens of api show, in English and
// in Russian: nothing is wider than a telephone, nothing is left untranslated, and no script
// stumbles.
func TestViews(t *testing.T) {
	states, err := filepath.Glob("../api/testdata/*.json")
	states = slices.DeleteFunc(states, func(path string) bool { return strings.HasPrefix(filepath.Base(path), "plan-") })
	if err != nil || len(states) < 20 {
		t.Fatalf("%d states, %v", len(states), err)
	}
	d := &double{n: 1000}
	d.turn(t, states[0])
	server := httptest.NewServer(d.handler(t))
	t.Cleanup(server.Close)
	page, err := browser.Start(exec.Command("chromium", browser.Args(t.TempDir())...), (*exec.Cmd).Start)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = page.Close() }) // before what it shows ends
	j := &journey{T: t, Page: page, url: server.URL + "/"}
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
	d.turn(j.T, path)
	for _, view := range []string{"devices", "home", "hotspot", "sim", "operator", "doctor"} {
		j.do(j.Eval("void (location.hash = '#/"+view+"')", nil))
		j.do(j.Wait(long, "document.querySelector('nav a[aria-current]')?.hash === '#/"+view+"' && document.querySelector('main .card')"))
		if view == "devices" {
			j.do(j.Wait(long, fmt.Sprintf("/\\b%d\\b/.test(document.getElementById('many')?.textContent)", d.n)))
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
