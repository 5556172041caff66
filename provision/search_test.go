package provision

import (
	"fmt"
	"testing"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/modem"
)

// sought lists the access points of a search, in order.
func sought(s Search) (out []string) {
	for _, c := range s.Candidates(telekom, nil, false) {
		out = append(out, fmt.Sprintf("%s:%s", c.Source, c.APN))
	}
	return out
}

// TestSearches: who names an access point for clients splits the traffic, the operator
// before the owner, and a split search finds nothing but what was named.
func TestSearches(t *testing.T) {
	named := []Candidate{{Source: FromDocument, APN: "doc.example"}}
	purchase := []Candidate{{Source: FromDocument, APN: "buy.example"}}
	document := Policy{Contexts: map[modem.Purpose][]Candidate{modem.Shared: named, modem.Purchase: purchase}}
	buying := document
	buying.Buying = true
	ownFirst := document
	ownFirst.OwnFirst = true
	refusing := buying
	refusing.OwnFirst = true
	wish := []config.APN{{APN: "a"}, {APN: "s", Purpose: "shared"}, {APN: "o", Purpose: "own"}, {APN: "p", Purpose: "purchase"}}
	for _, c := range []struct {
		story    string
		wish     []config.APN
		policy   Policy
		sessions uint32
		split    Split
		shared   string // the first of the search for clients
		most     int    // candidates there at most
	}{
		{"nobody names any", nil, Policy{}, 8, OneForAll, "network:", 99},
		{"the owner names one for everything", wish[:1], Policy{}, 8, OneForAll, "config:a", 99},
		{"the owner names one for clients", wish, Policy{}, 8, Two, "config:s", 1},
		{"the operator names one for clients", wish, document, 8, Two, "document:doc.example", 1},
		{"a plan is being bought", wish, buying, 8, Two, "document:buy.example", 1},
		{"the owner's is for buying", wish, Policy{Buying: true}, 8, Two, "config:p", 1},
		{"buying without an access point for it", wish[:1], Policy{Buying: true}, 8, OneForAll, "config:a", 99},
		{"a modem for one", wish, document, 1, OneForAll, "document:doc.example", 1},
		{"a modem that does not say", wish, document, 0, OneForAll, "document:doc.example", 1},
		{"a modem for one, own traffic first", wish, ownFirst, 1, OwnOnly, "", 0},
		{"a modem for two, own traffic first", wish, ownFirst, 2, Two, "document:doc.example", 1},
		{"a plan is being bought by a modem for one, own traffic first", wish, refusing, 1, OneForAll, "document:buy.example", 1},
	} {
		split, shared, own := Searches(c.wish, c.policy, c.sessions)
		list := sought(shared)
		first := ""
		if len(list) > 0 {
			first = list[0]
		}
		if split != c.split || first != c.shared || len(list) > c.most || shared.Open() != (c.most > 1) {
			t.Errorf("%s: split %d, clients by %q", c.story, split, list)
		}
		if c.split != OneForAll && (!own.Open() || len(sought(own)) < 3) {
			t.Errorf("%s: own by %q", c.story, sought(own))
		}
	}
}

// TestSearchesOfOneForBoth: clients leave by nothing but what the document has for them,
// also when it is for the gateway's own traffic as well, and no bearer is dialled twice.
func TestSearchesOfOneForBoth(t *testing.T) {
	const joint = `{"name": "1", "uses": ["internet", "tethering"], "apn": "both.lab"}`
	const own = `{"name": "2", "uses": ["internet"], "apn": "own.lab", "priority": 9}`
	const clients = `{"name": "3", "uses": ["tethering"], "apn": "tether.lab", "priority": 9}`
	const twice = `{"name": "4", "uses": ["internet"], "apn": "one.lab"}, {"name": "5", "uses": ["tethering"], "apn": "one.lab"}`
	for _, c := range []struct {
		contexts, owner string
		refuse          bool
		sessions        uint32
		split           Split
		shared, own     string // the search for clients; the first for the gateway's own traffic
	}{
		{joint, "", false, 8, OneForAll, "[document:both.lab]", ""},
		{joint, "", true, 1, OneForAll, "[document:both.lab]", ""},
		{joint, "Both.Lab", false, 8, OneForAll, "[document:both.lab]", ""},
		{joint, "open.lab", false, 8, Two, "[document:both.lab]", "config:open.lab"},
		{joint, "open.lab", false, 1, OneForAll, "[document:both.lab]", ""},
		{joint, "open.lab", true, 1, OneForAll, "[document:both.lab]", ""},
		{own + "," + joint, "", false, 8, Two, "[document:both.lab]", "document:own.lab"},
		{own + "," + joint, "", true, 1, OneForAll, "[document:both.lab]", ""},
		{clients + "," + joint, "", false, 8, Two, "[document:tether.lab document:both.lab]", "document:both.lab"},
		{clients + "," + joint, "", false, 1, OneForAll, "[document:tether.lab document:both.lab]", ""},
		{clients + "," + joint, "", true, 1, OneForAll, "[document:both.lab]", ""},
		{clients + "," + own, "", true, 1, OwnOnly, "[]", "document:own.lab"},
		{clients, "", false, 8, Two, "[document:tether.lab]", "network:"},
		{twice, "", false, 8, OneForAll, "[document:one.lab]", ""},
		{own, "", false, 8, OneForAll, "", ""},
	} {
		sharing := map[bool]string{true: `, "sharing": {"one_context": "refuse"}`}[c.refuse]
		p := demanded(t, `{"contexts": [`+c.contexts+`]`+sharing+`}`)
		var wish []config.APN
		if c.owner != "" {
			wish = []config.APN{{APN: c.owner}}
		}
		split, shared, own := Searches(wish, p, c.sessions)
		first := ""
		if list := sought(own); c.split != OneForAll {
			first = list[0]
		}
		if got := fmt.Sprint(sought(shared)); split != c.split || shared.Open() != (c.shared == "") || c.shared != "" && got != c.shared || first != c.own {
			t.Errorf("%s, owner %q, refuse %t, %d sessions: split %d, clients by %s, own by %q", c.contexts, c.owner, c.refuse, c.sessions, split, got, first)
		}
	}
}

// TestDocumentComesBehindTheOwner: for the gateway's own traffic.
func TestDocumentComesBehindTheOwner(t *testing.T) {
	p := Policy{Contexts: map[modem.Purpose][]Candidate{modem.Own: {{Source: FromDocument, APN: "doc.example"}}}}
	_, all, _ := Searches([]config.APN{{APN: "mine"}}, p, 8)
	list := all.Candidates(telekom, nil, false)
	if len(list) < 4 || list[0].APN != "mine" || list[1].APN != "doc.example" || list[2].Source != FromNetwork || len(list[1].Families) != 3 {
		t.Errorf("the list is %+v", list)
	}
}

// TestSearchKey: it changes with whatever changes what is dialled, and with nothing for
// a search among all that is known.
func TestSearchKey(t *testing.T) {
	wish := []config.APN{{APN: "a", Purpose: "any"}}
	_, all, _ := Searches(wish, Policy{}, 8)
	if all.Key(telekom) != Key(wish, telekom) || all.Key(Identity{}) != "" || all.Digest() == "" {
		t.Error("a search among all has another key")
	}
	keys := map[string]string{}
	for name, c := range map[string]Candidate{
		"apn": {APN: "x"}, "user": {APN: "y", User: "u"}, "password": {APN: "y", User: "u", Password: "p"},
		"auth": {APN: "y", Auth: modem.AuthPAP}, "family": {APN: "y", Families: []modem.Family{modem.IPv4}}, "plain": {APN: "y"},
	} {
		_, shared, _ := Searches(wish, Policy{Contexts: map[modem.Purpose][]Candidate{modem.Shared: {c}}}, 8)
		key := shared.Key(telekom)
		if other, twice := keys[key]; twice || key == "" {
			t.Errorf("%s has the key of %s", name, other)
		}
		keys[key] = name
	}
}
