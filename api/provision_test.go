package api

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/provision/document"
)

// paper is a document with a limit.
func paper(serial, devices int) string {
	return fmt.Sprintf(`{"format": "tetherd-document/1", "serial": %d, "operator": {"id": "{11111111-2222-3333-4444-555555555555}", "name": "Lab"},
		"activation": {"method": "reconnect"}, "sims": [{"sharing": {"max_devices": %d}}]}`, serial, devices)
}

func text(raw string) map[string]any { return map[string]any{"text": raw} }

// TestOffers: what is judged and what is refused, and that neither puts anything in force.
func TestOffers(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	pinned := base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
	s := turning(t, "config document\n\tlist key '"+pinned+"'\n")
	signed := func(by ed25519.PrivateKey, raw string) map[string]any {
		return map[string]any{"text": raw, "signature": base64.StdEncoding.EncodeToString(ed25519.Sign(by, []byte(raw)))}
	}
	stranger := ed25519.NewKeyFromSeed([]byte(strings.Repeat("x", ed25519.SeedSize)))
	good := paper(1, 5)
	for what, test := range map[string]struct {
		args  map[string]any
		says  string // of the first refused item; "" it is right
		fault Code
	}{
		"unsigned":             {args: text(good)},
		"signed":               {args: signed(key, good)},
		"by another key":       {args: signed(stranger, good), says: "none of the 1 pinned keys"},
		"tampered":             {args: map[string]any{"text": good + " ", "signature": signed(key, good)["signature"]}, says: "changed after it"},
		"no signature at all":  {args: map[string]any{"text": good, "signature": "rubbish"}, says: "no Ed25519 signature"},
		"a wrong element":      {args: text(paper(1, 0)), says: "whole number, 1 to 250"},
		"half a document":      {args: text(good[:60]), says: "ends too early"},
		"a page":               {args: text("<html><body>log in</body></html>"), says: "the root must be CarrierProvisioning"},
		"nothing like either":  {args: text("hello"), says: "neither"},
		"no text":              {args: map[string]any{}, fault: Invalid},
		"an empty text":        {args: text(""), says: "neither"},
		"of the wrong type":    {args: map[string]any{"text": 5}, fault: Invalid},
		"an unknown argument":  {args: map[string]any{"text": good, "force": true}, fault: Invalid},
		"too large to be read": {args: text(good + strings.Repeat(" ", document.MaxBytes)), fault: Invalid},
	} {
		for _, verb := range []string{"provision check", "provision apply"} {
			if verb == "provision apply" && test.says == "" && test.fault == "" {
				continue // TestDocumentOnTrial
			}
			v, fault := do[Verdict](t, s, verb, test.args, page())
			switch {
			case test.fault != "":
				if fault == nil || fault.Code != test.fault {
					t.Errorf("%s: %s: %+v, %v", verb, what, v, fault)
				}
			case fault != nil:
				t.Errorf("%s: %s: %v", verb, what, fault)
			case v.Refused != (test.says != "") || v.Trial != "":
				t.Errorf("%s: %s: %+v", verb, what, v)
			case test.says != "" && !strings.Contains(v.Text(), test.says):
				t.Errorf("%s: %s: %s", verb, what, v.Text())
			}
		}
	}
	p, _ := do[Provisioning](t, s, "provision show", nil, page())
	if len(p.Documents) != 0 || p.Limit != 0 || p.Trial != nil || p.Text() != "There is no operator's document.\nsharing: allowed (always)\n" {
		t.Errorf("in force is %+v\n%s", p, p.Text())
	}
}

// TestDocumentOnTrial: in force at once, told, not to be overtaken by another change, and
// taken back.
func TestDocumentOnTrial(t *testing.T) {
	s := turning(t, "")
	v, fault := do[Verdict](t, s, "provision apply", text(paper(1, 5)), page())
	if fault != nil || v.Trial == "" || v.Refused {
		t.Fatalf("%+v, %v", v, fault)
	}
	p, _ := do[Provisioning](t, s, "provision show", nil, page())
	if p.Trial == nil || p.Trial.ID != v.Trial || p.Trial.By != "page" || len(p.Documents) != 1 {
		t.Fatalf("%+v", p)
	}
	d := p.Documents[0]
	if d.Serial != 1 || d.Form != "json" || d.Signed || d.Origin != "owner" || d.Name != "Lab" || len(d.Items) == 0 || !strings.HasPrefix(d.Activate, "reconnect") {
		t.Errorf("%+v", d)
	}
	for what, try := range map[string]func() *Fault{
		"another document": func() *Fault { _, f := do[Verdict](t, s, "provision apply", text(paper(2, 6)), page()); return f },
		"other settings": func() *Fault {
			_, f := do[Change](t, s, "config set", map[string]any{"changes": []string{"dhcp.limit=50"}}, page())
			return f
		},
		"the documents before": func() *Fault { // only one that is kept has such
			_, f := do[Provisioning](t, s, "provision buy", map[string]any{"on": true}, page())
			return f
		},
	} {
		if f := try(); f == nil || what != "the documents before" && (f.Code != Conflict || f.Status() != 409) {
			t.Errorf("%s: %v", what, f)
		}
	}
	if again, fault := do[Verdict](t, s, "provision apply", text(paper(1, 5)), page()); fault != nil || again.Trial != "" {
		t.Errorf("the same again: %+v, %v", again, fault)
	}
	status := s.document(s.Loop.Snapshot())
	if status.Provision == nil || len(status.Provision.Documents) != 1 || status.Provision.Documents[0].Items != nil {
		t.Errorf("the status tells %+v", status.Provision)
	}
	if !p.Trial.Attended || p.Trial.SettleMS != control.TrialSettle.Milliseconds() {
		t.Errorf("whose trial it is: %+v", p.Trial)
	}
	if _, fault := do[Provisioning](t, s, "provision confirm", map[string]any{"id": "another"}, page()); fault == nil || fault.Code != Absent {
		t.Errorf("another trial is confirmed: %v", fault)
	}
	if _, fault := do[Provisioning](t, s, "provision revert", map[string]any{"id": "another"}, page()); fault == nil || fault.Code != Absent || s.Loop.Snapshot().Documents.Trial == nil {
		t.Errorf("another trial is taken back: %v", fault)
	}
	back, fault := do[Provisioning](t, s, "provision revert", map[string]any{"id": v.Trial}, page())
	if fault != nil || back.Trial != nil || len(back.Documents) != 0 || back.Outcome == nil || back.Outcome.Kept || back.Outcome.ID != v.Trial {
		t.Errorf("taken back: %+v, %v", back, fault)
	}
	if !strings.Contains(back.Text(), "last trial: not kept: it was taken back") {
		t.Error(back.Text())
	}
	v, _ = do[Verdict](t, s, "provision apply", text(paper(1, 5)), page())
	kept, fault := do[Provisioning](t, s, "provision confirm", map[string]any{"id": v.Trial}, page())
	if fault != nil || kept.Trial != nil || len(kept.Documents) != 1 || kept.Outcome == nil || !kept.Outcome.Kept || kept.Outcome.ID != v.Trial {
		t.Errorf("confirmed: %+v, %v", kept, fault)
	}
}

// TestNothingToDo: verbs that need what is not there say so.
func TestNothingToDo(t *testing.T) {
	s := turning(t, "")
	for _, test := range []struct {
		verb string
		args map[string]any
		code Code
		says string
	}{
		{"provision revert", nil, Absent, "no such change"},
		{"provision confirm", nil, Absent, "no such change"},
		{"provision refresh", nil, NotDone, "no document in force names a server"},
		{"provision buy", map[string]any{"on": true}, NotDone, "no document names an access point for buying"},
		{"provision buy", nil, Invalid, "on is missing"},
		{"provision buy", map[string]any{"on": "perhaps"}, Invalid, "on must be"},
	} {
		_, fault := do[Provisioning](t, s, test.verb, test.args, page())
		if fault == nil || fault.Code != test.code || !strings.Contains(fault.Error(), test.says) {
			t.Errorf("%s %v: %v", test.verb, test.args, fault)
		}
	}
	if p, fault := do[Provisioning](t, s, "provision buy", map[string]any{"on": false}, page()); fault != nil || p.Buying {
		t.Errorf("the end of what did not begin: %+v, %v", p, fault)
	}
}

// TestWhoMayProvision: reading is not applying, and who may change settings may not do the
// operator's part.
func TestWhoMayProvision(t *testing.T) {
	s := turning(t, "config api\n")
	if _, fault := do[Nothing](t, s, "password", map[string]any{"new": "correct horse battery"}, page()); fault != nil {
		t.Fatal(fault)
	}
	for scope, want := range map[Scope]bool{Read: false, Settings: false, SIM: false, Papers: true, Admin: true} {
		by := Caller{Author: control.Author{Name: "token"}, Scopes: []Scope{scope}, From: "192.168.97.44", Masked: true}
		_, fault := do[Verdict](t, s, "provision check", text(paper(1, 5)), by)
		if denied := fault != nil && fault.Code == Denied; denied == want {
			t.Errorf("%s: %v", scope, fault)
		}
	}
}

// TestDocumentsTellNoSecrets: no credential and no number of a subscriber or device that
// is in a document is told by any answer, the audit log or the status.
func TestDocumentsTellNoSecrets(t *testing.T) {
	raw, err := os.ReadFile("../provision/document/testdata/right/everything.json")
	if err != nil {
		t.Fatal(err)
	}
	s := turning(t, "")
	v, fault := do[Verdict](t, s, "provision apply", text(string(raw)), page())
	if fault != nil || v.Trial == "" {
		t.Fatalf("%+v, %v", v, fault)
	}
	var all strings.Builder
	for _, verb := range []string{"provision show", "status", "audit", "support"} {
		answer, err := s.Do(t.Context(), verb, nil, page())
		if err != nil {
			t.Fatalf("%s: %v", verb, err)
		}
		if err := json.NewEncoder(&all).Encode(answer); err != nil {
			t.Fatal(err)
		}
	}
	p, _ := do[Provisioning](t, s, "provision show", nil, page())
	told := all.String() + v.Text() + p.Text()
	for _, secret := range []string{"do-not-tell", "nor-this", "neither-this", "490154203237518", "262010000000000", "8949020000000000000", "YWJj"} {
		if strings.Contains(told, secret) {
			t.Errorf("%s is told", secret)
		}
	}
	for _, shown := range []string{"+49 800 1234567", "https://account.lab.example/", "Month", "Lab Wi-Fi"} {
		if !strings.Contains(told, shown) {
			t.Errorf("%s is not told", shown)
		}
	}
	public, err := json.Marshal(provisionDoc(s.Loop.Snapshot()).public())
	if err != nil || strings.Contains(string(public), "Month") || strings.Contains(string(public), "Lab Wi-Fi") {
		t.Errorf("everybody is told %s, %v", public, err)
	}
}

// TestOfferBySocket: the same over the local socket, as the command does it.
func TestOfferBySocket(t *testing.T) {
	s := turning(t, "")
	path := socket(t, s)
	o := document.Offer{Raw: []byte(paper(1, 5)), Origin: document.ByOwner}
	if v, err := OfferDocument(t.Context(), path, "check", o); err != nil || v.Refused || v.Trial != "" {
		t.Errorf("%+v, %v", v, err)
	}
	v, err := OfferDocument(t.Context(), path, "apply", o)
	if err != nil || v.Trial == "" {
		t.Fatalf("%+v, %v", v, err)
	}
	if p, err := AskProvisioning(t.Context(), path, "revert", nil); err != nil || p.Outcome == nil {
		t.Errorf("%+v, %v", p, err)
	}
	if o, err := AwaitTrial(t.Context(), path, v.Trial); err != nil || o.Kept {
		t.Errorf("%+v, %v", o, err)
	}
	o.Signature = make([]byte, ed25519.SignatureSize)
	if v, err := OfferDocument(t.Context(), path, "check", o); err != nil || !v.Refused {
		t.Errorf("with a wrong signature: %+v, %v", v, err)
	}
}

// TestVerdictText: what is refused stands first, and the sentence follows.
func TestVerdictText(t *testing.T) {
	v := Verdict{Refused: true, Items: []Item{{Path: "/serial", State: "applied"}, {Path: "/sims/0", State: "refused", Why: "is wrong"}, {Path: "/plans/0", State: "stored"}}}
	want := "refused         /sims/0: is wrong\napplied         /serial\nstored          /plans/0\nThe document is refused: nothing of it is applied.\n"
	if got := v.Text(); got != want {
		t.Errorf("%q", got)
	}
}

// TestLogo: an operator's picture is shown where its document is, if a browser may be given
// it; the status, which is sent again and again, is without.
func TestLogo(t *testing.T) {
	png := func(wide, high byte) []byte {
		return append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), 0, 0, 0, wide, 0, 0, 0, high)
	}
	bmp := append([]byte("BM------------\x28\x00\x00\x00"), 32, 0, 0, 0, 0xe0, 0xff, 0xff, 0xff) // lines from the top down
	huge := png(32, 32)
	huge[17] = 1
	for what, c := range map[string]struct {
		b    []byte
		want string
	}{
		"none": {nil, ""}, "PNG": {png(32, 32), "data:image/png;base64,"}, "BMP": {bmp, "data:image/bmp;base64,"},
		"PNG without a line": {png(32, 0), ""}, "PNG of 65568 columns": {huge, ""}, "cut short": {png(32, 32)[:20], ""},
		"markup": {[]byte("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"), ""},
	} {
		if got := picture(c.b); !strings.HasPrefix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%s: %q", what, got)
		}
	}
	s := turning(t, "")
	if _, fault := do[Verdict](t, s, "provision apply", text(strings.Replace(paper(1, 5), `"name":`, `"logo": "`+base64.StdEncoding.EncodeToString(png(32, 32))+`", "name":`, 1)), page()); fault != nil {
		t.Fatal(fault, fault.Faults)
	}
	p, fault := do[Provisioning](t, s, "provision show", nil, page())
	if fault != nil || len(p.Documents) != 1 || !strings.HasPrefix(p.Documents[0].Logo, "data:image/png;base64,iVBORw0KGgo") {
		t.Errorf("%+v, %v", p.Documents, fault)
	}
	if brief := provisionDoc(s.Loop.Snapshot()); brief.Documents[0].Logo != "" {
		t.Errorf("the status has it: %s", brief.Documents[0].Logo)
	}
}
