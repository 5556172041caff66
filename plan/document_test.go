package plan

import (
	"crypto/ed25519"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/probe"
	"github.com/tetherd/tetherd/provision"
	"github.com/tetherd/tetherd/provision/document"
	"github.com/tetherd/tetherd/wpa"
)

// card is the SIM and the device that the document of the folder right is for.
func card() (modem.SIM, modem.Device) {
	return modem.SIM{State: modem.SIMReady, ICCID: "8949020000000012345", IMSI: "262010000012345", MCC: "262", MNC: "01",
		SPN: "Lab Fleet", HomeName: "Lab Mobile", GID1: "A1B2FF"}, modem.Device{IMEI: "490154203237518", Sessions: 8}
}

// outcome is everything that a document makes of a gateway with a roaming modem, whose
// operator has said that sharing is allowed.
func outcome(t *testing.T, text string) map[string]any {
	t.Helper()
	d, report := document.Read([]byte(text))
	if d == nil || report.Refused() {
		t.Fatalf("refused: %+v", report.Faults())
	}
	sim, device := card()
	of := provision.CardOf(sim, device)
	former := &document.Document{Form: document.JSON, Serial: 6, Operator: document.Operator{ID: "{11111111-2222-3333-4444-555555555555}"}}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	offer := document.Offer{Raw: []byte(text), Signature: ed25519.Sign(key, []byte(text)), Origin: document.Pulled}
	_, judged := document.Judge(offer, document.Trust{Card: of, Former: former, Keys: []document.Key{document.Key(key.Public().(ed25519.PublicKey))}})
	out := map[string]any{"judged": fmt.Sprint(judged.Faults())}
	entry, at, ok := d.Entry(of)
	out["entry"] = fmt.Sprint(at, ok)
	if !ok || d.Mismatch(of) != "" {
		out["mismatch"] = d.Mismatch(of)
		return out
	}
	cfg := config.Default()
	cfg.Modem.Roaming = true
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	in := Inputs{Config: cfg, Synthetic: synthetic, Document: &provision.InForce{Document: d, Entry: entry, At: now}, Policy: provision.Demand(d, entry)}
	in.WiFi = wpa.Own{SSID: "Tether 4821", Passphrase: "own-pass-word", Guest: "own-gues-word"}
	obs := Observed{Now: now}
	obs.Modem = modem.Status{Phase: modem.PhaseReady, SIM: sim, Device: device, Bearers: map[modem.Purpose]modem.BearerStatus{}}
	obs.Hostapd.Devices = append(obs.Hostapd.Devices, devicesOf("wlan0")...)
	if c := entry.Sharing.Check; c != nil {
		consent := provision.Consent{Asked: true, Answered: true, Entitled: true, Until: now.Add(time.Hour)}
		out["silent"] = in.Policy.Answered(provision.Consent{Asked: true}, c.Silent, now).Sharing
		in.Policy = in.Policy.Answered(consent, c.Silent, now)
		answer, err := document.ParseAnswer([]byte(`{"entitled": true}`), *c)
		out["answer"] = fmt.Sprint(answer, err)
	}
	for _, plmn := range []string{"26201", "26202", "26203", "20801"} {
		state := map[bool]string{true: "home", false: "roaming"}[plmn == "26201"]
		out["on "+plmn] = in.Policy.Barred(provision.IdentityOf(sim), modem.Registration{State: state, PLMN: plmn})
	}
	for _, sessions := range []uint32{1, 8} {
		split, shared, own := provision.Searches(nil, in.Policy, sessions)
		id := provision.IdentityOf(sim)
		out[fmt.Sprint(sessions, " sessions")] = []any{split, provision.Rungs(shared.Candidates(id, nil, false)), provision.Rungs(own.Candidates(id, nil, false))}
	}
	buying := in.Policy
	buying.Buying = true
	_, shop, _ := provision.Searches(nil, buying, 8)
	out["shop"] = provision.Rungs(shop.Candidates(provision.IdentityOf(sim), nil, false))
	for _, p := range []modem.Purpose{modem.Own, modem.Shared} {
		readBearer(t, &obs.Modem.Bearers, strings.Fields("wwan0 100.64.7.2/30 dns 198.51.100.53 mtu 1500"), p)
	}
	wish := Compile(in, obs)
	wish.Why = nil
	out["wish"] = wish
	if a := d.Activation; a != nil {
		begun := provision.BeginActivity("e", *a, now)
		late, try, _ := provision.Activity{Edition: "e", Tries: 3}.Pursue(*a, provision.Effect{Now: now, Ready: true})
		out["activation"] = []any{begun, late, try, a.Method, a.Data} // the method and the data are carried out by control
	}
	return out
}

func devicesOf(name string) []hostapd.Capabilities {
	return []hostapd.Capabilities{device(name, "2.4")}
}

// variants change one element each of the document that has them all.
func variants() map[string][]string {
	return map[string][]string{
		"/serial":                           {`"serial": 7`, `"serial": 5`},
		"/operator/id":                      {`"id": "{1`, `"id": "{2`},
		"/bound/subscriber":                 {`"subscriber": "26201"`, `"subscriber": "26203"`},
		"/bound/device":                     {`"device": "490154203237518"`, `"device": "350000000000001"`},
		"/sims/0/match":                     {`"spn": "Lab Fleet"`, `"spn": "Other"`},
		"/sims/0/contexts/0":                {`"apn": "internet.lab", "user": "lab"`, `"apn": "other.lab", "user": "lab"`},
		"/sims/0/contexts/0 user":           {`"user": "lab", "password": "do-not-tell"`, `"user": "box", "password": "do-not-tell"`},
		"/sims/0/contexts/0 password":       {`"do-not-tell"`, `"do-tell"`},
		"/sims/0/contexts/0 auth":           {`"auth": "chap"`, `"auth": "pap"`},
		"/sims/0/contexts/0 family":         {`"family": "ipv4v6"`, `"family": "ipv4"`},
		"/sims/0/contexts/0 uses":           {`["internet", "attach"]`, `["tethering", "attach"]`},
		"/sims/0/contexts/0 priority":       {`"uses": ["internet", "attach"]`, `"uses": ["internet", "tethering"]`, `"priority": 3`, `"priority": 9`},
		"/sims/0/contexts/1":                {`"apn": "tether.lab"`, `"apn": "third.lab"`},
		"/sims/0/contexts/2":                {`"apn": "shop.lab"`, `"apn": "market.lab"`},
		"/sims/0/sharing/rule":              {`"rule": "check", `, `"rule": "never", `, `"check": {"url": "https://entitlement.lab.example/check", "cache_seconds": 3600, "timeout_seconds": 10, "silent": "deny"}`, `"absence_seconds": 600`, `"absence_seconds": 600, "one_context"`, `"one_context"`},
		"/sims/0/sharing/max_devices":       {`"max_devices": 5`, `"max_devices": 6`},
		"/sims/0/sharing/absence_seconds":   {`"absence_seconds": 600`, `"absence_seconds": 900`},
		"/sims/0/sharing/one_context":       {`"one_context": "refuse"`, `"one_context": "share"`},
		"/sims/0/sharing/check":             {`lab.example/check`, `lab.example/ask`},
		"/sims/0/sharing/check cache":       {`"cache_seconds": 3600`, `"cache_seconds": 7200`},
		"/sims/0/sharing/check timeout":     {`"timeout_seconds": 10`, `"timeout_seconds": 20`},
		"/sims/0/sharing/check silent":      {`"silent": "deny"`, `"silent": "allow"`},
		"/sims/0/roaming/level":             {`"home-and-domestic"`, `"home"`},
		"/sims/0/roaming/partners":          {`"plmn": "26202"`, `"plmn": "26203"`},
		"/sims/0/network/mtu4":              {`"mtu4": 1430`, `"mtu4": 1431`},
		"/sims/0/network/dns_retry_seconds": {`"dns_retry_seconds": 2`, `"dns_retry_seconds": 3`},
		"/sims/0/network/dns_tries":         {`"dns_tries": 3`, `"dns_tries": 4`},
		"/sims/1/match":                     {`"spn": "Lab Fleet"`, `"spn": "Other"`},
		"/sims/1/contexts/0":                {`"spn": "Lab Fleet"`, `"spn": "Other"`},
		"/activation":                       {`"delay_seconds": 30`, `"delay_seconds": 31`},
		"/activation retries":               {`"retries": 3`, `"retries": 2`},
		"/activation interval":              {`"retry_seconds": 60`, `"retry_seconds": 61`},
		"/activation data":                  {`"YWJj"`, `"YWJk"`},
		"/plans/0/usage":                    {`"used_mb": 120`, `"used_mb": 499`},
		"/plans/0/usage over":               {`"over_limit": false`, `"over_limit": true`},
		"/refresh/days":                     {`"days": 7`, `"days": 8`},
		"/refresh/url":                      {`lab.example/lab.json`, `lab.example/other.json`},
		"/refresh/user":                     {`"user": "box"`, `"user": "fox"`},
		"/refresh/password":                 {`"neither-this"`, `"nor-that"`},
		"/probes":                           {`check.lab.example/204`, `check.lab.example/205`},
		"/probes status":                    {`"status": 204`, `"status": 205`},
	}
}

// TestWhatIsCalledAppliedIsDone: every element that a report calls applied makes a
// difference to what is done, and one that is called stored or not enforceable makes none.
func TestWhatIsCalledAppliedIsDone(t *testing.T) {
	raw, err := os.ReadFile("../provision/document/testdata/right/everything.json")
	if err != nil {
		t.Fatal(err)
	}
	whole := string(raw)
	was := outcome(t, whole)
	changes := variants()
	_, report := document.Read(raw)
	for _, item := range report {
		_, changed := changes[item.Path]
		if (item.State == document.Applied) != changed {
			t.Errorf("%s is called %s; is there a change of it: %t", item.Path, item.State, changed)
		}
	}
	for path, change := range changes {
		text := whole
		for i := 0; i+1 < len(change); i += 2 {
			if strings.Count(text, change[i]) == 0 {
				t.Fatalf("%s: %q is not in the document", path, change[i])
			}
			text = strings.Replace(text, change[i], change[i+1], 1)
		}
		if is := outcome(t, text); reflect.DeepEqual(was, is) {
			t.Errorf("%s: %q makes no difference", path, change[1])
		}
	}
	quiet := regexp.MustCompile(`"name": "Month"|"Neighbour"|"mtu6": 1400|"Qk0="|"\+49 800 1234567"|account\.lab|"4G\+"|"mms\.lab"|"LabWiFi"|"English[^"]*"`)
	if found := quiet.FindAllString(whole, -1); len(found) < 9 {
		t.Fatalf("only %q", found)
	}
	for _, old := range []string{`"Neighbour"`, `"mtu6": 1400`, `"Qk0="`, `"+49 800 1234567"`, `account.lab.`, `"4G+"`, `"mms.lab"`, `"LabWiFi"`} {
		digits := strings.NewReplacer("1400", "1300", "1234567", "7654321", "Qk0=", "QkE=", "4G", "5G", "Neighbour", "Friend", "account", "user", "mms.lab", "pictures.lab", "LabWiFi", "Wi-Fi")
		if is := outcome(t, strings.Replace(whole, old, digits.Replace(old), 1)); !reflect.DeepEqual(was, is) {
			t.Errorf("%s makes a difference and is not called applied", old)
		}
	}
}

// The operator's pages are looked at first, and the owner's alone when he named some.
func TestProbesOfTheDocument(t *testing.T) {
	urls := func(change func(*config.Config)) string {
		cfg := config.Default()
		change(cfg)
		in := Inputs{Config: cfg, Synthetic: synthetic, Policy: provision.Policy{Name: "Lab", Probes: []probe.Target{{URL: "http://check.lab.example/", Status: 204}}}}
		var obs Observed
		readBearer(t, &obs.Modem.Bearers, strings.Fields("wwan0 100.64.7.2/30 dns 198.51.100.53 mtu 1500"), modem.Own, modem.Shared)
		d := Compile(in, obs)
		var list []string
		for _, target := range append(d.Probe.Operator, d.Probe.Targets...) {
			list = append(list, target.URL)
		}
		told := slices.ContainsFunc(d.Why, func(r Reason) bool { return strings.Contains(r.What, "look at") })
		return fmt.Sprint(strings.Join(list, " "), ", told: ", told)
	}
	if got := urls(func(*config.Config) {}); got != "http://check.lab.example/ http://connectivitycheck.gstatic.com/generate_204 http://detectportal.firefox.com/success.txt http://www.msftconnecttest.com/connecttest.txt, told: true" {
		t.Error(got)
	}
	own := func(c *config.Config) { c.Probe.Targets = []config.Target{{URL: "http://mine.example/", Status: 200}} }
	if got := urls(own); got != "http://mine.example/, told: true" {
		t.Error(got)
	}
}

// TestWhyTheModemRegistersWithIt: the document's access point is told, and when the modem
// cannot be told it.
func TestWhyTheModemRegistersWithIt(t *testing.T) {
	in, obs := full(t)
	in.Policy.Attach = &provision.Candidate{APN: "first.lab", Families: []modem.Family{modem.IPv4}, Why: "named"}
	for want, m := range map[string]modem.Status{
		"named":                                 {},
		"named; this modem cannot be told":      {Device: modem.Device{Control: "/dev/cdc-wdm0"}},
		"named; the modem does not take it: no": {Device: modem.Device{Control: "/dev/cdc-wdm0"}, Attach: modem.AttachStatus{Can: true, Error: "no"}},
	} {
		m.SIM = obs.Modem.SIM
		obs.Modem = m
		d := Compile(in, obs)
		i := slices.IndexFunc(d.Why, func(r Reason) bool { return r.What == "access point for registering" })
		if i < 0 || d.Why[i].Value != "first.lab" || d.Why[i].Why != want {
			t.Errorf("%+v, want %q", d.Why, want)
		}
		if a := d.Modem.Attach; a.Profile.APN != "first.lab" || !a.Set || a.Card != m.SIM.ICCID {
			t.Errorf("%+v", a)
		}
	}
}

// TestLooksCostLessAbroad: the budget of looks is a quarter where data are dear, and what the
// owner's interval asks for comes on top in both places.
func TestLooksCostLessAbroad(t *testing.T) {
	budget := func(interval time.Duration, state string) uint64 {
		cfg := config.Default()
		cfg.Probe.Interval, cfg.Modem.Roaming = interval, true
		var obs Observed
		obs.Modem.Registration.State = state
		readBearer(t, &obs.Modem.Bearers, strings.Fields("wwan0 100.64.7.2/30 dns 198.51.100.53 mtu 1500"), modem.Own, modem.Shared)
		return Compile(Inputs{Config: cfg, Synthetic: synthetic}, obs).Probe.Budget
	}
	for interval, own := range map[time.Duration]uint64{10 * time.Minute: 12 << 10, 10 * time.Second: 720 << 10, 24 * time.Hour: 0} {
		if home, away := budget(interval, "home"), budget(interval, "roaming"); home != own+64<<10 || away != own+16<<10 {
			t.Errorf("every %v: %d at home, %d abroad", interval, home, away)
		}
	}
}
