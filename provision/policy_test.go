package provision

import (
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/modem"
)

// TestNoPolicyDemandsNothing: the zero value lets everything be as the owner has it.
func TestNoPolicyDemandsNothing(t *testing.T) {
	var p Policy
	for _, state := range []string{"", "home", "roaming", "partner", "searching", "denied"} {
		if why := p.Barred(Identity{MCC: "262"}, modem.Registration{State: state, PLMN: "26201"}); why != "" {
			t.Errorf("%s: %s", state, why)
		}
	}
	if !p.Sharing.Allowed() || p.Sharing.Reason() != "" {
		t.Error("sharing is not allowed")
	}
	if most, absence := p.Limit(config.Sharing{Absence: time.Minute}); most != 0 || absence != time.Minute {
		t.Errorf("at most %d, gone after %v", most, absence)
	}
}

// TestEntitlement: what is not known is no permission, and every refusal has words.
func TestEntitlement(t *testing.T) {
	for _, c := range []struct {
		e       Entitlement
		allowed bool
		says    string
	}{
		{Entitlement{Rule: ShareNever}, false, "does not allow sharing with this SIM"},
		{Entitlement{Rule: ShareNever, Answer: Entitled}, false, "does not allow"},
		{Entitlement{Rule: ShareCheck}, false, "has not answered yet"},
		{Entitlement{Rule: ShareCheck, Answer: Denied}, false, "on this plan"},
		{Entitlement{Rule: ShareCheck, Answer: Denied, Why: "buy more"}, false, "buy more"},
		{Entitlement{Rule: ShareCheck, Answer: Entitled, Why: "buy more"}, true, ""},
		{Entitlement{Rule: "nonsense", Answer: Entitled}, false, "has not answered"},
		{Entitlement{Answer: Denied}, true, ""},
	} {
		if c.e.Allowed() != c.allowed || !strings.Contains(c.e.Reason(), c.says) || c.allowed != (c.e.Reason() == "") {
			t.Errorf("%+v: %v, %q", c.e, c.e.Allowed(), c.e.Reason())
		}
	}
}

// TestRoamingLevels: each level at each place, with and without partners.
func TestRoamingLevels(t *testing.T) {
	places := []modem.Registration{
		{State: "home", PLMN: "26201"}, {State: "roaming", PLMN: "26203"}, {State: "partner", PLMN: "20801"}, {State: "roaming"},
	}
	want := map[Roaming]string{ // "+" allowed, "-" barred, at each place
		RoamUnset: "++++", RoamHome: "+---", RoamAll: "++++", RoamDomestic: "++--",
		RoamOnlyInland: "-+--", RoamOnlyForeign: "--++", RoamOnly: "-+++",
	}
	for level, marks := range want {
		for i, at := range places {
			why := Policy{Roaming: level}.Barred(Identity{MCC: "262"}, at)
			if (why == "") != (marks[i] == '+') {
				t.Errorf("%q at %+v: %q", level, at, why)
			}
		}
	}
	for _, state := range []string{"", "searching", "denied", "deregistered"} {
		if why := (Policy{Roaming: RoamOnlyForeign}).Barred(Identity{}, modem.Registration{State: state}); why != "" {
			t.Errorf("not registered (%s): %s", state, why)
		}
	}
}

// TestCountriesOfSeveralCodes: home is a network, domestic a country.
func TestCountriesOfSeveralCodes(t *testing.T) {
	for _, c := range []struct {
		mcc, plmn string
		domestic  bool
	}{
		{"310", "311480", true}, {"316", "310260", true}, {"234", "23501", true}, {"404", "40501", true}, {"406", "40401", true},
		{"424", "43102", true}, {"441", "44010", true}, {"461", "46000", true}, {"262", "26203", true},
		{"310", "302720", false}, {"310", "33011", false}, {"234", "23601", false}, {"262", "26001", false}, {"262", "26", false}, {"262", "", false},
	} {
		why := Policy{Roaming: RoamDomestic}.Barred(Identity{MCC: c.mcc}, modem.Registration{State: "roaming", PLMN: c.plmn})
		if (why == "") != c.domestic {
			t.Errorf("SIM of %s at %s: %q", c.mcc, c.plmn, why)
		}
	}
}

// TestPartners: a list of networks counts away from home only, and by digits.
func TestPartners(t *testing.T) {
	p := Policy{Partners: []string{"20801", "228", ""}}
	for plmn, ok := range map[string]bool{"20801": true, "208011": true, "20802": false, "22899": true, "26203": false, "": false} {
		if why := p.Barred(Identity{MCC: "262"}, modem.Registration{State: "roaming", PLMN: plmn}); (why == "") != ok {
			t.Errorf("%s: %q", plmn, why)
		}
	}
	if why := p.Barred(Identity{MCC: "262"}, modem.Registration{State: "home", PLMN: "26201"}); why != "" {
		t.Errorf("at home: %s", why)
	}
}

// TestLimit: the smaller number holds, and the operator's absence.
func TestLimit(t *testing.T) {
	for _, c := range []struct{ own, operator, want int }{{0, 0, 0}, {0, 5, 5}, {3, 0, 3}, {3, 5, 3}, {8, 5, 5}} {
		got, absence := Policy{MaxClients: c.operator}.Limit(config.Sharing{MaxClients: c.own})
		if got != c.want || absence != DefaultAbsence {
			t.Errorf("%+v: %d after %v", c, got, absence)
		}
	}
	if _, absence := (Policy{Absence: 2 * time.Minute}).Limit(config.Sharing{Absence: time.Hour}); absence != 2*time.Minute {
		t.Errorf("absence is %v", absence)
	}
}
