package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/fetch"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/provision"
	"github.com/tetherd/tetherd/provision/document"
)

// asked compiles a document that has a refresh address and an entitlement server.
func asked(t *testing.T, change func(*Inputs, *Observed)) fetch.Spec {
	t.Helper()
	in, obs := full(t)
	in.Refresh = 0
	in.Document.At = time.Unix(500, 0)
	in.Document.Entry.Sharing.Check = &document.Entitlement{URL: "https://entitlement.example/", Cache: 3600}
	obs.Modem.SIM = modem.SIM{ICCID: "8949020000012345678", IMSI: "262010000012345", MCC: "262", MNC: "01"}
	change(&in, &obs)
	return Compile(in, obs).Fetch
}

func ids(s fetch.Spec) string {
	var all []string
	for _, r := range s.Requests {
		all = append(all, r.ID)
	}
	return strings.Join(all, " ")
}

func TestFetchByInterval(t *testing.T) {
	s := asked(t, func(*Inputs, *Observed) {})
	if ids(s) != "document entitlement" || s.Interface != "wwan0" || s.Mark == 0 || fmt.Sprint(s.Servers) != "[198.51.100.53 1.1.1.1 8.8.8.8]" || s.CAFile != "/etc/ca.pem" {
		t.Fatalf("%+v", s)
	}
	d, e := s.Requests[0], s.Requests[1]
	if !d.First.Equal(time.Unix(500, 0).Add(7*day)) || d.Interval != 7*day || d.Beside != ".sig" || d.Tag != "1" || d.Max != document.MaxBytes {
		t.Errorf("document %+v", d)
	}
	if !e.First.IsZero() || e.Interval != time.Hour || string(e.Body) != `{"imsi":"262010000012345","iccid":"8949020000012345678"}` {
		t.Errorf("entitlement %+v, %s", e, string(e.Body))
	}
}

// A document that is asked for the first time in a process is so an interval after it was asked
// for last, give or take a fifth, and never later because a clock was wrong.
func TestFetchFirst(t *testing.T) {
	for _, test := range []struct{ at, want time.Duration }{{-time.Hour, 7*day - time.Hour}, {-30 * day, -23 * day}, {1000 * day, 7 * day}} {
		var now, started time.Time
		s := asked(t, func(in *Inputs, obs *Observed) {
			now, started = obs.Now, obs.Started
			in.Document.At = now.Add(test.at)
		})
		from := now
		if test.at > 0 {
			from = started
		}
		if got := s.Requests[0].First.Sub(from); got < test.want || got > test.want+7*day/5 {
			t.Errorf("applied %v from now: asked %v from then", test.at, got)
		}
	}
}

func TestFetchOnDemand(t *testing.T) {
	s := asked(t, func(in *Inputs, _ *Observed) { in.Refresh = 3 })
	for _, r := range s.Requests {
		if r.Attempt != 3 || !r.First.IsZero() {
			t.Errorf("%+v", r)
		}
	}
	s = asked(t, func(in *Inputs, _ *Observed) { in.Refresh, in.Refreshed = 3, 3 })
	if s.Requests[0].First.IsZero() {
		t.Errorf("answered, and asked by each bearer: %+v", s.Requests[0])
	}
	manual := func(n, answered uint32) string {
		return ids(asked(t, func(in *Inputs, _ *Observed) {
			in.Refresh, in.Refreshed, in.Document.Document.Refresh.Days = n, answered, 0
		}))
	}
	if manual(0, 0) != "entitlement" || manual(1, 0) != "document entitlement" || manual(1, 1) != "entitlement" {
		t.Errorf("without an interval: %q, on demand %q, answered %q", manual(0, 0), manual(1, 0), manual(1, 1))
	}
}

// Who asks daily at least does so however long answers may be kept.
func TestFetchDailyAtLeast(t *testing.T) {
	for cache, want := range map[int]time.Duration{0: day, 60: time.Minute, 604800: day} {
		s := asked(t, func(in *Inputs, _ *Observed) { in.Document.Entry.Sharing.Check.Cache = cache })
		if got := s.Requests[1].Interval; got != want {
			t.Errorf("%d s: %v", cache, got)
		}
	}
}

func TestFetchNothing(t *testing.T) {
	for what, change := range map[string]func(*Inputs, *Observed){
		"no document": func(in *Inputs, _ *Observed) { in.Document = nil },
		"no bearer":   func(_ *Inputs, o *Observed) { o.Modem.Bearers = nil },
		"no addresses yet": func(_ *Inputs, o *Observed) {
			o.Modem.Bearers = map[modem.Purpose]modem.BearerStatus{modem.Own: {State: modem.BearerConnecting}}
		},
		"nothing to ask": func(in *Inputs, _ *Observed) {
			in.Document = &provision.InForce{Document: &document.Document{}}
		},
	} {
		if s := asked(t, change); len(s.Requests) > 0 {
			t.Errorf("%s: %s", what, ids(s))
		}
	}
	if got := ids(asked(t, func(_ *Inputs, o *Observed) { o.Modem.SIM = modem.SIM{} })); got != "" {
		t.Errorf("without a SIM's numbers: %q", got)
	}
}

// Another SIM asks again: its numbers are in the question.
func TestFetchForAnotherSIM(t *testing.T) {
	one := asked(t, func(*Inputs, *Observed) {})
	two := asked(t, func(_ *Inputs, o *Observed) { o.Modem.SIM.ICCID = "8949020000099999999" })
	if one.Requests[1] == two.Requests[1] || one.Requests[0] != two.Requests[0] {
		t.Error("another SIM asks the same")
	}
}

func TestConflicts(t *testing.T) {
	joint := provision.Demand(&document.Document{}, document.SIM{Contexts: []document.Context{{APN: "both.lab", Uses: []document.Use{document.ForInternet, document.ForTethering}}}})
	for _, test := range []struct {
		text   string
		policy provision.Policy
		want   string
	}{
		{"", provision.Policy{}, ""},
		{"", provision.Policy{MaxClients: 5, MTU4: 1400, Roaming: provision.RoamHome, Sharing: provision.Entitlement{Rule: provision.ShareCheck}}, ""},
		{"config sharing\n\toption max_clients '8'\n", provision.Policy{MaxClients: 5}, "client limit 5: Lab allows fewer than the 8 of the configuration"},
		{"config sharing\n\toption max_clients '3'\n", provision.Policy{MaxClients: 5}, "client limit 3: the configuration allows fewer than the 5 of Lab"},
		{"config sharing\n\toption max_clients '5'\n", provision.Policy{MaxClients: 5}, ""},
		{"", provision.Policy{Sharing: provision.Entitlement{Rule: provision.ShareNever}}, "sharing never: Lab does not allow what the configuration switches on"},
		{"config sharing\n\toption enabled '0'\n", provision.Policy{Sharing: provision.Entitlement{Rule: provision.ShareNever}}, ""},
		{"config modem\n\toption roaming '1'\n", provision.Policy{Roaming: provision.RoamHome}, "roaming home: Lab does not allow what the configuration does"},
		{"", provision.Policy{Roaming: provision.RoamAll}, "roaming off: the configuration does not allow what Lab does"},
		{"config modem\n\toption roaming '1'\n", provision.Policy{Roaming: provision.RoamAll}, ""},
		{"config modem\n\toption roaming '1'\n", provision.Policy{Roaming: provision.RoamDomestic}, "roaming home-and-domestic: Lab does not allow what the configuration does"},
		{"config modem\n\toption roaming '1'\n", provision.Policy{Roaming: provision.RoamOnlyForeign}, "roaming foreign-only: Lab does not allow what the configuration does"},
		{"config modem\n\toption roaming '1'\n", provision.Policy{Roaming: provision.RoamAll, Partners: []string{"22210"}}, "roaming partners: Lab does not allow what the configuration does"},
		{"", provision.Policy{Partners: []string{"22210"}}, ""},
		{"", provision.Policy{Roaming: provision.RoamOnlyInland}, "roaming off: the configuration does not allow what Lab does"},
		{"config sharing\n\toption absence '1h'\n", provision.Policy{Absence: 5 * time.Minute}, "absence 5m0s: Lab prevails over the configuration"},
		{"config sharing\n\toption absence '5m'\n", provision.Policy{Absence: 5 * time.Minute}, ""},
		{"", provision.Policy{Absence: 5 * time.Minute}, ""},
		{"config modem\n\toption mtu '1300'\n", provision.Policy{MTU4: 1400}, "MTU 1300: the configuration prevails over the 1400 of Lab"},
		{"config apn\n\toption apn 'mine'\n", provision.Policy{Contexts: map[modem.Purpose][]provision.Candidate{modem.Shared: {{APN: "tether.lab"}}}},
			"clients' access point tether.lab: Lab prevails over the configuration"},
		{"config apn\n\toption apn 'mine'\n", joint, "clients' access point both.lab: Lab prevails over the configuration"},
		{"config apn\n\toption apn 'mine'\n\toption purpose 'own'\n", provision.Policy{Contexts: map[modem.Purpose][]provision.Candidate{modem.Shared: {{APN: "tether.lab"}}}}, ""},
		{"config apn\n\toption apn 'tether.lab'\n", provision.Policy{Contexts: map[modem.Purpose][]provision.Candidate{modem.Shared: {{APN: "tether.lab"}}}}, ""},
	} {
		cfg, err := config.Parse("test", []byte(test.text))
		if err != nil {
			t.Fatal(err)
		}
		test.policy.Name = "Lab"
		var got []string
		for _, r := range Conflicts(cfg, test.policy) {
			got = append(got, r.What+" "+r.Value+": "+r.Why)
		}
		if strings.Join(got, "\n") != test.want {
			t.Errorf("%q: %q", test.text, got)
		}
	}
}
