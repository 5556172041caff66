package hostapd

import (
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/tetherd/tetherd/wpa"
)

// What hostapd says on its control socket is text that repeats what stations sent, so
// it is read as hostile: bounded, and what is malformed is left out.
const (
	maxReply = 16 << 10 // octets; hostapd's own bound is 4 or 8 KiB
	maxLine  = 512
	maxLines = 512
)

// event is one unsolicited message.
type event struct {
	name string           // such as AP-STA-CONNECTED
	mac  net.HardwareAddr // of the station that it is about; nil none
	args string           // the rest: key=value words
}

// parseEvent reads "<3>AP-STA-CONNECTED 02:00:00:00:00:01 keyid=x"; ok is false for
// anything else.
func parseEvent(text string) (e event, ok bool) {
	if len(text) < 4 || len(text) > maxLine || text[0] != '<' || text[1] < '0' || text[1] > '9' || text[2] != '>' {
		return e, false
	}
	text = strings.TrimRight(text[3:], " \n")
	e.name, e.args, _ = strings.Cut(text, " ")
	if !capitals(e.name) {
		return event{}, false
	}
	word, rest, _ := strings.Cut(e.args, " ")
	if mac, ok := parseMAC(word); ok {
		e.mac, e.args = mac, rest
	}
	return e, true
}

func capitals(s string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == ""
}

// parseMAC reads a 48-bit address as hostapd writes it.
func parseMAC(s string) (net.HardwareAddr, bool) {
	if len(s) != 17 {
		return nil, false
	}
	m, err := net.ParseMAC(s)
	return m, err == nil && len(m) == 6 && m.String() == s
}

// arg returns the value of a word such as freq=2412; "" when there is none.
func (e event) arg(key string) string {
	for word := range strings.FieldsSeq(e.args) {
		if v, ok := strings.CutPrefix(word, key+"="); ok {
			return v
		}
	}
	return ""
}

// pairs calls f for every key=value line of a reply.
func pairs(reply string, f func(key, value string)) {
	n := 0
	for line := range strings.Lines(reply) {
		if n++; n > maxLines {
			return
		}
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if ok && len(line) <= maxLine {
			f(key, value)
		}
	}
}

// air is what STATUS tells of one radio.
type air struct {
	state     State
	frequency int // MHz
	channel   int
	secondary int // 1, -1 or 0
	chwidth   int // hostapd's number, see chwidth
	cacLeft   time.Duration
}

// parseStatus reads the reply to STATUS; ok is false when it is none.
func parseStatus(reply string) (a air, ok bool) {
	pairs(reply, func(key, value string) {
		switch key {
		case "state":
			a.state, ok = stateOf(value), true
		case "freq":
			a.frequency = number(value, 100_000)
		case "channel":
			a.channel = number(value, 255)
		case "secondary_channel":
			a.secondary = number(value, 1)
		case "vht_oper_chwidth", "he_oper_chwidth", "eht_oper_chwidth":
			a.chwidth = max(a.chwidth, number(value, 3))
		case "cac_time_left_seconds":
			a.cacLeft = time.Duration(number(value, 3600)) * time.Second
		}
	})
	return a, ok
}

// width is the width in MHz; 0 while nothing is on the air.
func (a air) width() int {
	switch {
	case a.frequency == 0:
		return 0
	case a.chwidth >= 2:
		return 160
	case a.chwidth == 1:
		return 80
	case a.secondary != 0:
		return 40
	default:
		return 20
	}
}

// number reads a decimal within ±bound; 0 when it is none.
func number(s string, bound int) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < -bound || n > bound {
		return 0
	}
	return n
}

// stateOf translates hostapd's names.
func stateOf(name string) State {
	switch name {
	case "UNINITIALIZED":
		return StateStarting
	case "DISABLED", "COUNTRY_UPDATE", "ACS", "HT_SCAN", "DFS", "NO_IR", "ENABLED":
		return State(strings.ReplaceAll(strings.ToLower(name), "_", "-"))
	default:
		return StateOther
	}
}

// parseStation reads the reply to STA, STA-FIRST and STA-NEXT; ok is false at the end
// of the list.
func parseStation(reply string) (s Station, ok bool) {
	first, rest, _ := strings.Cut(reply, "\n")
	if s.MAC, ok = parseMAC(first); !ok {
		return Station{}, false
	}
	s.Randomised = s.MAC[0]&2 != 0
	pairs(rest, func(key, value string) {
		switch key {
		case "flags":
			s.Authorised = strings.Contains(value, "[AUTHORIZED]")
			s.Protected = strings.Contains(value, "[MFP]")
		case "signal":
			s.Signal = number(value, 255)
		case "rx_rate_info":
			s.RxRate = rate(value)
		case "tx_rate_info":
			s.TxRate = rate(value)
		case "rx_bytes":
			s.RxBytes = count(value)
		case "tx_bytes":
			s.TxBytes = count(value)
		case "connected_time":
			s.Connected = time.Duration(min(count(value), 1<<30)) * time.Second
		case "inactive_msec":
			s.Inactive = time.Duration(min(count(value), 1<<40)) * time.Millisecond
		case "AKMSuiteSelector":
			s.Security = securityOf(value)
		}
	})
	return s, true
}

// rate reads "866 vhtmcs 9 vhtnss 2": units of 100 kbit/s before what it is made of.
func rate(s string) int {
	word, _, _ := strings.Cut(s, " ")
	return max(0, number(word, 1_000_000)) * 100
}

func count(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// securityOf translates the suites of IEEE 802.11-2020 table 9-151.
func securityOf(suite string) wpa.Security {
	switch suite {
	case "00-0f-ac-2", "00-0f-ac-6":
		return wpa.WPA2
	case "00-0f-ac-8", "00-0f-ac-24":
		return wpa.WPA3
	default:
		return ""
	}
}
