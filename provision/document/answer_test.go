package document

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseAnswer(t *testing.T) {
	for _, test := range []struct {
		raw   string
		cache int
		want  Answer
		err   string
	}{
		{`{"entitled": true}`, 0, Answer{Entitled: true, Valid: 86400}, ""},
		{`{"entitled": false, "reason": "your plan has no tethering"}`, 3600, Answer{Reason: "your plan has no tethering", Valid: 3600}, ""},
		{`{"entitled": true, "valid_seconds": 600, "more": [1]}`, 3600, Answer{Entitled: true, Valid: 600}, ""},
		{`{"entitled": true, "valid_seconds": 1}`, 0, Answer{Entitled: true, Valid: 60}, ""},
		{`{"entitled": true, "valid_seconds": 999999999}`, 0, Answer{Entitled: true, Valid: 86400}, ""},
		{`{"entitled": true, "valid_seconds": -5}`, 700, Answer{Entitled: true, Valid: 700}, ""},
		{`{"entitled": true, "valid_seconds": "600"}`, 700, Answer{Entitled: true, Valid: 700}, ""},
		{`{"entitled": false, "reason": "a\nb\u001b[31m\u202ec"}`, 0, Answer{Reason: "a b [31m c", Valid: 86400}, ""},
		{`{"entitled": false, "reason": 5}`, 0, Answer{Valid: 86400}, ""},
		{`{"entitled": "true"}`, 0, Answer{}, "no boolean"},
		{`{"entitled": true, "entitled": false}`, 0, Answer{}, "no JSON"},
		{`{}`, 0, Answer{}, "no boolean"},
		{`true`, 0, Answer{}, "no boolean"},
		{``, 0, Answer{}, "no JSON"},
		{`<html>`, 0, Answer{}, "no JSON"},
		{`{"entitled": true}` + strings.Repeat(" ", MaxAnswer), 0, Answer{}, "longer than"},
	} {
		got, err := ParseAnswer([]byte(test.raw), Entitlement{Cache: test.cache})
		if got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%.60s: %+v, %v", test.raw, got, err)
		}
	}
	if got, _ := ParseAnswer([]byte(`{"entitled": false, "reason": "`+strings.Repeat("é", 500)+`"}`), Entitlement{}); utf8.RuneCountInString(got.Reason) != maxReason {
		t.Errorf("a reason of %d characters", utf8.RuneCountInString(got.Reason))
	}
}

func TestQuestion(t *testing.T) {
	if got := string(Question(lab)); got != `{"imsi":"262010000012345","iccid":"8949020000012345678","imei":"4901542032375181"}` {
		t.Error(got)
	}
	if got := string(Question(Card{})); got != `{}` {
		t.Error(got)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"entitled": true, "valid_seconds": 600, "reason": "x"}`))
	f.Add([]byte(`{"entitled": 1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := ParseAnswer(raw, Entitlement{})
		if err == nil && (a.Valid < 60 || a.Valid > longest || utf8.RuneCountInString(a.Reason) > maxReason || strings.ContainsAny(a.Reason, "\n\x1b")) {
			t.Fatalf("%+v", a)
		}
	})
}
