package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/provision/document"
)

// paper is a document with a limit.
func paper(serial, devices int) string {
	return fmt.Sprintf(`{"format": "tetherd-document/1", "serial": %d, "operator": {"id": "{11111111-2222-3333-4444-555555555555}"}, "sims": [{"sharing": {"max_devices": %d}}]}`, serial, devices)
}

// says calls a command and holds it to its exit code and to what it says, on either
// stream; what fails says nothing of the document on standard output but its report.
func says(t *testing.T, code int, text string, args ...string) (out string) {
	t.Helper()
	got, out, complaints := call(args...)
	if got != code || !strings.Contains(out+complaints, text) {
		t.Errorf("tetherd %s: exit %d, want %d with %q\n%s%s", strings.Join(args, " "), got, code, text, out, complaints)
	}
	return out
}

// TestProvisionUsage: what is wrong with the command itself, or with its file, is told
// before anybody is asked.
func TestProvisionUsage(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	good := file(t, "good", paper(1, 5))
	says(t, exitUsage, "what about a document?", "provision")
	says(t, exitUsage, "what about a document?", "provision", "enforce", good)
	says(t, exitUsage, "which file?", "provision", "check")
	says(t, exitUsage, "which file?", "provision", "apply")
	says(t, exitUsage, "not defined: -force", "provision", "apply", good, "--force")
	says(t, exitUsage, "too many", "provision", "apply", good, good)
	says(t, exitFailed, "no such file", "provision", "check", gone)
	says(t, exitFailed, "no such file", "provision", "check", good, "--signature", gone)
	says(t, exitFailed, "no Ed25519 signature", "provision", "check", good, "--signature", file(t, "sig", "rubbish"))
	says(t, exitFailed, "no Ed25519 signature", "provision", "check", good, "--signature", file(t, "sig", strings.Repeat("A", 300)))
}

// TestProvisionAlone: without a gateway a document is judged all the same, as far as that
// can be, and nothing else is done.
func TestProvisionAlone(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	good := file(t, "good", paper(1, 5))
	says(t, exitOK, "no gateway runs here", "provision", "check", good, "--socket", gone)
	says(t, exitConfig, "/sims/0/sharing/max_devices", "provision", "check", file(t, "bad", paper(1, 0)), "--socket", gone)
	says(t, exitConfig, "the document is refused", "provision", "check", file(t, "html", "<html>"), "--socket", gone)
	says(t, exitConfig, "bytes", "provision", "check", file(t, "large", paper(1, 5)+strings.Repeat(" ", document.MaxBytes)), "--socket", gone)
	for _, verb := range []string{"apply", "show", "revert", "refresh", "buy"} {
		args := []string{"provision", verb}
		if verb == "apply" {
			args = append(args, good)
		}
		says(t, exitDown, "no tetherd answers on "+gone, append(args, "--socket", gone)...)
	}
	var v api.Verdict
	out := says(t, exitConfig, "", "provision", "check", file(t, "bad", paper(1, 0)), "--json", "--socket", gone)
	if err := json.Unmarshal([]byte(out), &v); err != nil || !v.Refused || len(v.Items) == 0 {
		t.Errorf("%v in %s", err, out)
	}
}

// TestApplyAsks: who applies a document at a terminal sees what becomes of it, and nothing is
// done without a yes.
func TestApplyAsks(t *testing.T) {
	socket, _ := answering(t)
	good := file(t, "good", paper(1, 5))
	apply := func(document, answer string) (string, error) {
		near, who := terminal(t)
		var out strings.Builder
		who.enter(answer)
		p := provisioner{socket: socket, in: inputOf(near), out: &out, verb: "apply", file: document}
		o, err := p.read()
		if err == nil {
			err = p.apply(t.Context(), o)
		}
		who.see("Put it into force?")
		return out.String(), err
	}
	for _, answer := range []string{"n\n", "\n", "yess\n", "\x04"} {
		if out, err := apply(good, answer); err != nil || strings.Count(out, "/sims/0/sharing/max_devices") != 1 || !strings.HasSuffix(out, "Nothing was changed.\n") {
			t.Errorf("%q: %s%v", answer, out, err)
		}
	}
	says(t, exitOK, "There is no operator's document.", "provision", "show", "--socket", socket)
	pipe := filepath.Join(t.TempDir(), "pipe") // which can be read once
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() { _ = os.WriteFile(pipe, []byte(paper(1, 5)), 0o600) }()
	if out, err := apply(pipe, "y\n"); err != nil || strings.Count(out, "/sims/0/sharing/max_devices") != 1 {
		t.Errorf("%s%v", out, err)
	}
	says(t, exitOK, "on trial until", "provision", "show", "--socket", socket)
}

// TestProvision: a document's life by commands, each with its exit code.
func TestProvision(t *testing.T) {
	socket, _ := answering(t)
	with := func(args ...string) []string {
		return append(append([]string{"provision"}, args...), "--socket", socket)
	}
	good, other, bad := file(t, "good", paper(1, 5)), file(t, "other", paper(2, 6)), file(t, "bad", paper(1, 0))
	says(t, exitOK, "There is no operator's document.", with("show")...)
	says(t, exitOK, "applied         /sims/0/sharing/max_devices", with("check", good)...)
	says(t, exitConfig, "whole number, 1 to 250", with("check", bad)...)
	says(t, exitConfig, "nothing of it is applied", with("apply", bad)...)
	says(t, exitConfig, "none of the 0 pinned keys", with("apply", good, "--signature", file(t, "sig", strings.Repeat("x", 64)))...)
	says(t, exitFailed, "text must have", with("apply", file(t, "large", paper(1, 5)+strings.Repeat(" ", document.MaxBytes)))...)
	says(t, exitFailed, "no such change", with("revert")...)
	says(t, exitFailed, "no document in force names a server", with("refresh")...)
	says(t, exitFailed, "no document names an access point for buying", with("buy")...)
	says(t, exitOK, "There is no operator's document.", with("buy", "off")...)

	says(t, exitOK, "applied", with("apply", good, "--wait=false")...)
	says(t, exitOK, "on trial until", with("show")...)
	says(t, exitFailed, "is on trial", with("apply", other, "--wait=false")...)
	says(t, exitFailed, "is on trial", "config", "set", "dhcp.limit=50", "--wait=false", "--socket", socket)
	says(t, exitOK, "in force already", with("apply", good)...)
	says(t, exitOK, "not kept: it was taken back", with("revert", "--wait=false")...)

	// Who waits hears how it ends: here by somebody who takes it back.
	ended := make(chan int, 1)
	go func() {
		code, _, _ := call(with("apply", other)...)
		ended <- code
	}()
	for { // until it is on trial
		if code, _, _ := call(with("revert", "--wait=false")...); code == exitOK {
			break
		}
	}
	if code := <-ended; code != exitFailed {
		t.Errorf("taken back while somebody waits: exit %d", code)
	}
	var p api.Provisioning
	out := says(t, exitOK, "", with("show", "--json")...)
	if err := json.Unmarshal([]byte(out), &p); err != nil || p.Outcome == nil || p.Outcome.Kept || p.Trial != nil {
		t.Errorf("%v in %s", err, out)
	}
}
