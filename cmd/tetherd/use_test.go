package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/control"
)

// answering is a gateway of parts that do nothing, with its file and its socket.
func answering(t *testing.T) (socket, path string) {
	t.Helper()
	dir := t.TempDir()
	path, socket = filepath.Join(dir, "tetherd.conf"), filepath.Join(dir, "tetherd.sock")
	text := fmt.Sprintf("config tetherd\n\toption state_dir '%s'\n\toption run_dir '%s'\nconfig probe\n\toption enabled '0'\n", dir, dir)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse(path, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	loop := control.New(control.Options{Config: cfg, Path: path, Text: []byte(text), Log: log, Parts: stillParts(), Leave: func() bool { return true }})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 2)
	l, err := api.ListenLocal(socket)
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(cfg, loop, new(api.Tail), &again{}, log)
	go func() { done <- loop.Run(ctx) }()
	go func() { done <- api.Serve(ctx, l, server.Local()) }()
	t.Cleanup(func() {
		stop()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	return socket, path
}

// TestVerbs: settings are changed, kept and told by the commands of the table.
func TestVerbs(t *testing.T) {
	socket, path := answering(t)
	tell := func(want int, args ...string) (string, string) {
		t.Helper()
		code, out, complaints := call(append(args, "--socket", socket)...)
		if code != want {
			t.Errorf("tetherd %s: exit %d, %s%s", strings.Join(args, " "), code, out, complaints)
		}
		return out, complaints
	}
	out, _ := tell(exitOK, "config", "set", "dhcp.limit=50", "lan.open=22", "lan.open=80", "--wait=false")
	if !strings.Contains(out, "id: ") || !strings.Contains(out, "option: limit") {
		t.Errorf("told %s", out)
	}
	_, complaints := tell(exitFailed, "share", "off", "--wait=false")
	if !strings.Contains(complaints, "on trial") {
		t.Errorf("told %s", complaints)
	}
	tell(exitOK, "config", "confirm")
	if text, _ := os.ReadFile(path); !strings.Contains(string(text), "option limit '50'") || !strings.Contains(string(text), "list open '80'") {
		t.Errorf("the file is %s", text)
	}
	out, _ = tell(exitOK, "config", "get", "--json")
	var view api.SettingsView
	if err := json.Unmarshal([]byte(out), &view); err != nil || len(view.Revision) != 12 {
		t.Errorf("%v in %s", err, out)
	}
	_, complaints = tell(exitConfig, "config", "set", "lan.mtu=5")
	if !strings.Contains(complaints, "lan.mtu: must be a whole number from 576 to 9000") {
		t.Errorf("told %s", complaints)
	}
	_, complaints = tell(exitFailed, "config", "revert")
	if !strings.Contains(complaints, "no such change") {
		t.Errorf("told %s", complaints)
	}
	backup := filepath.Join(t.TempDir(), "backup")
	out, _ = tell(exitOK, "backup")
	if err := os.WriteFile(backup, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	tell(exitOK, "restore", backup, "--dry")
	out, _ = tell(exitOK, "audit")
	if !strings.Contains(out, "verb: config set") || !strings.Contains(out, "dhcp.limit") {
		t.Errorf("told %s", out)
	}
}

// TestSecretsAreRead: a PIN or a password is read from standard input unless it is
// given, so that it need not be seen by everybody on the machine.
func TestSecretsAreRead(t *testing.T) {
	socket, _ := answering(t)
	verb, _ := api.Find("password")
	var out strings.Builder
	if err := useCommand(verb, []string{"--socket", socket}, strings.NewReader("correct horse\n"), &out); err != nil || out.Len() > 0 {
		t.Errorf("%v, %s", err, out.String())
	}
	for _, in := range []string{"", "short\n"} {
		if err := useCommand(verb, []string{"--socket", socket}, strings.NewReader(in), &out); err == nil {
			t.Errorf("%q is a password", in)
		}
	}
	pin, _ := api.Find("sim pin")
	if err := useCommand(pin, []string{"12x4", "--socket", socket}, strings.NewReader(""), &out); err == nil || strings.Contains(err.Error(), "12x4") {
		t.Errorf("a PIN of letters: %v", err)
	}
}

// TestVerbUsage: wrong input is told before anybody is asked, and nobody who answers is
// told, too.
func TestVerbUsage(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"share", exitUsage, "on is missing"},
		{"share on off", exitUsage, `"off" is one argument too many`},
		{"config set", exitUsage, "changes is missing"},
		{"config", exitUsage, `there is no command "config"`},
		{"config get --nope", exitUsage, "not defined: -nope"},
		{"restore " + gone, exitUsage, "no such file"},
		{"token add x", exitUsage, "scopes is missing"},
		{"log --socket " + gone, exitDown, "no tetherd answers on " + gone},
	} {
		code, _, complaints := call(strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(complaints, c.says) {
			t.Errorf("tetherd %s: exit %d, %s", c.args, code, complaints)
		}
	}
	for _, v := range verbs() {
		code, out, _ := call(append(strings.Fields(v.Name), "-h")...)
		if code != exitOK || !strings.HasPrefix(out, "usage: tetherd "+v.Name) || !strings.Contains(out, v.Help) {
			t.Errorf("%s: exit %d, %s", v.Name, code, out)
		}
	}
}

// TestEveryVerbHasItsWords walks the table of verbs: each can be said in a shell, which helps
// with it and takes it as far as the gateway that is not there.
func TestEveryVerbHasItsWords(t *testing.T) {
	gone, given := filepath.Join(t.TempDir(), "gone"), file(t, "given", "{}")
	for _, v := range api.Verbs() {
		if v.Kind == api.Stream {
			continue
		}
		words := strings.Fields(v.Name)
		if code, out, _ := call(append(words, "-h")...); code != exitOK || !strings.HasPrefix(out, "usage: tetherd "+words[0]) {
			t.Errorf("%s -h: exit %d, %s", v.Name, code, out)
		}
		want := exitDown
		for _, a := range v.Args {
			switch {
			case !a.Needed:
			case a.File:
				words = append(words, given)
			case a.Type == api.Boolean:
				words = append(words, "on")
			case len(a.OneOf) > 0:
				words = append(words, a.OneOf[0])
			default:
				words = append(words, "word")
			}
		}
		switch v.Name {
		case "plan":
			words, want = []string{"plan", "--config", given}, exitConfig
		case "check":
			want = exitConfig
		case "provision check": // which is done without a gateway too
			words, want = append(words, "--socket", gone), exitConfig
		default:
			words = append(words, "--socket", gone)
		}
		if code, _, complaints := call(words...); code != want {
			t.Errorf("tetherd %s: exit %d, want %d, %s", strings.Join(words, " "), code, want, complaints)
		}
	}
	if code, _, _ := call("provision", "nonsense", "--socket", gone); code != exitUsage {
		t.Errorf("what is no verb of documents: exit %d", code)
	}
}

// TestCheckForPrograms: as HTTP answers.
func TestCheckForPrograms(t *testing.T) {
	code, out, _ := call("check", "--json", file(t, "bad", faulty))
	var refused struct{ Error api.Fault }
	if err := json.Unmarshal([]byte(out), &refused); code != exitConfig || err != nil || len(refused.Error.Faults) != 3 || refused.Error.Faults[0].Line != 2 {
		t.Errorf("exit %d, %s, %v", code, out, err)
	}
	code, out, complaints := call("check", "--json", file(t, "good", ""))
	var checked api.Checked
	if err := json.Unmarshal([]byte(out), &checked); code != exitOK || complaints != "" || err != nil || checked.Revision == "" {
		t.Errorf("exit %d, %s, %s, %v", code, out, complaints, err)
	}
}

func TestCompletion(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string
	}{
		{"", []string{"run", "status", "config", "apn", "factory"}},
		{"config", []string{"get", "set", "confirm", "revert"}},
		{"share", []string{"on", "off", "-json", "-dry"}},
		{"token add", []string{"-socket", "read", "admin"}},
		{"token add home", []string{"-socket", "read", "admin"}},
		{"provision", []string{"check", "apply", "show", "confirm", "revert", "refresh", "buy", "-signature"}},
		{"provision buy", []string{"on", "off", "-json"}},
		{"provision apply", []string{"-signature", "-wait"}},
		{"status", []string{"-json", "-follow", "-socket"}},
		{"doctor", []string{"record", "-watch"}},
		{"wifi", []string{"-json"}},
		{"plan", []string{"-config", "-root"}},
		{"apn 26201", []string{"-spn", "-roaming"}},
		{"check", []string{"-json"}},
		{"run", []string{"-hand-over"}},
		{"nonsense", nil},
	} {
		got := following(strings.Fields(c.line))
		for _, w := range c.want {
			if !slices.Contains(got, w) {
				t.Errorf("%q: no %s in %q", c.line, w, got)
			}
		}
		if c.want == nil && len(got) > 0 {
			t.Errorf("%q: %q", c.line, got)
		}
	}
	if code, out, _ := call("completion", "--", "config"); code != exitOK || out != "get\nset\nconfirm\nrevert\n" {
		t.Errorf("exit %d, %q", code, out)
	}
	if code, out, _ := call("completion"); code != exitOK || out != completion {
		t.Errorf("exit %d, %q", code, out)
	}
}

func TestReadable(t *testing.T) {
	for in, want := range map[string]string{
		`{}`:                            "",
		`{"a":1,"b":[],"c":null}`:       "a: 1\n",
		`{"text":"one\ntwo\n"}`:         "one\ntwo\n",
		`{"l":[{"x":true},"y"],"z":""}`: "l: \n  1: \n    x: true\n  2: y\nz: \n",
	} {
		if got, err := readable(json.RawMessage(in)); err != nil || got != want {
			t.Errorf("%s: %q, %v", in, got, err)
		}
	}
	if _, err := readable(json.RawMessage(`{"a":`)); err == nil {
		t.Error("half an answer is read")
	}
}

// TestNumbers: an argument that is a number is one on its way, too.
func TestNumbers(t *testing.T) {
	socket, _ := answering(t)
	for ban, says := range map[string]string{"60": "is of no device on Wi-Fi", "2592001": "whole number from 0 to", "soon": "invalid"} {
		code, _, complaints := call("kick", "02:00:5e:10:00:01", "-ban", ban, "-socket", socket)
		if code == 0 || !strings.Contains(complaints, says) {
			t.Errorf("%s: code %d, %s", ban, code, complaints)
		}
	}
}
