package modem

import (
	"encoding/hex"
	"strings"
	"unicode/utf16"
)

// decodeSPN reads EF_SPN (3GPP TS 31.102, 4.2.12): a byte of display conditions and
// a name, padded with 0xFF.
func decodeSPN(file []byte) string {
	if len(file) < 2 || len(file) > 256 {
		return ""
	}
	return strings.TrimSpace(decodeAlpha(file[1:]))
}

// decodeAlpha reads an alpha field (ETSI TS 102 221, annex A): the GSM default
// alphabet, one septet a byte, or one of three forms of UCS-2.
func decodeAlpha(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	switch b[0] {
	case 0x80:
		return decodeUCS2(b[1:])
	case 0x81:
		if len(b) < 3 {
			return ""
		}
		return decodePage(b[3:], int(b[1]), rune(b[2])<<7)
	case 0x82:
		if len(b) < 4 {
			return ""
		}
		return decodePage(b[4:], int(b[1]), rune(b[2])<<8|rune(b[3]))
	}
	return decodeGSM(b)
}

func decodeUCS2(b []byte) string {
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		u := uint16(b[0])<<8 | uint16(b[1])
		if u == 0xFFFF {
			break
		}
		units = append(units, u)
	}
	return printable(string(utf16.Decode(units)))
}

// decodePage reads count characters: below 0x80 of the default alphabet, above as
// an offset from base.
func decodePage(b []byte, count int, base rune) string {
	var out strings.Builder
	for _, c := range b[:min(count, len(b))] {
		if c < 0x80 {
			out.WriteString(decodeGSM([]byte{c}))
			continue
		}
		out.WriteRune(base + rune(c&0x7F))
	}
	return printable(out.String())
}

// The GSM 7 bit default alphabet and its extension table (3GPP TS 23.038, 6.2.1).
// 0x1B is the escape.
const gsmAlphabet = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
	"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"

func gsmExtension(c byte) rune {
	switch c {
	case 0x14:
		return '^'
	case 0x28:
		return '{'
	case 0x29:
		return '}'
	case 0x2F:
		return '\\'
	case 0x3C:
		return '['
	case 0x3D:
		return '~'
	case 0x3E:
		return ']'
	case 0x40:
		return '|'
	case 0x65:
		return '€'
	}
	return ' '
}

func decodeGSM(b []byte) string {
	alphabet := []rune(gsmAlphabet)
	var out strings.Builder
	for i := 0; i < len(b) && b[i] != 0xFF; i++ {
		switch c := b[i]; {
		case c >= 0x80: // not of this alphabet
		case c == 0x1B && i+1 < len(b):
			i++
			out.WriteRune(gsmExtension(b[i]))
		default:
			out.WriteRune(alphabet[c])
		}
	}
	return printable(out.String())
}

// printable drops what would break a line of a log or a page.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7F && r < 0xA0 || r == 0xFFFD {
			return -1
		}
		return r
	}, s)
}

// decodeGID reads EF_GID1 (3GPP TS 31.102, 4.2.10) as upper-case hex without the
// padding of 0xFF.
func decodeGID(file []byte) string {
	if len(file) > 64 {
		file = file[:64]
	}
	return strings.ToUpper(hex.EncodeToString(trimFF(file)))
}

func trimFF(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == 0xFF {
		b = b[:len(b)-1]
	}
	return b
}

// decodeAD reads the number of digits of the MNC from EF_AD (3GPP TS 31.102,
// 4.2.18); 0 when it is not told.
func decodeAD(file []byte) int {
	if len(file) < 4 {
		return 0
	}
	if n := int(file[3] & 0x0F); n == 2 || n == 3 {
		return n
	}
	return 0
}

// homePLMN tells MCC and MNC of a SIM: out of the IMSI when the SIM tells the length
// of the MNC, else as the modem tells the home network. Else the MNC is left to who knows
// the networks that there are.
func homePLMN(imsi string, digits int, plmn string) (mcc, mnc string) {
	if !allDigits(imsi) || len(imsi) < 6 {
		imsi = ""
	}
	if imsi != "" && digits > 0 {
		return imsi[:3], imsi[3 : 3+digits]
	}
	if allDigits(plmn) && (len(plmn) == 5 || len(plmn) == 6) {
		return plmn[:3], plmn[3:]
	}
	if imsi == "" {
		return "", ""
	}
	return imsi[:3], ""
}

func allDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}
