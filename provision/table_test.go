package provision

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetherd/tetherd/modem"
)

// packed makes a table of its text.
func packed(t testing.TB, lines ...string) table {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	if _, err := zip.Write([]byte(strings.Join(lines, "\n") + "\n")); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func names(candidates []Candidate) string {
	var all []string
	for _, c := range candidates {
		all = append(all, c.APN)
	}
	return strings.Join(all, " ")
}

func listed(sim Identity) string { return names(table(embedded).lookup(sim, false)) }

// The lists are of well-known networks and were checked against the sources by eye.
func TestLookupWellKnownNetworks(t *testing.T) {
	for _, test := range []struct {
		what string
		sim  Identity
		want string
	}{
		{"Telekom", Identity{MCC: "262", MNC: "01"},
			"internet.telekom internet.v6.telekom internet.t-d1.de internet.t-mobile iot.telekom.net"},
		{"Lebara on Telekom", Identity{MCC: "262", MNC: "01", SPN: "Lebara"},
			"internet.t-mobile internet.telekom internet.v6.telekom internet.t-d1.de iot.telekom.net"},
		{"name without regard to case", Identity{MCC: "262", MNC: "01", SPN: "LEBARA"},
			"internet.t-mobile internet.telekom internet.v6.telekom internet.t-d1.de iot.telekom.net"},
		{"MTS", Identity{MCC: "250", MNC: "01"}, "internet.mts.ru mms.etk.ru"},
		{"Tello by GID1, which may be padded", Identity{MCC: "310", MNC: "260", GID1: "6941FFFF"},
			"tello fast.t-mobile.com epc.tmobile.com wap.voicestream.com internet2.voicestream.com internet3.voicestream.com mobilenet wholesale pwg pcweb.tmobile.com"},
		{"Fi by IMSI before everybody's", Identity{MCC: "310", MNC: "260", IMSI: "310260970000001"},
			"h2g2 fast.t-mobile.com epc.tmobile.com wap.voicestream.com internet2.voicestream.com internet3.voicestream.com mobilenet wholesale pwg pcweb.tmobile.com"},
		{"Chatr by an IMSI with any digit in it", Identity{MCC: "302", MNC: "720", IMSI: "302720583000001"},
			"chatrweb.apn ltemobile.apn chatrisp.apn ltedata.apn"},
		{"the network with two digits is another one", Identity{MCC: "310", MNC: "26"}, ""},
		{"nobody", Identity{MCC: "999", MNC: "99"}, ""},
		{"no SIM", Identity{}, ""},
	} {
		if diff := cmp.Diff(strings.Fields(test.want), strings.Fields(listed(test.sim))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.what, diff)
		}
	}
}

func TestLookupTellsEverythingOfARow(t *testing.T) {
	got := table(embedded).lookup(Identity{MCC: "262", MNC: "01"}, false)[0]
	want := Candidate{
		Source: FromTable, Name: "Telekom Internet", APN: "internet.telekom",
		User: "telekom", Password: "telekom", Auth: modem.AuthPAP,
		Families: []modem.Family{modem.IPv4v6, modem.IPv4, modem.IPv6},
		Plan:     "prepaid", Balance: "*100#", Why: "listed for 26201",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got = table(embedded).lookup(Identity{MCC: "310", MNC: "260"}, false)[0]
	if got.APN != "fast.t-mobile.com" || got.MTU != 1440 {
		t.Errorf("310260: %+v", got)
	}
}

// Most specific first, tethering last, upstream's order within a kind.
func TestLookupOrder(t *testing.T) {
	all := packed(t, "00101",
		"\tT\ttether",
		"\t\tplain1",
		"sBrand\t\tspn",
		"gAB\t\tgid2",
		"gABCD\t\tgid4",
		"i00101x2\t\timsi7",
		"i0010112\t\timsi8",
		"c8949\t\ticcid",
		"sBrand\tT\ttetherbrand",
		"\tt\tplain2",
		"sOther\t\tother", "gFF\t\tothergid", "i00102\t\totherimsi", "c8950\t\tothericcid")
	sim := Identity{MCC: "001", MNC: "01", SPN: "brand", GID1: "abcdFF", IMSI: "001011200000001", ICCID: "8949000"}
	want := "imsi8 imsi7 iccid gid4 gid2 spn plain1 plain2 tetherbrand tether"
	got := all.lookup(sim, false)
	if names(got) != want {
		t.Errorf("got  %s\nwant %s", names(got), want)
	}
	var why []string
	for _, c := range got {
		why = append(why, fmt.Sprint(c.DUN, " ", c.Why))
	}
	if diff := cmp.Diff([]string{
		"false listed for 00101, MVNO key IMSI matches",
		"false listed for 00101, MVNO key IMSI matches",
		"false listed for 00101, MVNO key ICCID matches",
		"false listed for 00101, MVNO key GID1 matches",
		"false listed for 00101, MVNO key GID1 matches",
		"false listed for 00101, MVNO key SPN matches",
		"false listed for 00101",
		"true listed for 00101",
		"true listed for 00101, MVNO key SPN matches, for tethering only",
		"true listed for 00101, for tethering only",
	}, why); diff != "" {
		t.Errorf("why (-want +got):\n%s", diff)
	}
	if got := names(all.lookup(Identity{MCC: "001", MNC: "01"}, false)); got != "plain1 plain2 tether" {
		t.Errorf("SIM without any key gets %s", got)
	}
}

func TestLookupTetheringAlone(t *testing.T) {
	got := packed(t, "00101", "\tT\tonly").lookup(Identity{MCC: "001", MNC: "01"}, false)
	if names(got) != "only" || !got[0].DUN {
		t.Errorf("got %+v", got)
	}
}

func TestLookupFamiliesAtHomeAndAbroad(t *testing.T) {
	all := packed(t, "00101", "\t4D\ta", "\t6f\tb", "\td\tc", "\t\td", "\tds\te")
	dual := []modem.Family{modem.IPv4v6, modem.IPv4, modem.IPv6}
	single := []modem.Family{modem.IPv4, modem.IPv4v6, modem.IPv6}
	for _, test := range []struct {
		roaming bool
		want    [][]modem.Family
	}{
		{false, [][]modem.Family{single, dual, dual, dual, dual}},
		{true, [][]modem.Family{dual, single, dual, dual, dual}},
	} {
		for i, c := range all.lookup(Identity{MCC: "001", MNC: "01"}, test.roaming) {
			if !slices.Equal(c.Families, test.want[i]) {
				t.Errorf("roaming %t, %s: %v, want %v", test.roaming, c.APN, c.Families, test.want[i])
			}
		}
	}
}

func TestLookupReadsFlagsAndFields(t *testing.T) {
	got := packed(t, "00101", "\tnro\ta\tu\tp\t1400\t*1#\tName", "\tc\tb\tu", "\tp\tc\tu", "\t\td\tu\tp\t70000").
		lookup(Identity{MCC: "001", MNC: "01"}, false)
	if a := got[0]; a.Auth != modem.AuthNone || a.Plan != "postpaid" || a.MTU != 1400 || a.Balance != "*1#" || a.Name != "Name" || a.Password != "p" {
		t.Errorf("a: %+v", a)
	}
	if got[1].Auth != modem.AuthCHAP || got[2].Auth != modem.AuthPAP || got[3].Auth != "" || got[3].MTU != 0 {
		t.Errorf("got %+v", got)
	}
}

// The same access point listed for several families is one candidate.
func TestLookupIsBoundedAndWithoutRepeats(t *testing.T) {
	lines := []string{"00101"}
	for i := range 3 * maxListed {
		lines = append(lines, fmt.Sprintf("\t\tapn%d", i/2))
	}
	got := packed(t, lines...).lookup(Identity{MCC: "001", MNC: "01"}, false)
	if len(got) != maxListed || got[1].APN != "apn1" {
		t.Errorf("got %d: %s", len(got), names(got))
	}
}

func TestEveryNetworkHasSomethingToDial(t *testing.T) {
	networks := make(map[string]bool)
	table(embedded).scan(func(plmn []byte) bool {
		if networks[string(plmn)] {
			t.Errorf("%s twice", plmn)
		}
		networks[string(plmn)] = true
		return true
	}, func(plmn, line []byte) {
		if len(line) > 512 {
			t.Errorf("%s: a row of %d bytes", plmn, len(line))
		}
		if entry := parseListing(string(line)); entry.template.APN == "" || len(entry.template.APN) > 100 {
			t.Errorf("%s: %q", plmn, line)
		}
	})
	if len(networks) < 1200 {
		t.Errorf("only %d networks", len(networks))
	}
}

func TestEmbeddedTableIsSmall(t *testing.T) {
	if len(embedded) >= 60_000 {
		t.Errorf("%d bytes", len(embedded))
	}
}

func TestHomeNetworkOfAnIMSI(t *testing.T) {
	for imsi, want := range map[string]string{
		"262011234567890": "262 01",
		"310260123456789": "310 260",
		"302720123456789": "302 720",
		"234101234567890": "234 10",
		"250011234567890": "250 01",
		"222011234567890": "222 01", // also listed as 222011
		"405840123456789": "405 840",
		"999991234567890": "999 99",
		"399001234567890": "399 001",
	} {
		mcc, mnc := table(embedded).home(imsi)
		if got := mcc + " " + mnc; got != want {
			t.Errorf("%s: %s, want %s", imsi, got, want)
		}
	}
}

func TestMatchIMSI(t *testing.T) {
	for _, test := range []struct {
		pattern, imsi string
		want          bool
	}{
		{"302720x83", "302720083000000", true},
		{"302720x83", "302720983000000", true},
		{"302720x83", "302720084000000", false},
		{"2380101xxxxxxxx", "238010112345678", true},
		{"2380101xxxxxxxx", "23801011234567", false},
		{"24008", "24008", true},
		{"24008", "2400", false},
		{"24008", "", false},
	} {
		if got := matchIMSI(test.pattern, test.imsi); got != test.want {
			t.Errorf("%s against %s: %t", test.pattern, test.imsi, got)
		}
	}
}

func TestDamagedTableGivesWhatCanBeRead(t *testing.T) {
	sim := Identity{MCC: "262", MNC: "01", SPN: "Lebara"}
	whole := names(table(embedded).lookup(sim, false))
	for cut := 0; cut < len(embedded); cut += 97 {
		if got := names(table(embedded[:cut]).lookup(sim, false)); len(got) > len(whole) {
			t.Errorf("cut at %d: %s", cut, got)
		}
	}
	long := packed(t, "00101", "\t\ta", "\t\t"+strings.Repeat("b", 5000), "\t\tc")
	if got := names(long.lookup(Identity{MCC: "001", MNC: "01"}, false)); got != "a" {
		t.Errorf("overlong row: %q", got)
	}
}

func FuzzTable(f *testing.F) {
	f.Add([]byte("00101\n\tpd\tapn\tuser\tpw\t1500\t*100#\tName\n00102\ns\t\tx\n"))
	f.Add([]byte("00101\ni\nc\ng\ns\nz\n\t\n\n0010199999\n\tT"))
	f.Add([]byte("no network\n26201\n\t\tinternet\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all := packed(t, string(text))
		for _, sim := range []Identity{
			{MCC: "001", MNC: "01", SPN: "x", GID1: "ab", IMSI: "001011", ICCID: "89"}, {MCC: "262", MNC: "01"}, {},
		} {
			if got := all.lookup(sim, true); len(got) > maxListed {
				t.Errorf("%d candidates", len(got))
			}
		}
		all.home("001011")
	})
}

func BenchmarkLookup(b *testing.B) {
	for name, sim := range map[string]Identity{
		"first": {MCC: "202", MNC: "01"},
		"mid":   {MCC: "262", MNC: "01", SPN: "Lebara"},
		"last":  {MCC: "999", MNC: "99"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				table(embedded).lookup(sim, false)
			}
		})
	}
}
