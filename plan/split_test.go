package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/provision"
)

// splitConfig has an access point for clients and one for the gateway itself.
const splitConfig = `
config apn
	option apn 'tether.example'
	option purpose 'shared'
config apn
	option apn 'own.example'
	option purpose 'own'
`

// split gives Inputs whose ladders have begun, for a modem of some sessions.
func split(t *testing.T, text string, p provision.Policy, sessions uint32) (Inputs, Observed) {
	t.Helper()
	cfg, err := config.Parse("split", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	in, obs := Inputs{Config: cfg, Policy: p, Synthetic: synthetic}, Observed{Now: time.Unix(1000, 0)}
	obs.Modem.SIM = modem.SIM{ICCID: "8949020000012345678", IMSI: "262010000012345", MCC: "262", MNC: "01"}
	obs.Modem.Registration = modem.Registration{State: "home", PLMN: "26201"}
	sim := provision.IdentityOf(obs.Modem.SIM)
	var shared, own provision.Search
	in.Split, shared, own = provision.Searches(cfg.APNs, p, sessions)
	climb := func(s provision.Search) provision.Ladder {
		l, _ := provision.Ladder{}.Climb(s.Key(sim), func() []provision.Rung {
			return provision.Rungs(s.Candidates(sim, nil, false))
		}, provision.Seen{Now: obs.Now, Ready: true})
		return l
	}
	in.Ladder, in.OwnLadder = climb(shared), climb(own)
	return in, obs
}

// up lets the modem carry a wish out, in its own interface.
func up(obs *Observed, in Inputs, wish modem.Spec, p modem.Purpose, name, address string) {
	b := bearer(modem.BearerUp, name, address)
	b.InForce = wish.Bearers[p]
	if obs.Modem.Bearers == nil {
		obs.Modem.Bearers = map[modem.Purpose]modem.BearerStatus{}
	}
	obs.Modem.Bearers[p] = b
}

// TestTwoBearers: clients and what is done for them take one, the gateway the other.
func TestTwoBearers(t *testing.T) {
	in, obs := split(t, splitConfig, provision.Policy{}, 8)
	d := Compile(in, obs)
	if b := d.Modem.Bearers; len(b) != 2 || b[modem.Shared].APN != "tether.example" || b[modem.Own].APN != "own.example" {
		t.Fatalf("the wish is %v", b)
	}
	up(&obs, in, d.Modem, modem.Own, "wwan0.1", "10.1.1.2/32")
	d = Compile(in, obs)
	if ups := d.Link.Uplinks; len(ups) != 1 || ups[0].Shared || !ups[0].Own {
		t.Errorf("with its own bearer alone the gateway has %+v", ups)
	}
	if d.DNS.Upstream.Interface != "" || d.Probe.Gateway.Key != "" || d.NAT.Uplinks[0].Shared {
		t.Errorf("clients leave by it: %+v, %+v, %+v", d.DNS.Upstream, d.Probe.Gateway, d.NAT.Uplinks)
	}
	up(&obs, in, d.Modem, modem.Shared, "wwan0", "10.2.2.2/32")
	d = Compile(in, obs)
	ups := d.Link.Uplinks
	if len(ups) != 2 || !ups[0].Shared || ups[0].Own || ups[1].Shared || !ups[1].Own || ups[0].Table == ups[1].Table || ups[0].Mark == ups[1].Mark {
		t.Errorf("uplinks are %+v", ups)
	}
	if d.DNS.Upstream.Interface != "wwan0" || d.Probe.Gateway.Interface != "wwan0" {
		t.Errorf("names are asked by %+v, the probe goes by %+v", d.DNS.Upstream, d.Probe.Gateway)
	}
}

// TestChangedWishClosesAtOnce: a bearer that was for clients is not from the turn on in
// which another one is wished for them, though the modem still has it up.
func TestChangedWishClosesAtOnce(t *testing.T) {
	in, obs := split(t, "config apn\n\toption apn 'own.example'\n", provision.Policy{}, 8)
	d := Compile(in, obs)
	up(&obs, in, d.Modem, modem.Own, "wwan0", "10.1.1.2/32")
	up(&obs, in, d.Modem, modem.Shared, "wwan0", "10.1.1.2/32")
	if d = Compile(in, obs); !d.Link.Uplinks[0].Shared || !d.NAT.Uplinks[0].Shared {
		t.Fatalf("one for all is %+v", d.Link.Uplinks)
	}
	document := provision.Policy{Contexts: map[modem.Purpose][]provision.Candidate{modem.Shared: {{APN: "tether.example"}}}}
	next, _ := split(t, "config apn\n\toption apn 'own.example'\n", document, 8)
	d = Compile(next, obs)
	if ups := d.Link.Uplinks; len(ups) != 1 || ups[0].Shared || !ups[0].Own || d.NAT.Uplinks[0].Shared || d.DNS.Upstream.Interface != "" {
		t.Errorf("after the document: %+v, %+v, %+v", ups, d.NAT.Uplinks, d.DNS.Upstream)
	}
	if steps := Diff(d, obs, false); steps[0].Part != NAT || steps[len(steps)-1].Part != Modem {
		t.Errorf("the modem goes first: %+v", steps)
	}
}

// TestOneSession: what a modem that holds one bearer does is the policy's choice.
func TestOneSession(t *testing.T) {
	in, obs := split(t, splitConfig, provision.Policy{}, 1)
	d := Compile(in, obs)
	if b := d.Modem.Bearers; b[modem.Shared].APN != "tether.example" || b[modem.Own] != b[modem.Shared] || d.Refusal != "" {
		t.Errorf("shared first: %v, %q", b, d.Refusal)
	}
	in, obs = split(t, splitConfig, provision.Policy{OwnFirst: true}, 1)
	d = Compile(in, obs)
	if b := d.Modem.Bearers; len(b) != 1 || b[modem.Own].APN != "own.example" || !strings.Contains(d.Refusal, "holds only one") || d.NAT.Sharing {
		t.Errorf("own first: %v, %q", b, d.Refusal)
	}
}

// TestNotEntitled: sharing is refused with the operator's reason, and the gateway's own
// bearer stays.
func TestNotEntitled(t *testing.T) {
	in, obs := split(t, splitConfig, provision.Policy{Sharing: provision.Entitlement{Rule: provision.ShareNever}}, 8)
	d := Compile(in, obs)
	if d.NAT.Sharing || d.Refusal != in.Policy.Sharing.Reason() || len(d.Modem.Bearers) != 2 {
		t.Errorf("sharing %v, %q, %v", d.NAT.Sharing, d.Refusal, d.Modem.Bearers)
	}
}

// TestBarredNetwork: outside the partner list nothing is dialled, and what is up carries
// nothing from this turn on.
func TestBarredNetwork(t *testing.T) {
	in, obs := split(t, splitConfig, provision.Policy{Partners: []string{"20801"}}, 8)
	up(&obs, in, Compile(in, obs).Modem, modem.Shared, "wwan0", "10.2.2.2/32")
	obs.Modem.Registration = modem.Registration{State: "roaming", PLMN: "20802"}
	d := Compile(in, obs)
	if len(d.Modem.Bearers) != 0 || len(d.Link.Uplinks) != 0 || !strings.Contains(d.Barred, "20802") {
		t.Errorf("%v, %+v, %q", d.Modem.Bearers, d.Link.Uplinks, d.Barred)
	}
	obs.Modem.Registration.PLMN = "20801"
	if d := Compile(in, obs); len(d.Modem.Bearers) != 2 || d.Barred != "" {
		t.Errorf("at a partner's: %v, %q", d.Modem.Bearers, d.Barred)
	}
}

// TestMTUOrder: the owner's, the operator's, the network's, of whom the owner alone may wish for
// more than clients use.
func TestMTUOrder(t *testing.T) {
	for _, c := range []struct{ own, operator, network, want int }{
		{1300, 1400, 1430, 1300}, {0, 1400, 1430, 1400}, {0, 0, 1430, 1430}, {0, 100, 1430, 1430}, {0, 0, 20000, 0},
		{0, 0, 1500, 1500}, {0, 0, 4096, 0}, {0, 2048, 1430, 1430}, {4096, 1400, 1430, 4096},
	} {
		in := Inputs{Config: config.Default(), Policy: provision.Policy{MTU4: c.operator}}
		in.Config.Modem.MTU = c.own
		if got := bearerMTU(in, modem.BearerStatus{IPv4: &modem.IPConfig{MTU: c.network}}); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// TestSessionsAreVLANs: the first session is the modem's interface, the others VLANs on it.
func TestSessionsAreVLANs(t *testing.T) {
	for _, c := range []struct {
		on      string
		session uint32
		parent  string
		vlan    uint16
	}{
		{"", 0, "", 0}, {"wwan0", 1, "wwan0", 1}, {"wwp0s20f0u2i12", 7, "wwp0s20f0u2i12", 7}, {"wwan0", 0, "", 0}, {"", 1, "", 0}, {"wwan0", 5000, "", 0},
	} {
		parent, vlan := session(modem.BearerStatus{Interface: "wwan0.1", Parent: c.on, Session: c.session})
		if parent != c.parent || vlan != c.vlan {
			t.Errorf("%+v: VLAN %d on %q", c, vlan, parent)
		}
	}
	in, obs := split(t, splitConfig, provision.Policy{}, 8)
	up(&obs, in, Compile(in, obs).Modem, modem.Own, "wwan0.1", "10.1.1.2/32")
	b := obs.Modem.Bearers[modem.Own]
	b.Session, b.Parent = 1, "wwan0"
	obs.Modem.Bearers[modem.Own] = b
	if u := Compile(in, obs).Link.Uplinks[0]; u.Parent != "wwan0" || u.VLAN != 1 {
		t.Errorf("the uplink is %+v", u)
	}
}
