//go:build browser

package lab

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
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
// states that no namespace can be in, such as with radios. What is changed it takes as the
// gateway does, by the same editor and the same rules, into a text; it puts nothing into
// force.
type double struct {
	now   atomic.Pointer[golden]
	deeds chan deed    // what it was told to do
	away  atomic.Bool  // nobody reaches it, as after another name of the network
	pages atomic.Int32 // that follow the state

	barred atomic.Bool // who is there may do nothing

	mu       sync.Mutex
	n        int    // states until now
	path     string // of the golden
	settings string
	last     *api.OutcomeDoc          // how the last change ended
	edit     func(doc map[string]any) // makes of the golden the state that is shown; nil as it is
	others   map[string]func() any    // what looks are answered, by path, in the place of what is usual
}

// golden is one state, until there is another.
type golden struct {
	text string
	over chan struct{}
}

// deed is one act, or one change that was not for a look.
type deed struct {
	verb string
	args map[string]any
}

const homeAndGuests = "config network 'home'\n\toption ssid 'Tether 4821'\n\toption passphrase 'correct horse'\nconfig network 'guests'\n\toption guest '1'\n"

// visit opens the page of a double in a browser.
func (d *double) visit(t *testing.T, path string) *journey {
	t.Helper()
	d.deeds = make(chan deed, 16)
	if err := d.turn(path); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(d.handler(t))
	t.Cleanup(server.Close)
	page, err := browser.Start(exec.Command("chromium", browser.Args(t.TempDir())...), (*exec.Cmd).Start)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = page.Close() }) // before what it shows ends
	return &journey{T: t, Page: page, url: server.URL + "/"}
}

// turn makes a golden the state; without a path the one that is, with what changed.
func (d *double) turn(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.path = cmp.Or(path, d.path)
	text, err := os.ReadFile(d.path)
	if err != nil {
		return err
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("%s: %w", d.path, err)
	}
	cfg, err := config.Parse("double", []byte(d.settings))
	if err != nil {
		return err
	}
	d.n++
	doc["lan"].(map[string]any)["free_addresses"] = d.n // by which the page shows that it has this one
	doc["revision"] = cfg.Revision()
	if d.last != nil {
		doc["last_change"] = d.last
	}
	if d.edit != nil {
		d.edit(doc)
	}
	text, err = json.Marshal(doc)
	if err != nil {
		return err
	}
	if was := d.now.Swap(&golden{string(text), make(chan struct{})}); was != nil {
		close(was.over)
	}
	return nil
}

// alter changes what is shown of the golden, now and from now on.
func (d *double) alter(edit func(doc map[string]any)) error {
	d.mu.Lock()
	d.edit = edit
	d.mu.Unlock()
	return d.turn("")
}

// answers has a look answered by another value from now on.
func (d *double) answers(path string, value func() any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.others == nil {
		d.others = map[string]func() any{}
	}
	d.others[path] = value
}

// other is what a look is answered in the place of what is usual.
func (d *double) other(path string, usual func() any) func() any {
	d.mu.Lock()
	defer d.mu.Unlock()
	if value, ok := d.others[path]; ok {
		return value
	}
	return usual
}

// events tells a page of each state.
func (d *double) events(w http.ResponseWriter, r *http.Request) {
	d.pages.Add(1)
	defer d.pages.Add(-1)
	w.Header().Set("Content-Type", "text/event-stream")
	for !d.away.Load() {
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

// in are the settings, read.
func (d *double) in() *config.Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	cfg, err := config.Parse("double", []byte(d.settings))
	if err != nil {
		panic(err) // every text was read before it was taken
	}
	return cfg
}

func (d *double) handler(t *testing.T) http.Handler {
	const join = "WIFI:T:WPA;S:Tether 4821;P:correct horse;;"
	code, err := qr.Encode(join)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	look := func(path string, value func() any) {
		mux.HandleFunc("GET /v1/"+path, func(w http.ResponseWriter, _ *http.Request) { answer(w, d.other(path, value)()) })
	}
	for path, value := range map[string]any{
		"session":       map[string]bool{"in": true},
		"wifi":          api.Access{Networks: []api.Key{{SSID: "Tether 4821", Passphrase: "correct horse", QR: join, Code: code.String()}}},
		"access/points": map[string]any{"access_points": []any{}},
		"token/list":    api.TokenList{Tokens: []api.TokenDoc{}},
		"audit":         api.Deeds{Deeds: []api.Deed{}},
	} {
		look(path, func() any { return value })
	}
	look("config/get", func() any { return api.SettingsView{Revision: d.in().Revision(), Sections: d.in().View(false)} })
	look("provision/show", func() any {
		var doc struct {
			Provision json.RawMessage `json:"provision"`
		}
		_ = json.Unmarshal([]byte(d.now.Load().text), &doc) // which was written here
		return doc.Provision
	})
	mux.HandleFunc("POST /v1/", d.told)
	mux.HandleFunc("GET /v1/events", d.events)
	mux.Handle("GET /", web.Handler())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.away.Load() {
			panic(http.ErrAbortHandler)
		}
		mux.ServeHTTP(w, r)
	})
}

// answer sends a value.
func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // the browser went away
}

// told takes a change of the settings or another act.
func (d *double) told(w http.ResponseWriter, r *http.Request) {
	one := deed{verb: strings.ReplaceAll(strings.TrimPrefix(r.URL.Path, "/v1/"), "/", " ")}
	told, err := api.Change{Interrupts: []api.Interrupt{}, Sections: []api.SectionDiff{{Section: "some", Option: "thing", Before: []string{}, After: []string{"else"}}}}, json.NewDecoder(r.Body).Decode(&one.args)
	if d.barred.Load() {
		w.WriteHeader(http.StatusForbidden)
		answer(w, map[string]any{"error": api.Fault{Code: api.Denied, Message: one.verb + " needs the scope admin"}})
		return
	}
	if err == nil && one.verb == "config set" {
		err = d.change(one.args)
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		answer(w, map[string]any{"error": faultOf(err)})
		return
	}
	if one.args["dry"] != true {
		d.deeds <- one
	}
	answer(w, told)
}

// faultOf is an error as the gateway tells it.
func faultOf(err error) api.Fault {
	f := api.Fault{Code: api.Invalid, Message: err.Error()}
	var faults config.Errors
	var one config.Error
	if errors.As(err, &one) {
		faults = config.Errors{one}
	}
	if len(faults) > 0 || errors.As(err, &faults) {
		for _, e := range faults {
			f.Faults = append(f.Faults, api.FieldFault{Section: e.Section, Option: e.Option, Message: e.Message})
		}
	}
	return f
}

// change takes a change of the settings, unless it is for a look.
func (d *double) change(args map[string]any) error {
	if args["revision"] != d.in().Revision() {
		return errors.New("somebody else has changed the settings")
	}
	var changes []config.Change
	for _, line := range args["changes"].([]any) {
		left, value, _ := strings.Cut(line.(string), "=")
		section, option, inner := strings.Cut(left, ".")
		c := config.Change{Section: section, Option: option}
		if !inner {
			c.Type = value
		} else if value != "" {
			c.Values = []string{value}
		}
		changes = append(changes, c)
	}
	text, err := config.Edit([]byte(d.settings), changes)
	if err != nil {
		return err
	}
	if _, err = config.Parse("double", text); err != nil || args["dry"] == true {
		return err
	}
	d.mu.Lock()
	d.settings = string(text)
	d.mu.Unlock()
	return d.turn("")
}
