// Package browser drives a headless Chromium by its debugging pipe, for journeys through
// the page. The pipe goes through namespaces, so that the browser can be a device on the
// lab's LAN.
package browser

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Args are the browser's arguments; profile is an empty folder of its own.
func Args(profile string) []string {
	return []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-ipc-flooding-protection", // else no more than 200 changes of the view in ten seconds
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-pipe", "--user-data-dir=" + profile, "about:blank",
	}
}

// Page is one page of a browser. It is for one goroutine.
type Page struct {
	cmd     *exec.Cmd
	out     *os.File
	session string
	id      atomic.Int64
	ended   chan struct{}

	mu       sync.Mutex
	waiting  map[int64]chan message
	problems []string
}

// message is one message of the DevTools protocol.
type message struct {
	ID      int64           `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// Start starts a prepared command, which must run a browser with Args, by start, and
// opens a page of a telephone's size in it.
func Start(cmd *exec.Cmd, start func(*exec.Cmd) error) (*Page, error) {
	theirIn, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	in, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4
	if err := start(cmd); err != nil {
		return nil, fmt.Errorf("browser: %w", err)
	}
	err = errors.Join(theirIn.Close(), theirOut.Close())
	p := &Page{cmd: cmd, out: out, waiting: map[int64]chan message{}, ended: make(chan struct{})}
	go p.read(in)
	if err == nil {
		err = p.open()
	}
	return p, err
}

// open makes the page and listens to what it complains of.
func (p *Page) open() error {
	var target struct{ TargetID string }
	if err := p.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target); err != nil {
		return err
	}
	var attached struct{ SessionID string }
	if err := p.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached); err != nil {
		return err
	}
	p.session = attached.SessionID
	for _, domain := range []string{"Runtime", "Log", "Page"} {
		if err := p.call(domain+".enable", nil, nil); err != nil {
			return err
		}
	}
	return p.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true}, nil)
}

// read hands answers on and notes complaints until the browser ends.
func (p *Page) read(in *os.File) {
	defer close(p.ended)
	defer in.Close()
	r := bufio.NewReader(in)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(text[:len(text)-1], &m) != nil {
			continue
		}
		p.mu.Lock()
		if c := p.waiting[m.ID]; c != nil {
			delete(p.waiting, m.ID)
			c <- m
		} else if m.Method == "Runtime.exceptionThrown" || m.Method == "Log.entryAdded" && strings.Contains(string(m.Params), `"level":"error"`) {
			p.problems = append(p.problems, string(m.Params))
		}
		p.mu.Unlock()
	}
}

// patience bounds one answer of the browser.
const patience = 60 * time.Second

// call uses a method of the protocol.
func (p *Page) call(method string, params any, out any) error {
	raw, err := json.Marshal(params)
	if err != nil {
		return err
	}
	m := message{ID: p.id.Add(1), Session: p.session, Method: method, Params: raw}
	if params == nil {
		m.Params = json.RawMessage("{}")
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	answer := make(chan message, 1)
	p.mu.Lock()
	p.waiting[m.ID] = answer
	p.mu.Unlock()
	if _, err := p.out.Write(append(text, 0)); err != nil {
		return fmt.Errorf("browser: %s: %w", method, err)
	}
	select {
	case got := <-answer:
		if got.Error != nil {
			return fmt.Errorf("browser: %s: %s", method, got.Error.Message)
		}
		if out == nil {
			return nil
		}
		return json.Unmarshal(got.Result, out)
	case <-p.ended:
		return fmt.Errorf("browser: %s: the browser ended", method)
	case <-time.After(patience):
		return fmt.Errorf("browser: %s: no answer", method)
	}
}

// Open goes to an address.
func (p *Page) Open(url string) error {
	var got struct{ ErrorText string }
	if err := p.call("Page.navigate", map[string]any{"url": url}, &got); err != nil {
		return err
	}
	if got.ErrorText != "" {
		return fmt.Errorf("browser: open %s: %s", url, got.ErrorText)
	}
	return nil
}

// Eval evaluates an expression, also a promise, and decodes its value into out.
func (p *Page) Eval(expression string, out any) error {
	var got struct {
		Result    struct{ Value json.RawMessage }
		Exception *struct {
			Text      string
			Exception struct{ Description string }
		} `json:"exceptionDetails"`
	}
	err := p.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &got)
	switch {
	case err != nil:
		return err
	case got.Exception != nil:
		return fmt.Errorf("browser: %s %s", got.Exception.Text, got.Exception.Exception.Description)
	case out == nil:
		return nil
	}
	return json.Unmarshal(got.Result.Value, out)
}

// Wait waits until an expression is true. While a page is loaded there may be nothing
// to evaluate in.
func (p *Page) Wait(limit time.Duration, expression string) error {
	const again = 50 * time.Millisecond
	end := time.After(limit)
	for {
		var holds bool
		err := p.Eval("Boolean("+expression+")", &holds)
		if err == nil && holds {
			return nil
		}
		select {
		case <-end:
			var text string
			_ = p.Eval("document.body.innerText", &text) // for the error alone
			return fmt.Errorf("browser: never: %s (%v), the page says:\n%s", expression, err, text)
		case <-p.ended:
			return errors.New("browser: it ended")
		case <-time.After(again):
		}
	}
}

// Sees waits until the page shows a text.
func (p *Page) Sees(limit time.Duration, text string) error {
	return p.Wait(limit, "document.body.innerText.includes("+quote(text)+")")
}

// Press presses the button, or follows the link, that shows a text and no more. A
// dialogue hides what is behind it.
func (p *Page) Press(text string) error {
	all := "[...document.querySelectorAll((document.querySelector('dialog[open]') ? 'dialog[open] button, dialog[open] summary' : 'a, button, summary'))].filter((b) => b.checkVisibility() && !b.disabled && !b.hasAttribute('aria-disabled'))"
	find := all + ".find((b) => b.innerText.trim() === " + quote(text) + ")"
	if err := p.Wait(10*time.Second, find); err != nil {
		return err
	}
	return p.Eval("void ("+find+").click()", nil)
}

// Fill writes into the field that has a label.
func (p *Page) Fill(label, value string) error {
	find := "[...document.querySelectorAll('label')].find((l) => l.checkVisibility() && l.innerText.trim().startsWith(" + quote(label) + "))?.control"
	if err := p.Wait(10*time.Second, find); err != nil {
		return err
	}
	return p.Eval("(() => { const c = "+find+"; c.focus(); if (c.type === 'checkbox') { c.click(); return; } c.value = "+quote(value)+"; c.dispatchEvent(new Event('input', {bubbles: true})); c.dispatchEvent(new Event('change', {bubbles: true})); })()", nil)
}

// Dark says whether the page is to be dark.
func (p *Page) Dark(on bool) error {
	value := "light"
	if on {
		value = "dark"
	}
	return p.call("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme", "value": value}}}, nil)
}

// Screenshot writes a picture of the whole page.
func (p *Page) Screenshot(path string) error {
	var got struct{ Data string }
	if err := p.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &got); err != nil {
		return err
	}
	picture, err := base64.StdEncoding.DecodeString(got.Data)
	if err != nil {
		return fmt.Errorf("browser: picture: %w", err)
	}
	return os.WriteFile(path, picture, 0o644)
}

// Problems returns what the page complained of: exceptions, refused resources.
func (p *Page) Problems() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.problems...)
}

// Close ends the browser: in order, so that its helpers end before it.
func (p *Page) Close() error {
	const grace = 5 * time.Second
	p.session = ""
	_ = p.call("Browser.close", nil, nil) // it may have ended already
	timer := time.AfterFunc(grace, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	_ = p.cmd.Wait() // killed, perhaps
	return p.out.Close()
}

func quote(s string) string {
	text, _ := json.Marshal(s) // a string has JSON
	return string(text)
}
