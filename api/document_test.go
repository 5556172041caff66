package api

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/control"
	"github.com/tetherd/tetherd/dhcp"
	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/link"
	"github.com/tetherd/tetherd/modem"
	"github.com/tetherd/tetherd/nat"
	"github.com/tetherd/tetherd/plan"
	"github.com/tetherd/tetherd/probe"
	"github.com/tetherd/tetherd/wpa"
)

var update = flag.Bool("update", false, "write the golden files anew")

// story is one state of a gateway.
type story struct {
	name string
	set  func(*control.Snapshot)
}

// stories are the states that a person meets, from the first moment to online.
func stories() []story {
	return []story{
		{"just-started", func(s *control.Snapshot) {
			*s = control.Snapshot{Config: s.Config, Marks: control.Marks{Started: begun()}}
			s.Observed.Modem.Phase = modem.PhaseOff
		}},
		{"limit-reached", func(s *control.Snapshot) {
			lease := func(n byte) dhcp.Lease {
				return dhcp.Lease{MAC: net.HardwareAddr{2, 0, 0, 0, 0, n}, Addr: netip.AddrFrom4([4]byte{192, 168, 97, n}), Since: begun(), Expires: begun()}
			}
			s.Observed.DHCP.Leases = []dhcp.Lease{lease(5), lease(6)}
			first := s.Observed.DHCP.Leases[0]
			s.Desired.NAT.Limit, s.Desired.NAT.Absence = 1, 10*time.Minute
			s.Observed.NAT.Slots = []nat.Slot{{MAC: first.MAC, Addr: first.Addr, Left: time.Minute}}
			s.Observed.NAT.NoPorts = "address family not supported by protocol"
		}},
		{"not-entitled", func(s *control.Snapshot) {
			s.Online, s.Desired.NAT.Sharing = false, false
			s.Desired.Refusal = "the operator does not allow sharing on this plan"
		}},
		{"barred-network", func(s *control.Snapshot) {
			s.Online, s.Desired.Barred = false, "the operator does not allow data on the network 20802"
		}},
		{"no-modem", func(s *control.Snapshot) {
			s.Observed.Modem = modem.Status{Phase: modem.PhaseNoModem}
		}},
		{"modem-switched-off", func(s *control.Snapshot) {
			s.Config.Modem.Enabled = false
			s.Observed.Modem = modem.Status{Phase: modem.PhaseOff}
		}},
		{"modem-silent", func(s *control.Snapshot) {
			s.Observed.Modem.Phase = modem.PhaseUnanswered
			s.Observed.Modem.Error = "open: no answer"
		}},
		{"no-sim", func(s *control.Snapshot) {
			s.Observed.Modem.Phase, s.Observed.Modem.SIM = modem.PhaseNoSIM, modem.SIM{State: modem.SIMAbsent}
		}},
		{"pin-needed", func(s *control.Snapshot) {
			s.Observed.Modem.Phase, s.Observed.Modem.SIM = modem.PhasePIN, modem.SIM{State: modem.SIMPIN, TriesLeft: 3}
		}},
		{"pin-refused", func(s *control.Snapshot) {
			s.Observed.Modem.Phase, s.Observed.Modem.SIM = modem.PhasePIN, modem.SIM{State: modem.SIMPIN, TriesLeft: 2, PINRefused: true}
		}},
		{"puk-needed-tries-unknown", func(s *control.Snapshot) {
			s.Observed.Modem.Phase, s.Observed.Modem.SIM = modem.PhasePIN, modem.SIM{State: modem.SIMPUK, TriesLeft: -1}
		}},
		{"denied", func(s *control.Snapshot) {
			s.Observed.Modem.Phase = modem.PhaseDenied
			s.Observed.Modem.Registration = modem.Registration{State: "denied", Cause: 15}
		}},
		{"roaming-not-allowed", func(s *control.Snapshot) {
			s.Observed.Modem.Phase = modem.PhaseRoaming
			s.Observed.Modem.Registration = modem.Registration{State: "roaming", PLMN: "20810", Name: "Far Mobile", Technology: "lte"}
		}},
		{"dialling-the-second-name", func(s *control.Snapshot) {
			registered(s)
			climb(s, refused(27))
		}},
		{"every-name-refused", func(s *control.Snapshot) {
			registered(s)
			climb(s, refused(27), refused(8))
		}},
		{"ipv6-alone", func(s *control.Snapshot) {
			registered(s)
			b := up()
			b.Bearer.IPv6, b.Bearer.IPv4 = b.Bearer.IPv4, nil
			climb(s, b, b, b)
		}},
		{"not-proved-yet", func(s *control.Snapshot) {
			registered(s)
			climb(s, up())
			proved(s, probe.Unknown, "")
		}},
		{"portal", func(s *control.Snapshot) {
			registered(s)
			b := up()
			b.Verdict = probe.Portal
			climb(s, b, b, b)
			proved(s, probe.Portal, "http://check.example/page is answered by somebody else (status 302 instead of 204)")
		}},
		{"probe-switched-off", func(s *control.Snapshot) {
			registered(s)
			s.Config.Probe.Enabled = false
			b := up()
			b.Verdict = probe.Unproven
			climb(s, b)
			proved(s, probe.Unknown, "")
		}},
		{"sharing-switched-off", func(s *control.Snapshot) {
			online(s)
			s.Online, s.Config.Sharing.Enabled = false, false
			s.Observed.NAT.Offload = nil
		}},
		{"ruleset-refused", func(s *control.Snapshot) {
			s.Observed.NAT = nat.Status{}
			s.Failures = []string{"nat: load ruleset: operation not supported"}
		}},
		{"wifi-on-the-air", onAir},
		{"wifi-radar-check", func(s *control.Snapshot) {
			onAir(s)
			r := &s.Observed.Hostapd.Radios[0]
			*r = hostapd.RadioStatus{Interface: "wlan0", State: hostapd.StateDFS, CACLeft: 43 * time.Second, Error: "not on the air: hostapd is in state dfs"}
			s.Observed.Hostapd.Radios, s.Observed.Hostapd.Stations = s.Observed.Hostapd.Radios[:1], nil
		}},
		{"wifi-all-failed", func(s *control.Snapshot) {
			onAir(s)
			s.Observed.Hostapd.Stations = nil
			s.Observed.Hostapd.Radios = []hostapd.RadioStatus{
				{Interface: "wlan0", State: hostapd.StateWaiting, Error: "the radio is switched off (rfkill)", Restarts: 2},
				{Interface: "wlan1", State: hostapd.StateAbsent, Error: "there is no such radio"},
			}
		}},
		{"wifi-refused", func(s *control.Snapshot) {
			onAir(s)
			s.Observed.Hostapd.Radios[0].Refused = "the radio's driver refuses what it had listed as possible"
		}},
		{"wifi-switched-off", func(s *control.Snapshot) {
			onAir(s)
			s.Config.WiFi.Enabled = false
			s.Desired.Hostapd, s.Observed.Hostapd = hostapd.Spec{}, hostapd.Status{Devices: s.Observed.Hostapd.Devices}
		}},
		{"wifi-radio-of-somebody", func(s *control.Snapshot) {
			onAir(s)
			s.Desired.Hostapd, s.Observed.Hostapd = hostapd.Spec{}, hostapd.Status{Devices: s.Observed.Hostapd.Devices}
			s.Desired.Why = append(s.Desired.Why, plan.Reason{What: "wifi radio", Value: "wlan0", Why: "it is left alone, because somebody set an address on it"})
		}},
		{"wifi-unreadable", func(s *control.Snapshot) {
			s.Observed.Hostapd.Error = "open nl80211: operation not permitted"
		}},
		{"guests", func(s *control.Snapshot) {
			onAir(s)
			s.Desired.Link.LANs = append(s.Desired.Link.LANs, link.LAN{Bridge: "br-guest", Address: netip.MustParsePrefix("192.168.98.1/24")})
			s.Desired.Hostapd.Radios[0].Networks[1].Guest = true
			for i := range s.Observed.Hostapd.Stations[:2] {
				s.Observed.Hostapd.Stations[i].Guest = true
			}
		}},
		{"online", online},
		{"online-with-problems", func(s *control.Snapshot) {
			online(s)
			s.BadConfig = "/etc/config/tetherd:3: section 'lan': unknown option 'adress', did you mean 'address'?"
			s.NeedRestart = []string{"state_dir"}
			s.Observed.NAT.Offload, s.Observed.NAT.NoOffload = nil, "this kernel has no flow tables: operation not supported"
			s.Observed.DNS.Error = "listen on 192.168.97.1:53: address in use"
			s.Observed.Modem.Bearers[modem.Shared] = adopted(s.Observed.Modem.Bearers[modem.Shared])
		}},
	}
}

func adopted(b modem.BearerStatus) modem.BearerStatus {
	b.Adopted, b.Drops = true, 2
	return b
}

// online is a gateway with one client on the Internet.
func online(s *control.Snapshot) {
	registered(s)
	b := up()
	b.Verdict = probe.Online
	climb(s, refused(27), b)
	proved(s, probe.Online, "http://check.example/page answered 204")
	s.Online = true
	s.Marks.Bearer, s.Marks.Lease, s.Marks.Online = begun().Add(1200*time.Millisecond), begun().Add(1500*time.Millisecond), begun().Add(1900*time.Millisecond)
	phone := netip.MustParseAddr("192.168.97.100")
	s.Observed.DHCP.Leases = []dhcp.Lease{
		{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 9}, Addr: phone, Hostname: "phone", Kind: dhcp.Phone, Since: begun(), Expires: begun().Add(12 * time.Hour)},
	}
	s.Observed.NAT.Clients = map[netip.Addr]nat.Counters{phone: {Up: 1500, Down: 3 << 20}}
}

// onAir is a gateway with two radios, of which one is on the air with two clients: a
// phone with a lease, and a device on its way in.
func onAir(s *control.Snapshot) {
	online(s)
	home := hostapd.Network{SSID: "Tether 4821", Passphrase: secretWiFi, Bridge: "br-tether"}
	things := hostapd.Network{SSID: "Things", Passphrase: secretWiFi, Security: wpa.WPA2, Hidden: true, Bridge: "br-tether"}
	s.Desired.NAT.Blocked = []net.HardwareAddr{{2, 0, 0, 0, 0, 7}}
	s.Desired.Hostapd = hostapd.Spec{
		Country: "DE", Blocked: s.Desired.NAT.Blocked,
		Radios: []hostapd.Radio{{Interface: "wlan0", Networks: []hostapd.Network{home, things}}, {Interface: "wlan1", Networks: []hostapd.Network{home}}},
	}
	s.Observed.Hostapd = hostapd.Status{
		Devices: []hostapd.Capabilities{{Interface: "wlan0", AP: true}, {Interface: "wlan1", AP: true}},
		InForce: s.Desired.Hostapd,
		Acts:    []hostapd.Outcome{{ID: "evening", Found: true}},
		Radios: []hostapd.RadioStatus{
			{Interface: "wlan0", State: hostapd.StateEnabled, Band: hostapd.Band5, Channel: 36, Frequency: 5180, Width: 80,
				Why:        []string{"channel 52 needs a radar check"},
				Mismatches: []hostapd.Mismatch{{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 6}, Count: 3, Last: begun()}}},
			{Interface: "wlan1", State: hostapd.StateWaiting, Error: "the radio is switched off (rfkill)"},
		},
		Stations: []hostapd.Station{
			{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 8}, Randomised: true, Interface: "wlan0_1", SSID: "Things", Signal: -80},
			{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 9}, Interface: "wlan0_1", SSID: "Things", Inactive: time.Minute, Authorised: true},
			{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 9}, Randomised: true, Interface: "wlan0", SSID: "Tether 4821", Authorised: true, Security: wpa.WPA3, Protected: true,
				Signal: -52, RxRate: 866700, TxRate: 780000, RxBytes: 4096, TxBytes: 8192, Connected: time.Minute, Inactive: 20 * time.Millisecond},
		},
	}
}

// TestGoldenDocuments: the text and the JSON of every state are what reviewers read,
// and no identifier or secret is in any of them.
func TestGoldenDocuments(t *testing.T) {
	for _, c := range stories() {
		t.Run(c.name, func(t *testing.T) {
			s := snapshot(t)
			c.set(s)
			d := Render(s)
			d.Process.Version, d.Process.PID, d.Process.Goroutines = "v9.9.9", 4711, 42
			text, err := json.MarshalIndent(d, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, c.name+".json", string(text)+"\n")
			golden(t, c.name+".txt", d.Text())
			isDescribed(t, "status", d, text)
			for _, secret := range secrets() {
				if strings.Contains(string(text)+d.Text(), secret) {
					t.Errorf("tells %s", secret)
				}
			}
		})
	}
}

// BenchmarkState is what one change costs while pages are open, however many there are: the
// state is rendered for everybody and for who may see all of it.
func BenchmarkState(b *testing.B) {
	snap := snapshot(b)
	online(snap)
	onAir(snap)
	s := &Server{}
	b.ReportAllocs()
	for b.Loop() {
		s.drawn.Store(nil)
		if _, err := s.draw(snap); err != nil {
			b.Fatal(err)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", name, diff)
	}
}

// TestNothingSecretHasAField fills every Secret of a snapshot, those of tomorrow
// included, and looks for them.
func TestNothingSecretHasAField(t *testing.T) {
	s := snapshot(t)
	onAir(s)
	filled := fill(reflect.ValueOf(&s.Observed).Elem(), "sealed-0815") + fill(reflect.ValueOf(&s.Desired).Elem(), "sealed-0815")
	if filled < 7 {
		t.Fatalf("only %d secrets were found: the walk is broken", filled)
	}
	text, err := json.Marshal(Render(s))
	if err != nil || strings.Contains(string(text), "sealed-0815") {
		t.Errorf("%v, a secret is in %s", err, text)
	}
}

// fill sets every settable Secret below v and counts them.
func fill(v reflect.Value, with modem.Secret) (n int) {
	if v.Type() == reflect.TypeFor[modem.Secret]() && v.CanSet() {
		v.SetString(string(with))
		return 1
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			n += fill(v.Field(i), with)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			if entry := reflect.New(v.Type().Elem()).Elem(); v.CanSet() {
				entry.Set(v.MapIndex(k))
				n += fill(entry, with)
				v.SetMapIndex(k, entry)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			n += fill(v.Index(i), with)
		}
	}
	return n
}

// TestPublicDocument: everybody on the LAN sees the state and no other client.
func TestPublicDocument(t *testing.T) {
	s := snapshot(t)
	onAir(s)
	whole := Render(s)
	if len(whole.Clients) != 2 || len(whole.WiFi.Blocked) != 1 || len(whole.WiFi.Kicks) != 1 || len(whole.WiFi.Radios[0].Wrong) != 1 || whole.Clients[0].Name != "phone" {
		t.Fatalf("clients are %+v", whole.Clients)
	}
	text, err := json.Marshal(whole.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{"phone", "02:00:00:00:00", "192.168.97.100", `"clients"`} {
		if strings.Contains(string(text), private) {
			t.Errorf("%s is public", private)
		}
	}
	if !strings.Contains(string(text), `"online":true`) || len(whole.Clients) != 2 || len(whole.WiFi.Radios[0].Wrong) != 1 {
		t.Error("the state is not in it, or the whole document lost its clients")
	}
}

// TestFormerBearerProvesNothing: a result about a bearer that is gone is not shown as
// the present one's.
func TestFormerBearerProvesNothing(t *testing.T) {
	for name, wish := range map[string]probe.Spec{
		"no bearer":      {},
		"another bearer": {Gateway: probe.Gateway{Key: "next"}, Client: probe.Client{Key: "next"}},
	} {
		s := snapshot(t)
		online(s)
		s.Online = false
		s.Observed.Probe.InForce = wish
		d := Render(s)
		for _, st := range d.Stages {
			if (st.Name == StageGateway || st.Name == StageClient) && st.State != Waiting {
				t.Errorf("%s: %s is %s: %s", name, st.Name, st.State, st.Text)
			}
		}
		if d.Gateway.Verdict != "" || d.Gateway.Bytes != 900 {
			t.Errorf("%s: the gateway's probe is %+v", name, d.Gateway)
		}
	}
}

// TestEveryPhaseHasItsSentence: in no phase does a person read an empty or a double
// word.
func TestEveryPhaseHasItsSentence(t *testing.T) {
	for _, phase := range []modem.Phase{
		"", modem.PhaseOff, modem.PhaseNoModem, modem.PhaseOpening, modem.PhaseReading, modem.PhaseRadio, modem.PhaseRadioOff,
		modem.PhaseSIM, modem.PhaseNoSIM, modem.PhasePIN, modem.PhaseRegister, modem.PhaseDenied, modem.PhaseRoaming,
		modem.PhaseAttach, modem.PhaseReady, modem.PhaseUnanswered,
	} {
		for _, sim := range []modem.SIMState{modem.SIMUnknown, modem.SIMReady, modem.SIMAbsent, modem.SIMBad, modem.SIMPIN, modem.SIMPUK, modem.SIMLocked} {
			s := &control.Snapshot{Config: config.Default()}
			s.Observed.Modem = modem.Status{Phase: phase, SIM: modem.SIM{State: sim}}
			d := Render(s)
			if len(d.Stages) != 9 || !strings.HasPrefix(d.Sentence, "Clients have no Internet: ") {
				t.Errorf("%s %s: %s", phase, sim, d.Sentence)
			}
			for _, st := range append(d.Stages, Stage{Text: d.Sentence, State: Done}) {
				if st.Text == "" || st.State == "" || strings.Contains(st.Text, "  ") || strings.Contains(st.Text, " .") || strings.Contains(st.Text, "invalid") {
					t.Errorf("%s %s: %s reads %q", phase, sim, st.Name, st.Text)
				}
			}
		}
	}
}

// TestBytes: binary units, one decimal, rounded down, up to the largest number.
func TestBytes(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 B", 1: "1 B", 1023: "1023 B", 1024: "1.0 KiB", 1535: "1.4 KiB", 1536: "1.5 KiB",
		1<<20 - 1: "1023.9 KiB", 1 << 20: "1.0 MiB", 5 << 30: "5.0 GiB", 3 << 40: "3.0 TiB",
		1 << 50: "1024.0 TiB", 1 << 60: "1048576.0 TiB", 1<<60 + 1: "over 1 EiB", 1<<64 - 1: "over 1 EiB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) is %q, want %q", n, got, want)
		}
	}
}

// TestShapeIsStable: names and types of the document are written down; whoever changes
// them changes Version or only adds.
func TestShapeIsStable(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, "version %d\n", Version)
	shape(&b, "", reflect.TypeFor[Document]())
	golden(t, "shape.golden", b.String())
}

func shape(b *strings.Builder, path string, typ reflect.Type) {
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		inner := f.Type
		for inner.Kind() == reflect.Slice || inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		fmt.Fprintf(b, "%s%s %s\n", path, name, f.Type)
		if inner.Kind() == reflect.Struct && inner.PkgPath() == reflect.TypeFor[Document]().PkgPath() {
			shape(b, path+name+".", inner)
		}
	}
}

// TestEveryFieldIsDocumented: each field of the document has its comment and its name.
func TestEveryFieldIsDocumented(t *testing.T) {
	checked := 0
	for _, name := range []string{"api.go", "plan.go", "stages.go", "wifi.go", "access.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			s, ok := n.(*ast.StructType)
			if !ok {
				return true
			}
			for _, field := range s.Fields.List {
				checked++
				if field.Comment == nil && field.Doc == nil {
					t.Errorf("%s: field %v has no comment", name, field.Names)
				}
				if field.Tag == nil || !strings.Contains(field.Tag.Value, `json:"`) {
					t.Errorf("%s: field %v has no JSON name", name, field.Names)
				}
			}
			return true
		})
	}
	if checked < 60 {
		t.Fatalf("only %d fields were found", checked)
	}
}

// TestOffloadBesideALimit: who wonders why nothing is offloaded is told.
func TestOffloadBesideALimit(t *testing.T) {
	s := snapshot(t)
	online(s)
	if d := Render(s).Offload; len(d.Devices) == 0 || d.WhyNot != "" {
		t.Errorf("without a limit: %+v", d)
	}
	s.Desired.NAT.Limit, s.Observed.NAT.Offload = 5, nil
	if d := Render(s).Offload; !strings.Contains(d.WhyNot, "limit of clients") {
		t.Errorf("with a limit: %+v", d)
	}
	s.Config.Sharing.Offload = false
	if d := Render(s).Offload; d.WhyNot != "" {
		t.Errorf("not wished: %+v", d)
	}
}
