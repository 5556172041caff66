package document

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// MaxAnswer bounds an entitlement server's answer in bytes.
const MaxAnswer = 4 << 10

// maxReason bounds what a server gives as a reason, in characters.
const maxReason = 160

// longest is how long an answer counts at most, and how often the server is asked at
// least, in seconds: a day.
const longest = 86400

// Answer is an entitlement server's answer.
type Answer struct {
	Entitled bool
	Reason   string // for people; "" none
	Valid    int    // seconds for which it counts; at least a minute, at most a day
}

// Question is what an entitlement server is told: the numbers of SIM and device. It is
// JSON with the members "imsi", "iccid" and "imei", without those that are not known.
func Question(c Card) []byte {
	text, err := json.Marshal(struct {
		IMSI  string `json:"imsi,omitempty"`
		ICCID string `json:"iccid,omitempty"`
		IMEI  string `json:"imei,omitempty"`
	}{string(c.IMSI), string(c.ICCID), string(c.Device)})
	if err != nil {
		panic(err) // strings always marshal
	}
	return text
}

// ParseAnswer reads an entitlement server's answer: JSON with the boolean "entitled", and
// if wished the texts "reason" and the number "valid_seconds". What else is in it is not
// looked at.
func ParseAnswer(raw []byte, e Entitlement) (Answer, error) {
	if len(raw) > MaxAnswer {
		return Answer{}, fmt.Errorf("the answer is longer than %d bytes", MaxAnswer)
	}
	tree, err := readTree(raw)
	if err != nil {
		return Answer{}, errors.New("the answer is no JSON")
	}
	entitled, ok := tree.member("entitled")
	if !ok || entitled.kind != kindBool {
		return Answer{}, errors.New("the answer has no boolean \"entitled\"")
	}
	a := Answer{Entitled: entitled.text == "true", Valid: longest}
	if e.Cache > 0 {
		a.Valid = e.Cache
	}
	if v, ok := tree.member("valid_seconds"); ok && v.kind == kindNumber && number(1, 1<<31)(v.text) == nil {
		a.Valid = int(natural(v.text))
	}
	a.Valid = min(max(a.Valid, 60), longest)
	if v, ok := tree.member("reason"); ok && v.kind == kindString {
		a.Reason = printable(v.text)
	}
	return a, nil
}

// printable keeps a foreign text short and on one line.
func printable(s string) string {
	s = collapse(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s))
	if r := []rune(s); len(r) > maxReason {
		s = string(r[:maxReason])
	}
	return s
}
