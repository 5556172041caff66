package provision

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/provision/document"
)

func documentOf(t testing.TB, sim string) *document.Document {
	t.Helper()
	d, report := document.Read([]byte(`{"format": "tetherd-document/1", "operator": {"id": "{11111111-2222-3333-4444-555555555555}", "name": "Lab"}, "sims": [` + sim + `]}`))
	if d == nil {
		t.Fatalf("refused: %+v", report)
	}
	return d
}

func demanded(t testing.TB, sim string) Policy {
	d := documentOf(t, sim)
	return Demand(d, d.SIMs[0])
}

func TestDemandOfNothing(t *testing.T) {
	if diff := cmp.Diff(Policy{Name: "Lab"}, demanded(t, "{}")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDemandOfEverything(t *testing.T) {
	got := demanded(t, `{
		"contexts": [
			{"name": "own", "uses": ["internet"], "apn": "internet.lab", "user": "u", "password": "p", "auth": "pap", "family": "ipv4"},
			{"name": "clients", "uses": ["tethering"], "apn": "tether.lab"},
			{"name": "shop", "uses": ["purchase"], "apn": "shop.lab"},
			{"name": "pictures", "uses": ["mms"], "apn": "mms.lab"}],
		"sharing": {"rule": "check", "max_devices": 5, "absence_seconds": 600, "one_context": "refuse", "check": {"url": "https://e.example/"}},
		"roaming": {"level": "home-and-domestic", "partners": [{"plmn": "26202"}]},
		"network": {"mtu4": 1430, "mtu6": 1400, "dns_retry_seconds": 2, "dns_tries": 3}}`)
	named := func(name, apn string) Candidate {
		return Candidate{Source: FromDocument, Name: name, APN: apn, Families: families(""), Why: "named in the operator's document (context '" + name + "')"}
	}
	own := named("own", "internet.lab")
	own.User, own.Password, own.Auth, own.Families = "u", "p", modem.AuthPAP, []modem.Family{modem.IPv4}
	want := Policy{
		Name: "Lab", OwnFirst: true, MaxClients: 5, Absence: 10 * time.Minute,
		Contexts: map[modem.Purpose][]Candidate{modem.Own: {own}, modem.Shared: {named("clients", "tether.lab")}, modem.Purchase: {named("shop", "shop.lab")}},
		Sharing:  Entitlement{Rule: ShareCheck}, Roaming: RoamDomestic, Partners: []string{"26202"},
		MTU4: 1430, DNSRetry: 2 * time.Second, DNSTries: 3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Clients' contexts are those for clients, whatever else these are for.
func TestDemandOfContexts(t *testing.T) {
	names := func(list []Candidate) string {
		var all []string
		for _, c := range list {
			all = append(all, c.APN)
		}
		return strings.Join(all, " ")
	}
	for _, test := range []struct{ contexts, own, shared string }{
		{`{"name": "1", "uses": ["internet", "tethering"], "apn": "a"}`, "a", "a"},
		{`{"name": "1", "uses": ["internet"], "apn": "a"}`, "a", ""},
		{`{"name": "1", "uses": ["internet"], "apn": "a"}, {"name": "2", "uses": ["internet", "tethering"], "apn": "b"}`, "a b", "b"},
		{`{"name": "1", "uses": ["tethering"], "apn": "a"}`, "", "a"},
		{`{"name": "1", "uses": ["internet", "tethering"], "apn": "a"}, {"name": "2", "uses": ["tethering"], "apn": "b"}`, "a", "a b"},
		{`{"name": "1", "uses": ["mms"], "apn": "a"}`, "", ""},
	} {
		p := demanded(t, `{"contexts": [`+test.contexts+`]}`)
		if own, shared := names(p.Contexts[modem.Own]), names(p.Contexts[modem.Shared]); own != test.own || shared != test.shared {
			t.Errorf("%s: own %q, shared %q", test.contexts, own, shared)
		}
	}
}

// Every word that a document may use is understood.
func TestDemandKnowsEveryWord(t *testing.T) {
	seen := map[Roaming]bool{}
	for _, level := range []string{"home", "all", "home-and-domestic", "domestic-only", "foreign-only", "roaming-only"} {
		seen[demanded(t, `{"roaming": {"level": "`+level+`"}}`).Roaming] = true
	}
	for _, level := range []Roaming{RoamHome, RoamAll, RoamDomestic, RoamOnlyInland, RoamOnlyForeign, RoamOnly} {
		if !seen[level] {
			t.Errorf("no word for %q among %v", level, seen)
		}
	}
	for rule, want := range map[string]SharingRule{"always": ShareAlways, "never": ShareNever} {
		if got := demanded(t, `{"sharing": {"rule": "`+rule+`"}}`).Sharing.Rule; got != want {
			t.Errorf("%s: %q", rule, got)
		}
	}
}

func TestAnswered(t *testing.T) {
	p := demanded(t, `{"sharing": {"rule": "check", "check": {"url": "https://e.example/"}}}`)
	fresh := Consent{Asked: true, Answered: true, Entitled: true, Until: day.Add(time.Minute)}
	denied := fresh
	denied.Entitled, denied.Reason = false, "no tethering"
	old := fresh
	old.Until = day
	for what, test := range map[string]struct {
		consent Consent
		silent  string
		allowed bool
		answer  Answer
		why     string
	}{
		"not asked":              {Consent{}, "allow", false, Unanswered, "has not answered yet"},
		"entitled":               {fresh, "", true, Entitled, ""},
		"denied":                 {denied, "allow", false, Denied, "on this plan: no tethering"},
		"too old, deny":          {old, "deny", false, Denied, "is silent"},
		"too old, allow":         {old, "allow", true, Entitled, ""},
		"silent, not told":       {Consent{Asked: true}, "", false, Denied, "is silent"},
		"cannot be asked":        {Consent{Asked: true, Unheard: true}, "deny", false, Denied, "cannot be asked, and the document does not"},
		"cannot be, allow":       {Consent{Asked: true, Unheard: true}, "allow", true, Entitled, ""},
		"silent, allow":          {Consent{Asked: true}, "allow", true, Entitled, ""},
		"an answer to the bone":  {Consent{Asked: true, Answered: true, Until: day.Add(1)}, "allow", false, Denied, "on this plan"},
		"answered before a boot": {Consent{Answered: true, Entitled: true, Until: day.Add(1)}, "deny", true, Entitled, ""},
	} {
		got := p.Answered(test.consent, test.silent, day)
		if got.Sharing.Allowed() != test.allowed || got.Sharing.Answer != test.answer || !strings.Contains(got.Sharing.Reason(), test.why) {
			t.Errorf("%s: %+v, %q", what, got.Sharing, got.Sharing.Reason())
		}
	}
	never := demanded(t, `{"sharing": {"rule": "never"}}`)
	if got := never.Answered(fresh, "allow", day); got.Sharing.Allowed() {
		t.Error("an answer allows what is never allowed")
	}
}

func TestCardOf(t *testing.T) {
	got := CardOf(modem.SIM{IMSI: "1", ICCID: "2", MCC: "3", MNC: "4", SPN: "5", HomeName: "6", GID1: "7"}, modem.Device{IMEI: "8"})
	if want := (document.Card{IMSI: "1", ICCID: "2", MCC: "3", MNC: "4", SPN: "5", PNN: "6", GID1: "7", Device: "8"}); got != want {
		t.Errorf("%#v", got)
	}
}
