package document

import (
	"fmt"
	"strings"
	"testing"
)

var lab = Card{IMSI: "262010000012345", ICCID: "8949020000012345678", MCC: "262", MNC: "01", SPN: "Lab Fleet", PNN: "Lab Mobile", GID1: "A1B2FF", Device: "4901542032375181"}

func imsi(from, to string) Match  { return Match{IMSI: []Range{{from, to}}} }
func iccid(from, to string) Match { return Match{ICCID: []Range{{from, to}}} }

// An entry that is more specific wins, wherever it stands.
func TestEntryOrder(t *testing.T) {
	order := []Match{ // the most specific first
		imsi("262010000012300", "262010000012399"),
		imsi("262010000010000", "262010000019999"),
		iccid("8949020000012345600", "8949020000012345699"),
		iccid("894902000001", "894902000001"),
		{GID1: "A1B2", MCC: "262"},
		{GID1: "A1", PNN: "lab mobile", SPN: "LAB FLEET", MCC: "262", MNC: "01"},
		{PNN: "Lab Mobile"},
		{SPN: "Lab Fleet", MCC: "262", MNC: "01"},
		{SPN: "Lab Fleet"},
		{MCC: "262", MNC: "01"},
		{MCC: "262"},
		{},
	}
	for a := range order {
		for b := range order {
			d := &Document{SIMs: []SIM{{Match: order[a]}, {Match: order[b]}}}
			_, at, ok := d.Entry(lab)
			if want := b < a; !ok || (at == 1) != want {
				t.Errorf("%+v before %+v: %d, %t", order[a], order[b], at, ok)
			}
		}
	}
}

func TestEntriesThatDoNotMatch(t *testing.T) {
	for what, m := range map[string]Match{
		"MCC": {MCC: "310"}, "MNC": {MCC: "262", MNC: "02"}, "MNC of three digits": {MCC: "262", MNC: "010"}, "SPN": {SPN: "Lab"}, "PNN": {PNN: "Other"},
		"GID1": {GID1: "A1B3"}, "longer GID1": {GID1: "A1B2FFFF"}, "IMSI below": imsi("262010000012346", "262010000099999"), "IMSI above": imsi("262010000000000", "262010000012344"),
		"ICCID": iccid("8949020000012345679", "8949020000012345679"), "one of two": {MCC: "262", SPN: "Other"},
	} {
		d := &Document{SIMs: []SIM{{Match: m}}}
		if _, _, ok := d.Entry(lab); ok {
			t.Errorf("%s matches", what)
		}
		if why := d.Mismatch(lab); !strings.Contains(why, "no entry of the document matches the SIM in the modem (home network 26201)") {
			t.Errorf("%s: %q", what, why)
		}
		if why := d.Mismatch(Card{}); why != "" {
			t.Errorf("%s without a SIM: %q", what, why)
		}
	}
}

func TestRangesAtTheirEnds(t *testing.T) {
	m := imsi("262010000012345", "262010000012345")
	if _, ok := m.weigh(lab); !ok {
		t.Error("a range of one does not hold it")
	}
	m.IMSI = append([]Range{{"1", "2"}, {"26201000001234567", "26201000001234568"}}, m.IMSI...)
	if _, ok := m.weigh(lab); !ok {
		t.Error("the last of several ranges does not count")
	}
	short := iccid("894902000001234567", "894902000001234567") // without the check digit
	if _, ok := short.weigh(lab); !ok {
		t.Error("the check digit counts")
	}
	if _, ok := short.weigh(Card{ICCID: "8949"}); ok {
		t.Error("a number that is too short matches")
	}
}

func TestMismatch(t *testing.T) {
	for _, test := range []struct {
		bound Bound
		card  Card
		want  string
	}{
		{Bound{}, lab, ""},
		{Bound{Subscriber: "262010000012345"}, lab, ""},
		{Bound{Subscriber: "26201"}, lab, ""},
		{Bound{Subscriber: "8949020000012345678"}, lab, ""},
		{Bound{Subscriber: "26202"}, lab, "another SIM"},
		{Bound{Subscriber: "26202"}, Card{}, ""},
		{Bound{Subscriber: "account_7"}, lab, ""},
		{Bound{Device: "490154203237518"}, lab, ""},
		{Bound{Device: "490154203237528"}, lab, "another device"},
		{Bound{Device: "490154203237528"}, Card{}, ""},
		{Bound{Device: "00:11:22:33:44:55"}, lab, "a MAC address, and only IMEIs"},
		{Bound{Device: "00:11:22:33:44:55"}, Card{}, "a MAC address, and only IMEIs"},
	} {
		d := &Document{Bound: test.bound, SIMs: []SIM{{}}}
		got := d.Mismatch(test.card)
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%#v: %q, want %q", test.bound, got, test.want)
		}
		for _, secret := range []string{"26201", "26202", "49015"} {
			if strings.Contains(got, secret) && !strings.Contains(got, "home network "+secret) {
				t.Errorf("it tells %s: %s", secret, got)
			}
		}
	}
}

func TestChoose(t *testing.T) {
	named := func(id string, bound Bound, m Match) *Document {
		return &Document{Operator: Operator{ID: id}, Bound: bound, SIMs: []SIM{{Match: m}}}
	}
	everybody, ours := named("{b}", Bound{}, Match{}), named("{c}", Bound{}, Match{MCC: "262", MNC: "01"})
	bound := named("{d}", Bound{Subscriber: "262010000012345"}, Match{})
	word, vendor := named("{a}", Bound{Subscriber: "account_7"}, Match{}), named("{a}", Bound{Device: "49015420323751"}, Match{})
	other, first := named("{a}", Bound{}, Match{MCC: "310"}), named("{a}", Bound{}, Match{})
	for what, test := range map[string]struct {
		list []*Document
		want int
	}{
		"nothing":                        {nil, -1},
		"another's":                      {[]*Document{other}, -1},
		"the only one":                   {[]*Document{other, everybody}, 1},
		"the more specific one":          {[]*Document{everybody, ours, other}, 1},
		"bound before specific":          {[]*Document{ours, bound}, 1},
		"a word is nobody's":             {[]*Document{word, ours}, 1},
		"a word, and a bound one":        {[]*Document{word, bound}, 1},
		"bound to the device":            {[]*Document{ours, vendor}, 1},
		"the smaller identifier, first":  {[]*Document{first, everybody}, 0},
		"the smaller identifier, second": {[]*Document{everybody, first}, 1},
	} {
		if got := Choose(test.list, lab); got != test.want {
			t.Errorf("%s: %d", what, got)
		}
	}
	silent := lab
	silent.Device = ""
	if got := Choose([]*Document{vendor, ours}, silent); got != 1 {
		t.Errorf("a device that is not told: %d", got)
	}
}

func BenchmarkEntry(b *testing.B) {
	d := &Document{}
	for i := range 64 {
		d.SIMs = append(d.SIMs, SIM{Match: Match{MCC: "262", IMSI: []Range{{fmt.Sprintf("26201%010d", i), fmt.Sprintf("26201%010d", i+1000)}}}})
	}
	for b.Loop() {
		d.Entry(lab)
	}
}
