package modem

import (
	"encoding/hex"
	"testing"
	"unicode/utf8"
)

func TestServiceProviderNamesAreRead(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"default alphabet", "01 54656C656B6F6D2E6465 FFFFFFFFFFFF", "Telekom.de"},
		{"national characters", "00 4D1C6C7E 7B FF", "MÆlüä"},
		{"at sign and underscore", "00 0011 41", "@_A"},
		{"extension table", "00 1B65 1B3C 411B3E", "€[A]"},
		{"whole extension table", "00 1B141B281B291B2F1B3C1B3D1B3E1B401B651B00", "^{}\\[~]|€"},
		{"escape at the end", "00 411B", "A"},
		{"UCS-2", "01 80 041C 0422 0421 FFFF", "МТС"},
		{"UCS-2 with a surrogate pair", "01 80 D83D DE00", "😀"},
		{"page of 128 characters", "01 81 03 08 9C A2 A1 FFFF", "МТС"},
		{"page by its base", "01 82 04 0410 8C 92 91 41", "МТСA"},
		{"count beyond the end", "01 81 50 08 9C", "М"},
		{"display condition alone", "01", ""},
		{"erased", "FF FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", ""},
		{"spaces around", "00 2041 20", "A"},
		{"line breaks dropped", "00 410A0D42", "AB"},
		{"UCS-2 without characters", "01 80", ""},
		{"page cut short", "01 81 03", ""},
		{"base cut short", "01 82 03 04", ""},
		{"not of the alphabet", "00 41 90 42", "AB"},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := decodeSPN(unhex(t, c.file)); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	var digits []byte
	for _, c := range []byte(s) {
		if c != ' ' {
			digits = append(digits, c)
		}
	}
	b := make([]byte, hex.DecodedLen(len(digits)))
	_, err := hex.Decode(b, digits)
	must(t, err)
	return b
}

func TestAlphabetHasAllItsCharacters(t *testing.T) {
	if n := utf8.RuneCountInString(gsmAlphabet); n != 128 {
		t.Errorf("%d characters", n)
	}
	for code, want := range map[int]rune{0x00: '@', 0x0A: '\n', 0x10: 'Δ', 0x1B: 0x1B, 0x20: ' ', 0x40: '¡',
		0x41: 'A', 0x5B: 'Ä', 0x60: '¿', 0x61: 'a', 0x7B: 'ä', 0x7F: 'à'} {
		if got := []rune(gsmAlphabet)[code]; got != want {
			t.Errorf("%#x is %q, want %q", code, got, want)
		}
	}
}

func TestGroupIdentifierIsHexWithoutPadding(t *testing.T) {
	for file, want := range map[string]string{"0A FFFF": "0A", "0BFF01FF": "0BFF01", "FFFF": "", "": "", "abcd": "ABCD"} {
		if got := decodeGID(unhex(t, file)); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
	if got := decodeGID(make([]byte, 1000)); len(got) != 128 {
		t.Errorf("%d digits", len(got))
	}
}

func TestLengthOfTheMNCIsRead(t *testing.T) {
	for file, want := range map[string]int{"00000002": 2, "00000003": 3, "000000F2": 2, "00000000": 0,
		"000000FF": 0, "000000": 0, "": 0, "0000000304": 3} {
		if got := decodeAD(unhex(t, file)); got != want {
			t.Errorf("%s: %d, want %d", file, got, want)
		}
	}
}

func TestHomeNetworkOfASIM(t *testing.T) {
	for _, c := range []struct {
		name, imsi string
		digits     int
		plmn       string
		mcc, mnc   string
	}{
		{"as the SIM tells", "262010000000001", 2, "", "262", "01"},
		{"SIM goes before modem", "310410000000001", 3, "31041", "310", "410"},
		{"as the modem tells", "262010000000001", 0, "26201", "262", "01"},
		{"three digits by the modem", "405800000000001", 0, "405800", "405", "800"},
		{"nobody tells", "310260000000001", 0, "", "310", ""},
		{"modem tells nonsense", "228020000000001", 0, "2x802", "228", ""},
		{"nothing known", "", 2, "", "", ""},
		{"IMSI too short", "2620", 3, "", "", ""},
		{"IMSI with letters", "26201000000000a", 2, "26202", "262", "02"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if mcc, mnc := homePLMN(c.imsi, c.digits, c.plmn); mcc != c.mcc || mnc != c.mnc {
				t.Errorf("%s-%s, want %s-%s", mcc, mnc, c.mcc, c.mnc)
			}
		})
	}
}

func FuzzDecodeSPN(f *testing.F) {
	f.Add([]byte("\x01Brand\xff\xff"))
	f.Add([]byte{1, 0x80, 4, 0x1C})
	f.Add([]byte{1, 0x81, 3, 8, 0x9C, 0xA2})
	f.Add([]byte{1, 0x82, 4, 4, 0x10, 0x8C})
	f.Fuzz(func(t *testing.T, file []byte) {
		got := decodeSPN(file)
		if !utf8.ValidString(got) || printable(got) != got {
			t.Errorf("%q", got)
		}
		decodeGID(file)
		decodeAD(file)
	})
}
