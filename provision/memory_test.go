package provision

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tetherd/tetherd/modem"
)

func TestMemoryRoundTrip(t *testing.T) {
	bearer := modem.Bearer{APN: "a", User: "u", Password: "p", Auth: modem.AuthPAP, Family: modem.IPv4, Attempt: 7}
	memory := worked(t, telekom, bearer)
	again, err := ParseMemory(memory.Encode(), Salt{})
	if err != nil {
		t.Fatal(err)
	}
	c, at, ok := again.recall(telekom.ICCID)
	want := Candidate{Source: FromMemory, APN: "a", User: "u", Password: "p", Auth: modem.AuthPAP,
		Families: []modem.Family{modem.IPv4, modem.IPv4v6, modem.IPv6}}
	if diff := cmp.Diff(want, c); diff != "" || !ok || !at.Equal(day) {
		t.Errorf("%v %v (-want +got):\n%s", ok, at, diff)
	}
	if _, _, ok := again.recall("8949020000000000002"); ok {
		t.Error("another SIM is remembered")
	}
}

// The file as it was first released must stay readable.
func TestMemoryOfVersion1(t *testing.T) {
	text, err := os.ReadFile("testdata/memory-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	memory, err := ParseMemory(text, Salt{9})
	if err != nil {
		t.Fatal(err)
	}
	c, _, ok := memory.recall("89490200001234567890")
	if !ok || c.APN != "internet.example" || c.Password != "pw" || c.Families[0] != modem.IPv4v6 {
		t.Errorf("got %+v, %t", c, ok)
	}
}

func TestMemoryHoldsNoICCID(t *testing.T) {
	memory := worked(t, telekom, modem.Bearer{APN: "a", Family: modem.IPv4})
	if text := memory.Encode(); bytes.Contains(text, []byte(telekom.ICCID)) {
		t.Errorf("%s", text)
	}
	other, _ := (&Memory{salt: Salt{4}}).Remember(telekom.ICCID, Rung{Bearer: modem.Bearer{APN: "a", Family: modem.IPv4}}, day)
	if other.sims[0].SIM == memory.sims[0].SIM {
		t.Error("the salt does nothing")
	}
}

func TestMemoryChangesOnlyWhenWorthAWrite(t *testing.T) {
	rung := Rung{Bearer: modem.Bearer{APN: "a", Auth: modem.AuthNone, Family: modem.IPv4}}
	memory := worked(t, telekom, rung.Bearer)
	for _, test := range []struct {
		what   string
		iccid  modem.Secret
		change func(*modem.Bearer)
		at     time.Time
		want   bool
	}{
		{"same", telekom.ICCID, func(*modem.Bearer) {}, day.Add(time.Hour), false},
		{"another attempt", telekom.ICCID, func(b *modem.Bearer) { b.Attempt = 3 }, day, false},
		{"authentication not told is none", telekom.ICCID, func(b *modem.Bearer) { b.Auth = "" }, day, false},
		{"clock set back", telekom.ICCID, func(*modem.Bearer) {}, time.Unix(0, 0), false},
		{"month later", telekom.ICCID, func(*modem.Bearer) {}, day.Add(31 * 24 * time.Hour), true},
		{"family", telekom.ICCID, func(b *modem.Bearer) { b.Family = modem.IPv6 }, day, true},
		{"password", telekom.ICCID, func(b *modem.Bearer) { b.Password = "x" }, day, true},
		{"another SIM", "89", func(*modem.Bearer) {}, day, true},
		{"no SIM", "", func(*modem.Bearer) {}, day, false},
		{"cannot be a bearer", telekom.ICCID, func(b *modem.Bearer) { b.Family = "ipx" }, day, false},
		{"cannot be an APN", telekom.ICCID, func(b *modem.Bearer) { b.APN = strings.Repeat("a", 101) }, day, false},
	} {
		next := rung
		test.change(&next.Bearer)
		got, changed := memory.Remember(test.iccid, next, test.at)
		if changed != test.want || changed != (got != memory) {
			t.Errorf("%s: changed %t", test.what, changed)
		}
	}
	if len(memory.sims) != 1 || memory.sims[0].Family != modem.IPv4 {
		t.Error("a memory was changed in place")
	}
}

func TestMemoryForgetsTheSIMUnusedForLongest(t *testing.T) {
	memory := emptyMemory(t)
	rung := Rung{Bearer: modem.Bearer{APN: "a", Family: modem.IPv4}}
	for i := range maxSIMs {
		memory, _ = memory.Remember(modem.Secret(fmt.Sprint(i)), rung, day)
	}
	memory, _ = memory.Remember("0", rung, day) // used again
	memory, _ = memory.Remember("new", rung, day)
	for iccid, want := range map[modem.Secret]bool{"0": true, "1": false, "2": true, "new": true} {
		if _, _, got := memory.recall(iccid); got != want {
			t.Errorf("SIM %s remembered: %t", string(iccid), got)
		}
	}
	if _, err := ParseMemory(memory.Encode(), Salt{}); err != nil || len(memory.sims) != maxSIMs {
		t.Errorf("%d SIMs, %v", len(memory.sims), err)
	}
}

const saltText = `"salt":"000102030405060708090a0b0c0d0e0f"`

func TestMemoryDamaged(t *testing.T) {
	entry := `{"sim":"0123456789abcdef","apn":"a","auth":"none","family":"ipv4","at":1}`
	good := `{"version":1,` + saltText + `,"sims":[` + entry + `]}`
	if m, err := ParseMemory([]byte(good), Salt{}); err != nil || len(m.sims) != 1 {
		t.Fatalf("%v %v", m, err)
	}
	for what, text := range map[string]string{
		"no JSON":        "\x00\x00\x00",
		"cut":            good[:len(good)-3],
		"version":        strings.Replace(good, `"version":1`, `"version":2`, 1),
		"no salt":        strings.Replace(good, saltText+",", "", 1),
		"short salt":     strings.Replace(good, "0d0e0f", "", 1),
		"odd salt":       strings.Replace(good, "0d0e0f", "0d0e0x", 1),
		"SIM twice":      strings.Replace(good, entry, entry+","+entry, 1),
		"no SIM":         strings.Replace(good, "0123456789abcdef", "", 1),
		"authentication": strings.Replace(good, `"none"`, `"some"`, 1),
		"family":         strings.Replace(good, `"ipv4"`, `"ipv5"`, 1),
		"long APN":       strings.Replace(good, `"a"`, `"`+strings.Repeat("a", 101)+`"`, 1),
		"long":           good + strings.Repeat(" ", maxMemoryBytes),
		"many":           `{"version":1,` + saltText + `,"sims":[` + strings.Repeat("{},", maxSIMs) + `{}]}`,
	} {
		fresh := Salt{5}
		memory, err := ParseMemory([]byte(text), fresh)
		if err == nil || len(memory.sims) != 0 || memory.salt != fresh {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "provision: memory") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestMemoryOfOddLogins: what may be dialled is read again, however JSON writes it.
func TestMemoryOfOddLogins(t *testing.T) {
	odd := strings.Repeat("<", 255)
	m := &Memory{}
	for i := range maxSIMs {
		r := remembered{SIM: fmt.Sprintf("%016x", i), APN: odd[:100], User: odd, Password: odd, Auth: modem.AuthCHAP, Family: modem.IPv4v6, At: 1 << 60}
		m.sims, m.attach = append(m.sims, r), append(m.attach, r)
	}
	if again, err := ParseMemory(m.Encode(), Salt{}); err != nil || len(again.sims)+len(again.attach) != 2*maxSIMs {
		t.Error(err)
	}
}

func FuzzMemory(f *testing.F) {
	f.Add([]byte(`{"version":1,` + saltText + `,"sims":[{"sim":"0123456789abcdef","apn":"a","user":"u","password":"p","auth":"pap","family":"ipv4v6","at":1793606400}]}`))
	f.Add([]byte(`{"version":1,"salt":"","sims":null}`))
	f.Add([]byte(`{"version":1,` + saltText + `,"sims":[]} trailing`))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, text []byte) {
		memory, err := ParseMemory(text, Salt{1})
		if memory == nil || err != nil && len(memory.sims) != 0 {
			t.Fatal("an error without an empty memory")
		}
		again, err := ParseMemory(memory.Encode(), Salt{2})
		if err != nil || !bytes.Equal(again.Encode(), memory.Encode()) {
			t.Fatalf("what was written does not read: %v", err)
		}
		if next, changed := memory.Remember("1", Rung{Bearer: modem.Bearer{Family: modem.IPv4}}, day); !changed || len(next.sims) > maxSIMs {
			t.Fatalf("changed %t, %d SIMs", changed, len(next.sims))
		}
	})
}
