package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// codec turns one value into its type and back. Errors of parse say what is allowed
// and never quote the value.
type codec[T any] struct {
	parse  func(string) (T, error)
	format func(T) string
}

// text is any value that ok accepts; want says which those are.
func text(want string, ok func(string) bool) codec[string] {
	return codec[string]{
		parse: func(s string) (string, error) {
			if !ok(s) {
				return "", errors.New(want)
			}
			return s, nil
		},
		format: func(s string) string { return s },
	}
}

// lower is text in which the case of letters does not matter.
func lower(c codec[string]) codec[string] {
	parse := c.parse
	c.parse = func(s string) (string, error) { return parse(strings.ToLower(s)) }
	return c
}

// upTo is text without a form, of at most n bytes.
func upTo(n int) codec[string] {
	return text(fmt.Sprintf("must be at most %d bytes", n), func(s string) bool { return len(s) <= n })
}

// number is a whole number from low to high, or one of also.
func number[T int | uint16](low, high int, also ...int) codec[T] {
	want := fmt.Sprintf("must be a whole number from %d to %d", low, high)
	for _, n := range also {
		want += fmt.Sprintf(" or %d", n)
	}
	return codec[T]{
		parse: func(s string) (T, error) {
			u, err := strconv.ParseUint(s, 10, 31)
			n := int(u)
			if err != nil || (n < low || n > high) && !slices.Contains(also, n) {
				return 0, errors.New(want)
			}
			return T(n), nil
		},
		format: func(n T) string { return strconv.Itoa(int(n)) },
	}
}

// kibibytes is a size in KiB that is kept in bytes.
func kibibytes(high int) codec[int] {
	kib := number[int](0, high)
	return codec[int]{
		parse: func(s string) (int, error) {
			n, err := kib.parse(s)
			return n << 10, err
		},
		format: func(n int) string { return kib.format(n >> 10) },
	}
}

const day = 24 * time.Hour

// unit is a letter after a number of days, hours, minutes or seconds.
type unit struct {
	letter string
	size   time.Duration
}

// units of a duration, the largest first.
func units() []unit {
	return []unit{{"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
}

// span is a duration of whole seconds: a number with the unit d, h, m or s, which is
// s when there is none.
func span(low, high time.Duration) codec[time.Duration] {
	want := fmt.Errorf("must be a time from %s to %s, such as '90', '30m' or '12h'", formatSpan(low), formatSpan(high))
	return codec[time.Duration]{
		parse: func(s string) (time.Duration, error) {
			size := time.Second
			for _, u := range units() {
				if digits, ok := strings.CutSuffix(s, u.letter); ok {
					s, size = digits, u.size
					break
				}
			}
			n, err := strconv.ParseUint(s, 10, 32)
			if err != nil || n > uint64(high/size) || time.Duration(n)*size < low {
				return 0, want
			}
			return time.Duration(n) * size, nil
		},
		format: formatSpan,
	}
}

// formatSpan writes a duration in the largest unit that is exact, or in seconds.
func formatSpan(d time.Duration) string {
	all := units()
	i := slices.IndexFunc(all[:len(all)-1], func(u unit) bool { return d%u.size == 0 })
	if i < 0 {
		i = len(all) - 1
	}
	return strconv.FormatInt(int64(d/all[i].size), 10) + all[i].letter
}

// choice is one of a few words, each standing for the value at its place.
func choice[T comparable](words []string, values []T) codec[T] {
	return codec[T]{
		parse: func(s string) (T, error) {
			i := slices.Index(words, s)
			if i < 0 {
				var none T
				return none, errors.New("unknown value" + guess(s, words))
			}
			return values[i], nil
		},
		format: func(v T) string { return words[slices.Index(values, v)] },
	}
}

// word is a choice that is kept as it is written.
func word(words ...string) codec[string] { return choice(words, words) }

// boolean takes all the words that OpenWrt's scripts take.
func boolean() codec[bool] {
	return choice(
		[]string{"1", "0", "on", "off", "true", "false", "yes", "no", "enabled", "disabled"},
		[]bool{true, false, true, false, true, false, true, false, true, false})
}

func logLevel() codec[slog.Level] {
	return choice(
		[]string{"debug", "info", "warn", "error"},
		[]slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError})
}

// file is an absolute path in its shortest form, of at most n bytes.
func file(n int) codec[string] {
	return text(fmt.Sprintf("must be an absolute path of at most %d bytes", n), func(s string) bool {
		return len(s) <= n && len(s) > 1 && s[0] == '/' && path.Clean(s) == s
	})
}

// optionalFile is a file, or nothing.
func optionalFile(n int) codec[string] {
	c := file(n)
	parse := c.parse
	c.parse = func(s string) (string, error) {
		if s == "" {
			return "", nil
		}
		return parse(s)
	}
	return c
}

// publicKey is an Ed25519 public key in base64 (RFC 8032, RFC 4648).
func publicKey() codec[string] {
	return text("must be an Ed25519 public key: 32 bytes in base64", func(s string) bool {
		data, err := base64.StdEncoding.DecodeString(s)
		return err == nil && len(data) == 32 && base64.StdEncoding.EncodeToString(data) == s
	})
}

// ifname is what the kernel takes as the name of an interface (IFNAMSIZ is 16 with
// the zero byte; '%' makes a template of a name).
func ifname() codec[string] {
	return text("must be the name of an interface: at most 15 letters, digits and marks, no space, '/', ':' or '%'",
		func(s string) bool {
			return len(s) >= 1 && len(s) <= 15 && s != "." && s != ".." &&
				graphic(s) && !strings.ContainsAny(s, "/:%")
		})
}

func graphic(s string) bool {
	return all(s, func(c byte) bool { return c > ' ' && c < 0x7f })
}

// apn is an access point name, kept letter by letter (3GPP TS 23.003 section 9.1
// has labels of letters, digits and '-'; networks use other marks as well).
func apn() codec[string] {
	return text("must be an access point name: at most 100 bytes, labels of 1 to 63 printable characters with dots between",
		func(s string) bool { return len(s) <= 100 && graphic(s) && labels(s) })
}

// labels tells whether s is made of non-empty labels of at most 63 bytes.
func labels(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if len(label) < 1 || len(label) > 63 {
			return false
		}
	}
	return true
}

// hostname is one label of a name, domain a name of several (RFC 1123 section 2.1).
func hostname() codec[string] {
	return lower(text("must be a host name: at most 63 letters, digits and '-'", func(s string) bool {
		return !strings.Contains(s, ".") && isDomain(s)
	}))
}

func domain() codec[string] {
	return lower(text("must be a domain name: at most 253 bytes, labels of letters, digits and '-'", isDomain))
}

func isDomain(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
	}
	return len(s) <= 253 && labels(s) &&
		all(s, func(c byte) bool { return isName(c) && c != '_' || c == '-' || c == '.' })
}

func pin() codec[string] {
	return text("must be 4 to 8 digits", func(s string) bool {
		return len(s) >= 4 && len(s) <= 8 && all(s, func(c byte) bool { return c >= '0' && c <= '9' })
	})
}

// pageURL is the address of a page for plain HTTP.
func pageURL() codec[string] {
	return text("must be an http:// address with a host, at most 512 bytes, without user, password or fragment",
		func(s string) bool {
			u, err := url.Parse(s)
			if err != nil || len(s) > 512 || !graphic(s) {
				return false
			}
			port := true
			if u.Port() != "" {
				_, err := strconv.ParseUint(u.Port(), 10, 16)
				port = err == nil
			}
			return u.Scheme == "http" && u.Hostname() != "" && u.User == nil && !strings.Contains(s, "#") && port
		})
}

// private lists where a LAN may lie (RFC 1918, RFC 6598).
func private() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("172.16.0.0/12"),
		netip.MustParsePrefix("192.168.0.0/16"),
		netip.MustParsePrefix("100.64.0.0/10"),
	}
}

// lanAddress is the gateway's own address with the LAN's prefix length; 'auto' is
// the invalid prefix.
func lanAddress() codec[netip.Prefix] {
	want := errors.New("must be 'auto' or a private IPv4 host address with its prefix length from /8 to /30, such as '192.168.7.1/24'")
	return codec[netip.Prefix]{
		parse: func(s string) (netip.Prefix, error) {
			if s == "auto" {
				return netip.Prefix{}, nil
			}
			p, err := netip.ParsePrefix(s)
			if err != nil || !p.Addr().Is4() || !isHost(p, p.Addr()) {
				return netip.Prefix{}, want
			}
			inside := func(block netip.Prefix) bool {
				return block.Bits() <= p.Bits() && block.Contains(p.Addr())
			}
			if !slices.ContainsFunc(private(), inside) {
				return netip.Prefix{}, want
			}
			return p, nil
		},
		format: func(p netip.Prefix) string {
			if !p.IsValid() {
				return "auto"
			}
			return p.String()
		},
	}
}

// isHost tells whether addr is in the subnet and neither its network address nor
// its broadcast address, so that no /31 or /32 has any.
func isHost(subnet netip.Prefix, addr netip.Addr) bool {
	return subnet.Contains(addr) && addr != subnet.Masked().Addr() && subnet.Contains(addr.Next())
}

// resolver is the address of a DNS server.
func resolver() codec[netip.Addr] {
	return address("must be the IP address of a DNS server", func(a netip.Addr) bool {
		return a.Zone() == "" && !a.Is4In6()
	})
}

// timeServer is the address of an NTP server.
func timeServer() codec[netip.Addr] {
	return address("must be the IPv4 address of an NTP server", netip.Addr.Is4)
}

func ipv4() codec[netip.Addr] { return address("must be an IPv4 address", netip.Addr.Is4) }

// address is an IP address of one machine that ok accepts.
func address(want string, ok func(netip.Addr) bool) codec[netip.Addr] {
	return codec[netip.Addr]{
		parse: func(s string) (netip.Addr, error) {
			a, err := netip.ParseAddr(s)
			// 255.255.255.255 is no address of a machine either.
			if err != nil || !ok(a) || !a.IsGlobalUnicast() {
				return netip.Addr{}, errors.New(want + ", not loopback, multicast, link-local or unspecified")
			}
			return a, nil
		},
		format: func(a netip.Addr) string {
			if !a.IsValid() {
				return "" // not given
			}
			return a.String()
		},
	}
}

// mac is the address of one network card (IEEE 802, EUI-48).
func mac() codec[net.HardwareAddr] {
	return codec[net.HardwareAddr]{
		parse: func(s string) (net.HardwareAddr, error) {
			m, err := net.ParseMAC(s)
			if err != nil || len(m) != 6 || m[0]&1 != 0 || slices.Max(m) == 0 {
				return nil, errors.New("must be the MAC address of one card, such as '02:00:5e:10:00:01'")
			}
			return m, nil
		},
		format: net.HardwareAddr.String,
	}
}
