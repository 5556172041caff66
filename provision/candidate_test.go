package provision

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/modem"
)

var (
	telekom = Identity{ICCID: "8949020000000000001", IMSI: "262011234567890", MCC: "262", MNC: "01"}
	foreign = Identity{ICCID: "8999", IMSI: "999991234567890", MCC: "999", MNC: "99"}
	day     = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
)

func emptyMemory(t testing.TB) *Memory {
	t.Helper()
	memory, err := ParseMemory(nil, Salt{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	return memory
}

func worked(t testing.TB, sim Identity, bearer modem.Bearer) *Memory {
	t.Helper()
	memory, changed := emptyMemory(t).Remember(sim.ICCID, Rung{Bearer: bearer}, day)
	if !changed {
		t.Fatal("nothing was remembered")
	}
	return memory
}

// lines is how the apn command might print candidates.
func lines(candidates []Candidate) []string {
	var all []string
	for _, c := range candidates {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s|%s|%s|%s|%v|%s|%s", c.Source, c.APN, c.User, c.Auth, c.Families, c.Plan, c.Why)))
	}
	return all
}

func TestCandidatesOrderOfSources(t *testing.T) {
	wish := []config.APN{
		{Section: "work", APN: "Corp.Example", User: "me", Password: "pw", Auth: "pap", Family: "ipv4"},
		{APN: "second", Auth: "auto", Family: "auto"},
	}
	memory := worked(t, telekom, modem.Bearer{APN: "iot.telekom.net", Auth: modem.AuthNone, Family: modem.IPv4})
	got := lines(Candidates(wish, telekom, memory, false))
	want := []string{
		"config|Corp.Example|me|pap|[ipv4]||named in section 'work' of the config",
		"config|second|||[ipv4v6 ipv4 ipv6]||named in the config (access point 2)",
		"memory|iot.telekom.net||none|[ipv4 ipv4v6 ipv6]|prepaid|worked for this SIM on 2026-11-02",
		"network||||[ipv4v6 ipv4 ipv6]||the network may assign one",
		"table|internet.telekom|telekom|pap|[ipv4v6 ipv4 ipv6]|prepaid|listed for 26201",
		"table|internet.v6.telekom|telekom|pap|[ipv4v6 ipv4 ipv6]|postpaid|listed for 26201",
		"table|internet.t-d1.de|||[ipv4v6 ipv4 ipv6]|postpaid|listed for 26201",
		"table|internet.t-mobile|t-mobile||[ipv4v6 ipv4 ipv6]|postpaid|listed for 26201",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCandidatesOfAnUnknownNetwork(t *testing.T) {
	got := Candidates(nil, foreign, nil, false)
	if len(got) != 1 || got[0].Source != FromNetwork || got[0].APN != "" {
		t.Errorf("got %+v", got)
	}
}

// A name of the owner's that the table knows keeps its place and learns the rest.
func TestCandidatesLearnFromTheTable(t *testing.T) {
	wish := []config.APN{{Section: "mine", APN: "internet.telekom", User: "telekom", Password: "telekom"}}
	got := Candidates(wish, telekom, nil, false)
	first := got[0]
	if first.Source != FromOwner || first.Name != "Telekom Internet" || first.Plan != "prepaid" || first.Balance != "*100#" {
		t.Errorf("got %+v", first)
	}
	if first.Auth != "" || first.Why != "named in section 'mine' of the config" {
		t.Errorf("the owner's word was changed: %+v", first)
	}
	for _, c := range got[1:] {
		if c.APN == "internet.telekom" {
			t.Errorf("dialled twice: %+v", c)
		}
	}
}

func TestCandidatesLettersAreTheOwners(t *testing.T) {
	got := Candidates([]config.APN{{APN: "Internet.T-D1.de"}}, telekom, nil, false)
	if got[0].APN != "Internet.T-D1.de" || !strings.Contains(names(got), " internet.t-d1.de") {
		t.Errorf("got %s", names(got))
	}
}

// An order for one family does not keep the table from its own advice, later.
func TestCandidatesExplicitFamilyIsForThatRowOnly(t *testing.T) {
	wish := []config.APN{{APN: "internet.t-d1.de", Family: "ipv6"}}
	got := Candidates(wish, telekom, nil, false)
	if len(got[0].Families) != 1 || strings.Count(names(got), "internet.t-d1.de") != 2 {
		t.Errorf("got %s, first %v", names(got), got[0].Families)
	}
}

// What is known to work for the owner's own name goes first within it.
func TestCandidatesRememberedFamilyLeads(t *testing.T) {
	memory := worked(t, telekom, modem.Bearer{APN: "corp", Auth: modem.AuthNone, Family: modem.IPv4})
	got := Candidates([]config.APN{{APN: "corp"}}, telekom, memory, false)
	if got[0].Source != FromOwner || got[0].Families[0] != modem.IPv4 || got[1].Source != FromNetwork {
		t.Errorf("got %v", lines(got))
	}
	got = Candidates([]config.APN{{APN: "corp", Family: "ipv6"}}, telekom, memory, false)
	if len(got[0].Families) != 1 || got[1].Source != FromMemory {
		t.Errorf("an explicit family was widened: %v", lines(got))
	}
}

func TestCandidatesMemoryIsForItsSIMAlone(t *testing.T) {
	memory := worked(t, telekom, modem.Bearer{APN: "iot.telekom.net", Auth: modem.AuthNone, Family: modem.IPv4})
	for _, sim := range []Identity{foreign, {MCC: "262", MNC: "01"}} {
		for _, c := range Candidates(nil, sim, memory, false) {
			if c.Source == FromMemory {
				t.Errorf("%v", lines([]Candidate{c}))
			}
		}
	}
}

func TestCandidatesAreBounded(t *testing.T) {
	var wish []config.APN
	for i := range 40 {
		wish = append(wish, config.APN{APN: fmt.Sprint("apn", i), User: "u"})
	}
	sim := Identity{ICCID: "1", MCC: "310", MNC: "260"}
	got := Candidates(wish, sim, worked(t, sim, modem.Bearer{APN: "w", Family: modem.IPv4}), false)
	if len(got) > 26 || got[11].APN != "apn11" || got[12].Source != FromMemory {
		t.Errorf("%d: %s", len(got), names(got))
	}
	if rungs := Rungs(got); len(rungs) != maxRungs {
		t.Errorf("%d rungs", len(rungs))
	}
}

func TestCandidatesAreDeterministic(t *testing.T) {
	first := Candidates([]config.APN{{APN: "a"}}, telekom, nil, true)
	for range 10 {
		if diff := cmp.Diff(first, Candidates([]config.APN{{APN: "a"}}, telekom, nil, true)); diff != "" {
			t.Fatal(diff)
		}
	}
}

func steps(rungs []Rung) string {
	var all []string
	for _, r := range rungs {
		all = append(all, fmt.Sprintf("%s/%s/%s", r.Bearer.APN, r.Bearer.Family, r.Bearer.Auth))
	}
	return strings.Join(all, " ")
}

func TestRungs(t *testing.T) {
	dual := families("")
	for _, test := range []struct {
		what       string
		candidates []Candidate
		want       string
	}{
		{"no user, no authentication", []Candidate{{APN: "a", Families: dual}},
			"a/ipv4v6/none a/ipv4/none a/ipv6/none"},
		{"user, authentication not told", []Candidate{{APN: "a", User: "u", Families: dual[:2]}},
			"a/ipv4v6/chap a/ipv4v6/pap a/ipv4/chap a/ipv4/pap"},
		{"told", []Candidate{{APN: "a", User: "u", Auth: modem.AuthPAP, Families: dual[1:2]}},
			"a/ipv4/pap"},
		{"told without user", []Candidate{{APN: "a", Auth: modem.AuthPAP, Families: dual[1:2]}},
			"a/ipv4/pap"},
		{"not again what was dialled before", []Candidate{
			{APN: "a", User: "u", Auth: modem.AuthCHAP, Families: dual[:1]},
			{APN: "a", User: "u", Families: dual[:2]}},
			"a/ipv4v6/chap a/ipv4v6/pap a/ipv4/chap a/ipv4/pap"},
		{"nothing", nil, ""},
	} {
		if got := steps(Rungs(test.candidates)); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.what, got, test.want)
		}
	}
}

func TestKey(t *testing.T) {
	wish := []config.APN{{Section: "a", APN: "x", User: "secretuser", Password: "secretpw"}}
	key := Key(wish, telekom)
	late := telekom
	late.SPN, late.GID1, late.MNC = "Name", "FF", "001"
	if Key(wish, late) != key {
		t.Error("what is read late changes the key")
	}
	changed := func(change func(*config.APN)) []config.APN {
		other := wish[0]
		change(&other)
		return []config.APN{other}
	}
	for what, other := range map[string]string{
		"SIM":      Key(wish, foreign),
		"no wish":  Key(nil, telekom),
		"twice":    Key(append(wish, wish...), telekom),
		"APN":      Key(changed(func(a *config.APN) { a.APN = "X" }), telekom),
		"shifted":  Key(changed(func(a *config.APN) { a.Section, a.APN = "ax", "" }), telekom),
		"password": Key(changed(func(a *config.APN) { a.Password += "1" }), telekom),
		"auth":     Key(changed(func(a *config.APN) { a.Auth = "pap" }), telekom),
		"family":   Key(changed(func(a *config.APN) { a.Family = "ipv4" }), telekom),
	} {
		if other == key || other == "" {
			t.Errorf("%s: %q", what, other)
		}
	}
	if Key(wish, Identity{MCC: "262", MNC: "01"}) != "" {
		t.Error("a key without a SIM")
	}
	if strings.Contains(key, "secret") || strings.Contains(key, "8949") {
		t.Error(key)
	}
}

func TestIdentityFromDigits(t *testing.T) {
	for digits, want := range map[string]Identity{
		"26201":           {MCC: "262", MNC: "01"},
		"310260":          {MCC: "310", MNC: "260"},
		"262011234567890": {IMSI: "262011234567890", MCC: "262", MNC: "01"},
		"3102601":         {IMSI: "3102601", MCC: "310", MNC: "260"},
	} {
		got, err := IdentityFromDigits(digits)
		if err != nil || got != want {
			t.Errorf("%s: %#v, %v", digits, got, err)
		}
	}
	for _, digits := range []string{"", "2620", "26201x", "-26201", "2620112345678901"} {
		if got, err := IdentityFromDigits(digits); err == nil {
			t.Errorf("%q: %#v", digits, got)
		}
	}
}

func TestIdentityOf(t *testing.T) {
	got := IdentityOf(modem.SIM{ICCID: "1", IMSI: "2", MCC: "3", MNC: "4", SPN: "5", GID1: "6", HomeName: "7"})
	if want := (Identity{ICCID: "1", IMSI: "2", MCC: "3", MNC: "4", SPN: "5", GID1: "6"}); got != want {
		t.Errorf("got %#v", got)
	}
}

// TestHomeWhenNobodyTellsTheMNC: there is one rule for its length, the table's.
func TestHomeWhenNobodyTellsTheMNC(t *testing.T) {
	for imsi, want := range map[modem.Secret]string{"310260123456789": "310-260", "405840123456789": "405-840", "262011234567890": "262-01",
		"": "262-", "31026": "262-", "310260123456x": "262-", "3102601234567890": "262-"} {
		sim := modem.SIM{IMSI: imsi, MCC: "262"}
		id, card := IdentityOf(sim), CardOf(sim, modem.Device{})
		if got := id.MCC + "-" + id.MNC; got != want || card.MCC+"-"+card.MNC != want {
			t.Errorf("%d digits: %s and %s-%s, want %s", len(imsi), got, card.MCC, card.MNC, want)
		}
	}
}
