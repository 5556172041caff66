package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/doctor"
)

// TestSeverityIsTheExitCode: a script needs to read nothing.
func TestSeverityIsTheExitCode(t *testing.T) {
	for severity, want := range map[string]int{"fault": exitFault, "degraded": exitPoor, "": exitOK} {
		got := exitOK
		var e exit
		if err := severityOf(severity); errors.As(err, &e) {
			got = e.code
		}
		if got != want {
			t.Errorf("%q: exit %d, want %d", severity, got, want)
		}
	}
}

func severityOf(text string) error {
	return severity(api.Document{Doctor: api.Doctor{Verdict: "RC14", Severity: text}})
}

// TestDoctorOfARunningGateway: the verdict comes first, the tree after it, and what it
// was made from can be examined again.
func TestDoctorOfARunningGateway(t *testing.T) {
	path, socket := settings(t, "")
	g := start(t, path, socket, made(t))
	g.await(t, "a turn", func(d api.Document) bool { return d.Seq > 0 && d.LAN.Address != "" })
	code, out, complaints := call("doctor", "--socket", socket)
	if code != exitOK || complaints != "" || !strings.HasPrefix(out, "Clients have no Internet: ") || !strings.Contains(out, "\n  forwarding     not evaluated") {
		t.Errorf("exit %d, %q\n%s", code, complaints, out)
	}
	_, out, _ = call("doctor", "--json", "--socket", socket)
	var d api.Doctor
	if err := json.Unmarshal([]byte(out), &d); err != nil || len(d.Checks) < 10 {
		t.Errorf("%v: %s", err, out)
	}
	_, out, _ = call("doctor", "--record", "--socket", socket)
	if _, told, err := doctor.Replay([]byte(out)); err != nil || told != "" {
		t.Errorf("told %q, %v", told, err)
	}
	g.end(t, syscall.SIGTERM)
}

// TestShow: text for people, one line of JSON for programs.
func TestShow(t *testing.T) {
	d := api.Document{Sentence: "All is well.", Doctor: api.Doctor{Checks: []api.Check{{Name: "modem", State: "ok"}}}}
	var text, lines bytes.Buffer
	if err := errors.Join(show(&text, d, false), show(&lines, d, true)); err != nil {
		t.Fatal(err)
	}
	if text.String() != "All is well.\n  modem          ok            \n" || strings.Count(lines.String(), "\n") != 1 {
		t.Errorf("%q, %q", text.String(), lines.String())
	}
}
