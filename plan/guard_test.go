package plan

import (
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/probe"
	"github.com/tetherd/tetherd/provision"
	"github.com/tetherd/tetherd/provision/document"
)

// fullConfig sets every option that reaches a Spec.
const fullConfig = `
config clock
	option set '1'
config modem
	option device '1-1.2'
	option pin '1234'
	option roaming '1'
config apn
	option apn 'internet.example'
	option user 'web'
	option password 'secret'
	option auth 'chap'
config lan
	option address '192.168.1.1/24'
	option mtu '1400'
	list port 'eth0'
	list open '22'
config host
	option name 'printer'
	option mac '02:00:00:00:00:01'
	option ip '192.168.1.77'
config sharing
	option max_clients '5'
config dns
	list rebind_ok 'corp.example'
config wifi
	option country 'DE'
	option country_from_modem '1'
config radio
	option interface 'wlan0'
	option band '5'
	option channel '36'
	option width '80'
	option dfs '1'
config network
	option ssid 'Home'
	option passphrase 'secret passphrase'
	option guest '1'
	option hidden '1'
	option isolate '1'
	option max_stations '32'
config network
	option ssid 'Home too'
	option passphrase 'secret passphrase'
config guest
	list port 'eth3'
config block
	option mac '02:00:00:00:00:07'
config document
	option ca_file '/etc/ca.pem'
`

// full gives Inputs for which Compile sets every field that it ever sets, made anew
// with each call.
func full(t *testing.T) (Inputs, Observed) {
	t.Helper()
	cfg, err := config.Parse("full", []byte(fullConfig))
	if err != nil {
		t.Fatal(err)
	}
	in, obs := Inputs{Config: cfg, Synthetic: synthetic, Policy: provision.Policy{DNSRetry: time.Second, DNSTries: 2, Probes: []probe.Target{{URL: "http://check.lab.example/", Status: 200, Body: "x"}}}, PINTyped: 1, WasOnline: true, Doubt: 1, Proof: 1, Repairs: Repairs{Reattach: 1, Reset: 1}, Reregister: 1, Service: modem.Service{ID: 1, Data: "data"}, Frees: []nat.Free{{ID: "1", MAC: mac(8)}}, Kicks: []hostapd.Kick{{ID: "1", MAC: mac(8), Ban: time.Minute}}}, Observed{Now: time.Unix(1000, 0)}
	obs.Modem.SIM = modem.SIM{State: modem.SIMReady, ICCID: "8949020000012345678", Read: true}
	in.Attach = provision.Attach{Card: obs.Modem.SIM.ICCID, Tries: []modem.Bearer{{APN: "attach.example", User: "web", Password: "secret", Auth: modem.AuthCHAP, Family: modem.IPv4}}}
	in.Repairs.Attach = 1
	obs.Modem.Time = modem.NetworkTime{Right: time.Unix(2000, 0), At: time.Unix(1000, 0)}
	readObserved(t, "roaming\nbearer wwan0 100.64.7.2/30 via 100.64.7.1 dns 198.51.100.53 mtu 1430\nthere wwan0\nthere br-tether", &in, &obs)
	sim := provision.Identity{ICCID: "8949020000012345678", IMSI: "262010000012345", MCC: "262", MNC: "01"}
	rungs := func() []provision.Rung { return provision.Rungs(provision.Candidates(cfg.APNs, sim, nil, false)) }
	in.Ladder, _ = in.Ladder.Climb(provision.Key(cfg.APNs, sim), rungs, provision.Seen{Now: obs.Now})
	in.Refresh, in.Document = 1, &provision.InForce{Tag: "1", Document: &document.Document{
		Refresh: &document.Refresh{Days: 7, URL: "https://documents.example/", User: "box", Password: "secret"},
	}}
	return in, obs
}

// notPlanned are the fields that Compile has no reason to set yet.
func notPlanned() []string {
	return []string{
		"Modem.Bearers.Attempt",             // counted by the ladder, after failures only
		"Modem.Attach.Profile.Attempt",      // nobody counts it
		"DNS.Closed",                        // nothing is refused: story sharing-off shows it
		"Probe.Targets.Body",                // of the second default page, not of the first
		"Modem.Sessions",                    // of a former process: TestFormerBearersAreHeld
		"NAT.NoPorts",                       // the part finds that out
		"NAT.Offload",                       // a limit of clients needs every packet; story limit-of-clients shows it
		"DHCP.Networks.Longest",             // leases are short before the first Internet only: story big-lan-moves shows it
		"DHCP.Networks.Hosts.Transient",     // of the synthetic client's alone, which is not the first
		"Link.LANs.Apart", "NAT.LANs.Apart", // not the LAN, which is the first
		"DHCP.Networks.Name",                       // the LAN has none, which is the first
		"Link.Uplinks.Parent", "Link.Uplinks.VLAN", // of sessions beyond the first: TestSessionsAreVLANs
		"Hostapd.Cost.OverLimit", "Hostapd.Cost.Congested", "Hostapd.Cost.Approaching",
		"Fetch.Requests.Limit", // likewise
		"Fetch.Requests.Body",  // of the entitlement's alone, which is not the first
		"Fetch.Requests.First", // of a document that nobody asks for at once
	}
}

// leaf is one settable value inside a Spec.
type leaf struct {
	path   string
	value  reflect.Value
	change func()
}

// leaves walks everything below v. It looks into the first element of lists and into
// every entry of maps; a list is also a leaf that can become empty.
func leaves(t *testing.T, path string, v reflect.Value) []leaf {
	t.Helper()
	if change := changer(v); change != nil {
		return []leaf{{path, v, change}}
	}
	var out []leaf
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			out = append(out, leaves(t, path+"."+v.Type().Field(i).Name, v.Field(i))...)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			return []leaf{{path, v, func() { t.Fatalf("%s is empty", path) }}}
		}
		v.Set(reflect.AppendSlice(reflect.Zero(v.Type()), v)) // shared with nobody
		out = append(out, leaves(t, path, v.Index(0))...)
		out = append(out, leaf{path + "[]", v, func() { v.SetLen(0) }})
	case reflect.Map:
		out = append(out, mapLeaves(t, path, v)...)
	default:
		t.Fatalf("%s is a %v, which this test cannot change: teach it", path, v.Type())
	}
	return out
}

// mapLeaves are the leaves of a map's entries, which are not settable in place.
func mapLeaves(t *testing.T, path string, v reflect.Value) []leaf {
	t.Helper()
	if v.Len() == 0 {
		return []leaf{{path, v, func() { t.Fatalf("%s is empty", path) }}}
	}
	key := v.MapKeys()[0]
	entry := reflect.New(v.Type().Elem()).Elem()
	entry.Set(v.MapIndex(key))
	var out []leaf
	for _, l := range leaves(t, path, entry) {
		change := l.change
		l.change = func() { change(); v.SetMapIndex(key, entry) }
		out = append(out, l)
	}
	return append(out, leaf{path + "[]", v, func() { v.SetMapIndex(key, reflect.Value{}) }})
}

// changer returns what gives a single value another one; nil for a composite.
func changer(v reflect.Value) func() {
	set := func(x any) func() {
		return func() { v.Set(reflect.ValueOf(x).Convert(v.Type())) }
	}
	switch x := v.Interface().(type) {
	case netip.Addr:
		return set(x.Next())
	case netip.Prefix:
		return set(netip.PrefixFrom(from32(be32(addr4(x.Addr()))+1<<(32-max(x.Bits(), 0))), x.Bits()))
	case netip.AddrPort:
		return set(netip.AddrPortFrom(x.Addr(), x.Port()+1))
	case time.Time:
		return set(x.Add(time.Second))
	case net.HardwareAddr:
		return func() { v.Set(reflect.ValueOf(append(slices.Clone(x[:len(x)-1]), x[len(x)-1]^1))) }
	}
	switch v.Kind() {
	case reflect.Array:
		return changer(v.Index(v.Len() - 1))
	case reflect.Bool:
		return func() { v.SetBool(!v.Bool()) }
	case reflect.String:
		return func() { v.SetString(v.String() + "x") }
	case reflect.Int, reflect.Int64:
		return func() { v.SetInt(v.Int() + int64(time.Second)) }
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func() { v.SetUint(v.Uint() + 1) }
	}
	return nil
}

func mac(last byte) net.HardwareAddr { return net.HardwareAddr{2, 0, 0, 0, 0, last} }

func addr4(a netip.Addr) netip.Addr {
	if a.Is4() {
		return a
	}
	return netip.IPv4Unspecified()
}

// specs walks every leaf of a plan's Specs.
func specs(t *testing.T, d *Desired) []leaf {
	t.Helper()
	var out []leaf
	v := reflect.ValueOf(d).Elem()
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; !slices.Contains([]string{"Why", "Barred", "Refusal"}, name) {
			out = append(out, leaves(t, name, v.Field(i))...)
		}
	}
	return out
}

// TestCompileSetsEveryField: a field that is added to a part's Spec is set by Compile
// or named above with the reason why not.
func TestCompileSetsEveryField(t *testing.T) {
	d := Compile(full(t))
	all := specs(t, &d)
	if len(all) < 40 {
		t.Fatalf("only %d fields were found: the walk is broken", len(all))
	}
	for _, l := range all {
		zero := l.value.IsZero() || l.value.Kind() == reflect.Slice && l.value.Len() == 0
		if named := slices.Contains(notPlanned(), l.path); zero != named {
			t.Errorf("%s: set is %v, named as not planned is %v", l.path, !zero, named)
		}
	}
}

// TestDriftSeesEveryField: when a wish changes in any field, the part that carried the
// former wish out is applied again.
func TestDriftSeesEveryField(t *testing.T) {
	d := Compile(full(t))
	for i, l := range specs(t, &d) {
		if slices.Contains([]string{"NAT.Offload", "Modem.Sessions", "Link.Uplinks.Parent", "Link.Uplinks.VLAN"}, l.path) { // nothing to change
			continue
		}
		t.Run(l.path, func(t *testing.T) {
			before, changed := Compile(full(t)), Compile(full(t))
			obs := perfect(before)
			if steps := Diff(changed, obs, false); len(steps) > 0 {
				t.Fatalf("drifts unchanged: %+v", steps)
			}
			specs(t, &changed)[i].change()
			if reflect.DeepEqual(before, changed) {
				t.Fatal("the change changed nothing")
			}
			part, _, _ := strings.Cut(strings.ToLower(l.path), ".")
			steps := Diff(changed, obs, false)
			if len(steps) != 1 || string(steps[0].Part) != part {
				t.Errorf("the change is not seen by %s: %+v", part, steps)
			}
			for _, s := range steps {
				if strings.Contains(fmt.Sprint(s.Why), "1234") || strings.Contains(fmt.Sprint(s.Why), "secret") {
					t.Errorf("tells a secret: %s", s.Why)
				}
			}
		})
	}
}

// TestDriftSeesAttempt: a repair is a counter in the Spec.
func TestDriftSeesAttempt(t *testing.T) {
	before := Compile(full(t))
	after := Compile(full(t))
	for p, b := range after.Modem.Bearers {
		b.Attempt++
		after.Modem.Bearers[p] = b
	}
	steps := Diff(after, perfect(before), false)
	if len(steps) != 1 || steps[0].Part != Modem || len(steps[0].Why) != len([]modem.Purpose{modem.Own, modem.Shared}) {
		t.Errorf("steps are %+v", steps)
	}
}

// TestNobodysPlaceForTheSyntheticClient: with a limit, where the kernel cannot tell the ports
// of a bridge, the gateway looks alone, and says why.
func TestNobodysPlaceForTheSyntheticClient(t *testing.T) {
	in, obs := full(t)
	if d := Compile(in, obs); d.Probe.Client.MAC != synthetic || d.Probe.Client.Bridge == "" {
		t.Fatalf("there is no synthetic client: %+v", d.Probe.Client)
	}
	obs.NAT.NoPorts = "not supported"
	d := Compile(in, obs)
	told := slices.ContainsFunc(d.Why, func(r Reason) bool { return r.What == "synthetic client" })
	if d.Probe.Client != (probe.Client{}) || d.Probe.Gateway.Key == "" || !told {
		t.Errorf("the probe is %+v, told %v", d.Probe, told)
	}
	in.Config.Sharing.MaxClients = 0
	if d := Compile(in, obs); d.Probe.Client.MAC != synthetic {
		t.Error("without a limit there is no synthetic client")
	}
}
