package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/control"
)

// do uses a verb and decodes its answer.
func do[T any](t *testing.T, s *Server, verb string, args map[string]any, by Caller) (T, *Fault) {
	t.Helper()
	var out T
	answer, err := s.Do(t.Context(), verb, args, by)
	if err != nil {
		var f *Fault
		if !errors.As(err, &f) {
			t.Fatalf("%s: %v is no fault", verb, err)
		}
		return out, f
	}
	text, err := json.Marshal(answer)
	if err == nil {
		isDescribed(t, verb, answer, text)
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out, nil
}

func page() Caller {
	return Caller{Author: control.Author{Name: "page", Session: "s1"}, Scopes: []Scope{Admin}, From: "192.168.97.44"}
}

// file is the owner's file as it stands on the disk.
func file(t *testing.T, s *Server) string {
	t.Helper()
	text, err := os.ReadFile(s.path())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// path is where the made-up owner's file is.
func (s *Server) path() string {
	return filepath.Join(s.Loop.Snapshot().Config.Main.StateDir, "tetherd.conf")
}

const mine = "# mine\nconfig dhcp\n\toption limit '99'\n"

// TestPageAtAnothersPort: the page does not move to where another program listens.
func TestPageAtAnothersPort(t *testing.T) {
	s := turning(t, mine)
	other, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	port := other.Addr().(*net.TCPAddr).Port
	args := map[string]any{"changes": []string{fmt.Sprintf("api.port=%d", port)}, "dry": true}
	if _, fault := do[Change](t, s, "config set", args, page()); fault == nil || fault.Code != Invalid || len(fault.Faults) != 1 || fault.Faults[0].Section+"."+fault.Faults[0].Option != "api.port" {
		t.Errorf("%+v", fault)
	}
	other.Close()
	if _, fault := do[Change](t, s, "config set", args, page()); fault != nil {
		t.Errorf("when it is free: %v", fault)
	}
}

// TestChangeOfSettings: told before, in force at once, in the file when confirmed, with
// the owner's comments.
func TestChangeOfSettings(t *testing.T) {
	s := turning(t, mine)
	own := file(t, s)
	before, _ := do[SettingsView](t, s, "config get", nil, page())
	args := map[string]any{"changes": []string{"dhcp.limit=50", "lan.open=22", "lan.open=80"}, "revision": before.Revision, "dry": true}
	told, fault := do[Change](t, s, "config set", args, page())
	if fault != nil || !told.Dry || told.Trial != nil || len(told.Sections) != 2 || s.Loop.Snapshot().Config.DHCP.Limit != 99 {
		t.Fatalf("dry: %+v, %v", told, fault)
	}
	if d := told.Sections[0]; d.Section+"."+d.Option != "lan.open" || len(d.Before) != 0 || strings.Join(d.After, " ") != "22 80" {
		t.Errorf("difference %+v", told.Sections)
	}
	args["dry"] = false
	done, fault := do[Change](t, s, "config set", args, page())
	if fault != nil || done.Trial == nil || !done.Trial.Attended || done.Trial.LeftMS < 1000 || done.Revision != told.Revision {
		t.Fatalf("%+v, %v", done, fault)
	}
	if doc := s.document(s.Loop.Snapshot()); doc.Trial == nil || doc.Trial.ID != done.Trial.ID || s.Loop.Snapshot().Config.DHCP.Limit != 50 || file(t, s) != own {
		t.Errorf("not in force, or in the file already: %+v", doc.Trial)
	}
	if _, fault := do[Nothing](t, s, "config confirm", map[string]any{"id": done.Trial.ID}, page()); fault != nil {
		t.Fatal(fault)
	}
	want := strings.Replace(own, "'99'", "'50'", 1) + "\nconfig lan 'lan'\n\tlist open '22'\n\tlist open '80'\n"
	if file(t, s) != want {
		t.Errorf("the file is %q", file(t, s))
	}
	if doc := s.document(s.Loop.Snapshot()); doc.Trial != nil || doc.LastChange == nil || !doc.LastChange.Kept {
		t.Errorf("told %+v", doc.LastChange)
	}
	if _, fault := do[Change](t, s, "config set", args, page()); fault == nil || fault.Code != Conflict || fault.Status() != 409 {
		t.Errorf("a lost update: %v", fault)
	}
	if _, fault := do[Nothing](t, s, "config revert", nil, page()); fault == nil || fault.Code != Absent {
		t.Errorf("nothing to take back: %v", fault)
	}
}

// TestTakeBack: what was taken back leaves no trace in the file.
func TestTakeBack(t *testing.T) {
	s := turning(t, mine)
	own := file(t, s)
	if _, fault := do[Change](t, s, "share", map[string]any{"on": false}, page()); fault != nil {
		t.Fatal(fault)
	}
	if s.Loop.Snapshot().Config.Sharing.Enabled {
		t.Error("still shared")
	}
	if _, fault := do[Nothing](t, s, "config revert", nil, Root("socket")); fault != nil {
		t.Fatal(fault)
	}
	if !s.Loop.Snapshot().Config.Sharing.Enabled || file(t, s) != own {
		t.Error("it was not taken back")
	}
}

// TestWrongChanges: each is a fault that names what is wrong, and nothing has changed.
func TestWrongChanges(t *testing.T) {
	s := turning(t, mine)
	own := file(t, s)
	for _, c := range []struct {
		changes []string
		says    string
	}{
		{nil, "changes names no change"},
		{[]string{"lan"}, "item 1 must be SECTION.OPTION=VALUE"},
		{[]string{"lan.mtu=1400", ".mtu=1"}, "item 2 must be"},
		{[]string{"lan.=1"}, "item 1 must be"},
		{[]string{"lann.mtu=1400"}, "did you mean 'lan'?"},
		{[]string{"lan.mtu=5"}, "must be a whole number from 576 to 9000"},
		{[]string{"dhcp.limit=4000"}, "does not fit"},
		{[]string{"x=lan"}, "no such section"},
	} {
		_, fault := do[Change](t, s, "config set", map[string]any{"changes": c.changes}, page())
		text := ""
		if fault != nil {
			text = fault.Error()
			for _, f := range fault.Faults {
				text += " " + f.Message
			}
		}
		if fault == nil || fault.Code != Invalid || !strings.Contains(text, c.says) {
			t.Errorf("%q: %s", c.changes, text)
		}
	}
	if s.Loop.Snapshot().Trial != nil || file(t, s) != own {
		t.Error("something was changed")
	}
}

// TestSecretsAreKept: settings are shown without secrets, with them to who may change
// them; a backup has them, restored it is the same.
func TestSecretsAreKept(t *testing.T) {
	s := turning(t, "config modem\n\toption pin '73914682'\n")
	look := func(args map[string]any, scopes ...Scope) (string, *Fault) {
		view, fault := do[SettingsView](t, s, "config get", args, Caller{Scopes: scopes})
		text, _ := json.Marshal(view)
		return string(text), fault
	}
	if text, fault := look(nil, Read); fault != nil || strings.Contains(text, "73914682") {
		t.Errorf("shown to a reader: %v", fault)
	}
	if _, fault := look(map[string]any{"secrets": true}, Read); fault == nil || fault.Code != Denied {
		t.Errorf("not refused: %v", fault)
	}
	if text, fault := look(map[string]any{"secrets": true}, Read, Settings); fault != nil || !strings.Contains(text, "73914682") {
		t.Errorf("hidden from its owner: %v", fault)
	}
	b, fault := do[Backup](t, s, "backup", nil, page())
	if fault != nil || !strings.Contains(b.Text, "73914682") {
		t.Fatal(b, fault)
	}
	told, fault := do[Change](t, s, "restore", map[string]any{"text": "config modem\n\toption pin '1234'\n", "dry": true}, page())
	if text, _ := json.Marshal(told); fault != nil || strings.Contains(string(text), "73914682") || strings.Contains(string(text), "1234") {
		t.Errorf("a dry run tells secrets: %s, %v", text, fault)
	}
	if c, fault := do[Change](t, s, "restore", map[string]any{"text": b.Text}, page()); fault != nil || c.Revision != b.Revision || c.Trial != nil {
		t.Errorf("restoring what is: %+v, %v", c, fault)
	}
}

// TestChosenAPN: it is the first to try, can be changed, and given back.
func TestChosenAPN(t *testing.T) {
	s := turning(t, "config apn 'home'\n\toption apn 'internet.example'\nconfig apn 'closed'\n\toption apn 'closed.example'\n\toption user 'who'\n\toption password 'knows'\n\toption auth 'chap'\n")
	choose := func(args map[string]any) []config.APN {
		t.Helper()
		if _, fault := do[Change](t, s, "apn choose", args, page()); fault != nil {
			t.Fatal(fault, fault.Faults)
		}
		return s.Loop.Snapshot().Config.APNs
	}
	if got := choose(map[string]any{"apn": "one", "user": "u", "password": "p", "auth": "pap"}); len(got) != 3 || got[0].APN != "one" || got[0].Auth != "pap" || got[0].Password != "p" || got[1].Section != "home" {
		t.Errorf("%+v", got)
	}
	if got := choose(map[string]any{"apn": "two", "family": "ipv4"}); len(got) != 3 || got[0].APN != "two" || got[0].User != "" || got[0].Family != "ipv4" {
		t.Errorf("%+v", got)
	}
	if got := choose(map[string]any{"apn": "closed.example", "auth": "chap"}); got[0].User != "who" || got[0].Password != "knows" || got[0].Auth != "chap" {
		t.Errorf("its login is lost: %+v", got[0])
	}
	if got := choose(map[string]any{"apn": "", "network": true}); len(got) != 3 || got[0].Section != "chosen" || got[0].APN != "" || got[0].User != "" {
		t.Errorf("the network's choice: %+v", got)
	}
	if _, fault := do[Change](t, s, "apn choose", map[string]any{"apn": "one", "network": true}, page()); fault == nil || fault.Field != "network" {
		t.Errorf("both at once: %v", fault)
	}
	if got := choose(map[string]any{"apn": ""}); len(got) != 2 || got[0].Section != "home" {
		t.Errorf("%+v", got)
	}
	if got := choose(map[string]any{"apn": ""}); len(got) != 2 {
		t.Errorf("%+v", got)
	}
}

// TestForesee: what a change stops is said before.
func TestForesee(t *testing.T) {
	s := turning(t, "")
	for _, c := range []struct{ change, what, says string }{
		{"lan.address=192.168.5.1/24", "lan", "192.168.5.1"},
		{"api.port=8081", "page", "8081"},
		{"sharing.enabled=0", "uplink", "no Internet"},
		{"api.port=0", "page", "closed for good"},
		{"modem.enabled=0", "uplink", "until the modem is switched on"},
		{"lan.port=eth7", "lan", "taken out"},
		{"dhcp.enabled=0", "dhcp", "no address"},
		{"dns.enabled=0", "dns", "no answer to names"},
		{"guest.port=eth8", "guests", "Guests"},
		{"dns.cache_size=1", "", ""},
	} {
		told, fault := do[Change](t, s, "config set", map[string]any{"changes": []string{c.change}, "dry": true}, page())
		text, found := "", ""
		for _, i := range told.Interrupts {
			if i.What == c.what {
				text, found = i.Text, i.What
			}
		}
		if fault != nil || found != c.what || !strings.Contains(text, c.says) {
			t.Errorf("%s: %+v, %v", c.change, told.Interrupts, fault)
		}
	}
	if err := s.Loop.Send(control.BadConfig{Text: "a fault of the file"}); err != nil {
		t.Fatal(err)
	}
	for snap := s.Loop.Snapshot(); snap.BadConfig == ""; snap = s.Loop.Snapshot() {
		<-snap.Superseded()
	}
	told, fault := do[Change](t, s, "config set", map[string]any{"changes": []string{"dns.cache_size="}, "dry": true}, page())
	if fault != nil || len(told.Sections) > 0 || len(told.Interrupts) != 1 || told.Interrupts[0].What != "file" {
		t.Errorf("a file with faults: %+v, %v", told, fault)
	}
}

// TestMaskedCallers: whoever a bus lets in sees no secrets whatever his scopes, and does
// not choose the first password.
func TestMaskedCallers(t *testing.T) {
	s := turning(t, "config modem\n\toption pin '73914682'\n")
	by := Caller{Scopes: []Scope{Read, Settings}, Masked: true}
	for verb, args := range map[string]map[string]any{
		"config get": {"secrets": true}, "wifi": nil, "password": {"new": "a long enough one"},
	} {
		if _, fault := do[any](t, s, verb, args, by); fault == nil || fault.Code != Denied {
			t.Errorf("%s: %v", verb, fault)
		}
	}
	if _, fault := do[SettingsView](t, s, "config get", nil, by); fault != nil {
		t.Errorf("without secrets: %v", fault)
	}
}

// TestRestoredElsewhere: a backup of another machine leaves this one's folders where they
// are, and with them the password of the page, also when it names others, as one of OpenWrt
// does, and on a machine where they are the usual ones.
func TestRestoredElsewhere(t *testing.T) {
	s := turning(t, "")
	own := places(s.Loop.Snapshot().Config)
	for _, text := range []string{
		"config lan\n\toption mtu '1400'\n", "config tetherd 'gate'\n\toption log_level 'debug'\n",
		"config tetherd\n\toption log_level 'debug'\n\toption state_dir '/var/lib/tetherd'\n",
		"config lan\n\toption mtu '1400'\nconfig api\n\toption socket '/elsewhere'\nconfig tetherd\n\toption run_dir '/elsewhere'\n",
	} {
		told, fault := do[Change](t, s, "restore", map[string]any{"text": text, "dry": true}, page())
		moved := slices.ContainsFunc(told.Sections, func(d SectionDiff) bool { return slices.Contains([]string{"state_dir", "run_dir", "socket"}, d.Option) })
		if fault != nil || moved || len(told.Sections) == 0 {
			t.Errorf("%q changes %+v, %v", text, told.Sections, fault)
		}
	}
	usual := config.Default()
	text, err := settle([]byte("config tetherd\n\toption state_dir '/etc/tetherd'\n"), usual)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := config.Parse("settings", text); err != nil || places(got) != places(usual) {
		t.Errorf("the usual places become %q, %v", text, err)
	}
	if _, fault := do[Change](t, s, "restore", map[string]any{"text": "config dhcp\n\toption domain 'other'\n"}, page()); fault != nil {
		t.Fatal(fault)
	}
	if got := places(s.Loop.Snapshot().Config); got != own || s.Loop.Snapshot().Config.DHCP.Domain != "other" {
		t.Errorf("its places are %q, before %q", got, own)
	}
}

// TestFoldersAreTheAdmins: the password of the page lies in the state folder.
func TestFoldersAreTheAdmins(t *testing.T) {
	s := turning(t, "")
	args := map[string]any{"changes": []any{"main.state_dir=/elsewhere"}, "dry": true}
	if _, fault := do[Change](t, s, "config set", args, Caller{Scopes: []Scope{Settings}}); fault == nil || fault.Code != Denied || fault.Field != "state_dir" {
		t.Errorf("with the scope settings: %v", fault)
	}
	if told, fault := do[Change](t, s, "config set", args, page()); fault != nil || len(told.Restart) == 0 {
		t.Errorf("to an admin: %+v, %v", told, fault)
	}
}
