package document

import "testing"

func TestValues(t *testing.T) {
	for _, test := range []struct {
		what  string
		check check
		right []string
		wrong []string
	}{
		{"guid", guid, []string{"{11111111-2222-3333-4444-555555555555}", "{ABCDEFab-2222-3333-4444-555555555555}"},
			[]string{"", "{}", "{----}", "11111111-2222-3333-4444-555555555555", "{11111111-2222-3333-4444-55555555555g}", "{111111112222-3333-4444-5555-55555555}"}},
		{"subscriber", subscriber, []string{"1", "aB_9", "12345678901234567890"}, []string{"", "a b", "a-b", "é", "123456789012345678901"}},
		{"device", device, []string{"490154203237518", "4901542032375181", "00:11:22:aa:BB:cc"}, []string{"", "49015420323751", "00:11:22:aa:BB", "00:11:22:aa:BB:c", "00:11:22:aa:BB:cc:dd"}},
		{"https", httpsURL, []string{"https://a", "https://a.example:8443/p?q#f"}, []string{"", "https://", "http://a", "HTTPS", "https://u:p@a/", "https://a/ b", "//a", "javascript:alert(1)"}},
		{"page", pageURL, []string{"http://a/204"}, []string{"https://a", "http://", "ftp://a"}},
		{"moment", moment, []string{"2026-11-02T08:00:00Z", "2026-11-02T08:00:00+01:00", "2026-11-02T08:00:00"}, []string{"", "2026-11-02", "2026-13-02T08:00:00Z", "now"}},
		{"period", period, []string{"P1M", "P1Y2M3DT4H5M6S", "PT0.5S", "P2W", "PT1.5S"},
			[]string{"", "P", "PT0S", "1M", "P1Q", "P0D", "P1MT", "P1D1M", "PT1D", "P1H", "PM", "P-1M", "P+1M", "P1.5M", "PT1.S5", "PT.5S", "P1000001D", "P1M1M"}},
		{"span", span(60, 3600), []string{"PT1M", "PT60S", "PT1H", "PT30M30S"}, []string{"", "P", "PT", "PT59S", "PT1H1S", "PT1M1H", "P1M", "PT-1M", "PT1.5M", "PTM", "PT99999999999999999999M"}},
		{"binary", binary(4), []string{"", "YWJj", "Y W\nJ j", "YWJjZA=="}, []string{"!", "YWJ", "YWJjZGU="}},
		{"hex", hexBytes(1, 2), []string{"ab", "ABCD"}, []string{"", "a", "abcdef", "xy"}},
		{"boolean", boolean, []string{"true", "false", "0", "1"}, []string{"", "yes", "TRUE"}},
		{"number", number(1, 10), []string{"1", "10", "+3", "007"}, []string{"", "0", "11", "-1", "1.0", "1e1", "0x1", "٣"}},
		{"digits", digits(1, 3), []string{"1", "123"}, []string{"", "1234", "1a"}},
		{"text", text(1, 2), []string{"a", "éé"}, []string{"", "abc"}},
		{"words", words("a", "b"), []string{"a", "b"}, []string{"", "A", "ab"}},
		{"time format", timeFormat, []string{"", "%d.%m.%Y", "%#d/%I:%M%p", "100%%"}, []string{"%", "%#", "%Q", "a%"}},
	} {
		for _, s := range test.right {
			if err := test.check(s); err != nil {
				t.Errorf("%s refuses %q: %v", test.what, s, err)
			}
		}
		for _, s := range test.wrong {
			if test.check(s) == nil {
				t.Errorf("%s accepts %q", test.what, s)
			}
		}
	}
}
