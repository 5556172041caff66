package document

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// keys made of fixed seeds.
func keyOf(seed byte) (ed25519.PrivateKey, Key) {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	return private, Key(private.Public().(ed25519.PublicKey))
}

// edition is a document with a serial.
func edition(serial int) []byte {
	s := ""
	if serial > 0 {
		s = fmt.Sprintf(`"serial": %d, `, serial)
	}
	return []byte(`{"format": "tetherd-document/1", ` + s + `"operator": {"id": "{11111111-2222-3333-4444-555555555555}"}, "sims": [{}]}`)
}

func TestJudge(t *testing.T) {
	private, pinned := keyOf(1)
	strange, _ := keyOf(2)
	signed := func(raw []byte) []byte { return ed25519.Sign(private, raw) }
	former, _ := Read(edition(7))
	foreign, _ := Read(bytes.Replace(edition(3), []byte("{1111"), []byte("{2111"), 1))
	xmlSigned := files(t, "right")["foreign-extension-and-signature.xml"]
	ours := func(serial int) []byte {
		return bytes.Replace(edition(serial), []byte(`"sims"`), []byte(`"bound": {"subscriber": "26201"}, "sims"`), 1)
	}
	bound := bytes.Replace(edition(8), []byte(`"sims"`), []byte(`"bound": {"subscriber": "26202"}, "sims"`), 1)
	for _, test := range []struct {
		what   string
		offer  Offer
		former *Document
		card   Card
		want   string // "" is accepted
	}{
		{"unsigned by the owner", Offer{edition(8), nil, ByOwner}, former, lab, ""},
		{"unsigned and pulled", Offer{edition(8), nil, Pulled}, former, lab, "not signed"},
		{"unsigned and pulled at first", Offer{edition(8), nil, Pulled}, nil, lab, "not signed"},
		{"signed and pulled", Offer{edition(8), signed(edition(8)), Pulled}, former, lab, ""},
		{"signed in base64", Offer{edition(8), []byte(base64.StdEncoding.EncodeToString(signed(edition(8))) + "\n"), Pulled}, nil, lab, ""},
		{"signed and pulled at first", Offer{edition(1), signed(edition(1)), Pulled}, nil, lab, ""},
		{"wrong key", Offer{edition(8), ed25519.Sign(strange, edition(8)), Pulled}, former, lab, "by none of the 1 pinned keys"},
		{"wrong key, by the owner", Offer{edition(8), ed25519.Sign(strange, edition(8)), ByOwner}, former, lab, "by none of the 1 pinned keys"},
		{"tampered", Offer{bytes.Replace(edition(8), []byte("{}"), []byte("{ }"), 1), signed(edition(8)), Pulled}, former, lab, "changed after it"},
		{"truncated signature", Offer{edition(8), signed(edition(8))[:63], Pulled}, former, lab, "no Ed25519 signature"},
		{"empty signature", Offer{edition(8), []byte{}, Pulled}, former, lab, "no Ed25519 signature"},
		{"truncated document", Offer{edition(8)[:60], signed(edition(8)), Pulled}, former, lab, "ends too early"},
		{"replayed", Offer{edition(6), signed(edition(6)), Pulled}, former, lab, "older (serial 6) than the one in force (serial 7)"},
		{"replayed by the owner", Offer{edition(6), nil, ByOwner}, former, lab, "older"},
		{"replayed, though bound", Offer{ours(6), signed(ours(6)), Pulled}, former, lab, "older (serial 6) than the one in force (serial 7)"},
		{"newer, and bound now", Offer{ours(8), signed(ours(8)), Pulled}, former, lab, ""},
		{"bound, beside an unbound one, by the owner", Offer{ours(6), nil, ByOwner}, former, lab, ""},
		{"same serial, pulled", Offer{edition(7), signed(edition(7)), Pulled}, former, lab, "has the serial of the one in force (7)"},
		{"same serial, by the owner", Offer{edition(7), nil, ByOwner}, former, lab, ""},
		{"no serial, pulled", Offer{edition(0), signed(edition(0)), Pulled}, nil, lab, "has no serial"},
		{"no serial, by the owner", Offer{edition(0), nil, ByOwner}, nil, lab, ""},
		{"another operator, pulled", Offer{edition(8), signed(edition(8)), Pulled}, foreign, lab, "of another operator"},
		{"another operator, by the owner", Offer{edition(2), nil, ByOwner}, foreign, lab, ""},
		{"another SIM", Offer{bound, signed(bound), Pulled}, nil, lab, "bound to another SIM"},
		{"another SIM, by the owner", Offer{bound, nil, ByOwner}, nil, lab, "bound to another SIM"},
		{"SIM not known yet", Offer{bound, nil, ByOwner}, nil, Card{}, ""},
		{"XML signature alone, pulled", Offer{xmlSigned, nil, Pulled}, nil, lab, "an XML signature is recognised and not verified"},
		{"XML signature, by the owner", Offer{xmlSigned, nil, ByOwner}, nil, lab, ""},
	} {
		d, report := Judge(test.offer, Trust{Keys: []Key{pinned}, Card: test.card, Former: test.former})
		text := lines(report.Faults())
		if (test.want == "") != (d != nil) || (test.want == "") == report.Refused() || !strings.Contains(text, test.want) {
			t.Errorf("%s: accepted %t\n%s", test.what, d != nil, text)
		}
		if strings.Contains(text, "26202") || strings.Contains(text, string(lab.IMSI)) {
			t.Errorf("%s tells a number:\n%s", test.what, text)
		}
	}
}

func TestNoKeyPinned(t *testing.T) {
	private, _ := keyOf(1)
	raw := edition(1)
	if d, report := Judge(Offer{raw, ed25519.Sign(private, raw), Pulled}, Trust{}); d != nil || !report.Refused() {
		t.Error("accepted without a key")
	}
}

func TestSecondKey(t *testing.T) {
	private, second := keyOf(2)
	_, first := keyOf(1)
	raw := edition(1)
	if d, report := Judge(Offer{raw, ed25519.Sign(private, raw), Pulled}, Trust{Keys: []Key{first, second}}); d == nil {
		t.Error(lines(report))
	}
}

func TestParseKey(t *testing.T) {
	_, k := keyOf(1)
	if got, err := ParseKey(base64.StdEncoding.EncodeToString(k[:])); err != nil || got != k {
		t.Error(err)
	}
	for _, text := range []string{"", "AAAA", "!", base64.StdEncoding.EncodeToString(append(k[:], 0))} {
		if _, err := ParseKey(text); err == nil {
			t.Errorf("%q is a key", text)
		}
	}
}

// Entries for other SIMs are told as stored.
func TestOtherEntriesAreStored(t *testing.T) {
	raw := []byte(`{"format": "tetherd-document/1", "operator": {"id": "{11111111-2222-3333-4444-555555555555}"}, "sims": [
		{"match": {"mcc": "310"}, "sharing": {"rule": "never"}}, {"match": {"mcc": "262"}, "sharing": {"max_devices": 4}}]}`)
	_, report := Judge(Offer{raw, nil, ByOwner}, Trust{Card: lab})
	want := "applied          /operator/id\n" +
		"stored           /sims/0/match: for other SIMs than the one in the modem\n" +
		"stored           /sims/0/sharing/rule: for other SIMs than the one in the modem\n" +
		"applied          /sims/1/match\n" +
		"applied          /sims/1/sharing/max_devices\n"
	if got := lines(report); got != want {
		t.Errorf("got\n%s", got)
	}
}

func FuzzSignature(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 64))
	f.Add([]byte("AAAA"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if s, err := ParseSignature(file); err == nil && len(s) != ed25519.SignatureSize {
			t.Fatalf("%d bytes", len(s))
		}
	})
}
