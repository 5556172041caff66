package api

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMask(t *testing.T) {
	m := newMask([]Client{{MAC: "02:00:00:00:00:01", Name: "annas-phone"}, {MAC: "02:00:00:00:00:02", Name: "tv"}})
	for in, want := range map[string]string{
		"":                           "",
		"leased to annas-phone":      "leased to device-1",
		"mac=02:00:00:00:00:02 tv":   "mac=device-2 tv",
		"mac=aa:bb:cc:dd:ee:FF.":     "mac=xx:xx:xx:xx:xx:xx.",
		"iccid 8949020000012345678x": "iccid (number)x",
		"imsi=262010000012345":       "imsi=(number)",
		"192.168.97.1 at 12:30:45 seq=12345678901": "192.168.97.1 at 12:30:45 seq=12345678901",
		"aa:bb:cc:dd:ee":      "aa:bb:cc:dd:ee",
		"ü 02:00:00:00:00:01": "ü device-1",
	} {
		if got := m.clean(in); got != want {
			t.Errorf("%q: %q, wanted %q", in, got, want)
		}
	}
}

// FuzzMask: nothing that looks like a hardware address or a SIM's number is left.
func FuzzMask(f *testing.F) {
	f.Add("a 02:00:00:00:00:01 b 8949020000012345678")
	f.Add("1:02:00:00:00:00:01:22")
	f.Fuzz(func(t *testing.T, text string) {
		got := newMask(nil).clean(text)
		for i := range got {
			if n, stand := identifier(got[i:]); stand != "" && (i == 0 || !hexDigit(got[i-1])) {
				t.Fatalf("%q is left of %q", got[i:i+n], text)
			}
		}
	})
}

// TestSupport: a bundle tells no secret and nobody's name.
func TestSupport(t *testing.T) {
	s := turning(t, "config network\n\toption passphrase 'sesame-on-the-air'\nconfig modem\n\toption pin '73914682'\nconfig lan\n\toption address '192.168.5.1/24'\nconfig network\n\toption ssid 'Maries van'\nconfig apn\n\toption apn 'internet.example'\n\toption user '79161234567@internet'\nconfig host\n\toption name 'annas-phone'\n\toption mac '02:00:00:00:00:09'\n\toption ip '192.168.5.9'\n")
	fmt.Fprintf(s.Tail, "level=INFO msg=found imsi=%s mac=02:00:00:00:00:07\n", secretIMSI)
	b, fault := do[Support](t, s, "support", nil, Caller{Scopes: []Scope{Read}})
	text, _ := json.Marshal(b)
	if fault != nil || b.Status.Version != Version || len(b.Settings) < 5 || !strings.Contains(b.Log, "msg=found") {
		t.Fatalf("%s, %v", text, fault)
	}
	for _, secret := range append(secrets(), "02:00:00:00:00:09", "02:00:00:00:00:07", "annas-phone", "sesame-on-the-air", "Maries van", "79161234567") {
		if strings.Contains(string(text), secret) {
			t.Errorf("tells %s", secret)
		}
	}
}

// TestMaskedState: no field of the state tells a device, not even one that was added
// yesterday.
func TestMaskedState(t *testing.T) {
	d := Document{
		Clients: []Client{{MAC: "02:00:00:00:00:01", Name: "annas-phone"}}, Sentence: "annas-phone is refused",
		WiFi:     WiFi{Blocked: []string{"02:00:00:00:00:02"}, Radios: []Radio{{Interface: "wlan0", Wrong: []WrongAccess{{MAC: "02:00:00:00:00:03", Count: 3}}}}},
		Doctor:   Doctor{Findings: []Finding{{Evidence: []Fact{{Name: "mac", Value: "02:00:00:00:00:04"}}}}},
		Uplinks:  []Uplink{{Interface: "wwan0", Addresses: []netip.Prefix{netip.MustParsePrefix("2001:db8:11:22:33:44:55:66/64")}, Down: 1234567890123456}},
		Problems: []string{"imsi 262010000012345"},
		Process:  Process{Started: time.Date(2026, 11, 25, 1, 2, 3, 0, time.UTC)},
	}
	d.Clients = append(d.Clients, Client{MAC: "02:00:00:00:00:05", Name: "2026"}) // a name that stands in every time
	got, err := newMask(d.Clients).document(d)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(got)
	for _, secret := range []string{"annas-phone", "02:00:00", "262010000012345"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("tells %s: %s", secret, text)
		}
	}
	if got.WiFi.Radios[0].Wrong[0].Count != 3 || got.Uplinks[0].Addresses[0] != d.Uplinks[0].Addresses[0] || got.Uplinks[0].Down != d.Uplinks[0].Down || !got.Process.Started.Equal(d.Process.Started) {
		t.Errorf("too much is masked: %s", text)
	}
	if d.Clients[0].Name != "annas-phone" {
		t.Error("the state itself was masked")
	}
}

// TestTail: the end of the log in whole lines, whatever was written.
func TestTail(t *testing.T) {
	var tail Tail
	for i := range 4 * maxTail / 20 {
		fmt.Fprintf(&tail, "a line of twenty %3d\n", i%1000)
		if got := tail.String(); len(got) > maxTail || !strings.HasPrefix(got, "a line") || cap(tail.kept) > 8*maxTail {
			t.Fatalf("%d bytes beginning with %.20q", len(got), got)
		}
	}
	if got := tail.String(); !strings.HasSuffix(got, "\n") || len(got) < maxTail-30 {
		t.Errorf("%d bytes", len(got))
	}
}

// TestAuditWhat: names are noted, and no value, also of a change that was typed wrong.
func TestAuditWhat(t *testing.T) {
	for _, c := range []struct {
		args map[string]any
		want string
	}{
		{map[string]any{"changes": []string{"modem.pin=1234", "lan.mtu="}}, "[modem.pin lan.mtu]"},
		{map[string]any{"changes": []string{"network.passphrase", "hunter2secret"}}, "[]"},
		{map[string]any{"on": true}, "[on=true]"}, {map[string]any{"name": "home"}, "[home]"}, {map[string]any{"new": "secret"}, "[]"},
	} {
		if got := fmt.Sprint(auditWhat(c.args)); got != c.want {
			t.Errorf("%v: %s, wanted %s", c.args, got, c.want)
		}
	}
}

// TestJournal: it is bounded, the newest is first, and a torn line is left out.
func TestJournal(t *testing.T) {
	dir := t.TempDir()
	j := OpenJournal(dir)
	for i := range 2 * maxAudit / 40 {
		if err := j.note(Deed{Verb: fmt.Sprint(i), By: "page"}); err != nil {
			t.Fatal(err)
		}
	}
	size := int64(0)
	for _, name := range []string{"audit", "audit.old"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil {
			size += info.Size()
		}
	}
	if size == 0 || size > 2*(maxAudit+maxAuditLine) {
		t.Errorf("%d bytes", size)
	}
	f, err := os.OpenFile(filepath.Join(dir, "audit"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, `{"at":"20`)
	f.Close()
	list, err := j.last()
	if err != nil || len(list) != auditShown || list[0].Verb != fmt.Sprint(2*maxAudit/40-1) {
		t.Errorf("%d deeds, %+v, %v", len(list), list[0], err)
	}
	if err := j.note(Deed{Verb: "the first afterwards"}); err != nil {
		t.Error(err)
	}
	list, err = j.last()
	if err != nil || len(list) != auditShown || list[0].Verb != "the first afterwards" || list[1].Verb != fmt.Sprint(2*maxAudit/40-1) {
		t.Errorf("after a torn line: %+v, %+v, %v", list[0], list[1], err)
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "audit")); strings.Contains(string(text), "\n\n") {
		t.Error("an empty line")
	}
	if err := j.note(Deed{What: []string{strings.Repeat("x", maxAuditLine)}}); err == nil {
		t.Error("a line without end")
	}
}
